/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: a thread of the program drives the stage, instead of a worker. While
 * nobody does, and the pipeline is to end, the supervisor may: port_busy says
 * who holds it.
 */
#include "engine/port.h"
#include "engine/pipeline_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Who holds a port. */
#define PORT_FREE       0u
#define PORT_USER       1u
#define PORT_SUPERVISOR 2u /* for an instant: it never waits */

static int port_take(struct sluice_stage *port, uint32_t who)
{
	const struct sluice_wait_ops *wait = port->pipeline->platform->wait;
	uint32_t seen = PORT_FREE;

	while (!sluice_compare_exchange(&port->port_busy, &seen, who)) {
		if (seen == PORT_USER)
			return 0;
		/* Not by spinning: it may have been preempted. */
		wait->park(wait->ctx, &port->port_busy, PORT_SUPERVISOR,
			   UINT64_MAX);
		seen = PORT_FREE;
	}
	return 1;
}

static void port_give(struct sluice_stage *port)
{
	struct sluice_pipeline *p = port->pipeline;

	(void)sluice_exchange(&port->port_busy, PORT_FREE);
	/* The supervisor may have found it taken. */
	if (pipeline_command(p) != PIPELINE_RUN && port->phase != STAGE_ENDED)
		pipeline_alarm(p);
}

static int port_check(struct sluice_stage *port, enum sluice_stage_kind kind,
		      const char *what)
{
	if ((port->opts.flags & SLUICE_STAGE_PORT) == 0)
		return sluice_fail(-EINVAL,
				   "stage '%s' is no port (SLUICE_STAGE_PORT)",
				   port->name);
	if (port->opts.kind != kind)
		return sluice_fail(-EINVAL, "stage '%s': this port does not %s",
				   port->name, what);
	if (sluice_load_acquire(&port->pipeline->phase) < PIPELINE_RUNNING)
		return sluice_fail(-EBUSY, "stage '%s' has not been started",
				   port->name);
	if (!port_take(port, PORT_USER))
		return sluice_fail(-EBUSY,
				   "stage '%s': another thread is using this "
				   "port",
				   port->name);
	return 0;
}

/* Look up from the data: somebody joins, or leaves, or all is to end. */
static void port_attend(struct sluice_stage *port)
{
	if (pipeline_command(port->pipeline) == PIPELINE_STOP &&
	    port->phase != STAGE_ENDED) {
		stage_abort(port, SLUICE_REASON_SHUTDOWN);
		(void)sluice_exchange(&port->pipeline->aborted, 1);
	}
	/* Relaxed: the exchange acquires what the signaller wrote. */
	if (sluice_load_relaxed(&port->signals) != 0 &&
	    port->phase != STAGE_ENDED)
		(void)stage_attend(port);
}

/* To poll needs no clock. */
static uint64_t port_deadline(const struct sluice_stage *port,
			      uint32_t timeout_ms)
{
	return timeout_ms == 0 ? 0
			       : pipeline_deadline(port->pipeline, timeout_ms);
}

/* One round of waiting: what a worker does between its rounds. */
static int port_wait(struct sluice_stage *port, struct sluice_backoff *backoff,
		     int (*ready)(void *port), uint64_t deadline_ns)
{
	const struct sluice_wait_ops *ops = port->pipeline->platform->wait;

	if (ops->now_ns(ops->ctx) >= deadline_ns)
		return -EAGAIN;
	if (sluice_backoff_wait(backoff, &port->worker->limits, ops) &&
	    sluice_bell_park(port->worker->bell, ops, ready, port, deadline_ns))
		backoff->rounds = 0;
	return 0;
}

/* ---- sending ------------------------------------------------------------- */

static int port_may_send(void *arg)
{
	struct sluice_stage *port = arg;

	port_attend(port);
	if (port->phase == STAGE_RUNNING &&
	    (port->out.orphans || outlet_spilled(&port->out) > 0))
		(void)stage_flush(port, STAGE_LOOK);
	return port->phase != STAGE_RUNNING ||
	       pipeline_command(port->pipeline) != PIPELINE_RUN ||
	       (port->accumulate == 0 && port->out.orphans == NULL &&
		outlet_room(&port->out, 1) > 0);
}

static int port_send(struct sluice_stage *port, const unsigned char *events,
		     uint32_t n)
{
	struct outlet *out = &port->out;
	uint64_t room = outlet_room(out, n);
	uint32_t sent = 0;

	if (room < n)
		n = (uint32_t)room;
	while (sent < n) {
		uint32_t piece =
			n - sent < out->run_events ? n - sent : out->run_events;
		uint32_t placed = outlet_place(
			out, events + (size_t)sent * out->event_bytes, piece);

		sent += placed;
		if (placed < piece)
			break;
	}
	if (out->wrong)
		stage_misrouted(port);
	return (int)sent;
}

int sluice_send(struct sluice_stage *port, const void *events, uint32_t n,
		uint32_t timeout_ms)
{
	struct sluice_backoff backoff = {0};
	uint64_t deadline_ns;
	int rc;

	if (events == NULL && n > 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': %u events to send, and none "
				   "are given",
				   port->name, n);
	rc = port_check(port, SLUICE_PRODUCER, "send");
	if (rc < 0)
		return rc;
	if (n > INT32_MAX)
		n = INT32_MAX;
	deadline_ns = port_deadline(port, timeout_ms);
	do {
		if (port_may_send(port)) {
			rc = port->phase != STAGE_RUNNING ||
					     pipeline_command(port->pipeline) !=
						     PIPELINE_RUN
				     ? -EPIPE
				     : port_send(port, events, n);
			if (rc != 0)
				break;
		}
		if (n == 0)
			break;
		rc = port_wait(port, &backoff, port_may_send, deadline_ns);
	} while (rc == 0);
	port_give(port);
	return rc;
}

/* ---- receiving ----------------------------------------------------------- */

static void port_acknowledge(struct sluice_stage *port)
{
	if (port->port_taken > 0 && port->in.links[port->port_batch.inlet].open)
		inlet_ack(&port->in, port->port_batch.inlet, port->port_taken);
	port->port_taken = 0;
}

/* The next batch of any link, or notice that one has ended. */
static int port_take_batch(struct sluice_stage *port)
{
	struct inlet *in = &port->in;

	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t index = in->next;
		uint32_t closed;

		if (++in->next >= in->count)
			in->next = 0;
		if (!in->links[index].open)
			continue;
		memset(&port->port_batch, 0, sizeof(port->port_batch));
		port->port_taken =
			inlet_take(in, index, UINT32_MAX, &port->port_batch);
		if (port->port_batch.count > 0)
			return 1;
		if (port->port_taken > 0) { /* the selector wanted none */
			port_acknowledge(port);
			i--;
			continue;
		}
		closed = inlet_idle(in, index);
		if (closed != SLUICE_REASON_OPEN)
			stage_link_ended(port, index, closed);
		if (port->phase == STAGE_ENDED)
			return 1;
	}
	if (in->joined == 0 &&
	    pipeline_command(port->pipeline) == PIPELINE_DRAIN)
		stage_finish(port, SLUICE_REASON_SHUTDOWN, 0);
	return port->phase == STAGE_ENDED;
}

static int port_may_recv(void *arg)
{
	struct sluice_stage *port = arg;

	port_attend(port);
	return port->phase == STAGE_ENDED || port->port_taken > 0 ||
	       port_take_batch(port);
}

int sluice_recv(struct sluice_stage *port, struct sluice_batch *batch,
		uint32_t timeout_ms)
{
	struct sluice_backoff backoff = {0};
	uint64_t deadline_ns;
	int rc = port_check(port, SLUICE_CONSUMER, "receive");

	if (rc < 0)
		return rc;
	deadline_ns = port_deadline(port, timeout_ms);
	port_acknowledge(port);
	while (rc == 0 && !port_may_recv(port))
		rc = port_wait(port, &backoff, port_may_recv, deadline_ns);
	if (port->port_taken > 0) {
		*batch = port->port_batch;
		rc = (int)batch->count;
		sluice_counter_add(port->counters, SLUICE_COUNTER_EVENTS_IN,
				   batch->count);
		sluice_counter_add(port->counters, SLUICE_COUNTER_BATCHES_IN,
				   1);
	} else if (rc == 0) {
		rc = -EPIPE;
	}
	port_give(port);
	return rc;
}

/* ---- the end ------------------------------------------------------------- */

int sluice_port_end(struct sluice_stage *port, enum sluice_reason reason)
{
	int rc;

	if (!end_valid(reason, 0))
		return sluice_fail(-EINVAL, "stage '%s': " END_REFUSED,
				   port->name, (int)reason, 0u,
				   SLUICE_CODE_MAX);
	rc = port_check(port, port->opts.kind, "end");
	if (rc < 0)
		return rc;
	port_attend(port);
	if (port->phase >= STAGE_ENDING)
		rc = -EALREADY;
	port_acknowledge(port);
	stage_finish(port, reason, 0);
	port_give(port);
	/* What it sent may wait in the spill: the supervisor sees to the rest. */
	if (rc == 0)
		pipeline_alarm(port->pipeline);
	return rc;
}

int port_end_idle(struct sluice_stage *port)
{
	const struct sluice_wait_ops *wait = port->pipeline->platform->wait;
	enum pipeline_command command = pipeline_command(port->pipeline);
	int ended;

	if (sluice_load_acquire(&port->phase_seen) == STAGE_ENDED)
		return 1;
	if (command == PIPELINE_RUN &&
	    sluice_load_acquire(&port->phase_seen) != STAGE_ENDING)
		return 0;
	if (!port_take(port, PORT_SUPERVISOR))
		return 0; /* whoever holds it will see, and ring */
	port_attend(port);
	if (port->phase == STAGE_RUNNING && command == PIPELINE_DRAIN &&
	    port->opts.kind == SLUICE_PRODUCER)
		stage_finish(port, SLUICE_REASON_SHUTDOWN, 0);
	if (port->phase == STAGE_ENDING)
		(void)stage_step(port);
	ended = port->phase == STAGE_ENDED;
	(void)sluice_exchange(&port->port_busy, PORT_FREE);
	wait->wake(wait->ctx, &port->port_busy);
	return ended;
}
