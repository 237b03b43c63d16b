/* SPDX-License-Identifier: Apache-2.0 */
/* What run, compare, keyed, slow and burst do. */
#include "bench/command.h"
#include "bench/compare.h"

#include <string.h>
#include <unistd.h>

void command_complain(const char *name, const char *why)
{
	(void)fprintf(stderr, "sluice-bench %s: %s\n", name, why);
}

/* ---- files --------------------------------------------------------------- */

FILE *command_open(const char *file)
{
	FILE *out = strcmp(file, "-") == 0 ? stdout : fopen(file, "we");

	if (out == NULL)
		(void)sluice_fail(-errno, "%.200s: %s", file, strerror(errno));
	return out;
}

int command_close(FILE *out, const char *file, int rc)
{
	if (out == NULL)
		return -EIO;
	if (ferror(out) && rc == 0)
		rc = -EIO;
	if ((out == stdout ? fflush(out) : fclose(out)) != 0 && rc == 0)
		rc = -errno;
	return rc < 0 ? sluice_fail(rc, "%.200s: %s", file, strerror(-rc)) : 0;
}

int command_json(json_t *root, const char *file)
{
	FILE *out = command_open(file);
	int rc = root == NULL ? -ENOMEM : 0;

	if (rc == 0 && out != NULL &&
	    (json_dumpf(root, out, JSON_REAL_PRECISION(12) | JSON_INDENT(1)) <
		     0 ||
	     fputc('\n', out) == EOF))
		rc = -EIO;
	json_decref(root);
	return command_close(out, file, rc);
}

/* The trace that all of it is about, at its one load. */
static int command_save(const struct bench_options *options)
{
	struct trace_opts opts = options->plan.trace;
	struct trace trace;
	FILE *out;
	int rc;

	if (options->save_trace == NULL)
		return 0;
	*(options->plan.by_speed ? &opts.speed : &opts.load) =
		options->plan.load[0];
	rc = trace_open(&trace, &opts);
	if (rc < 0)
		return rc;
	out = command_open(options->save_trace);
	rc = command_close(out, options->save_trace,
			   out != NULL ? trace_save(&trace, out) : 0);
	trace_close(&trace);
	return rc;
}

/* ---- what is told -------------------------------------------------------- */

static const struct report_style *
command_style(const struct bench_options *options)
{
	const char *no_color = getenv("NO_COLOR");
	int color = options->color == COLOR_ALWAYS ||
		    (options->color == COLOR_AUTO && isatty(STDOUT_FILENO) &&
		     (no_color == NULL || no_color[0] == '\0'));

	return color ? &report_style_color : &report_style_plain;
}

static int command_write(const struct report *report,
			 const struct bench_options *options)
{
	int rc = command_outputs(report, options, 0);

	/* Stdout is taken by at most one of them. */
	if (rc != 0 || options_stdout(options))
		return rc;
	rc = report_table_write(report, command_style(options), !options->quiet,
				stdout);
	return rc < 0 ? sluice_fail(rc, "stdout: %s", strerror(-rc)) : 0;
}

/* All loads; what has been measured when one fails is in the report. */
static int command_measure(const struct bench_plan *plan, int watched,
			   struct report *report)
{
	uint32_t rounds = compare_rounds(plan);
	int rc = 0;

	if (plan->trace.own != NULL)
		report_json_trace(report, &plan->trace.own->facts,
				  plan->consumers);
	for (uint32_t i = 0; rc == 0 && i < plan->loads; i++) {
		struct run_result *results =
			compare_load(plan, plan->load[i], watched);

		rc = results != NULL ? 0 : -EIO;
		for (uint32_t j = 0; rc == 0 && j < plan->strategies; j++)
			rc = report_add(report,
					report_run_json(&results[j * rounds],
							rounds,
							plan->consumers));
		free(results);
	}
	if (watched)
		(void)fputs("\r\033[K", stderr);
	return rc;
}

int cmd_measure(const struct command *command, struct bench_options *options)
{
	int watched = !options->quiet && isatty(STDERR_FILENO);
	struct report report = {0};
	int rc = report_open(&report, report_document(command->name));

	if (rc < 0)
		(void)sluice_fail(rc, "no memory for the report");
	else
		rc = command_save(options);
	if (rc == 0)
		rc = command_measure(&options->plan, watched, &report);
	if (rc == 0) {
		options_record(options, &report);
		rc = command_write(&report, options);
	}
	if (rc < 0)
		command_complain(command->name, sluice_last_error());
	report_close(&report);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
