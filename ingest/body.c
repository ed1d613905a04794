/* body - see body.h */
#include "ingest/body.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* How Exchange's note begins its Subject; a number follows. */
#define NOTE		"Subject:Retrievalusingthe"
#define NOTE_REST	"protocolfailedforthefollowingmessage"

/* FNV-1a, 64 bits: who can make two fields collide can make them equal as well. */
#define HASH_START	UINT64_C(14695981039346656037)
#define HASH_PRIME	UINT64_C(1099511628211)

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char
lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

/* Takes the next header field off, folded lines included. False: there is none, the header is over. */
static bool
field_next(struct span *rest, struct span *field)
{
	size_t n = 0;

	if (rest->n == 0 || rest->p[0] == '\n' || (rest->n > 1 && rest->p[0] == '\r' && rest->p[1] == '\n'))
		return false;
	do {
		const char *end = memchr(rest->p + n, '\n', rest->n - n);

		n = end == NULL ? rest->n : (size_t)(end - rest->p) + 1;
	} while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
	*field = span_take(*rest, n);
	*rest = span_from(*rest, n);
	return true;
}

static uint64_t
field_hash(struct span field)
{
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < field.n; i++)
		if (!is_blank(field.p[i]))
			hash = (hash ^ (unsigned char)lower(field.p[i])) * HASH_PRIME;
	return hash;
}

static int
hash_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The hashes of all fields, sorted, each once. */
static size_t
fields_hash(struct span fields, bool cut, struct arena_buf *out)
{
	struct span rest = fields, field;
	uint64_t *all, hash;
	size_t n, kept = 0;

	while (field_next(&rest, &field)) {
		if (cut && rest.n == 0)
			break;
		hash = field_hash(field);
		arena_put(out, &hash, sizeof(hash));
	}
	all = (uint64_t *)(void *)out->p;
	n = out->n / sizeof(*all);
	if (n > 0)
		qsort(all, n, sizeof(*all), hash_order);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || all[i] != all[kept - 1])
			all[kept++] = all[i];
	return kept;
}

/* Does the body's header have all the fields? */
static bool
has_fields(struct span fields, bool cut, struct span body)
{
	struct arena a = {0};
	struct arena_buf hashes = {.arena = &a};
	size_t n = fields_hash(fields, cut, &hashes), missing = n;
	const uint64_t *wanted = (const uint64_t *)(const void *)hashes.p;
	bool *found = arena_array(&a, n + 1, sizeof(*found));
	struct span field;

	while (missing > 0 && field_next(&body, &field)) {
		uint64_t hash = field_hash(field);
		const uint64_t *at = bsearch(&hash, wanted, n, sizeof(hash), hash_order);

		if (at != NULL && !found[at - wanted]) {
			found[at - wanted] = true;
			missing--;
		}
	}
	arena_free(&a);
	return missing == 0;
}

/* The bytes of `text` stand in the field from *at on, blanks and case aside; *at is then behind them. */
static bool
field_says(struct span field, size_t *at, struct span text)
{
	size_t i = *at, n = 0;

	for (; n < text.n && i < field.n; i++) {
		if (is_blank(field.p[i]))
			continue;
		if (lower(field.p[i]) != lower(text.p[n++]))
			return false;
	}
	*at = i;
	return n == text.n;
}

bool
body_substitute(struct span fields)
{
	static const char *const protocols[] = {"IMAP4", "IMAP", "POP3"};
	struct span field;

	while (field_next(&fields, &field)) {
		size_t at = 0, behind;

		if (!field_says(field, &at, span_of(NOTE)))
			continue;
		for (size_t i = 0; i < COUNT(protocols); i++) {
			behind = at;
			if (field_says(field, &behind, span_of(protocols[i])) &&
			    field_says(field, &behind, span_of(NOTE_REST)))
				return true;
		}
	}
	return false;
}

static bool
ends_in_header(struct span body)
{
	struct span field;

	while (field_next(&body, &field))
		continue;
	return body.n == 0;
}

const char *
body_wrong(struct span fields, bool cut, int64_t size_bytes, struct span body)
{
	if (body.n == 0)	/* NIL and "" are no mail: the server could not read it */
		return "the server did not send it";
	if (body_substitute(body))
		return BODY_SUBSTITUTE;
	if (!has_fields(fields, cut, body) || (ends_in_header(body) && (int64_t)body.n < size_bytes))
		return "the server sent another mail, or a part of it";
	return NULL;
}
