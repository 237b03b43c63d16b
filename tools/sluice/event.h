/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a line of JSON: where it stood, and what is in it, as its fields, as a
 * text or in hex. Of event.c. Knows bytes; not where they come from. */
#ifndef SLUICE_TOOLS_SLUICE_EVENT_H
#define SLUICE_TOOLS_SLUICE_EVENT_H

#include "tools/sluice/fields.h"
#include "tools/sluice/frame.h"

struct event_form {
	const struct fields *fields; /* none: as the format says */
	enum frame_format format;    /* text or hex */
	uint32_t event_bytes;
};

/* The most bytes of a line. */
size_t event_bytes(const struct event_form *form);
/* Write it, with the end of the line. Returns the bytes. */
size_t event_write(const struct event_form *form, char *line, const void *event,
		   uint64_t seq, int redelivered);

#endif
