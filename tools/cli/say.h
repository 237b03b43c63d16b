/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, as one sentence. A call that refuses something returns a
 * negative errno and leaves here what is wrong and what is allowed, as the library
 * does in sluice_last_error(); whoever knows more about it puts that in front.
 *
 * Of say.c. Knows sentences; not whom they are told, nor what they are about.
 */
#ifndef SLUICE_TOOLS_CLI_SAY_H
#define SLUICE_TOOLS_CLI_SAY_H

#include "ring/base.h"

/* The last sentence of this thread; "": there was none. */
const char *cli_error(void);
/* A sentence instead. Returns @rc. */
int cli_fail(int rc, const char *fmt, ...) SLUICE_PRINTF(2, 3);
/* Put what it is about in front of it. Returns -EINVAL. */
int cli_within(const char *fmt, ...) SLUICE_PRINTF(1, 2);
/* What a call of the library has answered: if that is an error, its sentence
 * becomes ours. Returns @rc. */
int cli_library(int rc);

#define REFUSE(...) cli_fail(-EINVAL, __VA_ARGS__)

#endif
