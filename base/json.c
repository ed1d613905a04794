#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/json.h"

#define JSON_MAX_NUMBER	40			/* bytes of one; cJSON misreads past 63 */
#define JSON_FEW_BYTES	1536			/* on the stack: most strings are names */
#define JSON_MAX_INT	9007199254740991.0	/* 2^53 - 1: beyond, a double is not exact */

/* ---- strict check, before cJSON sees a byte: it accepts much that RFC 8259 does not */

struct scan {
	struct span	s;	/* what is left */
	const char	*why;	/* what is wrong, once something is */
};

static bool
scan_wrong(struct scan *c, const char *why)
{
	c->why = why;
	return false;
}

static char
scan_peek(const struct scan *c)
{
	if (c->s.n == 0)
		return '\0';
	return c->s.p[0];
}

static bool
scan_take(struct scan *c, char byte)
{
	if (c->s.n == 0 || c->s.p[0] != byte)
		return false;
	c->s = span_from(c->s, 1);
	return true;
}

static void
scan_space(struct scan *c)
{
	while (scan_take(c, ' ') || scan_take(c, '\t') || scan_take(c, '\n') || scan_take(c, '\r'))
		;
}

/* The four digits after a backslash and u; -1 if they are not. */
static int
scan_hex4(struct scan *c)
{
	int value = 0;

	if (c->s.n < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		char d = c->s.p[i];

		if (d >= '0' && d <= '9')
			value = value * 16 + (d - '0');
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			value = value * 16 + ((d | 0x20) - 'a' + 10);
		else
			return -1;
	}
	c->s = span_from(c->s, 4);
	return value;
}

static bool
scan_escape(struct scan *c)
{
	int unit;

	if (!scan_take(c, 'u')) {
		if (c->s.n == 0 || c->s.p[0] == '\0' || strchr("\"\\/bfnrt", c->s.p[0]) == NULL)
			return scan_wrong(c, "unknown escape");
		c->s = span_from(c->s, 1);
		return true;
	}
	if ((unit = scan_hex4(c)) < 0)
		return scan_wrong(c, "bad \\u escape");
	if (unit == 0)
		return scan_wrong(c, "NUL in a string");
	if (unit >= 0xd800 && unit <= 0xdbff) {
		if (!scan_take(c, '\\') || !scan_take(c, 'u') || (unit = scan_hex4(c)) < 0xdc00 ||
		    unit > 0xdfff)
			return scan_wrong(c, "unpaired surrogate");
	} else if (unit >= 0xdc00 && unit <= 0xdfff) {
		return scan_wrong(c, "unpaired surrogate");
	}
	return true;
}

static bool
scan_string(struct scan *c)
{
	if (!scan_take(c, '"'))
		return scan_wrong(c, "a string is missing");
	for (;;) {
		if (c->s.n == 0)
			return scan_wrong(c, "a string has no end");
		if (scan_take(c, '"'))
			return true;
		if ((unsigned char)c->s.p[0] < 0x20)
			return scan_wrong(c, "control character in a string");
		if (scan_take(c, '\\')) {
			if (!scan_escape(c))
				return false;
		} else {
			c->s = span_from(c->s, 1);
		}
	}
}

static size_t
scan_digits(struct scan *c)
{
	size_t n = 0;

	while (n < c->s.n && c->s.p[n] >= '0' && c->s.p[n] <= '9')
		n++;
	c->s = span_from(c->s, n);
	return n;
}

static bool
scan_number(struct scan *c)
{
	const char *start = c->s.p;

	scan_take(c, '-');
	if (scan_take(c, '0')) {
		if (scan_digits(c) > 0)
			return scan_wrong(c, "a number begins with 0");
	} else if (scan_digits(c) == 0) {
		return scan_wrong(c, "a value is missing");
	}
	if (scan_take(c, '.') && scan_digits(c) == 0)
		return scan_wrong(c, "a fraction has no digits");
	if (scan_take(c, 'e') || scan_take(c, 'E')) {
		if (!scan_take(c, '+'))
			scan_take(c, '-');
		if (scan_digits(c) == 0)
			return scan_wrong(c, "an exponent has no digits");
	}
	if (c->s.p - start > JSON_MAX_NUMBER)
		return scan_wrong(c, "a number is too long");
	return true;
}

static bool
scan_word(struct scan *c, const char *word)
{
	size_t n = strlen(word);

	if (!span_is(span_take(c->s, n), word))
		return scan_wrong(c, "unknown word");
	c->s = span_from(c->s, n);
	return true;
}

/* Recursion is bounded by JSON_MAX_DEPTH. */
static bool
scan_value(struct scan *c, int depth)
{
	char open = scan_peek(c), close = open == '{' ? '}' : ']';

	switch (open) {
	case '"':
		return scan_string(c);
	case 't':
		return scan_word(c, "true");
	case 'f':
		return scan_word(c, "false");
	case 'n':
		return scan_word(c, "null");
	case '{':
	case '[':
		break;
	default:
		return scan_number(c);
	}
	if (depth >= JSON_MAX_DEPTH)
		return scan_wrong(c, "nested too deep");
	scan_take(c, open);
	scan_space(c);
	if (scan_take(c, close))
		return true;
	do {
		scan_space(c);
		if (open == '{') {
			if (!scan_string(c))
				return false;
			scan_space(c);
			if (!scan_take(c, ':'))
				return scan_wrong(c, "a colon is missing");
			scan_space(c);
		}
		if (!scan_value(c, depth + 1))
			return false;
		scan_space(c);
	} while (scan_take(c, ','));
	return scan_take(c, close) || scan_wrong(c, "a comma or bracket is missing");
}

static int
key_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By sorting: comparing each key with each would be a server's way to keep us busy. */
static bool
object_has_twins(const cJSON *object)
{
	int		 n = cJSON_GetArraySize(object), i = 0;
	bool		 twins = false;
	const cJSON	*child;
	const char	**keys;

	if (n < 2)
		return false;
	if ((keys = calloc((size_t)n, sizeof(*keys))) == NULL)
		arena_no_memory();
	cJSON_ArrayForEach(child, object)
		keys[i++] = child->string;
	qsort(keys, (size_t)n, sizeof(*keys), key_compare);
	for (i = 1; i < n && !twins; i++)
		twins = strcmp(keys[i - 1], keys[i]) == 0;
	free(keys);
	return twins;
}

static bool
tree_has_twins(const cJSON *tree)
{
	const cJSON *child;

	if (cJSON_IsObject(tree) && object_has_twins(tree))
		return true;
	cJSON_ArrayForEach(child, tree)
		if (tree_has_twins(child))
			return true;
	return false;
}

int
json_parse(struct span s, struct json **out, struct err *e)
{
	return json_parse_long(s, JSON_MAX_BYTES, out, e);
}

int
json_parse_long(struct span s, size_t max_bytes, struct json **out, struct err *e)
{
	struct scan	 c = {s, NULL};
	cJSON		*tree;

	if (s.n > max_bytes)
		return err_set(e, ERR_REJECT, "not acceptable JSON: more than %zu bytes", max_bytes);
	if (!span_utf8(s))
		return err_set(e, ERR_REJECT, "not acceptable JSON: not UTF-8");
	scan_space(&c);
	if (!scan_value(&c, 0))
		return err_set(e, ERR_REJECT, "not acceptable JSON: %s at byte %zu", c.why,
		    s.n - c.s.n);
	scan_space(&c);
	if (c.s.n > 0)
		return err_set(e, ERR_REJECT, "not acceptable JSON: something follows at byte %zu",
		    s.n - c.s.n);
	if ((tree = cJSON_ParseWithLength(s.p, s.n)) == NULL)
		arena_no_memory();	/* the only reason left */
	if (tree_has_twins(tree)) {
		cJSON_Delete(tree);
		return err_set(e, ERR_REJECT, "not acceptable JSON: a key stands twice");
	}
	*out = (struct json *)tree;
	return 0;
}

void
json_free(struct json *j)
{
	cJSON_Delete((cJSON *)j);
}

/* What cJSON made, or the end of the process: it fails only without memory. */
static struct json *
made(cJSON *j)
{
	if (j == NULL)
		arena_no_memory();
	return (struct json *)j;
}

struct json *
json_copy(const struct json *j)
{
	return j != NULL ? made(cJSON_Duplicate((const cJSON *)j, true)) : NULL;
}

/* ---- getters */

const struct json *
json_get(const struct json *object, const char *key)
{
	if (!json_is_object(object))
		return NULL;
	return (const struct json *)cJSON_GetObjectItemCaseSensitive((const cJSON *)object, key);
}

const struct json *
json_item(const struct json *array, int i)
{
	if (!json_is_array(array))
		return NULL;
	return (const struct json *)cJSON_GetArrayItem((const cJSON *)array, i);
}

const struct json *
json_first(const struct json *array)
{
	return json_is_array(array) ? (const struct json *)((const cJSON *)array)->child : NULL;
}

const struct json *
json_next(const struct json *item)
{
	return (const struct json *)((const cJSON *)item)->next;
}

int
json_count(const struct json *j)
{
	return json_is_array(j) || json_is_object(j) ? cJSON_GetArraySize((const cJSON *)j) : 0;
}

const char *
json_key(const struct json *object, int i, const struct json **value)
{
	const cJSON *child = NULL;

	if (json_is_object(object))
		child = cJSON_GetArrayItem((const cJSON *)object, i);
	if (value != NULL)
		*value = (const struct json *)child;
	return child != NULL ? child->string : NULL;
}

bool
json_is_object(const struct json *j)
{
	return cJSON_IsObject((const cJSON *)j);
}

bool
json_is_array(const struct json *j)
{
	return cJSON_IsArray((const cJSON *)j);
}

bool
json_is_null(const struct json *j)
{
	return j == NULL || cJSON_IsNull((const cJSON *)j);
}

const char *
json_text(const struct json *j)
{
	return cJSON_GetStringValue((const cJSON *)j);
}

bool
json_bool(const struct json *j, bool *value)
{
	if (!cJSON_IsBool((const cJSON *)j))
		return false;
	*value = cJSON_IsTrue((const cJSON *)j);
	return true;
}

bool
json_int(const struct json *j, int64_t *value)
{
	double d;

	if (!cJSON_IsNumber((const cJSON *)j))
		return false;
	d = ((const cJSON *)j)->valuedouble;	/* never valueint, which saturates */
	if (!(d >= -JSON_MAX_INT && d <= JSON_MAX_INT) || d != (double)(int64_t)d)
		return false;
	*value = (int64_t)d;
	return true;
}

const char *
json_text_or_int(const struct json *j, struct arena *a)
{
	int64_t n;

	if (json_int(j, &n))
		return arena_printf(a, "%" PRId64, n);
	return arena_text(a, json_text(j));
}

/* ---- builders */

struct json *
json_object(void)
{
	return made(cJSON_CreateObject());
}

struct json *
json_array(void)
{
	return made(cJSON_CreateArray());
}

/* A string of any bytes: what is not UTF-8, and NUL, which cJSON cannot hold, becomes U+FFFD. */
static struct json *
json_string(struct span s)
{
	char		 few[JSON_FEW_BYTES], *text = few, *end;
	struct json	*j;
	uint32_t	 rune;
	size_t		 len;

	if (s.p == NULL)
		return made(cJSON_CreateNull());
	/* each byte may become a U+FFFD of three */
	if (s.n >= sizeof(few) / 3 && (s.n >= SIZE_MAX / 3 || (text = malloc(3 * s.n + 1)) == NULL))
		arena_no_memory();
	for (end = text; s.n > 0; s = span_from(s, len)) {
		len = span_rune(s.p, s.n, &rune);
		if (rune == 0 || rune == 0xfffd) {
			memcpy(end, "\xef\xbf\xbd", 3);
			end += 3;
		} else {
			memcpy(end, s.p, len);
			end += len;
		}
	}
	*end = '\0';
	j = made(cJSON_CreateString(text));
	if (text != few)
		free(text);
	return j;
}

void
json_put(struct json *object, const char *key, struct json *value)
{
	if (value == NULL)
		value = made(cJSON_CreateNull());
	if (!cJSON_AddItemToObject((cJSON *)object, key, (cJSON *)value))
		arena_no_memory();
}

void
json_put_printed(struct json *object, const char *key, const char *text)
{
	json_put(object, key, text != NULL ? made(cJSON_CreateRaw(text)) : NULL);
}

void
json_put_text(struct json *object, const char *key, const char *text)
{
	json_put(object, key, json_string(span_of(text)));
}

void
json_put_span(struct json *object, const char *key, struct span s)
{
	json_put(object, key, json_string(s));
}

void
json_put_int(struct json *object, const char *key, int64_t n)
{
	json_put(object, key, made(cJSON_CreateNumber((double)n)));
}

void
json_put_bool(struct json *object, const char *key, bool b)
{
	json_put(object, key, made(cJSON_CreateBool(b)));
}

void
json_put_time(struct json *object, const char *key, int64_t ms)
{
	json_put_text(object, key, ms != 0 ? clock_iso(ms).s : NULL);
}

void
json_add(struct json *array, struct json *value)
{
	if (value == NULL)
		value = made(cJSON_CreateNull());
	if (!cJSON_AddItemToArray((cJSON *)array, (cJSON *)value))
		arena_no_memory();
}

void
json_add_text(struct json *array, const char *text)
{
	json_add(array, json_string(span_of(text)));
}

static char *
printed(char *text, struct arena *a)
{
	char *copy;

	if (text == NULL)
		arena_no_memory();
	copy = arena_text(a, text);
	cJSON_free(text);
	return copy;
}

char *
json_print(const struct json *j, struct arena *a)
{
	return printed(cJSON_PrintUnformatted((const cJSON *)j), a);
}

char *
json_print_pretty(const struct json *j, struct arena *a)
{
	return printed(cJSON_Print((const cJSON *)j), a);
}

struct json *
json_ours(const char *text)
{
	struct json	*j = NULL;
	struct err	 e;

	if (text == NULL)
		return NULL;
	if (json_parse(span_of(text), &j, &e) == -1) {
		struct json *damaged = json_object();

		json_put_text(damaged, "damaged", e.msg);
		return damaged;
	}
	return j;
}
