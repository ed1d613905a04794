/*
 * rows - lines of cells while HTML is being read: a line filled word by word, boxes set side by side
 *
 * Knows no tags and no CSS: read/html says what breaks a line and what stands beside what. A line also
 * keeps its edges, the places where another element's text begins: rows_finish() makes cells of them where
 * lines one below the other have the same form ("<b>Label</b> value").
 */
#ifndef READ_ROWS_H
#define READ_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "rules/document.h"

#define ROWS_MAX_EDGES	8	/* in one line; with more it is prose */

struct edge {
	size_t		at;		/* byte of the line's text */
	uint32_t	voice;		/* the element that speaks from here on; 0: the block itself */
	bool		spaced;		/* after a space */
};
struct row {
	struct row	*next;
	struct span	*cells;
	uint16_t	 count, table, quote;
	uint16_t	 outer;		/* the table that `table` lies in */
	unsigned	 edges;		/* of a row of one cell; beyond ROWS_MAX_EDGES: not kept */
	struct edge	*edge;
};
struct rows {
	struct row	*head, **tail;	/* tail NULL: none yet */
	size_t		 count;
	bool		 simple;	/* no row has more than one cell; true if there are none */
	bool		 again;		/* stood in a row above already: a cell over several rows */
};
void	rows_append(struct rows *to, const struct rows *from);	/* *from is spent */
struct rows rows_repeat(struct arena *, const struct rows *, uint16_t quote);	/* one short line, or nothing */

struct place { uint16_t table, outer, quote; };
/*
 * Boxes beside one another, each as rows of its own. They become rows of cells if each is one value, or
 * all have the same number of lines (labels and values, line by line); else they are layout, and follow
 * one another.
 */
void	rows_beside(struct arena *, struct rows *out, const struct rows *boxes, size_t n, struct place);

/* A block being filled: the rows that are done, and the line that is not. */
struct flow {
	struct rows		rows;
	struct arena_buf	line;
	bool			space;		/* white space was seen after the line's last word */
	uint16_t		quote;
	unsigned		edges, boxes;	/* of the line: edges, and inline boxes so far */
	struct edge		edge[ROWS_MAX_EDGES];
};
/* Ends the line: a row of one cell. An empty line is one only if it was asked for (<br>). */
void	flow_break(struct arena *, struct flow *, bool even_empty);
void	flow_text(struct arena *, struct flow *, struct span, bool pre, uint32_t voice);

/* Boxes that stand beside one another, and the text between them, which is a box too. */
struct boxes {
	struct rows	*list;
	size_t		 n, room;
	struct flow	 text;
	bool		 open;
};
void	boxes_open(struct arena *, struct boxes *, struct flow *);	/* the flow's last text is the first box */
void	boxes_add(struct arena *, struct boxes *, struct rows);
void	boxes_take(struct arena *, struct boxes *, struct flow *);	/* all that the flow holds, if it does */
void	boxes_close(struct arena *, struct boxes *, struct place, struct flow *);	/* if open */

/* Edges to cells; tables of one row each, one below the other in one table, to one table. */
void	rows_finish(struct arena *, struct rows *);
void	rows_put(struct document_build *, const struct rows *);

#endif
