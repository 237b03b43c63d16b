/* SPDX-License-Identifier: Apache-2.0 */
/* What whoever ends a pipeline asks of the calls that may be under way. Not
 * installed. */
#ifndef SLUICE_ENGINE_CONTROL_PRIV_H
#define SLUICE_ENGINE_CONTROL_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* Wait for subscriptions that are being made: no more come. */
void subscriptions_settle(struct sluice_pipeline *pipeline);

#endif
