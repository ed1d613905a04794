#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"

static void
memory_is_zeroed_and_aligned(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 100, ARENA_BLOCK_BYTES, 3 * ARENA_BLOCK_BYTES, 5, 200000};
	struct arena	a = {0};

	(void)state;
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < COUNT(sizes); i++) {
			char *p = arena_alloc(&a, sizes[i]);

			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t k = 0; k < sizes[i]; k++)
				if (p[k] != 0)
					fail_msg("byte %zu of %zu is not zero", k, sizes[i]);
			memset(p, 0xa5, sizes[i]);
		}
	arena_free(&a);
	assert_null(a.head);
	arena_free(&a);
}

static void
a_block_is_kept_for_what_comes_next_and_memory_zeroed_again(void **state)
{
	struct arena	a = {0};

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (size_t n = 1; n <= ARENA_KEPT_BYTES; n *= 3) {
			char *p = arena_alloc(&a, n);

			assert_int_equal(p[0] | p[n / 2] | p[n - 1], 0);
			memset(p, 0xa5, n);
		}
		memset(arena_room(&a, 2 * ARENA_KEPT_BYTES), 0xa5, 2 * ARENA_KEPT_BYTES);
		arena_reuse(&a);
		assert_non_null(a.head);
	}
	arena_free(&a);
	assert_null(a.head);
	arena_reuse(&a);
	assert_null(a.head);
}

static void
texts_are_copies_with_an_end(void **state)
{
	struct arena	a = {0};
	char		text[] = "abc";
	char		*copy = arena_text(&a, text);
	struct span	s = arena_span(&a, (struct span){"x\0y", 3});

	(void)state;
	text[0] = 'X';
	assert_string_equal(copy, "abc");
	assert_null(arena_text(&a, NULL));
	assert_string_equal(arena_textn(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_textn(&a, NULL, 0), "");
	assert_memory_equal(s.p, "x\0y", 4);
	assert_string_equal(arena_printf(&a, "%s-%d", "n", 42), "n-42");
	arena_free(&a);
}

static void
a_buffer_grows_and_stays_ended(void **state)
{
	struct arena	 a = {0};
	struct arena_buf b = {.arena = &a};

	(void)state;
	for (int i = 0; i < 10000; i++)
		arena_put(&b, "\0z", 2);
	arena_puts(&b, "end");
	arena_putf(&b, "%d", 7);
	assert_int_equal(b.n, 20004);
	assert_memory_equal(b.p + 19998, "\0zend7", 7);
	arena_free(&a);
}

static int
exit_status_of(void (*die)(void))
{
	int	status;
	pid_t	pid = fork();

	if (pid == 0) {
		close(STDERR_FILENO);
		die();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
take_too_much(void)
{
	struct arena a = {0};

	arena_array(&a, SIZE_MAX / 2, 3);
}

static void
take_all(void)
{
	struct arena a = {0};

	arena_alloc(&a, SIZE_MAX - 4);
}

static void
no_memory_is_an_exit_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(exit_status_of(take_too_much), ARENA_EXIT_NO_MEMORY);
	assert_int_equal(exit_status_of(take_all), ARENA_EXIT_NO_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(a_block_is_kept_for_what_comes_next_and_memory_zeroed_again),
		cmocka_unit_test(texts_are_copies_with_an_end),
		cmocka_unit_test(a_buffer_grows_and_stays_ended),
		cmocka_unit_test(no_memory_is_an_exit_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
