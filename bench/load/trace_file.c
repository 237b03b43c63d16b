/* SPDX-License-Identifier: Apache-2.0 */
/* Traces as files: a line of names, then a line for each event. */
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROOM_EVENTS 1024 /* at first */
#define ORIGIN      "# origin_ns="

enum column_role {
	COLUMN_ARRIVAL,
	COLUMN_SERVICE,
	COLUMN_KEY,
	COLUMNS,
};

static const char *const column_names[COLUMNS] = {"arrival", "service", "key"};

static const struct {
	const char *name;
	int power; /* of ten, in ns */
} column_units[] = {{"_ns", 0}, {"_us", 3}, {"_ms", 6}, {"_s", 9}};

#define UNITS (sizeof(column_units) / sizeof(column_units[0]))

struct column {
	uint32_t field; /* from 0 */
	uint32_t there;
	int power;
	char name[16]; /* as in the file */
};

/* A file that is being read. */
struct reader {
	struct csv csv;
	struct column column[COLUMNS];
	uint32_t fields; /* of the header */
	struct intern keys;
	uint64_t room; /* events that there is memory for */
	uint64_t origin_ns;
	uint32_t has_origin;
	uint32_t disorder; /* a line came late */
	uint64_t latest;   /* arrival so far, as in the file */
};

static int reader_no_memory(const struct reader *reader)
{
	(void)csv_refuse(&reader->csv, "no memory for more");
	return -ENOMEM;
}

/* ---- the header ---------------------------------------------------------- */

/* Is it the name of that role, and in which unit? Returns 1, 0 when it is not,
 * -1 for a time without one. */
static int column_is(const char *name, enum column_role role, int *power)
{
	size_t length = strlen(column_names[role]);

	*power = 0;
	if (strncasecmp(name, column_names[role], length) != 0)
		return 0;
	if (name[length] == '\0')
		return role == COLUMN_KEY ? 1 : -1;
	for (size_t i = 0; role != COLUMN_KEY && i < UNITS; i++) {
		*power = column_units[i].power;
		if (strcasecmp(name + length, column_units[i].name) == 0)
			return 1;
	}
	return 0;
}

static void reader_ignore(struct trace_facts *facts, const char *name)
{
	size_t used = strlen(facts->ignored);

	(void)snprintf(facts->ignored + used, sizeof(facts->ignored) - used,
		       "%s%.40s", used > 0 ? ", " : "", name);
}

static int reader_column(struct reader *reader, uint32_t field,
			 struct trace_facts *facts)
{
	const char *name = reader->csv.field[field];

	for (uint32_t i = 0; i < COLUMNS; i++) {
		struct column *column = &reader->column[i];
		int power;
		int is = column_is(name, (enum column_role)i, &power);

		if (is < 0)
			return csv_refuse(&reader->csv,
					  "column %.20s: in which unit? "
					  "%s_ns, _us, _ms or _s",
					  name, column_names[i]);
		if (is == 0)
			continue;
		if (column->there)
			return csv_refuse(&reader->csv,
					  "columns %s and %.20s: one of them "
					  "is too many",
					  column->name, name);
		*column = (struct column){field, 1, power, ""};
		(void)snprintf(column->name, sizeof(column->name), "%s", name);
		return 0;
	}
	reader_ignore(facts, name);
	return 0;
}

static int reader_header(struct reader *reader, struct trace_facts *facts)
{
	int rc = 0;

	reader->fields = reader->csv.fields;
	for (uint32_t i = 0; rc == 0 && i < reader->fields; i++)
		rc = reader_column(reader, i, facts);
	if (rc == 0 && !reader->column[COLUMN_ARRIVAL].there)
		rc = csv_refuse(&reader->csv,
				"no column arrival_ns, arrival_us, arrival_ms "
				"or arrival_s; the first line has the names, "
				"as in arrival_us,service_us,key; here: %.40s",
				facts->ignored);
	facts->has_service = reader->column[COLUMN_SERVICE].there;
	facts->has_keys = reader->column[COLUMN_KEY].there;
	return rc;
}

/* ---- events -------------------------------------------------------------- */

/* A time of this line, in ns. */
static int reader_time(const struct reader *reader, enum column_role role,
		       uint64_t most, uint64_t *ns)
{
	const struct column *column = &reader->column[role];
	const char *text = reader->csv.field[column->field];
	char limit[NUMBER_TEXT_BYTES];

	if (number_scaled(text, column->power, ns) == 0 && *ns <= most)
		return 0;
	return csv_refuse(&reader->csv,
			  "column %s: '%.24s' must be a number of %s, from 0 "
			  "to %s",
			  column->name, text, strrchr(column->name, '_') + 1,
			  number_time_text((double)most, limit));
}

static int reader_append(struct reader *reader, struct trace *trace,
			 const struct trace_event *event)
{
	struct trace_facts *facts = &trace->facts;

	if (trace->count == TRACE_EVENTS_MAX)
		return csv_refuse(&reader->csv, "more than %u events",
				  TRACE_EVENTS_MAX);
	if (trace->count == reader->room) {
		uint64_t room = reader->room ? 2 * reader->room : ROOM_EVENTS;
		void *more =
			realloc(trace->event, room * sizeof(*trace->event));

		if (more == NULL)
			return reader_no_memory(reader);
		trace->event = more;
		reader->room = room;
	}
	if (event->arrival_ns < reader->latest) {
		uint64_t late = reader->latest - event->arrival_ns;

		facts->moved++;
		if (late > facts->moved_ns)
			facts->moved_ns = late;
	} else {
		reader->latest = event->arrival_ns;
	}
	trace->event[trace->count++] = *event;
	return 0;
}

static int reader_event(struct reader *reader, struct trace *trace)
{
	struct trace_facts *facts = &trace->facts;
	struct csv *csv = &reader->csv;
	struct trace_event event = {0};
	uint64_t service_ns = 0;
	int rc;

	/* Nothing behind a last comma is no field. */
	if (csv->fields == reader->fields + 1 &&
	    csv->field[csv->fields - 1][0] == '\0')
		csv->fields--;
	if (csv->fields != reader->fields)
		return csv_refuse(csv, "%u fields; the first line names %u",
				  csv->fields, reader->fields);
	rc = reader_time(reader, COLUMN_ARRIVAL, UINT64_MAX, &event.arrival_ns);
	if (rc == 0 && facts->has_service)
		rc = reader_time(reader, COLUMN_SERVICE, UINT32_MAX,
				 &service_ns);
	if (rc == 0 && facts->has_keys &&
	    intern_put(&reader->keys,
		       csv->field[reader->column[COLUMN_KEY].field],
		       &event.key) < 0)
		rc = reader_no_memory(reader);
	facts->no_time += facts->has_service && service_ns == 0;
	event.service_ns = service_ns > 0 ? (uint32_t)service_ns : 1;
	return rc < 0 ? rc : reader_append(reader, trace, &event);
}

/* # origin_ns=N: from when on time counts, when that is not the first event. */
static int reader_comment(struct reader *reader)
{
	const char *text = reader->csv.field[0];
	size_t length = strlen(ORIGIN);
	char number[32];

	if (strncmp(text, ORIGIN, length) != 0)
		return 0;
	(void)snprintf(number, sizeof(number), "%.*s",
		       (int)strspn(text + length, "0123456789"), text + length);
	if (number_scaled(number, 0, &reader->origin_ns) < 0)
		return csv_refuse(&reader->csv,
				  ORIGIN " must be a whole number");
	reader->has_origin = 1;
	return 0;
}

static int reader_lines(struct reader *reader, struct trace *trace)
{
	struct csv *csv = &reader->csv;
	int rc;

	while ((rc = csv_next(csv)) > 0) {
		if (csv->comment)
			rc = reader_comment(reader);
		else if (reader->fields == 0)
			rc = reader_header(reader, &trace->facts);
		else
			rc = reader_event(reader, trace);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && trace->count == 0)
		rc = load_refuse(csv->why, csv->why_bytes, "%.120s: %s",
				 csv->file,
				 reader->fields == 0
					 ? "is empty; the first line has the "
					   "names of columns, as in "
					   "arrival_us,service_us,key"
					 : "has no events, only names of "
					   "columns");
	return rc;
}

/* ---- the whole ----------------------------------------------------------- */

/* By time; those of one instant stay as they are. @from and @to are of the same
 * length, and change places on the way. */
static struct trace_event *merge_sort(struct trace_event *from,
				      struct trace_event *to, uint64_t count)
{
	for (uint64_t half = 1; half < count; half *= 2) {
		struct trace_event *swap = from;

		for (uint64_t at = 0; at < count; at += 2 * half) {
			uint64_t a = at;
			uint64_t middle = at + half < count ? at + half : count;
			uint64_t b = middle;
			uint64_t end =
				at + 2 * half < count ? at + 2 * half : count;

			for (uint64_t i = at; i < end; i++)
				to[i] = b == end || (a < middle &&
						     from[a].arrival_ns <=
							     from[b].arrival_ns)
						? from[a++]
						: from[b++];
		}
		from = to;
		to = swap;
	}
	return from;
}

static int reader_sort(const struct reader *reader, struct trace *trace)
{
	struct trace_event *from = trace->event;
	struct trace_event *to;

	if (trace->facts.moved == 0)
		return 0;
	to = malloc(trace->count * sizeof(*to));
	if (to == NULL)
		return reader_no_memory(reader);
	trace->event = merge_sort(from, to, trace->count);
	free(trace->event == from ? to : from);
	return 0;
}

/* Time counts from the first event, and keys are keys. */
static int reader_finish(struct reader *reader, struct trace *trace)
{
	uint64_t origin = reader->has_origin ? reader->origin_ns : UINT64_MAX;
	uint32_t *keys = NULL;
	int rc = reader_sort(reader, trace);

	if (rc < 0)
		return rc;
	if (!reader->has_origin)
		origin = trace->event[0].arrival_ns;
	if (trace->event[0].arrival_ns < origin)
		return load_refuse(reader->csv.why, reader->csv.why_bytes,
				   "%.120s: an event arrives before origin_ns",
				   reader->csv.file);
	if (reader->latest - origin > TRACE_ARRIVAL_MAX)
		return load_refuse(reader->csv.why, reader->csv.why_bytes,
				   "%.120s: more than %g ns from the first "
				   "event to the last",
				   reader->csv.file, (double)TRACE_ARRIVAL_MAX);
	if (trace->facts.has_keys &&
	    (keys = intern_keys(&reader->keys)) == NULL)
		return reader_no_memory(reader);
	for (uint64_t i = 0; i < trace->count; i++) {
		struct trace_event *event = &trace->event[i];

		event->arrival_ns -= origin;
		event->key = keys != NULL ? keys[event->key] : (uint32_t)i;
	}
	free(keys);
	return 0;
}

int trace_read(struct trace *trace, const char *file, char *why,
	       uint32_t why_bytes)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int rc = -ENOMEM;

	if (reader == NULL)
		return load_refuse(why, why_bytes, "%.120s: no memory", file);
	reader->csv.file = file;
	reader->csv.why = why;
	reader->csv.why_bytes = why_bytes;
	reader->csv.stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (reader->csv.stream == NULL) {
		rc = -errno;
		(void)load_refuse(why, why_bytes, "%.120s: %s", file,
				  strerror(-rc));
	} else {
		rc = reader_lines(reader, trace);
		if (rc == 0)
			rc = reader_finish(reader, trace);
		if (reader->csv.stream != stdin)
			(void)fclose(reader->csv.stream);
	}
	intern_close(&reader->keys);
	free(reader);
	return rc;
}

int trace_save(const struct trace *trace, FILE *stream)
{
	int keys = trace->facts.events == 0 || trace->facts.has_keys;

	(void)fprintf(stream,
		      "%s0: time counts from there\n"
		      "arrival_ns,service_ns%s\n",
		      ORIGIN, keys ? ",key" : "");
	for (uint64_t i = 0; i < trace->count && !ferror(stream); i++) {
		const struct trace_event *event = &trace->event[i];

		(void)fprintf(stream, "%" PRIu64 ",%" PRIu32, event->arrival_ns,
			      event->service_ns);
		if (keys)
			(void)fprintf(stream, ",%" PRIu32, event->key);
		(void)fputc('\n', stream);
	}
	return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}
