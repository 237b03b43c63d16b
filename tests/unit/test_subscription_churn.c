/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers that come and go by the hundred while events flow: no event is lost
 * or handled twice. */
#include "clerk.h"

/* ---- an exact ledger ----------------------------------------------------- */

/* Every number of [0, @events) was handled, once. */
static void check_ledger(uint64_t events)
{
	uint64_t hash = 0;
	uint64_t made = 0;

	for (uint64_t i = 0; i < LEDGER; i++)
		if (ledger[i] != (i < events))
			fail_msg("event %llu of %llu was handled %u times",
				 (unsigned long long)i,
				 (unsigned long long)events, ledger[i]);
	for (uint32_t i = 0; i < SINKS; i++) {
		hash += clerks[i].hash;
		made += clerks[i].events;
	}
	assert_int_equal(made, events);
	for (uint64_t i = 0; i < events; i++)
		hash -= clerk_mix(i);
	assert_int_equal(hash, 0);
}

#define ROUNDS 600u

static struct churn_row {
	const char *name;
	const char *dispatcher;
	uint32_t workers;
	uint32_t max_demand;
	uint32_t manual;
} churn_rows[] = {
	{"churn_demand_1_worker", "demand", 1, 64, 0},
	{"churn_demand_2_workers", "demand", 2, 64, 0},
	{"churn_demand_max_1", "demand", 2, 1, 0},
	{"churn_demand_manual", "demand", 2, 16, 1},
	{"churn_partition_1_worker", "partition", 1, 64, 0},
	{"churn_partition_2_workers", "partition", 2, 64, 0},
	{"churn_partition_max_1", "partition", 2, 1, 0},
};

/* Hundreds of times one of four consumers leaves, or one that has left comes again,
 * while events flow. Every event is handled once. */
static void churn_keeps_the_ledger(void **state)
{
	const struct churn_row *row = *state;
	struct rng rng = rng_start(row->name);
	struct sluice_sub sub[SINKS];
	uint32_t in[SINKS] = {0};
	int fds = 0;

	pipeline = flow_open(row->workers);
	add_source(row->dispatcher, 16, UINT64_MAX);
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	flow_start(pipeline);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = rng_between(&rng, 0, SINKS - 1);
		uint64_t before;

		if (in[i]) {
			assert_int_equal(sluice_cancel(sub[i],
						       SLUICE_REASON_NORMAL,
						       round & 0xff),
					 0);
			if (rng_below(&rng, 4) == 0)
				wait_word(&clerks[i].left, in[i], "cancels");
			in[i] = 0;
			continue;
		}
		wait_word(&clerks[i].left, word(&clerks[i].joined), "cancels");
		before = handled(i);
		sub[i] = SUBSCRIBE(i, .max_demand = row->max_demand,
				   .flags = row->manual,
				   .on_end = SLUICE_TEMPORARY);
		in[i] = 1;
		if (row->manual)
			assert_int_equal(
				sluice_ask(sub[i], rng_between(&rng, 1, 100)),
				0);
		if (rng_below(&rng, 8) == 0)
			wait_handled(sink_names[i], before + 1);
		if (round == ROUNDS / 2)
			fds = fds_count();
	}
	/* Places are used again: what is held does not grow with the rounds. */
	assert_true(fds_count() <= fds + 64);
	for (uint32_t i = 0; row->manual && i < SINKS; i++)
		if (in[i])
			assert_int_equal(sluice_ask(sub[i], UINT32_MAX), 0);
	if (in[0] == 0 && row->manual == 0)
		(void)SUBSCRIBE(0, .max_demand = row->max_demand);
	if (row->manual)
		(void)SUBSCRIBE(0, .max_demand = 100);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	check_ledger(source.next);
	assert_int_equal(flow_stats(pipeline, "source").stranded, 0);
}

/* A broadcast: whoever is there sees all from its first event on, in order,
 * without a gap; one stays throughout. */
static void churn_broadcast(void **state)
{
	struct rng rng = rng_start("churn_broadcast");
	struct sluice_sub sub[SINKS];
	uint32_t in[SINKS] = {0};

	(void)state;
	pipeline = flow_open(2);
	add_source("broadcast", 16, UINT64_MAX);
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	sub[0] = SUBSCRIBE(0, .max_demand = 64);
	flow_start(pipeline);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = rng_between(&rng, 1, SINKS - 1);

		if (in[i]) {
			assert_int_equal(
				sluice_cancel(sub[i], SLUICE_REASON_NORMAL, 0),
				0);
			in[i] = 0;
			continue;
		}
		wait_word(&clerks[i].left, word(&clerks[i].joined), "cancels");
		sub[i] = SUBSCRIBE(i, .max_demand = rng_between(&rng, 1, 200),
				   .on_end = SLUICE_TEMPORARY);
		wait_word(&clerks[i].joined, word(&clerks[i].left) + 1,
			  "joins");
		in[i] = 1;
	}
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	for (uint32_t i = 0; i < SINKS; i++) {
		assert_int_equal(clerks[i].disorder, 0);
		assert_int_equal(clerks[i].gaps, 0);
	}
	assert_int_equal(clerks[0].events, source.next);
	assert_int_equal(clerks[0].next, source.next);
}

/* ---- partition: the order of a key --------------------------------------- */

#define KEYS 37u

static uint64_t key_next[KEYS]; /* whoever owns the key writes its word */
static uint32_t key_disorder[KEYS];

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return *(const uint64_t *)event % KEYS;
}

/* The words of a key need no lock: the next owner is handed nothing before the
 * last has finished. ThreadSanitizer watches over that. */
static int key_handle(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t key = events[i] % KEYS;

		key_disorder[key] += events[i] < key_next[key];
		key_next[key] = events[i] + 1;
	}
	return clerk_handle(self, batch);
}

static void churn_keeps_the_order_of_keys(void **state)
{
	struct rng rng = rng_start("churn_keeps_the_order_of_keys");
	struct sluice_sub sub[SINKS];
	uint32_t in[SINKS] = {0};

	(void)state;
	memset(key_next, 0, sizeof(key_next));
	memset(key_disorder, 0, sizeof(key_disorder));
	pipeline = flow_open(2);
	source = (struct flow_source){.end = UINT64_MAX, .most = 16};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .fini = flow_fini, .dispatcher = "partition",
			      .key_of = key_of, .on_idle = SLUICE_IDLE_STAY,
			      .state = &source));
	for (uint32_t i = 0; i < SINKS; i++)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = sink_names[i], .in_bytes = 8,
				      .kind = SLUICE_CONSUMER,
				      .handle_events = key_handle,
				      .on_subscribe = clerk_joined,
				      .on_cancel = clerk_left,
				      .fini = flow_fini,
				      .on_idle = SLUICE_IDLE_STAY,
				      .state = &clerks[i]));
	flow_start(pipeline);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = rng_between(&rng, 0, SINKS - 1);

		if (in[i]) {
			uint32_t left = word(&clerks[i].left);

			assert_int_equal(
				sluice_cancel(sub[i], SLUICE_REASON_NORMAL, 0),
				0);
			wait_word(&clerks[i].left, left + 1, "cancels");
			in[i] = 0;
		} else {
			sub[i] = SUBSCRIBE(i, .on_end = SLUICE_TEMPORARY,
					   .max_demand =
						   rng_between(&rng, 1, 100));
			in[i] = 1;
		}
	}
	if (!in[0])
		(void)SUBSCRIBE(0, .max_demand = 100);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	for (uint32_t i = 0; i < KEYS; i++)
		assert_int_equal(key_disorder[i], 0);
	check_ledger(source.next);
}

static struct CMUnitTest tests[20] = {
	cmocka_unit_test(churn_broadcast),
	cmocka_unit_test(churn_keeps_the_order_of_keys),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, churn_keeps_the_ledger, churn_rows);
	clerk_watch(tests, count);
	return _cmocka_run_group_tests("subscription_churn", tests, count, NULL,
				       NULL);
}
