#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/span.h"

static struct arena	 arena;
static struct conf	*conf;

static int
forget(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct conf_node *
parsed(const char *yaml)
{
	struct err e;

	if (conf_parse(&arena, "dir/f.yaml", span_of(yaml), &conf, &e) == -1)
		fail_msg("%s", e.msg);
	return conf_root(conf);
}

static void
refused(const char *yaml, const char *want)
{
	struct err e;

	if (conf_parse(&arena, "f", span_of(yaml), &conf, &e) == 0)
		fail_msg("taken: %s", yaml);
	assert_int_equal(e.kind, ERR_FATAL);
	assert_int_equal(e.what, ERR_CONFIG);
	assert_string_equal(e.msg, want);
}

/* All errors kept, one a line. */
static void
errors_are(const char *want)
{
	struct arena_buf b = {.arena = &arena};

	arena_puts(&b, "");
	for (int i = 0; i < conf_errors(conf); i++)
		arena_putf(&b, "%s\n", conf_error(conf, i));
	assert_null(conf_error(conf, conf_errors(conf)));
	assert_string_equal(b.p, want);
}

static void
values_come_with_their_types(void **state)
{
	struct conf_node *n = parsed("text: hello\nquoted: 'null'\nyes: true\nno: false\nint: -12\n"
	    "span: 14d\nplain: 4096\nsize: 10M\nword: leave\none: solo\nmany: [a, \"b c\"]\n"
	    "url: https://api.example.com:8443/x?y=1\nmail: a.b+c@example.com\nnothing: null\n"
	    "tilde: ~\nempty:\nmap: {k: {kk: v}}\n");

	(void)state;
	assert_string_equal(conf_text(n, "text", NULL, CONF_REQUIRED), "hello");
	assert_string_equal(conf_text(n, "quoted", NULL, CONF_OPTIONAL), "null");
	assert_true(conf_bool(n, "yes", false));
	assert_false(conf_bool(n, "no", true));
	assert_int_equal(conf_int(n, "int", 3, -20, 20), -12);
	assert_int_equal(conf_span_ms(n, "span", 1), INT64_C(1209600000));
	assert_int_equal(conf_bytes(n, "plain", 1), 4096);
	assert_int_equal(conf_bytes(n, "size", 1), 10 * 1024 * 1024);
	assert_int_equal(conf_word(n, "word", "seen leave", 9), 1);
	assert_string_equal(conf_texts(n, "one")[0], "solo");
	assert_null(conf_texts(n, "one")[1]);
	assert_string_equal(conf_texts(n, "many")[1], "b c");
	assert_null(conf_texts(n, "many")[2]);
	assert_non_null(conf_url(n, "url", "http https", CONF_REQUIRED));
	assert_string_equal(conf_address(n, "mail", CONF_REQUIRED), "a.b+c@example.com");
	assert_string_equal(conf_text(conf_section(conf_section(n, "map", CONF_REQUIRED), "k",
	    CONF_REQUIRED), "kk", NULL, CONF_REQUIRED), "v");
	assert_null(conf_get(n, "nothing"));
	assert_null(conf_get(n, "tilde"));
	assert_null(conf_get(n, "empty"));
	conf_done(n);
	conf_done(conf_get(n, "map"));
	errors_are("");
}

static void
what_is_missing_or_null_is_the_default(void **state)
{
	struct conf_node *n = parsed("nothing: null\nint: ~\n");

	(void)state;
	assert_string_equal(conf_text(n, "nothing", "d", CONF_OPTIONAL), "d");
	assert_true(conf_bool(n, "gone", true));
	assert_int_equal(conf_int(n, "int", 3, 0, 9), 3);
	assert_int_equal(conf_span_ms(n, "gone", 5), 5);
	assert_int_equal(conf_bytes(n, "gone", 6), 6);
	assert_int_equal(conf_word(n, "gone", "a b", 1), 1);
	assert_null(conf_texts(n, "gone")[0]);
	assert_null(conf_section(n, "gone", CONF_OPTIONAL));
	assert_null(conf_text(NULL, "key", NULL, CONF_REQUIRED));
	assert_int_equal(conf_count(NULL), 0);
	assert_null(conf_item(NULL, 0));
	conf_done(NULL);
	errors_are("");
}

static void
every_mistake_is_told_with_its_place_in_order(void **state)
{
	struct conf_node *n = parsed("int: 99\nbool: yes\nlist: {a: b}\nword: nope\nspan: 5\nsize: 1X\n"
	    "text: [a]\nurl: http://x\nmail: \"a@b\\r\\nRCPT\"\ntypo: 1\ntexts: [a, [b], '']\nsect: word\n"
	    "in:\n  - name: x\n    nmae: y\n");
	struct conf_node *item;

	(void)state;
	item = conf_item(conf_get(n, "in"), 0);
	conf_text(item, "name", NULL, CONF_REQUIRED);
	conf_text(item, "url", NULL, CONF_REQUIRED);
	conf_done(item);
	conf_int(n, "int", 0, 1, 50);
	conf_bool(n, "bool", false);
	conf_count(conf_get(n, "list"));
	conf_word(n, "word", "leave seen", 0);
	conf_span_ms(n, "span", 0);
	conf_bytes(n, "size", 0);
	conf_text(n, "text", NULL, CONF_OPTIONAL);
	conf_url(n, "url", "https", CONF_OPTIONAL);
	conf_address(n, "mail", CONF_OPTIONAL);
	conf_texts(n, "texts");
	conf_section(n, "sect", CONF_OPTIONAL);
	conf_text(n, "gone", NULL, CONF_REQUIRED);
	conf_done(n);
	errors_are("dir/f.yaml:1:1: gone: is required\n"
	    "dir/f.yaml:1:6: int: must be a number from 1 to 50\n"
	    "dir/f.yaml:2:7: bool: must be true or false\n"
	    "dir/f.yaml:3:7: list: must be a list\n"
	    "dir/f.yaml:4:7: word: must be one of: leave seen\n"
	    "dir/f.yaml:5:7: span: \"5\" is no time span like 90s, 5m, 6h or 14d\n"
	    "dir/f.yaml:6:7: size: must be a size in bytes, like 4096, 64K, 10M or 1G\n"
	    "dir/f.yaml:7:7: text: must be a text\n"
	    "dir/f.yaml:8:6: url: has another scheme; must be a URL that begins with one of: https (and ://)\n"
	    "dir/f.yaml:9:7: mail: must be an e-mail address like name@example.com (ASCII, no name)\n"
	    "dir/f.yaml:10:7: typo: unknown key; known here: in, int, bool, list, word, span, size, text, "
	    "url, mail, texts, sect, gone\n"
	    "dir/f.yaml:11:12: texts: must be a text that is not empty\n"
	    "dir/f.yaml:11:17: texts: must be a text that is not empty\n"
	    "dir/f.yaml:12:7: sect: must be a mapping (key: value)\n"
	    "dir/f.yaml:14:5: url: is required\n"
	    "dir/f.yaml:15:11: nmae: unknown key; known here: name, url\n");
}

static void
yaml_that_hides_things_is_refused(void **state)
{
	(void)state;
	parsed("a: &x 1\nb: *x\nc: !!int 3\nd: 1\nd: 2\n? [k]\n: v\ne: \"\\0\"\n");
	errors_are("dir/f.yaml:1:4: anchors (&x) are not used here: write the value out\n"
	    "dir/f.yaml:2:4: aliases (*x) are not used here: write the value out\n"
	    "dir/f.yaml:3:4: tags (tag:yaml.org,2002:int) are not used here: leave it out\n"
	    "dir/f.yaml:5:1: d: stands here a second time\n"
	    "dir/f.yaml:6:3: a key must be a word\n"
	    "dir/f.yaml:8:4: a NUL in a text\n");
	refused("a: 1\n---\nb: 2\n", "f:2:1: a second document: one file holds one");
	refused("a: [1\nb: 2\n", "f:2:2: did not find expected ',' or ']'");
	refused("a: 1\n b: 2\n", "f:2:3: mapping values are not allowed in this context");
	refused("a: b\nc: \xff\n", "f:2:4: invalid leading UTF-8 octet");
	refused("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "f:1:17: nested too deep");
}

static void
an_empty_file_is_an_empty_mapping(void **state)
{
	static const char *const texts[] = {"", "# only words\n", "---\n", "~\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct conf_node *n = parsed(texts[i]);

		conf_text(n, "database", NULL, CONF_REQUIRED);
		conf_done(n);
		errors_are("dir/f.yaml:1:1: database: is required\n");
	}
	assert_null(conf_get(parsed("just words"), "x"));
	assert_null(conf_get(conf_root(conf), "y"));
	errors_are("dir/f.yaml:1:1: must be a mapping (key: value)\n");
}

static void
urls_have_a_host_and_nothing_hidden(void **state)
{
	static const struct { const char *s; bool want; } t[] = {
		{"https://a.example", true}, {"https://a.example/", true}, {"smtps://127.0.0.1:465", true},
		{"https://[::1]:8443/x", true}, {"https://a.example?x=1", true},
		{"http://a.example", false}, {"HTTPS://a.example", false}, {"https:/a", false},
		{"https://", false}, {"https:///x", false}, {"https://u@a.example", false},
		{"https://u:p@a.example", false}, {"https://a.example/#f", false},
		{"https://a.example:0", false}, {"https://a.example:99999", false},
		{"https://a.example:", false}, {"https://a.example:x", false}, {"https://a b", false},
		{"https://a.example/\\x", false}, {"https://\xc3\xa6.example", false},
		{"https://[::1", false}, {"https://[x]", false}, {"https://[::1]x", false}, {"a.example", false},
		{"https smtps://x", false}, {" https://x", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct conf_node *n = parsed(arena_printf(&arena, "u: \"%s\"",
		    strcmp(t[i].s, "https://a.example/\\x") == 0 ? "https://a.example/\\\\x" : t[i].s));

		if ((conf_url(n, "u", "https smtps", CONF_REQUIRED) != NULL) != t[i].want)
			fail_msg("%s", t[i].s);
		assert_int_equal(conf_errors(conf), !t[i].want);
	}
}

static void
addresses_are_ascii_addr_specs(void **state)
{
	static const struct { const char *s; bool want; } t[] = {
		{"a@b.example", true}, {"first.last+tag@sub.example.com", true}, {"a@localhost", true},
		{"a", false}, {"@b.example", false}, {"a@", false}, {"a@b@c.example", false},
		{".a@b.example", false}, {"a.@b.example", false}, {"a..b@b.example", false},
		{"a b@c.example", false}, {"<a@b.example>", false}, {"Name <a@b.example>", false},
		{"a@b.example,c@d.example", false}, {"\xc3\xa6@b.example", false}, {"a@b_c.example", false},
		{"a@[127.0.0.1]", false}, {"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct conf_node *n = parsed(arena_printf(&arena, "- \"%s\"", t[i].s));

		if ((conf_check_address(conf_item(n, 0)) != NULL) != t[i].want)
			fail_msg("%s", t[i].s);
	}
	assert_null(conf_check_address(NULL));
}

static void
sizes_and_numbers_do_not_overflow(void **state)
{
	static const struct { const char *s; int64_t want; } t[] = {
		{"1T", INT64_C(1) << 40}, {"8388607T", INT64_C(8388607) << 40}, {"8388608T", -7},
		{"999999999999", INT64_C(999999999999)}, {"9999999999999", -7}, {"-1", -7}, {"K", -7}, {"1.5G", -7},
	};
	struct conf_node *n;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (conf_bytes(parsed(arena_printf(&arena, "n: %s", t[i].s)), "n", -7) != t[i].want)
			fail_msg("%s", t[i].s);
	n = parsed("n: 9223372036854775808");
	assert_int_equal(conf_int(n, "n", -7, INT64_MIN, INT64_MAX), -7);
	assert_int_equal(conf_int(parsed("n: 1x"), "n", -7, 0, 9), -7);
}

static void
files_lie_beside_the_configuration(void **state)
{
	struct conf_node *n = parsed("rel: ca.pem\nabs: /etc/x\nsecret: ./key\ncred: key\n");

	(void)state;
	assert_string_equal(conf_file(n, "rel", NULL, CONF_REQUIRED), "dir/ca.pem");
	assert_string_equal(conf_file(n, "abs", NULL, CONF_REQUIRED), "/etc/x");
	assert_string_equal(conf_file(n, "gone", "deflt", CONF_OPTIONAL), "deflt");
	assert_string_equal(conf_secret(n, "secret", CONF_REQUIRED).name, "dir/./key");
	assert_string_equal(conf_secret(n, "cred", CONF_REQUIRED).name, "key");
	assert_null(conf_secret(n, "gone", CONF_OPTIONAL).name);
	errors_are("");
}

static const char *
file_with(const char *folder, const char *name, struct span bytes, mode_t mode)
{
	const char	*path = arena_printf(&arena, "%s/%s", folder, name);
	FILE		*f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void
secret_is(const char *name, const char *want)
{
	const char	*got;
	struct err	 e;

	if (conf_secret_read((struct conf_secret){name}, &arena, &got, &e) == 0)
		assert_string_equal(got, want);
	else if (want != NULL || e.what != ERR_CONFIG)
		fail_msg("%s", e.msg);
}

static void
secrets_come_from_files_that_nobody_else_reads(void **state)
{
	char	 folder[] = "/tmp/approvals-test-XXXXXX";
	char	 big[CONF_MAX_SECRET + 1];

	(void)state;
	assert_non_null(mkdtemp(folder));
	memset(big, 'x', sizeof(big));
	secret_is(file_with(folder, "good", SPAN_LIT("s3cret\n"), 0600), "s3cret");
	secret_is(file_with(folder, "bare", SPAN_LIT(" s3cret\n\n"), 0400), " s3cret\n");
	secret_is(file_with(folder, "group", SPAN_LIT("s"), 0640), NULL);
	secret_is(file_with(folder, "world", SPAN_LIT("s"), 0604), NULL);
	secret_is(file_with(folder, "empty", SPAN_LIT("\n"), 0600), NULL);
	secret_is(file_with(folder, "nul", SPAN_LIT("a\0b"), 0600), NULL);
	secret_is(file_with(folder, "big", (struct span){big, sizeof(big)}, 0600), NULL);
	secret_is(arena_printf(&arena, "%s/gone", folder), NULL);
	secret_is(folder, NULL);
	assert_int_equal(symlink("good", arena_printf(&arena, "%s/link", folder)), 0);
	secret_is(arena_printf(&arena, "%s/link", folder), NULL);
	secret_is(NULL, NULL);

	unsetenv("CREDENTIALS_DIRECTORY");
	secret_is("good", NULL);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	secret_is("good", "s3cret");
	secret_is("group", "s");	/* an ACL's mask, to systemd */
	secret_is("world", NULL);
	unsetenv("CREDENTIALS_DIRECTORY");
	for (const char *const *p = (const char *const[]){"good", "bare", "group", "world", "empty", "nul",
	    "big", "link", NULL}; *p != NULL; p++)
		unlink(arena_printf(&arena, "%s/%s", folder, *p));
	assert_int_equal(rmdir(folder), 0);
}

static void
a_configuration_that_others_can_write_is_refused(void **state)
{
	char		 folder[] = "/tmp/approvals-test-XXXXXX";
	const char	*path;
	struct err	 e;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = file_with(folder, "c.yaml", SPAN_LIT("a: 1\n"), 0644);
	assert_int_equal(conf_load(&arena, path, &conf, &e), 0);
	assert_string_equal(conf_path(conf), path);
	assert_string_equal(conf_mark(conf_get(conf_root(conf), "a")), arena_printf(&arena, "%s:1:4", path));
	chmod(path, 0664);
	assert_int_equal(conf_load(&arena, path, &conf, &e), -1);
	assert_int_equal(e.what, ERR_CONFIG);
	chmod(path, 0646);
	assert_int_equal(conf_load(&arena, path, &conf, &e), -1);
	unlink(path);
	assert_int_equal(conf_load(&arena, path, &conf, &e), -1);
	assert_int_equal(e.what, ERR_CONFIG);
	assert_int_equal(rmdir(folder), 0);
}

static void
errors_of_the_callers_own_stand_among_the_others(void **state)
{
	struct conf_node *n = parsed("a: 1\nb: 2\n");

	(void)state;
	conf_wrong(conf, conf_get(n, "b"), "is not %d", 3);
	conf_wrong(conf, NULL, "nothing would be told");
	assert_ptr_equal(conf_of(conf_get(n, "a")), conf);
	errors_are("dir/f.yaml:1:1: nothing would be told\ndir/f.yaml:2:4: b: is not 3\n");
	for (int i = 0; i < 1000; i++)
		conf_wrong(conf, conf_get(n, "a"), "again");
	assert_true(conf_errors(conf) <= 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(values_come_with_their_types, forget),
		cmocka_unit_test_teardown(what_is_missing_or_null_is_the_default, forget),
		cmocka_unit_test_teardown(every_mistake_is_told_with_its_place_in_order, forget),
		cmocka_unit_test_teardown(yaml_that_hides_things_is_refused, forget),
		cmocka_unit_test_teardown(an_empty_file_is_an_empty_mapping, forget),
		cmocka_unit_test_teardown(urls_have_a_host_and_nothing_hidden, forget),
		cmocka_unit_test_teardown(addresses_are_ascii_addr_specs, forget),
		cmocka_unit_test_teardown(sizes_and_numbers_do_not_overflow, forget),
		cmocka_unit_test_teardown(files_lie_beside_the_configuration, forget),
		cmocka_unit_test_teardown(secrets_come_from_files_that_nobody_else_reads, forget),
		cmocka_unit_test_teardown(a_configuration_that_others_can_write_is_refused, forget),
		cmocka_unit_test_teardown(errors_of_the_callers_own_stand_among_the_others, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
