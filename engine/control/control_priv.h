/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ends a pipeline asks of the control calls that may be under way. Of
 * subscribe.c. Not installed.
 *
 * Knows      subscriptions that are being made
 * Knows not  why the pipeline ends
 */
#ifndef SLUICE_ENGINE_CONTROL_PRIV_H
#define SLUICE_ENGINE_CONTROL_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* Wait for subscriptions that are being made: no more come. */
void subscriptions_settle(struct sluice_pipeline *pipeline);

#endif
