/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sluice.h
 * The one header users include: #include <sluice/sluice.h>
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "engine/pipeline.h"
#include "engine/stage.h"
#include "ring/base.h"

#endif
