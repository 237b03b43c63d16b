/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stage/host_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_BYTES 256

static void host_fail_with(struct host *host, int rc, int stop, const char *fmt,
			   va_list args) __attribute__((format(printf, 4, 0)));

void host_log(struct host *host, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	if (!host->logs)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	host->ops->log(host, text);
}

static void host_fail_with(struct host *host, int rc, int stop, const char *fmt,
			   va_list args)
{
	char text[TEXT_BYTES];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	host->ops->fail(host, rc, text, stop);
}

void host_fail(struct host *host, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	host_fail_with(host, rc, 1, fmt, args);
	va_end(args);
}

void host_note_failure(struct host *host, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	host_fail_with(host, rc, 0, fmt, args);
	va_end(args);
}
