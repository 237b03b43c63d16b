/* SPDX-License-Identifier: Apache-2.0 */
/* A thread looks all the time while stages are added, subscribed, ended and removed:
 * each look is of a whole pipeline, no count goes back, and what a removed stage's
 * subscription has carried is what the stage has handled. */
#include "flow.h"

#include <pthread.h>

#define ROUNDS 60u
#define POOL   3u
#define MOST   512u /* subscriptions looked after */

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sinks[POOL];
static const char *const names[POOL] = {"pool0", "pool1", "pool2"};

/* ---- who looks ----------------------------------------------------------- */

static struct watcher {
	uint64_t looks;
	uint64_t carried[MOST]; /* by place */
	uint32_t generation[MOST];
	uint64_t time_ns;
	const char *wrong;
	uint32_t enough;
} watcher;

static void watch_stage(struct watcher *w,
			const struct sluice_stage_snapshot *row)
{
	if (row->name[0] == '\0' || row->serial == 0 ||
	    row->size != sizeof(*row))
		w->wrong = "a stage without a name";
	if (row->kind == SLUICE_CONSUMER && row->counts.events_out > 0)
		w->wrong = "a consumer with the counts of another";
	if (row->phase == SLUICE_PHASE_RUNNING &&
	    row->worker == SLUICE_WORKER_NONE)
		w->wrong = "a stage that runs on no worker";
}

static void watch_sub(struct watcher *w,
		      const struct sluice_subscription_snapshot *row)
{
	const struct sluice_subscription_stats *c = &row->counts;
	uint32_t at = row->sub.index;

	if (at >= MOST || strcmp(row->producer, "source") != 0 ||
	    strncmp(row->consumer, "pool", 4) != 0) {
		w->wrong = "a subscription of nobody";
		return;
	}
	if (c->acked > c->published || c->published > c->granted)
		w->wrong = "more finished than sent, or sent than asked for";
	if (row->sub.generation == w->generation[at] &&
	    row->carried < w->carried[at])
		w->wrong = "a count that went back";
	if (row->sub.generation < w->generation[at])
		w->wrong = "a subscription that came back";
	w->generation[at] = row->sub.generation;
	w->carried[at] = row->carried;
}

static void watch_once(struct watcher *w)
{
	struct sluice_snapshot *seen = NULL;

	if (sluice_pipeline_stat(pipeline, &seen) < 0) {
		w->wrong = "a look was refused";
		return;
	}
	if (seen->time_ns < w->time_ns)
		w->wrong = "time went back";
	w->time_ns = seen->time_ns;
	for (uint32_t i = 0; i < seen->stage_count; i++)
		watch_stage(w, seen->stages[i]);
	for (uint32_t i = 0; i < seen->subscription_count; i++)
		watch_sub(w, seen->subscriptions[i]);
	sluice_snapshot_close(seen);
	w->looks++;
}

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!__atomic_load_n(&w->enough, __ATOMIC_ACQUIRE) &&
	       w->wrong == NULL)
		watch_once(w);
	return NULL;
}

/* ---- who comes and goes -------------------------------------------------- */

static void pool_add(uint32_t i, struct sluice_sub *sub)
{
	sinks[i] = (struct flow_sink){0};
	flow_add_sink(pipeline, names[i], &sinks[i]);
	flow_subscribe(pipeline, names[i], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 64, .sub = sub));
}

static void pool_remove(uint32_t i, struct sluice_sub sub)
{
	const struct sluice_subscription_snapshot *row;
	struct sluice_snapshot *seen = NULL;
	struct sluice_stage *stage = sluice_stage_find(pipeline, names[i]);

	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	if (sluice_stage_remove(stage, FLOW_DEADLINE_MS) != 0)
		fail_msg("%s", sluice_last_error());
	assert_int_equal(sluice_pipeline_stat(pipeline, &seen), 0);
	assert_null(sluice_snapshot_stage(seen, names[i]));
	row = sluice_snapshot_subscription(seen, sub);
	assert_non_null(row);
	assert_int_equal(row->phase, SLUICE_SUB_ENDED);
	assert_string_equal(row->consumer, names[i]);
	assert_int_equal(row->carried, sinks[i].events);
	sluice_snapshot_close(seen);
}

static const char *const dispatchers[] = {"demand", "broadcast", "partition",
					  "rr",     "shared",    "jbsq"};

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return *(const uint64_t *)event % 61;
}

static void watched_with(const char *dispatcher)
{
	struct sluice_sub subs[POOL];
	pthread_t thread;

	source = (struct flow_source){.end = UINT64_MAX, .most = 16};
	watcher = (struct watcher){0};
	pipeline = flow_open(2);
	/* It looks while the pipeline is declared and started, too. */
	assert_int_equal(pthread_create(&thread, NULL, watch, &watcher), 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = dispatcher,
			      .key_of = strcmp(dispatcher, "partition") == 0
						? key_of
						: NULL,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	pool_add(0, &subs[0]);
	flow_start(pipeline);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = 1 + round % (POOL - 1);

		pool_add(i, &subs[i]);
		if (round % 3 > 0)
			flow_wait_events(pipeline, &sinks[i], 1);
		pool_remove(i, subs[i]);
	}
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	__atomic_store_n(&watcher.enough, 1, __ATOMIC_RELEASE);
	(void)pthread_join(thread, NULL);
	sluice_pipeline_close(pipeline);
	if (watcher.wrong != NULL)
		fail_msg("%s: %s", dispatcher, watcher.wrong);
	assert_true(watcher.looks > 0);
}

static void each_look_is_whole(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(dispatchers); i++)
		watched_with(dispatchers[i]);
}

int main(void)
{
	struct CMUnitTest tests[] = {cmocka_unit_test(each_look_is_whole)};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("snapshot_churn", tests, NULL, NULL);
}
