/* SPDX-License-Identifier: Apache-2.0 */
/* What a sequence that is to be restored needs of the graph. Each refuses with
 * -EINVAL: a graph that is to start; one more subscription; or, with -EBUSY,
 * that one is cancelled. Under the pipeline's lock; @marked is room for a mark
 * per stage. Not installed. */
#ifndef SLUICE_ENGINE_SEQUENCE_CHECK_PRIV_H
#define SLUICE_ENGINE_SEQUENCE_CHECK_PRIV_H

#include "engine/graph/subscriptions_priv.h"

int sequence_check_graph(struct sluice_pipeline *pipeline);
int sequence_check_subscribe(const struct sluice_pipeline *pipeline,
			     const struct subscription *wish,
			     unsigned char *marked);
int sequence_check_cancel(const struct sluice_pipeline *pipeline,
			  const struct subscription *sub);

#endif
