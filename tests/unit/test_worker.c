/* SPDX-License-Identifier: Apache-2.0 */
/* How long a worker sleeps: until the first of the timers of all its stages is
 * due, wherever among them that one stands. Its parks are written down. */
#include "engine/run/run_priv.h"

#include "flow.h"

#define STAGES 3u

static struct sluice_pipeline *pipeline;
static uint32_t delays_ms[STAGES];
static sluice_a64 bell;        /* of the one worker */
static sluice_a64 deadline_ns; /* of its last park */

static void park_noted(void *ctx, sluice_a32 *word, uint32_t expected,
		       uint64_t until_ns)
{
	if ((uint64_t)(uintptr_t)word == sluice_load_acquire(&bell))
		sluice_store_release(&deadline_ns, until_ns);
	sluice_wait_linux()->park(ctx, word, expected, until_ns);
}

static int timer_init(struct sluice_stage *self)
{
	const uint32_t *delay_ms = sluice_stage_state(self);

	sluice_store_release(&bell,
			     (uint64_t)(uintptr_t)&self->worker->bell->parked);
	return *delay_ms == 0 ? SLUICE_OK
			      : sluice_timer_set(self, 0, *delay_ms, 0);
}

static int timer_due(struct sluice_stage *self, uint32_t timer)
{
	(void)self;
	(void)timer;
	return SLUICE_OK;
}

static int nothing_now(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static int swallow(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static struct timers_row {
	const char *name;
	uint32_t delay_ms[STAGES]; /* of the stages' timers; 0: none */
	uint32_t first_ms;         /* 0: no deadline */
} timers_rows[] = {
#define HOURS(n) ((n)*3600000u)
	{"no_timer", {0, 0, 0}, 0},
	{"one_timer_first", {HOURS(1), 0, 0}, HOURS(1)},
	{"one_timer_last", {0, 0, HOURS(1)}, HOURS(1)},
	{"earliest_first", {HOURS(1), HOURS(2), HOURS(3)}, HOURS(1)},
	{"earliest_between", {HOURS(2), HOURS(1), HOURS(3)}, HOURS(1)},
	{"earliest_last", {HOURS(3), HOURS(2), HOURS(1)}, HOURS(1)},
#undef HOURS
};

static void worker_sleeps_until_the_first_is_due(void **state)
{
	const struct timers_row *row = *state;
	static struct sluice_wait_ops wait;
	static struct platform platform;
	uint64_t least_ns;
	uint64_t most_ns;
	uint64_t seen = 0;

	wait = *sluice_wait_linux();
	wait.park = park_noted;
	platform = *platform_linux();
	platform.wait = &wait;
	memcpy(delays_ms, row->delay_ms, sizeof(delays_ms));
	sluice_store_release(&deadline_ns, 0);
	assert_int_equal(pipeline_open_on(&pipeline,
					  SLUICE_PIPELINE(.workers = 1),
					  &platform),
			 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = nothing_now,
			      .init = timer_init, .handle_timer = timer_due,
			      .state = &delays_ms[0]));
	for (uint32_t i = 1; i < STAGES; i++) {
		const char *name = i == 1 ? "b" : "c";

		flow_add(pipeline,
			 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				      .in_bytes = 8, .handle_events = swallow,
				      .init = timer_init,
				      .handle_timer = timer_due,
				      .state = &delays_ms[i]));
		flow_subscribe(pipeline, name, "a", NULL);
	}
	least_ns =
		host_now(&pipeline->host) + row->first_ms * PLATFORM_NS_PER_MS;
	flow_start(pipeline);
	most_ns =
		host_now(&pipeline->host) + row->first_ms * PLATFORM_NS_PER_MS;
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && seen == 0; ms++) {
		flow_sleep_ms(1);
		seen = sluice_load_acquire(&deadline_ns);
	}
	if (row->first_ms == 0)
		assert_true(seen == UINT64_MAX);
	else
		assert_true(seen >= least_ns && seen <= most_ns);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(timers_rows)];

	UNIT_ADD_ROWS(tests, 0, worker_sleeps_until_the_first_is_due,
		      timers_rows);
	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
