/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending by a port: its user's row of events is placed in place of a callback's
 * emission, or the user has room reserved and writes them there.
 */
#include "engine/port.h"
#include "engine/control/door_priv.h"
#include "engine/run/clock_priv.h"
#include "engine/run/port_priv.h"
#include "engine/stage/emit_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* ---- room ---------------------------------------------------------------- */

int port_may_send(void *arg)
{
	struct sluice_stage *port = arg;

	port_attend(port);
	if (port->run.phase == STAGE_RUNNING && stage_ahead(port, PORT_LEFT))
		(void)stage_flush(port, STAGE_LOOK);
	if (port->run.phase != STAGE_RUNNING)
		return 1;
	if (port->run.accumulate ||
	    stage_ahead(port, AHEAD_ORPHANS | AHEAD_HELD))
		return 0;
	(void)outlet_refresh(&port->out, 1);
	return outlet_room(&port->out) > 0;
}

/* Returns 0 when there is room for an event; or what the call answers. */
static int port_await_room(struct sluice_stage *port, uint64_t deadline_ns)
{
	int rc = 0;

	port_wait_begins(port);
	while (rc == 0 && !port_may_send(port))
		rc = port_wait(port, port_may_send, deadline_ns);
	rc = port_wait_ends(port, rc);
	return rc < 0 || port->run.phase == STAGE_RUNNING ? rc
							  : port_refuse(port);
}

/* Returns how many of @n events were placed, the first ones. */
static uint32_t port_place(struct sluice_stage *port,
			   const unsigned char *events, uint32_t n)
{
	struct outlet *out = &port->out;
	uint32_t sent = 0;

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
	return sent;
}

/* Some of what was placed may have been put by for who has credit all the same; the
 * next look at him is when he grants more. */
static void port_move_on(struct sluice_stage *port)
{
	if (stage_ahead(port, PORT_LEFT))
		(void)stage_flush(port, STAGE_LOOK);
}

/* What is found to have room when events are placed is told of in the next flush;
 * there may be none. Returns @rc, with words. */
static int port_sent(struct sluice_stage *port, struct help *help, int rc)
{
	if (SLUICE_UNLIKELY(stage_ahead(port, AHEAD_TOLD)))
		stage_tell_gauges(port);
	if (rc != -EAGAIN)
		clock_port_leaves(port);
	rc = port_waited(port, rc);
	port_leave_help(port, help);
	return rc;
}

int port_span_open(const struct sluice_stage *port)
{
	return sluice_fail(-EBUSY,
			   "stage '%s': %u events are reserved, and not "
			   "committed",
			   port->name, port->span.count);
}

/* The port is the caller's, and no span is open, which would be overtaken. */
static int port_check_sends(struct sluice_stage *port, uint64_t deadline_ns)
{
	int rc = port_check(port, SLUICE_PRODUCER, "send", deadline_ns);

	if (rc < 0 || port->span.count == 0)
		return rc;
	rc = port_span_open(port);
	port_leave(port);
	return rc;
}

/* ---- a row --------------------------------------------------------------- */

static int port_send(struct sluice_stage *port, const unsigned char *events,
		     uint32_t n)
{
	uint64_t room;
	uint32_t sent;

	(void)outlet_refresh(&port->out, n);
	room = outlet_room(&port->out);
	sent = port_place(port, events, room < n ? (uint32_t)room : n);
	port_move_on(port);
	return (int)sent;
}

int sluice_send(struct sluice_stage *port, const void *events, uint32_t n,
		uint32_t timeout_ms)
{
	struct help help;
	uint64_t deadline_ns;
	int rc;

	rc = door_stage(port, __func__);
	if (rc < 0)
		return rc;
	if (events == NULL && n > 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': events is NULL, but %u are to "
				   "be sent",
				   port->name, n);
	if (n > INT32_MAX)
		n = INT32_MAX;
	/* Of none there is room; and whether it has ended is told all the same. */
	deadline_ns = n == 0 ? 0 : port_deadline(port, timeout_ms);
	rc = port_check_sends(port, deadline_ns);
	if (rc < 0)
		return n == 0 && rc == -EAGAIN ? 0 : rc;
	help_start(&help, port, deadline_ns);
	do {
		rc = port_await_room(port, deadline_ns);
		if (rc == 0 && n > 0)
			rc = port_send(port, events, n);
	} while (rc == 0 && n > 0);
	return port_sent(port, &help, n == 0 && rc == -EAGAIN ? 0 : rc);
}

/* ---- in place ------------------------------------------------------------ */

/* Slots of the ring if it is known which, else cells of the hold, which is empty. */
static void port_reserve(struct sluice_stage *port, uint32_t n)
{
	struct stage_span *span = &port->span;
	struct outlet *out = &port->out;

	if (n > port->emit_max)
		n = port->emit_max;
	(void)outlet_refresh(out, n);
	span->count = outlet_lend(out, n);
	span->events = (unsigned char *)out->lent.slots;
	if (span->count > 0)
		return;
	if (outlet_room(out) < n)
		n = (uint32_t)outlet_room(out);
	span->events = n > 0 ? hold_stage(&port->hold, n) : NULL;
	span->count = span->events ? n : 0;
}

int sluice_send_reserve(struct sluice_stage *port, struct sluice_span *span,
			uint32_t n, uint32_t timeout_ms)
{
	struct help help;
	uint64_t deadline_ns;
	int rc;

	rc = door_stage(port, __func__);
	if (rc < 0)
		return rc;
	if (span == NULL || n == 0)
		return sluice_fail(-EINVAL, "stage '%s': %s", port->name,
				   span == NULL ? "span is NULL"
						: "room for 0 events");
	deadline_ns = port_deadline(port, timeout_ms);
	rc = port_check_sends(port, deadline_ns);
	if (rc < 0)
		return rc;
	help_start(&help, port, deadline_ns);
	port->span.deadline_ns = deadline_ns;
	do {
		rc = port_await_room(port, deadline_ns);
		if (rc == 0)
			port_reserve(port, n);
	} while (rc == 0 && port->span.count == 0);
	if (rc == 0) {
		*span = (struct sluice_span){
			.events = port->span.events,
			.count = port->span.count,
			.flags = port->out.lent.slots ? SLUICE_SPAN_IN_RING : 0,
		};
		rc = (int)span->count;
	}
	return port_sent(port, &help, rc);
}

void port_give_up_span(struct sluice_stage *port)
{
	if (port->span.count == 0)
		return;
	hold_rollback(&port->hold);
	outlet_lent_over(&port->out);
	port->span = (struct stage_span){0};
}

/* As many as find the room that they were reserved. What has changed since may have
 * taken it: then they wait where a stage's emission would. */
static void port_commit(struct sluice_stage *port, uint32_t n)
{
	struct outlet *out = &port->out;
	const unsigned char *events = port->span.events;
	uint32_t placed = 0;

	if (out->lent.slots == NULL) {
		port->hold.staged = n;
		hold_commit(&port->hold);
	} else {
		if (!port->run.accumulate &&
		    !stage_ahead(port, AHEAD_ORPHANS) && outlet_lent_fits(out))
			placed = port_place(port, events, n);
		if (placed < n) {
			memcpy(hold_stage(&port->hold, n - placed),
			       events + (size_t)placed * out->event_bytes,
			       (size_t)(n - placed) * out->event_bytes);
			hold_commit(&port->hold);
		}
	}
	port_give_up_span(port);
	port_move_on(port);
}

int sluice_send_commit(struct sluice_stage *port, uint32_t n)
{
	struct help help;
	int rc = door_stage(port, __func__);

	if (rc == 0)
		rc = port_check(port, SLUICE_PRODUCER, "send", UINT64_MAX);
	if (rc < 0)
		return rc;
	help_start(&help, port, port->span.deadline_ns);
	port_attend(port);
	if (port->run.phase != STAGE_RUNNING) {
		port_give_up_span(port);
		rc = port_refuse(port);
	} else if (port->span.count == 0 || n > port->span.count) {
		rc = sluice_fail(-EINVAL,
				 "stage '%s': %u events committed, %u reserved",
				 port->name, n, port->span.count);
	} else {
		port_commit(port, n);
		rc = (int)n;
	}
	return port_sent(port, &help, rc);
}
