/*
 * fuzz - what the fuzz targets share: the promises that every input must keep
 *
 * A target is one file with LLVMFuzzerTestOneInput(): libFuzzer calls it (make fuzz), and so does
 * replay.c, with the saved corpus and no fuzzer (make check). What is broken ends in abort(), which both
 * report with the input. A target runs in the project's root and frees all that it made.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "read/reading.h"
#include "rules/document.h"

#define FUZZ_RULES "rules/vipps-mobilepay.yaml"

int	LLVMFuzzerInitialize(int *argc, char ***argv);
int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Aborts with the promise's words if it is not kept. */
void	fuzz_promise(bool kept, const char *words);

/* The shipped rules, opened once. */
const struct rules *fuzz_rules(void);

/* Lines and cells within the bounds of rules/document.h; text is UTF-8 without control characters. */
void	fuzz_part(const struct document_part *);
/* What the child says can be said to the parent: it survives the wire, byte for byte. */
void	fuzz_reading(const struct reading *, struct arena *);

#endif
