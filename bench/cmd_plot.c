/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLOT_WHY_BYTES 512u

static const char plot_usage[] =
	"usage: sluice-bench plot FILE [OPTION...]\n"
	"Makes a page or pictures from what --json wrote to FILE; - is stdin.\n"
	"\n"
	"  --html=FILE     a page with plots and tables; - is stdout\n"
	"  --svg=PREFIX    each plot as a file of its own: PREFIX-NAME.svg; "
	"the names\n"
	"                  go to stdout\n"
	"  --help          this text\n"
	"\n"
	"gnuplot draws the plots.\n"
	"Exit status: 0 done, 1 failed, 2 usage.\n";

struct plot_settings {
	const char *json;
	const char *html;
	const char *prefix;
	uint32_t help;
};

static int plot_parse(int argc, char **argv, struct plot_settings *out,
		      char *why, uint32_t why_bytes)
{
	static const struct option options[] = {
		{"html", required_argument, NULL, 'h'},
		{"svg", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'H'},
		{NULL, 0, NULL, 0},
	};
	int answer;

	optind = 0;
	while ((answer = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (answer == 'h') {
			out->html = optarg;
		} else if (answer == 's') {
			out->prefix = optarg;
		} else if (answer == 'H') {
			out->help = 1;
			return 0;
		} else {
			(void)snprintf(
				why, why_bytes, "%.100s: %s", argv[optind - 1],
				answer == ':' ? "a value is missing"
					      : "no such option, or it takes "
						"no value; --help names all");
			return -EINVAL;
		}
	}
	if (argc - optind != 1) {
		(void)snprintf(why, why_bytes, "one FILE is taken, not %d",
			       argc - optind);
		return -EINVAL;
	}
	out->json = argv[optind];
	if (out->html == NULL && out->prefix == NULL) {
		(void)snprintf(why, why_bytes,
			       "--html=FILE or --svg=PREFIX is missing");
		return -EINVAL;
	}
	return 0;
}

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

int cmd_plot(int argc, char **argv)
{
	struct plot_settings settings = {0};
	char why[PLOT_WHY_BYTES] = "";
	struct report report = {0};
	int rc = plot_parse(argc, argv, &settings, why, sizeof(why));

	if (rc < 0) {
		command_complain("plot", why);
		return COMMAND_USAGE;
	}
	if (settings.help)
		return fputs(plot_usage, stdout) == EOF || fflush(stdout) != 0
			       ? COMMAND_FAILED
			       : COMMAND_DONE;
	rc = report_json_read(&report, settings.json, why, sizeof(why));
	if (rc == 0 && settings.prefix != NULL)
		rc = plot_pictures(&report, settings.prefix, why, sizeof(why));
	if (rc == 0 && settings.html != NULL)
		rc = command_html(&report, "plot", settings.html, why,
				  sizeof(why));
	if (rc < 0)
		command_complain("plot", why);
	report_close(&report);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
