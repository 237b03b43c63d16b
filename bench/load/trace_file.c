/* SPDX-License-Identifier: Apache-2.0 */
/* Traces as text files: "arrival_ns service_ns key", # begins a comment. */
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  512
#define BLANKS      " \t\r\n"
#define ROOM_EVENTS 1024 /* at first */

/* A file that is being read. */
struct reader {
	FILE *stream;
	const char *file;
	uint64_t line;
	uint64_t room; /* events that there is memory for */
	char *why;
	uint32_t why_bytes;
};

/* The next number of a line, in [low, high]. Names of fields are those of
 * struct trace_event. */
static int reader_number(const struct reader *reader, const char **at,
			 const char *field, uint64_t low, uint64_t high,
			 uint64_t *number)
{
	const char *from = *at + strspn(*at, BLANKS);
	size_t digits = strspn(from, "0123456789");
	size_t length = strcspn(from, BLANKS "#");

	/* Longer than any: strtoull would say so in errno. */
	*number = digits <= 20 ? strtoull(from, NULL, 10) : UINT64_MAX;
	if (digits == 0 || digits != length || *number < low || *number > high)
		return load_refuse(
			reader->why, reader->why_bytes,
			"%s:%" PRIu64 ": %s '%.*s' is not in [%" PRIu64
			", %" PRIu64 "]",
			reader->file, reader->line, field,
			length < 24 ? (int)length : 24, from, low, high);
	*at = from + length;
	return 0;
}

/* One line. Returns 1 when it has an event, 0 when it has none. */
static int reader_line(const struct reader *reader, const char *text,
		       struct trace_event *event)
{
	const char *at = text + strspn(text, BLANKS);
	uint64_t service = 0;
	uint64_t key = 0;
	int rc;

	if (*at == '\0' || *at == '#')
		return 0;
	rc = reader_number(reader, &at, "arrival_ns", 0, TRACE_ARRIVAL_MAX,
			   &event->arrival_ns);
	if (rc == 0)
		rc = reader_number(reader, &at, "service_ns", 1, UINT32_MAX,
				   &service);
	if (rc == 0)
		rc = reader_number(reader, &at, "key", 0, UINT32_MAX, &key);
	if (rc < 0)
		return rc;
	at += strspn(at, BLANKS);
	if (*at != '\0' && *at != '#')
		return load_refuse(reader->why, reader->why_bytes,
				   "%s:%" PRIu64 ": more than arrival_ns, "
				   "service_ns and key",
				   reader->file, reader->line);
	event->service_ns = (uint32_t)service;
	event->key = (uint32_t)key;
	return 1;
}

static int reader_append(struct reader *reader, struct trace *trace,
			 const struct trace_event *event)
{
	struct trace_event *more;

	if (trace->count > 0 &&
	    event->arrival_ns < trace->event[trace->count - 1].arrival_ns)
		return load_refuse(reader->why, reader->why_bytes,
				   "%s:%" PRIu64 ": arrival_ns is lower than "
				   "that of the event before",
				   reader->file, reader->line);
	if (trace->count == TRACE_EVENTS_MAX)
		return load_refuse(reader->why, reader->why_bytes,
				   "%s:%" PRIu64 ": more than %u events",
				   reader->file, reader->line,
				   TRACE_EVENTS_MAX);
	if (trace->count == reader->room) {
		reader->room = reader->room ? 2 * reader->room : ROOM_EVENTS;
		more = realloc(trace->event, reader->room * sizeof(*more));
		if (more == NULL) {
			(void)load_refuse(reader->why, reader->why_bytes,
					  "%s:%" PRIu64 ": no memory for more",
					  reader->file, reader->line);
			return -ENOMEM;
		}
		trace->event = more;
	}
	trace->event[trace->count++] = *event;
	return 0;
}

static int reader_lines(struct reader *reader, struct trace *trace)
{
	struct trace_event event = {0};
	char text[LINE_BYTES];
	int rc;

	while (fgets(text, sizeof(text), reader->stream) != NULL) {
		reader->line++;
		if (strchr(text, '\n') == NULL && !feof(reader->stream))
			return load_refuse(reader->why, reader->why_bytes,
					   "%s:%" PRIu64 ": longer than %u "
					   "bytes, or not text",
					   reader->file, reader->line,
					   LINE_BYTES - 2);
		rc = reader_line(reader, text, &event);
		if (rc > 0)
			rc = reader_append(reader, trace, &event);
		if (rc < 0)
			return rc;
	}
	if (ferror(reader->stream)) {
		(void)load_refuse(reader->why, reader->why_bytes,
				  "%s: cannot be read", reader->file);
		return -EIO;
	}
	if (trace->count == 0)
		return load_refuse(reader->why, reader->why_bytes,
				   "%s: has no events", reader->file);
	return 0;
}

int trace_read(struct trace *trace, const char *file, char *why,
	       uint32_t why_bytes)
{
	struct reader reader = {
		.file = file, .why = why, .why_bytes = why_bytes};
	int rc;

	reader.stream = fopen(file, "re");
	if (reader.stream == NULL) {
		rc = -errno;
		(void)load_refuse(why, why_bytes, "%s: %s", file,
				  strerror(-rc));
		return rc;
	}
	rc = reader_lines(&reader, trace);
	(void)fclose(reader.stream);
	return rc;
}

int trace_save(const struct trace *trace, const char *file)
{
	FILE *stream = fopen(file, "we");
	int rc = 0;

	if (stream == NULL)
		return -errno;
	if (fputs("# arrival_ns service_ns key\n", stream) < 0)
		rc = -errno;
	for (uint64_t i = 0; rc == 0 && i < trace->count; i++) {
		const struct trace_event *event = &trace->event[i];

		if (fprintf(stream, "%" PRIu64 " %" PRIu32 " %" PRIu32 "\n",
			    event->arrival_ns, event->service_ns,
			    event->key) < 0)
			rc = -errno;
	}
	/* What was buffered may fail only now. */
	if (fclose(stream) != 0 && rc == 0)
		rc = -errno;
	return rc;
}
