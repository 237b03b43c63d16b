/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source reads from or a sink writes to. A pipe, a terminal or a device may
 * keep its stage for ever, and a stage that is to stop must return: so these are
 * looked at before each read or write, and left when the stage is told to stop.
 *
 * Of stream.c. Knows descriptors and streams; not what is in them.
 */
#ifndef SLUICE_TOOLS_SLUICE_STREAM_H
#define SLUICE_TOOLS_SLUICE_STREAM_H

#include "sluice.h"

#include <stdio.h>

/*
 * @path    NULL: stdin or stdout, which stay open
 * @writes  non-zero: to append to it, and it is made if it is not there
 * @stage   whose it is
 *
 * Returns NULL with errno.
 */
FILE *stream_open(const char *path, int writes, const char *stage);
/* Empty what is a file. Returns 0 or a negative errno. */
int stream_truncate(FILE *stream);
/* Returns 0 or a negative errno. */
int stream_close(FILE *stream);

/* on_stop of a stage with a stream: its stream has come to its end, and takes no
 * more. */
void stream_on_stop(struct sluice_stage *self);

#endif
