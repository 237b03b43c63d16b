/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sluice.h
 * The one header that programs include: #include <sluice/sluice.h>
 *
 * For C11 and C++17. In C++ the macros for options (SLUICE_STAGE() and the
 * like) need C++20, see ring/options.h.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "dispatch/strategy.h"
#include "engine/attach.h"
#include "engine/control.h"
#include "engine/listen.h"
#include "engine/pipeline.h"
#include "engine/port.h"
#include "engine/process.h"
#include "engine/rates.h"
#include "engine/self.h"
#include "engine/snapshot.h"
#include "engine/stage.h"
#include "engine/subscription.h"
#include "engine/watch.h"
#include "ring/base.h"
#include "ring/copier.h"
#include "ring/hist.h"
#include "ring/latency.h"
#include "ring/mpmc.h"
#include "ring/times.h"
#include "stages/sink.h"
#include "stages/source.h"
#include "stages/spawn.h"

#endif
