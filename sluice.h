/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sluice.h
 * The one header users include: #include <sluice/sluice.h>
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#define SLUICE_VERSION_MAJOR  0
#define SLUICE_VERSION_MINOR  1
#define SLUICE_VERSION_PATCH  0
#define SLUICE_VERSION_STRING "0.1.0"

#include "engine/pipeline.h"
#include "engine/stage.h"
#include "ring/base.h"

SLUICE_BEGIN_DECLS

/** The version of the library that is running, as "0.1.0". */
SLUICE_API const char *sluice_version(void);

SLUICE_END_DECLS

#endif
