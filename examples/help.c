/* SPDX-License-Identifier: Apache-2.0 */
/* Linked to each lesson: answers --help with the comment on top of the lesson's
 * source, before its main() runs. The lessons themselves are programs as a user
 * would write them and know nothing of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
#include LESSON_HELP
	;

/* From /proc, for not every C library hands its arguments to a constructor. */
__attribute__((constructor)) static void answer_help(void)
{
	char line[4096];
	size_t bytes = 0;
	const char *argument;
	const char *space;
	FILE *file = fopen("/proc/self/cmdline", "r");

	if (file != NULL) {
		bytes = fread(line, 1, sizeof(line) - 1, file);
		(void)fclose(file);
	}
	line[bytes] = '\0';
	if (strlen(line) + 1 >= bytes)
		return;
	argument = line + strlen(line) + 1;
	if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
		(void)fputs(text, stdout);
		exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	/* Those that take none: the first line ends with the name. */
	space = strchr(text + strlen("usage: "), ' ');
	if (space == NULL || space > strchr(text, '\n')) {
		(void)fputs(text, stderr);
		exit(2);
	}
}
