/*
 * identifier - organisation numbers and MSNs: normal forms and check digits
 *
 * Normal forms (architecture, Identifiers): business:NO:ORG 9 digits, business:DK:CVR 8 digits,
 * business:FI:Y-tunnus 7 digits, hyphen, 1 digit, business:SE:ORG 10 digits (our own name).
 * The scheme comes from a label or prefix, never from digits alone. Check digits: architecture, Identifiers.
 */
#ifndef RULES_IDENTIFIER_H
#define RULES_IDENTIFIER_H

#include <stdbool.h>

#include "base/span.h"

enum identifier_scheme {
	IDENTIFIER_NONE,	/* not said */
	IDENTIFIER_NO_ORG,
	IDENTIFIER_DK_CVR,
	IDENTIFIER_FI_Y,
	IDENTIFIER_SE_ORG,
	IDENTIFIER_SCHEMES
};

#define IDENTIFIER_TEXT 16	/* bytes of a normal form with its NUL: the longest is 10 digits */
#define MSN_MIN_DIGITS	4	/* Management API 2.0.9: ^\d{4,10}$ */
#define MSN_MAX_DIGITS	10

const char	*identifier_scheme_name(enum identifier_scheme);	/* "business:NO:ORG"; NULL for NONE */
const char	*identifier_country(enum identifier_scheme);		/* "NO"; NULL for NONE */
enum identifier_scheme identifier_scheme_of(struct span name);		/* of "business:NO:ORG"; NONE */

enum identifier_verdict {
	IDENTIFIER_OK,
	IDENTIFIER_CHECK_DIGIT,	/* the form is right, the check digit is not: a doubt */
	IDENTIFIER_FORM,	/* not a number of this scheme */
	IDENTIFIER_SCHEME	/* digits of several schemes, and neither label nor prefix says which */
};

/*
 * Reads one written organisation number ("NO 987 654 325 MVA", "DK12345674", "FI12345671",
 * "556012-5790", NBSP between groups too). `hint` is the scheme that the label says, or NONE; a
 * prefix in the text that contradicts it is IDENTIFIER_FORM. On OK and CHECK_DIGIT *scheme and
 * out are set.
 */
enum identifier_verdict identifier_read(struct span text, enum identifier_scheme hint,
    enum identifier_scheme *scheme, char out[IDENTIFIER_TEXT]);

/* True if text is 4 to 10 digits, spaces at the ends aside. */
bool	identifier_msn(struct span text, char out[MSN_MAX_DIGITS + 1]);

#endif
