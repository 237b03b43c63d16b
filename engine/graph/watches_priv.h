/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that the stages of one worker watch. They are made with the first of
 * them, by the worker, whose own they are (run/watches.c); they go with the worker's
 * memory, when nobody rings any more. Of undo.c. Not installed.
 *
 * Knows      descriptors, and whose they are
 * Knows not  what is done when one is ready
 */
#ifndef SLUICE_ENGINE_WATCHES_PRIV_H
#define SLUICE_ENGINE_WATCHES_PRIV_H

#include "engine/graph/platform_priv.h"

struct sluice_stage;

struct watch {
	struct sluice_stage *stage; /* NULL: none is here */
	int fd;
	uint32_t events; /* SLUICE_IO bits */
	uint32_t turn;   /* which of those that were ever here it is */
};

struct watches {
	int set;  /* the platform's */
	int bell; /* in the set: the descriptor that wakes the worker */
	/* The bell's descriptor is readable, or may become so at any time, though nobody
	 * rings: somebody who did has not written yet. */
	uint32_t told;
	uint32_t busy;    /* the last round moved something */
	uint32_t rounds;  /* since they were looked at, of those that did */
	uint32_t count;   /* that are watched */
	uint32_t room;    /* rows */
	uint32_t turn;    /* of the last one */
	uint32_t removed; /* so many, ever */
	struct watch *row;
};

/* Close and free them; NULL: there are none. */
void watches_close(struct watches *watches, const struct platform *platform);

#endif
