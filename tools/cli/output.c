/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/output.h"
#include "tools/cli/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is left of the line that was there. */
#define LINE_CLEAR "\033[K"

/* "-" is @standard. Returns non-zero if it is a file that holds what is written. */
static int output_found(const char *file, int standard, struct stat *is)
{
	int rc = strcmp(file, "-") == 0 ? fstat(standard, is) : stat(file, is);

	return rc == 0 && S_ISREG(is->st_mode);
}

int output_spoils(const char *file, const char *read)
{
	struct stat from;
	struct stat to;

	return output_found(read, STDIN_FILENO, &from) &&
	       output_found(file, STDOUT_FILENO, &to) &&
	       to.st_dev == from.st_dev && to.st_ino == from.st_ino;
}

FILE *output_open(const char *file)
{
	FILE *out = strcmp(file, "-") == 0 ? stdout : fopen(file, "we");

	if (out == NULL)
		(void)cli_fail(-errno, "%.200s: %s", file, strerror(errno));
	return out;
}

int output_close(FILE *out, const char *file, int rc)
{
	if (out == NULL)
		return -EIO;
	if (ferror(out) && rc == 0)
		rc = -EIO;
	if ((out == stdout ? fflush(out) : fclose(out)) != 0 && rc == 0)
		rc = -errno;
	return rc < 0 ? cli_fail(rc, "%.200s: %s", file, strerror(-rc)) : 0;
}

int output_color(enum output_color color)
{
	const char *no_color = getenv("NO_COLOR");

	return color == COLOR_ALWAYS ||
	       (color == COLOR_AUTO && isatty(STDOUT_FILENO) &&
		(no_color == NULL || no_color[0] == '\0'));
}

int output_watched(void)
{
	return isatty(STDERR_FILENO);
}

void output_watch(const char *fmt, ...)
{
	va_list args;

	(void)fputc('\r', stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputs(LINE_CLEAR, stderr);
}

void output_watch_end(void)
{
	(void)fputs("\r" LINE_CLEAR, stderr);
}
