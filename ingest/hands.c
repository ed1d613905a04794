#include <stddef.h>
#include <string.h>

#include "ingest/hands.h"

static unsigned
bucket_of(const char *msn, int64_t id)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	if (msn == NULL)
		return (uint64_t)id % HANDS_BUCKETS;
	for (; *msn != '\0'; msn++)
		h = (h ^ (unsigned char)*msn) * 16777619u;
	return h % HANDS_BUCKETS;
}

static bool
is_there(const struct hands *h, const char *msn, int64_t id)
{
	const struct hand *one = h->first[bucket_of(msn, id)];

	for (; one != NULL; one = one->next)
		if (msn == NULL ? one->msn == NULL && one->id == id : one->msn != NULL && strcmp(one->msn, msn) == 0)
			return true;
	return false;
}

void
hands_put(struct hands *h, struct hand *one)
{
	struct hand **first = &h->first[bucket_of(one->msn, one->id)];

	one->next = *first;
	*first = one;
}

void
hands_drop(struct hands *h, struct hand *one)
{
	struct hand **at = &h->first[bucket_of(one->msn, one->id)];

	while (*at != one)
		at = &(*at)->next;
	*at = one->next;
}

bool
hands_has(const struct hands *h, const char *msn, int64_t id)
{
	return (msn != NULL && is_there(h, msn, 0)) || is_there(h, NULL, id);
}

struct hand *
hands_any(const struct hands *h)
{
	for (int i = 0; i < HANDS_BUCKETS; i++)
		if (h->first[i] != NULL)
			return h->first[i];
	return NULL;
}
