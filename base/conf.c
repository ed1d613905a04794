#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/span.h"

#define CONF_MAX_ERRORS	100	/* kept; who has more fixes these first */
#define CONF_MAX_EMAIL	254	/* RFC 5321 4.5.3.1.3: a path of 256 with its angle brackets */
#define CONF_MAX_LOCAL	64	/* RFC 5321 4.5.3.1.1 */

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };

struct conf_node {
	struct conf		 *conf;
	enum node_kind		  kind;
	int			  line, column;		/* from 1 */
	const char		 *name;			/* its key, or its list's; NULL: the root */
	const char		 *text;			/* of a scalar */
	bool			  quoted;
	bool			  asked;		/* as a value: somebody wanted it */
	bool			  complained;		/* as something that should be a mapping */
	struct conf_node	**kids;
	int			  count, room;
	const char		**known;		/* keys of a mapping that were asked for */
	int			  known_count;
};

struct conf_mistake {
	int		 line, column;
	const char	*text;
};

struct conf {
	struct arena		*arena;
	const char		*path;
	struct conf_node	*root;
	struct conf_mistake	 mistakes[CONF_MAX_ERRORS];
	int			 mistake_count;
};

/* ---- errors */

/* Kept in the order of the file, those of one place in the order found. */
static void
mistake_keep(struct conf *c, int line, int column, const char *text)
{
	int i = c->mistake_count;

	if (i == CONF_MAX_ERRORS)
		return;
	for (; i > 0; i--) {
		const struct conf_mistake *m = &c->mistakes[i - 1];

		if (m->line < line || (m->line == line && m->column <= column))
			break;
		c->mistakes[i] = *m;
	}
	c->mistakes[i] = (struct conf_mistake){line, column,
	    arena_printf(c->arena, "%s:%d:%d: %s", c->path, line, column, text)};
	c->mistake_count++;
}

/* `key` stands in front: the node may be only the mapping that lacks it. */
static void __attribute__((format(printf, 3, 4)))
wrong_at(const struct conf_node *n, const char *key, const char *fmt, ...)
{
	struct arena	*a = n->conf->arena;
	va_list		 ap;
	char		*text;

	va_start(ap, fmt);
	text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	if (key != NULL)
		text = arena_printf(a, "%s: %s", key, text);
	mistake_keep(n->conf, n->line, n->column, text);
}

void
conf_wrong(struct conf *c, const struct conf_node *n, const char *fmt, ...)
{
	va_list	 ap;
	char	*text;

	va_start(ap, fmt);
	text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	if (n == NULL)
		mistake_keep(c, 1, 1, text);
	else
		wrong_at(n, n->name, "%s", text);
}

int
conf_errors(const struct conf *c)
{
	return c->mistake_count;
}

const char *
conf_error(const struct conf *c, int i)
{
	return i >= 0 && i < c->mistake_count ? c->mistakes[i].text : NULL;
}

struct conf *
conf_of(const struct conf_node *n)
{
	return n != NULL ? n->conf : NULL;
}

const char *
conf_mark(const struct conf_node *n)
{
	if (n == NULL)
		return "?";
	return arena_printf(n->conf->arena, "%s:%d:%d", n->conf->path, n->line, n->column);
}

/* ---- from libyaml's events to nodes */

struct load {
	struct conf	*conf;
	yaml_parser_t	 parser;
	struct err	*e;
};

static int
load_wrong(struct load *l, size_t line, size_t column, const char *what)
{
	return err_what(l->e, ERR_FATAL, ERR_CONFIG, "%s:%zu:%zu: %s", l->conf->path, line + 1,
	    column + 1, what);
}

/* libyaml's own complaint: its reader gives a byte, its scanner and parser a mark. */
static int
load_syntax(struct load *l, struct span yaml)
{
	const yaml_parser_t	*p = &l->parser;
	size_t			 line = p->problem_mark.line, column = p->problem_mark.column;
	const char		*what = p->problem != NULL ? p->problem : "not YAML";

	if (p->error == YAML_MEMORY_ERROR)
		arena_no_memory();
	if (p->error == YAML_READER_ERROR) {
		line = column = 0;
		for (size_t i = 0; i < p->problem_offset && i < yaml.n; i++)
			if (yaml.p[i] == '\n') {
				line++;
				column = 0;
			} else {
				column++;
			}
	}
	return load_wrong(l, line, column, what);
}

static struct conf_node *
node_new(struct conf *c, enum node_kind kind, const yaml_mark_t *mark)
{
	struct conf_node *n = arena_alloc(c->arena, sizeof(*n));

	n->conf = c;
	n->kind = kind;
	n->line = mark != NULL ? (int)mark->line + 1 : 1;
	n->column = mark != NULL ? (int)mark->column + 1 : 1;
	return n;
}

static void
node_add(struct conf_node *parent, struct conf_node *kid)
{
	struct conf_node **more;

	if (parent->count == parent->room) {
		parent->room = parent->room > 0 ? parent->room * 2 : 8;
		more = arena_array(parent->conf->arena, (size_t)parent->room, sizeof(*more));
		if (parent->count > 0)
			memcpy(more, parent->kids, (size_t)parent->count * sizeof(*more));
		parent->kids = more;
	}
	parent->kids[parent->count++] = kid;
}

static struct conf_node *
map_find(const struct conf_node *map, const char *key)
{
	for (int i = 0; i < map->count; i++)
		if (strcmp(map->kids[i]->name, key) == 0)
			return map->kids[i];
	return NULL;
}

static struct conf_node *
scalar_new(struct conf *c, const yaml_event_t *ev)
{
	struct conf_node	*n = node_new(c, NODE_SCALAR, &ev->start_mark);
	const char		*value = (const char *)ev->data.scalar.value;

	n->text = arena_textn(c->arena, value, ev->data.scalar.length);
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (memchr(value, '\0', ev->data.scalar.length) != NULL)
		wrong_at(n, NULL, "a NUL in a text");
	return n;
}

static void
refuse_properties(const struct conf_node *n, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		wrong_at(n, NULL, "anchors (&%.40s) are not used here: write the value out",
		    (const char *)anchor);
	if (tag != NULL)
		wrong_at(n, NULL,
		    "tags (%.40s) are not used here: leave it out", (const char *)tag);
}

static int	load_node(struct load *, const yaml_event_t *, int, struct conf_node **,
    struct span);

static int
load_next(struct load *l, yaml_event_t *ev, struct span yaml)
{
	return yaml_parser_parse(&l->parser, ev) ? 0 : load_syntax(l, yaml);
}

/* The elements of a list up to its end. */
static int
load_list(struct load *l, struct conf_node *list, int depth, struct span yaml)
{
	yaml_event_t		 ev;
	struct conf_node	*kid;
	int			 rc = 0;

	while (rc == 0) {
		if (load_next(l, &ev, yaml) == -1)
			return -1;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		if ((rc = load_node(l, &ev, depth, &kid, yaml)) == 0)
			node_add(list, kid);
		yaml_event_delete(&ev);
	}
	return rc;
}

static void
map_put(struct conf_node *map, const struct conf_node *key, struct conf_node *value)
{
	if (key->kind != NODE_SCALAR) {
		wrong_at(key, NULL, "a key must be a word");
		return;
	}
	if (map_find(map, key->text) != NULL) {
		wrong_at(key, key->text, "stands here a second time");
		return;
	}
	value->name = key->text;
	for (int i = 0; i < value->count && value->kind == NODE_LIST; i++)
		if (value->kids[i]->name == NULL)
			value->kids[i]->name = key->text;
	/* An empty value has its mark somewhere after the colon: its key's says more. */
	if (value->kind == NODE_SCALAR && *value->text == '\0' && !value->quoted) {
		value->line = key->line;
		value->column = key->column;
	}
	node_add(map, value);
}

static int
load_map(struct load *l, struct conf_node *map, int depth, struct span yaml)
{
	yaml_event_t		 ev;
	struct conf_node	*key = NULL, *node;
	int			 rc = 0;

	while (rc == 0) {
		if (load_next(l, &ev, yaml) == -1)
			return -1;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		if ((rc = load_node(l, &ev, depth, &node, yaml)) == 0) {
			if (key == NULL) {
				key = node;
			} else {
				map_put(map, key, node);
				key = NULL;
			}
		}
		yaml_event_delete(&ev);
	}
	return rc;
}

/* One node, whose first event is ev; recursion is bounded by CONF_MAX_DEPTH. */
static int
load_node(struct load *l, const yaml_event_t *ev, int depth, struct conf_node **out,
    struct span yaml)
{
	struct conf_node *n;

	switch ((int)ev->type) {
	case YAML_SCALAR_EVENT:
		*out = n = scalar_new(l->conf, ev);
		refuse_properties(n, ev->data.scalar.anchor, ev->data.scalar.tag);
		return 0;
	case YAML_ALIAS_EVENT:
		*out = n = node_new(l->conf, NODE_SCALAR, &ev->start_mark);
		n->text = "";
		wrong_at(n, NULL, "aliases (*%.40s) are not used here: write the value out",
		    (const char *)ev->data.alias.anchor);
		return 0;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (depth >= CONF_MAX_DEPTH)
			return load_wrong(l, ev->start_mark.line, ev->start_mark.column,
			    "nested too deep");
		break;
	default:
		return load_wrong(l, ev->start_mark.line, ev->start_mark.column, "not YAML");
	}
	if (ev->type == YAML_SEQUENCE_START_EVENT) {
		*out = n = node_new(l->conf, NODE_LIST, &ev->start_mark);
		refuse_properties(n, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
		return load_list(l, n, depth + 1, yaml);
	}
	*out = n = node_new(l->conf, NODE_MAP, &ev->start_mark);
	refuse_properties(n, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	return load_map(l, n, depth + 1, yaml);
}

static bool
node_is_null(const struct conf_node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (n == NULL)
		return true;
	if (n->kind != NODE_SCALAR || n->quoted)
		return false;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(n->text, words[i]) == 0)
			return true;
	return false;
}

static int
load_stream(struct load *l, struct span yaml)
{
	yaml_event_t		ev;
	yaml_event_type_t	type;
	int			documents = 0, rc;

	do {
		if (load_next(l, &ev, yaml) == -1)
			return -1;
		type = ev.type;
		rc = 0;
		if (type == YAML_DOCUMENT_START_EVENT) {
			if (documents++ > 0)
				rc = load_wrong(l, ev.start_mark.line, ev.start_mark.column,
				    "a second document: one file holds one");
		} else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
		    type != YAML_DOCUMENT_END_EVENT) {
			rc = load_node(l, &ev, 0, &l->conf->root, yaml);
		}
		yaml_event_delete(&ev);
	} while (rc == 0 && type != YAML_STREAM_END_EVENT);
	return rc;
}

int
conf_parse(struct arena *a, const char *name, struct span yaml, struct conf **out, struct err *e)
{
	struct load	l = {.e = e};
	int		rc;

	l.conf = arena_alloc(a, sizeof(*l.conf));
	l.conf->arena = a;
	l.conf->path = arena_text(a, name);
	if (yaml.n > CONF_MAX_BYTES)
		return err_what(e, ERR_FATAL, ERR_CONFIG, "%s: larger than %d bytes", name,
		    CONF_MAX_BYTES);
	if (!yaml_parser_initialize(&l.parser))
		arena_no_memory();
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)(yaml.n > 0 ? yaml.p : ""),
	    yaml.n);
	rc = load_stream(&l, yaml);
	yaml_parser_delete(&l.parser);
	if (rc == -1)
		return -1;
	if (node_is_null(l.conf->root))		/* an empty file: all is default or missing */
		l.conf->root = node_new(l.conf, NODE_MAP, NULL);
	*out = l.conf;
	return 0;
}

/*
 * A regular file's bytes, at most max of them. ERR_CONFIG if any bit of `forbidden` is in its mode;
 * the check is made on what was opened, so that nobody can swap it in between.
 */
static int
file_read(struct arena *a, const char *path, int flags, mode_t forbidden, size_t max,
    struct span *bytes, struct err *e)
{
	int		fd = -1, rc = -1;
	struct stat	st;
	ssize_t		n;
	size_t		done = 0;
	char		*p;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags)) == -1) {
		err_what(e, ERR_FATAL, ERR_CONFIG, "%s: %s", path,
		    errno == ELOOP ? "is a symbolic link, and must be a file" : strerror(errno));
		goto out;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		err_what(e, ERR_FATAL, ERR_CONFIG, "%s: is not a regular file", path);
		goto out;
	}
	if ((st.st_mode & forbidden) != 0) {
		err_what(e, ERR_FATAL, ERR_CONFIG, "%s: mode %04o lets others %s it; chmod %s it",
		    path, (unsigned)st.st_mode & 07777,
		    (forbidden & 0444) != 0 ? "read or write" : "write",
		    (forbidden & 0444) != 0 ? "0600" : "go-w");
		goto out;
	}
	p = arena_room(a, max + 2);
	while (done <= max && (n = read(fd, p + done, max + 1 - done)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_what(e, ERR_FATAL, ERR_CONFIG, "%s: %s", path, strerror(errno));
			goto out;
		}
		done += (size_t)n;
	}
	if (done > max) {
		err_what(e, ERR_FATAL, ERR_CONFIG, "%s: larger than %zu bytes", path, max);
		goto out;
	}
	p[done] = '\0';
	*bytes = (struct span){p, done};
	rc = 0;
out:
	if (fd != -1)
		close(fd);
	return rc;
}

int
conf_load(struct arena *a, const char *path, struct conf **out, struct err *e)
{
	struct arena	tmp = {0};
	struct span	yaml;
	int		rc;

	rc = file_read(&tmp, path, 0, S_IWGRP | S_IWOTH, CONF_MAX_BYTES, &yaml, e);
	if (rc == 0)
		rc = conf_parse(a, path, yaml, out, e);
	arena_free(&tmp);
	return rc;
}

struct conf_node *
conf_root(struct conf *c)
{
	return c->root;
}

const char *
conf_path(const struct conf *c)
{
	return c->path;
}

struct arena *
conf_arena(const struct conf_node *n)
{
	return n->conf->arena;
}

/* ---- nodes */

bool
conf_is_map(const struct conf_node *n)
{
	return n != NULL && n->kind == NODE_MAP;
}

bool
conf_is_list(const struct conf_node *n)
{
	return n != NULL && n->kind == NODE_LIST;
}

const char *
conf_scalar(const struct conf_node *n, bool *quoted)
{
	if (n == NULL || n->kind != NODE_SCALAR)
		return NULL;
	if (quoted != NULL)
		*quoted = n->quoted;
	return n->text;
}

/* Remembered, so that an unknown key's error can say what is known. */
static void
map_known(struct conf_node *map, const char *key)
{
	const char **more;

	for (int i = 0; i < map->known_count; i++)
		if (strcmp(map->known[i], key) == 0)
			return;
	if (map->known_count % 16 == 0) {
		more = arena_array(map->conf->arena, (size_t)map->known_count + 16, sizeof(*more));
		if (map->known_count > 0)
			memcpy(more, map->known, (size_t)map->known_count * sizeof(*more));
		map->known = more;
	}
	map->known[map->known_count++] = arena_text(map->conf->arena, key);
}

/* False, with an error kept once, for what is there and no mapping. */
static bool
must_be_map(struct conf_node *n)
{
	if (n == NULL || n->kind == NODE_MAP)
		return n != NULL;
	if (!n->complained)
		conf_wrong(n->conf, n, "must be a mapping (key: value)");
	n->complained = true;
	return false;
}

/* The value even if it is null, and marked as asked for. */
static struct conf_node *
map_ask(struct conf_node *map, const char *key)
{
	struct conf_node *n;

	if (!must_be_map(map))
		return NULL;
	map_known(map, key);
	if ((n = map_find(map, key)) != NULL)
		n->asked = true;
	return n;
}

struct conf_node *
conf_get(struct conf_node *map, const char *key)
{
	struct conf_node *n = map_ask(map, key);

	return node_is_null(n) ? NULL : n;
}

/* The same, with an error kept for a required key that is missing or null. */
static struct conf_node *
get_needed(struct conf_node *map, const char *key, enum conf_need need)
{
	struct conf_node *n = map_ask(map, key);

	if (!node_is_null(n))
		return n;
	if (need == CONF_REQUIRED && conf_is_map(map))
		wrong_at(n != NULL ? n : map, key, "is required");
	return NULL;
}

struct conf_node *
conf_section(struct conf_node *map, const char *key, enum conf_need need)
{
	struct conf_node *n = get_needed(map, key, need);

	return must_be_map(n) ? n : NULL;
}

int
conf_count(struct conf_node *n)
{
	if (n == NULL)
		return 0;
	if (n->kind == NODE_LIST)
		return n->count;
	if (!n->complained)
		conf_wrong(n->conf, n, "must be a list");
	n->complained = true;
	return 0;
}

struct conf_node *
conf_item(struct conf_node *n, int i)
{
	return conf_is_list(n) && i >= 0 && i < n->count ? n->kids[i] : NULL;
}

const char *
conf_key(struct conf_node *n, int i, struct conf_node **value)
{
	if (!must_be_map(n) || i < 0 || i >= n->count)
		return NULL;
	n->kids[i]->asked = true;
	if (value != NULL)
		*value = node_is_null(n->kids[i]) ? NULL : n->kids[i];
	return n->kids[i]->name;
}

void
conf_done(struct conf_node *n)
{
	struct arena_buf b;

	if (!conf_is_map(n))
		return;
	for (int i = 0; i < n->count; i++) {
		if (n->kids[i]->asked)
			continue;
		b = (struct arena_buf){.arena = n->conf->arena};
		arena_puts(&b, "unknown key");
		for (int k = 0; k < n->known_count; k++)
			arena_putf(&b, "%s %s", k == 0 ? "; known here:" : ",", n->known[k]);
		conf_wrong(n->conf, n->kids[i], "%s", b.p);
	}
}

/* ---- typed getters */

/* A scalar that is no null; an error is kept for a list or mapping. */
static struct conf_node *
get_scalar(struct conf_node *map, const char *key, enum conf_need need, const char *what)
{
	struct conf_node *n = get_needed(map, key, need);

	if (n != NULL && n->kind != NODE_SCALAR) {
		conf_wrong(n->conf, n, "must be %s", what);
		return NULL;
	}
	return n;
}

const char *
conf_text(struct conf_node *map, const char *key, const char *deflt, enum conf_need need)
{
	struct conf_node *n = get_scalar(map, key, need, "a text");

	if (n == NULL)
		return deflt;
	if (*n->text == '\0' && need == CONF_REQUIRED)
		conf_wrong(n->conf, n, "must not be empty");
	return n->text;
}

bool
conf_bool(struct conf_node *map, const char *key, bool deflt)
{
	struct conf_node *n = get_scalar(map, key, CONF_OPTIONAL, "true or false");

	if (n == NULL)
		return deflt;
	if (strcmp(n->text, "true") == 0)
		return true;
	if (strcmp(n->text, "false") != 0)
		conf_wrong(n->conf, n, "must be true or false");
	return false;
}

int64_t
conf_int(struct conf_node *map, const char *key, int64_t deflt, int64_t min, int64_t max)
{
	struct conf_node	*n = get_scalar(map, key, CONF_OPTIONAL, "a number");
	struct span		 digits;
	long long		 value;

	if (n == NULL)
		return deflt;
	digits = span_from(span_of(n->text), *n->text == '-');
	errno = 0;
	value = span_digits(digits) ? strtoll(n->text, NULL, 10) : 0;
	if (!span_digits(digits) || errno == ERANGE || value < min || value > max) {
		conf_wrong(n->conf, n, "must be a number from %" PRId64 " to %" PRId64, min, max);
		return deflt;
	}
	return value;
}

int64_t
conf_span_ms(struct conf_node *map, const char *key, int64_t deflt_ms)
{
	struct conf_node	*n = get_scalar(map, key, CONF_OPTIONAL, "a time span like 14d");
	int64_t			 ms;
	struct err		 e;

	if (n == NULL)
		return deflt_ms;
	if (clock_parse_span(span_of(n->text), &ms, &e) == -1) {
		conf_wrong(n->conf, n, "%s", e.msg);
		return deflt_ms;
	}
	return ms;
}

int64_t
conf_bytes(struct conf_node *map, const char *key, int64_t deflt)
{
	static const char	 units[] = "KMGT";
	struct conf_node	*n = get_scalar(map, key, CONF_OPTIONAL, "a size like 10M");
	struct span		 digits;
	const char		*unit;
	int			 shift = 0;
	int64_t			 value;

	if (n == NULL)
		return deflt;
	digits = span_of(n->text);
	if (digits.n > 1 && (unit = strchr(units, digits.p[digits.n - 1])) != NULL) {
		shift = 10 * (int)(unit - units + 1);
		digits.n--;
	}
	/* Twelve digits fit any int64_t; with a unit the product might not. */
	if (!span_digits(digits) || digits.n > 12 ||
	    (value = strtoll(n->text, NULL, 10)) > INT64_MAX >> shift) {
		conf_wrong(n->conf, n, "must be a size in bytes, like 4096, 64K, 10M or 1G");
		return deflt;
	}
	return value << shift;
}

/* Which of the space-separated words it is, or -1. */
static int
word_index(struct span words, struct span word)
{
	struct span	one;
	int		i = 0;

	if (word.n == 0)
		return -1;
	while (words.n > 0) {
		span_cut(&words, ' ', &one);
		if (span_eq(one, word))
			return i;
		i++;
	}
	return -1;
}

int
conf_word(struct conf_node *map, const char *key, const char *words, int deflt)
{
	struct conf_node	*n = get_scalar(map, key, CONF_OPTIONAL, "one word");
	int			 i;

	if (n == NULL)
		return deflt;
	if ((i = word_index(span_of(words), span_of(n->text))) == -1) {
		conf_wrong(n->conf, n, "must be one of: %s", words);
		return deflt;
	}
	return i;
}

const char **
conf_texts(struct conf_node *map, const char *key)
{
	static const char	 *none[] = {NULL};
	struct conf_node	 *n = conf_get(map, key), *kid;
	const char		**texts;
	int			  count, k = 0;

	if (n == NULL)
		return none;
	count = n->kind == NODE_SCALAR ? 1 : conf_count(n);
	texts = arena_array(n->conf->arena, (size_t)count + 1, sizeof(*texts));
	for (int i = 0; i < count; i++) {
		kid = n->kind == NODE_SCALAR ? n : n->kids[i];
		if (kid->kind != NODE_SCALAR || node_is_null(kid) || *kid->text == '\0')
			conf_wrong(n->conf, kid, "must be a text that is not empty");
		else
			texts[k++] = kid->text;
	}
	return texts;
}

static bool
is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return true;
}

/* "host", "host:443", "[::1]:443". */
static bool
authority_is_good(struct span s)
{
	struct span	host, port = {NULL, 0};
	bool		has_port = false;
	long		number;

	if (s.n > 0 && s.p[0] == '[') {
		s = span_from(s, 1);
		if (!span_cut(&s, ']', &host) || host.n < 2 || host.n > 45)
			return false;
		for (size_t i = 0; i < host.n; i++)
			if (strchr("0123456789abcdefABCDEF:.", host.p[i]) == NULL)
				return false;
		if (s.n > 0) {
			if (s.p[0] != ':')
				return false;
			has_port = true;
			port = span_from(s, 1);
		}
	} else {
		has_port = span_cut(&s, ':', &host);
		port = s;
		if (!span_domain(host))
			return false;
	}
	if (!has_port)
		return true;
	if (!span_digits(port) || port.n > 5)
		return false;
	number = strtol(port.p, NULL, 10);
	return number >= 1 && number <= 65535;
}

/* NULL, or what is wrong. */
static const char *
url_problem(struct span url, const char *schemes)
{
	ptrdiff_t	colon = span_find(url, SPAN_LIT("://"), 0);
	struct span	authority;
	size_t		n = 0;

	if (!is_printable(url) || span_find(url, SPAN_LIT("\\"), 0) != -1)
		return "holds a blank, a backslash or a character outside ASCII";
	if (colon < 1 || word_index(span_of(schemes), span_take(url, (size_t)colon)) == -1)
		return "has another scheme";
	if (span_find(url, SPAN_LIT("#"), 0) != -1)
		return "has a fragment (#)";
	authority = span_from(url, (size_t)colon + 3);
	while (n < authority.n && authority.p[n] != '/' && authority.p[n] != '?')
		n++;
	authority.n = n;
	if (span_find(authority, SPAN_LIT("@"), 0) != -1)
		return "has a user or password in it, which belong in keys of their own";
	return authority_is_good(authority) ? NULL : "has no proper host (or port)";
}

const char *
conf_url(struct conf_node *map, const char *key, const char *schemes, enum conf_need need)
{
	struct conf_node	*n = get_scalar(map, key, need, "a URL");
	const char		*problem;

	if (n == NULL)
		return NULL;
	if ((problem = url_problem(span_of(n->text), schemes)) != NULL) {
		conf_wrong(n->conf, n, "%s; must be a URL that begins with one of: %s (and ://)",
		    problem, schemes);
		return NULL;
	}
	return n->text;
}

/* dot-atom of RFC 5322 3.2.3 */
static bool
is_dot_atom(struct span s)
{
	static const char atext[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789!#$%&'*+-/=?^_`{|}~";
	struct span	  atom;

	if (s.n == 0 || s.p[s.n - 1] == '.')
		return false;
	while (s.n > 0) {
		span_cut(&s, '.', &atom);
		if (atom.n == 0)
			return false;
		for (size_t i = 0; i < atom.n; i++)
			if (atom.p[i] == '\0' || strchr(atext, atom.p[i]) == NULL)
				return false;
	}
	return true;
}

const char *
conf_check_address(struct conf_node *n)
{
	struct span	domain, local;

	if (n == NULL)
		return NULL;
	if (n->kind == NODE_SCALAR) {
		domain = span_of(n->text);
		if (domain.n <= CONF_MAX_EMAIL && span_cut(&domain, '@', &local) &&
		    local.n <= CONF_MAX_LOCAL && is_dot_atom(local) && span_domain(domain))
			return n->text;
	}
	conf_wrong(n->conf, n, "must be an e-mail address like name@example.com (ASCII, no name)");
	return NULL;
}

const char *
conf_address(struct conf_node *map, const char *key, enum conf_need need)
{
	return conf_check_address(get_needed(map, key, need));
}

static const char *
path_resolve(const struct conf *c, const char *name)
{
	const char *slash = strrchr(c->path, '/');

	if (name[0] == '/' || slash == NULL)
		return name;
	return arena_printf(c->arena, "%.*s/%s", (int)(slash - c->path), c->path, name);
}

const char *
conf_file(struct conf_node *map, const char *key, const char *deflt, enum conf_need need)
{
	struct conf_node *n = get_scalar(map, key, need, "a file's name");

	if (n == NULL)
		return deflt;
	if (*n->text == '\0') {
		conf_wrong(n->conf, n, "must be a file's name");
		return deflt;
	}
	return path_resolve(n->conf, n->text);
}

/* ---- secrets */

struct conf_secret
conf_secret(struct conf_node *map, const char *key, enum conf_need need)
{
	struct conf_node	*n = get_scalar(map, key, need, "a file's name");
	struct conf_secret	 s = {NULL};

	if (n == NULL)
		return s;
	if (*n->text == '\0' || strcmp(n->text, ".") == 0 || strcmp(n->text, "..") == 0)
		conf_wrong(n->conf, n,
		    "must be a file's path, or the name of a systemd credential");
	else if (strchr(n->text, '/') != NULL)
		s.name = path_resolve(n->conf, n->text);
	else
		s.name = n->text;
	return s;
}

int
conf_secret_read(struct conf_secret s, struct arena *a, const char **out, struct err *e)
{
	/*
	 * systemd lets the service's user read a credential by an ACL, whose mask stands where the
	 * group's bits are: 0440 there does not mean that a group can read it.
	 */
	mode_t		 forbidden = S_IRWXG | S_IRWXO;
	const char	*path = s.name, *folder;
	struct span	 bytes;

	if (path == NULL)
		return err_what(e, ERR_FATAL, ERR_CONFIG, "no file is named for a secret");
	if (strchr(path, '/') == NULL) {
		if ((folder = getenv("CREDENTIALS_DIRECTORY")) == NULL || folder[0] != '/')
			return err_what(e, ERR_FATAL, ERR_CONFIG,
			    "credential \"%s\": not started by systemd with it; a file's "
			    "path must have a slash", path);
		path = arena_printf(a, "%s/%s", folder, path);
		forbidden = S_IRWXO;
	}
	if (file_read(a, path, O_NOFOLLOW, forbidden, CONF_MAX_SECRET, &bytes, e) == -1)
		return -1;
	if (bytes.n > 0 && bytes.p[bytes.n - 1] == '\n')
		bytes.n--;
	if (bytes.n == 0 || memchr(bytes.p, '\0', bytes.n) != NULL)
		return err_what(e, ERR_FATAL, ERR_CONFIG, "%s: %s", path,
		    bytes.n == 0 ? "is empty" : "holds a NUL");
	*out = arena_textn(a, bytes.p, bytes.n);
	return 0;
}
