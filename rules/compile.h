/*
 * compile - what the files of rule.c and lexicon.c share while rules are compiled
 *
 * Private to rules/. rule.c reads phrases, patterns and rules; lexicon.c labels, countries and other words.
 */
#ifndef RULES_COMPILE_H
#define RULES_COMPILE_H

#include "rules/rule.h"
#include "rules/ruleset.h"

/* A named list of phrases. */
struct set {
	const char	*name;
	int		*ids;
	int		 count;
	uint64_t	 bit;		/* in tests of sentences; 0: none yet */
};

/* Which tests of sentences a phrase belongs to, until all phrases are known. */
struct phrase_bit {
	int		 id;
	uint64_t	 bit;
};

struct compile {
	struct arena	*arena;
	struct rules	*r;
	uint32_t	*phrase_hashes;	/* of each phrase: comparing all texts took a tenth of a child's start */
	struct set	*sets;
	int		 set_count;
	struct phrase_bit *bits;
	int		 bit_count;	/* of the list above */
	int		 bits_used;	/* of a mask */
};

/* Room for one more element of an array that doubles at 0, 8, 16, 32, ... elements. */
void	*compile_grow(struct arena *, void *old, int n, size_t size);
int	 compile_order(struct span, struct span);	/* by bytes, shorter first */
/* The folded text of a scalar; false, and an error is kept, when nothing is left of it. */
bool	 compile_fold(struct compile *, struct conf_node *, struct span *);
int	 compile_language_of(const char *code);		/* -1: none */
int	 compile_language(struct conf_node *);		/* the optional key `language`: its index, or -1 */
/* The scheme of that name; NONE, and an error is kept, if there is none. */
enum identifier_scheme compile_scheme(struct conf_node *, const char *name);

/* `labels` of a file or rule; label_parts, countries, legal_forms and own_numbers of a file. */
void	 compile_labels(struct compile *, struct conf_node *map, int owner);
void	 compile_words(struct compile *, struct conf_node *root);
void	 compile_sort_labels(struct rules *);

#endif
