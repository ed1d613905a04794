/* A mail's header, as the prover and the screen take it. */
#include "read/prove.h"
#include "read/screen.h"
#include "tests/fuzz/fuzz.h"

static struct message_door *door;
static struct dkim_door *dkim;

static enum key_status
no_key(void *arg, const char *selector, const char *domain, struct arena *a, struct span *record)
{
	(void)arg;
	(void)selector;
	(void)domain;
	(void)a;
	*record = SPAN_LIT("");
	return KEY_NONE;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err e;

	(void)argc;
	(void)argv;
	fuzz_promise(message_open(&door, &e) == 0, "GMime and the charsets open");
	fuzz_promise(dkim_open(&dkim, &e) == 0, "libopendkim opens");
	fuzz_rules();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char			*none[] = {NULL}, *domains[] = {"vippsmobilepay.com", NULL},
					*authserv[] = {"mx.example.com", NULL};
	const struct reading_setup	 setup = {.role = ROLE_PROVER, .rules = none, .domains = domains, .from = none,
	    .forwarders = none, .authserv_ids = authserv, .accept_authentication_results = true, .accept_dkim = true,
	    .microsoft365 = true};
	const struct prover		 prover = {.setup = &setup, .dkim = dkim, .key = no_key};
	struct span			 mail = {(const char *)data, size}, wire;
	struct arena			 a = {0};
	struct proof			 p, back;
	struct err			 e = {0};

	if (prove(&prover, 0, mail, &a, &p, &e) == 0) {
		fuzz_promise(p.kind == PROOF_NONE || span_is(span_of(p.from_domain), domains[0]),
		    "only configured domains are proven");
		wire = proof_encode(&p, &a);
		if (proof_decode(wire, &a, &back, &e) < 0)
			fuzz_promise(false, e.msg);
		fuzz_promise(span_eq(proof_encode(&back, &a), wire), "what is decoded is what was encoded");
	} else
		fuzz_promise(e.kind == ERR_REJECT, "a header is judged or refused");
	screen_candidate(&setup, fuzz_rules(), door, mail);
	arena_free(&a);
	return 0;
}
