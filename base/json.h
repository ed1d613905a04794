/*
 * json - JSON in and out; the one door to cJSON
 *
 * Reading is strict (RFC 8259 and more): UTF-8 checked first, no NUL, no key twice in one object,
 * nothing after the value, JSON_MAX_BYTES, JSON_MAX_DEPTH. Keys compare exactly. Writing keeps the
 * order of insertion, so equal input gives equal bytes. A tree is freed by json_free(root); nodes
 * handed out by getters belong to it. Numbers: only integers of magnitude below 2^53 are read or
 * written.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define JSON_MAX_BYTES	1048576	/* 1 MiB */
#define JSON_MAX_DEPTH	16

struct json;

int		 json_parse(struct span, struct json **, struct err *);	/* ERR_REJECT */
/* The same with another bound than JSON_MAX_BYTES: a tree takes up to 30 times its text. */
int		 json_parse_long(struct span, size_t max_bytes, struct json **, struct err *);
void		 json_free(struct json *);				/* NULL is fine */
struct json	*json_copy(const struct json *);

/* Getters take NULL and a wrong type, and answer NULL, -1 or false. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_item(const struct json *array, int i);
/* For long arrays, each in one step: for (i = json_first(list); i != NULL; i = json_next(i)). */
const struct json *json_first(const struct json *array);
const struct json *json_next(const struct json *item);
int		 json_count(const struct json *);		/* of an array or object; else 0 */
const char	*json_key(const struct json *object, int i, const struct json **value);
bool		 json_is_object(const struct json *);
bool		 json_is_array(const struct json *);
bool		 json_is_null(const struct json *);		/* null, or not there at all */
const char	*json_text(const struct json *);		/* a string's text, else NULL */
bool		 json_bool(const struct json *, bool *);	/* false if it is no boolean */
bool		 json_int(const struct json *, int64_t *);	/* false if no integral number */
/* A string, or an integral number written as text (the vendor sends ids as either). NULL: neither. */
const char	*json_text_or_int(const struct json *, struct arena *);

/* Builders. A NULL text is written as null; text that is not UTF-8 has its bad bytes as U+FFFD. */
struct json	*json_object(void);
struct json	*json_array(void);
void		 json_put(struct json *object, const char *key, struct json *value);	/* takes value; NULL: null */
void		 json_put_text(struct json *object, const char *key, const char *);
/* A value as json_print() gave it to this process: it is put as it is and not parsed; NULL: null. */
void		 json_put_printed(struct json *object, const char *key, const char *);
void		 json_put_span(struct json *object, const char *key, struct span);	/* p NULL: null */
void		 json_put_int(struct json *object, const char *key, int64_t);
void		 json_put_bool(struct json *object, const char *key, bool);
void		 json_put_time(struct json *object, const char *key, int64_t ms);	/* 0: null */
void		 json_add(struct json *array, struct json *value);
void		 json_add_text(struct json *array, const char *);

char		*json_print(const struct json *, struct arena *);	/* one line, no spaces */
char		*json_print_pretty(const struct json *, struct arena *);
/*
 * Parses text that we wrote ourselves (a column): NULL for NULL. One that somebody broke since is
 * {"damaged": why}, which has none of the keys that anyone asks for, and is seen by whoever looks.
 */
struct json	*json_ours(const char *);

#endif
