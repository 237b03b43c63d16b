/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/base_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static _Thread_local char last_error[512];

const char *sluice_version(void)
{
	return SLUICE_VERSION_STRING;
}

const char *sluice_last_error(void)
{
	return last_error;
}

int sluice_fail(int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	return rc;
}

const char *sluice_strerror(int rc)
{
	static const struct {
		int rc;
		const char *text;
	} table[] = {
		{0, "success"},
		{-EAGAIN, "full, empty or no credit right now"},
		{-EINVAL, "bad option"},
		{-E2BIG, "options from a newer sluice"},
		{-EEXIST, "name is taken"},
		{-ENOENT, "no such stage or subscription"},
		{-EBUSY, "not possible in this state"},
		{-ENOMEM, "memory refused"},
		{-ENOSPC, "limit of this pipeline reached"},
		{-EPROTO, "not a sluice region of this version"},
		{-EPIPE, "stream has ended"},
		{-EALREADY, "done already"},
		{-EDEADLK, "would have to answer itself"},
		{-EMSGSIZE, "answer does not fit"},
		{-ENOTSUP, "no callback for that"},
		{-EPERM, "not possible here"},
		{-ELOOP, "handed out too often"},
		{-ERANGE, "no such partition"},
		{-ETIMEDOUT, "deadline passed"},
		{-ECANCELED, "stopped before the streams ended"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].rc == rc)
			return table[i].text;
	if (rc > 0)
		return "success (a count)";
	return sluice_errno_text(rc);
}
