/* The yardstick: GMime parses each mail and decodes its text parts to UTF-8, and nothing else. */
#include <gmime/gmime.h>

#include "tests/bench/mails.h"

static size_t text_bytes;

static void
part_decode(GMimeObject *parent, GMimeObject *part, gpointer data)
{
	(void)parent;
	if (GMIME_IS_TEXT_PART(part)) {
		char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));

		text_bytes += text != NULL ? strlen(text) : 0;
		g_free(text);
	} else if (GMIME_IS_MESSAGE_PART(part)) {
		GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));

		if (inner != NULL)
			g_mime_message_foreach(inner, part_decode, data);
	}
}

static void
mail_decode(struct span mail)
{
	GMimeStream	*stream = g_mime_stream_mem_new_with_buffer(mail.p, mail.n);
	GMimeParser	*parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage	*message = g_mime_parser_construct_message(parser, NULL);

	if (message != NULL) {
		g_mime_message_foreach(message, part_decode, NULL);
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
}

int
main(int argc, char **argv)
{
	struct mails		m;
	struct bench_time	from;
	char			more[64];

	if (argc != 2) {
		fputs("usage: gmime FOLDER\n", stderr);
		return 2;
	}
	mails_load(&m, argv[1]);
	g_mime_init();
	from = bench_now();
	for (size_t i = 0; i < m.n; i++)
		mail_decode(m.list[i]);
	snprintf(more, sizeof more, "\"text_bytes\": %zu", text_bytes);
	bench_print(&m, from, more);
	arena_free(&m.arena);
	return 0;
}
