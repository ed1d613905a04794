/*
 * pieces - the lines of a part as layouts see them, and what each cell is as a label
 *
 * A cell of the document that holds several labels with their values ("Org.nr.: 1 | MSN: 2") is several
 * pieces here; so is a line of a table drawn with bars or other marks in text. A cell beside a label is a value and
 * stays whole, whatever it says.
 */
#ifndef RULES_PIECES_H
#define RULES_PIECES_H

#include "rules/label.h"

/* What a cell is as a label. */
struct heading {
	bool			 is;		/* a label */
	bool			 value;		/* "Label: value" in one cell */
	bool			 loose;		/* no colon between them */
	bool			 plain;		/* see struct label_hit */
	int			 field, second;
	enum identifier_scheme	 hint;
	unsigned		 schemes, languages;
	size_t			 value_at;
};

/* A cell as layouts see it: a cell of the document, or a piece of one that holds several labels. */
struct piece {
	struct span	text;
	size_t		at;		/* byte of the document's cell where it begins */
	uint16_t	cell;		/* of the document */
	bool		loose;		/* "merchant Fjord AS" in a list of such, without a colon */
	bool		listed;		/* a bar or middle dot parts it from others */
};

struct row {
	struct piece	*cells;
	size_t		 count;
	bool		 barred;	/* of a table drawn with marks */
};

/* What is needed to read them. */
struct rows_reader {
	const struct rules		*rules;
	int				 owner;
	const struct document_part	*part;
	struct arena			*arena;
};

/* Is this an empty line in a table drawn with marks? There are rows above and below. */
bool		 rows_gap(const struct rows_reader *, const struct row *);
/* Does this line below such a table have marks and an MSN? Then it is a row that was not read. */
bool		 rows_missed(const struct row *);
/* One row for each line of the part. A line that only rules off is one empty piece. */
struct row	*rows_make(const struct rows_reader *);

struct heading	heading_of(const struct label_hit *);
/* The label with which a text begins at `at`, and where its value is. */
struct heading	heading_at(const struct rows_reader *, struct span text, size_t at);
/* The same of a whole cell: a bullet may stand before it, and a sentence is no label. */
struct heading	heading_read(const struct rows_reader *, struct span cell);
/* The same of a piece. */
struct heading	heading_piece(const struct rows_reader *, const struct piece *);
/* Without spaces and marks of emphasis at the ends. */
struct span	rows_trim(struct span);

#endif
