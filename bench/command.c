/* SPDX-License-Identifier: Apache-2.0 */
/* What run, compare, keyed, slow and burst do. */
#include "bench/command.h"
#include "bench/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void command_complain(const char *name, const char *why)
{
	(void)fprintf(stderr, "sluice-bench %s: %s\n", name, why);
}

/* One line that is written over; \033[K clears what the last one left. */
static void command_progress(const struct compare_step *step)
{
	(void)fprintf(stderr, "\r%u/%u  load %.4g  %s", step->step, step->steps,
		      step->load, step->strategy);
	if (step->rounds > 1)
		(void)fprintf(stderr, "  round %u of %u", step->round,
			      step->rounds);
	(void)fputs("\033[K", stderr);
	(void)fflush(stderr);
}

static const struct report_style *
command_style(const struct bench_options *options)
{
	const char *no_color = getenv("NO_COLOR");

	if (options->color == COLOR_ALWAYS)
		return &report_style_color;
	if (options->color == COLOR_AUTO && isatty(STDOUT_FILENO) &&
	    (no_color == NULL || no_color[0] == '\0'))
		return &report_style_color;
	return &report_style_plain;
}

FILE *command_open(const char *file, char *why, uint32_t why_bytes)
{
	FILE *out;

	if (strcmp(file, "-") == 0)
		return stdout;
	out = fopen(file, "we");
	if (out == NULL)
		(void)snprintf(why, why_bytes, "%.200s: %s", file,
			       strerror(errno));
	return out;
}

int command_close(FILE *out, const char *file, int rc, char *why,
		  uint32_t why_bytes)
{
	if (out == NULL)
		return -EIO;
	if (ferror(out) && rc == 0)
		rc = -EIO;
	if ((out == stdout ? fflush(out) : fclose(out)) != 0 && rc == 0)
		rc = -errno;
	if (rc < 0)
		(void)snprintf(why, why_bytes, "%.200s: %s", file,
			       strerror(-rc));
	return rc;
}

static int command_stdout(const char *file)
{
	return file != NULL && strcmp(file, "-") == 0;
}

static int command_write(const struct report *report,
			 const struct bench_options *options, char *why,
			 uint32_t why_bytes)
{
	int rc = command_outputs(report, options, 0, why, why_bytes);

	/* Stdout is taken by at most one of them. */
	if (rc < 0 || command_stdout(options->json) ||
	    command_stdout(options->csv) || command_stdout(options->html) ||
	    command_stdout(options->save_trace))
		return rc;
	rc = report_table_write(report, command_style(options), !options->quiet,
				stdout);
	if (rc < 0)
		(void)snprintf(why, why_bytes, "stdout: %s", strerror(-rc));
	return rc;
}

/* The trace that all of it was about, as a file. */
static int command_save(const struct trace *trace, void *ctx, char *why,
			uint32_t why_bytes)
{
	const struct bench_options *options = ctx;
	FILE *out;
	int rc;

	if (options->save_trace == NULL)
		return 0;
	out = command_open(options->save_trace, why, why_bytes);
	rc = out != NULL ? trace_save(trace, out) : 0;
	return command_close(out, options->save_trace, rc, why, why_bytes);
}

int cmd_measure(const struct command *command, struct bench_options *options)
{
	const struct bench_plan *plan = &options->plan;
	int watched = !options->quiet && isatty(STDERR_FILENO);
	char why[COMMAND_WHY_BYTES] = "";
	struct report report = {0};
	int rc = report_open(&report, report_document(command->name));

	if (rc < 0) {
		command_complain(command->name, "no memory for the report");
		return COMMAND_FAILED;
	}
	rc = compare_run(
		&(struct compare_opts){
			.plan = plan,
			.progress = watched ? command_progress : NULL,
			.traced = command_save,
			.ctx = options,
		},
		&report, why, sizeof(why));
	options_record(options, &report);
	if (watched)
		(void)fputs("\r\033[K", stderr);
	if (rc == 0)
		rc = command_write(&report, options, why, sizeof(why));
	if (rc < 0)
		command_complain(command->name, why);
	report_close(&report);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}
