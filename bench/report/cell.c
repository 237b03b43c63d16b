/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people. A cell without text was not measured. */
#include "bench/report/report.h"

#include <string.h>

const char *const report_tables[REPORT_TABLES] = {
	"", "How long it took", "What it cost, and what it kept",
	"How quiet the machine was"};

static int cell_is(const struct report_run *run, enum figure_id flag)
{
	return run->value[REPORT_MID][flag] > 0;
}

static struct text cell_range(const struct report *report,
			      const struct report_run *run)
{
	enum figure_id rank = report_rank(report);

	if (run->repeats < 2 || cell_is(run, FIGURE_SATURATED))
		return TEXT_NONE;
	return text_format("%s..%s",
			   report_cell(report, run, rank, REPORT_LOW).at,
			   report_cell(report, run, rank, REPORT_HIGH).at);
}

/* Against the best at this load. One strategy alone is not compared. */
static struct text cell_ratio(const struct report *report,
			      const struct report_run *run)
{
	enum figure_id rank = report_rank(report);
	const struct report_run *best = report_best(report, run->load, NULL);
	double ratio;

	if (report->strategies < 2 || best == NULL)
		return TEXT_NONE;
	if (!report_counts(report, run))
		return text_format("-");
	ratio = run->value[REPORT_MID][rank] / best->value[REPORT_MID][rank];
	return text_format(
		"%s%.2f",
		run == best || report_apart(rank, best, run) ? "" : "~",
		figures[rank].better == BETTER_LOWER ? ratio : 1 / ratio);
}

/* Above the highest load that was measured nothing is known. */
static struct text cell_slo(const struct report *report,
			    const struct report_run *run)
{
	uint32_t i = 0;
	double load;

	while (strcmp(report->strategy[i], run->strategy) != 0)
		i++;
	load = report_load_at_slo(report, i, REPORT_MID);
	if (report_rank(report) != FIGURE_OBJECTIVE)
		return TEXT_NONE;
	return load < 0 ? text_format("none")
			: text_format("%s%.3g",
				      load < report->load[report->loads - 1]
					      ? ""
					      : ">=",
				      load);
}

static struct text cell_derived(const struct report *report,
				const struct report_run *run, enum figure_id id)
{
	if (id == FIGURE_STRATEGY)
		return text_format("%s%s",
				   cell_is(run, FIGURE_CONTENDED) ? "! " : "",
				   run->strategy);
	if (id == FIGURE_RANGE)
		return cell_range(report, run);
	if (id == FIGURE_RATIO)
		return cell_ratio(report, run);
	if (id == FIGURE_AT_SLO)
		return cell_slo(report, run);
	return report_rank(report) == FIGURE_OBJECTIVE
		       ? text_format("%.4g", run->load)
		       : TEXT_NONE;
}

struct text report_cell(const struct report *report,
			const struct report_run *run, enum figure_id id,
			enum report_side side)
{
	double value = run->value[side][id];
	enum figure_unit unit = figures[id].unit;

	if (unit == UNIT_CELL)
		return cell_derived(report, run, id);
	if (unit == UNIT_OBJECTIVE)
		unit = report->slo.is_latency ? UNIT_TIME : UNIT_TIMES;
	if ((figures[id].source == SOURCE_QUANTILE &&
	     !cell_is(run, FIGURE_LATENCY_COUNT)) ||
	    (id == FIGURE_KEPT && !cell_is(run, FIGURE_TRIES)))
		return TEXT_NONE;
	/* Times tell how long it was, and nothing else. */
	if (cell_is(run, FIGURE_SATURATED) &&
	    (id == FIGURE_OBJECTIVE || figures[id].source == SOURCE_QUANTILE))
		return text_format("sat.");
	if (unit >= UNIT_TIME && unit <= UNIT_PART && !(value > 0))
		return TEXT_NONE;
	if (unit == UNIT_NS || unit == UNIT_TIME)
		return text_ns(value);
	if (unit == UNIT_PART)
		return text_format("%.3g %%", 100 * value);
	if (unit == UNIT_FLAG)
		return text_format("%s", value > 0 ? "yes" : "no");
	if (unit == UNIT_SHARE)
		return text_format("%.3f", value);
	return unit == UNIT_COUNT || unit == UNIT_SOME ? text_count(value)
						       : text_number(value);
}

struct text report_head(const struct report *report, enum figure_id id)
{
	return figures[id].head != NULL
		       ? text_format("%s", figures[id].head)
		       : text_format("p%.10g %s", 100 * report->slo.quantile,
				     report->slo.is_latency ? "latency"
							    : "slowdown");
}

int report_column(const struct report *report, enum figure_id id, int table)
{
	if (figures[id].table != 0 && figures[id].table != table)
		return 0;
	for (uint32_t i = 0; i < report->runs; i++)
		if (report_cell(report, &report->run[i], id, REPORT_MID)
			    .at[0] != '\0')
			return 1;
	return 0;
}

int report_table(const struct report *report, int table)
{
	for (uint32_t id = 0; id < FIGURES; id++)
		if (figures[id].table == table &&
		    report_column(report, id, table))
			return 1;
	return 0;
}
