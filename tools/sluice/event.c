/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/event.h"
#include "tools/sluice/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* All but what is in the event, with a seq of 20 digits. */
#define EVENT_FRAME_BYTES 96u

size_t event_bytes(const struct event_form *form)
{
	size_t bytes = EVENT_FRAME_BYTES;

	if (form->fields->count > 0)
		return bytes + fields_json_bytes(form->fields);
	return bytes + (form->format == FRAME_TEXT
				? quote_bytes(form->event_bytes)
				: 2 * (size_t)form->event_bytes);
}

size_t event_write(const struct event_form *form, char *line, const void *event,
		   uint64_t seq, int redelivered)
{
	char *to = line + snprintf(line, EVENT_FRAME_BYTES,
				   "{\"seq\":%" PRIu64 ",\"redelivered\":%s,",
				   seq, redelivered ? "true" : "false");

	if (form->fields->count > 0) {
		to = stpcpy(to, "\"fields\":");
		to += fields_json(form->fields, to, event);
	} else if (form->format == FRAME_TEXT) {
		to = stpcpy(to, "\"text\":");
		to = quote_write(to, event, strnlen(event, form->event_bytes));
	} else {
		to = stpcpy(to, "\"hex\":\"");
		to = hex_write(to, event, form->event_bytes);
		*to++ = '"';
	}
	*to++ = '}';
	*to++ = '\n';
	return (size_t)(to - line);
}
