/* replay - a target with its saved inputs, without a fuzzer: replay-TARGET FILE-OR-FOLDER... */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/fuzz/fuzz.h"

#define REPLAY_MAX_SECONDS 60	/* for one input, sanitized and on a loaded machine: it hangs */

/* What is replayed now, for who is to mend it: the end comes from anywhere. */
static char current[4096];

static void
tell(int sig)
{
	(void)!write(STDERR_FILENO, current, strlen(current));
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
replay_file(const char *path)
{
	struct arena		a = {0};
	struct arena_buf	b = {.arena = &a};
	FILE			*f = fopen(path, "rb");
	char			chunk[4096], *exact;
	size_t			n;

	snprintf(current, sizeof(current), "replay: %s\n", path);
	fuzz_promise(f != NULL, "an input can be opened");
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		arena_put(&b, chunk, n);
	fclose(f);
	exact = malloc(b.n > 0 ? b.n : 1);	/* so that the sanitizer sees a read past the end */
	fuzz_promise(exact != NULL, "there is memory");
	if (b.n > 0)
		memcpy(exact, b.p, b.n);
	alarm(REPLAY_MAX_SECONDS);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, b.n);
	alarm(0);
	free(exact);
	arena_free(&a);
}

static size_t
replay(const char *path)
{
	struct dirent	**names;
	char		  file[4096];
	size_t		  count = 0;
	int		  n = scandir(path, &names, NULL, alphasort);

	if (n < 0) {
		fuzz_promise(errno == ENOTDIR, "a folder of the corpus is there");
		replay_file(path);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
			replay_file(file);
			count++;
		}
		free(names[i]);
	}
	free(names);
	return count;
}

int
main(int argc, char **argv)
{
	size_t count = 0;

	signal(SIGABRT, tell);
	signal(SIGSEGV, tell);
	signal(SIGALRM, tell);
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		count += replay(argv[i]);
	fuzz_promise(count > 0, "there is something to replay");
	printf("%s: %zu inputs\n", strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0], count);
	return 0;
}
