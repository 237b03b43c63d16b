/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fail.h
 * For libraries that stand on this one: an error text of their own, where callers
 * look for it.
 */
#ifndef SLUICE_RING_FAIL_H
#define SLUICE_RING_FAIL_H

#include "base.h"

SLUICE_BEGIN_DECLS

/**
 * sluice_fail - store the text that sluice_last_error() gives this thread.
 *
 * @rc   what to return, a negative errno
 * @fmt  as of printf(); it may be given the last text. 511 bytes are kept
 *
 * Returns @rc. Leaves errno as it was. Threads: any.
 */
SLUICE_API int sluice_fail(int rc, const char *fmt, ...) SLUICE_PRINTF(2, 3);

SLUICE_END_DECLS

#endif
