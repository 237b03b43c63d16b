/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: a thread of the program drives the stage, instead of a worker, in the
 * same rounds (step.c). Here what all calls have in common, receiving, and the end;
 * port_send.c has sending. What calls leave undone others see to (port_held.c).
 */
#include "engine/port.h"
#include "engine/control/door_priv.h"
#include "engine/run/clock_priv.h"
#include "engine/run/crowd_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/run/port_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/run/spin_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Vain rounds between two looks at the clock. */
#define ROUNDS_PER_LOOK 64u
/* While a link's turn lasts and it has nothing. */
#define YIELDS_PER_TURN 8u

int port_is_one(const struct sluice_stage *stage)
{
	return stage_is_port(stage)
		       ? 0
		       : sluice_fail(
				 -EINVAL,
				 "stage '%s' is no port (SLUICE_STAGE_PORT)",
				 stage->name);
}

int port_of_program(const struct sluice_stage *port)
{
	return !port->stands_in
		       ? 0
		       : sluice_fail(-EINVAL,
				     "stage '%s' stands for another process, "
				     "which is its user",
				     port->name);
}

/* The port is the caller's from here on, or it answers why not. */
static int port_take(struct sluice_stage *port, uint64_t deadline_ns)
{
	int rc = port_enter(port, deadline_ns);

	if (rc == -ENOTCONN)
		return sluice_fail(-EBUSY, "stage '%s' has not been started",
				   port->name);
	if (rc == -EBUSY)
		return sluice_fail(rc,
				   "stage '%s': another thread is using this "
				   "port",
				   port->name);
	return port_waited(port, rc);
}

int port_check(struct sluice_stage *port, enum sluice_stage_kind kind,
	       const char *what, uint64_t deadline_ns)
{
	/* The caller has been at the door. */
	int rc = port_is_one(port);

	if (rc == 0)
		rc = port_of_program(port);
	if (rc < 0)
		return rc;
	if (port->opts.kind != kind)
		return sluice_fail(-EINVAL, "stage '%s': this port does not %s",
				   port->name, what);
	return port_take(port, deadline_ns);
}

/* ---- why it has ended ---------------------------------------------------- */

/* What it answers now that it has ended as @end says: a clean end, or not. */
static int port_end_code(const struct port_end *end)
{
	if (end->failed)
		return -EIO;
	if (end->stopped)
		return -ECANCELED;
	return SLUICE_CLOSED_REASON(end->closed) > SLUICE_REASON_SHUTDOWN
		       ? -EIO
		       : -EPIPE;
}

static const char *reason_text(enum sluice_reason reason)
{
	static const char *const texts[] = {
		[SLUICE_REASON_OPEN] = "open",
		[SLUICE_REASON_NORMAL] = "normal",
		[SLUICE_REASON_SHUTDOWN] = "shutdown",
		[SLUICE_REASON_ERROR] = "error",
		[SLUICE_REASON_NO_PRODUCER] = "no producer",
	};

	return reason <= SLUICE_REASON_NO_PRODUCER ? texts[reason] : "unknown";
}

int port_refuse(const struct sluice_stage *port)
{
	struct port_end end = port_end_of(port);
	uint32_t code = SLUICE_CLOSED_CODE(end.closed);
	int rc = port_end_code(&end);

	if (end.failed)
		return sluice_fail(rc, "port '%s': the pipeline has failed: %s",
				   port->name, port->pipeline->failure_text);
	if (end.stopped)
		return sluice_fail(rc, "port '%s': the pipeline was stopped",
				   port->name);
	return sluice_fail(
		rc, "port '%s' has ended%s%s%s: reason %s, code %u%s%s%s",
		port->name, end.by ? " with '" : "", end.by ? end.by : "",
		end.by ? "'" : "",
		reason_text(SLUICE_CLOSED_REASON(end.closed)), code,
		rc == -EIO && code > 0 ? " (" : "",
		rc == -EIO && code > 0 ? sluice_errno_text(-(int)code) : "",
		rc == -EIO && code > 0 ? ")" : "");
}

int sluice_port_closed(const struct sluice_stage *port,
		       struct sluice_port_status *closed)
{
	struct port_end end;
	int rc = door_stage(port, __func__);

	if (rc == 0)
		rc = port_is_one(port);
	if (rc < 0)
		return rc;
	end = port_end_of(port);
	if (closed != NULL) {
		memset(closed, 0, sizeof(*closed));
		closed->reason = SLUICE_CLOSED_REASON(end.closed);
		closed->code = SLUICE_CLOSED_CODE(end.closed);
		closed->peer = end.by;
		closed->stopped = end.stopped;
	}
	return end.closed ? port_end_code(&end) : 0;
}

/* ---- waiting ------------------------------------------------------------- */

uint64_t port_deadline(const struct sluice_stage *port, uint32_t timeout_ms)
{
	/* To poll needs no clock. */
	return timeout_ms == 0 ? 0
			       : pipeline_deadline(port->pipeline, timeout_ms);
}

int port_late(const struct sluice_stage *port, uint64_t deadline_ns)
{
	return deadline_ns == 0 || host_now(port->host) >= deadline_ns;
}

static int port_park(struct sluice_stage *port, int (*ready)(void *port),
		     uint64_t deadline_ns)
{
	const struct worker *worker = port->worker;
	const struct sluice_far_sleeper sleeper = {
		.bell = worker->bell,
		.rung = worker->rung,
		.far = sluice_far_linux(),
		.ops = port_ops(port),
	};

	if (SLUICE_LIKELY(worker->rung == NULL))
		return sluice_bell_park(worker->bell, port_ops(port), ready,
					port, deadline_ns);
	return sluice_far_park(&sleeper, ready, port, deadline_ns);
}

void port_wait_begins(struct sluice_stage *port)
{
	spin_begin(port->worker);
}

int port_wait_ends(struct sluice_stage *port, int rc)
{
	struct worker *worker = port->worker;
	uint64_t now_ns = worker->clock.now_ns;

	if (SLUICE_LIKELY(worker->spin.rounds == 0))
		return rc;
	/* It has slept since, or yielded. */
	if (worker->spin.since_ns != 0 && now_ns == 0)
		now_ns = host_now(port->host);
	if (rc == 0)
		spin_found(worker, now_ns);
	else if (worker->spin.since_ns != 0)
		spin_stop(worker, now_ns);
	return rc;
}

/* One more look was in vain. Returns 0 when it has paused or yielded, and is to look
 * again; or 1: it is to sleep. */
static int port_spin(struct sluice_stage *port, uint64_t now_ns)
{
	struct worker *worker = port->worker;

	if (worker->spin.rounds == 0 && crowd_on(port))
		spin_stop(worker, now_ns);
	if (spin_briefly(worker))
		return 0;
	if (spin_on(worker, now_ns))
		return 1;
	if (worker->spin.yielded)
		clock_port_slept(port);
	return 0;
}

int port_wait(struct sluice_stage *port, int (*ready)(void *port),
	      uint64_t deadline_ns)
{
	uint64_t now_ns = deadline_ns > 0 ? host_now(port->host) : 0;

	clock_port_waits(port, now_ns);
	if (now_ns >= deadline_ns)
		return -EAGAIN;
	if (port->opts.kind == SLUICE_PRODUCER)
		port_show_vain(port);
	if (help_in_wait(port)) {
		clock_port_slept(port);
		return 0;
	}
	if (!port_spin(port, now_ns))
		return 0;
	/* Others may have to wait for this callback before there is anything. */
	if (door_inside_but(port->pipeline, port->worker))
		return -EDEADLK;
	(void)port_park(port, ready, deadline_ns);
	clock_port_slept(port);
	return 0;
}

int port_vain_elsewhere(const struct sluice_stage *port)
{
	return sluice_fail(-EBUSY,
			   "stage '%s': another thread waits for credit in "
			   "this port",
			   port->name);
}

int port_waited(const struct sluice_stage *port, int rc)
{
	if (rc == -EDEADLK)
		return sluice_fail_quick(rc, port->name,
					 "this call would wait inside a "
					 "callback of the port's pipeline");
	if (rc == -EAGAIN)
		return sluice_fail_quick(
			rc, port->name,
			port->opts.kind == SLUICE_PRODUCER
				? "no credit for an event within the time given"
				: "no event within the time given");
	return rc;
}

struct sluice_sub sluice_port_sub(struct sluice_stage *port)
{
	struct sluice_sub found = {.pipeline = NULL};
	struct sluice_pipeline *p;

	if (door_stage(port, __func__) < 0 || port_is_one(port) < 0)
		return found;
	p = port->pipeline;
	pipeline_lock(p);
	for (uint32_t i = 0; i < p->sub_count; i++) {
		const struct subscription *sub = subscription_at(p, i);

		if ((sub->consumer == port || sub->producer == port) &&
		    subscription_consumer(sub) != CONSUMER_LEFT) {
			found = subscription_id(sub);
			break;
		}
	}
	pipeline_unlock(p);
	return found;
}

uint32_t sluice_port_event_bytes(const struct sluice_stage *port)
{
	if (port == NULL || port_is_one(port) < 0)
		return 0;
	return port->opts.kind == SLUICE_PRODUCER ? port->opts.out_bytes
						  : port->opts.in_bytes;
}

/* ---- receiving ----------------------------------------------------------- */

/* Has its user ended it himself, cleanly; or has it not ended? */
static int port_serves(const struct port_end *end)
{
	return end->closed == 0 ||
	       (SLUICE_CLOSED_REASON(end->closed) == SLUICE_REASON_NORMAL &&
		!end->stopped && end->by == NULL);
}

/* A worker's batch is acknowledged behind what was made of it. Returns 0 if that is
 * out, or can be; or answers why not. */
static int port_check_sender(const struct sluice_stage *port)
{
	const struct sluice_stage *sender = port->sender;
	struct port_end end;

	if (SLUICE_LIKELY(sender == NULL))
		return 0;
	end = port_end_of(sender);
	if (!port_serves(&end))
		return port_refuse(sender);
	if (sluice_counter_read(sender->counters, SLUICE_COUNTER_BUFFERED) > 0)
		return sluice_fail(-EBUSY,
				   "stage '%s': what was sent by '%s' waits "
				   "for credit: the batch that it was made of "
				   "cannot be acknowledged",
				   port->name, sender->name);
	return 0;
}

static void port_acknowledge(struct sluice_stage *port)
{
	if (stage_parked(port) && port->in.links[port->hand.inlet].open)
		inlet_ack(&port->in, port->hand.inlet, port->hand.unacked);
	port->hand.unacked = 0;
}

/* Among links of different weights one whose turn it is has run dry: its producer
 * has credit since this call, and perhaps no CPU. A user who is faster would find
 * the others, whatever they weigh: a turn is over when the link has nothing
 * although its producer could run. */
static void port_let_refill(const struct sluice_stage *port)
{
	const struct sluice_wait_ops *ops = port_ops(port);
	const struct inlet *in = &port->in;
	const struct inlet_link *link;

	if (SLUICE_LIKELY(in->turn == 0))
		return;
	link = &in->links[in->turn - 1];
	for (uint32_t i = 0;
	     i < YIELDS_PER_TURN && link->open && link->pool == NULL &&
	     sluice_load_acquire(&link->reader.tx->published) ==
		     link->reader.acked;
	     i++)
		ops->yield(ops->ctx);
}

/* It has something for its user: a batch, or that there is no more. */
static int port_has(const struct sluice_stage *port)
{
	return stage_parked(port) || port->run.phase == STAGE_ENDED;
}

static int port_may_recv(void *arg)
{
	return port_round(arg);
}

/* As many rounds as there can be events in its rings take all that was there,
 * even if a selector wants none of it. */
static uint64_t port_rounds_enough(const struct sluice_stage *port)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < port->in.count; i++)
		if (port->in.links[i].open)
			n += port->in.links[i].reader.capacity;
	return n;
}

static int port_recv(struct sluice_stage *port, uint64_t deadline_ns)
{
	uint64_t rounds = 0;
	int rc = 0;

	port_wait_begins(port);
	/* Once it has a batch to hand over nothing more happens to it. */
	while (rc == 0 && !port_has(port)) {
		if (!port_round(port))
			rc = port_wait(port, port_may_recv, deadline_ns);
		else if (!port_has(port) && ++rounds % ROUNDS_PER_LOOK == 0 &&
			 rounds >= port_rounds_enough(port) &&
			 port_late(port, deadline_ns))
			rc = -EAGAIN;
	}
	return port_wait_ends(port, rc);
}

int sluice_recv(struct sluice_stage *port, struct sluice_batch *batch,
		uint32_t timeout_ms)
{
	struct help help;
	uint64_t deadline_ns;
	int rc = door_stage(port, __func__);

	if (rc == 0 && batch == NULL)
		rc = sluice_fail(-EINVAL, "stage '%s': batch is NULL",
				 port->name);
	if (rc == 0)
		rc = port_check(port, SLUICE_CONSUMER, "receive", 0);
	if (rc < 0)
		return rc;
	rc = port_check_sender(port);
	if (rc < 0) {
		port_leave(port);
		return rc;
	}
	deadline_ns = port_deadline(port, timeout_ms);
	help_start(&help, port, deadline_ns);
	port_acknowledge(port);
	port_let_refill(port);
	rc = port_recv(port, deadline_ns);
	if (stage_parked(port)) {
		*batch = port->hand.batch;
		rc = (int)batch->count;
	} else if (rc == 0) {
		rc = port_refuse(port);
	}
	clock_port_leaves(port);
	rc = port_waited(port, rc);
	port_leave_help(port, &help);
	return rc;
}

/* ---- the end ------------------------------------------------------------- */

/* What came from another process goes to others there, marked. */
static int port_fails_its_batch(const struct sluice_stage *port,
				enum sluice_reason reason)
{
	return reason == SLUICE_REASON_ERROR && stage_parked(port) &&
	       port->in.links[port->hand.inlet].far;
}

int sluice_port_end(struct sluice_stage *port, enum sluice_reason reason)
{
	int rc = door_stage(port, __func__);

	if (rc < 0)
		return rc;
	if (!end_valid(reason, 0))
		return sluice_fail(-EINVAL, "stage '%s': " END_REFUSED,
				   port->name, (int)reason, 0u,
				   SLUICE_CODE_MAX);
	rc = port_is_one(port);
	return rc < 0 ? rc : port_end_as(port, reason, 0);
}

int port_end_as(struct sluice_stage *port, enum sluice_reason reason,
		uint32_t code)
{
	int rc = port_take(port, 0);

	if (rc == -EAGAIN)
		rc = port_vain_elsewhere(port);
	if (rc < 0)
		return rc;
	/* First, before anything can end it that was signalled meanwhile. */
	if (port_fails_its_batch(port, reason) || port_check_sender(port) < 0)
		port->hand.unacked = 0;
	port_acknowledge(port);
	port_attend(port);
	if (port->run.phase >= STAGE_ENDING)
		rc = sluice_fail(-EALREADY, "port '%s' has ended already",
				 port->name);
	port_give_up_span(port);
	stage_finish(port, reason, code);
	/* What it sent may wait in the spill: the supervisor sees to the rest. */
	port_leave(port);
	return rc;
}
