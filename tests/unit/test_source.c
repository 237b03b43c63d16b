/* SPDX-License-Identifier: Apache-2.0 */
/* Ready-made producers: every event once and in order, whatever fails on the
 * way. */
#define _GNU_SOURCE /* fopencookie */
#include "stages/source.h"
#include "tests/support/rng.h"
#include "tests/unit/flow.h"

#include <stdlib.h>

#define NUMBERS 10000u

static uint64_t numbers[NUMBERS];

/* A pipeline in which restarts cost no time, and a sink for "source". */
static struct sluice_pipeline *source_open(struct flow_sink *sink)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(
			&p, SLUICE_PIPELINE(.workers = 2, .max_restarts = 1000,
					    .max_seconds = 1, .backoff_ms = 1,
					    .backoff_max_ms = 1)),
		0);
	memset(sink, 0, sizeof(*sink));
	flow_add_sink(p, "sink", sink);
	return p;
}

static int source_run(struct sluice_pipeline *p, uint32_t max_demand)
{
	int rc;

	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = max_demand));
	rc = flow_run(p);
	sluice_pipeline_close(p);
	return rc;
}

static void check_made(int rc)
{
	if (rc != 0)
		fail_msg("%s", sluice_last_error());
}

/* ---- array --------------------------------------------------------------- */

static struct array_row {
	const char *name;
	uint64_t count;
	uint32_t max_demand;
	uint32_t batch_events;
} array_rows[] = {
	{"array_empty", 0, 10, 0},
	{"array_of_one", 1, 1000, 0},
	{"array_one_at_a_time", 300, 1, 0},
	{"array_as_asked", 1000, 1000, 0},
	{"array_beyond_what_is_asked", NUMBERS, 7, 0},
	{"array_in_short_batches", NUMBERS, 1000, 3},
};

static void array_gives_all(void **state)
{
	const struct array_row *row = *state;
	struct flow_sink sink;
	struct sluice_pipeline *p = source_open(&sink);

	check_made(sluice_source_array_add(
		p,
		SLUICE_STAGE(.name = "source", .out_bytes = 8,
			     .batch_events = row->batch_events),
		row->count ? numbers : NULL, row->count));
	assert_int_equal(source_run(p, row->max_demand), 0);
	flow_check_all(&sink, row->count);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
}

/* Fails each time it is told something; the stage is restarted. */
static int trouble(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return -EIO;
}

static void array_keeps_its_place(void **state)
{
	struct flow_sink sink;
	struct sluice_pipeline *p = source_open(&sink);
	struct sluice_stage *stage;
	int rc = 0;

	(void)state;
	check_made(sluice_source_array_add(
		p,
		SLUICE_STAGE(.name = "source", .out_bytes = 8,
			     .batch_events = 16, .handle_cast = trouble,
			     .restart = SLUICE_RESTART_TRANSIENT),
		numbers, NUMBERS));
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 16));
	stage = sluice_stage_find(p, "source");
	flow_start(p);
	for (int i = 0; i < 10 && (rc == 0 || rc == -EAGAIN); i++) {
		rc = sluice_cast(stage, NULL, 0);
		flow_sleep_ms(1); /* so that they come at different times */
	}
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	flow_check_all(&sink, NUMBERS);
}

/* ---- iterator ------------------------------------------------------------ */

struct counter {
	uint64_t next;
	uint64_t end;
	uint64_t fail_at; /* answer `failure` before this one */
	int failure;
	/* Answer `failure` once before so many; 0: never. */
	uint32_t fail_every;
	uint32_t failures;
	uint32_t dirty; /* events that were not zeros */
};

static int counter_next(void *event, void *ctx)
{
	struct counter *counter = ctx;
	uint64_t value;

	memcpy(&value, event, sizeof(value));
	counter->dirty += value != 0;
	if (counter->next == counter->end)
		return 0;
	if (counter->failure && counter->next == counter->fail_at) {
		counter->fail_at += counter->fail_every;
		counter->failures++;
		/* What is left behind by a failure is not an event. */
		memset(event, 0xff, sizeof(value));
		return counter->failure;
	}
	memcpy(event, &counter->next, sizeof(counter->next));
	counter->next++;
	return 1;
}

static struct iterator_row {
	const char *name;
	uint64_t end;
	uint64_t fail_at;
	int failure;
	uint32_t fail_every;
	enum sluice_restart restart;
	uint64_t arrive;
	int rc;
} iterator_rows[] = {
	{"iterator_empty", 0, 0, 0, 0, 0, 0, 0},
	{"iterator_counts", NUMBERS, 0, 0, 0, 0, NUMBERS, 0},
	{"iterator_fails", 1000, 500, -EACCES, 0, SLUICE_RESTART_NONE, 0,
	 -EACCES},
	{"iterator_answers_nonsense", 1000, 500, 7, 0, SLUICE_RESTART_NONE, 0,
	 -EINVAL},
	{"iterator_fails_at_once", 1000, 0, -EACCES, 0, SLUICE_RESTART_NONE, 0,
	 -EACCES},
	/* What was given before the failure arrives. */
	{"iterator_fails_behind_its_events", 1000, 500, -EACCES, 0,
	 SLUICE_RESTART_TEMPORARY, 500, -EACCES},
	{"iterator_is_restarted", 1000, 500, -EACCES, 1000,
	 SLUICE_RESTART_TRANSIENT, 1000, 0},
	{"iterator_is_restarted_again_and_again", 1000, 0, -EACCES, 61,
	 SLUICE_RESTART_TRANSIENT, 1000, 0},
};

static void iterator_gives_all(void **state)
{
	const struct iterator_row *row = *state;
	struct counter counter = {.end = row->end,
				  .fail_at = row->fail_at,
				  .failure = row->failure,
				  .fail_every = row->fail_every};
	struct flow_sink sink;
	struct sluice_pipeline *p = source_open(&sink);

	check_made(sluice_source_iterator_add(
		p,
		SLUICE_STAGE(.name = "source", .out_bytes = 8,
			     .restart = row->restart),
		counter_next, &counter));
	assert_int_equal(source_run(p, 100), row->rc);
	assert_int_equal(counter.dirty, 0);
	if (row->restart != SLUICE_RESTART_NONE || row->rc == 0)
		flow_check_all(&sink, row->arrive);
	else
		assert_int_equal(sink.gaps, 0);
}

/* ---- file ---------------------------------------------------------------- */

/* A device that gives its bytes in pieces, and between them an error, or an end
 * that is none. */
struct device {
	const unsigned char *bytes;
	size_t count;
	size_t at;
	uint32_t calls;
	uint32_t hiccups; /* still to come */
	int error;        /* of a hiccup; 0: an end */
	struct rng rng;
};

static ssize_t device_read(void *cookie, char *to, size_t n)
{
	struct device *device = cookie;
	size_t left = device->count - device->at;

	if (device->hiccups > 0 && device->calls++ % 2 == 0) {
		device->hiccups--;
		errno = device->error;
		return device->error ? -1 : 0;
	}
	if (n > 500)
		n = 500;
	n = (size_t)rng_between(&device->rng, 1, (uint32_t)n);
	if (n > left)
		n = left;
	memcpy(to, device->bytes + device->at, n);
	device->at += n;
	return (ssize_t)n;
}

static FILE *device_open(struct device *device)
{
	FILE *file = fopencookie(device, "r",
				 (cookie_io_functions_t){.read = device_read});

	assert_non_null(file);
	return file;
}

/* Takes records of any size and compares them with the device's bytes. */
struct record_sink {
	struct flow_end ended;
	const unsigned char *bytes;
	size_t at;
	uint32_t record;
	uint32_t wrong;
};

static int record_compare(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	struct record_sink *sink = sluice_stage_state(self);
	size_t n = (size_t)batch->count * sink->record;

	sink->wrong += memcmp(sink->bytes + sink->at, batch->events, n) != 0;
	sink->at += n;
	return SLUICE_OK;
}

static struct file_row {
	const char *name;
	uint32_t record;
	uint32_t records;
	uint32_t behind; /* bytes of a record that is cut short */
	uint32_t hiccups;
	int error;
	enum sluice_restart restart;
	int rc;
} file_rows[] = {
	{"file_empty", 8, 0, 0, 0, 0, 0, 0},
	{"file_of_bytes", 1, 5000, 0, 0, 0, 0, 0},
	{"file_of_odd_records", 7, 5000, 0, 0, 0, 0, 0},
	{"file_of_large_records", 40000, 20, 0, 0, 0, 0, 0},
	{"file_of_the_largest_records", 65536, 10, 0, 0, 0, 0, 0},
	{"file_cut_short", 8, 100, 3, 0, 0, SLUICE_RESTART_NONE, -EILSEQ},
	{"file_of_less_than_a_record", 8, 0, 7, 0, 0, SLUICE_RESTART_NONE,
	 -EILSEQ},
	{"file_cut_short_behind_its_records", 8, 100, 3, 0, 0,
	 SLUICE_RESTART_TEMPORARY, -EILSEQ},
	{"file_restarted_after_errors", 7, 3000, 0, 20, EIO,
	 SLUICE_RESTART_TRANSIENT, 0},
	{"file_restarted_with_large_records", 40000, 20, 0, 20, ENXIO,
	 SLUICE_RESTART_TRANSIENT, 0},
	{"file_that_grows", 40000, 20, 0, 20, 0, SLUICE_RESTART_PERMANENT, 0},
};

static void file_gives_all(void **state)
{
	const struct file_row *row = *state;
	size_t whole = (size_t)row->record * row->records;
	struct device device = {.count = whole + row->behind,
				.hiccups = row->hiccups,
				.error = row->error,
				.rng = rng_start(row->name)};
	unsigned char *bytes = malloc(device.count + 1);
	struct record_sink sink = {.record = row->record, .bytes = bytes};
	struct sluice_pipeline *p = NULL;
	FILE *file = device_open(&device);
	int rc;

	assert_non_null(bytes);
	for (size_t i = 0; i < device.count; i++)
		bytes[i] = (unsigned char)rng_u64(&device.rng);
	device.bytes = bytes;
	rc = sluice_pipeline_open(
		&p, SLUICE_PIPELINE(.max_restarts = 1000, .max_seconds = 1,
				    .backoff_ms = 1, .backoff_max_ms = 1));
	assert_int_equal(rc, 0);
	check_made(sluice_source_file_add(p,
					  SLUICE_STAGE(.name = "source",
						       .out_bytes = row->record,
						       .restart = row->restart),
					  file));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = row->record,
				 .handle_events = record_compare,
				 .fini = flow_fini, .state = &sink));
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 50));
	flow_start(p);
	/* A permanent source never ends by itself. */
	if (row->restart == SLUICE_RESTART_PERMANENT) {
		flow_wait_handled(p, "sink", row->records);
		rc = sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
	} else {
		rc = flow_join(p);
	}
	if (rc < 0)
		assert_text_has(sluice_last_error(), "source");
	sluice_pipeline_close(p);
	assert_int_equal(rc, row->rc);
	assert_int_equal(sink.wrong, 0);
	assert_int_equal(device.hiccups, 0);
	/* Without a restart a failure stops the pipeline, events and all. */
	if (rc == 0 || row->restart != SLUICE_RESTART_NONE)
		assert_int_equal(sink.at, whole);
	(void)fclose(file);
	free(bytes);
}

/* From where the caller has read to; and it stays the caller's. */
static void file_goes_on_from_its_position(void **state)
{
	struct flow_sink sink;
	struct sluice_pipeline *p = source_open(&sink);
	FILE *file = tmpfile();
	uint64_t head = UINT64_MAX;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fwrite(&head, 8, 1, file), 1);
	assert_int_equal(fwrite(numbers, 8, NUMBERS, file), NUMBERS);
	rewind(file);
	assert_int_equal(fread(&head, 8, 1, file), 1);
	check_made(sluice_source_file_add(
		p, SLUICE_STAGE(.name = "source", .out_bytes = 8), file));
	assert_int_equal(source_run(p, 1000), 0);
	flow_check_all(&sink, NUMBERS);
	assert_int_equal(ftell(file), 8 * (NUMBERS + 1));
	assert_int_equal(fclose(file), 0);
}

/* ---- refused ------------------------------------------------------------- */

static int no_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_END;
}

static int no_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_END;
}

static void no_free(void *state)
{
	(void)state;
}

static struct refused_row {
	const char *name;
	struct sluice_stage_opts opts;
	const char *says;
} refused_rows[] = {
	{"refuses_handle_demand",
	 {.name = "s", .out_bytes = 8, .handle_demand = no_demand},
	 "stage 's': handle_demand is set"},
	{"refuses_handle_events",
	 {.name = "s", .out_bytes = 8, .handle_events = no_events},
	 "stage 's': handle_events is set"},
	{"refuses_state",
	 {.name = "s", .out_bytes = 8, .state = numbers},
	 "stage 's': state is set"},
	{"refuses_state_free",
	 {.name = "s", .out_bytes = 8, .state_free = no_free},
	 "stage 's': state_free is set"},
	{"refuses_a_consumer",
	 {.name = "s", .out_bytes = 8, .kind = SLUICE_CONSUMER},
	 "stage 's': kind 3"},
	{"refuses_a_port",
	 {.name = "s", .out_bytes = 8, .flags = SLUICE_STAGE_PORT},
	 "stage 's': SLUICE_STAGE_PORT is set"},
	{"refuses_no_name", {.out_bytes = 8}, "name is missing"},
	{"refuses_no_bytes", {.name = "s"}, "stage 's': out_bytes is 0"},
	{"refuses_many_bytes",
	 {.name = "s", .out_bytes = UINT32_MAX},
	 "stage 's': out_bytes 4294967295 is over"},
};

static void options_are_refused(void **state)
{
	const struct refused_row *row = *state;
	struct sluice_stage_opts o = row->opts;
	struct sluice_pipeline *p = flow_open(1);

	o.size = sizeof(o);
	for (int which = 0; which < 3; which++) {
		int rc = which == 0 ? sluice_source_array_add(p, &o, numbers, 1)
			 : which == 1 ? sluice_source_iterator_add(
						p, &o, counter_next, NULL)
				      : sluice_source_file_add(p, &o, stdin);

		assert_int_equal(rc, -EINVAL);
		assert_text_has(sluice_last_error(), row->says);
	}
	sluice_pipeline_close(p);
}

static void arguments_are_refused(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct {
		struct sluice_stage_opts opts;
		uint64_t newer; /* leaves no padding */
	} future = {*SLUICE_STAGE(.name = "s", .out_bytes = 8), 0};

	(void)state;
	assert_int_equal(sluice_source_array_add(p, &future.opts, NULL, 1),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "events is NULL");
	assert_int_equal(
		sluice_source_iterator_add(p, &future.opts, NULL, NULL),
		-EINVAL);
	assert_text_has(sluice_last_error(), "next is missing");
	assert_int_equal(sluice_source_file_add(p, &future.opts, NULL),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "file is missing");
	assert_int_equal(sluice_source_array_add(p, NULL, numbers, 1), -EINVAL);
	future.opts.size = sizeof(future);
	future.newer = 1;
	assert_int_equal(sluice_source_array_add(p, &future.opts, numbers, 1),
			 -E2BIG);
	/* A struct that is longer than ours and does not use it is welcome. */
	future.newer = 0;
	assert_int_equal(sluice_source_array_add(p, &future.opts, numbers, 1),
			 0);
	future.opts.size = sizeof(future.opts);
	assert_int_equal(sluice_source_array_add(p, &future.opts, numbers, 1),
			 -EEXIST);
	future.opts.name = "t";
	future.opts.size = 4;
	assert_int_equal(sluice_source_array_add(p, &future.opts, numbers, 1),
			 -EINVAL);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(array_keeps_its_place),
		cmocka_unit_test(file_goes_on_from_its_position),
		cmocka_unit_test(arguments_are_refused),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(array_rows) +
			      UNIT_COUNT(iterator_rows) +
			      UNIT_COUNT(file_rows) + UNIT_COUNT(refused_rows)];
	size_t at = 0;

	for (uint64_t i = 0; i < NUMBERS; i++)
		numbers[i] = i;
	at = UNIT_ADD_ROWS(all, at, array_gives_all, array_rows);
	at = UNIT_ADD_ROWS(all, at, iterator_gives_all, iterator_rows);
	at = UNIT_ADD_ROWS(all, at, file_gives_all, file_rows);
	at = UNIT_ADD_ROWS(all, at, options_are_refused, refused_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("source", all, NULL, NULL);
}
