/* SPDX-License-Identifier: Apache-2.0 */
/* What is written of a report beside the tables; sluice-bench plot does nothing
 * else. */
#include "bench/command.h"
#include "bench/report/report.h"

#include <stdio.h>
#include <string.h>

/* A file for each plot, or for each run its percentiles, called PREFIX-NAME: what
 * cannot be in the name of a file is left out of it. */
static int plot_files(const struct report *report, const char *prefix,
		      int plots, int named)
{
	struct plot plot[PLOTS_MAX];
	uint32_t count = plots ? plot_list(report, plot) : report->runs;
	char file[1400];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		const struct report_run *run = &report->run[i];
		struct text name =
			plots ? text_format("%s.svg", plot[i].name.at)
			      : text_format("%s-%.4g.hgrm", run->strategy,
					    run->load);
		FILE *out;

		for (char *at = name.at; *at != '\0'; at++)
			if (*at == '/' || *at < ' ')
				*at = '_';
		(void)snprintf(file, sizeof(file), "%.1000s-%s", prefix,
			       name.at);
		out = command_open(file);
		if (out != NULL && plots)
			plot_svg(report, &plot[i], 1, out);
		else if (out != NULL)
			report_hgrm_write(run, out);
		rc = command_close(out, file, 0);
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

	for (size_t i = 0; i < 3 && rc == 0; i++) {
		const char *file = outputs[i].file;
		FILE *out = file != NULL ? command_open(file) : NULL;

		if (file != NULL)
			rc = command_close(out, file,
					   out ? outputs[i].write(report, out)
					       : 0);
	}
	if (rc == 0 && options->svg != NULL)
		rc = plot_files(report, options->svg, 1, named);
	if (rc == 0 && options->hgrm != NULL)
		rc = plot_files(report, options->hgrm, 0, named);
	return rc;
}

int cmd_plot(const struct command *command, struct bench_options *options)
{
	struct report report = {0};
	int rc;

	if (options->html == NULL && options->svg == NULL &&
	    options->csv == NULL && options->hgrm == NULL) {
		command_complain(command->name,
				 "--html=FILE, --svg=PREFIX, --csv=FILE or "
				 "--hgrm=PREFIX is missing");
		return COMMAND_USAGE;
	}
	rc = report_json_read(&report, options->file[0]);
	if (rc == 0)
		rc = command_outputs(&report, options, 1);
	report_close(&report);
	return rc;
}
