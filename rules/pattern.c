#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/arena.h"
#include "rules/need.h"
#include "rules/pattern.h"

struct pattern {
	pcre2_code		*code;
	pcre2_match_data	*data;
	pcre2_match_context	*context;
	struct span		 subject;
	struct need		 need;
};

/* No JIT: W^X stays on, and our texts are small. */
static pcre2_code *
compile(struct span text, struct err *e)
{
	pcre2_compile_context	*cc = pcre2_compile_context_create(NULL);
	pcre2_code		*code;
	PCRE2_SIZE		 at;
	int			 error;
	PCRE2_UCHAR		 why[160];

	if (cc == NULL)
		arena_no_memory();
	pcre2_set_max_pattern_length(cc, PATTERN_MAX_BYTES);
	pcre2_set_parens_nest_limit(cc, PATTERN_NEST_LIMIT);
	code = pcre2_compile((PCRE2_SPTR)text.p, text.n,
	    PCRE2_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_CASELESS |
		PCRE2_NO_AUTO_CAPTURE,
	    &error, &at, cc);
	pcre2_compile_context_free(cc);
	if (code == NULL) {
		pcre2_get_error_message(error, why, sizeof(why));
		err_set(e, ERR_REJECT, "pattern: %s (at byte %zu)", (char *)why, (size_t)at);
	}
	return code;
}

int
pattern_open(struct span text, struct pattern **out, struct err *e)
{
	pcre2_code	*code = compile(text, e);
	struct pattern	*p;

	if (code == NULL)
		return -1;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		arena_no_memory();
	p->code = code;
	need_read(&p->need, text);
	p->data = pcre2_match_data_create_from_pattern(code, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (p->data == NULL || p->context == NULL)
		arena_no_memory();
	pcre2_set_match_limit(p->context, PATTERN_MATCH_LIMIT);
	pcre2_set_depth_limit(p->context, PATTERN_DEPTH_LIMIT);
	pcre2_set_heap_limit(p->context, PATTERN_HEAP_KIB);
	*out = p;
	return 0;
}

void
pattern_close(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	free(p);
}

const char *
pattern_name(const struct pattern *p, int i)
{
	uint32_t	count = 0, size = 0;
	PCRE2_SPTR	table = NULL;

	pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
	if (i < 0 || (uint32_t)i >= count)
		return NULL;
	return (const char *)table + (size_t)i * size + 2;	/* behind the group's number */
}

int
pattern_group(const struct pattern *p, const char *name)
{
	int n = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR)name);

	return n > 0 ? n : -1;
}

static int
match(struct pattern *p, struct span window, size_t from, uint32_t options)
{
	p->subject = window;
	return pcre2_match(p->code, (PCRE2_SPTR)(window.p != NULL ? window.p : ""), window.n, from, options, p->data,
	    p->context);
}

/* Where a window may begin or end: a space, or at least no byte within a character. */
static size_t
word_edge(struct span s, size_t at)
{
	size_t back = at;

	while (back > 0 && at - back < PATTERN_WORD && s.p[back] != ' ')
		back--;
	if (s.p[back] == ' ')
		return back;
	while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* The part of a long subject to look at, so that nothing is begun before byte `at`. */
static struct span
window_of(struct span s, size_t at)
{
	size_t	begin = at > PATTERN_WORD ? word_edge(s, at - PATTERN_WORD) : 0, end = s.n;

	if (s.n - begin > PATTERN_MAX_SUBJECT)
		end = word_edge(s, begin + PATTERN_MAX_SUBJECT);
	return (struct span){s.p + begin, end - begin};
}

enum pattern_result
pattern_find(struct pattern *p, struct span subject, size_t from)
{
	int rc = PCRE2_ERROR_NOMATCH;

	if (from == 0 && need_misses(&p->need, subject))
		return PATTERN_NO_MATCH;
	while (from <= subject.n) {
		struct span	w = window_of(subject, from);
		size_t		begin = w.p != NULL ? (size_t)(w.p - subject.p) : 0, end = begin + w.n;

		rc = match(p, w, from - begin, (begin > 0 ? PCRE2_NOTBOL : 0) | (end < subject.n ? PCRE2_NOTEOL : 0));
		if (rc != PCRE2_ERROR_NOMATCH || end == subject.n)
			break;
		from = word_edge(subject, end - PATTERN_OVERLAP);
	}
	if (rc == PCRE2_ERROR_NOMATCH)
		return PATTERN_NO_MATCH;
	return rc > 0 ? PATTERN_MATCH : PATTERN_LIMIT;	/* bad UTF-8 is not "no match" either */
}

struct span
pattern_span(const struct pattern *p, int group)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(p->data);

	if (group < 0 || (uint32_t)group >= pcre2_get_ovector_count(p->data) ||
	    v[2 * group] == PCRE2_UNSET || v[2 * group] > v[2 * group + 1])
		return (struct span){NULL, 0};
	return (struct span){p->subject.p + v[2 * group], v[2 * group + 1] - v[2 * group]};
}
