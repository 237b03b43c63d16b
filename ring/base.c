/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/fail.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static _Thread_local char last_error[512];
/* Or one that nobody has asked for yet: see sluice_fail_quick(). */
static _Thread_local struct {
	const char *what; /* NULL: the text above is the last */
	char name[SLUICE_NAME_BYTES];
} last_quick;

const char *sluice_version(void)
{
	return SLUICE_VERSION_STRING;
}

const char *sluice_last_error(void)
{
	if (last_quick.what != NULL) {
		SLUICE_KEEP_ERRNO;

		(void)snprintf(last_error, sizeof(last_error), "stage '%s': %s",
			       last_quick.name, last_quick.what);
		last_quick.what = NULL;
	}
	return last_error;
}

int sluice_fail(int rc, const char *fmt, ...)
{
	SLUICE_KEEP_ERRNO;
	char text[sizeof(last_error)]; /* @args may hold the last one */
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(last_error), fmt, args);
	va_end(args);
	memcpy(last_error, text, strlen(text) + 1);
	last_quick.what = NULL;
	return rc;
}

int sluice_fail_quick(int rc, const char *name, const char *what)
{
	memcpy(last_quick.name, name, sizeof(last_quick.name));
	last_quick.what = what;
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
		{-EEXIST, "name is in use"},
		{-ENOENT, "no such stage or subscription"},
		{-EBUSY, "not possible in this state"},
		{-ENOMEM, "memory refused"},
		{-ENOSPC, "limit of this pipeline reached"},
		{-EPROTO, "not a sluice region of this version"},
		{-EPIPE, "stream has ended"},
		{-EALREADY, "done already"},
		{-EDEADLK, "would have to wait for itself"},
		{-ECHILD, "belongs to the parent process"},
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

int opts_copy(void *to, const void *from, uint32_t size, const char *what)
{
	const unsigned char *bytes = from;
	uint32_t theirs;

	if (from == NULL)
		return sluice_fail(-EINVAL, "%s are missing", what);
	memcpy(&theirs, from, sizeof(theirs));
	if (theirs < 2 * sizeof(uint32_t))
		return sluice_fail(-EINVAL,
				   "%s: size %u is no options struct; fill it "
				   "with its _init function or macro",
				   what, theirs);
	for (uint32_t i = size; i < theirs; i++)
		if (bytes[i] != 0)
			return sluice_fail(-E2BIG,
					   "%s: byte %u is set and this "
					   "library knows only %u",
					   what, i, size);
	memset(to, 0, size);
	memcpy(to, from, theirs < size ? theirs : size);
	memcpy(to, &size, sizeof(size));
	return 0;
}

int opts_check_resv(const uint64_t *resv, uint32_t count, const char *what)
{
	for (uint32_t i = 0; i < count; i++)
		if (resv[i] != 0)
			return sluice_fail(-EINVAL, "%s: resv[%u] must be zero",
					   what, i);
	return 0;
}
