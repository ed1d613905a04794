/*
 * What comes over the wire between parent and child. The first byte says what the rest is: a stream of
 * frames, settings, header blocks, a proof or a reading. What is accepted has one form only.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static int fd;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fd = memfd_create("frames", MFD_CLOEXEC);
	fuzz_promise(fd >= 0, "there is a stream");
	return 0;
}

static void
frames(struct span wire, struct arena *a)
{
	enum frame_type	type;
	struct span	payload;
	struct err	e;

	fuzz_promise(ftruncate(fd, 0) == 0 && pwrite(fd, wire.p, wire.n, 0) == (ssize_t)wire.n &&
	    lseek(fd, 0, SEEK_SET) == 0, "the stream is written");
	while (frame_recv(fd, 0, READING_MAX_ANSWER, a, &type, &payload, &e) == 0)
		fuzz_promise(type >= FRAME_SETUP && type <= FRAME_REJECTED && payload.n <= READING_MAX_ANSWER,
		    "a frame is of a known type and bounded");
}

static void
settings(struct span wire, struct arena *a)
{
	struct reading_setup	s;
	struct err		e;

	if (setup_decode(wire, a, &s, &e) == 0)
		fuzz_promise(span_eq(setup_encode(&s, a), wire), "settings have one form");
}

static void
headers(struct span wire, struct arena *a)
{
	struct span	*list;
	size_t		 n;
	struct err	 e;

	if (screen_decode(wire, a, &list, &n, &e) == 0)
		fuzz_promise(span_eq(screen_encode(list, n, a), wire), "header blocks have one form");
}

static void
proof(struct span wire, struct arena *a)
{
	struct proof	p;
	struct err	e;

	if (proof_decode(wire, a, &p, &e) == 0) {
		fuzz_promise(p.kind == PROOF_NONE || p.from_domain[0] != '\0', "a proof is somebody's");
		fuzz_promise(span_eq(proof_encode(&p, a), wire), "a proof has one form");
	}
}

static void
reading(struct span wire, struct arena *a)
{
	struct reading	r;
	struct err	e;

	if (reading_decode(wire, a, &r, &e) == 0) {
		fuzz_promise(r.found.count == 0 || r.found.kind == RULE_APPROVAL, "only approvals have claims");
		fuzz_promise(span_eq(reading_encode(&r, a), wire), "a reading has one form");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const known[])(struct span, struct arena *) = {frames, settings, headers, proof, reading};
	struct arena a = {0};

	if (size > 0)
		known[data[0] % COUNT(known)]((struct span){(const char *)data + 1, size - 1}, &a);
	arena_free(&a);
	return 0;
}
