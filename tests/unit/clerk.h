/* SPDX-License-Identifier: Apache-2.0 */
/* One endless source, and consumers that come and go: each ticks off what it is
 * handed, so that at the end every event has been handled exactly once. */
#ifndef SLUICE_TESTS_UNIT_CLERK_H
#define SLUICE_TESTS_UNIT_CLERK_H

#include "flow.h"

#include "tests/support/rng.h"

/* The stages of a test are static: one that fails leaves its threads running
 * until the teardown has closed the pipeline. */
static struct sluice_pipeline *pipeline;
static struct flow_source source;

#define SINKS  4u
#define LEDGER (UINT32_C(1) << 22) /* numbers that are ticked off */

static const char *const sink_names[SINKS] = {"c0", "c1", "c2", "c3"};

/* A consumer that ticks off what it is handed: the first numbers one by one, and
 * all of them in a hash that forgets their order. */
struct clerk {
	struct flow_end ended;
	uint64_t events;
	uint64_t hash; /* of all of them, in any order */
	uint64_t next;
	uint32_t disorder;
	uint32_t gaps;
	uint32_t fresh; /* a subscription has begun: the next event is its first
			 */
	uint64_t first;
	uint32_t joined; /* on_subscribe calls */
	uint32_t left;   /* on_cancel calls */
};

static struct clerk clerks[SINKS];
static unsigned char ledger[LEDGER];

static inline uint64_t clerk_mix(uint64_t event)
{
	struct rng rng = {event};

	return rng_u64(&rng);
}

static inline int clerk_handle(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	struct clerk *clerk = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	if (clerk->fresh)
		clerk->first = clerk->next = events[0];
	clerk->fresh = 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		clerk->disorder += events[i] < clerk->next;
		clerk->gaps += events[i] != clerk->next;
		clerk->next = events[i] + 1;
		clerk->hash += clerk_mix(events[i]);
		if (events[i] < LEDGER)
			(void)__atomic_fetch_add(&ledger[events[i]], 1,
						 __ATOMIC_RELAXED);
	}
	clerk->events += batch->count;
	return SLUICE_OK;
}

static inline int clerk_joined(struct sluice_stage *self,
			       const struct sluice_link_event *event)
{
	struct clerk *clerk = sluice_stage_state(self);

	(void)event;
	clerk->fresh = 1;
	__atomic_store_n(&clerk->joined, clerk->joined + 1, __ATOMIC_RELEASE);
	return 0;
}

static inline int clerk_left(struct sluice_stage *self,
			     const struct sluice_link_event *event)
{
	struct clerk *clerk = sluice_stage_state(self);

	(void)event;
	__atomic_store_n(&clerk->left, clerk->left + 1, __ATOMIC_RELEASE);
	return 0;
}

/* ---- building ------------------------------------------------------------ */

static inline void add_source(const char *dispatcher, uint32_t most,
			      uint64_t end)
{
	source = (struct flow_source){.end = end, .most = most};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .fini = flow_fini, .dispatcher = dispatcher,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
}

static inline void add_clerk(uint32_t i)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = sink_names[i], .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = clerk_handle,
			      .fini = flow_fini, .on_subscribe = clerk_joined,
			      .on_cancel = clerk_left,
			      .on_idle = SLUICE_IDLE_STAY,
			      .state = &clerks[i]));
}

static inline struct sluice_sub
subscribe(uint32_t i, const struct sluice_subscription_opts *opts)
{
	struct sluice_subscription_opts o = *opts;
	struct sluice_sub sub = {0};

	o.sub = &sub;
	/* A hook has told of the end of the last one; a moment later the
	 * consumer has let go of it, and then its producer: until both have,
	 * it counts, and its place is taken. */
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		int rc =
			sluice_subscribe(pipeline, sink_names[i], "source", &o);

		if (rc == 0)
			return sub;
		if (rc != -EEXIST && rc != -ENOSPC)
			break;
		flow_sleep_ms(1);
	}
	fail_msg("%s", sluice_last_error());
	return sub;
}

#define SUBSCRIBE(i, ...) subscribe((i), SLUICE_SUBSCRIPTION(__VA_ARGS__))

/* A number that a stage's thread counts up. */
static inline uint32_t word(const uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void wait_word(const uint32_t *word, uint32_t value,
			     const char *what)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(word, __ATOMIC_ACQUIRE) >= value)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("%s: %u of %u", what, __atomic_load_n(word, __ATOMIC_ACQUIRE),
		 value);
}

static inline struct sluice_subscription_stats stat_of(struct sluice_sub sub)
{
	struct sluice_subscription_stats stat = {0};

	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	return stat;
}

/* As flow_join() and flow_wait_handled(), but it is the teardown that closes. */
static inline int join(void)
{
	int rc = sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS);

	if (rc == -ETIMEDOUT)
		fail_msg("the pipeline hangs");
	return rc;
}

static inline void wait_handled(const char *name, uint64_t events)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(pipeline, name).events_in >= events)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("'%s' is not given its events", name);
}

static inline uint64_t handled(uint32_t i)
{
	return flow_stats(pipeline, sink_names[i]).events_in;
}

/* ---- a watch over every test --------------------------------------------- */

static inline int clerk_setup(void **state)
{
	pipeline = NULL;
	memset(clerks, 0, sizeof(clerks));
	memset(ledger, 0, sizeof(ledger));
	return flow_setup(state);
}

static inline int clerk_teardown(void **state)
{
	sluice_pipeline_close(pipeline);
	return flow_teardown(state);
}

/* Each of the @count tests closes its pipeline and leaves nothing behind. */
static inline void clerk_watch(struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = clerk_setup;
		tests[i].teardown_func = clerk_teardown;
	}
}

#endif
