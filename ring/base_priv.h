/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the library itself reports an error of a control call, and copies
 * options. Of base.c and errno.c. Not installed.
 *
 * Knows      texts, codes, sizes of options
 * Knows not  rings, stages, pipelines
 */
#ifndef SLUICE_RING_BASE_PRIV_H
#define SLUICE_RING_BASE_PRIV_H

#include "base.h"

#include <errno.h>
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
 * one line: return sluice_fail(-EINVAL, "stage '%s': ...", name). @fmt may ask for the
 * text that was stored last. */
int sluice_fail(int rc, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* The same for a call that may fail often, an empty poll: "stage '@name':
 * @what", put together only when somebody asks. @what is a constant. */
int sluice_fail_quick(int rc, const char *name, const char *what);

/* First in a call that may touch errno: the caller finds it as it was. */
static inline void sluice_errno_put_back(const int *kept)
{
	errno = *kept;
}
#define SLUICE_KEEP_ERRNO                                                      \
	int kept_errno                                                         \
		__attribute__((cleanup(sluice_errno_put_back), unused)) =      \
			errno

/* What the names of stages and peers, and of pipelines that peers find, hold. */
#define SLUICE_NAME_CHARS                                                      \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* Copy an options struct that may be older (shorter) or newer (longer) than
 * ours: @size is ours, its first word is theirs; what we do not know must be
 * zero. @what, a plural, names it in the error. Returns 0, -EINVAL or
 * -E2BIG. */
int opts_copy(void *to, const void *from, uint32_t size, const char *what);

/* Refuse reserved words in use. */
int opts_check_resv(const uint64_t *resv, uint32_t count, const char *what);

/* What the system calls an errno: for codes that are not ours. @rc is negative.
 */
const char *sluice_errno_text(int rc);

#endif
