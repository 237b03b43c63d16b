/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sluice.h
 * The one header users include: #include <sluice/sluice.h>
 *
 * C11, and C++17; the macros for options (SLUICE_STAGE() and its like) are C++20
 * and say more at SLUICE_OPTIONS() in ring/base.h.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "dispatch/strategy.h"
#include "engine/control.h"
#include "engine/pipeline.h"
#include "engine/port.h"
#include "engine/stage.h"
#include "engine/subscription.h"
#include "ring/base.h"
#include "ring/hist.h"
#include "ring/mpmc.h"
#include "stages/sink.h"
#include "stages/source.h"
#include "stages/spawn.h"

#endif
