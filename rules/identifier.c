#include <string.h>

#include "rules/fold.h"
#include "rules/identifier.h"

#define WRITTEN_MAX 64	/* bytes of a written number without its spaces; the longest real one is 30 */

static const struct {
	const char	*name, *country;
	size_t		 digits;
} schemes[IDENTIFIER_SCHEMES] = {
	[IDENTIFIER_NO_ORG] = { "business:NO:ORG",	"NO", 9 },
	[IDENTIFIER_DK_CVR] = { "business:DK:CVR",	"DK", 8 },
	[IDENTIFIER_FI_Y]   = { "business:FI:Y-tunnus",	"FI", 8 },
	[IDENTIFIER_SE_ORG] = { "business:SE:ORG",	"SE", 10 },
};

/* Words in front of the digits, without their spaces and hyphens; longer before shorter. */
static const struct {
	const char		*word;
	enum identifier_scheme	 scheme;
} prefixes[] = {
	{ "CVRNR",	IDENTIFIER_DK_CVR },
	{ "DKCVR",	IDENTIFIER_DK_CVR },
	{ "CVR",	IDENTIFIER_DK_CVR },
	{ "YTUNNUS",	IDENTIFIER_FI_Y },
	{ "NO",		IDENTIFIER_NO_ORG },
	{ "DK",		IDENTIFIER_DK_CVR },
	{ "FI",		IDENTIFIER_FI_Y },
	{ "SE",		IDENTIFIER_SE_ORG },
};

const char *
identifier_scheme_name(enum identifier_scheme s)
{
	return schemes[s].name;
}

const char *
identifier_country(enum identifier_scheme s)
{
	return schemes[s].country;
}

enum identifier_scheme
identifier_scheme_of(struct span name)
{
	for (int s = IDENTIFIER_NONE + 1; s < IDENTIFIER_SCHEMES; s++)
		if (span_is_nocase(name, schemes[s].name))
			return (enum identifier_scheme)s;
	return IDENTIFIER_NONE;
}

static int
weighed(const char *digits, const int *weights, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += (digits[i] - '0') * weights[i];
	return sum % 11;
}

/* architecture, Identifiers; digits are as many as the scheme has. */
static bool
check_digit(enum identifier_scheme s, const char *d)
{
	static const int	no[] = {3, 2, 7, 6, 5, 4, 3, 2, 1};
	static const int	dk[] = {2, 7, 6, 5, 4, 3, 2, 1};
	static const int	fi[] = {7, 9, 10, 5, 8, 4, 2, 1};
	int			sum = 0;

	switch (s) {
	case IDENTIFIER_NO_ORG:
		return weighed(d, no, 9) == 0;
	case IDENTIFIER_DK_CVR:
		return d[0] != '0' && weighed(d, dk, 8) == 0;
	case IDENTIFIER_FI_Y:
		return weighed(d, fi, 8) == 0;
	case IDENTIFIER_SE_ORG:
		for (int i = 0; i < 10; i++) {
			int twice = (d[i] - '0') * (i % 2 == 0 ? 2 : 1);

			sum += twice / 10 + twice % 10;
		}
		return sum % 10 == 0;
	case IDENTIFIER_NONE:
	case IDENTIFIER_SCHEMES:
		break;
	}
	return false;
}

/*
 * The written number as ASCII: letters upper case, spaces and dots gone, every kind of hyphen '-'.
 * False for whatever no organisation number has in it.
 */
static bool
squeeze(struct span text, char out[WRITTEN_MAX])
{
	size_t	n = 0, i = 0;

	while (i < text.n) {
		uint32_t r;

		i += span_rune(text.p + i, text.n - i, &r);
		if (fold_is_space(r) || r == '.' || r == ':' || r == '/')
			continue;
		if ((r >= 0x2010 && r <= 0x2013) || r == 0x2212)
			r = '-';
		if (r >= 'a' && r <= 'z')
			r -= 32;
		if (!(r == '-' || (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z')) ||
		    n + 1 >= WRITTEN_MAX)
			return false;
		out[n++] = (char)r;
	}
	out[n] = '\0';
	return n > 0;
}

/* Takes a word off the front, hyphens inside and after it aside. */
static bool
take_word(const char **p, const char *word)
{
	const char *s = *p;

	for (; *word != '\0'; word++) {
		while (*s == '-')
			s++;
		if (*s++ != *word)
			return false;
	}
	while (*s == '-')
		s++;
	*p = s;
	return true;
}

/* What letters in front say; false if they say nothing that we know. */
static bool
take_prefix(const char **p, enum identifier_scheme *scheme)
{
	static const char *const full[IDENTIFIER_SCHEMES] = {
		[IDENTIFIER_NO_ORG] = "BUSINESSNOORG",
		[IDENTIFIER_DK_CVR] = "BUSINESSDKCVR",
		[IDENTIFIER_FI_Y]   = "BUSINESSFIYTUNNUS",
		[IDENTIFIER_SE_ORG] = "BUSINESSSEORG",
	};

	*scheme = IDENTIFIER_NONE;
	if (**p >= '0' && **p <= '9')
		return true;
	for (int s = IDENTIFIER_NONE + 1; s < IDENTIFIER_SCHEMES; s++)
		if (take_word(p, full[s])) {
			*scheme = (enum identifier_scheme)s;
			return true;
		}
	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (take_word(p, prefixes[i].word)) {
			*scheme = prefixes[i].scheme;
			return true;
		}
	return false;
}

/* A hyphen where only one scheme has one says the scheme as a prefix does. */
static enum identifier_scheme
scheme_of_form(const char *digits, size_t n, const size_t *hyphens, size_t hyphen_count)
{
	if (hyphen_count != 1)
		return IDENTIFIER_NONE;
	if (n == 8 && hyphens[0] == 7)
		return IDENTIFIER_FI_Y;
	/* Persons' numbers have a month here (01 to 12) and may be Danish. */
	if (n == 10 && hyphens[0] == 6 && digits[2] >= '2')
		return IDENTIFIER_SE_ORG;
	return IDENTIFIER_NONE;
}

/* Are the hyphens where this scheme writes them? */
static bool
hyphens_fit(enum identifier_scheme s, const size_t *hyphens, size_t count, size_t digits,
    bool prefix)
{
	switch (s) {
	case IDENTIFIER_FI_Y:
		return count == 0 || (count == 1 && hyphens[0] == digits - 1);
	case IDENTIFIER_SE_ORG:
		for (size_t i = 0; i < count; i++)
			if (hyphens[i] != 6 && !(prefix && hyphens[i] == 10))
				return false;
		return count < 3;
	case IDENTIFIER_NO_ORG:
	case IDENTIFIER_DK_CVR:
	case IDENTIFIER_NONE:
	case IDENTIFIER_SCHEMES:
		break;
	}
	return count == 0;
}

enum identifier_verdict
identifier_read(struct span text, enum identifier_scheme hint, enum identifier_scheme *scheme,
    char out[IDENTIFIER_TEXT])
{
	char			 written[WRITTEN_MAX] = "", digits[WRITTEN_MAX] = "";
	const char		*p = written;
	size_t			 hyphens[3], n = 0, count = 0;
	enum identifier_scheme	 said, s;

	if (!squeeze(text, written) || !take_prefix(&p, &said))
		return IDENTIFIER_FORM;
	for (; *p == '-' || (*p >= '0' && *p <= '9'); p++) {
		if (*p != '-')
			digits[n++] = *p;
		else if (count == COUNT(hyphens) || n == 0 || p[1] < '0' || p[1] > '9')
			return IDENTIFIER_FORM;
		else
			hyphens[count++] = n;
	}
	s = said != IDENTIFIER_NONE ? said : hint;
	if (strcmp(p, "MVA") == 0 || strcmp(p, "MVAFORETAKSREGISTERET") == 0 ||
	    strcmp(p, "FORETAKSREGISTERET") == 0)
		s = s == IDENTIFIER_NONE ? IDENTIFIER_NO_ORG : s;
	else if (*p != '\0')
		return IDENTIFIER_FORM;
	if (*p != '\0' && s != IDENTIFIER_NO_ORG)
		return IDENTIFIER_FORM;
	if (hint != IDENTIFIER_NONE && s != hint)
		return IDENTIFIER_FORM;
	if (s == IDENTIFIER_NONE)
		s = scheme_of_form(digits, n, hyphens, count);
	if (s == IDENTIFIER_NONE)
		return n >= 8 && n <= 10 && count == 0 ? IDENTIFIER_SCHEME : IDENTIFIER_FORM;
	if (s == IDENTIFIER_SE_ORG && n == 12 && strncmp(digits, "16", 2) == 0 && (count == 0 || (count == 1 && hyphens[0] == 8))) {
		memmove(digits, digits + 2, n -= 2);	/* 16 marks a legal person where persons have a century */
		count = 0;
	}
	if (!hyphens_fit(s, hyphens, count, n, said != IDENTIFIER_NONE))
		return IDENTIFIER_FORM;
	if (s == IDENTIFIER_SE_ORG && said == s && n == 12 && digits[10] == '0' && digits[11] == '1')
		n = 10;		/* a VAT number: the ten digits and 01 */
	if (s == IDENTIFIER_FI_Y && n == 7 && count == 1) {
		memmove(digits + 1, digits, n++);	/* older numbers leave out a leading 0 */
		digits[0] = '0';
	}
	if (n != schemes[s].digits)
		return IDENTIFIER_FORM;
	*scheme = s;
	memcpy(out, digits, n);
	out[n] = '\0';
	if (s == IDENTIFIER_FI_Y) {
		out[9] = '\0';
		out[8] = out[7];
		out[7] = '-';
	}
	return check_digit(s, digits) ? IDENTIFIER_OK : IDENTIFIER_CHECK_DIGIT;
}

bool
identifier_msn(struct span text, char out[MSN_MAX_DIGITS + 1])
{
	text = span_trim(text);
	if (text.n < MSN_MIN_DIGITS || text.n > MSN_MAX_DIGITS || !span_digits(text))
		return false;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}
