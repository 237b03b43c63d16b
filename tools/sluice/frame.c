/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/frame.h"
#include "tools/cli/say.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

char *hex_write(char *to, const void *bytes, size_t n)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[byte[i] >> 4];
		*to++ = digits[byte[i] & 15];
	}
	return to;
}

size_t frame_bytes(enum frame_format format, uint32_t event_bytes)
{
	if (format == FRAME_HEX)
		return 2 * (size_t)event_bytes + 1;
	return (size_t)event_bytes + (format == FRAME_TEXT);
}

size_t frame_write(enum frame_format format, char *frame, const void *event,
		   uint32_t event_bytes)
{
	size_t n = event_bytes;

	if (format == FRAME_HEX) {
		*hex_write(frame, event, event_bytes) = '\n';
		return frame_bytes(format, event_bytes);
	}
	if (format == FRAME_TEXT)
		n = strnlen(event, event_bytes);
	memcpy(frame, event, n);
	if (format == FRAME_TEXT)
		frame[n++] = '\n';
	return n;
}

/* Returns 0 to 15, or -1. */
static int digit_of(char c)
{
	const char *at = c != '\0' ? strchr(digits, c | ' ') : NULL;

	/* The bit of a small letter is one of the digits' as well. */
	return at != NULL && (c >= '0') ? (int)(at - digits) : -1;
}

static int hex_read(const char *frame, size_t bytes, unsigned char *event)
{
	for (size_t i = 0; i + 1 < bytes; i += 2) {
		int high = digit_of(frame[i]);
		int low = digit_of(frame[i + 1]);

		if (high < 0 || low < 0)
			return REFUSE("character %zu is no hex digit",
				      high < 0 ? i + 1 : i + 2);
		*event++ = (unsigned char)(high << 4 | low);
	}
	return 0;
}

int frame_read(enum frame_format format, const char *frame, size_t bytes,
	       void *event, uint32_t event_bytes)
{
	size_t length = format == FRAME_HEX ? (bytes + 1) / 2 : bytes;

	memset(event, 0, event_bytes);
	if (length > event_bytes)
		return REFUSE("is over the limit of %u bytes, which an event "
			      "has",
			      event_bytes);
	if (format == FRAME_HEX && bytes % 2 != 0)
		return REFUSE("%zu hex digits are no whole bytes", bytes);
	if (format == FRAME_RAW && length < event_bytes)
		return REFUSE("has %zu bytes of an event's %u", length,
			      event_bytes);
	if (format == FRAME_HEX)
		return hex_read(frame, bytes, event);
	memcpy(event, frame, bytes);
	return 0;
}
