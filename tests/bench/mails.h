/*
 * mails - what the programs of the bench share: the mailbox in memory, and one line of result
 *
 * Included by each once. Loading is not timed. CPU seconds count our children, once they are reaped.
 */
#ifndef TESTS_BENCH_MAILS_H
#define TESTS_BENCH_MAILS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "ingest/files.h"

#define MAILS_MAX_BYTES	(32 << 20)	/* of one mail: the largest limits.mail_bytes */

struct mails {
	struct arena	 arena;
	struct span	*list;
	size_t		 n, bytes;
};

struct bench_time {
	double	wall_s, cpu_s;
};

_Noreturn static void
bench_fail(const struct err *e)
{
	fprintf(stderr, "bench: %s\n", e->msg);
	exit(EXIT_FAILURE);
}

static void
mails_load(struct mails *m, const char *folder)
{
	const char	**names;
	struct err	  e;

	*m = (struct mails){0};
	if (files_list(folder, &m->arena, &names, &m->n, &e) != 0)
		bench_fail(&e);
	m->list = arena_array(&m->arena, m->n, sizeof *m->list);
	for (size_t i = 0; i < m->n; i++) {
		if (files_read(names[i], MAILS_MAX_BYTES, &m->arena, &m->list[i], &e) != 0)
			bench_fail(&e);
		m->bytes += m->list[i].n;
	}
}

static double
rusage_seconds(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct bench_time
bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct bench_time){
		.wall_s = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9,
		.cpu_s = rusage_seconds(RUSAGE_SELF) + rusage_seconds(RUSAGE_CHILDREN),
	};
}

/* One JSON object; `more` is members to add to it, or "". */
static void
bench_print(const struct mails *m, struct bench_time from, const char *more)
{
	struct bench_time now = bench_now();

	printf("{\"mails\": %zu, \"bytes\": %zu, \"wall_s\": %.4f, \"cpu_s\": %.4f%s%s}\n", m->n, m->bytes,
	    now.wall_s - from.wall_s, now.cpu_s - from.cpu_s, *more ? ", " : "", more);
}

#endif
