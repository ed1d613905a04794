/*
 * prose - fields in sentences and in lists: what no layout of labels gave
 *
 * First the rules' patterns see each paragraph, then lines like "Fjord nett - MSN 123456" are taken for
 * list items, then labels with a number right after them are looked for anywhere. A name is only taken
 * where something shows both its ends.
 */
#ifndef RULES_PROSE_H
#define RULES_PROSE_H

#include "rules/fields.h"

struct prose {
	const struct rules		*rules;
	int				 owner;
	const struct document_part	*part;
	struct arena			*arena;
	struct part_fields		*out;
	uint16_t			 part_number;
	unsigned			 missing;	/* bits of fields to look for */
	int				 group;		/* the last one given; counted on */
	size_t				 last;		/* line of the last value that a label gave */
};

/* Looks at the lines from `start` up to `end`, which are one paragraph. */
void	prose_find(struct prose *, size_t start, size_t end);

#endif
