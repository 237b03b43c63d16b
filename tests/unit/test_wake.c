/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake is lost. Every park of the engine has a deadline, so that a lost wake
 * costs time and not liveness; here the deadlines are taken away. A pipeline
 * that needs one then hangs, which is how these tests fail.
 */
#include "flow.h"

#include "engine/run/run_priv.h"

#include <pthread.h>

/* Parks last for ever, but for the test's own deadline. */
static const struct sluice_wait_ops *linux_wait;

static void park_for_ever(void *ctx, sluice_a32 *word, uint32_t expected,
			  uint64_t deadline_ns)
{
	deadline_ns = linux_wait->now_ns(ctx) +
		      2 * FLOW_DEADLINE_MS * UINT64_C(1000000);
	/* The real one comes back now and then, whatever it is told. */
	while (sluice_load_acquire(word) == expected &&
	       linux_wait->now_ns(ctx) < deadline_ns)
		linux_wait->park(ctx, word, expected, deadline_ns);
}

static struct sluice_pipeline *deaf_open(uint32_t workers)
{
	static struct sluice_wait_ops wait;
	static struct platform platform;
	struct sluice_pipeline *p = NULL;

	if (linux_wait == NULL) {
		linux_wait = sluice_wait_linux();
		wait = *linux_wait;
		wait.park = park_for_ever;
		platform = *platform_linux();
		platform.wait = &wait;
	}
	assert_int_equal(pipeline_open_on(&p,
					  SLUICE_PIPELINE(.workers = workers),
					  &platform),
			 0);
	return p;
}

/* Join as flow_join() does; but the caller of join() parks as well, and so the
 * deadline has to be kept by looking. */
static int deaf_join(struct sluice_pipeline *p)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(&p->host.phase) == PIPELINE_FINISHED)
			return sluice_pipeline_join(p, SLUICE_FOREVER);
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("somebody sleeps who should have been woken");
	return -ETIMEDOUT;
}

/* ---- a producer that says "not now" -------------------------------------- */

/* Emits what others have put into its pool, and no more. */
struct tap {
	struct flow_end ended;
	sluice_a64 poured; /* by the threads that wake it */
	uint64_t next;
	uint64_t end;
};

static int tap_demand(struct sluice_stage *self, uint32_t demand)
{
	struct tap *tap = sluice_stage_state(self);
	uint64_t there = sluice_load_acquire(&tap->poured) - tap->next;
	uint32_t n = there < demand ? (uint32_t)there : demand;
	uint64_t *events = n > 0 ? sluice_emit(self, n) : NULL;

	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = tap->next++;
	return tap->next == tap->end ? SLUICE_END : SLUICE_OK;
}

struct pourer {
	pthread_t thread;
	struct tap *tap;
	struct sluice_stage *stage;
	uint32_t times;
	uint32_t pause_every; /* calls */
};

static void *pour(void *arg)
{
	struct pourer *pourer = arg;

	for (uint32_t i = 0; i < pourer->times; i++) {
		(void)__atomic_add_fetch(&pourer->tap->poured.value, 1,
					 __ATOMIC_RELEASE);
		sluice_wake(pourer->stage);
		/* Long enough for everybody to fall asleep. */
		if (pourer->pause_every && i % pourer->pause_every == 0)
			flow_sleep_ms(1);
	}
	return NULL;
}

static struct wake_row {
	const char *name;
	uint32_t workers;
	uint32_t blocking;
	uint32_t times;
	uint32_t pause_every;
	uint32_t max_demand;
} wake_rows[] = {
	{"woken_on_one_worker", 1, 0, 3000, 0, 0},
	{"woken_on_two_workers", 2, 0, 3000, 0, 0},
	{"woken_on_its_own_thread", 1, 1, 3000, 0, 0},
	{"woken_from_sleep", 2, 0, 100, 1, 0},
	{"woken_from_sleep_on_its_own_thread", 1, 1, 100, 1, 0},
	{"woken_now_and_then", 2, 0, 3000, 97, 0},
	{"woken_without_credit", 2, 0, 3000, 50, 1},
};

static void wakes_are_not_lost(void **state)
{
	const struct wake_row *row = *state;
	struct sluice_pipeline *p = deaf_open(row->workers);
	struct pourer pourers[3] = {{.times = row->times}};
	struct tap tap = {.end = 3 * row->times};
	struct flow_sink sink = {0};

	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = tap_demand,
				 .fini = flow_fini, .blocking = row->blocking,
				 .state = &tap));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = row->max_demand));
	flow_start(p);
	for (size_t i = 0; i < UNIT_COUNT(pourers); i++) {
		pourers[i].tap = &tap;
		pourers[i].times = row->times;
		pourers[i].stage = sluice_stage_find(p, "a");
		pourers[i].pause_every = row->pause_every;
		assert_int_equal(pthread_create(&pourers[i].thread, NULL, pour,
						&pourers[i]),
				 0);
	}
	for (size_t i = 0; i < UNIT_COUNT(pourers); i++)
		(void)pthread_join(pourers[i].thread, NULL);
	assert_int_equal(deaf_join(p), 0);
	flow_check_all(&sink, 3 * row->times);
	sluice_pipeline_close(p);
}

/* A wake counts from the moment the stage was added: the thread that has the
 * news need not know how far the start is. */
struct herald {
	pthread_t thread;
	struct sluice_stage *stage;
	sluice_a32 running;
	sluice_a32 over;
};

static void *herald_run(void *arg)
{
	struct herald *herald = arg;

	while (sluice_load_acquire(&herald->over) == 0) {
		sluice_wake(herald->stage);
		sluice_store_release(&herald->running, 1);
	}
	return NULL;
}

static void wakes_during_the_start(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct sluice_pipeline *p = flow_open(2);
		struct flow_source source = {.end = 100};
		struct flow_sink sink = {0};
		struct herald herald = {.over = {0}};

		flow_add_source(p, "a", &source);
		flow_add_sink(p, "c", &sink);
		flow_subscribe(p, "c", "a", NULL);
		herald.stage = sluice_stage_find(p, "a");
		assert_int_equal(pthread_create(&herald.thread, NULL,
						herald_run, &herald),
				 0);
		while (sluice_load_acquire(&herald.running) == 0)
			flow_sleep_ms(0);
		assert_int_equal(flow_run(p), 0);
		flow_check_all(&sink, 100);
		sluice_store_release(&herald.over, 1);
		(void)pthread_join(herald.thread, NULL);
		sluice_pipeline_close(p);
	}
}

/* ---- credit that comes back ---------------------------------------------- */

/* Two partitions; numbers below `stuck` and every third one belong to the
 * first. */
#define MAX_DEMAND 10u

static uint64_t key_of_third(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t number;

	(void)ctx;
	(void)bytes;
	memcpy(&number, event, sizeof(number));
	return number < MAX_DEMAND || number % 3 == 0 ? 0 : 1;
}

/* The first consumer sits in its callback until the second has had enough. */
struct neighbours {
	struct flow_source source;
	struct sluice_bell *bell; /* of the producer's worker */
	sluice_a64 handled;       /* by the second */
	uint64_t enough;
	uint32_t naps;
};

static int stuck_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct neighbours *n = sluice_stage_state(self);

	(void)batch;
	for (uint32_t ms = 0; sluice_load_acquire(&n->handled) < n->enough &&
			      ms < FLOW_DEADLINE_MS;
	     ms++)
		flow_sleep_ms(1);
	return SLUICE_OK;
}

/* Handles a batch once its producer has gone to sleep. */
static int brisk_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct neighbours *n = sluice_stage_state(self);
	uint64_t handled = sluice_load_acquire(&n->handled);

	for (uint32_t ms = 0;
	     ms < 20 && sluice_load_relaxed(&n->bell->parked) == 0; ms++)
		flow_sleep_ms(1);
	sluice_store_release(&n->handled, handled + batch->count);
	return SLUICE_OK;
}

static int neighbours_init(struct sluice_stage *self)
{
	struct neighbours *n = sluice_stage_state(self);

	n->bell = self->worker->bell;
	return SLUICE_OK;
}

static int neighbours_count(struct sluice_stage *self, uint32_t demand)
{
	struct neighbours *n = sluice_stage_state(self);
	uint64_t *events = sluice_emit(self, demand);

	for (uint32_t i = 0; events != NULL && i < demand; i++)
		events[i] = n->source.next++;
	return n->source.next >= n->source.end ? SLUICE_END : SLUICE_OK;
}

static struct stuck_row {
	const char *name;
	int32_t min_demand;
} stuck_rows[] = {
	{"one_stuck_partition_default", 0},
	{"one_stuck_partition_min_zero", SLUICE_MIN_ZERO},
	{"one_stuck_partition_min_1", 1},
	{"one_stuck_partition_min_half", SLUICE_MIN_HALF},
	{"one_stuck_partition_min_9", 9},
};

/* While the spill has room, one partition that is stuck does not keep events
 * from the other, whichever way that one returns its credit. */
static void neighbour_of_a_stuck_partition_flows(void **state)
{
	const struct stuck_row *row = *state;
	const struct sluice_subscription_opts *opts =
		SLUICE_SUBSCRIPTION(.max_demand = MAX_DEMAND,
				    .min_demand = row->min_demand);
	struct neighbours n = {.source.end = 600, .enough = 300};
	struct sluice_pipeline *p = deaf_open(1);

	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .dispatcher = "partition",
				 .key_of = key_of_third, .state = &n,
				 .init = neighbours_init,
				 .handle_demand = neighbours_count));
	flow_add(p, SLUICE_STAGE(.name = "stuck", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = stuck_events,
				 .blocking = 1, .state = &n));
	flow_add(p, SLUICE_STAGE(.name = "brisk", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = brisk_events,
				 .blocking = 1, .state = &n));
	flow_subscribe(p, "stuck", "a", opts);
	flow_subscribe(p, "brisk", "a", opts);
	flow_start(p);
	assert_int_equal(deaf_join(p), 0);
	assert_true(sluice_load_acquire(&n.handled) >= n.enough);
	sluice_pipeline_close(p);
}

/* ---- nobody is left ------------------------------------------------------ */

static void await_ended(struct sluice_pipeline *p, const char *name)
{
	const sluice_a32 *phase = &sluice_stage_find(p, name)->words.phase_seen;

	for (uint32_t ms = 0; sluice_load_acquire(phase) != STAGE_ENDED; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* The supervisor has seen the onlooker end before its producer lets go of it. */
static int part_slowly(struct sluice_stage *self,
		       const struct sluice_link_event *event)
{
	(void)self;
	(void)event;
	flow_sleep_ms(50);
	return SLUICE_OK;
}

/* The last one that had to do with a producer leaves it, and all others have ended
 * before: that is looked at. */
static void a_producer_is_alone_at_last(void **state)
{
	struct flow_source source = {.end = 10};
	struct flow_source other = {.end = 10};
	struct flow_sink sinks[2] = {{.events = 0}};
	struct sluice_pipeline *p = deaf_open(2);

	(void)state;
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sinks[0]);
	flow_add(p,
		 SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sinks[1]));
	flow_subscribe(p, "sink", "source", NULL);
	flow_start(p);
	flow_add(p, SLUICE_STAGE(.name = "late", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .on_cancel = part_slowly, .state = &other));
	flow_subscribe(p, "onlooker", "late", SLUICE_SUBSCRIPTION(.tee = 2));
	await_ended(p, "source");
	await_ended(p, "sink");
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "onlooker"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	assert_int_equal(deaf_join(p), 0);
	assert_int_equal(other.next, 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes_during_the_start),
		cmocka_unit_test(a_producer_is_alone_at_last),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(wake_rows) +
			      UNIT_COUNT(stuck_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, wakes_are_not_lost, wake_rows);
	at = UNIT_ADD_ROWS(all, at, neighbour_of_a_stuck_partition_flows,
			   stuck_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("wake", all, NULL, NULL);
}
