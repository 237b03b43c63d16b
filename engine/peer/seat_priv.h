/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seat from the inside: what seats_priv.h speaks of, for its two files. Of seats.c and
 * seats_look.c. Not installed.
 *
 * Knows      seats, and what is counted of them
 * Knows not  who asks for one
 */
#ifndef SLUICE_ENGINE_SEAT_PRIV_H
#define SLUICE_ENGINE_SEAT_PRIV_H

#include "engine/graph/pipeline_priv.h"
#include "engine/peer/observers_priv.h"
#include "engine/peer/peer_priv.h"
#include "engine/peer/sent_priv.h"
#include "engine/peer/stand_in_priv.h"

struct seat {
	struct stand_in in;
	struct peer *peer;       /* NULL: it has gone */
	struct wire_hello hello; /* of the last that had it */
	int named;               /* by its peer: it can come back */
	int begun;               /* a peer was ready there, once */
	int held;                /* kept, and no peer is ready there */
	int counts;              /* what it has sent does, by its name */
	uint64_t due_ns;         /* until when */
	struct stall stall;
	int stalled; /* it is sent away for that */
	struct seat *next;
};

struct seats {
	struct sluice_pipeline *pipeline;
	uint64_t hold_ns; /* how long a place is kept; 0: it is not */
	uint32_t deliveries_max;
	uint64_t stall_ns;     /* how long one may stand still; 0: for ever */
	struct budget *budget; /* of the memory of all */
	struct seat *first;
	struct sent sent;           /* by their names */
	struct observers observers; /* who have no seat */
};

static inline uint64_t seats_now(const struct seats *seats)
{
	return host_now(&seats->pipeline->host);
}

static inline int seat_is_away(const struct seat *seat)
{
	return seat->held && seat->peer == NULL;
}

/* ---- seats.c ---- */

/* Those whose stages have ended and whose peers have gone. Returns non-zero when some
 * are on their way. */
int seats_clear(struct seats *seats);
/* Nobody came, or comes, to the place that is kept. */
void seat_give_up(struct seats *seats, struct seat *seat, const char *why);

/* ---- seats_look.c ---- */

/* Look at all of them: what is due is done. Returns when to look again, ns from now. */
uint64_t seats_look(void *ctx);

#endif
