/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/quote.h"

#include <stdio.h>
#include <string.h>

/* Of the character that begins at @at, bytes; 0: there is none. */
static size_t utf8_bytes(const unsigned char *at, size_t n)
{
	unsigned first = at[0];
	size_t bytes = first < 0x80   ? 1
		       : first < 0xc2 ? 0
		       : first < 0xe0 ? 2
		       : first < 0xf0 ? 3
		       : first < 0xf5 ? 4
				      : 0;

	if (bytes > n)
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than it need be, half of a pair, beyond the last one. */
	if ((first == 0xe0 && at[1] < 0xa0) ||
	    (first == 0xed && at[1] > 0x9f) ||
	    (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
		return 0;
	return bytes;
}

char *quote_write(char *to, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	const unsigned char *end = at + n;

	*to++ = '"';
	while (at < end) {
		size_t length = utf8_bytes(at, (size_t)(end - at));

		if (length == 0) {
			to = stpcpy(to, "\\ufffd");
			length = 1;
		} else if (*at < ' ' || *at == 0x7f) {
			to += sprintf(to, "\\u%04x", *at);
		} else {
			if (*at == '"' || *at == '\\')
				*to++ = '\\';
			memcpy(to, at, length);
			to += length;
		}
		at += length;
	}
	*to++ = '"';
	return to;
}
