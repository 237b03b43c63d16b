/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer gets of a pipeline: a stage that stands for it, with a name of its own,
 * and a subscription whose ring both share, of a worker two; what it had is settled
 * when it goes. Of
 * stand_in.c. Not installed.
 *
 * Knows      a peer's wishes, stages, subscriptions, their memory
 * Knows not  sockets, or why a peer goes
 */
#ifndef SLUICE_ENGINE_STAND_IN_PRIV_H
#define SLUICE_ENGINE_STAND_IN_PRIV_H

#include "engine/peer/share_priv.h"
#include "engine/peer/stall_priv.h"
#include "engine/pipeline.h"

/* What it may have besides what it wishes. */
struct stand_in_terms {
	struct budget *budget; /* of its memory; NULL: none */
	/* What it sends is not copied before it is handled, unless that restores an
	 * order: there a number is looked at more than once. */
	uint32_t trusted;
	uint32_t watches;        /* it looks on, and nobody waits for it */
	uint32_t deliveries_max; /* as subscription_far has it */
};

struct stand_in {
	struct sluice_pipeline *pipeline;
	struct stand_in_terms terms;
	char name[SLUICE_NAME_BYTES];
	struct sluice_stage *stage; /* NULL: none */
	struct sluice_sub sub; /* a worker's: with the stage that it reads */
	struct sluice_sub fed; /* with the stage that it feeds */
	struct share *share;
	/* A worker's, to the stage that it feeds; the other is to the one that it
	 * reads. NULL: it is no worker. */
	struct share *output;
	struct sluice_bell *bells[2]; /* of the stages at the other ends */
	int cut; /* while its place is kept: what it feeds has been told */
};

#define STAND_IN_NONE ((struct stand_in){.stage = NULL})

/* @hello was accepted, and its peer may do what it wishes, on those @terms. Fills in what
 * @welcome says of the rings, and @fds, which are the caller's to close
 * (welcome->memory_count), after a failure too: then @in has ended, and is to be closed
 * like others.
 *
 * Returns 0; -ENOSPC when its memory would be too much; -ENOENT for a stage that is not
 * there; -EINVAL for one that does not do what is wished, or has other events; -ENOTSUP for
 * what is not offered to peers; or as sluice_stage_add() and sluice_subscribe() do. */
int stand_in_open(struct stand_in *in, struct sluice_pipeline *pipeline,
		  const struct wire_hello *hello,
		  const struct stand_in_terms *terms,
		  struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX]);

/* What becomes readable when the peer has signalled; and what is to be done then. */
int stand_in_fd(const struct stand_in *in);
void stand_in_answer(struct stand_in *in);

/* The program of this process stage was started again, @restarts times so far: that is
 * told as its stage's count, which has no other writer. */
void stand_in_restarted(const struct stand_in *in, uint32_t restarts);

/* Has its stage ended? Then *closed says how: a SLUICE_CLOSED() word. */
int stand_in_over(const struct stand_in *in, uint32_t *closed);

/* How many events it has sent that are taken, or will be: final once its stage is over.
 * Before that one that lives may send more. */
uint64_t stand_in_sent(const struct stand_in *in);

/* Has it been waited for for @stall_ns (subscription_waited_for()), and neither finished
 * an event nor asked for one? To be asked now and then; never of one that feeds. */
int stand_in_stalls(const struct stand_in *in, struct stall *stall,
		    uint64_t now_ns, uint64_t stall_ns);

/* Before that: it does not go by itself, so the event that it was at may be what it died
 * of. */
void stand_in_died(const struct stand_in *in);
/* The peer has gone, or goes, for @reason and @code: nothing of it is looked at any
 * more. */
void stand_in_end(struct stand_in *in, enum sluice_reason reason,
		  uint32_t code);

/* The peer has gone, and its place is kept for one that comes back; its process may live,
 * and write on, where nobody reads it. Returns 0; -EPIPE when a stream of it is over;
 * -ENOTSUP for a place that is not kept: then it goes. */
int stand_in_hold(struct stand_in *in);
/* To be called until it returns 0: of a worker what it feeds ends where it stands once
 * the producer that it reads has looked at its last receipt, whose results lie before
 * that. Returns -EAGAIN before; or -EPIPE, as above. */
int stand_in_cut(struct stand_in *in);
/* Its stream is over since then: there is nothing to come back to. */
int stand_in_lapsed(const struct stand_in *in);
/* Has its producer seen that it has gone? Before that whoever comes back is refused. */
int stand_in_settled(const struct stand_in *in);
/* One has come, who is told what to map as by stand_in_open(), or a refusal. -EAGAIN: what
 * the last one had in hand is not settled yet. */
int stand_in_renew(struct stand_in *in, const struct wire_hello *hello,
		   struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX]);
/* It has mapped all: events flow again. */
void stand_in_resume(const struct stand_in *in);

/* Once it has ended its place is free. Returns 0, or -EAGAIN: not yet. */
int stand_in_close(struct stand_in *in);
/* The pipeline takes its stage with it. */
void stand_in_forget(struct stand_in *in);

#endif
