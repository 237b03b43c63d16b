/* SPDX-License-Identifier: Apache-2.0 */
/* The end of subscriptions and the end of the pipeline: what on_end and on_idle
 * make of each other, hooks that subscribe again, and threads that subscribe
 * while everything ends. */
#include "clerk.h"

#include <pthread.h>

/* ---- on_end and on_idle -------------------------------------------------- */

static struct idle_row {
	const char *name;
	enum sluice_on_end mode;
	enum sluice_idle idle;
	enum sluice_reason reason;
	int ends; /* the sink, and with it the pipeline */
} idle_rows[] = {
#define ROW(name, mode, idle, reason, ends)                                    \
	{                                                                      \
		name, SLUICE_##mode, SLUICE_IDLE_##idle,                       \
			SLUICE_REASON_##reason, ends                           \
	}
	ROW("idle_default_ends_at_normal", ON_END_DEFAULT, END, NORMAL, 1),
	ROW("idle_default_ends_at_error", ON_END_DEFAULT, END, ERROR, 1),
	ROW("idle_default_stays_if_told", ON_END_DEFAULT, STAY, ERROR, 0),
	ROW("idle_permanent_ends", PERMANENT, STAY, NORMAL, 1),
	/* The mode was said for this subscription: it has the last word. */
	ROW("idle_transient_stays_all_the_same", TRANSIENT, END, NORMAL, 0),
	ROW("idle_transient_ends_on_an_error", TRANSIENT, END, ERROR, 1),
	ROW("idle_temporary_stays_all_the_same", TEMPORARY, END, ERROR, 0),
	ROW("idle_transient_stays_if_told", TRANSIENT, STAY, NORMAL, 0),
	ROW("idle_temporary_stays_if_told", TEMPORARY, STAY, ERROR, 0),
#undef ROW
};

static void idle(void **state)
{
	const struct idle_row *row = *state;

	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c0", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = clerk_handle,
			      .fini = flow_fini, .on_subscribe = clerk_joined,
			      .on_cancel = clerk_left, .on_idle = row->idle,
			      .state = &clerks[0]));
	(void)SUBSCRIBE(0, .max_demand = 100, .on_end = row->mode);
	flow_start(pipeline);
	wait_handled("c0", 500);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "source"),
					  row->reason, 1),
			 0);
	wait_word(&clerks[0].left, 1, "cancels");
	if (row->ends) {
		assert_int_equal(join(), 0);
	} else {
		assert_int_equal(sluice_pipeline_join(pipeline, 20),
				 -ETIMEDOUT);
		assert_int_equal(
			sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	}
	assert_int_equal(clerks[0].ended.finis, 1);
	assert_int_equal(clerks[0].events, source.next);
}

/* The worst of the reasons, once the last subscription has ended. */
static void the_worst_reason_counts(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	static const enum sluice_reason reasons[] = {SLUICE_REASON_SHUTDOWN,
						     SLUICE_REASON_ERROR,
						     SLUICE_REASON_NORMAL};
	static struct flow_source sources[3];
	static struct flow_sink sink;

	(void)state;
	pipeline = flow_open(2);
	sink = (struct flow_sink){.events = 0};
	flow_add_sink(pipeline, "sink", &sink);
	for (uint32_t i = 0; i < 3; i++) {
		sources[i] = (struct flow_source){.end = UINT64_MAX};
		flow_add_source(pipeline, names[i], &sources[i]);
		flow_subscribe(pipeline, "sink", names[i], NULL);
	}
	flow_start(pipeline);
	wait_handled("sink", 1000);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(
			sluice_stage_end(sluice_stage_find(pipeline, names[i]),
					 reasons[i], i),
			0);
	assert_int_equal(join(), 0);
	flow_check_ended(&sink.ended, SLUICE_REASON_ERROR);
	assert_int_equal(sink.events,
			 sources[0].next + sources[1].next + sources[2].next);
}

/* ---- hooks that subscribe ------------------------------------------------ */

static uint32_t hook_left;

/* Told that one subscription is over, it makes the next, 100 times. */
static int subscribe_again(struct sluice_stage *self,
			   const struct sluice_link_event *event)
{
	uint32_t left = __atomic_add_fetch(&hook_left, 1, __ATOMIC_RELEASE);

	if (left > 100)
		return 0;
	return sluice_subscribe(pipeline, sluice_stage_name(self), event->peer,
				SLUICE_SUBSCRIPTION(.max_demand = 10 + left));
}

/* And ends each as soon as it has been handed something on it. */
static int handle_and_cancel(struct sluice_stage *self,
			     const struct sluice_batch *batch)
{
	int rc = clerk_handle(self, batch);

	if (word(&hook_left) >= 100)
		return rc;
	(void)!sluice_cancel(sluice_inlet_sub(self, batch->inlet),
			     SLUICE_REASON_NORMAL, 0);
	return rc;
}

static void a_hook_subscribes_again(void **state)
{
	struct sluice_stage_opts opts =
		*SLUICE_STAGE(.name = "c0", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = handle_and_cancel,
			      .fini = flow_fini, .on_cancel = subscribe_again,
			      .state = &clerks[0]);

	(void)state;
	hook_left = 0;
	pipeline = flow_open(2);
	add_source("demand", 16, UINT64_MAX);
	flow_add(pipeline, &opts);
	(void)SUBSCRIBE(0, .max_demand = 10);
	flow_start(pipeline);
	wait_word(&hook_left, 100, "cancels");
	wait_handled("c0", handled(0) + 1);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(clerks[0].disorder, 0);
	assert_int_equal(clerks[0].events, source.next);
}

/* ---- threads that subscribe while it ends -------------------------------- */

struct meddler {
	pthread_t thread;
	uint64_t seed;
	uint32_t sink;
	uint32_t made;
	int wrong; /* an answer that none of these calls may give */
};

static struct meddler meddlers[3];
static uint32_t enough;

static void *meddle(void *arg)
{
	struct meddler *m = arg;
	struct rng rng = {m->seed};
	struct sluice_sub sub = {0};

	while (!word(&enough)) {
		int rc = sluice_subscribe(
			pipeline, sink_names[m->sink], "source",
			SLUICE_SUBSCRIPTION(.max_demand =
						    rng_between(&rng, 1, 100),
					    .sub = &sub,
					    .on_end = SLUICE_TEMPORARY));

		if (rc == 0)
			__atomic_store_n(&m->made, m->made + 1,
					 __ATOMIC_RELEASE);
		else if (rc != -EPIPE && rc != -ENOSPC && rc != -EEXIST)
			m->wrong = rc;
		if (sub.pipeline != NULL) {
			rc = sluice_resubscribe(
				sub, SLUICE_SUBSCRIPTION(.max_demand = 1));
			if (rc != 0 && rc != -ENOENT)
				m->wrong = rc;
			rc = sluice_cancel(sub, SLUICE_REASON_NORMAL, 0);
			if (rc != 0 && rc != -ENOENT && rc != -EALREADY)
				m->wrong = rc;
		}
	}
	return NULL;
}

static struct ending_row {
	const char *name;
	const char *dispatcher;
	int drain;
} ending_rows[] = {
	{"meddling_demand_drain", "demand", 1},
	{"meddling_demand_stop", "demand", 0},
	{"meddling_broadcast_drain", "broadcast", 1},
	{"meddling_broadcast_stop", "broadcast", 0},
	{"meddling_partition_drain", "partition", 1},
	{"meddling_partition_stop", "partition", 0},
};

static void meddling_run(const struct ending_row *row, struct rng *rng)
{
	memset(clerks, 0, sizeof(clerks));
	memset(meddlers, 0, sizeof(meddlers));
	enough = 0;
	pipeline = flow_open(2);
	add_source(row->dispatcher, 16, UINT64_MAX);
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	(void)SUBSCRIBE(3, .max_demand = 50);
	flow_start(pipeline);
	for (uint32_t i = 0; i < UNIT_COUNT(meddlers); i++) {
		meddlers[i].seed = rng_u64(rng);
		meddlers[i].sink = i;
		assert_int_equal(pthread_create(&meddlers[i].thread, NULL,
						meddle, &meddlers[i]),
				 0);
	}
	wait_word(&meddlers[0].made, rng_between(rng, 1, 30), "subscriptions");
	if (row->drain) {
		int rc = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);

		if (rc != 0)
			fail_msg("drain: %s", sluice_last_error());
	} else {
		sluice_pipeline_stop(pipeline);
		assert_int_equal(join(), -ECANCELED);
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < UNIT_COUNT(meddlers); i++) {
		assert_int_equal(pthread_join(meddlers[i].thread, NULL), 0);
		assert_int_equal(meddlers[i].wrong, 0);
	}
	for (uint32_t i = 0; i < SINKS; i++) {
		assert_int_equal(clerks[i].ended.finis, 1);
		assert_int_equal(clerks[i].joined >= clerks[i].left, 1);
	}
}

static void meddling(void **state)
{
	const struct ending_row *row = *state;
	struct rng rng = rng_start(row->name);

	for (uint32_t i = 0; i < 12; i++) {
		uint64_t events = 0;

		meddling_run(row, &rng);
		for (uint32_t k = 0; k < SINKS; k++)
			events += clerks[k].events;
		if (row->drain && strcmp(row->dispatcher, "broadcast") != 0)
			assert_int_equal(events, source.next);
		sluice_pipeline_close(pipeline);
		pipeline = NULL;
	}
}

static struct CMUnitTest tests[30] = {
	cmocka_unit_test(the_worst_reason_counts),
	cmocka_unit_test(a_hook_subscribes_again),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, idle, idle_rows);
	count = UNIT_ADD_ROWS(tests, count, meddling, ending_rows);
	clerk_watch(tests, count);
	return _cmocka_run_group_tests("subscription_end", tests, count, NULL,
				       NULL);
}
