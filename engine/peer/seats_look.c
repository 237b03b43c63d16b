/* SPDX-License-Identifier: Apache-2.0 */
/* What is due of seats as time passes: who comes no more, who stands still, whose stage has
 * ended. */
#include "engine/peer/listen_priv.h"
#include "engine/peer/seat_priv.h"
#include "engine/run/run_priv.h"

#include <stdio.h>

/* How often is looked at a stage that is ending while its peer has gone. */
#define SEATS_LOOK_NS (5 * PLATFORM_NS_PER_MS)

/* How often is looked whether nobody can come back any more. */
#define SEATS_HELD_LOOK_NS (50 * PLATFORM_NS_PER_MS)

/* ---- places that are kept ------------------------------------------------------- */

/* Why that of one that is away is kept no longer; NULL: it is. */
static const char *seat_why_not(const struct seats *seats,
				const struct seat *seat, uint64_t now_ns)
{
	uint32_t closed;

	if (stand_in_over(&seat->in, &closed) || stand_in_lapsed(&seat->in))
		return "its stream has ended";
	if (host_command(&seats->pipeline->host) != PIPELINE_RUN)
		return "the pipeline is ending";
	return now_ns >= seat->due_ns ? "nobody has come back in time" : NULL;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Returns when to look again, ns from now. */
static uint64_t seats_look_held(struct seats *seats)
{
	uint64_t now_ns = seats_now(seats);
	uint64_t look_ns = UINT64_MAX;

	for (struct seat *seat = seats->first; seat != NULL;
	     seat = seat->next) {
		const char *why;

		if (!seat_is_away(seat))
			continue;
		why = seat_why_not(seats, seat, now_ns);
		if (why != NULL) {
			seat_give_up(seats, seat, why);
			continue;
		}
		if (stand_in_cut(&seat->in) < 0)
			look_ns = sooner(look_ns, SEATS_LOOK_NS);
		look_ns = sooner(look_ns, seat->due_ns - now_ns);
		look_ns = sooner(look_ns, SEATS_HELD_LOOK_NS);
	}
	return look_ns;
}

/* ---- who stands still ------------------------------------------------------------ */

/* How long it may; 0: for ever. The pipeline may have begun to listen since it came. */
static uint64_t seat_stall_ns(const struct seats *seats,
			      const struct seat *seat)
{
	return seat->peer->own.on_stall != 0
		       ? seat->peer->own.stall_ms * PLATFORM_NS_PER_MS
		       : seats->stall_ns;
}

/* One that this pipeline has started is killed for it: process_gone(). */
static void seat_send_away(const struct seats *seats, struct seat *seat,
			   uint64_t stall_ns)
{
	char text[192];

	(void)snprintf(text, sizeof(text),
		       "'%s' is waited for, and has acknowledged nothing, nor "
		       "asked for more, for stall_ms, %llu",
		       seat->in.name,
		       (unsigned long long)(stall_ns / PLATFORM_NS_PER_MS));
	host_log(&seats->pipeline->host, "peer is sent away: %s", text);
	seat->stalled = 1;
	peer_dismiss(seat->peer, SLUICE_REASON_ERROR, -ETIMEDOUT, text);
}

/* Returns when to look again, ns from now. */
static uint64_t seats_look_stalls(struct seats *seats)
{
	uint64_t now_ns = seats_now(seats);
	uint64_t look_ns = UINT64_MAX;

	for (struct seat *seat = seats->first; seat != NULL;
	     seat = seat->next) {
		uint64_t stall_ns;

		if (seat->peer == NULL || seat->held)
			continue;
		stall_ns = seat_stall_ns(seats, seat);
		if (stall_ns == 0)
			continue;
		look_ns = sooner(look_ns, stall_ns / STALL_LOOKS + 1);
		if (stand_in_stalls(&seat->in, &seat->stall, now_ns, stall_ns))
			seat_send_away(seats, seat, stall_ns);
	}
	return look_ns;
}

/* ---- stages that end ------------------------------------------------------------- */

/* Its stage has ended while it is there: it is told, the first time. */
static void seat_dismiss(const struct seat *seat, uint32_t closed)
{
	char text[160];

	(void)snprintf(text, sizeof(text),
		       closed == SLUICE_CLOSED(SLUICE_REASON_ERROR, EBADMSG)
			       ? "'%s' has sent a sequence number that it was "
				 "not given, or one twice"
			       : "the stream of '%s' has ended",
		       seat->in.name);
	peer_dismiss(seat->peer, SLUICE_CLOSED_REASON(closed),
		     -(int)SLUICE_CLOSED_CODE(closed), text);
}

uint64_t seats_look(void *ctx)
{
	struct seats *seats = ctx;
	uint64_t look_ns = observers_look(&seats->observers);
	uint32_t closed;

	look_ns = sooner(look_ns, seats_look_held(seats));
	look_ns = sooner(look_ns, seats_look_stalls(seats));
	for (struct seat *seat = seats->first; seat != NULL; seat = seat->next)
		if (seat->peer != NULL && stand_in_over(&seat->in, &closed))
			seat_dismiss(seat, closed);
	return seats_clear(seats) ? sooner(look_ns, SEATS_LOOK_NS) : look_ns;
}
