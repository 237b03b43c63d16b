/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/listen_priv.h"
#include "engine/peer/seat_priv.h"
#include "engine/peer/seats_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- seats that are given up ---------------------------------------------------- */

/* What has come of those who had it is counted once that is final: its stage has ended,
 * for some live on, and send more. Returns 0, or -EAGAIN: not yet. */
static int seat_close(struct seats *seats, struct seat *seat)
{
	uint32_t closed;
	uint64_t sent;

	if (!seat->counts)
		return stand_in_close(&seat->in);
	if (!stand_in_over(&seat->in, &closed))
		return -EAGAIN;
	sent = stand_in_sent(&seat->in);
	if (stand_in_close(&seat->in) < 0)
		return -EAGAIN;
	sent_add(&seats->sent, seat->in.name, sent);
	return 0;
}

int seats_clear(struct seats *seats)
{
	struct seat **link = &seats->first;
	int leaving = 0;

	while (*link != NULL) {
		struct seat *seat = *link;

		if (seat->peer == NULL && !seat->held &&
		    seat_close(seats, seat) == 0) {
			*link = seat->next;
			free(seat);
			continue;
		}
		leaving |= seat->peer == NULL && !seat->held;
		link = &seat->next;
	}
	return leaving;
}

/* ---- places that are kept ------------------------------------------------------- */

/* Its peer has died, or closed its connection. Returns non-zero when its place is
 * kept. */
static int seat_hold(struct seats *seats, struct seat *seat, enum peer_gone why)
{
	if (why != PEER_DIED && why != PEER_LOST)
		return 0;
	if (seats->hold_ns == 0 || !seat->named || !seat->begun ||
	    stand_in_hold(&seat->in) < 0)
		return 0;
	seat->held = 1;
	seat->due_ns = seats_now(seats) + seats->hold_ns;
	host_log(&seats->pipeline->host,
		 "peer '%s': its place is kept for %llu ms", seat->in.name,
		 (unsigned long long)(seats->hold_ns / PLATFORM_NS_PER_MS));
	return 1;
}

void seat_give_up(struct seats *seats, struct seat *seat, const char *why)
{
	host_log(&seats->pipeline->host, "peer '%s': its place is given up: %s",
		 seat->in.name, why);
	seat->held = 0;
	stand_in_end(&seat->in, SLUICE_REASON_ERROR, 0);
}

/* All that a hello wishes for, whatever its head says; and of one who is as trusted. */
static int seat_suits(const struct seat *seat, const struct peer *peer)
{
	struct wire_hello a = seat->hello;
	struct wire_hello b = peer->hello;

	if (seat->in.terms.trusted != (uint32_t)peer->trusted)
		return 0;
	a.head = b.head;
	a.flags &= WIRE_MANUAL;
	b.flags &= WIRE_MANUAL;
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* ---- peers ------------------------------------------------------------------------ */

/* One that gave no name gets one that no other has. */
static void seat_name(struct peer *peer)
{
	if (peer->hello.peer[0] == '\0')
		(void)snprintf(peer->hello.peer, sizeof(peer->hello.peer),
			       "peer-%u-%u", peer->identity.pid,
			       (uint32_t)peer->epoch);
}

static struct seat *seats_find(const struct seats *seats, const char *name)
{
	for (struct seat *seat = seats->first; seat != NULL; seat = seat->next)
		if (strcmp(seat->in.name, name) == 0)
			return seat;
	return NULL;
}

/* Is there a seat of that name for it, *back? One that nobody has any more is given up
 * first, if that may be: it may be the same peer that comes again. */
static int seats_make_room(struct seats *seats, const struct peer *peer,
			   struct seat **back)
{
	const struct wire_hello *hello = &peer->hello;
	struct seat *seat;

	(void)seats_clear(seats);
	*back = NULL;
	seat = seats_find(seats, hello->peer);
	if (seat == NULL)
		return 0;
	if (seat->peer != NULL)
		return sluice_fail(-EEXIST, "peer '%s' is attached already",
				   hello->peer);
	if (seat->held && !seat_suits(seat, peer))
		seat_give_up(seats, seat, "who comes back has other options");
	if (!seat->held)
		return sluice_fail(-EAGAIN,
				   "peer '%s' has left just now, and is not "
				   "settled yet; try again",
				   hello->peer);
	*back = seat;
	return 0;
}

static void grant_undo(struct peer_grant *grant)
{
	for (uint32_t i = 0; i < grant->welcome.memory_count; i++)
		(void)close(grant->fds[i]);
}

static void seat_add(struct seats *seats, struct seat *seat)
{
	seat->next = seats->first;
	seats->first = seat;
}

/* 0: never. */
static uint32_t seat_deliveries(const struct seats *seats,
				const struct peer *peer)
{
	uint32_t most = peer->own.deliveries_max != 0 ? peer->own.deliveries_max
						      : seats->deliveries_max;

	return most == SLUICE_PEER_DELIVERIES_FOREVER ? 0 : most;
}

static int seat_open(struct seats *seats, const struct peer *peer,
		     struct peer_grant *grant, struct seat **out)
{
	struct seat *seat = calloc(1, sizeof(*seat));
	const struct stand_in_terms terms = {
		.budget = seats->budget,
		.trusted = (uint32_t)peer->trusted,
		.watches = (uint32_t)peer->watches,
		.deliveries_max = seat_deliveries(seats, peer),
	};
	int rc;

	if (seat == NULL)
		return sluice_fail(-ENOMEM, "peer '%s': no memory",
				   peer->hello.peer);
	rc = stand_in_open(&seat->in, seats->pipeline, &peer->hello, &terms,
			   &grant->welcome, grant->fds);
	/* One that was refused as well: if a stage stands there, that has to end
	 * before its seat can go. */
	seat_add(seats, seat);
	*out = seat;
	return rc;
}

static int seats_admit(void *ctx, struct peer *peer, struct peer_grant *grant)
{
	struct seats *seats = ctx;
	struct seat *seat;
	int named = peer->hello.peer[0] != '\0';
	int rc;

	seat_name(peer);
	if (wire_watches(&peer->hello))
		return observers_admit(&seats->observers, peer, grant);
	/* A stage that came too late to be started is not removed any more, so that name
	 * is never free. */
	if (host_phase(&seats->pipeline->host) == PIPELINE_FINISHED)
		return sluice_fail(-EPIPE, "pipeline '%s' has ended",
				   seats->pipeline->name);
	rc = seats_make_room(seats, peer, &seat);
	if (rc < 0)
		return rc;
	if (seat != NULL)
		rc = stand_in_renew(&seat->in, &peer->hello, &grant->welcome,
				    grant->fds);
	else
		rc = seat_open(seats, peer, grant, &seat);
	if (rc < 0) {
		grant_undo(grant);
		return rc;
	}
	seat->peer = peer;
	seat->hello = peer->hello;
	seat->named = named;
	seat->counts = wire_feeds(peer->hello.role);
	stand_in_restarted(&seat->in, peer->own.restarts);
	peer->seat = seat;
	peer->signalled = stand_in_fd(&seat->in);
	grant->welcome.resume = sent_of(&seats->sent, peer->hello.peer);
	if (seat->held && wire_feeds(peer->hello.role))
		grant->welcome.resume += stand_in_sent(&seat->in);
	return 0;
}

static void seats_ready(void *ctx, struct peer *peer)
{
	struct seat *seat = peer->seat;

	(void)ctx;
	if (wire_watches(&peer->hello))
		return;
	seat->begun = 1;
	if (!seat->held)
		return;
	seat->held = 0;
	seat->stall = (struct stall){0};
	stand_in_resume(&seat->in);
}

static void seats_signalled(void *ctx, struct peer *peer)
{
	struct seat *seat = peer->seat;

	(void)ctx;
	stand_in_answer(&seat->in);
}

/* One that lives on, and was told with which code it is ended, may read that in its
 * ring first. */
static uint32_t seat_code(enum peer_gone why, int code)
{
	return why == PEER_DISMISSED || why == PEER_PROTOCOL || why == PEER_LATE
		       ? (uint32_t)-code
		       : 0;
}

/* Perhaps of the event that it was at? Not one that was never in. */
static int seat_died(const struct seat *seat, enum peer_gone why)
{
	return why == PEER_DIED || why == PEER_LOST || why == PEER_PROTOCOL ||
	       seat->stalled;
}

static void seats_gone(void *ctx, struct peer *peer, enum peer_gone why,
		       enum sluice_reason reason, int code)
{
	struct seats *seats = ctx;
	struct seat *seat = peer->seat;

	if (wire_watches(&peer->hello)) {
		observers_gone(&seats->observers, peer);
		return;
	}
	seat->peer = NULL;
	/* One that came back and was never ready has changed nothing. */
	if (seat->held && why != PEER_ENDED && why != PEER_DISMISSED)
		return;
	seat->held = 0;
	if (seat_hold(seats, seat, why))
		return;
	if (seat_died(seat, why))
		stand_in_died(&seat->in);
	stand_in_end(&seat->in, reason, seat_code(why, code));
	(void)seats_clear(seats);
}

static void seats_over(void *ctx)
{
	struct seats *seats = ctx;

	observers_over(&seats->observers);
}

/* Stages that are left go with the pipeline. */
static void seats_close(void *ctx)
{
	struct seats *seats = ctx;

	observers_close(&seats->observers);
	while (seats->first != NULL) {
		struct seat *seat = seats->first;

		seats->first = seat->next;
		stand_in_forget(&seat->in);
		free(seat);
	}
	sent_forget(&seats->sent);
	budget_drop(seats->budget);
	free(seats);
}

static void seats_begin(void *ctx, const struct sluice_listen_opts *opts)
{
	struct seats *seats = ctx;

	seats->hold_ns = (opts->hold_ms - 1) * PLATFORM_NS_PER_MS;
	seats->deliveries_max = opts->max_deliveries;
	seats->stall_ns = opts->stall_ms * PLATFORM_NS_PER_MS;
	budget_limit(seats->budget, opts->bytes_max, opts->bytes_per_peer);
}

/* One that is kept for who comes again is, unless nobody does. */
static int seats_settled(void *ctx, const char *name, int again)
{
	struct seats *seats = ctx;
	struct seat *seat;

	(void)seats_clear(seats);
	seat = seats_find(seats, name);
	if (seat == NULL)
		return 1;
	if (!seat_is_away(seat))
		return 0;
	if (!again)
		seat_give_up(seats, seat, "its process stage is over");
	return again && stand_in_settled(&seat->in);
}

const struct peer_ops seats_ops = {
	.begin = seats_begin,
	.admit = seats_admit,
	.ready = seats_ready,
	.gone = seats_gone,
	.signalled = seats_signalled,
	.look = seats_look,
	.settled = seats_settled,
	.over = seats_over,
	.close = seats_close,
};

void *seats_open(struct sluice_pipeline *pipeline)
{
	struct seats *seats = calloc(1, sizeof(*seats));
	struct budget *budget = budget_new();

	if (seats == NULL || budget == NULL) {
		free(seats);
		budget_drop(budget);
		return NULL;
	}
	seats->budget = budget;
	seats->deliveries_max = SLUICE_PEER_DELIVERIES_DEFAULT;
	seats->pipeline = seats->observers.pipeline = pipeline;
	return seats;
}

int sluice_pipeline_listen(struct sluice_pipeline *pipeline,
			   const struct sluice_listen_opts *opts)
{
	void *seats = seats_open(pipeline);

	if (seats == NULL)
		return sluice_fail(-ENOMEM, "listen: no memory");
	return listen_open(pipeline, opts, &seats_ops, seats);
}
