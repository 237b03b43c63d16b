/* SPDX-License-Identifier: Apache-2.0 */
/* What a producer emits while it is held back, and what callbacks emit one
 * behind the other: sluice_emit() has room, and what goes over a limit is
 * counted, never refused without a word. */
#include "flow.h"

#include "engine/stage/stage_priv.h"

#include <stdlib.h>

#define BUFFER 10u
#define BATCH  4u

/* ---- memory that is not to be had ---------------------------------------- */

static uint32_t memory_gone; /* atomic */

void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return __atomic_load_n(&memory_gone, __ATOMIC_RELAXED)
		       ? NULL
		       : __real_aligned_alloc(align, bytes);
}

/* ---- a source that emits when it is told to ------------------------------ */

static struct {
	uint64_t next;
	uint32_t refused;   /* sluice_emit() said NULL */
	uint64_t discarded; /* as on_discard was told */
	uint32_t hooks;
	uint32_t infos;
} tap;

static struct flow_sink sink;
static struct sluice_pipeline *pipeline;
static struct sluice_sub sub;

/* Emit @n, a few at a time. */
static int tap_pour(struct sluice_stage *self, uint32_t n)
{
	for (; n > 0; n--) {
		uint64_t *event = sluice_emit(self, 1);

		if (event == NULL)
			tap.refused++;
		else
			*event = tap.next;
		tap.next++;
	}
	return SLUICE_OK;
}

static int tap_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static int tap_call(struct sluice_stage *self,
		    const struct sluice_message *request,
		    struct sluice_answer *reply)
{
	uint32_t n;

	(void)reply;
	memcpy(&n, request->data, sizeof(n));
	return tap_pour(self, n);
}

static int tap_info(struct sluice_stage *self,
		    const struct sluice_message *message)
{
	(void)message;
	(void)__atomic_add_fetch(&tap.infos, 1, __ATOMIC_ACQ_REL);
	return tap_pour(self, BATCH);
}

static uint32_t infos(void)
{
	return __atomic_load_n(&tap.infos, __ATOMIC_ACQUIRE);
}

static int tap_hook(struct sluice_stage *self,
		    const struct sluice_link_event *event)
{
	(void)event;
	tap.hooks++;
	return tap_pour(self, BATCH);
}

static int tap_discard(struct sluice_stage *self, uint64_t count)
{
	(void)self;
	tap.discarded += count;
	return 0;
}

static void tap_open(const struct sluice_stage_opts *more, uint32_t window)
{
	struct sluice_stage_opts o = *more;

	memset(&tap, 0, sizeof(tap));
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open(1);
	o.name = "tap";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = 8;
	o.handle_demand = tap_demand;
	o.handle_call = tap_call;
	o.on_discard = tap_discard;
	if (o.buffer_events == 0) {
		o.buffer_events = BUFFER;
		o.batch_events = BATCH;
	}
	flow_add(pipeline, &o);
	flow_add_sink(pipeline, "sink", &sink);
	flow_subscribe(pipeline, "sink", "tap",
		       SLUICE_SUBSCRIPTION(.max_demand = window, .sub = &sub,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
}

static struct sluice_stage *tap_stage(void)
{
	return sluice_stage_find(pipeline, "tap");
}

static void pour(uint32_t n)
{
	assert_int_equal(sluice_call(tap_stage(), &n, sizeof(n), NULL, 0,
				     FLOW_DEADLINE_MS),
			 0);
}

static void forward(void)
{
	assert_int_equal(sluice_demand_set(tap_stage(), SLUICE_DEMAND_FORWARD),
			 0);
	pour(0); /* it has looked up */
}

/* Ask for @n in all, and wait until the sink has granted them. */
static void ask_for(uint32_t n)
{
	struct sluice_subscription_stats stat = {.granted = 0};

	assert_int_equal(sluice_ask(sub, n), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && stat.granted < n; ms++) {
		flow_sleep_ms(1);
		assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	}
}

static void tap_close(void)
{
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	sluice_pipeline_close(pipeline);
}

/* ---- held back ----------------------------------------------------------- */

static struct keep_row {
	const char *name;
	enum sluice_keep keep;
	uint64_t stay; /* of 1000 when it is set to forward */
	uint64_t first;
} keep_rows[] = {
	{"held_keep_last", SLUICE_KEEP_LAST, BUFFER, 1000 - BUFFER},
	{"held_keep_first", SLUICE_KEEP_FIRST, BUFFER, 0},
	/* Nothing is discarded: it has no room for more until they are out. */
	{"held_keep_block", SLUICE_KEEP_BLOCK, 1000, 0},
};

/* A hundred times what the buffer holds: it is held, and the buffer's limit
 * applies when it is let go. */
static void what_is_emitted_is_held(void **state)
{
	const struct keep_row *row = *state;

	tap_open(SLUICE_STAGE(.demand = SLUICE_DEMAND_ACCUMULATE,
			      .buffer_keep = row->keep),
		 1024);
	flow_start(pipeline);
	for (uint32_t i = 0; i < 1000 / BATCH; i++)
		pour(i % 2 ? BATCH : 1);
	while (tap.next < 1000)
		pour(1);
	assert_int_equal(tap.refused, 0);
	assert_int_equal(flow_stats(pipeline, "tap").held, 1000);
	assert_int_equal(flow_stats(pipeline, "tap").overflowed, 0);
	forward();
	assert_int_equal(flow_stats(pipeline, "tap").held, 0);
	assert_int_equal(flow_stats(pipeline, "tap").buffered, row->stay);
	assert_int_equal(flow_stats(pipeline, "tap").overflowed,
			 1000 - row->stay);
	assert_int_equal(tap.discarded, 1000 - row->stay);
	if (row->keep == SLUICE_KEEP_BLOCK) {
		pour(1);
		assert_int_equal(tap.refused, 1);
	}
	assert_int_equal(sluice_ask(sub, 1000), 0);
	flow_wait_events(pipeline, &sink, row->stay);
	assert_int_equal(sink.border[0].first, row->first);
	tap_close();
	assert_int_equal(sink.disorder, 0);
	assert_int_equal(sink.events, row->stay);
}

/* Who has asked gets all of it, whatever the buffer holds. */
static void held_events_find_credit(void **state)
{
	(void)state;
	tap_open(SLUICE_STAGE(.demand = SLUICE_DEMAND_ACCUMULATE), 1024);
	assert_int_equal(sluice_ask(sub, 1000), 0);
	flow_start(pipeline);
	while (tap.next < 1000)
		pour(BATCH);
	forward();
	flow_wait_events(pipeline, &sink, 1000);
	assert_int_equal(flow_stats(pipeline, "tap").overflowed, 0);
	/* Held again, in the memory it has by now. */
	assert_int_equal(
		sluice_demand_set(tap_stage(), SLUICE_DEMAND_ACCUMULATE), 0);
	while (tap.next < 1500)
		pour(BATCH);
	assert_int_equal(flow_stats(pipeline, "tap").held, 500);
	forward();
	assert_int_equal(flow_stats(pipeline, "tap").overflowed, 490);
	tap_close();
	flow_check_all(&sink, 1000);
}

/* The limit of what is held, which is set low here: the buffer decides then. */
static void held_events_have_a_limit(void **state)
{
	const struct keep_row *row = *state;
	int block = row->keep == SLUICE_KEEP_BLOCK;

	tap_open(SLUICE_STAGE(.demand = SLUICE_DEMAND_ACCUMULATE,
			      .buffer_keep = row->keep),
		 1024);
	tap_stage()->held_max = 100;
	flow_start(pipeline);
	while (tap.next < 300)
		pour(BATCH);
	assert_int_equal(flow_stats(pipeline, "tap").held, 100);
	assert_int_equal(tap.refused, block ? 200 : 0);
	assert_int_equal(flow_stats(pipeline, "tap").overflowed,
			 block ? 0 : 200);
	assert_int_equal(tap.discarded, block ? 0 : 200);
	ask_for(1000);
	forward();
	flow_wait_events(pipeline, &sink, 100);
	assert_int_equal(sink.border[0].first,
			 row->keep == SLUICE_KEEP_LAST ? 200 : 0);
	tap_close();
	assert_int_equal(sink.events, 100);
	assert_int_equal(sink.disorder, 0);
}

/* Neither more nor less than is said in control.h. */
static void the_limit_is_as_written(void **state)
{
	static const struct {
		uint32_t bytes;
		uint32_t buffer;
		uint32_t most;
	} rows[] = {
		{1, 10, SLUICE_HELD_EVENTS_MAX},
		{8, 10, SLUICE_HELD_EVENTS_MAX},
		{64, 10, 128u << 20 >> 6},
		{65536, 10, 2048},
		{65536, 4096, 4096},
		{64, SLUICE_BUFFER_EVENTS_MAX, SLUICE_BUFFER_EVENTS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_pipeline *p = flow_open(1);

		flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					 .out_bytes = rows[i].bytes,
					 .buffer_events = rows[i].buffer,
					 .handle_demand = tap_demand));
		assert_int_equal(sluice_stage_find(p, "a")->held_max,
				 rows[i].most);
		sluice_pipeline_close(p);
	}
}

/* Where there is no memory for more, that is the limit; and when there is some
 * again, it is none any more. */
static void memory_is_not_to_be_had(void **state)
{
	const struct keep_row *row = *state;
	uint64_t held;

	tap_open(SLUICE_STAGE(.demand = SLUICE_DEMAND_ACCUMULATE,
			      .buffer_keep = row->keep),
		 1024);
	flow_start(pipeline);
	__atomic_store_n(&memory_gone, 1, __ATOMIC_RELAXED);
	while (tap.next < 200)
		pour(BATCH);
	held = flow_stats(pipeline, "tap").held;
	assert_in_range(held, BUFFER, 2 * BUFFER + BATCH);
	if (row->keep == SLUICE_KEEP_BLOCK)
		assert_int_equal(held + tap.refused, 200);
	else
		assert_int_equal(held + flow_stats(pipeline, "tap").overflowed,
				 200);
	__atomic_store_n(&memory_gone, 0, __ATOMIC_RELAXED);
	while (tap.next < 600)
		pour(BATCH);
	assert_int_equal(flow_stats(pipeline, "tap").held, held + 400);
	tap_close();
}

/* ---- one callback behind the other --------------------------------------- */

/* Markers that are due at once, and hooks of many who join at once: each may
 * emit what any callback may. */
static void callbacks_in_a_row_have_room(void **state)
{
	(void)state;
	tap_open(SLUICE_STAGE(.handle_info = tap_info), 1024);
	flow_start(pipeline);
	pour(BATCH);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(sluice_info(tap_stage(), NULL, 0), 0);
	pour(0); /* all of them stand behind the batch now */
	assert_int_equal(infos(), 0);
	assert_int_equal(sluice_ask(sub, BATCH), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && infos() < 50; ms++) {
		flow_sleep_ms(1);
		pour(0); /* what it has done before is seen here */
	}
	assert_int_equal(infos(), 50);
	assert_int_equal(tap.refused, 0);
	assert_int_equal(flow_stats(pipeline, "tap").buffered, BUFFER);
	assert_int_equal(flow_stats(pipeline, "tap").overflowed,
			 50 * BATCH - BUFFER);
	assert_int_equal(tap.discarded, 50 * BATCH - BUFFER);
	tap_close();
}

static void hooks_in_a_row_have_room(void **state)
{
	static const char *const more[] = {"c0", "c1", "c2", "c3", "c4",
					   "c5", "c6", "c7", "c8", "c9"};
	static struct flow_sink sinks[UNIT_COUNT(more)];

	(void)state;
	tap_open(SLUICE_STAGE(.on_subscribe = tap_hook), 1024);
	for (uint32_t i = 0; i < UNIT_COUNT(more); i++) {
		flow_add_sink(pipeline, more[i], &sinks[i]);
		flow_subscribe(
			pipeline, more[i], "tap",
			SLUICE_SUBSCRIPTION(.max_demand = 8,
					    .flags = SLUICE_SUBSCRIBE_MANUAL));
	}
	flow_start(pipeline);
	pour(0);
	assert_int_equal(tap.hooks, 1 + UNIT_COUNT(more));
	assert_int_equal(tap.refused, 0);
	assert_int_equal(flow_stats(pipeline, "tap").buffered, BUFFER);
	assert_int_equal(flow_stats(pipeline, "tap").overflowed,
			 tap.next - BUFFER);
	assert_int_equal(tap.discarded, tap.next - BUFFER);
	tap_close();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_events_find_credit),
		cmocka_unit_test(the_limit_is_as_written),
		cmocka_unit_test(callbacks_in_a_row_have_room),
		cmocka_unit_test(hooks_in_a_row_have_room),
	};
	static struct CMUnitTest
		all[UNIT_COUNT(tests) + 3 * UNIT_COUNT(keep_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, what_is_emitted_is_held, keep_rows);
	at = UNIT_ADD_ROWS(all, at, held_events_have_a_limit, keep_rows);
	at = UNIT_ADD_ROWS(all, at, memory_is_not_to_be_had, keep_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("held", all, NULL, NULL);
}
