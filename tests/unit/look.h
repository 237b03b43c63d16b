/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline of a test, and the last look at it. All of it is static; the setup and
 * the teardown of each test open and close it. */
#ifndef SLUICE_TESTS_UNIT_LOOK_H
#define SLUICE_TESTS_UNIT_LOOK_H

#include "flow.h"
#include "tests/support/gate.h"

#define WINDOW 10u
#define EVENTS 3u

static struct sluice_pipeline *pipeline;
static struct sluice_snapshot *seen;
static struct flow_source source;
static struct flow_sink sinks[2];
static struct gate gate;

/* Another look; the one before is freed. */
static inline void look(void)
{
	sluice_snapshot_close(seen);
	seen = NULL;
	assert_int_equal(sluice_pipeline_stat(pipeline, &seen), 0);
	assert_non_null(seen);
	assert_int_equal(seen->size, sizeof(*seen));
}

static inline const struct sluice_stage_snapshot *stage_row(const char *name)
{
	const struct sluice_stage_snapshot *row =
		sluice_snapshot_stage(seen, name);

	assert_non_null(row);
	assert_int_equal(row->size, sizeof(*row));
	return row;
}

static inline const struct sluice_subscription_snapshot *
sub_row(struct sluice_sub sub)
{
	const struct sluice_subscription_snapshot *row =
		sluice_snapshot_subscription(seen, sub);

	assert_non_null(row);
	assert_int_equal(row->size, sizeof(*row));
	return row;
}

static inline void look_until_stage(const char *name, enum sluice_phase phase)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		look();
		if (stage_row(name)->phase == phase)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("stage '%s' is not in phase %d", name, (int)phase);
}

static inline void look_until_out(const char *name, uint64_t events)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		look();
		if (stage_row(name)->counts.events_out >= events)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("stage '%s' has not made its events", name);
}

static inline void look_until_sub(struct sluice_sub sub,
				  enum sluice_sub_phase phase)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		look();
		if (sub_row(sub)->phase == phase)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("the subscription is not in phase %d", (int)phase);
}

static inline int watch_open(void **state)
{
	pipeline = NULL;
	seen = NULL;
	gate = GATE_CLOSED;
	source = (struct flow_source){0};
	memset(sinks, 0, sizeof(sinks));
	return flow_setup(state);
}

static inline int watch_close(void **state)
{
	gate_open(&gate, 1000); /* a test that has failed left it closed */
	sluice_pipeline_close(pipeline);
	sluice_snapshot_close(seen);
	return flow_teardown(state);
}

/* ---- stages of a test ---------------------------------------------------- */

static inline int handle_behind_gate(struct sluice_stage *self,
				     const struct sluice_batch *batch)
{
	gate_pass(&gate);
	return flow_collect(self, batch);
}

/* Emits so many, and then waits; how many may be raised meanwhile. */
static inline int a_few(struct sluice_stage *self, uint32_t demand)
{
	uint64_t left =
		__atomic_load_n(&source.end, __ATOMIC_ACQUIRE) - source.next;

	if (left > 0)
		(void)flow_count(self, left < demand ? (uint32_t)left : demand);
	return SLUICE_OK;
}

static inline void add_source(uint64_t events, const char *dispatcher)
{
	source.end = events;
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = a_few,
			      .dispatcher = dispatcher,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
}

static inline void add_sink(const char *name, struct flow_sink *sink)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = sink));
}

static inline void add_gated(struct sluice_sub *sub)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "gated", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .blocking = 1,
			      .handle_events = handle_behind_gate,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sinks[0]));
	flow_subscribe(pipeline, "gated", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = WINDOW, .sub = sub));
}

/* A pipeline that runs, whose consumer has a batch in its hands. */
static inline void open_gated(struct sluice_sub *sub)
{
	pipeline = flow_open(1);
	add_source(EVENTS, NULL);
	add_gated(sub);
	flow_start(pipeline);
	assert_int_equal(gate_await(&gate, 1), 0);
}

/* Each of the @count tests has a pipeline of its own. */
static inline void look_watch(struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = watch_open;
		tests[i].teardown_func = watch_close;
	}
}

#endif
