/*
 * rule - how to recognise a kind of mail and where its fields are: data, not code
 *
 * Rules are YAML (approvals-rules(5)), loaded through base/conf and compiled once; several files are
 * joined in order. Patterns are PCRE2, compiled here through rules/pattern.
 */
#ifndef RULES_RULE_H
#define RULES_RULE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"

enum rule_kind {
	RULE_NONE, RULE_APPROVAL, RULE_TEST_UNIT, RULE_DECLINED, RULE_NEEDS_INFORMATION,
	RULE_RECEIVED, RULE_DEACTIVATED, RULE_OTHER, RULE_KINDS
};
const char	*rule_kind_name(enum rule_kind);	/* "approval", "test-unit", ...; "" for NONE */
enum rule_kind	 rule_kind_of(struct span);		/* RULE_NONE if it is none */

struct rules;

/*
 * Compiles the files into one set. -1 with ERR_CONFIG: e says how many errors, and *errors lists them
 * all, one "file:line:column: ..." line each, in the arena.
 */
int	rules_open(const char *const *paths, struct arena *, struct rules **, const char **errors,
	    struct err *);
void	rules_close(struct rules *);

/* Does a decoded Subject hold one of the rules' screen words (case folded)? */
bool	rules_screen(const struct rules *, struct span subject);
/*
 * For `rules check`: a line "FILE: ok: N rules, ..." for each file (phrases and labels that an earlier file has
 * count there), then remarks about rules that can never win.
 */
const char *rules_summary(const struct rules *, struct arena *);
/* SHA-256 in hex over the text of all files, for records of what read a mail. */
const char *rules_hash(const struct rules *);

#endif
