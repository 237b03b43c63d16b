/* SPDX-License-Identifier: Apache-2.0 */
/* Running gnuplot: from a file without a name to another one, so that neither
 * side waits for the other, and with no shell in between. */
#include "bench/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Returns 0, -ENOENT when it is not there, or another negative errno. */
static int draw_run(FILE *script, FILE *picture)
{
	char name[] = "gnuplot";
	char *const argv[] = {name, NULL};
	posix_spawn_file_actions_t files;
	int status = 0;
	pid_t child = 0;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc != 0)
		return -rc;
	rc = posix_spawn_file_actions_adddup2(&files, fileno(script),
					      STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, fileno(picture),
						      STDOUT_FILENO);
	/* It warns of much; what matters is whether there is a picture. */
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&files, STDERR_FILENO,
						      "/dev/null", O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawnp(&child, name, &files, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	if (rc != 0)
		return -rc;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	/* 127: what some C libraries say for "not there". */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* All of a file, as text. */
static char *draw_text(FILE *file)
{
	long bytes;
	char *text;

	if (fseek(file, 0, SEEK_END) != 0)
		return NULL;
	bytes = ftell(file);
	rewind(file);
	if (bytes < 0)
		return NULL;
	text = malloc((size_t)bytes + 1);
	if (text == NULL)
		return NULL;
	if (fread(text, 1, (size_t)bytes, file) != (size_t)bytes) {
		free(text);
		return NULL;
	}
	text[bytes] = '\0';
	return text;
}

int plot_draw(const struct report *report, const struct plot *plot,
	      const char *terminal, char **svg)
{
	FILE *script = tmpfile();
	FILE *picture = tmpfile();
	int rc = -EIO;

	*svg = NULL;
	if (script == NULL || picture == NULL)
		goto out;
	plot_script(report, plot, terminal, script);
	if (fflush(script) != 0 || ferror(script) ||
	    lseek(fileno(script), 0, SEEK_SET) != 0)
		goto out;
	rc = draw_run(script, picture);
	if (rc < 0)
		goto out;
	*svg = draw_text(picture);
	if (*svg == NULL || strstr(*svg, "</svg>") == NULL) {
		free(*svg);
		*svg = NULL;
		rc = -EIO;
	}
out:
	if (script != NULL)
		(void)fclose(script);
	if (picture != NULL)
		(void)fclose(picture);
	return rc;
}
