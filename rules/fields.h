/*
 * fields - where the fields of a claim stand in one part of a document
 *
 * Knows layouts, not meaning: a label in its own cell with the value beside it, before a colon, on a
 * line above its value, in a header row over rows of several sales units, at the head of a row of
 * several; labels that wrap. Patterns are asked only for fields that no label gave. A value is never
 * looked at for labels.
 */
#ifndef RULES_FIELDS_H
#define RULES_FIELDS_H

#include "rules/ruleset.h"

#define FIELDS_MAX_FOUND 1024	/* of one part: EXTRACT_MAX_CLAIMS with all fields, several times */
#define FIELDS_SHOWN	SIZE_MAX	/* of a cell: nothing in it is a value */

struct finding {
	int			 field;		/* enum field or FIELD_COUNTRY */
	struct span		 text;		/* as written */
	enum identifier_scheme	 hint;		/* what the label says */
	unsigned		 schemes;	/* of the label, see struct label; 0: not only the label's */
	unsigned		 languages;	/* of the label, as bits */
	uint16_t		 part, line, cell;
	int			 group;		/* the same number: one row or column; 0: in sequence */
};

/* Which bytes of a cell are values; from FIELDS_SHOWN: none. */
struct hidden {
	size_t		 from, to;
};

struct part_fields {
	struct finding	*list;
	int		 count;
	int		 room;		/* findings that list has room for */
	bool		 full;		/* more than FIELDS_MAX_FOUND */
	bool		 limit;		/* a pattern hit its limit */
	unsigned	 stray;		/* bits of fields: a sentence has a number that no label has */
	size_t		*first;		/* per line: index of its first cell in `hidden` */
	struct hidden	*hidden;	/* per cell */
};

void	fields_find(const struct rules *, int owner, const struct document *, size_t part,
	    struct arena *, struct part_fields *);

/* Keeps a finding; too many set `full`. */
void	fields_put(struct part_fields *, struct arena *, struct finding);

#endif
