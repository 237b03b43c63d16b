/* SPDX-License-Identifier: Apache-2.0 */
/* JSON documents, by jansson. Of json.c. Knows how one is written; not what is in
 * it. */
#ifndef SLUICE_TOOLS_CLI_JSON_H
#define SLUICE_TOOLS_CLI_JSON_H

#include "ring/base.h"

#include <jansson.h>
#include <stdio.h>

/* A text; one that is no UTF-8, which a file's name may be, as "?". */
json_t *json_text(const char *text);
/* A whole document to a file, "-" being stdout. It is taken over; NULL: there was
 * no memory for it. Returns 0, or a negative errno with a sentence in
 * cli_error(). */
int json_write(json_t *root, const char *file);
/* A line to @out, which is @file, at once; likewise. */
int json_line(json_t *root, FILE *out, const char *file);

#endif
