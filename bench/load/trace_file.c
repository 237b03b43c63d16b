/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces as files: a line of names, then a line for each event. Fields are as
 * programs write them: RFC 4180 but for line ends within quotes, and blanks,
 * comments and other separators besides.
 */
#include "bench/load/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_BYTES  65536u
#define FIELDS_MAX  256u
#define ARRIVAL_MAX 1.8e19 /* ns: below 2^64 */
#define BLANKS      " \t\r"
#define ORIGIN      "# origin_ns="

enum column {
	COLUMN_ARRIVAL,
	COLUMN_SERVICE,
	COLUMN_KEY,
	COLUMNS,
};

/* Names, in whatever letters. */
static const struct column_name {
	const char *name;
	enum column column;
	const char *unit; /* NULL: is missing */
} column_names[] = {
	{"arrival_ns", COLUMN_ARRIVAL, "ns"},
	{"arrival_us", COLUMN_ARRIVAL, "us"},
	{"arrival_ms", COLUMN_ARRIVAL, "ms"},
	{"arrival_s", COLUMN_ARRIVAL, "s"},
	{"arrival", COLUMN_ARRIVAL, NULL},
	{"service_ns", COLUMN_SERVICE, "ns"},
	{"service_us", COLUMN_SERVICE, "us"},
	{"service_ms", COLUMN_SERVICE, "ms"},
	{"service_s", COLUMN_SERVICE, "s"},
	{"service", COLUMN_SERVICE, NULL},
	{"key", COLUMN_KEY, ""},
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
struct input {
	FILE *stream;
	const char *file;
	uint64_t line; /* from 1 */
	char separator;
	uint32_t fields;         /* of this line */
	char *field[FIELDS_MAX]; /* in @text, without quotes and blanks */
	uint32_t named;          /* fields of the first line */
	const struct column_name *column[COLUMNS]; /* NULL: is not there */
	uint32_t at[COLUMNS];                      /* in @field */
	FILE *rows;                                /* in memory */
	uint64_t latest_ns;                        /* arrival so far */
	uint64_t origin_ns; /* time counts from there; UINT64_MAX: the first */
	struct trace_facts *facts;
	char text[LINE_BYTES];
};

#define BAD_LINE(in_, fmt_, ...)                                               \
	REFUSE("%.120s:%" PRIu64 ": " fmt_, (in_)->file, (in_)->line,          \
	       __VA_ARGS__)

/* ---- lines and fields ---------------------------------------------------- */

/* What is within quotes, copied over them. Returns what is behind, NULL when they
 * do not end. */
static char *input_quoted(char *at, char **to)
{
	for (at++; *at != '\0'; *(*to)++ = *at++)
		if (*at == '"' && *++at != '"')
			return at;
	return NULL;
}

static int input_cut(struct input *in, char *at)
{
	const char stops[] = {in->separator, '\0'};
	const char *blanks = in->separator == '\t' ? " \r" : BLANKS;
	char stop = in->separator;

	for (; stop != '\0'; at++) {
		char *field = at + strspn(at, blanks);
		char *to = field;

		if (in->fields == FIELDS_MAX)
			return BAD_LINE(in, "more than %u fields", FIELDS_MAX);
		in->field[in->fields++] = field;
		if (*field == '"') {
			at = input_quoted(field, &to);
			if (at == NULL)
				return BAD_LINE(
					in, "field %u: its quote does not end",
					in->fields);
			at += strspn(at, blanks);
		} else {
			at = field + strcspn(field, stops);
			for (to = at; to > field && strchr(BLANKS, to[-1]);)
				to--;
		}
		stop = *at;
		if (stop != '\0' && stop != in->separator)
			return BAD_LINE(in,
					"field %u: '%.20s' follows its quote",
					in->fields, at);
		*to = '\0';
	}
	return 0;
}

/* A line as it was read; no fields: a comment, or blank. The first one says what
 * separates them: a comma, a semicolon or a tab. */
static int input_line(struct input *in)
{
	char *at = in->text;
	char *end = at + strcspn(at, "\n");

	in->line++;
	in->fields = 0;
	if (*end == '\0' && !feof(in->stream))
		return BAD_LINE(in,
				"longer than %u bytes, or a zero byte: this is "
				"no text",
				LINE_BYTES - 2);
	*end = '\0';
	if (in->line == 1 && strncmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3; /* the mark of UTF-8 */
	if (strncmp(at, ORIGIN, strlen(ORIGIN)) == 0 &&
	    sscanf(at, ORIGIN "%" SCNu64, &in->origin_ns) != 1)
		return BAD_LINE(in, "%s must be a whole number", ORIGIN);
	if (strchr("#", at[strspn(at, BLANKS)]) != NULL)
		return 0;
	end = strpbrk(at, ",;\t");
	if (in->separator == '\0')
		in->separator = end != NULL ? *end : ',';
	return input_cut(in, at);
}

/* ---- the first line ------------------------------------------------------ */

static int input_name(struct input *in, uint32_t field)
{
	const char *name = in->field[field];
	char *ignored = in->facts->ignored;
	size_t used = strlen(ignored);

	for (size_t i = 0; i < COLUMN_NAMES; i++) {
		const struct column_name *one = &column_names[i];
		const struct column_name **column = &in->column[one->column];

		if (strcasecmp(one->name, name) != 0)
			continue;
		if (one->unit == NULL)
			return BAD_LINE(in,
					"column %s: in which unit? %s_ns, _us, "
					"_ms or _s",
					one->name, one->name);
		if (*column != NULL)
			return BAD_LINE(
				in,
				"columns %s and %.20s: one of them is too many",
				(*column)->name, name);
		*column = one;
		in->at[one->column] = field;
		return 0;
	}
	(void)snprintf(ignored + used, sizeof(in->facts->ignored) - used,
		       "%s%.40s", used > 0 ? ", " : "", name);
	return 0;
}

static int input_names(struct input *in)
{
	int rc = 0;

	in->named = in->fields;
	for (uint32_t i = 0; rc == 0 && i < in->named; i++)
		rc = input_name(in, i);
	if (rc == 0 && in->column[COLUMN_ARRIVAL] == NULL)
		rc = BAD_LINE(in,
			      "no column arrival_ns, arrival_us, arrival_ms or "
			      "arrival_s; the first line has the names, as in "
			      "arrival_us,service_us,key; here: %.40s",
			      in->facts->ignored);
	in->facts->has_service = in->column[COLUMN_SERVICE] != NULL;
	in->facts->has_keys = in->column[COLUMN_KEY] != NULL;
	return rc;
}

/* ---- events -------------------------------------------------------------- */

/* A time of this line, in ns; it stays as it is without such a column. */
static int input_time(const struct input *in, enum column which, double most,
		      uint64_t *ns)
{
	const struct number_form form = NUMBER_FORM(NS, 0, most);
	const struct column_name *column = in->column[which];
	const char *field = in->field[in->at[which]];
	char text[NUMBER_TEXT_BYTES];

	if (column == NULL)
		return 0;
	(void)snprintf(text, sizeof(text), "%s%s", field, column->unit);
	if (number_read(&form, text, strlen(text), ns) == 0)
		return 0;
	return BAD_LINE(
		in, "column %s: '%.24s' must be a number of %s, from 0 to %s",
		column->name, field, column->unit,
		number_time_text(most, text));
}

/* A whole number as it would be written is itself, but for the highest, which
 * strategies know as no key; the rest is hashed, by FNV-1a and mixed once more:
 * its low bits are weak. 007 and 7.0 are not 7. */
static uint64_t input_key(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint64_t number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' &&
	    (text[0] != '0' || text[1] == '\0') && errno == 0 &&
	    number != UINT64_MAX)
		return number;
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	hash = (hash ^ (hash >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return (hash ^ (hash >> 29)) >> 1;
}

static int input_event(struct input *in)
{
	struct trace_facts *facts = in->facts;
	struct row row = {.service_ns = 1, .place = facts->events};
	uint64_t late_ns;
	int rc;

	/* Nothing behind a last comma is no field. */
	if (in->fields == in->named + 1 && in->field[in->named][0] == '\0')
		in->fields--;
	if (in->fields != in->named)
		return BAD_LINE(in, "%u fields; the first line names %u",
				in->fields, in->named);
	rc = input_time(in, COLUMN_ARRIVAL, ARRIVAL_MAX, &row.arrival_ns);
	if (rc == 0)
		rc = input_time(in, COLUMN_SERVICE, (double)TRACE_NS_MAX,
				&row.service_ns);
	if (rc < 0)
		return rc;
	row.key = facts->has_keys ? input_key(in->field[in->at[COLUMN_KEY]])
				  : row.place;
	if (row.arrival_ns > in->latest_ns)
		in->latest_ns = row.arrival_ns;
	late_ns = in->latest_ns - row.arrival_ns;
	facts->moved += late_ns > 0;
	if (late_ns > facts->moved_ns)
		facts->moved_ns = late_ns;
	facts->no_time += row.service_ns == 0;
	row.service_ns += row.service_ns == 0;
	if (facts->events++ == TRACE_EVENTS_MAX)
		return BAD_LINE(in, "more than %u events", TRACE_EVENTS_MAX);
	return fwrite(&row, sizeof(row), 1, in->rows) == 1
		       ? 0
		       : cli_fail(-ENOMEM, "%.120s: no memory", in->file);
}

static int input_lines(struct input *in)
{
	int rc = 0;

	while (rc == 0 && fgets(in->text, sizeof(in->text), in->stream)) {
		rc = input_line(in);
		if (rc == 0 && in->fields > 0)
			rc = in->named == 0 ? input_names(in) : input_event(in);
	}
	if (rc == 0 && ferror(in->stream))
		return cli_fail(-EIO, "%.120s: cannot be read", in->file);
	if (rc == 0 && in->facts->events == 0)
		rc = REFUSE(
			"%.120s: %s", in->file,
			in->named == 0
				? "is empty; the first line has the names of "
				  "columns, as in arrival_us,service_us,key"
				: "has no events, only names of columns");
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

/* Time counts from the first event; rows by key: those of one have one number,
 * from 0 on. */
static int input_finish(struct input *in, struct row *row, struct trace *trace)
{
	struct trace_facts *facts = in->facts;
	uint64_t n = facts->events;
	uint64_t *key;
	uint64_t most = 0;
	uint64_t same = 0;

	if (facts->moved > 0)
		qsort(row, n, sizeof(*row), row_by_time);
	if (in->origin_ns == UINT64_MAX)
		in->origin_ns = row[0].arrival_ns;
	if (row[0].arrival_ns < in->origin_ns)
		return REFUSE("%.120s: an event arrives before origin_ns",
			      in->file);
	if (in->latest_ns - in->origin_ns > TRACE_NS_MAX)
		return REFUSE("%.120s: more than %g ns from the first event to "
			      "the last",
			      in->file, (double)TRACE_NS_MAX);
	for (uint64_t i = 0; i < n; i++)
		row[i].place = i;
	if (facts->has_keys)
		qsort(row, n, sizeof(*row), row_by_key);
	trace->count = n;
	trace->keyed = facts->has_keys;
	trace->event = calloc(n, sizeof(*trace->event) + sizeof(*trace->key));
	if (trace->event == NULL)
		return cli_fail(-ENOMEM, "%.120s: no memory", in->file);
	key = (uint64_t *)(trace->event + n);
	trace->key = facts->has_keys ? key : NULL;
	for (uint64_t i = 0; i < n; i++, row++) {
		same = i > 0 && row->key == row[-1].key ? same + 1 : 1;
		most = same > most ? same : most;
		facts->keys += same == 1;
		key[facts->keys - 1] = row->key;
		trace->event[row->place] = (struct trace_event){
			row->arrival_ns - in->origin_ns, row->service_ns,
			(uint32_t)facts->keys - 1};
	}
	facts->key_share = (double)most / (double)n;
	return 0;
}

int trace_load(struct trace *trace, const char *file)
{
	struct input in = {
		.file = file,
		.origin_ns = UINT64_MAX,
		.facts = &trace->facts,
	};
	char *rows = NULL;
	size_t bytes;
	int rc;

	*trace = (struct trace){0};
	in.rows = open_memstream(&rows, &bytes);
	if (in.rows == NULL)
		return cli_fail(-ENOMEM, "%.120s: no memory", file);
	in.stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	rc = in.stream != NULL
		     ? input_lines(&in)
		     : cli_fail(-errno, "%.120s: %s", file, strerror(errno));
	if (fclose(in.rows) != 0 && rc == 0)
		rc = cli_fail(-ENOMEM, "%.120s: no memory", file);
	if (rc == 0)
		rc = input_finish(&in, (void *)rows, trace);
	if (in.stream != NULL && in.stream != stdin)
		(void)fclose(in.stream);
	free(rows);
	return rc;
}

int trace_save(const struct trace *trace, FILE *stream)
{
	(void)fprintf(stream,
		      "%s0: time counts from there\narrival_ns,service_ns%s\n",
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
