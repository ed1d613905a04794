/*
 * idle - what a server says while nothing is asked of it (RFC 2177), line by line
 *
 * Not by libetpan: data before the "+" makes its mailimap_idle() wait for the deadline. Pure: bytes in, facts
 * out. What is understood is a hint to look, never more, so a line that lies costs one look.
 */
#ifndef INGEST_IDLE_H
#define INGEST_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDLE_LINE	240	/* bytes kept of a line: a tag or a number and a word at its start, or an alert */

struct idle {
	char	tag[16];
	int64_t	exists;		/* mails in the folder, as far as we know */
	bool	invited;	/* "+": the server idles */
	bool	changed;	/* EXISTS says another number than we know */
	bool	ended;		/* the command's own answer came: */
	bool	refused;	/* it is not OK */
	char	alert[IDLE_LINE];	/* the last [ALERT]'s text, until it is emptied; a person is meant to read it */
	char	line[IDLE_LINE];
	size_t	n;		/* of the line so far, also beyond what is kept */
};
/* n names the command; exists is what EXAMINE said. */
void	idle_begin(struct idle *, unsigned n, int64_t exists);
void	idle_feed(struct idle *, const char *, size_t);

#endif
