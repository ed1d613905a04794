#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

#define ARENA_BLOCK_MAX 1048576	/* a block grows no further by doubling */

struct arena_block {
	struct arena_block	*next;
	size_t			 used, size;
	max_align_t		 data[];
};

void
arena_no_memory(void)
{
	static const char text[] = "error arena.out-of-memory\n";

	/* Nothing that could allocate, flush or unwind. */
	ssize_t done = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)done;
	_exit(ARENA_EXIT_NO_MEMORY);
}

static struct arena_block *
block_new(struct arena *a, size_t need)
{
	size_t			 size = ARENA_BLOCK_BYTES;
	struct arena_block	*b;

	/* Doubling keeps the number of blocks logarithmic; a large piece gets just its size. */
	if (a->head != NULL && a->head->size <= ARENA_BLOCK_MAX / 2)
		size = a->head->size * 2;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(*b) || (b = malloc(sizeof(*b) + size)) == NULL)
		arena_no_memory();
	b->used = 0;
	b->size = size;
	if (size == need && a->head != NULL) {
		b->next = a->head->next;	/* full at once: keep filling the present head */
		a->head->next = b;
	} else {
		b->next = a->head;
		a->head = b;
	}
	return b;
}

/* What n bytes take: whole units of alignment. */
static size_t
whole(size_t n)
{
	const size_t align = _Alignof(max_align_t);

	if (n > SIZE_MAX - align)
		arena_no_memory();
	return n == 0 ? align : (n + align - 1) / align * align;
}

/* Most bytes of an arena are written at once, and zeroing them first is half the work. */
char *
arena_room(struct arena *a, size_t n)
{
	struct arena_block	*b = a->head;
	char			*p;

	n = whole(n);
	if (b == NULL || b->size - b->used < n)
		b = block_new(a, n);
	p = (char *)b->data + b->used;
	b->used += n;
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return memset(arena_room(a, n), 0, n);
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		arena_no_memory();
	return arena_alloc(a, bytes);
}

char *
arena_textn(struct arena *a, const char *s, size_t n)
{
	char *p;

	if (n == SIZE_MAX)
		arena_no_memory();
	p = arena_room(a, n + 1);
	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
arena_text(struct arena *a, const char *s)
{
	return s != NULL ? arena_textn(a, s, strlen(s)) : NULL;
}

struct span
arena_span(struct arena *a, struct span s)
{
	return (struct span){arena_textn(a, s.p, s.n), s.n};
}

/* Into what room there is, for most texts are short; again if it was too little. */
char *
arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	struct arena_block	*b = a->head != NULL ? a->head : block_new(a, 0);
	const size_t		 room = b->size - b->used;
	char			*p = (char *)b->data + b->used;
	va_list			 again;
	int			 n;

	va_copy(again, ap);
	n = vsnprintf(p, room, fmt, again);
	va_end(again);
	if (n < 0)
		arena_no_memory();
	if ((size_t)n < room) {
		b->used += whole((size_t)n + 1);	/* which is room, too */
		return p;
	}
	p = arena_room(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

void
arena_free(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->head; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	a->head = NULL;
}

void
arena_reuse(struct arena *a)
{
	struct arena_block *kept = NULL, *b, *next;

	for (b = a->head; b != NULL; b = next) {
		next = b->next;
		if (b->size <= ARENA_KEPT_BYTES && (kept == NULL || b->size > kept->size)) {
			free(kept);
			kept = b;
		} else {
			free(b);
		}
	}
	a->head = kept;
	if (kept != NULL) {
		kept->next = NULL;
		kept->used = 0;
	}
}

/* Room for n more bytes and their NUL. */
static void
buf_grow(struct arena_buf *b, size_t n)
{
	size_t	 cap = b->cap > 0 ? b->cap : 256;
	char	*bigger;

	if (n >= SIZE_MAX / 2 - b->n)
		arena_no_memory();
	while (cap < b->n + n + 1)
		cap *= 2;
	bigger = arena_room(b->arena, cap);
	if (b->n > 0)
		memcpy(bigger, b->p, b->n);
	b->p = bigger;
	b->cap = cap;
}

void
arena_put(struct arena_buf *b, const void *p, size_t n)
{
	if (b->cap - b->n <= n)		/* an empty buffer too: it has no room for the NUL */
		buf_grow(b, n);
	if (n == 1)			/* many callers build text byte by byte */
		b->p[b->n] = *(const char *)p;
	else if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
arena_puts(struct arena_buf *b, const char *s)
{
	arena_put(b, s, strlen(s));
}

void
arena_putf(struct arena_buf *b, const char *fmt, ...)
{
	va_list	 ap;
	char	*s;

	va_start(ap, fmt);
	s = arena_vprintf(b->arena, fmt, ap);
	va_end(ap);
	arena_puts(b, s);
}
