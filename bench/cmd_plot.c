/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int plot_picture(const struct report *report, const struct plot *plot,
			const char *prefix, char *why, uint32_t why_bytes)
{
	char file[1200];
	char *svg = NULL;
	FILE *out;
	int rc = plot_draw(report, plot, PLOT_TERMINAL_WHITE, &svg);

	if (rc < 0) {
		(void)snprintf(why, why_bytes, "%s",
			       rc == -ENOENT ? "gnuplot is not installed"
					     : "gnuplot failed");
		return rc;
	}
	(void)snprintf(file, sizeof(file), "%.1000s-%s.svg", prefix,
		       plot->name);
	out = command_open(file, why, why_bytes);
	if (out != NULL)
		(void)fputs(svg, out);
	free(svg);
	rc = command_close(out, file, 0, why, why_bytes);
	if (rc == 0)
		(void)puts(file);
	return rc;
}

static int plot_pictures(const struct report *report, const char *prefix,
			 char *why, uint32_t why_bytes)
{
	struct plot plots[PLOTS_MAX];
	uint32_t count = plot_list(report, plots);
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = plot_picture(report, &plots[i], prefix, why, why_bytes);
	return rc;
}

int cmd_plot(const struct command *command, struct bench_options *options)
{
	char why[COMMAND_WHY_BYTES] = "";
	struct report report = {0};
	int rc;

	if (options->html == NULL && options->svg == NULL) {
		command_complain(command->name,
				 "--html=FILE or --svg=PREFIX is missing");
		return COMMAND_USAGE;
	}
	rc = report_json_read(&report, options->file, why, sizeof(why));
	if (rc == 0 && options->svg != NULL)
		rc = plot_pictures(&report, options->svg, why, sizeof(why));
	if (rc == 0 && options->html != NULL)
		rc = command_html(&report, command->name, options->html, why,
				  sizeof(why));
	if (rc < 0)
		command_complain(command->name, why);
	report_close(&report);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
