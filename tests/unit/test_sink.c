/* SPDX-License-Identifier: Apache-2.0 */
/* Ready-made consumers: what comes is kept once and in order, and what is not
 * taken goes back. */
#define _GNU_SOURCE /* fopencookie */
#include "stages/sink.h"
#include "tests/support/rng.h"
#include "tests/unit/flow.h"

#include <stdlib.h>

#define EVENTS 10000u

static uint64_t kept[EVENTS];
static uint64_t kept_count;

static struct sluice_pipeline *sink_open(struct flow_source *source)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(
			&p, SLUICE_PIPELINE(.workers = 2, .max_restarts = 1000,
					    .max_seconds = 1, .backoff_ms = 1,
					    .backoff_max_ms = 1)),
		0);
	flow_add_source(p, "source", source);
	return p;
}

static void check_made(int rc)
{
	if (rc != 0)
		fail_msg("%s", sluice_last_error());
}

/* ---- array --------------------------------------------------------------- */

static struct array_row {
	const char *name;
	uint64_t events;
	uint64_t capacity;
	uint32_t max_demand;
	int32_t min_demand;
} array_rows[] = {
	{"array_of_nothing", 0, 10, 10, 0},
	{"array_with_room", 1000, EVENTS, 100, 0},
	{"array_just_full", EVENTS, EVENTS, 1000, 0},
	{"array_full_before_the_end", 1000, 777, 50, 49},
	{"array_of_one", 1000, 1, 1, 0},
};

static void array_keeps_all(void **state)
{
	const struct array_row *row = *state;
	struct flow_source source = {.end = row->events};
	struct sluice_pipeline *p = sink_open(&source);

	kept_count = 99;
	check_made(sluice_sink_array_add(
		p, SLUICE_STAGE(.name = "sink", .in_bytes = 8), kept,
		row->capacity, &kept_count));
	assert_int_equal(kept_count, 0);
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					   .min_demand = row->min_demand));
	(void)flow_run(p);
	sluice_pipeline_close(p);
	assert_int_equal(kept_count, row->events < row->capacity
					     ? row->events
					     : row->capacity);
	for (uint64_t i = 0; i < kept_count; i++)
		assert_int_equal(kept[i], i);
}

/* Two consumers; the array is full long before the end. What it had in its ring,
 * and a batch that does not fit, goes to the other one. */
static struct rest_row {
	const char *name;
	uint64_t capacity;
	int32_t min_demand;
} rest_rows[] = {
	{"rest_goes_back_in_batches_of_one", 100, 15},
	{"rest_goes_back_with_a_batch_that_does_not_fit", 101, SLUICE_MIN_HALF},
	{"rest_goes_back_when_no_batch_fits", 3, SLUICE_MIN_HALF},
};

static void rest_goes_back(void **state)
{
	const struct rest_row *row = *state;
	struct flow_source source = {.end = EVENTS};
	struct sluice_pipeline *p = sink_open(&source);
	struct flow_sink other = {0};
	uint64_t sum = 0;

	check_made(sluice_sink_array_add(
		p, SLUICE_STAGE(.name = "sink", .in_bytes = 8), kept,
		row->capacity, &kept_count));
	flow_add_sink(p, "other", &other);
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 16,
					   .min_demand = row->min_demand));
	flow_subscribe(p, "other", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 16));
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_close(p);
	/* How much the array got of it is the schedule's to decide. */
	assert_in_range(kept_count, 0, row->capacity);
	for (uint64_t i = 0; i < kept_count; i++)
		sum += kept[i];
	assert_int_equal(kept_count + other.events, EVENTS);
	assert_int_equal(sum + other.sum, flow_sum(EVENTS));
}

/* ---- file ---------------------------------------------------------------- */

/* A device that takes its bytes in pieces, and between them has no room. */
struct device {
	unsigned char *bytes;
	size_t room;
	size_t at;
	uint32_t hiccups; /* still to come */
	int error;
	struct rng rng;
};

static ssize_t device_write(void *cookie, const char *from, size_t n)
{
	struct device *device = cookie;

	if (device->hiccups > 0 && rng_below(&device->rng, 3) == 0) {
		device->hiccups--;
		errno = device->error;
		return 0; /* what a cookie answers for an error */
	}
	if (n > 1)
		n = (size_t)rng_between(&device->rng, 1, (uint32_t)n);
	if (n > device->room - device->at)
		n = device->room - device->at;
	if (n == 0)
		errno = ENOSPC;
	memcpy(device->bytes + device->at, from, n);
	device->at += n;
	return (ssize_t)n;
}

static void device_open(struct device *device, FILE **file, size_t room)
{
	device->bytes = malloc(room + 1);
	device->room = room;
	assert_non_null(device->bytes);
	*file = fopencookie(device, "w",
			    (cookie_io_functions_t){.write = device_write});
	assert_non_null(*file);
}

/* Records of any size; their bytes say which they are, and whose. */
struct record_source {
	struct flow_end ended;
	uint32_t who;
	uint32_t record;
	uint32_t next;
	uint32_t end;
};

static unsigned char record_byte(uint32_t who, uint32_t number, uint32_t i)
{
	if (i == 2)
		return (unsigned char)who;
	return (unsigned char)((i % 2 ? number >> 8 : number) + i * 7);
}

static int record_make(struct sluice_stage *self, uint32_t demand)
{
	struct record_source *source = sluice_stage_state(self);

	for (; demand > 0 && source->next < source->end; demand--) {
		unsigned char *out = sluice_emit(self, 1);

		for (uint32_t i = 0; i < source->record; i++)
			out[i] = record_byte(source->who, source->next, i);
		source->next++;
	}
	return source->next == source->end ? SLUICE_END : SLUICE_OK;
}

static struct file_row {
	const char *name;
	uint32_t record;
	uint32_t records;
	uint32_t sources;
	uint32_t max_demand;
	uint32_t hiccups;
} file_rows[] = {
	{"file_empty", 8, 0, 1, 100, 0},
	{"file_of_bytes", 1, 5000, 1, 1000, 0},
	{"file_of_odd_records", 7, 5000, 1, 100, 0},
	{"file_of_the_largest_records", 65536, 10, 1, 4, 0},
	{"file_restarted", 7, 5000, 1, 100, 30},
	{"file_restarted_with_large_batches", 24, 5000, 1, 5000, 30},
	{"file_restarted_one_at_a_time", 8, 300, 1, 1, 30},
	{"file_restarted_with_large_records", 40000, 20, 1, 3, 30},
	{"file_restarted_with_three_sources", 7, 1500, 3, 10, 30},
};

/* The file holds whole records of every source, each once and in order. */
static void check_records(const struct file_row *row,
			  const struct device *device)
{
	uint32_t next[3] = {0, 0, 0};
	size_t count = device->at / row->record;

	assert_int_equal(device->at,
			 (size_t)row->record * row->records * row->sources);
	for (size_t at = 0; at < count; at++) {
		const unsigned char *event = device->bytes + at * row->record;
		uint32_t who = row->record > 2 ? event[2] : 0;

		assert_in_range(who, 0, row->sources - 1);
		for (uint32_t i = 0; i < row->record; i++)
			if (event[i] != record_byte(who, next[who], i))
				fail_msg("record %zu is not %u of source %u",
					 at, next[who], who);
		next[who]++;
	}
}

static void file_keeps_all(void **state)
{
	static const char *const names[] = {"s0", "s1", "s2"};
	const struct file_row *row = *state;
	struct record_source sources[3] = {{.record = 0}};
	struct device device = {.hiccups = row->hiccups,
				.error = ENOSPC,
				.rng = rng_start(row->name)};
	struct sluice_pipeline *p = NULL;
	FILE *file = NULL;
	int rc;

	device_open(&device, &file,
		    (size_t)row->record * row->records * row->sources + 1000);
	rc = sluice_pipeline_open(
		&p, SLUICE_PIPELINE(.max_restarts = 1000, .max_seconds = 1,
				    .backoff_ms = 1, .backoff_max_ms = 1));
	assert_int_equal(rc, 0);
	check_made(sluice_sink_file_add(
		p,
		SLUICE_STAGE(.name = "sink", .in_bytes = row->record,
			     .restart = SLUICE_RESTART_TRANSIENT,
			     .max_deliveries = 1000),
		file));
	for (uint32_t i = 0; i < row->sources; i++) {
		sources[i].who = i;
		sources[i].record = row->record;
		sources[i].end = row->records;
		flow_add(p,
			 SLUICE_STAGE(.name = names[i], .kind = SLUICE_PRODUCER,
				      .out_bytes = row->record,
				      .handle_demand = record_make,
				      .state = &sources[i]));
		flow_subscribe(
			p, "sink", names[i],
			SLUICE_SUBSCRIPTION(.max_demand = row->max_demand));
	}
	rc = flow_run(p);
	sluice_pipeline_close(p);
	assert_int_equal(rc, 0);
	check_records(row, &device);
	assert_int_equal(fclose(file), 0);
	/* The stream held nothing back. */
	assert_int_equal(device.at,
			 (size_t)row->record * row->records * row->sources);
	free(device.bytes);
}

static void file_that_is_full_fails_the_stage(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct sluice_pipeline *p = sink_open(&source);
	struct device device = {.rng = rng_start("full")};
	FILE *file = NULL;

	(void)state;
	device_open(&device, &file, 1001);
	check_made(sluice_sink_file_add(
		p, SLUICE_STAGE(.name = "sink", .in_bytes = 8), file));
	flow_subscribe(p, "sink", "source", NULL);
	assert_int_equal(flow_run(p), -ENOSPC);
	assert_text_has(sluice_last_error(), "'sink'");
	sluice_pipeline_close(p);
	/* What fitted is there. */
	assert_int_equal(device.at, 1001);
	for (uint64_t i = 0; i < 1001 / 8; i++)
		assert_memory_equal(device.bytes + 8 * i, &i, 8);
	(void)fclose(file);
	free(device.bytes);
}

/* Behind what the caller has written already. */
static void file_goes_on_from_its_position(void **state)
{
	struct flow_source source = {.end = 100};
	struct sluice_pipeline *p = sink_open(&source);
	FILE *file = tmpfile();
	uint64_t event = UINT64_MAX;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fwrite(&event, 8, 1, file), 1);
	check_made(sluice_sink_file_add(
		p, SLUICE_STAGE(.name = "sink", .in_bytes = 8), file));
	flow_subscribe(p, "sink", "source", NULL);
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_close(p);
	assert_int_equal(ftell(file), 8 * 101);
	rewind(file);
	for (uint64_t i = 0; i < 101; i++) {
		assert_int_equal(fread(&event, 8, 1, file), 1);
		assert_int_equal(event, i - 1);
	}
	assert_int_equal(fclose(file), 0);
}

/* ---- refused ------------------------------------------------------------- */

static int no_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
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
	{"refuses_handle_events",
	 {.name = "s", .in_bytes = 8, .handle_events = flow_collect},
	 "stage 's': handle_events is set"},
	{"refuses_handle_demand",
	 {.name = "s", .in_bytes = 8, .handle_demand = no_demand},
	 "stage 's': handle_demand is set"},
	{"refuses_state",
	 {.name = "s", .in_bytes = 8, .state = kept},
	 "stage 's': state is set"},
	{"refuses_state_free",
	 {.name = "s", .in_bytes = 8, .state_free = no_free},
	 "stage 's': state_free is set"},
	{"refuses_a_producer",
	 {.name = "s", .in_bytes = 8, .kind = SLUICE_PRODUCER},
	 "stage 's': kind 1"},
	{"refuses_a_port",
	 {.name = "s", .in_bytes = 8, .flags = SLUICE_STAGE_PORT},
	 "stage 's': SLUICE_STAGE_PORT is set"},
	{"refuses_no_name", {.in_bytes = 8}, "name is missing"},
	{"refuses_no_bytes", {.name = "s"}, "stage 's': in_bytes is 0"},
	{"refuses_many_bytes",
	 {.name = "s", .in_bytes = 65537},
	 "stage 's': in_bytes 65537 is over"},
};

static void options_are_refused(void **state)
{
	const struct refused_row *row = *state;
	struct sluice_stage_opts o = row->opts;
	struct sluice_pipeline *p = flow_open(1);
	FILE *file = tmpfile();

	o.size = sizeof(o);
	assert_int_equal(sluice_sink_array_add(p, &o, kept, 1, &kept_count),
			 -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	assert_int_equal(sluice_sink_file_add(p, &o, file), -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	sluice_pipeline_close(p);
	(void)fclose(file);
}

static void arguments_are_refused(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage_opts o = *SLUICE_STAGE(.name = "s", .in_bytes = 8);

	(void)state;
	assert_int_equal(sluice_sink_array_add(p, &o, NULL, 1, &kept_count),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "events is NULL");
	assert_int_equal(sluice_sink_array_add(p, &o, kept, 1, NULL), -EINVAL);
	assert_text_has(sluice_last_error(), "count is NULL");
	assert_int_equal(sluice_sink_array_add(p, &o, kept, 0, &kept_count),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "capacity is 0");
	assert_int_equal(sluice_sink_file_add(p, &o, NULL), -EINVAL);
	assert_text_has(sluice_last_error(), "file is missing");
	o.fini = flow_fini;
	assert_int_equal(sluice_sink_file_add(p, &o, stdin), -EINVAL);
	assert_text_has(sluice_last_error(), "fini is set");
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_that_is_full_fails_the_stage),
		cmocka_unit_test(file_goes_on_from_its_position),
		cmocka_unit_test(arguments_are_refused),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(array_rows) +
			      UNIT_COUNT(rest_rows) + UNIT_COUNT(file_rows) +
			      UNIT_COUNT(refused_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, array_keeps_all, array_rows);
	at = UNIT_ADD_ROWS(all, at, rest_goes_back, rest_rows);
	at = UNIT_ADD_ROWS(all, at, file_keeps_all, file_rows);
	at = UNIT_ADD_ROWS(all, at, options_are_refused, refused_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("sink", all, NULL, NULL);
}
