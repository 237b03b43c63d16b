/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces as files: a line of names, then a line for each event. Fields are as
 * programs write them: RFC 4180 but for line ends within quotes, and blanks,
 * comments and other separators besides.
 */
#include "bench/load/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_BYTES 65536u
#define FIELDS_MAX 256u
#define ROWS_FIRST 1024u /* that there is room for at first */
#define BLANKS     " \t\r"
#define ORIGIN     "# origin_ns="

enum column {
	COLUMN_ARRIVAL,
	COLUMN_SERVICE,
	COLUMN_KEY,
	COLUMNS,
};

/* Names, in whatever letters; the time is in 10^power ns. */
static const struct column_name {
	const char *name;
	enum column column;
	int power; /* below 0: the unit is missing */
} column_names[] = {
	{"arrival_ns", COLUMN_ARRIVAL, 0},
	{"arrival_us", COLUMN_ARRIVAL, 3},
	{"arrival_ms", COLUMN_ARRIVAL, 6},
	{"arrival_s", COLUMN_ARRIVAL, 9},
	{"service_ns", COLUMN_SERVICE, 0},
	{"service_us", COLUMN_SERVICE, 3},
	{"service_ms", COLUMN_SERVICE, 6},
	{"service_s", COLUMN_SERVICE, 9},
	{"key", COLUMN_KEY, 0},
	{"arrival", COLUMN_ARRIVAL, -1},
	{"service", COLUMN_SERVICE, -1},
};

#define COLUMN_NAMES (sizeof(column_names) / sizeof(column_names[0]))

/* An event as it stands in the file. */
struct row {
	uint64_t arrival_ns;
	uint64_t service_ns;
	uint64_t key;
	uint64_t place; /* in the file; then in the trace */
};

/* A file that is being read. */
struct reader {
	FILE *stream;
	const char *file;
	uint64_t line; /* from 1 */
	char separator;
	uint32_t fields;         /* of this line */
	char *field[FIELDS_MAX]; /* in @text, without quotes and blanks */
	uint32_t named;          /* fields of the first line */
	const struct column_name *column[COLUMNS]; /* NULL: is not there */
	uint32_t at[COLUMNS];                      /* in @field */
	struct row *row;
	uint64_t rows;
	uint64_t room;
	uint64_t latest_ns; /* arrival so far */
	uint64_t origin_ns; /* time counts from there; UINT64_MAX: the first */
	struct trace_facts *facts;
	char *why;
	uint32_t why_bytes;
	char text[LINE_BYTES];
};

#define REFUSE(reader_, fmt_, ...)                                             \
	load_refuse((reader_)->why, (reader_)->why_bytes,                      \
		    "%.120s:%" PRIu64 ": " fmt_, (reader_)->file,              \
		    (reader_)->line, __VA_ARGS__)

static int reader_no_memory(const struct reader *reader)
{
	(void)REFUSE(reader, "no memory for %s", "more");
	return -ENOMEM;
}

/* ---- lines and fields ---------------------------------------------------- */

/* One line, without its end. Returns 1, 0 at the end of the file. */
static int reader_line(struct reader *reader)
{
	size_t length;

	if (fgets(reader->text, sizeof(reader->text), reader->stream) == NULL) {
		if (!ferror(reader->stream))
			return 0;
		(void)load_refuse(reader->why, reader->why_bytes,
				  "%.120s: cannot be read", reader->file);
		return -EIO;
	}
	reader->line++;
	length = strlen(reader->text);
	if (length > 0 && reader->text[length - 1] == '\n')
		reader->text[length - 1] = '\0';
	else if (!feof(reader->stream))
		return REFUSE(
			reader,
			"longer than %u bytes, or a zero byte: this is no "
			"text",
			LINE_BYTES - 2);
	return 1;
}

/* What is within quotes, copied over them. Returns what is behind, NULL when they
 * do not end. */
static char *reader_quoted(char *at, char **to)
{
	for (at++; *at != '\0'; *(*to)++ = *at++)
		if (*at == '"' && *++at != '"')
			return at;
	return NULL;
}

static int reader_cut(struct reader *reader, char *at)
{
	const char stops[] = {reader->separator, '\0'};
	const char *blanks = reader->separator == '\t' ? " \r" : BLANKS;
	char stop = reader->separator;

	for (reader->fields = 0; stop != '\0'; at++) {
		char *to;

		if (reader->fields == FIELDS_MAX)
			return REFUSE(reader, "more than %u fields",
				      FIELDS_MAX);
		at += strspn(at, blanks);
		to = at;
		reader->field[reader->fields++] = at;
		if (*at == '"') {
			at = reader_quoted(at, &to);
			if (at == NULL)
				return REFUSE(
					reader,
					"field %u: its quote does not end",
					reader->fields);
			at += strspn(at, blanks);
		} else {
			at += strcspn(at, stops);
			for (to += at - to;
			     to > reader->field[reader->fields - 1]; to--)
				if (strchr(BLANKS, to[-1]) == NULL)
					break;
		}
		stop = *at;
		if (stop != '\0' && stop != reader->separator)
			return REFUSE(reader,
				      "field %u: '%.20s' follows its quote",
				      reader->fields, at);
		*to = '\0';
	}
	return 1;
}

/* The next line with fields. Returns 1, 0 at the end. The first one says what
 * separates them: a comma, a semicolon or a tab. */
static int reader_next(struct reader *reader)
{
	int rc;

	while ((rc = reader_line(reader)) > 0) {
		char *at = reader->text;
		const char *first;

		if (reader->line == 1 && strncmp(at, "\xef\xbb\xbf", 3) == 0)
			at += 3; /* the mark of UTF-8 */
		first = at + strspn(at, BLANKS);
		if (strncmp(at, ORIGIN, strlen(ORIGIN)) == 0 &&
		    sscanf(at, ORIGIN "%" SCNu64, &reader->origin_ns) != 1)
			return REFUSE(reader, "%s must be a whole number",
				      ORIGIN);
		if (*first == '\0' || *first == '#')
			continue;
		if (reader->separator == '\0') {
			size_t length = strcspn(at, ",;\t");

			reader->separator =
				at[length] != '\0' ? at[length] : ',';
		}
		return reader_cut(reader, at);
	}
	return rc;
}

/* ---- the first line ------------------------------------------------------ */

static int reader_name(struct reader *reader, uint32_t field)
{
	const char *name = reader->field[field];
	char *ignored = reader->facts->ignored;
	size_t used = strlen(ignored);

	for (size_t i = 0; i < COLUMN_NAMES; i++) {
		const struct column_name *one = &column_names[i];
		const struct column_name **column =
			&reader->column[one->column];

		if (strcasecmp(one->name, name) != 0)
			continue;
		if (one->power < 0)
			return REFUSE(reader,
				      "column %s: in which unit? %s_ns, _us, "
				      "_ms or _s",
				      one->name, one->name);
		if (*column != NULL)
			return REFUSE(reader,
				      "columns %s and %.20s: one of them is "
				      "too many",
				      (*column)->name, name);
		*column = one;
		reader->at[one->column] = field;
		return 0;
	}
	(void)snprintf(ignored + used, sizeof(reader->facts->ignored) - used,
		       "%s%.40s", used > 0 ? ", " : "", name);
	return 0;
}

static int reader_names(struct reader *reader)
{
	int rc = 0;

	reader->named = reader->fields;
	for (uint32_t i = 0; rc == 0 && i < reader->named; i++)
		rc = reader_name(reader, i);
	if (rc == 0 && reader->column[COLUMN_ARRIVAL] == NULL)
		rc = REFUSE(reader,
			    "no column arrival_ns, arrival_us, arrival_ms or "
			    "arrival_s; the first line has the names, as in "
			    "arrival_us,service_us,key; here: %.40s",
			    reader->facts->ignored);
	reader->facts->has_service = reader->column[COLUMN_SERVICE] != NULL;
	reader->facts->has_keys = reader->column[COLUMN_KEY] != NULL;
	return rc;
}

/* ---- events -------------------------------------------------------------- */

/* A time of this line, in ns; it stays as it is without such a column. */
static int reader_time(const struct reader *reader, enum column which,
		       uint64_t most, uint64_t *ns)
{
	const struct column_name *column = reader->column[which];
	const char *text = reader->field[reader->at[which]];
	char limit[NUMBER_TEXT_BYTES];

	if (column == NULL ||
	    (number_scaled(text, column->power, ns) == 0 && *ns <= most))
		return 0;
	return REFUSE(reader,
		      "column %s: '%.24s' must be a number of %s, from 0 to %s",
		      column->name, text, strrchr(column->name, '_') + 1,
		      number_time_text((double)most, limit));
}

/* A whole number as it would be written is itself; the rest is hashed, by FNV-1a
 * and mixed once more: its low bits are weak. 007 and 7.0 are not 7. */
static uint64_t reader_key(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t digits = strspn(text, "0123456789");
	uint64_t number;

	errno = 0;
	number = strtoull(text, NULL, 10);
	if (digits > 0 && text[digits] == '\0' && errno == 0 &&
	    (text[0] != '0' || digits == 1))
		return number;
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	hash = (hash ^ (hash >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 29);
}

static int reader_append(struct reader *reader, struct row row)
{
	struct trace_facts *facts = reader->facts;

	if (reader->rows == TRACE_EVENTS_MAX)
		return REFUSE(reader, "more than %u events", TRACE_EVENTS_MAX);
	if (reader->rows == reader->room) {
		uint64_t room = reader->room ? 2 * reader->room : ROWS_FIRST;
		void *more = realloc(reader->row, room * sizeof(row));

		if (more == NULL)
			return reader_no_memory(reader);
		reader->row = more;
		reader->room = room;
	}
	if (row.arrival_ns >= reader->latest_ns) {
		reader->latest_ns = row.arrival_ns;
	} else {
		facts->moved++;
		if (reader->latest_ns - row.arrival_ns > facts->moved_ns)
			facts->moved_ns = reader->latest_ns - row.arrival_ns;
	}
	facts->no_time += row.service_ns == 0;
	row.service_ns += row.service_ns == 0;
	row.place = reader->rows;
	reader->row[reader->rows++] = row;
	return 0;
}

static int reader_event(struct reader *reader)
{
	struct row row = {.service_ns = 1};
	int rc;

	/* Nothing behind a last comma is no field. */
	if (reader->fields == reader->named + 1 &&
	    reader->field[reader->named][0] == '\0')
		reader->fields--;
	if (reader->fields != reader->named)
		return REFUSE(reader, "%u fields; the first line names %u",
			      reader->fields, reader->named);
	rc = reader_time(reader, COLUMN_ARRIVAL, UINT64_MAX, &row.arrival_ns);
	if (rc == 0)
		rc = reader_time(reader, COLUMN_SERVICE, TRACE_NS_MAX,
				 &row.service_ns);
	row.key = reader->facts->has_keys
			  ? reader_key(reader->field[reader->at[COLUMN_KEY]])
			  : reader->rows;
	return rc < 0 ? rc : reader_append(reader, row);
}

static int reader_lines(struct reader *reader)
{
	int rc;

	while ((rc = reader_next(reader)) > 0) {
		rc = reader->named == 0 ? reader_names(reader)
					: reader_event(reader);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && reader->rows == 0)
		rc = load_refuse(reader->why, reader->why_bytes, "%.120s: %s",
				 reader->file,
				 reader->named == 0
					 ? "is empty; the first line has the "
					   "names of columns, as in "
					   "arrival_us,service_us,key"
					 : "has no events, only names of "
					   "columns");
	return rc;
}

/* ---- the whole ----------------------------------------------------------- */

/* By time; those of one instant stay as they are. */
static int row_by_time(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;

	if (x->arrival_ns != y->arrival_ns)
		return x->arrival_ns > y->arrival_ns ? 1 : -1;
	return x->place > y->place ? 1 : -1;
}

static int row_by_key(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Rows stand by key: those of one have one number, from 0 on. */
static int reader_trace(const struct reader *reader, struct trace *trace,
			uint64_t origin_ns)
{
	struct trace_facts *facts = reader->facts;
	const struct row *row = reader->row;
	uint64_t *key;
	uint64_t most = 0;
	uint64_t same = 0;

	trace->count = reader->rows;
	trace->keyed = facts->has_keys;
	trace->event = calloc(reader->rows,
			      sizeof(*trace->event) + sizeof(*trace->key));
	if (trace->event == NULL)
		return reader_no_memory(reader);
	key = (uint64_t *)(trace->event + reader->rows);
	trace->key = facts->has_keys ? key : NULL;
	for (uint64_t i = 0; i < reader->rows; i++, row++) {
		same = i > 0 && row->key == row[-1].key ? same + 1 : 1;
		most = same > most ? same : most;
		facts->keys += same == 1;
		key[facts->keys - 1] = row->key;
		trace->event[row->place] = (struct trace_event){
			row->arrival_ns - origin_ns,
			row->service_ns,
			(uint32_t)facts->keys - 1,
		};
	}
	facts->key_share = (double)most / (double)reader->rows;
	return 0;
}

/* Time counts from the first event, and keys get numbers. */
static int reader_finish(struct reader *reader, struct trace *trace)
{
	uint64_t origin = reader->origin_ns;

	if (reader->facts->moved > 0)
		qsort(reader->row, reader->rows, sizeof(*reader->row),
		      row_by_time);
	if (origin == UINT64_MAX)
		origin = reader->row[0].arrival_ns;
	if (reader->row[0].arrival_ns < origin)
		return load_refuse(reader->why, reader->why_bytes,
				   "%.120s: an event arrives before origin_ns",
				   reader->file);
	if (reader->latest_ns - origin > TRACE_NS_MAX)
		return load_refuse(reader->why, reader->why_bytes,
				   "%.120s: more than %g ns from the first "
				   "event to the last",
				   reader->file, (double)TRACE_NS_MAX);
	for (uint64_t i = 0; i < reader->rows; i++)
		reader->row[i].place = i;
	if (reader->facts->has_keys)
		qsort(reader->row, reader->rows, sizeof(*reader->row),
		      row_by_key);
	return reader_trace(reader, trace, origin);
}

int trace_load(struct trace *trace, const char *file, char *why,
	       uint32_t why_bytes)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int rc;

	*trace = (struct trace){0};
	if (reader == NULL)
		return load_refuse(why, why_bytes, "%.120s: no memory", file);
	reader->file = file;
	reader->origin_ns = UINT64_MAX;
	reader->facts = &trace->facts;
	reader->why = why;
	reader->why_bytes = why_bytes;
	reader->stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (reader->stream == NULL) {
		rc = -errno;
		(void)load_refuse(why, why_bytes, "%.120s: %s", file,
				  strerror(-rc));
	} else {
		rc = reader_lines(reader);
		if (rc == 0)
			rc = reader_finish(reader, trace);
		if (reader->stream != stdin)
			(void)fclose(reader->stream);
	}
	free(reader->row);
	free(reader);
	return rc;
}

int trace_save(const struct trace *trace, FILE *stream)
{
	(void)fprintf(stream,
		      "%s0: time counts from there\n"
		      "arrival_ns,service_ns%s\n",
		      ORIGIN, trace->keyed ? ",key" : "");
	for (uint64_t i = 0; i < trace->count && !ferror(stream); i++) {
		const struct trace_event *event = &trace->event[i];

		(void)fprintf(stream, "%" PRIu64 ",%" PRIu64, event->arrival_ns,
			      event->service_ns);
		if (trace->keyed)
			(void)fprintf(stream, ",%" PRIu64,
				      trace_key(trace, event->key));
		(void)fputc('\n', stream);
	}
	return fflush(stream) != 0 || ferror(stream) ? -EIO : 0;
}
