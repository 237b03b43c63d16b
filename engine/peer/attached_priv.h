/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer's end: a pipeline of two ports, the user's and one that stands for the stage
 * of the engine; of a worker that twice. So the user's calls are those of any port. Of
 * attached.c. Not installed.
 *
 * Knows      what a peer was given, two ports
 * Knows not  sockets
 */
#ifndef SLUICE_ENGINE_ATTACHED_PRIV_H
#define SLUICE_ENGINE_ATTACHED_PRIV_H

#include "engine/peer/share_priv.h"
#include "engine/pipeline.h"

struct attached {
	struct sluice_pipeline *pipeline;
	struct sluice_stage *port;   /* the user's; a worker's: it receives */
	struct sluice_stage *sender; /* a worker's, else NULL */
	/* Stand for the engine's, by enum wire_side. */
	struct sluice_stage *engine[2];
	struct sluice_sub sub; /* of the port */
	int signalled;         /* of what it was given */
	/* NULL: it has begun, or has no such. */
	const struct far_stream *unbegun;
};

/* What @hello asked for has been granted as @attach has it, which stays mapped until
 * attached_close() has returned. @opts: of the pipeline, or NULL. */
int attached_open(struct attached *attached, const struct wire_hello *hello,
		  const struct attach *attach,
		  const struct sluice_pipeline_opts *opts);

/* What becomes readable when the engine has signalled; and what is to be done then. */
static inline int attached_fd(const struct attached *attached)
{
	return attached->signalled;
}
void attached_answer(struct attached *attached);

/* The engine has gone, or says that this ends, for @reason and @code: what lies in the
 * ring is still read. */
void attached_end(struct attached *attached, enum sluice_reason reason,
		  uint32_t code);

/* Nothing of it is used any more: no call on its port may be under way. */
void attached_close(struct attached *attached);

#endif
