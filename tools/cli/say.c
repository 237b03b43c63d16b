/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/say.h"

#include <stdarg.h>
#include <stdio.h>

#define SENTENCE_BYTES 1024u

static _Thread_local char sentence[SENTENCE_BYTES];

const char *cli_error(void)
{
	return sentence;
}

int cli_fail(int rc, const char *fmt, ...)
{
	char text[SENTENCE_BYTES]; /* it may be made of the last one */
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)snprintf(sentence, sizeof(sentence), "%s", text);
	return rc;
}

int cli_within(const char *fmt, ...)
{
	char what[SENTENCE_BYTES / 2];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return REFUSE("%s%s", what, sentence);
}

int cli_library(int rc)
{
	return rc < 0 ? cli_fail(rc, "%s", sluice_last_error()) : rc;
}
