/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage that somebody is to feed or to read from, who may come, go and come back:
 * until that is over it waits as if it stayed. Of due.c. Not installed.
 *
 * Knows      stages, their places
 * Knows not  who is to come
 */
#ifndef SLUICE_ENGINE_DUE_PRIV_H
#define SLUICE_ENGINE_DUE_PRIV_H

#include "engine/graph/pipeline_priv.h"
#include "engine/peer/wire_priv.h"

struct due {
	char stage[SLUICE_NAME_BYTES]; /* "": none */
	uint64_t serial;
	enum wire_side side; /* FROM: it is read from */
};

/* Returns 0, or -ENOENT. */
int due_begin(struct due *due, struct sluice_pipeline *pipeline,
	      const char *stage, enum wire_side side);

/* Is it there still, and has not ended? */
int due_lives(const struct due *due, struct sluice_pipeline *pipeline);

/* Nobody is to come any more, and who came has left its place. If nobody else is there
 * or to come the stage ends, with @reason and @code. */
void due_end(struct due *due, struct sluice_pipeline *pipeline,
	     enum sluice_reason reason, uint32_t code);

#endif
