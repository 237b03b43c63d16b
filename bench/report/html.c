/* SPDX-License-Identifier: Apache-2.0 */
/* A page: one file, no script, nothing fetched. The sentence first, then plots,
 * then the figures at the load that matters; all else is folded. */
#include "bench/report/report.h"
#include "dispatch/strategy.h"

#include <errno.h>
#include <string.h>

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
		plot_svg(&plots[i], 0, out);
		(void)fputs("</figure>\n", out);
	}
	(void)fputs("</div>\n", out);
}

/* ---- tables -------------------------------------------------------------- */

/* At the loads from @from to @to. */
static void html_rows(const struct report *report, int table, uint32_t from,
		      uint32_t to, FILE *out)
{
	static const char *const marks[] = {"", "best", "contended"};
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
		text_markup(out, "<tr class=\"%%\">", marks[report_mark(run)],
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
	struct text at = report->loads > 1
				 ? report_load_text(report, report->load[load])
				 : TEXT_NONE;

	if (report_columns(report, table, column) == 0)
		return;
	text_markup(out, "<section class=card>\n<h2>%%</h2>\n",
		    report_tables[table], at.at);
	html_rows(report, table, load, load, out);
	if (report->loads > 1) {
		(void)fputs("<details><summary>All of them</summary>\n", out);
		html_rows(report, table, 0, report->loads, out);
		(void)fputs("</details>\n", out);
	}
	(void)fputs("</section>\n", out);
}

/* ---- lists, folded -------------------------------------------------------- */

/* What the strategies do that were run, with whatever settings. */
static json_t *html_strategies(const struct report *report)
{
	json_t *list = json_object();

	for (uint32_t i = 0; i < report->strategies; i++) {
		const char *run = report->strategy[i];
		struct text name =
			text_format("%.*s", (int)strcspn(run, ":@"), run);
		const struct sluice_strategy *strategy =
			sluice_strategy_find(name.at);

		if (strategy != NULL)
			(void)json_object_set_new(list, name.at,
						  json_string(strategy->help));
	}
	return list;
}

/* Names, and what they are; @settings: of values. */
static void html_list(const char *title, json_t *list, int settings, FILE *out)
{
	const char *name;
	json_t *value;

	text_markup(out, "<details class=card><summary>%</summary>\n", title);
	(void)fputs(settings ? "<table class=plain>\n" : "<dl>\n", out);
	json_object_foreach(list, name, value)
		text_markup(out,
			    settings ? "<tr><th>%<td>%</tr>\n"
				     : "<dt>%</dt><dd>%</dd>\n",
			    name,
			    json_is_string(value)
				    ? json_string_value(value)
				    : text_count(json_number_value(value)).at);
	(void)fprintf(out, "</%s>\n</details>\n", settings ? "table" : "dl");
}

int report_html_write(const struct report *report, FILE *out)
{
	json_t *strategies = html_strategies(report);
	json_t *legend = report_legend(report);

	html_head(report, out);
	html_plots(report, out);
	for (int i = 1; i < REPORT_TABLES; i++)
		html_table(report, i, out);
	html_list("What the strategies do", strategies, 0, out);
	html_list("What the columns mean", legend, 0, out);
	html_list("The plan", json_object_get(report->root, "plan"), 1, out);
	html_list("The machine", json_object_get(report->root, "machine"), 1,
		  out);
	json_decref(strategies);
	json_decref(legend);
	(void)fputs("</body>\n</html>\n", out);
	return ferror(out) ? -EIO : 0;
}
