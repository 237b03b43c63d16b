/* SPDX-License-Identifier: Apache-2.0 */
/* Where a tool writes to: files, stdout, and what a terminal may be shown. Of
 * output.c. Knows streams; not what is written. */
#ifndef SLUICE_TOOLS_CLI_OUTPUT_H
#define SLUICE_TOOLS_CLI_OUTPUT_H

#include "ring/base.h"

#include <stdio.h>

/* Is @file, to be written, what is read as @read? Of regular files, by whatever
 * name; "-" is stdout and stdin. */
int output_spoils(const char *file, const char *read);
/* "-" is stdout. Returns NULL with a sentence in cli_error(). */
FILE *output_open(const char *file);
/* @rc: how writing went. Returns that, or what went wrong in the end; the sentence
 * is about @file unless @out is NULL, which has had one. */
int output_close(FILE *out, const char *file, int rc);

/* As the words of an option --color stand: auto, always, never. */
enum output_color {
	COLOR_AUTO, /* on a terminal, unless NO_COLOR is set */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* Is stdout to have colours? */
int output_color(enum output_color color);
/* Does anybody watch stderr? */
int output_watched(void);
/* How far it is: one line there, that the next one is written over; and it goes
 * away. */
void output_watch(const char *fmt, ...) SLUICE_PRINTF(1, 2);
void output_watch_end(void);

#endif
