/* SPDX-License-Identifier: Apache-2.0 */
/* How the library itself reports a control-plane error. Not installed. */
#ifndef SLUICE_RING_BASE_PRIV_H
#define SLUICE_RING_BASE_PRIV_H

#include "base.h"

#include <stdio.h>
#include <stdlib.h>

/* Programmer errors of the library itself, on the control plane only. Data
 * written by another process is never asserted on. */
#define SLUICE_ASSERT(cond)                                                    \
	do {                                                                   \
		if (SLUICE_UNLIKELY(!(cond)))                                  \
			abort();                                               \
	} while (0)

/* Store the text for sluice_last_error() and return @rc, so that a refusal is
 * one line: return sluice_fail(-EINVAL, "stage '%s': ...", name). */
int sluice_fail(int rc, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* What the system calls an errno: for codes that are not ours. @rc is negative.
 */
const char *sluice_errno_text(int rc);

#endif
