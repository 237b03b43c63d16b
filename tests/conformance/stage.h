/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the cases as code: a counter source, a silent source, a middle,
 * a recording sink, and what they saw.
 *
 * Callbacks write down what they see under a lock; the test waits for it with a
 * deadline. "Nothing happens" is shown by stage_settle(): each stage has gone
 * through whole rounds since, and has seen all that was there to be seen. Each
 * program is run with one worker, where everything takes turns, and with two. */
#ifndef SLUICE_TESTS_CONFORMANCE_STAGE_H
#define SLUICE_TESTS_CONFORMANCE_STAGE_H

#include "tests/conformance/actor.h"

/* ---- building ------------------------------------------------------------ */

static inline int rig_setup(void **state)
{
	if (flow_setup(state) != 0)
		return -1;
	memset(rig.actor, 0, sizeof(rig.actor));
	rig.actors = 0;
	rig.lines = 0;
	return sluice_pipeline_open(
		&rig.pipeline,
		SLUICE_PIPELINE(.workers = rig.workers, .log = rig_log));
}

/* Whatever came of the test, nothing is left behind. */
static inline int rig_teardown(void **state)
{
	sluice_pipeline_close(rig.pipeline);
	rig.pipeline = NULL;
	for (uint32_t i = 0; i < rig.actors; i++)
		(void)pthread_mutex_destroy(&rig.actor[i].lock);
	return flow_teardown(state);
}

/* Run the tests with one worker, then with two. */
static inline int rig_run(const char *name, struct CMUnitTest *tests,
			  size_t count)
{
	char group[64];
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = rig_setup;
		tests[i].teardown_func = rig_teardown;
	}
	for (rig.workers = 1; rig.workers <= 2; rig.workers++) {
		(void)snprintf(group, sizeof(group), "%s, workers: %u", name,
			       rig.workers);
		failed += _cmocka_run_group_tests(group, tests, count, NULL,
						  NULL);
	}
	return failed;
}

static inline struct actor *actor_new(const char *name)
{
	struct actor *actor = &rig.actor[rig.actors++];

	assert_true(rig.actors <= ACTORS);
	(void)pthread_mutex_init(&actor->lock, NULL);
	actor->name = name;
	actor->end = UINT64_MAX;
	actor->tell = 1;
	return actor;
}

/* The options of each; more follow, none of these twice. All of them wait
 * for their subscriptions to come. */
#define SOURCE_OPTS(actor, ...)                                                \
	SLUICE_STAGE(.name = (actor)->name, .kind = SLUICE_PRODUCER,           \
		     .out_bytes = 8, .state = (actor),                         \
		     .handle_demand = actor_demand, .handle_cast = actor_cast, \
		     .handle_call = actor_call, .handle_info = actor_info,     \
		     .on_discard = actor_discard, .on_idle = SLUICE_IDLE_STAY, \
		     __VA_ARGS__)
#define MIDDLE_OPTS(actor, ...)                                                \
	SLUICE_STAGE(.name = (actor)->name, .kind = SLUICE_PRODUCER_CONSUMER,  \
		     .in_bytes = 8, .out_bytes = 8, .state = (actor),          \
		     .handle_events = actor_handle, .handle_cast = actor_cast, \
		     .handle_call = actor_call, .handle_info = actor_info,     \
		     .on_discard = actor_discard, .on_idle = SLUICE_IDLE_STAY, \
		     __VA_ARGS__)
#define SINK_OPTS(actor, ...)                                                  \
	SLUICE_STAGE(.name = (actor)->name, .kind = SLUICE_CONSUMER,           \
		     .in_bytes = 8, .state = (actor),                          \
		     .handle_events = actor_handle, .handle_call = actor_call, \
		     .handle_info = actor_info, .on_idle = SLUICE_IDLE_STAY,   \
		     __VA_ARGS__)

/* Emits exactly as many of [0, end) as it is told. */
static inline struct actor *add_counter(const char *name, uint64_t end)
{
	struct actor *actor = actor_new(name);

	actor->end = end;
	flow_add(rig.pipeline, SOURCE_OPTS(actor, .flags = 0));
	return actor;
}

static inline struct actor *silent_new(const char *name)
{
	struct actor *actor = actor_new(name);

	actor->silent = 1;
	return actor;
}

static inline struct actor *add_silent(const char *name)
{
	struct actor *actor = silent_new(name);

	flow_add(rig.pipeline, SOURCE_OPTS(actor, .flags = 0));
	return actor;
}

static inline struct actor *add_sink(const char *name)
{
	struct actor *actor = actor_new(name);

	flow_add(rig.pipeline, SINK_OPTS(actor, .flags = 0));
	return actor;
}

static inline struct sluice_stage *actor_stage(const struct actor *actor)
{
	return sluice_stage_find(rig.pipeline, actor->name);
}

/* Subscribe with @max and @min, or manually with a window of @max. */
static inline struct sluice_sub subscribe(const struct actor *sink,
					  const struct actor *source,
					  uint32_t max, int32_t min)
{
	struct sluice_sub sub = {0};

	flow_subscribe(rig.pipeline, sink->name, source->name,
		       SLUICE_SUBSCRIPTION(.max_demand = max, .min_demand = min,
					   .sub = &sub));
	return sub;
}

static inline struct sluice_sub subscribe_manual(const struct actor *sink,
						 const struct actor *source,
						 uint32_t max)
{
	struct sluice_sub sub = {0};

	flow_subscribe(rig.pipeline, sink->name, source->name,
		       SLUICE_SUBSCRIPTION(.flags = SLUICE_SUBSCRIBE_MANUAL,
					   .max_demand = max, .sub = &sub));
	return sub;
}

/* ---- doing and waiting --------------------------------------------------- */

static inline void rig_start(void)
{
	flow_start(rig.pipeline);
}

/* Wait for the end. What hangs is taken down behind the test. */
static inline int rig_join(void)
{
	int rc = sluice_pipeline_join(rig.pipeline, FLOW_DEADLINE_MS);

	if (rc == -ETIMEDOUT)
		fail_msg("the pipeline hangs");
	return rc;
}

static inline void ask(struct sluice_sub sub, uint32_t n)
{
	if (sluice_ask(sub, n) != 0)
		fail_msg("%s", sluice_last_error());
}

static inline void emit_row(const struct actor *source, const uint64_t *events,
			    uint32_t n)
{
	if (sluice_cast(actor_stage(source), events, n * 8) != 0)
		fail_msg("%s", sluice_last_error());
}

#define ROW(...)                                                               \
	(const uint64_t[]){__VA_ARGS__},                                       \
		(uint32_t)(sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

/* emit(source, 1, 2, 3) */
#define emit(source, ...) emit_row(source, ROW(__VA_ARGS__))

static inline void marker(const struct actor *actor, uint64_t value)
{
	if (sluice_info(actor_stage(actor), &value, sizeof(value)) != 0)
		fail_msg("%s", sluice_last_error());
}

/* Everybody goes through whole rounds: a call is answered at the beginning of
 * one, so between two answers lies a whole one. */
static inline void stage_settle(void)
{
	for (uint32_t i = 0; i < 8 * rig.actors; i++) {
		struct sluice_stage *stage =
			actor_stage(&rig.actor[i % rig.actors]);

		for (uint32_t n = 0; n < 2; n++)
			(void)!sluice_call(stage, NULL, 0, NULL, 0,
					   FLOW_DEADLINE_MS);
	}
}

/* Wait until @condition holds, which is looked at under @actor's lock. */
#define WAIT_UNTIL(actor, condition)                                           \
	do {                                                                   \
		int held = 0;                                                  \
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && !held; ms++) {  \
			actor_lock(actor);                                     \
			held = (condition);                                    \
			actor_unlock(actor);                                   \
			if (!held)                                             \
				flow_sleep_ms(1);                              \
		}                                                              \
		if (!held)                                                     \
			fail_msg("'%s': never %s", (actor)->name, #condition); \
	} while (0)

static inline struct sluice_stage_stats actor_stats(const struct actor *actor)
{
	return flow_stats(rig.pipeline, actor->name);
}

/* The same for its counters. */
#define WAIT_STATS(actor, field, value)                                        \
	do {                                                                   \
		uint32_t ms = 0;                                               \
		while (actor_stats(actor).field != (value) &&                  \
		       ms++ < FLOW_DEADLINE_MS)                                \
			flow_sleep_ms(1);                                      \
		assert_int_equal(actor_stats(actor).field, value);             \
	} while (0)

static inline struct sluice_subscription_stats sub_stats(struct sluice_sub sub)
{
	struct sluice_subscription_stats stats = {0};

	assert_int_equal(sluice_subscription_stat(sub, &stats), 0);
	return stats;
}

#define WAIT_SUB(sub, field, value)                                            \
	do {                                                                   \
		uint32_t ms = 0;                                               \
		while (sub_stats(sub).field != (value) &&                      \
		       ms++ < FLOW_DEADLINE_MS)                                \
			flow_sleep_ms(1);                                      \
		assert_int_equal(sub_stats(sub).field, value);                 \
	} while (0)

/* ---- checking ------------------------------------------------------------ */

/* The sink is given these events, in this order, and no others. */
static inline void check_events_row(struct actor *sink, const uint64_t *want,
				    uint32_t n)
{
	WAIT_UNTIL(sink, sink->events >= n);
	stage_settle();
	actor_lock(sink);
	for (uint32_t i = 0; i < n; i++)
		if (sink->event[i] != want[i]) {
			actor_unlock(sink);
			fail_msg("'%s': event %u is %llu, not %llu", sink->name,
				 i, (unsigned long long)sink->event[i],
				 (unsigned long long)want[i]);
		}
	actor_unlock(sink);
	assert_int_equal(sink->events, n);
}

/* check_events(sink, 1, 2, 3) */
#define check_events(sink, ...) check_events_row(sink, ROW(__VA_ARGS__))

/* Its first batches have these sizes. */
static inline void check_sizes_row(struct actor *sink, const uint64_t *want,
				   uint32_t n)
{
	WAIT_UNTIL(sink, sink->batches >= n);
	for (uint32_t i = 0; i < n; i++)
		if (sink->batch[i].count != want[i])
			fail_msg("'%s': batch %u holds %u events, not %llu",
				 sink->name, i, sink->batch[i].count,
				 (unsigned long long)want[i]);
}

#define check_sizes(sink, ...) check_sizes_row(sink, ROW(__VA_ARGS__))

/* The source's first demands are these. */
static inline void check_told_row(struct actor *source, const uint64_t *want,
				  uint32_t n)
{
	WAIT_UNTIL(source, source->tells >= n);
	for (uint32_t i = 0; i < n; i++)
		if (source->told[i] != want[i])
			fail_msg("'%s': demand %u is %u, not %llu",
				 source->name, i, source->told[i],
				 (unsigned long long)want[i]);
}

#define check_told(source, ...) check_told_row(source, ROW(__VA_ARGS__))

/* The first @n events of @sink count up from @first. */
static inline void check_counts(struct actor *sink, uint64_t first, uint64_t n)
{
	assert_true(n <= ACTOR_EVENTS);
	WAIT_UNTIL(sink, sink->events >= n);
	for (uint64_t i = 0; i < n; i++)
		if (sink->event[i] != first + i)
			fail_msg("'%s': event %llu is %llu, not %llu",
				 sink->name, (unsigned long long)i,
				 (unsigned long long)sink->event[i],
				 (unsigned long long)(first + i));
}

static inline void check_markers(struct actor *actor, uint32_t n)
{
	stage_settle();
	actor_lock(actor);
	if (actor->markers != n) {
		actor_unlock(actor);
		fail_msg("'%s': %u markers were handled, not %u", actor->name,
			 actor->markers, n);
	}
	actor_unlock(actor);
}

#endif
