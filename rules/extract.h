/*
 * extract - what a rule found in a document: the kind of the mail, its claims, its reasons
 */
#ifndef RULES_EXTRACT_H
#define RULES_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "rules/document.h"
#include "rules/identifier.h"
#include "rules/rule.h"

#define EXTRACT_MAX_CLAIMS	50	/* of one mail; more is the doubt too-many-claims */
#define EXTRACT_MAX_VALUE	200	/* bytes of a name; the API's longest is 50 characters */
#define EXTRACT_MAX_EVIDENCE	256	/* bytes of text kept as evidence of one field */
#define EXTRACT_MAX_REASONS	32	/* of one mail or claim */

enum field { FIELD_ORG_NUMBER, FIELD_MERCHANT_NAME, FIELD_MSN, FIELD_SALES_UNIT_NAME, FIELDS };
const char	*field_name(enum field);	/* "org_number" */

/*
 * A reason has a stable code (lower case, hyphens; the list is in approvals-rules(5)). A doubt holds a
 * claim even if the API agrees; a remark never does.
 */
struct reason {
	const char	*code;		/* static text, from the table in extract.c or reading.c */
	bool		 doubt;
	int8_t		 field;		/* enum field, or -1 for the whole claim or mail */
};
struct reasons {
	struct reason	 list[EXTRACT_MAX_REASONS];
	int		 count;
};
void	reasons_add(struct reasons *, const char *code, bool doubt, int field);	/* once each */
bool	reasons_doubt(const struct reasons *);
bool	reasons_has(const struct reasons *, const char *code);
/* The registered code equal to `text` with its doubt flag, or NULL: for text from another process. */
const struct reason *reason_known(struct span text);
const struct reason *reason_at(int i);		/* each that there is; NULL past the end */

struct evidence {			/* where a field's text was seen */
	uint16_t	part, line, cell;
	struct span	text;		/* as found, at most EXTRACT_MAX_EVIDENCE bytes; p NULL: no evidence */
};

struct found_claim {
	enum identifier_scheme	 scheme;
	struct span		 value[FIELDS];	/* normal form for the typed ones; p NULL: missing */
	struct evidence		 evidence[FIELDS];
	struct reasons		 reasons;
};

struct extraction {
	enum rule_kind		 kind;		/* RULE_NONE: no rule knows this mail */
	const char		*rule;		/* the rule's name; "" if none */
	char			 language[3];	/* "no", "nn", "da", "sv", "fi", "en"; "" unknown */
	struct found_claim	*claims;	/* only of kind approval */
	int			 count;
	bool			 attached;	/* it is what attached messages say */
	struct reasons		 reasons;	/* of the mail as a whole: they hold for each claim too */
	struct span		 trace;		/* why the other rules did not fit: lines of text, for
						   `rules test -v`; may be empty */
};

/* Fails only with ERR_REJECT (a bound); a pattern that hits its limit is the doubt pattern-limit. */
int	extract(const struct rules *, const struct document *, struct arena *, struct extraction *,
	    struct err *);

#endif
