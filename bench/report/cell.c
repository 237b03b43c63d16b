/* SPDX-License-Identifier: Apache-2.0 */
/* What a figure is, and how it is told to people. A cell without text was not
 * measured. */
#include "bench/report/report.h"

#include <math.h>

const struct figure figures[FIGURES] = {
#define FIGURE(name, group, member, unit, better, value, table, head, about)   \
	{group, member, UNIT_##unit, BETTER_##better, table, head, about},
#include "bench/report/figure.def"
};

double figure_read(enum figure_id id, const struct run_result *run)
{
	double is = 0;

	switch (id) {
#define FIGURE(name, group, member, unit, better, value, table, head, about)   \
	case FIGURE_##name:                                                    \
		is = (double)(value);                                          \
		break;
#include "bench/report/figure.def"
	case FIGURES:
	default:
		break;
	}
	/* Slowdowns are in 1/1000. */
	return figures[id].unit == UNIT_TIMES ? is / 1e3 : is;
}

const char *const report_tables[REPORT_TABLES] = {
	"", "How long it took", "What it cost, and what it kept",
	"How quiet the machine was"};

/* A figure of a run that has @value, in its unit. */
static struct text cell_value(const struct report_run *run, enum figure_id id,
			      double value)
{
	enum figure_unit unit = figures[id].unit;

	if (unit == UNIT_OBJECTIVE)
		unit = run->report->slo.is_latency ? UNIT_NS : UNIT_TIMES;
	if (isnan(value))
		return TEXT_NONE;
	if (unit <= UNIT_NS)
		return text_ns(value);
	if (unit == UNIT_PART)
		return text_format("%.3g %%", 100 * value);
	if (unit == UNIT_FLAG)
		return text_format("%s", value > 0 ? "yes" : "no");
	if (unit == UNIT_SHARE)
		return text_format("%.3f", value);
	return unit == UNIT_COUNT ? text_count(value) : text_number(value);
}

/* "12.1..12.5"; "": of one repeat. */
static struct text cell_range(const struct report_run *run, enum figure_id id)
{
	if (run->repeats < 2 || figures[id].unit == UNIT_FLAG)
		return TEXT_NONE;
	return text_format("%s..%s", cell_value(run, id, run->low[id]).at,
			   cell_value(run, id, run->high[id]).at);
}

struct text report_value(const struct report_run *run, enum figure_id id)
{
	struct text range = cell_range(run, id);

	return text_format(range.at[0] != '\0' ? "%s (%s)" : "%s",
			   report_cell(run, id).at, range.at);
}

/* Against the best at this load. One strategy alone is not compared. */
static struct text cell_ratio(const struct report_run *run)
{
	enum figure_id rank = report_rank(run->report);
	const struct report_run *best =
		report_best(run->report, run->load_at, NULL);
	double ratio;

	if (run->report->strategies < 2 || best == NULL)
		return TEXT_NONE;
	if (!report_counts(run))
		return text_format("-");
	ratio = run->mid[rank] / best->mid[rank];
	return text_format(
		"%s%.2f",
		run == best || report_apart(rank, best, run) ? "" : "~",
		figures[rank].better == BETTER_LOWER ? ratio : 1 / ratio);
}

/* Above the highest load that was measured nothing is known. */
static struct text cell_slo(const struct report_run *run)
{
	const struct report *report = run->report;
	double load = report_load_at_slo(report, run->strategy_at).mid;
	int known = load < report->load[report->loads - 1];

	return load < 0 ? text_format("none")
			: text_format("%s%.3g", known ? "" : ">=", load);
}

static struct text cell_derived(const struct report_run *run, enum figure_id id)
{
	enum figure_id rank = report_rank(run->report);

	if (id == FIGURE_STRATEGY)
		return text_format("%s%s", run->contended ? "! " : "",
				   run->strategy);
	if (id == FIGURE_RANGE && !run->saturated)
		return cell_range(run, rank);
	if (id == FIGURE_RATIO)
		return cell_ratio(run);
	if (id == FIGURE_AT_SLO && rank == FIGURE_OBJECTIVE &&
	    !report_is_size(run->report))
		return cell_slo(run);
	return id == FIGURE_LOAD && rank == FIGURE_OBJECTIVE
		       ? text_format("%.4g", run->load)
		       : TEXT_NONE;
}

struct text report_cell(const struct report_run *run, enum figure_id id)
{
	int is_time = figure_is_time(id);

	if (figures[id].unit == UNIT_CELL)
		return cell_derived(run, id);
	/* Times tell how long it was, and nothing else. */
	return run->saturated && (is_time || id == FIGURE_OBJECTIVE)
		       ? text_format("sat.")
		       : cell_value(run, id, run->mid[id]);
}

struct text report_head(const struct report *report, enum figure_id id)
{
	enum figure_id rank = report_rank(report);

	if (id == FIGURE_RANGE && rank != FIGURE_OBJECTIVE)
		return text_format("%s %s", figures[rank].head,
				   figures[id].head);
	if (id == FIGURE_LOAD && report_is_size(report))
		return text_format("consumers");
	return figures[id].head != NULL
		       ? text_format("%s", figures[id].head)
		       : text_format("p%.10g %s", 100 * report->slo.quantile,
				     report->slo.is_latency ? "latency"
							    : "slowdown");
}

int report_column(const struct report *report, enum figure_id id)
{
	int has = 0;

	for (uint32_t i = 0; i < report->runs && figures[id].table >= 0; i++)
		has |= report_cell(&report->run[i], id).at[0] != '\0';
	return has;
}

uint32_t report_columns(const struct report *report, int table,
			enum figure_id *ids)
{
	uint32_t own = 0;
	uint32_t n = 0;

	for (uint32_t id = 0; id < FIGURES; id++) {
		if ((figures[id].table != 0 && figures[id].table != table) ||
		    !report_column(report, id))
			continue;
		own += figures[id].table == table;
		ids[n++] = id;
	}
	return own > 0 ? n : 0;
}

json_t *report_legend(const struct report *report)
{
	json_t *legend = json_object();

	for (uint32_t id = 0; id < FIGURES; id++)
		if (figures[id].about != NULL && report_column(report, id) &&
		    (id != FIGURE_LOAD || !report_is_size(report)))
			(void)json_object_set_new(
				legend, report_head(report, id).at,
				json_string(figures[id].about));
	return legend;
}

struct text report_about(const struct report *report, uint32_t i)
{
	static const char *const said[] = {
		"mode",         "events", "arrivals",  "service",
		"service-mean", "keys",   "consumers", "producers",
		"window",       "refill", "seed",      "slo"};
	struct text text = TEXT_NONE;
	const char *told = json_string_value(json_array_get(
		json_object_get(json_object_get(report->root, "trace"), "told"),
		i - 2));

	if (i >= 2)
		return told != NULL ? text_format("%s", told) : TEXT_NONE;
	for (uint32_t k = 6 * i; k < 6 * i + 6; k++) {
		const char *was = report_setting(report, said[k]);

		if (was[0] != '\0')
			text = text_format("%s%s%s %s", text.at,
					   text.at[0] ? ", " : "", said[k],
					   was);
	}
	return text;
}
