/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever takes it first: whole pipelines whose consumers compete for one ring,
 * fail, leave and come. Each event is handled once, by one of them. */
#include "tests/unit/flow.h"

#define EVENTS    60000u
#define CONSUMERS 4u

struct taker {
	uint32_t batches;
	uint32_t retry_one_in; /* 0: never */
	uint32_t end_after;    /* batches; 0: never */
	uint64_t events;
};

static struct flow_source source;
static struct taker takers[CONSUMERS];
static sluice_a32 handled[EVENTS]; /* how often */

static int take(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct taker *t = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	t->batches++;
	if (t->retry_one_in && t->batches % t->retry_one_in == 0)
		return SLUICE_RETRY;
	for (uint32_t i = 0; i < batch->count; i++)
		(void)sluice_fetch_add(&handled[events[i]], 1);
	t->events += batch->count;
	return t->end_after && t->batches >= t->end_after ? SLUICE_END
							  : SLUICE_OK;
}

static const char *const names[CONSUMERS] = {"t0", "t1", "t2", "t3"};

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	memset(takers, 0, sizeof(takers));
	memset(handled, 0, sizeof(handled));
	return flow_setup(state);
}

static void add_taker(struct sluice_pipeline *p, uint32_t i, uint32_t demand)
{
	flow_add(p, SLUICE_STAGE(.name = names[i], .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = take,
				 .max_deliveries = 1000,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &takers[i]));
	flow_subscribe(p, names[i], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = demand,
					   .on_end = SLUICE_PERMANENT));
}

static struct sluice_pipeline *build(uint32_t slots, uint32_t demand)
{
	struct sluice_pipeline *p = flow_open(2);

	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "shared",
			      .ring_events = slots, .handle_demand = flow_count,
			      .state = &source));
	for (uint32_t i = 0; i < CONSUMERS; i++)
		add_taker(p, i, demand);
	return p;
}

static void check_each_once(void)
{
	uint64_t events = 0;

	for (uint32_t i = 0; i < EVENTS; i++)
		if (sluice_load_acquire(&handled[i]) != 1)
			fail_msg("event %u was handled %u times", i,
				 sluice_load_acquire(&handled[i]));
	for (uint32_t i = 0; i < CONSUMERS; i++)
		events += takers[i].events;
	assert_int_equal(events, EVENTS);
}

static void each_event_goes_to_one(void **state)
{
	static const struct {
		uint32_t slots;
		uint32_t demand;
	} sizes[] = {{0, 1000}, {2, 1}, {16, 4}, {4096, 64}, {1, 1000}};

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		struct sluice_pipeline *p;

		(void)set_up(state);
		p = build(sizes[i].slots, sizes[i].demand);
		assert_int_equal(flow_run(p), 0);
		check_each_once();
		sluice_pipeline_close(p);
	}
}

static void a_failed_batch_comes_again(void **state)
{
	struct sluice_pipeline *p = build(64, 32);

	(void)state;
	for (uint32_t i = 0; i < CONSUMERS; i++)
		takers[i].retry_one_in = 3 + i;
	assert_int_equal(flow_run(p), 0);
	check_each_once();
	sluice_pipeline_close(p);
}

/* What it had taken is pushed again, for the others. */
static void a_leaver_loses_nothing(void **state)
{
	struct sluice_pipeline *p = build(256, 100);

	(void)state;
	takers[0].end_after = 3;
	takers[1].end_after = 7;
	takers[2].retry_one_in = 2;
	takers[2].end_after = 15;
	assert_int_equal(flow_run(p), 0);
	check_each_once();
	sluice_pipeline_close(p);
}

static void a_cancelled_one_finishes_what_it_took(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub sub = {0};

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "shared",
			      .handle_demand = flow_count, .state = &source));
	add_taker(p, 0, 50);
	flow_add(p, SLUICE_STAGE(.name = names[1], .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = take,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &takers[1]));
	flow_start(p);
	for (uint32_t i = 0; i < 50; i++) {
		if (sluice_subscribe(
			    p, names[1], "source",
			    SLUICE_SUBSCRIPTION(.max_demand = 20,
						.on_end = SLUICE_TEMPORARY,
						.sub = &sub)) != 0)
			break; /* the source has ended */
		if (sluice_cancel(sub, SLUICE_REASON_NORMAL, 0) != 0)
			break;
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(source.next, takers[0].events + takers[1].events);
	for (uint32_t i = 0; i < source.next; i++)
		assert_int_equal(sluice_load_acquire(&handled[i]), 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_goes_to_one),
		cmocka_unit_test(a_failed_batch_comes_again),
		cmocka_unit_test(a_leaver_loses_nothing),
		cmocka_unit_test(a_cancelled_one_finishes_what_it_took),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
