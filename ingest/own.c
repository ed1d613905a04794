#include "ingest/own.h"

#include <string.h>

#include "store/delivery.h"

#define MARK		"msg_"	/* an id is that, */
#define MARK_HEX	32	/* so many hex digits, and where it stands in a header field an @ */
#define MARKS_MAX	32	/* ids looked up for one mail: References names about 20 */

/* The next id at or after *at; p NULL: there is none. */
static struct span
mark_next(struct span raw, size_t *at)
{
	static const char hex[] = "0123456789abcdef";
	const size_t	  len = sizeof(MARK) - 1 + MARK_HEX;

	for (;;) {
		ptrdiff_t	found = span_find(raw, SPAN_LIT(MARK), *at);
		struct span	id;
		size_t		n = sizeof(MARK) - 1;

		if (found < 0)
			return (struct span){NULL, 0};
		*at = (size_t)found + sizeof(MARK) - 1;
		id = span_take(span_from(raw, (size_t)found), len + 1);
		while (n < id.n && n < len && memchr(hex, id.p[n], sizeof(hex) - 1) != NULL)
			n++;
		if (n == len && id.n > len && id.p[len] == '@')
			return span_take(id, len);
	}
}

/* Does the alert say all numbers that this mail does? */
static bool
says_no_more(const struct extraction *found, const char *body)
{
	static const enum field numbers[] = { FIELD_ORG_NUMBER, FIELD_MSN };

	for (int i = 0; found != NULL && i < found->count; i++)
		for (size_t k = 0; k < COUNT(numbers); k++) {
			struct span value = found->claims[i].value[numbers[k]];

			if (value.p != NULL && span_find(span_of(body), value, 0) < 0)
				return false;
		}
	return true;
}

int
own_mail(struct db *db, struct span raw, const struct extraction *found, struct arena *a, bool *own,
    struct err *e)
{
	size_t		at = 0;
	struct span	id;
	const char	*body;

	*own = false;
	for (int n = 0; !*own && n < MARKS_MAX && (id = mark_next(raw, &at)).p != NULL; n++) {
		if (delivery_sent(db, id, a, &body, e) == -1)
			return -1;
		*own = body != NULL && says_no_more(found, body);
	}
	return 0;
}
