/* SPDX-License-Identifier: Apache-2.0 */
/* Whole pipelines in a few lines: a source that counts, a sink that keeps the
 * books, and a watch over what the process holds. Callbacks run on worker
 * threads and only write down what they see; the test asserts after the join,
 * which is what makes their notes visible to it. */
#ifndef SLUICE_TESTS_UNIT_FLOW_H
#define SLUICE_TESTS_UNIT_FLOW_H

#include "sluice.h"
#include "tests/support/deadline.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <time.h>

#define FLOW_DEADLINE_MS TEST_DEADLINE_MS
#define FLOW_INLETS      4u
#define FLOW_BORDERS     32u

/* How a stage ended; the first field of every state that flow_fini() sees. */
struct flow_end {
	enum sluice_reason reason;
	uint32_t finis; /* how often it was told */
};

/* Counts from next up to end, exactly as many at a time as it is asked for. */
struct flow_source {
	struct flow_end ended;
	uint64_t next;
	uint64_t end;  /* UINT64_MAX: endless */
	uint32_t most; /* events per call; 0 = all that is asked */
};

struct flow_sink {
	struct flow_end ended;
	uint64_t events;
	uint64_t sum;
	uint64_t batches;
	uint64_t largest;               /* batch */
	uint64_t next[FLOW_INLETS];     /* one above the last event of it */
	uint64_t of_inlet[FLOW_INLETS]; /* events */
	uint32_t disorder;  /* events not above the one before, same inlet */
	uint32_t gaps;      /* events not right behind the one before */
	uint32_t misplaced; /* batches whose seq or count cannot be true */
	struct {
		uint64_t first;
		uint32_t count;
	} border[FLOW_BORDERS]; /* the first batches */
};

static inline int flow_count(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *source = sluice_stage_state(self);
	uint64_t left = source->end - source->next;
	uint32_t n = demand;
	uint64_t *events;

	if (source->most && source->most < n)
		n = source->most;
	if (left < n)
		n = (uint32_t)left;
	events = sluice_emit(self, n);
	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = source->next++;
	return source->next == source->end ? SLUICE_END : SLUICE_OK;
}

/* A middle stage's: what comes goes on. */
static inline int flow_pass(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	void *out = sluice_emit(self, batch->count);

	if (out == NULL)
		return -ENOBUFS;
	memcpy(out, batch->events, batch->count * sizeof(uint64_t));
	return SLUICE_OK;
}

static inline int flow_collect(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	struct flow_sink *sink = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	uint32_t inlet = batch->inlet % FLOW_INLETS;

	if (sink->batches < FLOW_BORDERS) {
		sink->border[sink->batches].first = events[0];
		sink->border[sink->batches].count = batch->count;
	}
	sink->misplaced += batch->count == 0;
	sink->misplaced += batch->seq != sink->of_inlet[inlet];
	for (uint32_t i = 0; i < batch->count; i++) {
		sink->disorder += events[i] < sink->next[inlet];
		sink->gaps += events[i] != sink->next[inlet];
		sink->next[inlet] = events[i] + 1;
		sink->sum += events[i];
	}
	sink->batches++;
	sink->of_inlet[inlet] += batch->count;
	if (batch->count > sink->largest)
		sink->largest = batch->count;
	/* Last: whoever waits for it sees the rest as well. */
	__atomic_store_n(&sink->events, sink->events + batch->count,
			 __ATOMIC_RELEASE);
	return SLUICE_OK;
}

static inline void flow_fini(struct sluice_stage *self,
			     enum sluice_reason reason)
{
	struct flow_end *ended = sluice_stage_state(self);

	ended->reason = reason;
	/* Last: whoever waits for it sees the reason as well. */
	(void)__atomic_add_fetch(&ended->finis, 1, __ATOMIC_ACQ_REL);
}

static inline void flow_sleep_ms(uint32_t ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&time, NULL);
}

/* ---- building, from the main thread -------------------------------------- */

static inline struct sluice_pipeline *flow_open(uint32_t workers)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = workers)),
		0);
	assert_non_null(p);
	return p;
}

/* One that other processes may find. */
static inline struct sluice_pipeline *flow_open_named(uint32_t workers)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = "test",
							 .workers = workers)),
		0);
	assert_non_null(p);
	return p;
}

static inline void flow_add(struct sluice_pipeline *p,
			    const struct sluice_stage_opts *opts)
{
	if (sluice_stage_add(p, opts) != 0)
		fail_msg("%s", sluice_last_error());
}

static inline void flow_add_source(struct sluice_pipeline *p, const char *name,
				   struct flow_source *source)
{
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .fini = flow_fini, .state = source));
}

static inline void flow_add_sink(struct sluice_pipeline *p, const char *name,
				 struct flow_sink *sink)
{
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .fini = flow_fini, .state = sink));
}

/* Rows of a table that leave max_demand out mean the default. */
static inline void flow_subscribe(struct sluice_pipeline *p,
				  const char *consumer, const char *producer,
				  const struct sluice_subscription_opts *opts)
{
	struct sluice_subscription_opts o;

	if (opts != NULL && opts->max_demand == 0) {
		o = *opts;
		o.max_demand = SLUICE_DEMAND_DEFAULT;
		opts = &o;
	}
	if (sluice_subscribe(p, consumer, producer, opts) != 0)
		fail_msg("%s", sluice_last_error());
}

static inline void flow_start(struct sluice_pipeline *p)
{
	if (sluice_pipeline_start(p) != 0)
		fail_msg("%s", sluice_last_error());
}

/* Wait for the end. A pipeline that hangs is taken down before the test fails:
 * its threads write to the test's stack. */
static inline int flow_join(struct sluice_pipeline *p)
{
	int rc = sluice_pipeline_join(p, FLOW_DEADLINE_MS);

	if (rc == -ETIMEDOUT) {
		sluice_pipeline_close(p);
		fail_msg("the pipeline hangs");
	}
	return rc;
}

static inline int flow_run(struct sluice_pipeline *p)
{
	flow_start(p);
	return flow_join(p);
}

/* The sum of [0, n). */
static inline uint64_t flow_sum(uint64_t n)
{
	return n % 2 ? n * ((n - 1) / 2) : n / 2 * (n - 1);
}

/* Every number of [0, n) came, once and in order. */
static inline void flow_check_all(const struct flow_sink *sink, uint64_t n)
{
	assert_int_equal(sink->events, n);
	assert_int_equal(sink->sum, flow_sum(n));
	assert_int_equal(sink->gaps, 0);
	assert_int_equal(sink->misplaced, 0);
}

static inline void flow_check_ended(const struct flow_end *ended,
				    enum sluice_reason reason)
{
	assert_int_equal(ended->finis, 1);
	assert_int_equal(ended->reason, reason);
}

static inline struct sluice_stage_stats flow_stats(struct sluice_pipeline *p,
						   const char *name)
{
	struct sluice_stage_stats stats = {0};

	assert_int_equal(sluice_stage_stat(p, name, &stats), 0);
	return stats;
}

/* Until @sink has so many; what it has written by then may be read. */
static inline void flow_wait_events(struct sluice_pipeline *p,
				    const struct flow_sink *sink,
				    uint64_t events)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(&sink->events, __ATOMIC_ACQUIRE) >= events)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("a sink is not given its events");
}

/* Until @name has handled @events; the pipeline runs. */
static inline void flow_wait_handled(struct sluice_pipeline *p,
				     const char *name, uint64_t events)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(p, name).events_in >= events)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("'%s' is not given its events", name);
}

/* ---- a watch over every test --------------------------------------------- */

static int flow_fds_before;
static int flow_regions_before;

static inline int flow_setup(void **state)
{
	(void)state;
	flow_fds_before = fds_count();
	flow_regions_before = fds_mappings("memfd:sluice:");
	return flow_fds_before < 0;
}

static inline void flow_check_released(void)
{
	assert_int_equal(fds_count(), flow_fds_before);
	assert_int_equal(fds_mappings("memfd:sluice:"), flow_regions_before);
}

static inline int flow_teardown(void **state)
{
	(void)state;
	flow_check_released();
	return 0;
}

/* Hold each of the @count tests to leaving nothing behind. */
static inline void flow_watch(struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = flow_setup;
		tests[i].teardown_func = flow_teardown;
	}
}

#endif
