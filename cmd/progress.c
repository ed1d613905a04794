#include "cmd/progress.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LINE_BYTES	80	/* with the NUL: a longer one would be two on a narrow terminal */

struct counts {
	_Atomic int64_t	todo, done, read, claims;
};

struct progress {
	struct counts	*of;		/* shared */
	int		 n;
	int64_t		 began_ms;	/* monotonic */
	int		 wide;		/* columns of the line that stands there */
};

struct progress *
progress_open(int mailboxes)
{
	struct progress	*p;

	if (log_level_get() <= LOG_INFO || !isatty(STDERR_FILENO) ||
	    (p = calloc(1, sizeof *p)) == NULL)
		return NULL;
	p->n = mailboxes;
	p->began_ms = clock_mono_ms();
	p->of = mmap(NULL, (size_t)p->n * sizeof *p->of, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->of != MAP_FAILED)
		return p;
	free(p);
	return NULL;
}

static void
count(const struct ingest *in, void *arg)
{
	struct counts	*c = arg;

	c->todo = in->todo;
	c->done = in->ignored + in->read;
	c->read = in->read;
	c->claims = in->claims;
}

void
progress_of(struct progress *p, int i, struct ingest *in)
{
	if (p == NULL)
		return;
	in->progress = count;
	in->progress_arg = &p->of[i];
}

/* Ends at the start of the line, so that what a worker has to say is written over it. */
static void
line_put(struct progress *p, const char *text)
{
	const int	wide = (int)strlen(text);

	fprintf(stderr, "\r%s%*s\r", text, p->wide > wide ? p->wide - wide : 0, "");
	p->wide = wide;
}

void
progress_show(struct progress *p, const char *name)
{
	long long	todo = 0, done = 0, read = 0, claims = 0;
	char		line[LINE_BYTES];

	if (p == NULL || clock_mono_ms() - p->began_ms < PROGRESS_QUIET_MS)
		return;
	for (int i = 0; i < p->n; i++) {
		const struct counts *c = &p->of[i];

		todo += c->todo;
		done += c->done < c->todo ? c->done : c->todo;	/* what awaited its proof was not to do */
		read += c->read;
		claims += c->claims;
	}
	if (todo == 0)
		return;
	snprintf(line, sizeof line, "%.20s%s%lld of %lld mails done, %lld read, %lld claims",
	    name ? name : "", name ? ": " : "", done, todo, read, claims);
	line_put(p, line);
}

void
progress_close(struct progress *p)
{
	if (p == NULL)
		return;
	if (p->wide > 0)
		line_put(p, "");
	munmap(p->of, (size_t)p->n * sizeof *p->of);
	free(p);
}
