/*
 * arena - memory that dies together
 *
 * One mail (or one request), one arena: all that is made on its way dies in one arena_free().
 * `struct arena a = {0};` is an empty arena. Allocation never fails: out of memory ends the process
 * through arena_no_memory(), the only place outside cmd/ that may.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/span.h"

#define ARENA_BLOCK_BYTES 16384		/* the first block; most mails need no second */
#define ARENA_KEPT_BYTES (512 * 1024)	/* the largest block that arena_reuse() keeps */
#define ARENA_EXIT_NO_MEMORY 75		/* EX_TEMPFAIL, the status of what was stopped early; a parent knows it from a crash */

struct arena {
	struct arena_block	*head;
};

/* Zeroed, aligned for any type. n may be 0. */
void		*arena_alloc(struct arena *, size_t n);
/* An array of n elements; the multiplication is checked. */
void		*arena_array(struct arena *, size_t n, size_t size);
char		*arena_room(struct arena *, size_t n);			/* bytes to be written at once: not zeroed */
char		*arena_text(struct arena *, const char *);		/* a copy; NULL gives NULL */
char		*arena_textn(struct arena *, const char *, size_t);	/* a copy, NUL-ended */
struct span	 arena_span(struct arena *, struct span);		/* a copy, NUL-ended too */
char		*arena_printf(struct arena *, const char *, ...) __attribute__((format(printf, 2, 3)));
char		*arena_vprintf(struct arena *, const char *, va_list);
void		 arena_free(struct arena *);				/* and it is empty again */
void		 arena_reuse(struct arena *);				/* the same, but a block is kept for what comes next */
_Noreturn void	 arena_no_memory(void);

/*
 * A buffer that grows in an arena: old copies stay until the arena dies, so growth doubles.
 * `struct arena_buf b = {.arena = &a};` starts one; b.p[b.n] is always a NUL once something was put.
 */
struct arena_buf {
	struct arena	*arena;
	char		*p;
	size_t		 n, cap;
};
void		 arena_put(struct arena_buf *, const void *, size_t);
void		 arena_puts(struct arena_buf *, const char *);
void		 arena_putf(struct arena_buf *, const char *, ...) __attribute__((format(printf, 2, 3)));

#endif
