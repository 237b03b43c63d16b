/* SPDX-License-Identifier: Apache-2.0 */
/* Events as people and other programs read and write them: a line each, or bytes in
 * a row. Of frame.c. Knows bytes; not where they come from or go to. */
#ifndef SLUICE_TOOLS_SLUICE_FRAME_H
#define SLUICE_TOOLS_SLUICE_FRAME_H

#include "ring/base.h"

/* As the words of --format stand. */
enum frame_format {
	FRAME_TEXT, /* a line; behind it zeros */
	FRAME_HEX,  /* a line, two digits a byte; likewise */
	FRAME_RAW,  /* all bytes of the event, and nothing between */
};

/* Two digits for each of the bytes. Returns where the next character goes. */
char *hex_write(char *to, const void *bytes, size_t n);

/* The most bytes that an event takes as a frame. */
size_t frame_bytes(enum frame_format format, uint32_t event_bytes);
/* Write @event as a frame. Returns its bytes, at most frame_bytes(). */
size_t frame_write(enum frame_format format, char *frame, const void *event,
		   uint32_t event_bytes);
/*
 * Read one frame of @bytes, without the end of its line; the rest of @event is
 * zeros.
 *
 * Returns 0, or -EINVAL with a sentence in cli_error(): it is too long, or no hex,
 * or raw and too short.
 */
int frame_read(enum frame_format format, const char *frame, size_t bytes,
	       void *event, uint32_t event_bytes);

#endif
