/*
 * conf - a YAML file as nodes with marks; the one door to libyaml
 *
 * conf_load() parses a file into nodes that know their file:line:column. Each module then reads its
 * own section with the typed getters below into a struct of its own header, so that a key, its type,
 * its default and its meaning stand together. A getter never fails: what is wrong is kept in the
 * conf as "file:line:column: key: what is wrong, and what would be right", and conf_done() reports
 * each key that nobody asked for. conf_error() gives them all at the end.
 * Anchors, aliases, tags and second documents are refused; so are duplicate keys.
 * Everything lives in the arena given to conf_load() and as long as it.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define CONF_MAX_BYTES	1048576	/* of one file: 1 MiB */
#define CONF_MAX_DEPTH	16
#define CONF_MAX_SECRET	16384	/* of a secret's file */

struct conf;		/* one file, its nodes and the errors found so far */
struct conf_node;	/* NULL stands for a key that is not there: every getter takes it */

enum conf_need { CONF_OPTIONAL, CONF_REQUIRED };

/*
 * ERR_CONFIG if the file cannot be read, is too large, may be written by group or others, or is not
 * YAML; syntax errors carry their mark. conf_parse() is the same for bytes that `name` names.
 */
int	conf_load(struct arena *, const char *path, struct conf **, struct err *);
int	conf_parse(struct arena *, const char *name, struct span yaml, struct conf **, struct err *);

struct conf_node *conf_root(struct conf *);
const char	*conf_path(const struct conf *);

/* Number of errors kept; conf_error(i) is the text of one, in the order of the file. */
int		 conf_errors(const struct conf *);
const char	*conf_error(const struct conf *, int i);
/* Keeps an error of the caller's own at a node (at the file's start if NULL). */
void		 conf_wrong(struct conf *, const struct conf_node *, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
struct conf	*conf_of(const struct conf_node *);
/* The arena that holds it all: for what a module makes of its section. The node is not NULL. */
struct arena	*conf_arena(const struct conf_node *);
/* "file:line:column" of a node, for messages. */
const char	*conf_mark(const struct conf_node *);

/* A mapping's value; marks the key as asked for. NULL if it is not there or is null. */
struct conf_node *conf_get(struct conf_node *, const char *key);
/* The same, but keeps an error if it is there and no mapping, or is missing though required. */
struct conf_node *conf_section(struct conf_node *, const char *key, enum conf_need);
/* A sequence's length (0 for NULL; an error is kept if the value is no sequence) and elements. */
int		 conf_count(struct conf_node *);
struct conf_node *conf_item(struct conf_node *, int i);
/* Keys of a mapping in the order of the file; NULL past the end. Marks the key as asked for. */
const char	*conf_key(struct conf_node *, int i, struct conf_node **value);

bool		 conf_is_map(const struct conf_node *);
bool		 conf_is_list(const struct conf_node *);
/* A scalar's text, NULL for anything else. `quoted` (may be NULL) tells "null" from null. */
const char	*conf_scalar(const struct conf_node *, bool *quoted);

/* Typed getters by key: the default stands for a key that is missing or null. */
const char	*conf_text(struct conf_node *, const char *key, const char *deflt, enum conf_need);
bool		 conf_bool(struct conf_node *, const char *key, bool deflt);
int64_t		 conf_int(struct conf_node *, const char *key, int64_t deflt, int64_t min, int64_t max);
int64_t		 conf_span_ms(struct conf_node *, const char *key, int64_t deflt_ms);	/* "14d" */
int64_t		 conf_bytes(struct conf_node *, const char *key, int64_t deflt);	/* "10M" (2^20) */
/* One of the words of `words` ("a b c"): its index, or deflt. */
int		 conf_word(struct conf_node *, const char *key, const char *words, int deflt);
/* A list of texts (one scalar counts as a list of one), NULL-ended, never NULL itself. */
const char	**conf_texts(struct conf_node *, const char *key);
/* A URL with one of the schemes ("https smtps"): a host, no user or password in it, no fragment. */
const char	*conf_url(struct conf_node *, const char *key, const char *schemes, enum conf_need);
/* An e-mail address: addr-spec, printable ASCII only (CR and LF would be commands to a server). */
const char	*conf_address(struct conf_node *, const char *key, enum conf_need);
const char	*conf_check_address(struct conf_node *scalar);	/* the same for a list's element */
/* A file's name, resolved against the folder of the configuration file if relative. */
const char	*conf_file(struct conf_node *, const char *key, const char *deflt, enum conf_need);

/*
 * A secret is named, and read only by the process that uses it. With a slash it is a file's path,
 * without one a systemd credential ($CREDENTIALS_DIRECTORY).
 */
struct conf_secret { const char *name; };
struct conf_secret conf_secret(struct conf_node *, const char *key, enum conf_need);
/*
 * The file's bytes without one trailing newline. ERR_CONFIG if missing, empty, a link, holding NUL,
 * longer than CONF_MAX_SECRET, or readable by group or others. The caller's arena holds it.
 */
int		 conf_secret_read(struct conf_secret, struct arena *, const char **, struct err *);

/* Keeps an error for every key of this mapping that was never asked for. */
void		 conf_done(struct conf_node *);

#endif
