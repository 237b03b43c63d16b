/* SPDX-License-Identifier: Apache-2.0 */
/* Events that were emitted and had nobody left to go to: join, drain and run tell
 * how many, and so does the log. Only those: not what was discarded, did not fit
 * the buffer, was refused, passed over, or dropped by a stop. */
#include "engine/control.h"
#include "engine/port.h"
#include "tests/unit/flow.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS 100u

static struct {
	pthread_mutex_t lock;
	char text[512]; /* the last line that speaks of it */
	uint32_t lines;
} told = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)pthread_mutex_lock(&told.lock);
	if (strstr(text, "no consumer left") != NULL) {
		(void)snprintf(told.text, sizeof(told.text), "%s", text);
		told.lines++;
	}
	(void)pthread_mutex_unlock(&told.lock);
}

static struct sluice_pipeline *open_told_on(uint32_t workers)
{
	struct sluice_pipeline *p = NULL;

	told.lines = 0;
	told.text[0] = '\0';
	assert_int_equal(
		sluice_pipeline_open(
			&p, SLUICE_PIPELINE(.workers = workers, .log = on_log)),
		0);
	return p;
}

static struct sluice_pipeline *open_told(void)
{
	return open_told_on(2);
}

/* How many events of stage @name have nowhere to go, by what was emitted and what
 * was handled. Join, drain and the log say the same. */
static void check_told(struct sluice_pipeline *p, const char *name, uint64_t n)
{
	struct sluice_stage_stats stats;
	char number[64];
	char stage[64];

	(void)snprintf(number, sizeof(number), "%llu events had no consumer",
		       (unsigned long long)n);
	(void)snprintf(stage, sizeof(stage), "stage '%s'", name);
	assert_int_equal(flow_join(p), -EPIPE);
	assert_text_has(sluice_last_error(), number);
	assert_text_has(sluice_last_error(), stage);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), -EPIPE);
	assert_text_has(sluice_last_error(), number);
	assert_int_equal(told.lines, 1);
	assert_text_has(told.text, number);
	assert_text_has(told.text, stage);
	assert_int_equal(sluice_stage_stat(p, name, &stats), 0);
	assert_int_equal(stats.stranded, n);
}

static void check_silent(struct sluice_pipeline *p)
{
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(told.lines, 0);
}

static int end_at_once(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	struct flow_sink *sink = sluice_stage_state(self);

	sink->events += batch->count;
	return SLUICE_END;
}

static int fail_at_once(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return -EREMOTEIO;
}

/* ---- the only consumer ends, whatever the dispatcher ----------------------- */

static struct dispatcher_row {
	const char *name;
	const char *dispatcher;
} dispatcher_rows[] = {
	{"consumer_ends_demand", "demand"},
	{"consumer_ends_broadcast", "broadcast"},
	{"consumer_ends_partition", "partition"},
	{"consumer_ends_rr", "rr"},
	{"consumer_ends_jbsq", "jbsq"},
	{"consumer_ends_p2c", "p2c"},
	{"consumer_ends_shared", "shared"},
	{"consumer_ends_atomic", "atomic"},
	{"consumer_ends_pkg", "pkg"},
	{"consumer_ends_sticky", "sticky"},
};

static void the_only_consumer_ends(void **state)
{
	const struct dispatcher_row *row = *state;

	for (int drained = 0; drained <= 1; drained++) {
		struct flow_source source = {.end = drained ? UINT64_MAX
							    : EVENTS};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = open_told();

		flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					 .out_bytes = 8,
					 .dispatcher = row->dispatcher,
					 .handle_demand = flow_count,
					 .on_idle = drained ? SLUICE_IDLE_STAY
							    : SLUICE_IDLE_END,
					 .state = &source));
		flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					 .in_bytes = 8,
					 .handle_events = end_at_once,
					 .state = &sink));
		flow_subscribe(p, "c", "a",
			       SLUICE_SUBSCRIPTION(.max_demand = 10));
		flow_start(p);
		if (drained) {
			flow_wait_handled(p, "c", 1);
			(void)(sluice_pipeline_drain(p, FLOW_DEADLINE_MS) + 1);
		}
		(void)flow_join(p);
		assert_true(source.next > sink.events);
		check_told(p, "a", source.next - sink.events);
		sluice_pipeline_close(p);
	}
}

/* Of a broadcast it is what nobody has handled, not what one has left. */
static void one_of_two_readers_ends(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink gone = {0};
	struct flow_sink stays = {0};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "broadcast",
			      .handle_demand = flow_count, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = end_at_once,
				 .state = &gone));
	flow_add_sink(p, "d", &stays);
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_subscribe(p, "d", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_start(p);
	check_silent(p);
	assert_int_equal(stays.events, EVENTS);
	sluice_pipeline_close(p);
}

/* ---- other ways ----------------------------------------------------------- */

/* What a middle stage has emitted, and what it has not come to. They take turns on
 * one worker, and the consumer takes one event at a time: the middle stage is ahead
 * of it for certain. */
static void behind_a_middle_stage(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = open_told_on(1);
	struct sluice_stage_stats a, m;
	char number[64];

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add(p, SLUICE_STAGE(.name = "m", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .handle_events = flow_pass));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = end_at_once,
				 .state = &sink));
	flow_subscribe(p, "m", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_subscribe(p, "c", "m",
		       SLUICE_SUBSCRIPTION(.max_demand = 10, .min_demand = 9));
	flow_start(p);
	assert_int_equal(flow_join(p), -EPIPE);
	a = flow_stats(p, "a");
	m = flow_stats(p, "m");
	(void)snprintf(number, sizeof(number), "%llu events had no consumer",
		       (unsigned long long)(a.stranded + m.stranded));
	assert_text_has(sluice_last_error(), number);
	assert_int_equal(sink.events, 1);
	assert_true(m.stranded > 0);
	assert_int_equal(told.lines, 1 + (a.stranded > 0));
	sluice_pipeline_close(p);
}

static void a_receiving_port_ends(void **state)
{
	struct sluice_pipeline *p = open_told();
	struct sluice_stage *in, *out;
	uint64_t events[10] = {0};
	struct sluice_batch batch;
	uint64_t got;

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add(p, SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	in = sluice_stage_find(p, "in");
	out = sluice_stage_find(p, "out");
	flow_subscribe(p, "out", "in", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_start(p);
	assert_int_equal(sluice_send(in, events, 10, FLOW_DEADLINE_MS), 10);
	got = (uint64_t)sluice_recv(out, &batch, FLOW_DEADLINE_MS);
	assert_int_equal(sluice_port_end(out, SLUICE_REASON_NORMAL), 0);
	/* Unless it has ended already, with its last consumer. */
	(void)sluice_port_end(in, SLUICE_REASON_NORMAL);
	assert_true(got < 10);
	check_told(p, "in", 10 - got);
	sluice_pipeline_close(p);
}

static uint64_t key_is_partition(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)bytes;
	(void)ctx;
	memcpy(&value, event, sizeof(value));
	return value % 2;
}

static void a_partition_has_no_owner(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "partition",
			      .partitions = 2, .key_of = key_is_partition,
			      .handle_demand = flow_count, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .state = &sink));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.partition = SLUICE_PARTITION(0)));
	flow_start(p);
	flow_wait_handled(p, "c", EVENTS / 2);
	(void)(sluice_pipeline_drain(p, FLOW_DEADLINE_MS) + 1);
	check_told(p, "a", EVENTS / 2);
	sluice_pipeline_close(p);
}

/* The failure is the code, and the number stands in its text. */
static void a_temporary_stage_fails(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = fail_at_once,
				 .restart = SLUICE_RESTART_TEMPORARY));
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_start(p);
	assert_int_equal(flow_join(p), -EREMOTEIO);
	assert_text_has(sluice_last_error(), "events had no consumer left");
	assert_text_has(sluice_last_error(), "'c'");
	assert_int_equal(told.lines, 1);
	sluice_pipeline_close(p);
}

/* ---- what does not count --------------------------------------------------- */

static uint64_t key_of_none(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return SLUICE_KEY_NONE;
}

static void discarded_is_not_stranded(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "partition",
			      .key_of = key_of_none,
			      .handle_demand = flow_count, .state = &source));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	flow_start(p);
	check_silent(p);
	assert_int_equal(flow_stats(p, "a").discarded, EVENTS);
	sluice_pipeline_close(p);
}

static int none(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 0;
}

static void refused_is_not_stranded(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "broadcast",
			      .handle_demand = flow_count, .state = &source));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.selector = none));
	flow_start(p);
	check_silent(p);
	assert_int_equal(flow_stats(p, "c").refused, EVENTS);
	sluice_pipeline_close(p);
}

/* All in one call: what does not fit is gone, and that is another matter. */
static int flood(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *events = sluice_emit(self, EVENTS);

	(void)demand;
	if (events == NULL)
		return SLUICE_FAIL;
	memset(events, 0, EVENTS * sizeof(*events));
	return SLUICE_END;
}

static void overflowed_is_not_stranded(void **state)
{
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .buffer_events = 1,
				 .handle_demand = flood));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_start(p);
	check_silent(p);
	assert_true(flow_stats(p, "a").overflowed > 0);
	sluice_pipeline_close(p);
}

static void passed_over_is_not_stranded(void **state)
{
	static const struct sluice_subscription_opts aside[] = {
		{.size = sizeof(aside[0]), .max_demand = 4, .tee = 1},
		{.size = sizeof(aside[0]), .max_demand = 4, .conflate_keys = 4},
	};

	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(aside); i++) {
		struct flow_source source = {.end = EVENTS};
		struct flow_sink sink = {0};
		struct flow_sink gone = {0};
		struct sluice_pipeline *p = open_told();
		struct sluice_stage_stats stats;

		flow_add_source(p, "a", &source);
		flow_add_sink(p, "c", &sink);
		flow_add(p, SLUICE_STAGE(.name = "d", .kind = SLUICE_CONSUMER,
					 .in_bytes = 8,
					 .handle_events = end_at_once,
					 .state = &gone));
		flow_subscribe(p, "c", "a", NULL);
		flow_subscribe(p, "d", "a", &aside[i]);
		flow_start(p);
		check_silent(p);
		assert_int_equal(sink.events, EVENTS);
		stats = flow_stats(p, "a");
		assert_int_equal(stats.stranded, 0);
		sluice_pipeline_close(p);
	}
}

static void what_a_stop_drops_is_not_stranded(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = open_told();

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	flow_start(p);
	flow_wait_handled(p, "c", 1);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	assert_int_equal(told.lines, 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_two_readers_ends),
		cmocka_unit_test(behind_a_middle_stage),
		cmocka_unit_test(a_receiving_port_ends),
		cmocka_unit_test(a_partition_has_no_owner),
		cmocka_unit_test(a_temporary_stage_fails),
		cmocka_unit_test(discarded_is_not_stranded),
		cmocka_unit_test(refused_is_not_stranded),
		cmocka_unit_test(overflowed_is_not_stranded),
		cmocka_unit_test(passed_over_is_not_stranded),
		cmocka_unit_test(what_a_stop_drops_is_not_stranded),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(dispatcher_rows)];
	size_t at =
		UNIT_ADD_ROWS(all, 0, the_only_consumer_ends, dispatcher_rows);

	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("stranded", all, NULL, NULL);
}
