/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helping: the user of a port steps the stages of a worker that sleeps, in place of
 * waking it, and goes on to whatever that produces. Of help.c. Not installed.
 *
 * While a call of such a port places or acknowledges events, no bell of a worker that
 * sleeps is rung: the worker is noted, and *owed*. Before the call waits, and when it
 * returns, the helper takes the helm of each worker that is owed (helm_priv.h), makes its
 * rounds as it would make them itself, until one finds nothing, and returns the helm; what
 * is produced meanwhile makes him owe others. He has one helm at a time, so that a callback
 * may wait for the answer of a stage on any other worker. What he cannot do or finish
 * he rings for: because the worker is awake by now, has stages that are not for helpers,
 * or is waiting itself; because the bound is reached, or the caller's time is up; because
 * a stage has ended, or one is due earlier than the worker would wake up.
 *
 * Nobody helps from inside a callback: so helpers are not nested, but for one in each
 * pipeline.
 *
 * Knows      ports and their users, workers, helms
 * Knows not  what a stage does in its step
 */
#ifndef SLUICE_ENGINE_HELP_PRIV_H
#define SLUICE_ENGINE_HELP_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* Workers that are owed something at once; further ones are woken. */
#define HELP_OWED 8u
/* The bound, for each time that a call helps: rounds, and how long. */
#define HELP_ROUNDS 64u
#define HELP_NS     UINT64_C(100000)

/* Of one call; on its stack. */
struct help {
	struct helper helper;      /* first: what the stages know of it */
	struct sluice_stage *port; /* NULL: it does not help */
	uint64_t deadline_ns;      /* of the call */
	uint32_t may; /* 0: not known; 1: it helps; 2: it does not */
	uint32_t count;
	struct worker *owed[HELP_OWED];
};

/* A call of @port that may take until @deadline_ns, 0: no time, begins to place or
 * acknowledge events; its user holds the port, which has @help until help_stop(), if it
 * helps at all. */
void help_start(struct help *help, struct sluice_stage *port,
		uint64_t deadline_ns);
/* It does neither any more. Returns non-zero when somebody is owed. */
int help_stop(struct help *help);
/* Give all that are owed what they are owed. Returns non-zero when anything moved.
 * Threads: the helper's, which may hold the port or have left it. */
int help_run(struct help *help);

/* The call is about to wait, by its holder: help_run(), also of those at the other end
 * that have been rung, and are not awake yet. */
int help_in_wait(struct sluice_stage *port);

/* Stages come, on @worker or elsewhere: may it give up its helm when it sleeps?
 * Threads: the worker's. */
int help_is_welcome(const struct worker *worker);

#endif
