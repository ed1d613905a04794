/*
 * key - see key.h
 */
#include "ingest/key.h"

#include <string.h>

#include "base/clock.h"

#define KEYS_FRESH_MS	(5 * CLOCK_MINUTE)
#define KEYS_MAX_LOST	3
#define KEYS_LOST_MS	CLOCK_MINUTE

/* All that is known is given up when the oldest of it is, or there is no room for more. */
static void
keys_age(struct keys *k, int64_t mono_ms)
{
	if (k->count == 0 || (k->count < KEYS_MAX && mono_ms - k->known_ms[0] < KEYS_FRESH_MS))
		return;
	arena_free(&k->arena);
	k->count = 0;
}

/* Nobody can be asked, or who was asked of late did not answer. */
static bool
keys_silent(const struct keys *k, int64_t mono_ms)
{
	return k->ask == NULL || (k->lost >= KEYS_MAX_LOST && mono_ms - k->lost_ms < KEYS_LOST_MS);
}

/* Its place among the known; k->count: it is not. */
static size_t
keys_place(const struct keys *k, const char *name)
{
	size_t i = 0;

	while (i < k->count && strcmp(k->known[i].name, name) != 0)
		i++;
	return i;
}

bool
keys_known(struct keys *k, const char *name)
{
	int64_t mono_ms = clock_mono_ms();

	keys_age(k, mono_ms);
	return keys_place(k, name) < k->count || keys_silent(k, mono_ms);
}

enum key_status
keys_find(struct keys *k, const char *name, struct arena *a, struct span *record)
{
	int64_t		mono_ms = clock_mono_ms();
	enum key_status	status;
	size_t		i;

	*record = SPAN_LIT("");
	keys_age(k, mono_ms);
	i = keys_place(k, name);
	if (i < k->count) {
		*record = arena_span(a, k->known[i].record);
		return k->known[i].status;
	}
	if (keys_silent(k, mono_ms))
		return KEY_FAILED;
	status = k->ask(k->servers, name, a, record);
	if (status == KEY_FAILED) {
		k->lost++;
		k->lost_ms = clock_mono_ms();
		return status;
	}
	k->lost = 0;
	k->known[k->count] = (struct key){arena_text(&k->arena, name), status, arena_span(&k->arena, *record)};
	k->known_ms[k->count++] = mono_ms;
	return status;
}

size_t
keys_latest(struct keys *k, struct key *out, size_t max)
{
	size_t n = 0;

	keys_age(k, clock_mono_ms());
	for (; n < k->count && n < max; n++)
		out[n] = k->known[k->count - 1 - n];
	return n;
}

void
keys_free(struct keys *k)
{
	arena_free(&k->arena);
	k->count = 0;
}
