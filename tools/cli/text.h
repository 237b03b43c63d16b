/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as short texts: three digits and a unit. Of text.c. Knows digits and
 * units; not what the figures are of. */
#ifndef SLUICE_TOOLS_CLI_TEXT_H
#define SLUICE_TOOLS_CLI_TEXT_H

#include "ring/base.h"

#include <stdio.h>

/* Short, and handed on by value: text_ns(850).at lives as long as the call that
 * it is an argument of. */
struct text {
	char at[320];
};

#define TEXT_NONE ((struct text){""})

struct text text_format(const char *format, ...) SLUICE_PRINTF(1, 2);
/* "850ns", "12.3us". */
struct text text_ns(double ns);
/* "850", "12.3k", "1.23M". */
struct text text_number(double number);
/* All digits up to 99999, then as above. */
struct text text_count(double count);
/* "10us", "10k": as many digits as it has, up to four. */
struct text text_tick(double number, int is_ns);
/* @format with a text for each %, quoted for HTML and XML. */
void text_markup(FILE *out, const char *format, ...);

#endif
