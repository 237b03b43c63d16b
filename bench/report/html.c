/* SPDX-License-Identifier: Apache-2.0 */
/* A page: one file, no script, nothing fetched. The sentence first, then plots,
 * then the figures at the load that matters; all else is folded. */
#include "bench/report/html_style.h"
#include "bench/report/plot.h"

#include <errno.h>

static void html_head(const struct report *report, FILE *out)
{
	static const char *const said[] = {"mode",         "events",
					   "arrivals",     "service",
					   "service-mean", "consumers"};
	const char *command =
		json_string_value(json_object_get(report->root, "command"));
	char text[256];

	text_markup(out,
		    "<!DOCTYPE html>\n<html lang=en>\n<head>\n"
		    "<meta charset=utf-8>\n<meta name=viewport "
		    "content=\"width=device-width\">\n"
		    "<title>sluice-bench %</title>\n<style>\n",
		    command);
	(void)fputs(PLOT_STYLE HTML_STYLE, out);
	text_markup(out,
		    "</style>\n</head>\n<body>\n<h1>sluice-bench %</h1>\n"
		    "<p class=verdict>%</p>\n<p class=soft>",
		    command, report_verdict(report).at);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		text_markup(out, "% <b>%</b> ", said[i],
			    report_setting(report, said[i]));
	(void)fputs("</p>\n", out);
	for (uint32_t i = 0;
	     text_trace(&report->trace, report_consumers(report), i, text,
			sizeof(text));
	     i++)
		if (text[0] != '\0')
			text_markup(out, "<p class=soft>%</p>\n", text);
}

static void html_plots(const struct report *report, FILE *out)
{
	struct plot plots[PLOTS_MAX];
	uint32_t count = plot_list(report, plots);

	(void)fputs("<div class=plots>\n", out);
	for (uint32_t i = 0; i < count; i++) {
		text_markup(out,
			    "<figure>\n<figcaption><b>%</b> %</figcaption>\n",
			    plots[i].title, plots[i].about);
		plot_svg(report, &plots[i], NULL, out);
		(void)fputs("</figure>\n", out);
	}
	(void)fputs("</div>\n", out);
}

/* ---- tables -------------------------------------------------------------- */

/* At one load its column is left out. */
static int html_has(const struct report *report, enum figure_id id, int table,
		    int load)
{
	return report_column(report, id, table) &&
	       (id != FIGURE_LOAD || load < 0);
}

static void html_row(const struct report *report, int table, int load,
		     const struct report_run *run, int first, FILE *out)
{
	int contended = run->value[REPORT_MID][FIGURE_CONTENDED] > 0;

	text_markup(out, "<tr class=\"%%\">",
		    contended                  ? "contended"
		    : report_wins(report, run) ? "best"
					       : "",
		    first ? " load" : "");
	for (uint32_t id = 0; id < FIGURES; id++)
		if (html_has(report, id, table, load))
			text_markup(
				out, "<td>%",
				report_cell(report, run, id, REPORT_MID).at);
	(void)fputs("</tr>\n", out);
	if (contended && table == 1)
		text_markup(out, "<tr class=why><td colspan=30>%</tr>\n",
			    run->why);
}

/* At one load, or at all of them: negative. */
static void html_rows(const struct report *report, int table, int load,
		      FILE *out)
{
	(void)fputs("<div class=wide><table>\n<thead><tr>", out);
	for (uint32_t id = 0; id < FIGURES; id++)
		if (html_has(report, id, table, load))
			text_markup(out, "<th>%", report_head(report, id).at);
	(void)fputs("</tr></thead>\n<tbody>\n", out);
	for (uint32_t i = 0; i < report->loads; i++)
		for (uint32_t j = 0; j < report->strategies; j++) {
			const struct report_run *run = report_at(report, i, j);

			if (run != NULL && (load < 0 || (uint32_t)load == i))
				html_row(report, table, load, run, j == 0, out);
		}
	(void)fputs("</tbody>\n</table></div>\n", out);
}

static void html_table(const struct report *report, int table, FILE *out)
{
	uint32_t told = report_load_told(report);
	struct text at = report->loads > 1 ? text_format(" at load %.4g",
							 report->load[told])
					   : TEXT_NONE;

	if (!report_table(report, table))
		return;
	text_markup(out, "<section class=card>\n<h2>%%</h2>\n",
		    report_tables[table], at.at);
	html_rows(report, table, (int)told, out);
	if (report->loads > 1) {
		(void)fputs("<details><summary>All loads</summary>\n", out);
		html_rows(report, table, -1, out);
		(void)fputs("</details>\n", out);
	}
	(void)fputs("</section>\n", out);
}

static void html_legend(const struct report *report, FILE *out)
{
	(void)fputs("<details class=card><summary>What the columns mean"
		    "</summary>\n<dl>\n",
		    out);
	for (uint32_t id = 0; id < FIGURES; id++)
		if (figures[id].about != NULL &&
		    report_column(report, id, figures[id].table))
			text_markup(out, "<dt>%</dt><dd>%</dd>\n",
				    report_head(report, id).at,
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
	html_legend(report, out);
	html_pairs(report, "The plan", "plan", out);
	html_pairs(report, "The machine", "machine", out);
	(void)fputs("</body>\n</html>\n", out);
	return ferror(out) ? -EIO : 0;
}
