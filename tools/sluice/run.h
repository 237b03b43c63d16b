/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline from its start to its end, with the signals that come meanwhile. Of
 * run.c. Knows pipelines and signals; not what a pipeline is made of. */
#ifndef SLUICE_TOOLS_SLUICE_RUN_H
#define SLUICE_TOOLS_SLUICE_RUN_H

#include "sluice.h"

struct run_end {
	int code; /* as sluice_pipeline_join() answers, or the drain */
	int signals;
	char sentence[1024]; /* of the library, if the code is negative */
};

/*
 * Start @pipeline and wait for its end. The first SIGINT or SIGTERM drains it, for
 * at most @drain_ms; the second one stops it. Both are blocked from then on.
 *
 * Returns 0 and what it ended with; or a negative errno with a sentence in
 * cli_error(): it has not been started.
 */
int run_pipeline(struct sluice_pipeline *pipeline, uint32_t drain_ms,
		 struct run_end *end);

#endif
