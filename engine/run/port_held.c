/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds a port, and what the supervisor does with one that nobody holds. */
#include "engine/control/door_priv.h"
#include "engine/run/port_priv.h"
#include "engine/run/clock_priv.h"
#include "engine/stage/attend_priv.h"
#include "engine/stage/emit_priv.h"
#include "engine/stage/life_priv.h"
#include "engine/stage/step_priv.h"
#include "engine/stage/time_priv.h"

#include <errno.h>

/* How often a port is looked after at most. A busy user who leaves something
 * behind at each call, and whose consumers grant all the time, would else be
 * interrupted for every batch. */
#define PORT_REST_NS (PLATFORM_NS_PER_MS / 5)
/* How often somebody who closes looks again for a user who is leaving. */
#define PORT_CLOSE_NS PLATFORM_NS_PER_MS

/* Who holds it places events, and is gone in a microsecond. */
#define PORT_SPINS  16u
#define PORT_YIELDS 8u

/* What goes when its user does. */
#define PORT_USERS (PORT_HOLDER | PORT_CAME | PORT_VAIN | PORT_WAITS)

/* ---- its user ------------------------------------------------------------ */

/* Until whoever has it, as @seen says, has left; or a while. */
static void port_await(struct sluice_stage *port, uint32_t seen,
		       uint64_t deadline_ns)
{
	const struct sluice_wait_ops *ops = port_ops(port);

	if ((seen & PORT_WAITS) != 0 ||
	    sluice_compare_exchange(&port->words.port_busy, &seen,
				    seen | PORT_WAITS))
		ops->park(ops->ctx, &port->words.port_busy, seen | PORT_WAITS,
			  deadline_ns);
}

/* Another user has it. Returns 0 when it is time to look again; or why it is not to
 * be waited for. */
static int port_await_user(struct sluice_stage *port, uint32_t seen,
			   struct sluice_backoff *backoff, uint64_t deadline_ns)
{
	const struct worker_spin *spin = &port->worker->spin;
	const struct sluice_backoff_limits limits = {
		.spin_rounds = spin->most_ns > 0 ? PORT_SPINS : 0,
		.yield_rounds = spin->yields > 0 ? PORT_YIELDS : 0,
	};
	int vain = (seen & PORT_VAIN) != 0;

	if (port->opts.kind != SLUICE_PRODUCER ||
	    sluice_load_acquire(&port->worker->self) == port_self(port))
		return -EBUSY;
	if (vain && port_late(port, deadline_ns))
		return -EAGAIN;
	if (!sluice_backoff_wait(backoff, &limits, port_ops(port)))
		return 0;
	/* He may have to wait for this callback. */
	if (vain && door_inside_but(port->pipeline, port->worker))
		return -EDEADLK;
	port_await(port, seen, vain ? deadline_ns : UINT64_MAX);
	return 0;
}

int port_enter(struct sluice_stage *port, uint64_t deadline_ns)
{
	struct sluice_backoff backoff = {0};
	uint32_t seen = sluice_load_acquire(&port->words.port_busy);
	int rc = 0;

	while (rc == 0) {
		switch (seen & PORT_HOLDER) {
		case PORT_FREE:
			if (!sluice_compare_exchange(
				    &port->words.port_busy, &seen,
				    (seen & ~PORT_HOLDER) | PORT_USER))
				continue;
			/* Hooks run on its thread: see door_inside(). */
			sluice_store_release(&port->worker->self,
					     port_self(port));
			if (SLUICE_UNLIKELY(port->poll.armed))
				port_disarm(port);
			return 0;
		case PORT_SUPERVISOR: /* who will not be long */
			port_await(port, seen, UINT64_MAX);
			break;
		case PORT_USER:
			rc = port_await_user(port, seen, &backoff, deadline_ns);
			break;
		default:
			return -ENOTCONN;
		}
		seen = sluice_load_acquire(&port->words.port_busy);
	}
	return rc;
}

void port_show_vain(struct sluice_stage *port)
{
	/* Relaxed: the holder's own bit. */
	uint32_t seen = sluice_load_relaxed(&port->words.port_busy);

	if (seen & PORT_VAIN)
		return;
	while (!sluice_compare_exchange(&port->words.port_busy, &seen,
					(seen & ~PORT_WAITS) | PORT_VAIN))
		;
	if (seen & PORT_WAITS)
		port_ops(port)->wake(port_ops(port)->ctx,
				     &port->words.port_busy);
}

/* There is something that waits for a consumer, or an end. */
static int port_leaves_something(const struct sluice_stage *port)
{
	return port->run.phase == STAGE_ENDING ||
	       (port->run.phase == STAGE_RUNNING &&
		(stage_ahead(port, AHEAD_LEFT) ||
		 (stage_ahead(port, AHEAD_HELD) && !port->run.accumulate)));
}

/* @helps: it stays counted, among those who help. */
static void port_leave_as(struct sluice_stage *port, int helps)
{
	struct sluice_pipeline *p = port->pipeline;
	int left = port_leaves_something(port) &&
		   !sluice_bell_relayed(port->worker->bell);
	/* Relaxed: what others may have done to it meanwhile the exchange finds
	 * out. */
	uint32_t seen = sluice_load_relaxed(&port->words.port_busy);
	uint32_t next;
	int calls;

	sluice_store_release(&port->worker->self, 0);
	do {
		calls = (seen & PORT_CAME) != 0 ||
			(left && (seen & PORT_CALL) == 0);
		next = (seen & ~PORT_USERS) | PORT_FREE;
		if (calls)
			next |= PORT_CALL;
		if (calls || seen & PORT_WAITS)
			next += PORT_CALLER;
		if (helps)
			next += PORT_HELPER;
	} while (!sluice_compare_exchange(&port->words.port_busy, &seen, next));
	if (!calls && (seen & PORT_WAITS) == 0)
		return;
	/* Counted as a caller: whoever closes the pipeline waits. */
	if (seen & PORT_WAITS)
		port_ops(port)->wake(port_ops(port)->ctx,
				     &port->words.port_busy);
	if (calls)
		host_alarm(&p->host);
	(void)sluice_fetch_add(&port->words.port_busy, 0u - PORT_CALLER);
}

void port_leave(struct sluice_stage *port)
{
	port_leave_as(port, 0);
}

/* Others may use the port meanwhile; it stays, for it is not closed. */
void port_leave_help(struct sluice_stage *port, struct help *help)
{
	int helps = help_stop(help);

	port_leave_as(port, helps);
	if (SLUICE_LIKELY(!helps))
		return;
	(void)help_run(help);
	(void)sluice_fetch_add(&port->words.port_busy, 0u - PORT_HELPER);
}

int port_has_helpers(const struct sluice_stage *port)
{
	return sluice_load_acquire(&port->words.port_busy) >= PORT_HELPER;
}

/* Returns non-zero: the pipeline was stopped, and the port has ended. */
static int port_stopped(struct sluice_stage *port)
{
	if (host_command(port->host) != PIPELINE_STOP)
		return 0;
	stage_abort(port, SLUICE_REASON_SHUTDOWN,
		    pipeline_closed(port->pipeline));
	(void)sluice_exchange(&port->host->aborted, 1);
	return 1;
}

void port_attend(struct sluice_stage *port)
{
	if (port->run.phase == STAGE_ENDED || port_stopped(port))
		return;
	/* Relaxed: the exchange acquires what the signaller wrote. */
	if (sluice_load_relaxed(&port->words.signals) != 0)
		(void)stage_attend(port);
	if (host_command(port->host) == PIPELINE_DRAIN && stage_over(port))
		stage_finish(port, SLUICE_REASON_SHUTDOWN, 0);
}

int port_round(struct sluice_stage *port)
{
	if (port->run.phase == STAGE_ENDED)
		return 0;
	return port_stopped(port) || stage_step(port);
}

/* Of a process that is attached: its own pipeline goes on, and the engine's, as it was
 * told, was stopped. */
static int port_told_of_stop(const struct sluice_stage *port)
{
	return port->pipeline->given.bells != NULL &&
	       port->run.ended.closed == CLOSED_BY_STOP;
}

struct port_end port_end_of(const struct sluice_stage *port)
{
	struct port_end end = {0};

	/* Written before, and not again. */
	if (sluice_load_acquire(&port->words.phase_seen) < STAGE_ENDING)
		return end;
	end.closed = port->run.ended.closed;
	end.stopped = port->run.ended.stopped;
	end.by = port->run.ended.by.text[0] != '\0' ? port->run.ended.by.text
						    : NULL;
	if (port_told_of_stop(port))
		end = (struct port_end){
			.closed = SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0),
			.stopped = 1};
	end.failed = end.stopped && pipeline_has_failed(port->pipeline);
	return end;
}

/* ---- opened and closed --------------------------------------------------- */

void port_open(struct sluice_stage *port)
{
	port->worker->clock = (struct worker_clock){.every = 1, .left = 1};
	/* One that has come meanwhile has no init. */
	if (port->run.time.told.doing == SLUICE_DOING_NOTHING) {
		stage_time_begin(port);
		stage_time_begun(port);
	}
	(void)sluice_fetch_add(&port->words.port_busy, PORT_FREE - PORT_CLOSED);
}

void port_close(struct sluice_stage *port)
{
	const struct sluice_wait_ops *ops = port_ops(port);
	uint32_t seen = sluice_load_acquire(&port->words.port_busy);

	while ((seen & PORT_HOLDER) != PORT_CLOSED) {
		if ((seen & PORT_HOLDER) == PORT_FREE && seen < PORT_CALLER) {
			(void)sluice_compare_exchange(&port->words.port_busy,
						      &seen, PORT_CLOSED);
			continue;
		}
		/* It has ended: whoever is inside is on his way out. */
		ops->park(ops->ctx, &port->words.port_busy, seen,
			  ops->now_ns(ops->ctx) + PORT_CLOSE_NS);
		seen = sluice_load_acquire(&port->words.port_busy);
	}
}

/* ---- the supervisor ------------------------------------------------------ */

void port_call(struct sluice_stage *port)
{
	(void)sluice_fetch_or(&port->words.port_busy, PORT_CALL);
	host_alarm(port->host);
}

int port_rung(const struct sluice_stage *port, const struct supervised *seen)
{
	return seen->relayed && !sluice_bell_relayed(port->worker->bell);
}

/* Its user is inside: he is to call again when he leaves. Or it has been closed
 * meanwhile, as it has ended and was removed. */
static int supervisor_take(struct sluice_stage *port)
{
	uint32_t seen = sluice_load_acquire(&port->words.port_busy);
	uint32_t next;
	int user;

	do {
		if ((seen & PORT_HOLDER) == PORT_CLOSED)
			return 0;
		user = (seen & PORT_HOLDER) == PORT_USER;
		next = seen & ~PORT_CALL;
		if (user)
			next |= PORT_CAME;
		else
			next = (next & ~PORT_HOLDER) | PORT_SUPERVISOR;
	} while (!sluice_compare_exchange(&port->words.port_busy, &seen, next));
	return !user;
}

static void supervisor_give(struct sluice_stage *port)
{
	const struct sluice_wait_ops *ops = port_ops(port);
	uint32_t seen = sluice_load_acquire(&port->words.port_busy);

	while (!sluice_compare_exchange(&port->words.port_busy, &seen,
					(seen & ~(PORT_HOLDER | PORT_WAITS)) |
						PORT_FREE))
		;
	if (seen & PORT_WAITS)
		ops->wake(ops->ctx, &port->words.port_busy);
}

/* The rounds of a stage in another process are made there: here its links end, and
 * then it. */
static int supervisor_round(struct sluice_stage *port)
{
	if (!stage_is_far_worker(port) || port->run.phase != STAGE_RUNNING)
		return port_round(port);
	port_attend(port);
	stage_look_far(port);
	return port->run.phase != STAGE_RUNNING;
}

/* Move what can be moved, and be rung for the rest. Returns non-zero when it has had
 * the port's bell. */
static int supervisor_drive(struct sluice_stage *port, struct supervised *seen)
{
	struct sluice_bell *bell = port->worker->bell;

	while (supervisor_round(port))
		;
	if (!port_leaves_something(port))
		return 0;
	sluice_bell_relay(bell, port_ops(port));
	while (supervisor_round(port))
		;
	seen->relayed = (uint32_t)port_leaves_something(port);
	if (!seen->relayed)
		/* Relaxed: a ringer that still sees it makes a vain call. */
		sluice_store_relaxed(&bell->parked, 0);
	return 1;
}

/* A consuming port has nothing to be driven for but its end; and what its user
 * has in hand is his: until he comes again nothing changes, except for a stop. */
static void supervisor_heed(struct sluice_stage *port)
{
	if (!stage_parked(port) || host_command(port->host) == PIPELINE_STOP)
		port_attend(port);
	stage_look_far(port);
}

static int port_calls(struct sluice_stage *port, struct supervised *seen)
{
	uint32_t command = host_command(port->host);
	uint32_t phase = sluice_load_acquire(&port->words.phase_seen);

	if (port_rung(port, seen)) {
		seen->relayed = 0;
		seen->called = 1;
	}
	if (command != seen->command || phase != seen->phase) {
		seen->command = command;
		seen->phase = phase;
		seen->called = 1;
	}
	return seen->called ||
	       (sluice_load_acquire(&port->words.port_busy) & PORT_CALL) != 0;
}

uint64_t port_look_after(struct sluice_stage *port, struct supervised *seen)
{
	uint64_t now_ns;
	int taken = 0;

	if (sluice_load_acquire(&port->words.phase_seen) == STAGE_ENDED) {
		seen->relayed = 0;
		return UINT64_MAX;
	}
	if (!port_calls(port, seen))
		return UINT64_MAX;
	now_ns = host_now(port->host);
	if (now_ns < seen->rest_ns)
		return seen->rest_ns;
	seen->rest_ns = now_ns + PORT_REST_NS;
	seen->called = 0;
	if (!supervisor_take(port))
		return UINT64_MAX;
	if (port->run.phase == STAGE_ENDED)
		seen->relayed = 0;
	else if (stage_produces(port))
		taken = supervisor_drive(port, seen);
	else
		supervisor_heed(port);
	port_keep_armed(port, (int)seen->relayed, taken);
	supervisor_give(port);
	return UINT64_MAX;
}
