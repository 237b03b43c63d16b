/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an `ordered` producer and its resequencer need of the graph. Of
 * sequence_check.c. Not installed.
 *
 * Each check refuses with -EINVAL (a cancel with -EBUSY): a graph that is to
 * start, one more subscription, or its cancel. Under the pipeline's lock;
 * @marked is room for a mark per stage.
 *
 * Knows      which subscriptions there are, or are wished for
 * Knows not  sequence numbers and events
 */
#ifndef SLUICE_ENGINE_SEQUENCE_CHECK_PRIV_H
#define SLUICE_ENGINE_SEQUENCE_CHECK_PRIV_H

#include "engine/graph/subscriptions_priv.h"

/* The stage that restores the order of @from's events, or NULL. */
struct sluice_stage *sequence_resequencer_of(const struct sluice_pipeline *p,
					     const struct sluice_stage *from);

int sequence_check_graph(struct sluice_pipeline *pipeline);
int sequence_check_subscribe(const struct sluice_pipeline *pipeline,
			     const struct subscription *wish,
			     unsigned char *marked);
int sequence_check_cancel(const struct sluice_pipeline *pipeline,
			  const struct subscription *sub);

#endif
