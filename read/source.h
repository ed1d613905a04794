/*
 * source - the text of HTML before a parser sees it: is it too much?
 */
#ifndef READ_SOURCE_H
#define READ_SOURCE_H

#include "base/err.h"
#include "base/span.h"

/* ERR_REJECT past HTML_MAX_TAGS, HTML_MAX_OPEN or HTML_MAX_SPACES. */
int	source_check(struct span, struct err *);
#endif
