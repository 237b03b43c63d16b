/* SPDX-License-Identifier: Apache-2.0 */
/* What is written of a report beside the tables; sluice-bench plot does nothing
 * else. */
#include "bench/command.h"
#include "bench/report/html_style.h"
#include "bench/report/plot.h"

#include <stdio.h>
#include <string.h>

/* A file called like one of many: what could not be in its name is left out. */
static FILE *plot_open(const char *prefix, struct text name, char *file,
		       size_t bytes)
{
	for (char *at = name.at; *at != '\0'; at++)
		if (*at == '/' || *at < ' ')
			*at = '_';
	(void)snprintf(file, bytes, "%.1000s-%s", prefix, name.at);
	return command_open(file);
}

static int plot_pictures(const struct report *report, const char *prefix,
			 int named)
{
	struct plot plots[PLOTS_MAX];
	uint32_t count = plot_list(report, plots);
	char file[1400];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		FILE *out =
			plot_open(prefix, text_format("%s.svg", plots[i].name),
				  file, sizeof(file));

		if (out != NULL)
			plot_svg(report, &plots[i], PLOT_STYLE, out);
		rc = command_close(out, file, 0);
		if (rc == 0 && named)
			(void)puts(file);
	}
	return rc;
}

static int plot_percentiles(const struct report *report, const char *prefix,
			    int named)
{
	char file[1400];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < report->runs; i++) {
		const struct report_run *run = &report->run[i];
		FILE *out = plot_open(
			prefix,
			text_format("%s-%.4g.hgrm", run->strategy, run->load),
			file, sizeof(file));

		rc = command_close(out, file,
				   out ? report_hgrm_write(run, out) : 0);
		if (rc == 0 && named)
			(void)puts(file);
	}
	return rc;
}

int command_outputs(const struct report *report,
		    const struct bench_options *options, int named)
{
	const struct {
		const char *file;
		int (*write)(const struct report *report, FILE *out);
	} outputs[] = {{options->json, report_json_write},
		       {options->csv, report_csv_write},
		       {options->html, report_html_write}};
	int rc = 0;

	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		FILE *out;

		if (rc < 0 || outputs[i].file == NULL)
			continue;
		out = command_open(outputs[i].file);
		rc = command_close(out, outputs[i].file,
				   out ? outputs[i].write(report, out) : 0);
	}
	if (rc == 0 && options->svg != NULL)
		rc = plot_pictures(report, options->svg, named);
	if (rc == 0 && options->hgrm != NULL)
		rc = plot_percentiles(report, options->hgrm, named);
	return rc;
}

int cmd_plot(const struct command *command, struct bench_options *options)
{
	char why[COMMAND_WHY_BYTES] = "";
	struct report report = {0};
	int rc;

	if (options->html == NULL && options->svg == NULL &&
	    options->csv == NULL && options->hgrm == NULL) {
		command_complain(command->name,
				 "--html=FILE, --svg=PREFIX, --csv=FILE or "
				 "--hgrm=PREFIX is missing");
		return COMMAND_USAGE;
	}
	rc = report_json_read(&report, options->file[0], why, sizeof(why));
	if (rc == 0)
		rc = command_outputs(&report, options, 1);
	if (rc < 0)
		command_complain(command->name,
				 why[0] != '\0' ? why : sluice_last_error());
	report_close(&report);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
