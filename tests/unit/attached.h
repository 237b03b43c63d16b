/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in in one pipeline and a peer's port in another, with the memory between
 * them; both in this process, so nobody says hello over a socket.
 */
#ifndef SLUICE_TESTS_UNIT_ATTACHED_H
#define SLUICE_TESTS_UNIT_ATTACHED_H

#include "engine/control/control_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/peer/attached_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "flow.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#define EVENTS 3000u
#define WINDOW 64u

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;
static struct stand_in stand_in;
static struct attached peer;
static const struct stand_in_terms no_terms = {.budget = NULL};

static inline struct wire_hello hello_as(enum wire_role role, const char *stage)
{
	struct wire_hello hello = {.role = role, .max_demand = WINDOW};

	(void)snprintf(hello.pipeline, sizeof(hello.pipeline), "test");
	(void)snprintf(hello.peer, sizeof(hello.peer), "peer");
	(void)snprintf(role == WIRE_CONSUMER ? hello.from : hello.to,
		       sizeof(hello.to), "%s", stage);
	if (role == WIRE_PRODUCER) {
		hello.max_demand = 0;
		hello.ring_events = WINDOW;
	}
	return hello;
}

/* ---- the memory between them --------------------------------------------------- */

static struct attach grant;

/* As the handshake would hand it over. */
static inline void grant_map(const int fds[WIRE_MEMORY_MAX])
{
	for (uint32_t i = 0; i < grant.welcome.memory_count; i++) {
		grant.events[i] = -1;
		if (grant.welcome.memory[i].kind == WIRE_SIGNAL) {
			grant.events[i] = fds[i];
			continue;
		}
		assert_int_equal(memory_map(&grant.maps[i], fds[i],
					    &grant.welcome.memory[i]),
				 0);
		(void)close(fds[i]);
	}
}

static inline void grant_open(const struct wire_hello *hello)
{
	int fds[WIRE_MEMORY_MAX];

	grant = ATTACH_NONE;
	assert_int_equal(stand_in_open(&stand_in, pipeline, hello, &no_terms,
				       &grant.welcome, fds),
			 0);
	grant_map(fds);
}

static inline void grant_close(void)
{
	for (uint32_t i = 0; i < grant.welcome.memory_count; i++) {
		memory_unmap(&grant.maps[i]);
		if (grant.events[i] >= 0)
			(void)close(grant.events[i]);
	}
}

/* ---- both ends ----------------------------------------------------------------- */

/* What the threads for peers do at both ends: they answer signals. */
static sluice_a32 answering;
static pthread_t answerer;

static inline void *answer_all(void *ctx)
{
	struct pollfd polled[2] = {
		{.fd = stand_in_fd(&stand_in), .events = POLLIN},
		{.fd = attached_fd(&peer), .events = POLLIN}};

	(void)ctx;
	while (sluice_load_acquire(&answering)) {
		(void)poll(polled, 2, 10);
		if (polled[0].revents)
			stand_in_answer(&stand_in);
		if (polled[1].revents)
			attached_answer(&peer);
	}
	return NULL;
}

static inline void answer_begin(void)
{
	sluice_store_release(&answering, 1);
	assert_int_equal(pthread_create(&answerer, NULL, answer_all, NULL), 0);
}

static inline void answer_end(void)
{
	if (sluice_exchange(&answering, 0) != 0)
		(void)pthread_join(answerer, NULL);
}

static inline void attach_as(const struct wire_hello *hello)
{
	grant_open(hello);
	assert_int_equal(attached_open(&peer, hello, &grant, NULL), 0);
	answer_begin();
}

static inline void attach(enum wire_role role, const char *stage)
{
	struct wire_hello hello = hello_as(role, stage);

	attach_as(&hello);
}

static inline void start_source(uint64_t end)
{
	source = (struct flow_source){.end = end};
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	flow_start(pipeline);
}

static inline void pipeline_end(void)
{
	sluice_pipeline_close(pipeline);
	stand_in.stage = NULL;
	assert_int_equal(stand_in_close(&stand_in), 0);
}

static inline void close_all(void)
{
	answer_end();
	attached_close(&peer);
	grant_close();
	pipeline_end();
}

static inline void remove_stand_in(void)
{
	uint32_t closed;

	for (uint32_t ms = 0; !stand_in_over(&stand_in, &closed); ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	answer_end();
	for (uint32_t ms = 0; stand_in_close(&stand_in) < 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

#endif
