/*
 * ruleset - compiled rules, as rule.c makes them and extract.c and its helpers read them
 *
 * Private to rules/. Phrases of all rules stand in one table, so that a mail is scanned once and every
 * condition is then a look at bits. Labels stand in another, sorted by text.
 */
#ifndef RULES_RULESET_H
#define RULES_RULESET_H

#include "rules/extract.h"
#include "rules/pattern.h"
#include "rules/sentence.h"

#define RULES_MAX_PHRASES	8192	/* over all files; we ship about 500 */
#define RULES_MAX_RULES		256
#define RULES_MAX_WORDS		24	/* of a label or phrase: longer ones are no labels */

#define RULES_BYTES		256
#define RULES_FIRST_BITS	16384	/* hashes of the first words of labels: some 500 are set */

#define FIELD_COUNTRY	((int)FIELDS)	/* found like a field, but only says the scheme */
#define FIND_FIELDS	(FIELDS + 1)

/* What labels are put together of besides labels (label_parts); they stand in the same table. */
#define LABEL_NAME	((int)FIND_FIELDS)	/* "name": as a label it needs to know of what */
#define LABEL_NUMBER	(LABEL_NAME + 1)
#define LABEL_UNIT	(LABEL_NAME + 2)	/* of a sales unit, as "salgsstedets"; no label by itself */
#define LABEL_MERCHANT	(LABEL_NAME + 3)
#define LABEL_FILLER	(LABEL_NAME + 4)	/* says nothing: "your", "new", "is" */
#define LABEL_OTHER	(LABEL_NAME + 5)	/* before a label: another's value follows ("test MSN") */
#define LABEL_SENTENCE	(LABEL_NAME + 6)	/* stands in sentences, hardly in names */
#define LABEL_LEAD	(LABEL_NAME + 7)	/* before a name, hardly in one: "for", "of" */

enum language { LANG_NO, LANG_NN, LANG_DA, LANG_SV, LANG_FI, LANG_EN, LANGUAGES };
extern const char language_codes[LANGUAGES][3];

/* Where a condition looks, as bits. */
#define IN_SUBJECT	1
#define IN_BODY		2
#define IN_FROM		4

struct label {
	struct span		 text;		/* folded */
	int			 field;		/* enum field, FIELD_COUNTRY, or LABEL_* */
	enum identifier_scheme	 scheme;	/* NONE: none, or several */
	unsigned		 schemes;	/* bits by scheme; bit 0: said without one */
	unsigned		 languages;	/* bits by enum language */
	int			 owner;		/* the rule it belongs to, -1: all */
};

struct field_pattern {
	struct pattern		*pattern;
	int			 group[FIELDS];	/* -1: the pattern does not give this field */
	enum identifier_scheme	 scheme;
	unsigned		 languages;
	int			 owner;
};

enum test_type {
	TEST_PHRASE, TEST_PATTERN, TEST_SENTENCE, TEST_REPLY, TEST_AUTO_REPLY, TEST_REPORT, TEST_FOUND
};

struct test {
	enum test_type	 type;
	int		 id;		/* of a phrase, a sentence or a field */
	struct pattern	*pattern;
	const char	*text;		/* as written, for the trace */
};

enum condition_mode { CONDITION_ANY, CONDITION_ALL, CONDITION_NONE };

struct condition {
	enum condition_mode	 mode;
	unsigned		 where;
	struct test		*tests;
	int			 count;
	const char		*mark;	/* file:line:column */
};

struct rule {
	const char		*name;
	enum rule_kind		 kind;
	int64_t			 priority;
	int			 language;	/* -1: by its words */
	bool			 hold;		/* what it finds is the doubt kind-conflict */
	struct condition	*conditions;
	int			 count;
	int			 owner;		/* its id in labels and patterns, -1 if it has none */
};

struct country {
	struct span		 word;		/* folded: "norway", "no" */
	enum identifier_scheme	 scheme;
};

enum phrase_form { PHRASE_WORDS, PHRASE_BEGINS, PHRASE_ENDS, PHRASE_WITHIN };	/* the last three: of one word */

struct phrase_slot {		/* phrases with the same first word are neighbours in `order` */
	uint32_t	hash;
	int		first, count;	/* count 0: empty slot */
};

struct rules_file {		/* counts after it was read, those of the files before it included */
	const char	*path;
	int		 rules, phrases, labels, patterns;
};

struct rules {
	struct span		*phrases;	/* folded; the index is the id */
	int			 phrase_count;
	enum phrase_form	*forms;		/* of each phrase */
	int			*stems;		/* ids of those that are parts of words */
	int			 stem_count;
	struct sentence_stems	 stem_filter;
	int			*order;		/* ids sorted by text */
	uint64_t		*phrase_bits;	/* per phrase: of the tests of sentences it belongs to */
	struct sentence_pair	 pairs[SENTENCE_MAX_BITS];
	int			 pair_count;
	struct sentence		 sentences[SENTENCE_MAX];
	int			 sentence_count;
	struct phrase_slot	*slots;
	uint32_t		 slot_mask;
	struct span		*screen;
	int			 screen_count;
	int			*language_words[LANGUAGES];	/* phrase ids */
	int			 language_count[LANGUAGES];
	struct label		*labels;	/* sorted by text, then owner */
	int			 label_count;
	int			 label_from[RULES_BYTES + 1];	/* first label of this first byte or a greater one */
	uint64_t		 first_words[RULES_FIRST_BITS / 64];	/* of labels and countries: rules_may_begin() */
	struct field_pattern	*patterns;
	int			 pattern_count;
	struct country		*countries;
	int			 country_count;
	struct country		*legal_forms;	/* of merchants, folded, with their schemes */
	int			 legal_form_count;
	struct span		*own_names;	/* folded */
	int			 own_name_count;
	struct span		*own_numbers;	/* "business:NO:ORG:918713867" */
	int			 own_count;
	struct rule		*rules;		/* highest priority first */
	int			 rule_count;
	struct rules_file	*files;
	int			 file_count;
	struct pattern		**opened;	/* all patterns, to close them */
	int			 opened_count;
	char			 hash[65];
};

/* A file was read: for rules_summary(). */
void	rules_file_done(struct rules *, const char *path, struct arena *);
/* First label with this text that belongs to all or to `owner`; NULL if there is none. */
const struct label *rules_label(const struct rules *, struct span folded, int owner);
/* May a label, a part of one or a country be this word or begin with it? False is sure. */
bool	rules_may_begin(const struct rules *, struct span word);
/* Does some label go on after these words? */
bool	rules_label_begins(const struct rules *, struct span folded, int owner);
/* Does a word, or some words, stand in that list of label_parts? */
bool	rules_is_part(const struct rules *, struct span folded, int part);
/* Does a line begin with the vendor's own name, and then only a mark or nothing, as footers do? */
bool	rules_own_line(const struct rules *, struct span text);
/* The scheme that a merchant's name tells by its legal form ("ApS"); NONE if it tells none, or several. */
enum identifier_scheme rules_legal_form(const struct rules *, struct span name);
/* The scheme of a country's name or code; NONE if it is none that we know. */
enum identifier_scheme country_scheme(const struct rules *, struct span text);
/* FNV-1a of one word. */
uint32_t rules_word_hash(const char *, size_t);

#endif
