/* SPDX-License-Identifier: Apache-2.0 */
/* A port whose users help, and stages behind it that write down which thread runs them.
 * Sleeps last until somebody rings: the platform's tick would wake a worker just before
 * it is to be helped. */
#ifndef SLUICE_TESTS_UNIT_HELPED_H
#define SLUICE_TESTS_UNIT_HELPED_H

#include "engine/graph/pipeline_priv.h"
#include "engine/run/helm_priv.h"
#include "engine/run/run_priv.h"
#include "flow.h"
#include "tests/support/gate.h"

#include <pthread.h>

#define HELPED_STAGES 3u
#define BY_CALLER     1u
#define BY_WORKER     2u

/* What one stage does, and has seen. */
struct helped_stage {
	int (*act)(struct sluice_stage *self, const struct sluice_batch *batch);
	uint64_t events;
	sluice_a32 by; /* BY_: who has run it last */
	uint32_t by_caller;
	uint32_t by_worker;
};

static struct sluice_pipeline *pipeline;
static struct sluice_stage *in;
static struct sluice_stage *out;
static struct helped_stage stages[HELPED_STAGES];
static struct sluice_wait_ops helped_wait;
static struct platform helped_platform;
static pthread_t caller;

static const char *const helped_names[HELPED_STAGES] = {"s0", "s1", "s2"};

static void helped_park(void *ctx, sluice_a32 *word, uint32_t expected,
			uint64_t deadline_ns)
{
	const struct sluice_wait_ops *linux_ops = sluice_wait_linux();

	do
		linux_ops->park(ctx, word, expected, deadline_ns);
	while (sluice_load_acquire(word) == expected &&
	       linux_ops->now_ns(linux_ops->ctx) < deadline_ns);
}

static void helped_note(struct helped_stage *stage)
{
	int own = pthread_equal(pthread_self(), caller) != 0;

	*(own ? &stage->by_caller : &stage->by_worker) += 1;
	sluice_store_release(&stage->by, own ? BY_CALLER : BY_WORKER);
}

static int helped_handle(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	struct helped_stage *stage = sluice_stage_state(self);
	int rc = SLUICE_OK;

	if (stage->act != NULL)
		rc = stage->act(self, batch);
	if (rc == SLUICE_OK)
		rc = flow_pass(self, batch);
	stage->events += batch->count;
	helped_note(stage);
	return rc;
}

static inline void helped_open_on(uint32_t workers,
				  void (*park)(void *, sluice_a32 *, uint32_t,
					       uint64_t))
{
	caller = pthread_self();
	memset(stages, 0, sizeof(stages));
	helped_wait = *sluice_wait_linux();
	helped_wait.park = park;
	helped_platform = *platform_linux();
	helped_platform.wait = &helped_wait;
	assert_int_equal(pipeline_open_on(&pipeline,
					  SLUICE_PIPELINE(.workers = workers),
					  &helped_platform),
			 0);
}

static inline void helped_open(uint32_t workers)
{
	helped_open_on(workers, helped_park);
}

static inline void helped_add_port(const char *name,
				   enum sluice_stage_kind kind, uint32_t flags)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = kind,
			      .flags = SLUICE_STAGE_PORT | flags,
			      .in_bytes = kind == SLUICE_CONSUMER ? 8 : 0,
			      .out_bytes = kind == SLUICE_PRODUCER ? 8 : 0));
}

/* Stage @i, with @o, which may say more. */
static inline void helped_add(uint32_t i, struct sluice_stage_opts *o)
{
	o->name = helped_names[i];
	o->kind = SLUICE_PRODUCER_CONSUMER;
	o->in_bytes = o->out_bytes = 8;
	o->handle_events = helped_handle;
	o->state = &stages[i];
	flow_add(pipeline, o);
}

/* Port "in", @n stages in a row, each on its worker, port "out"; all have @flags, and the
 * ports those of theirs. */
static inline void helped_chain(uint32_t n, uint32_t port_flags,
				const struct sluice_stage_opts *like)
{
	helped_open(n);
	helped_add_port("in", SLUICE_PRODUCER, port_flags);
	for (uint32_t i = 0; i < n; i++) {
		struct sluice_stage_opts o = *like;

		helped_add(i, &o);
		flow_subscribe(pipeline, helped_names[i],
			       i == 0 ? "in" : helped_names[i - 1],
			       SLUICE_SUBSCRIPTION(.max_demand = 8));
	}
	helped_add_port("out", SLUICE_CONSUMER, port_flags);
	flow_subscribe(pipeline, "out", helped_names[n - 1],
		       SLUICE_SUBSCRIPTION(.max_demand = 1024));
}

static inline void helped_start(void)
{
	flow_start(pipeline);
	in = sluice_stage_find(pipeline, "in");
	out = sluice_stage_find(pipeline, "out");
}

static inline int helped_asleep(const char *name)
{
	const struct worker *worker = sluice_stage_find(pipeline, name)->worker;

	return (sluice_load_acquire(&worker->bell->parked) &
		SLUICE_BELL_STATE) == SLUICE_BELL_PARKED;
}

/* Until the workers of the first @n stages sleep. */
static inline void helped_await_sleep(uint32_t n)
{
	uint32_t slept = 0;

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		slept = 0;
		while (slept < n && helped_asleep(helped_names[slept]))
			slept++;
		if (slept == n) {
			flow_sleep_ms(1); /* if it is about to look again */
			return;
		}
		flow_sleep_ms(1);
	}
	fail_msg("'%s' does not sleep", helped_names[slept]);
}

static inline void helped_send(uint64_t event)
{
	int rc = sluice_send(in, &event, 1, FLOW_DEADLINE_MS);

	if (rc != 1)
		fail_msg("send: %d, %s", rc, sluice_last_error());
}

static inline void helped_recv(uint64_t event)
{
	struct sluice_batch batch;
	int rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);

	if (rc != 1)
		fail_msg("recv: %d, %s", rc, sluice_last_error());
	assert_int_equal(*SLUICE_EVENTS(&batch, uint64_t), event);
}

/* End both ports, and wait for the end of all. */
static inline int helped_join(void)
{
	struct sluice_batch batch;
	int rc;

	(void)sluice_port_end(in, SLUICE_REASON_NORMAL);
	do
		rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);
	while (rc > 0);
	(void)sluice_port_end(out, SLUICE_REASON_NORMAL);
	rc = sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS);
	if (rc == -ETIMEDOUT)
		fail_msg("the pipeline hangs");
	return rc;
}

/* A handler that waits inside, until it is let through. */
static struct gate inside;

static inline int wait_inside(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	gate_pass(&inside);
	return SLUICE_OK;
}

static inline int helped_teardown(void **state)
{
	(void)state;
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
	return 0;
}

#endif
