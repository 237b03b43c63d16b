/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of a test, and threads that send to them and receive from them. All of
 * it is static: a test that fails leaves its threads running until the teardown
 * has closed the pipeline. */
#ifndef SLUICE_TESTS_UNIT_PORTS_H
#define SLUICE_TESTS_UNIT_PORTS_H

#include "flow.h"

#include "tests/support/rng.h"

#include <pthread.h>

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sinks[3];

static const char *const sink_names[] = {"c0", "c1", "c2"};

/* ---- building ------------------------------------------------------------ */

static struct sluice_stage *
add_port(const char *name, enum sluice_stage_kind kind, const char *dispatcher)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = kind,
			      .flags = SLUICE_STAGE_PORT,
			      .in_bytes = kind == SLUICE_CONSUMER ? 8 : 0,
			      .out_bytes = kind == SLUICE_PRODUCER ? 8 : 0,
			      .dispatcher = dispatcher));
	return sluice_stage_find(pipeline, name);
}

/* Port "in" -> port "out", nothing between. */
static inline void open_pair(uint32_t max_demand, struct sluice_stage **in,
			     struct sluice_stage **out)
{
	pipeline = flow_open(1);
	*in = add_port("in", SLUICE_PRODUCER, NULL);
	*out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = max_demand));
	flow_start(pipeline);
}

/* As flow_join(), but it is the teardown that closes. */
static inline int join(void)
{
	int rc = sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS);

	if (rc == -ETIMEDOUT)
		fail_msg("the pipeline hangs");
	return rc;
}

static inline int send_row(struct sluice_stage *port, uint64_t first,
			   uint32_t n, uint32_t timeout_ms)
{
	uint64_t events[4096];

	assert_true(n <= UNIT_COUNT(events));
	for (uint32_t i = 0; i < n; i++)
		events[i] = first + i;
	return sluice_send(port, events, n, timeout_ms);
}

/* Send all of [first, first + n). */
static inline void send_all(struct sluice_stage *port, uint64_t first,
			    uint32_t n)
{
	while (n > 0) {
		int sent = send_row(port, first, n < 4096 ? n : 4096,
				    FLOW_DEADLINE_MS);

		if (sent <= 0)
			fail_msg("send: %s", sluice_strerror(sent));
		first += (uint32_t)sent;
		n -= (uint32_t)sent;
	}
}

/* Receive until there were @n; they count up from @first. */
static inline uint32_t recv_row(struct sluice_stage *port, uint64_t first,
				uint32_t n)
{
	struct sluice_batch batch;
	uint32_t got = 0;

	while (got < n) {
		int rc = sluice_recv(port, &batch, FLOW_DEADLINE_MS);

		if (rc <= 0)
			fail_msg("recv: %s", sluice_strerror(rc));
		assert_int_equal(rc, batch.count);
		assert_int_equal(batch.seq, first + got);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 first + got + i);
		got += batch.count;
	}
	return got;
}

/* ---- other threads ------------------------------------------------------- */

struct worker_of_port {
	pthread_t thread;
	struct sluice_stage *port;
	uint32_t seed;
	uint32_t pieces; /* at most so many events per call */
	uint64_t events; /* to send; or received */
	uint64_t sum;
	uint64_t next;
	uint32_t disorder;
	uint32_t ready; /* about to wait */
	int rc;         /* the answer that ended it */
};

static struct worker_of_port workers[4];

static inline void *run_sender(void *arg)
{
	struct worker_of_port *w = arg;
	struct rng rng = {w->seed};
	uint64_t events[512];

	while (w->next < w->events) {
		uint64_t left = w->events - w->next;
		uint32_t n = rng_between(&rng, 1, w->pieces);

		if (n > left)
			n = (uint32_t)left;
		for (uint32_t i = 0; i < n; i++)
			events[i] = w->next + i;
		__atomic_store_n(&w->ready, 1, __ATOMIC_RELEASE);
		w->rc = sluice_send(w->port, events, n, FLOW_DEADLINE_MS);
		if (w->rc <= 0)
			return NULL;
		w->next += (uint32_t)w->rc;
	}
	w->rc = sluice_port_end(w->port, SLUICE_REASON_NORMAL);
	return NULL;
}

static inline void *run_receiver(void *arg)
{
	struct worker_of_port *w = arg;
	struct sluice_batch batch;

	for (;;) {
		__atomic_store_n(&w->ready, 1, __ATOMIC_RELEASE);
		w->rc = sluice_recv(w->port, &batch, FLOW_DEADLINE_MS);
		if (w->rc == -EBUSY)
			continue; /* the test itself is looking in */
		if (w->rc <= 0)
			return NULL;
		for (uint32_t i = 0; i < batch.count; i++) {
			uint64_t e = SLUICE_EVENTS(&batch, uint64_t)[i];

			w->disorder += e < w->next;
			w->next = e + 1;
			w->sum += e;
		}
		w->events += batch.count;
	}
}

static inline void spawn(struct worker_of_port *w, void *(*run)(void *),
			 struct sluice_stage *port)
{
	w->port = port;
	assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

static inline void await(struct worker_of_port *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
}

static inline void wait_ready(struct worker_of_port *w)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(&w->ready, __ATOMIC_ACQUIRE))
			return;
		flow_sleep_ms(1);
	}
	fail_msg("a thread does not begin");
}

/* ---- a watch over every test --------------------------------------------- */

static inline int ports_setup(void **state)
{
	pipeline = NULL;
	memset(workers, 0, sizeof(workers));
	memset(sinks, 0, sizeof(sinks));
	memset(&source, 0, sizeof(source));
	return flow_setup(state);
}

static inline int ports_teardown(void **state)
{
	sluice_pipeline_close(pipeline);
	return flow_teardown(state);
}

/* Each of the @count tests closes its pipeline and leaves nothing behind. */
static inline void ports_watch(struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = ports_setup;
		tests[i].teardown_func = ports_teardown;
	}
}

#endif
