/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/listen_priv.h"
#include "engine/peer/observers_priv.h"
#include "engine/peer/seats_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often is looked at a stage that is ending while its peer has gone. */
#define SEATS_LOOK_NS (5 * PLATFORM_NS_PER_MS)

struct seat {
	struct stand_in in;
	struct peer *peer; /* NULL: it has gone */
	struct seat *next;
};

/* What peers of one name have sent. */
struct sent {
	char name[SLUICE_NAME_BYTES];
	uint64_t events;
	struct sent *next;
};

struct seats {
	struct sluice_pipeline *pipeline;
	struct seat *first;
	struct sent *sent;
	uint32_t sent_count;
	struct observers observers; /* who have no seat */
};

/* ---- what a name has sent before --------------------------------------------- */

static struct sent *sent_find(const struct seats *seats, const char *name)
{
	for (struct sent *sent = seats->sent; sent != NULL; sent = sent->next)
		if (strcmp(sent->name, name) == 0)
			return sent;
	return NULL;
}

/* The name that was added first makes room. */
static void sent_forget_one(struct seats *seats)
{
	struct sent **link = &seats->sent;

	while ((*link)->next != NULL)
		link = &(*link)->next;
	free(*link);
	*link = NULL;
	seats->sent_count--;
}

/* Without memory a name that comes again is told less than was taken. */
static void sent_add(struct seats *seats, const char *name, uint64_t events)
{
	struct sent *sent = sent_find(seats, name);

	if (sent == NULL) {
		sent = calloc(1, sizeof(*sent));
		if (sent == NULL)
			return;
		(void)snprintf(sent->name, sizeof(sent->name), "%s", name);
		sent->next = seats->sent;
		seats->sent = sent;
		if (++seats->sent_count > SLUICE_PEERS_MAX)
			sent_forget_one(seats);
	}
	sent->events += events;
}

/* ---- seats that are given up ---------------------------------------------------- */

/* Those whose stages have ended and whose peers have gone. Returns non-zero when some
 * are on their way. */
static int seats_clear(struct seats *seats)
{
	struct seat **link = &seats->first;
	int leaving = 0;

	while (*link != NULL) {
		struct seat *seat = *link;

		if (seat->peer == NULL && stand_in_close(&seat->in) == 0) {
			*link = seat->next;
			free(seat);
			continue;
		}
		leaving |= seat->peer == NULL;
		link = &seat->next;
	}
	return leaving;
}

/* Its stage has ended while it is there: it is told, the first time. */
static void seat_dismiss(const struct seat *seat, uint32_t closed)
{
	char text[160];
	uint32_t code = SLUICE_CLOSED_CODE(closed);

	(void)snprintf(text, sizeof(text), "the stream of '%s' has ended",
		       seat->in.name);
	peer_dismiss(seat->peer, SLUICE_CLOSED_REASON(closed),
		     code <= WIRE_CODE_MAX ? -(int)code : -EIO, text);
}

static uint64_t seats_look(void *ctx)
{
	struct seats *seats = ctx;
	uint64_t board_ns = observers_look(&seats->observers);
	uint32_t closed;

	for (struct seat *seat = seats->first; seat != NULL; seat = seat->next)
		if (seat->peer != NULL && stand_in_over(&seat->in, &closed))
			seat_dismiss(seat, closed);
	return seats_clear(seats) && SEATS_LOOK_NS < board_ns ? SEATS_LOOK_NS
							      : board_ns;
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

/* The seat of one of that name is given up first, if that may be: it may be the same
 * one that comes back. */
static int seats_make_room(struct seats *seats, const char *name)
{
	(void)seats_clear(seats);
	for (const struct seat *seat = seats->first; seat != NULL;
	     seat = seat->next)
		if (strcmp(seat->in.name, name) == 0)
			return sluice_fail(
				seat->peer != NULL ? -EEXIST : -EAGAIN,
				"peer '%s' %s", name,
				seat->peer != NULL
					? "is attached already"
					: "has left just now, and is not "
					  "settled yet; try again");
	return 0;
}

static void seat_add(struct seats *seats, struct seat *seat)
{
	seat->next = seats->first;
	seats->first = seat;
}

/* One that was refused; if a stage stands there already, that has to end first. */
static void seat_refuse(struct seats *seats, struct seat *seat)
{
	if (seat->in.stage != NULL)
		seat_add(seats, seat);
	else
		free(seat);
}

static int seats_admit(void *ctx, struct peer *peer, struct peer_grant *grant)
{
	struct seats *seats = ctx;
	const struct sent *sent;
	struct seat *seat;
	int rc;

	seat_name(peer);
	if (wire_watches(&peer->hello))
		return observers_admit(&seats->observers, peer, grant);
	/* A stage that came too late to be started is not removed any more, so that name
	 * is never free. */
	if (host_phase(&seats->pipeline->host) == PIPELINE_FINISHED)
		return sluice_fail(-EPIPE, "pipeline '%s' has ended",
				   seats->pipeline->name);
	rc = seats_make_room(seats, peer->hello.peer);
	if (rc < 0)
		return rc;
	seat = calloc(1, sizeof(*seat));
	if (seat == NULL)
		return sluice_fail(-ENOMEM, "peer '%s': no memory",
				   peer->hello.peer);
	rc = stand_in_open(&seat->in, seats->pipeline, &peer->hello,
			   &grant->welcome, grant->fds);
	if (rc < 0) {
		for (uint32_t i = 0; i < grant->welcome.memory_count; i++)
			(void)close(grant->fds[i]);
		seat_refuse(seats, seat);
		return rc;
	}
	seat_add(seats, seat);
	seat->peer = peer;
	peer->seat = seat;
	peer->signalled = stand_in_fd(&seat->in);
	sent = sent_find(seats, peer->hello.peer);
	grant->welcome.resume = sent != NULL ? sent->events : 0;
	return 0;
}

static void seats_ready(void *ctx, struct peer *peer)
{
	(void)ctx;
	(void)peer;
}

static void seats_signalled(void *ctx, struct peer *peer)
{
	struct seat *seat = peer->seat;

	(void)ctx;
	stand_in_answer(&seat->in);
}

static void seats_gone(void *ctx, struct peer *peer, enum peer_gone why,
		       enum sluice_reason reason, int code)
{
	struct seats *seats = ctx;
	struct seat *seat = peer->seat;

	(void)why;
	(void)code;
	if (wire_watches(&peer->hello)) {
		observers_gone(&seats->observers, peer);
		return;
	}
	if (wire_feeds(peer->hello.role))
		sent_add(seats, seat->in.name, stand_in_sent(&seat->in));
	stand_in_end(&seat->in, reason);
	seat->peer = NULL;
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
	while (seats->sent != NULL) {
		struct sent *sent = seats->sent;

		seats->sent = sent->next;
		free(sent);
	}
	free(seats);
}

const struct peer_ops seats_ops = {
	.admit = seats_admit,
	.ready = seats_ready,
	.gone = seats_gone,
	.signalled = seats_signalled,
	.look = seats_look,
	.over = seats_over,
	.close = seats_close,
};

void *seats_open(struct sluice_pipeline *pipeline)
{
	struct seats *seats = calloc(1, sizeof(*seats));

	if (seats != NULL)
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
