/* SPDX-License-Identifier: Apache-2.0 */
/* A page: one file, no script, nothing fetched. The sentence first, then plots,
 * then the figures at the load that matters; all else is folded. */
#include "bench/report/plot.h"
#include "dispatch/strategy.h"

#include <errno.h>
#include <string.h>

static const char html_list[] =
	"<details class=card><summary>%</summary>\n<dl>\n";
static const char html_entry[] = "<dt>%</dt><dd>%</dd>\n";

static void html_head(const struct report *report, FILE *out)
{
	const char *command =
		json_string_value(json_object_get(report->root, "command"));
	struct text about;

	text_markup(out,
		    "<!DOCTYPE html>\n<html lang=en>\n<head>\n"
		    "<meta charset=utf-8>\n<meta name=viewport "
		    "content=\"width=device-width\">\n"
		    "<title>sluice-bench %</title>\n<style>\n",
		    command);
	(void)fprintf(out, "%s%s", plot_css, page_css);
	text_markup(out,
		    "</style>\n</head>\n<body>\n<h1>sluice-bench %</h1>\n"
		    "<p class=verdict>%</p>\n",
		    command, report_verdict(report).at);
	for (uint32_t i = 0; (about = report_about(report, i)).at[0]; i++)
		text_markup(out, "<p class=soft>%</p>\n", about.at);
}

static void html_plots(const struct report *report, FILE *out)
{
	struct plot plots[PLOTS_MAX];
	uint32_t count = plot_list(report, plots);

	(void)fputs("<div class=plots>\n", out);
	for (uint32_t i = 0; i < count; i++) {
		text_markup(out,
			    "<figure>\n<figcaption><b>%</b> %</figcaption>\n",
			    plots[i].title.at, plots[i].about);
		plot_svg(report, &plots[i], 0, out);
		(void)fputs("</figure>\n", out);
	}
	(void)fputs("</div>\n", out);
}

/* ---- tables -------------------------------------------------------------- */

/* At the loads from @from to @to. */
static void html_rows(const struct report *report, int table, uint32_t from,
		      uint32_t to, FILE *out)
{
	enum figure_id column[FIGURES];
	uint32_t columns = report_columns(report, table, column);

	(void)fputs("<div class=wide><table>\n<thead><tr>", out);
	for (uint32_t i = 0; i < columns; i++)
		text_markup(out, "<th>%", report_head(report, column[i]).at);
	(void)fputs("</tr></thead>\n<tbody>\n", out);
	for (uint32_t i = 0; i < report->runs; i++) {
		const struct report_run *run = &report->run[i];

		if (run->load_at < from || run->load_at > to)
			continue;
		text_markup(out, "<tr class=\"%%\">",
			    run->contended     ? "contended"
			    : report_wins(run) ? "best"
					       : "",
			    i > 0 && run->load_at > run[-1].load_at ? " load"
								    : "");
		for (uint32_t k = 0; k < columns; k++)
			text_markup(out, "<td>%",
				    report_cell(run, column[k]).at);
		(void)fputs("</tr>\n", out);
		if (run->contended && table == 1)
			text_markup(out,
				    "<tr class=why><td colspan=30>%</tr>\n",
				    run->why);
	}
	(void)fputs("</tbody>\n</table></div>\n", out);
}

static void html_table(const struct report *report, int table, FILE *out)
{
	enum figure_id column[FIGURES];
	uint32_t load = report_load_told(report);
	struct text at = report->loads > 1 ? text_format(" at load %.4g",
							 report->load[load])
					   : TEXT_NONE;

	if (report_columns(report, table, column) == 0)
		return;
	text_markup(out, "<section class=card>\n<h2>%%</h2>\n",
		    report_tables[table], at.at);
	html_rows(report, table, load, load, out);
	if (report->loads > 1) {
		(void)fputs("<details><summary>All loads</summary>\n", out);
		html_rows(report, table, 0, report->loads, out);
		(void)fputs("</details>\n", out);
	}
	(void)fputs("</section>\n", out);
}

/* Has a run of @report this strategy, with whatever settings? */
static int html_has(const struct report *report, const char *name)
{
	size_t length = strlen(name);
	int has = 0;

	for (uint32_t i = 0; i < report->strategies; i++)
		has |= strncmp(report->strategy[i], name, length) == 0 &&
		       strchr(":@", report->strategy[i][length]) != NULL;
	return has;
}

/* ---- lists, folded -------------------------------------------------------- */

static void html_strategies(const struct report *report, FILE *out)
{
	const struct sluice_strategy *strategy;

	text_markup(out, html_list, "What the strategies do");
	for (uint32_t i = 0; (strategy = sluice_strategy_at(i)) != NULL; i++)
		if (html_has(report, strategy->name))
			text_markup(out, html_entry, strategy->name,
				    strategy->help);
	(void)fputs("</dl>\n</details>\n", out);
}

static void html_legend(const struct report *report, FILE *out)
{
	text_markup(out, html_list, "What the columns mean");
	for (uint32_t id = 0; id < FIGURES; id++)
		if (figures[id].about != NULL && report_column(report, id))
			text_markup(out, html_entry, report_head(report, id).at,
				    figures[id].about);
	(void)fputs("</dl>\n</details>\n", out);
}

/* What "plan" or "machine" has. */
static void html_pairs(const struct report *report, const char *title,
		       const char *member, FILE *out)
{
	json_t *pairs = json_object_get(report->root, member);
	const char *name;
	json_t *value;

	text_markup(out,
		    "<details class=card><summary>%</summary>\n"
		    "<table class=plain>\n",
		    title);
	json_object_foreach(pairs, name, value)
	{
		text_markup(out, "<tr><th>%<td>%</tr>\n", name,
			    json_is_string(value)
				    ? json_string_value(value)
				    : text_count(json_number_value(value)).at);
	}
	(void)fputs("</table>\n</details>\n", out);
}

int report_html_write(const struct report *report, FILE *out)
{
	html_head(report, out);
	html_plots(report, out);
	for (int i = 1; i < REPORT_TABLES; i++)
		html_table(report, i, out);
	html_strategies(report, out);
	html_legend(report, out);
	html_pairs(report, "The plan", "plan", out);
	html_pairs(report, "The machine", "machine", out);
	(void)fputs("</body>\n</html>\n", out);
	return ferror(out) ? -EIO : 0;
}
