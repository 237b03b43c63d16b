/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer that watches descriptors, as it is told from outside by sluice_call(); what
 * it was told of them it writes down. It is fed by a port, "in", that nobody needs to
 * use. */
#ifndef SLUICE_TESTS_UNIT_EYE_H
#define SLUICE_TESTS_UNIT_EYE_H

#include "flow.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define EYE_FDS 64u

enum eye_deed {
	EYE_WATCH,
	EYE_WATCH_LAST, /* both */
	EYE_UNWATCH,
	EYE_CLOSE,
	EYE_FAIL,
	EYE_TIMER
};

/* What it does when it is told of a descriptor. */
enum eye_manner { EYE_READS, EYE_LOOKS, EYE_UNWATCHES, EYE_UNWATCHES_ALL };

struct eye_order {
	enum eye_deed deed;
	int fd;
	uint32_t events;
};

struct eye {
	struct flow_sink sink; /* what it is sent; first, for flow_collect() */
	sluice_a32 manner;
	sluice_a32 told[EYE_FDS];   /* so often */
	sluice_a32 events[EYE_FDS]; /* for these, ever */
	sluice_a32 bytes;           /* read, of all */
	sluice_a32 timers;
	sluice_a32 inits;
	int first; /* watched in each init; -1: none */
	int refuses;
	int last[2]; /* EYE_UNWATCHES_ALL: both */
	int next[2]; /* and watches these instead */
};

static int eye_io(struct sluice_stage *self, int fd, uint32_t events)
{
	struct eye *eye = sluice_stage_state(self);
	char bytes[512];
	ssize_t n;

	(void)sluice_fetch_or(&eye->events[fd], events);
	switch ((enum eye_manner)sluice_load_acquire(&eye->manner)) {
	case EYE_READS:
		n = read(fd, bytes, sizeof(bytes));
		if (n > 0)
			(void)sluice_fetch_add(&eye->bytes, (uint32_t)n);
		else
			(void)sluice_stage_unwatch(self, fd);
		break;
	case EYE_LOOKS:
		break;
	case EYE_UNWATCHES:
		(void)sluice_stage_unwatch(self, fd);
		break;
	case EYE_UNWATCHES_ALL:
		for (uint32_t i = 0; i < 2; i++)
			(void)sluice_stage_unwatch(self, eye->last[i]);
		for (uint32_t i = 0; i < 2; i++)
			(void)!sluice_stage_watch(self, eye->next[i],
						  SLUICE_IO_READ);
		break;
	}
	/* Last: whoever waits for it sees the rest as well. */
	(void)sluice_fetch_add(&eye->told[fd], 1);
	return SLUICE_OK;
}

static int eye_obey(struct sluice_stage *self, const struct eye_order *order)
{
	const struct eye *eye = sluice_stage_state(self);
	int rc = 0;

	switch (order->deed) {
	case EYE_WATCH_LAST:
		for (uint32_t i = 0; rc == 0 && i < 2; i++)
			rc = sluice_stage_watch(self, eye->last[i],
						order->events);
		return rc;
	case EYE_WATCH:
		return sluice_stage_watch(self, order->fd, order->events);
	case EYE_UNWATCH:
		return sluice_stage_unwatch(self, order->fd);
	case EYE_CLOSE:
		return close(order->fd);
	case EYE_TIMER:
		return sluice_timer_set(self, 0, 1, 0);
	case EYE_FAIL:
		break;
	}
	return 0;
}

struct eye_reply {
	int rc;
	char text[200];
};

static int eye_call(struct sluice_stage *self,
		    const struct sluice_message *request,
		    struct sluice_answer *reply)
{
	struct eye_reply said = {0};
	struct eye_order order;

	memcpy(&order, request->data, sizeof(order));
	if (order.deed == EYE_FAIL)
		return SLUICE_FAIL;
	said.rc = eye_obey(self, &order);
	if (said.rc < 0)
		(void)snprintf(said.text, sizeof(said.text), "%s",
			       sluice_last_error());
	memcpy(reply->data, &said, sizeof(said));
	reply->bytes = sizeof(said);
	return SLUICE_OK;
}

static int eye_timer(struct sluice_stage *self, uint32_t timer)
{
	struct eye *eye = sluice_stage_state(self);

	(void)timer;
	(void)sluice_fetch_add(&eye->timers, 1);
	return SLUICE_OK;
}

static int eye_init(struct sluice_stage *self)
{
	struct eye *eye = sluice_stage_state(self);
	int rc = eye->first < 0
			 ? 0
			 : sluice_stage_watch(self, eye->first, SLUICE_IO_READ);

	(void)sluice_fetch_add(&eye->inits, 1);
	return rc < 0 ? rc : eye->refuses;
}

static inline void eye_add(struct sluice_pipeline *p, const char *name,
			   struct eye *eye, uint32_t blocking)
{
	char port[SLUICE_NAME_BYTES];

	eye->first = -1;
	(void)snprintf(port, sizeof(port), "in-%s", name);
	flow_add(p, SLUICE_STAGE(.name = port, .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add(p,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .state = eye, .init = eye_init,
			      .handle_events = flow_collect,
			      .handle_call = eye_call, .handle_io = eye_io,
			      .handle_timer = eye_timer, .blocking = blocking,
			      .restart = SLUICE_RESTART_TRANSIENT));
	flow_subscribe(p, name, port, NULL);
}

/* Returns what the call answered; what it said is in sluice_last_error() of nobody, but
 * in *@text. */
static inline int eye_say(struct sluice_pipeline *p, const char *name,
			  enum eye_deed deed, int fd, uint32_t events,
			  struct eye_reply *said)
{
	const struct eye_order order = {deed, fd, events};
	struct eye_reply none;
	int rc;

	if (said == NULL)
		said = &none;
	said->rc = -1;
	rc = sluice_call(sluice_stage_find(p, name), &order, sizeof(order),
			 said, sizeof(*said), FLOW_DEADLINE_MS);
	return rc < 0 ? rc : said->rc;
}

static inline void eye_await(const sluice_a32 *word, uint32_t least)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(word) >= least)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("%u, and not %u", sluice_load_acquire(word), least);
}

static inline void eye_pair(int fd[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_true((uint32_t)fd[0] < EYE_FDS && (uint32_t)fd[1] < EYE_FDS);
}

static inline void eye_stop(struct sluice_pipeline *p)
{
	sluice_pipeline_stop(p);
	(void)flow_join(p);
	sluice_pipeline_close(p);
}

#endif
