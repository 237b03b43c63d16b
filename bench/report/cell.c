/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for people. A cell without text was not measured. */
#include "bench/report/report.h"

#include <string.h>

const char *const report_tables[REPORT_TABLES] = {
	"", "How long it took", "What it cost, and what it kept",
	"How quiet the machine was"};

/* A figure of a run that has @value, in its unit. */
static struct text cell_value(const struct report *report, enum figure_id id,
			      double value)
{
	enum figure_unit unit = figures[id].unit;

	if (unit == UNIT_OBJECTIVE)
		unit = report->slo.is_latency ? UNIT_TIME : UNIT_TIMES;
	if (unit >= UNIT_TIME && unit <= UNIT_SOME && !(value > 0))
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

struct text report_range(const struct report *report,
			 const struct report_run *run, enum figure_id id)
{
	if (run->repeats < 2 || figures[id].unit == UNIT_FLAG)
		return TEXT_NONE;
	return text_format("%s..%s", cell_value(report, id, run->low[id]).at,
			   cell_value(report, id, run->high[id]).at);
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
	ratio = run->mid[rank] / best->mid[rank];
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
	load = report_load_at_slo(report, i).mid;
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
	int has_load = report_rank(report) == FIGURE_OBJECTIVE;

	if (id == FIGURE_STRATEGY)
		return text_format("%s%s",
				   run->mid[FIGURE_CONTENDED] > 0 ? "! " : "",
				   run->strategy);
	if (id == FIGURE_RANGE && !(run->mid[FIGURE_SATURATED] > 0))
		return report_range(report, run, report_rank(report));
	if (id == FIGURE_RATIO)
		return cell_ratio(report, run);
	if (id == FIGURE_AT_SLO && has_load)
		return cell_slo(report, run);
	return id == FIGURE_LOAD && has_load ? text_format("%.4g", run->load)
					     : TEXT_NONE;
}

struct text report_cell(const struct report *report,
			const struct report_run *run, enum figure_id id)
{
	int is_time = figures[id].source == SOURCE_QUANTILE;

	if (figures[id].unit == UNIT_CELL)
		return cell_derived(report, run, id);
	if ((is_time && !(run->mid[FIGURE_LATENCY_COUNT] > 0)) ||
	    (id == FIGURE_KEPT && !(run->mid[FIGURE_TRIES] > 0)))
		return TEXT_NONE;
	/* Times tell how long it was, and nothing else. */
	if (run->mid[FIGURE_SATURATED] > 0 &&
	    (is_time || id == FIGURE_OBJECTIVE))
		return text_format("sat.");
	return cell_value(report, id, run->mid[id]);
}

struct text report_head(const struct report *report, enum figure_id id)
{
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
		has |= report_cell(report, &report->run[i], id).at[0] != '\0';
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

struct text report_about(const struct report *report, uint32_t i)
{
	static const char *const said[2][6] = {
		{"mode", "events", "arrivals", "service", "service-mean",
		 "keys"},
		{"consumers", "producers", "window", "refill", "seed", "slo"},
	};
	struct text text = TEXT_NONE;
	const char *told = json_string_value(json_array_get(
		json_object_get(json_object_get(report->root, "trace"), "told"),
		i - 2));

	if (i >= 2)
		return told != NULL ? text_format("%s", told) : TEXT_NONE;
	for (uint32_t k = 0; k < 6; k++)
		text = text_format("%s%s%s %s", text.at, k > 0 ? ", " : "",
				   said[i][k],
				   report_setting(report, said[i][k]));
	return text;
}
