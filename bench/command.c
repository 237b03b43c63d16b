/* SPDX-License-Identifier: Apache-2.0 */
/* What run, compare, keyed, slow and burst do; and plot, which only writes what
 * they can write beside the tables. */
#include "bench/command.h"
#include "dispatch/mix.h"

#include <string.h>

/* ---- files --------------------------------------------------------------- */

struct trace_opts command_trace(const struct bench_plan *plan, double load)
{
	struct trace_opts opts = plan->trace;

	*(plan->by_speed ? &opts.speed : &opts.load) = load;
	return opts;
}

/* The first trace: what this machine cannot do with it is refused, as other options
 * are; then it is saved. */
static int command_first(const struct command *command,
			 const struct bench_options *options)
{
	struct trace_opts opts =
		command_trace(&options->plan, options->plan.load[0]);
	const char *file = options->save_trace;
	struct trace trace;
	int rc = trace_open(&trace, &opts);

	if (rc == 0 && run_possible(&options->plan, &trace) < 0) {
		command_complain(command, cli_error());
		rc = COMMAND_USAGE;
	} else if (rc == 0 && file != NULL) {
		FILE *out = output_open(file);

		rc = output_close(out, file, out ? trace_save(&trace, out) : 0);
	}
	trace_close(&trace);
	return rc;
}

/* A file for each plot, or for each run its percentiles, called PREFIX-NAME: what
 * cannot be in the name of a file is left out of it. */
static int plot_files(const struct report *report,
		      const struct bench_options *options, int plots, int named)
{
	const char *prefix = plots ? options->svg : options->hgrm;
	struct plot plot[PLOTS_MAX];
	uint32_t count = plots ? plot_list(report, plot) : report->runs;
	char file[1400];
	int rc = 0;

	for (uint32_t i = 0; prefix != NULL && rc == 0 && i < count; i++) {
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
		rc = options_spare(options, plots ? "svg" : "hgrm", file);
		out = rc == 0 ? output_open(file) : NULL;
		if (out != NULL && plots)
			plot_svg(&plot[i], 1, out);
		else if (out != NULL)
			report_hgrm_write(run, out);
		rc = output_close(out, file, rc);
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
		FILE *out = file != NULL ? output_open(file) : NULL;

		if (file != NULL)
			rc = output_close(out, file,
					  out ? outputs[i].write(report, out)
					      : 0);
	}
	for (int plots = 1; rc == 0 && plots >= 0; plots--)
		rc = plot_files(report, options, plots, named);
	return rc;
}

/* ---- runs ---------------------------------------------------------------- */

/* From the seed of one round to that of the next, modulo 2^64: neither they nor
 * their lower halves meet those of another --seed. */
#define COMPARE_SEED SLUICE_MIX_STEP

/* As many as the plan has; 1 where the same again is the same, to the last
 * event: in sim, when nothing is drawn. */
static uint32_t compare_rounds(const struct bench_plan *plan)
{
	return plan->mode != PLAN_SIM || plan_draws(plan) ? plan->repeats : 1;
}

struct run_result *compare_load(const struct bench_plan *asked, double load,
				int watched)
{
	struct bench_plan plan = *asked; /* with the seed of a round */
	uint32_t rounds = compare_rounds(&plan);
	uint32_t runs = rounds * plan.strategies;
	struct run_result *results = calloc(runs, sizeof(*results));
	struct trace trace = {0};
	int rc = results != NULL ? 0 : cli_fail(-ENOMEM, "no memory");

	plan.trace = command_trace(asked, load);
	if (plan.by_speed)
		load *= plan.trace.own->facts.load;
	/* All strategies over one trace, and then over the next. */
	for (uint32_t i = 0; rc == 0 && i < runs; i++) {
		uint32_t round = i / plan.strategies;
		uint32_t s = i % plan.strategies;
		struct run_result *result = &results[s * rounds + round];

		if (s == 0) {
			plan.trace.seed += round > 0 ? COMPARE_SEED : 0;
			trace_close(&trace);
			rc = trace_open(&trace, &plan.trace);
		}
		if (watched)
			output_watch("load %.4g  %s  round %u of %u", load,
				     plan.strategy[s].name, round + 1, rounds);
		if (rc == 0 && (rc = run_strategy(&plan, &plan.strategy[s],
						  &trace, result)) < 0)
			(void)cli_within("at load %g: ", load);
		result->load = load;
	}
	trace_close(&trace);
	if (rc == 0)
		return results;
	free(results);
	return NULL;
}

int compare_add(struct bench_plan *plan, double load, int watched,
		struct report *report)
{
	uint32_t rounds = compare_rounds(plan);
	struct run_result *results = compare_load(plan, load, watched);
	int rc = results != NULL ? 0 : -EIO;

	for (uint32_t i = 0; rc == 0 && i < plan->strategies; i++)
		rc = report_add(report,
				report_run_json(&results[i * rounds], rounds,
						plan->consumers));
	for (uint32_t i = 0; rc == 0 && i < plan->strategies * rounds; i++)
		for (uint32_t k = 0; k < plan->faults; k++)
			plan->late[k] += results[i].late >> k & 1;
	free(results);
	return rc;
}

/* ---- what is told -------------------------------------------------------- */

/* All loads; what has been measured when one fails is in the report. */
static int command_measure(struct bench_options *options, struct report *report)
{
	struct bench_plan *plan = &options->plan;
	int watched = !options->quiet && output_watched();
	int rc = 0;

	if (plan->trace.own != NULL)
		report_json_trace(report, &plan->trace.own->facts,
				  plan->consumers);
	for (uint32_t i = 0; rc == 0 && i < plan->loads; i++)
		rc = compare_add(plan, plan->load[i], watched, report);
	if (watched)
		output_watch_end();
	return rc;
}

/* What came when a run was over has changed nothing there. */
static void command_late(const struct command *command,
			 const struct bench_plan *plan, uint32_t runs)
{
	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *fault = &plan->fault[i];
		struct text note = text_format(
			"note: --%s of consumer %u at %s changed nothing in %u "
			"of %u runs: they had ended before",
			plan_fault_names[fault->kind], fault->consumer,
			text_ns((double)fault->at_ns).at, plan->late[i],
			runs * compare_rounds(plan));

		if (plan->late[i] > 0)
			command_complain(command, note.at);
	}
}

int cmd_measure(const struct command *command, void *of)
{
	struct bench_options *options = of;
	struct report report = {0};
	int rc = report_open(&report, report_document(command->name));

	if (rc == 0)
		rc = command_first(command, options);
	if (rc == 0)
		rc = command_measure(options, &report);
	if (rc == 0) {
		command_late(command, &options->plan, report.runs);
		options_record(options, &report);
		rc = command_outputs(&report, options, 0);
	}
	if (rc == 0 && !options->line.to_stdout) /* tool_main() looks at it */
		report_table_write(&report, output_color(options->color),
				   !options->quiet, stdout);
	report_close(&report);
	return rc;
}

int cmd_plot(const struct command *command, void *of)
{
	struct bench_options *options = of;
	struct report report = {0};
	int rc;

	if (options->html == NULL && options->svg == NULL &&
	    options->csv == NULL && options->hgrm == NULL) {
		command_complain(command,
				 "--html=FILE, --svg=PREFIX, --csv=FILE or "
				 "--hgrm=PREFIX is missing");
		return COMMAND_USAGE;
	}
	rc = report_json_read(&report, options->line.word[0]);
	if (rc == 0)
		rc = command_outputs(&report, options, 1);
	report_close(&report);
	return rc;
}
