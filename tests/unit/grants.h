/* SPDX-License-Identifier: Apache-2.0 */
/* A source that emits when it is told to, and consumers of it that can be blocked
 * and waited for: for tests of what is shared out by what has been granted. */
#ifndef SLUICE_TESTS_UNIT_GRANTS_H
#define SLUICE_TESTS_UNIT_GRANTS_H

#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#define CONSUMERS 8u
#define ROUNDS    200u

struct row {
	const char *name;
	struct sluice_stage_opts opts;
	uint32_t joiner_within; /* emissions until a joiner's first event */
	/* Events of a window that a blocked one gets. */
	uint32_t blocked_at_most;
	uint32_t equal; /* an emission is shared evenly */
};

struct sink {
	struct sluice_sub sub;
	uint32_t window;
	uint32_t blocks; /* at its first event */
	uint64_t events;
};

static struct sink sinks[CONSUMERS];
static struct gate gate;
static struct gate source_gate;
static uint64_t made;

static inline uint64_t got(const struct sink *sink)
{
	return __atomic_load_n(&sink->events, __ATOMIC_ACQUIRE);
}

static inline int take(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	struct sink *sink = sluice_stage_state(self);

	if (__atomic_load_n(&sink->blocks, __ATOMIC_ACQUIRE))
		gate_pass(&gate);
	(void)__atomic_add_fetch(&sink->events, batch->count, __ATOMIC_ACQ_REL);
	return SLUICE_OK;
}

static inline int make(struct sluice_stage *self,
		       const struct sluice_message *request,
		       struct sluice_answer *answer)
{
	uint32_t n;
	uint64_t *events;

	(void)answer;
	memcpy(&n, request->data, sizeof(n));
	events = sluice_emit(self, n);
	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = made++;
	return events ? SLUICE_OK : -ENOBUFS;
}

static inline int make_none(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* Asked for events, it waits until there is one. */
static inline int make_one(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *event;

	(void)demand;
	gate_pass(&source_gate);
	event = sluice_emit(self, 1);
	if (event == NULL)
		return -ENOBUFS;
	*event = made++;
	return made == ROUNDS ? SLUICE_END : SLUICE_OK;
}

static inline const char *sink_name(uint32_t i)
{
	static const char *const names[CONSUMERS] = {"a", "b", "c", "d",
						     "e", "f", "g", "h"};

	return names[i];
}

static inline void join(struct sluice_pipeline *p, uint32_t i)
{
	flow_subscribe(p, sink_name(i), "source",
		       SLUICE_SUBSCRIPTION(.max_demand = sinks[i].window,
					   .sub = &sinks[i].sub));
}

/* @there of the consumers are there from the start. */
static inline struct sluice_pipeline *
open_row(const struct row *row, uint32_t there,
	 int (*demand)(struct sluice_stage *self, uint32_t demand))
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage_opts o = row->opts;

	gate = GATE_CLOSED;
	source_gate = GATE_CLOSED;
	made = 0;
	o.size = sizeof(o);
	o.name = "source";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = 8;
	o.handle_demand = demand;
	o.blocking = demand == make_one;
	o.handle_call = make;
	flow_add(p, &o);
	for (uint32_t i = 0; i < CONSUMERS; i++)
		flow_add(p, SLUICE_STAGE(.name = sink_name(i),
					 .kind = SLUICE_CONSUMER, .in_bytes = 8,
					 .handle_events = take, .blocking = 1,
					 .state = &sinks[i],
					 .on_idle = SLUICE_IDLE_STAY));
	for (uint32_t i = 0; i < there; i++)
		join(p, i);
	flow_start(p);
	return p;
}

static inline void set_sinks(uint32_t window)
{
	for (uint32_t i = 0; i < CONSUMERS; i++)
		sinks[i] = (struct sink){.window = window};
}

/* Until it has handled all it was sent, and granted all it can. */
static inline void wait_idle(const struct sink *sink)
{
	struct sluice_subscription_stats stat = {0};

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		assert_int_equal(sluice_subscription_stat(sink->sub, &stat), 0);
		if (stat.credit == sink->window && stat.depth == 0 &&
		    got(sink) == stat.published)
			return;
		flow_sleep_ms(ms > 20);
	}
	fail_msg("it does not come to rest: credit %llu, depth %llu",
		 (unsigned long long)stat.credit,
		 (unsigned long long)stat.depth);
}

static inline void emit(struct sluice_pipeline *p, uint32_t n)
{
	assert_int_equal(sluice_call(sluice_stage_find(p, "source"), &n,
				     sizeof(n), NULL, 0, FLOW_DEADLINE_MS),
			 0);
}

static inline void close_row(struct sluice_pipeline *p)
{
	gate_open(&gate, 1u << 20);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
}

#endif
