/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a text in JSON. Of quote.c. Knows UTF-8; not what a text says. */
#ifndef SLUICE_TOOLS_SLUICE_QUOTE_H
#define SLUICE_TOOLS_SLUICE_QUOTE_H

#include "ring/base.h"

/* Of one byte: six characters and a backslash less. */
#define QUOTE_BYTE_BYTES 6u

/* The most bytes that a text of @n takes. */
static inline size_t quote_bytes(size_t n)
{
	return 2 + n * QUOTE_BYTE_BYTES;
}

/* Write a text with its quotes: what must be escaped is, and a byte that is no UTF-8 is
 * U+FFFD. Returns where the next character goes. */
char *quote_write(char *to, const void *bytes, size_t n);

#endif
