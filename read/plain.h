/*
 * plain - a plain-text part to lines, with their depth of quoting
 *
 * Text is normalised UTF-8. In format=flowed (RFC 3676) a line that ends in a space goes on in the
 * next one of the same depth of quoting; with delsp that space is not part of the text.
 */
#ifndef READ_PLAIN_H
#define READ_PLAIN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "rules/document.h"

void	plain_lines(struct document_build *, struct span text, bool flowed, bool delsp, struct arena *);

#endif
