/* SPDX-License-Identifier: Apache-2.0 */
/* A page: one file, no script, nothing fetched. */
#include "bench/report/report.h"
#include "bench/report/html_style.h"
#include "bench/report/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void html_text(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			(void)fputc(*text, out);
			break;
		}
	}
}

/* "<tag>text</tag>" and a new line. */
static void html_element(const char *tag, const char *text, FILE *out)
{
	(void)fprintf(out, "<%s>", tag);
	html_text(text, out);
	(void)fprintf(out, "</%s>\n", tag);
}

/* ---- pictures ------------------------------------------------------------ */

/* Words of gnuplot's that must be the page's only ones: its pictures use the
 * same in each. */
static const char *const html_ids[] = {"'gp", "#gp", "'textbox", "'greybox",
				       "\"gnuplot_"};
#define HTML_IDS (sizeof(html_ids) / sizeof(html_ids[0]))

/* A picture as part of the page: without its first line, titled for people,
 * with the ids of picture @number. */
static void html_picture(const char *svg, const char *title, uint32_t number,
			 FILE *out)
{
	const char *at = strstr(svg, "<svg");

	while (at != NULL && *at != '\0') {
		size_t id = 0;

		if (strncmp(at, "<title>", 7) == 0) {
			html_element("title", title, out);
			at = strstr(at, "</title>");
			at = at != NULL ? at + strlen("</title>") : NULL;
			continue;
		}
		while (id < HTML_IDS &&
		       strncmp(at, html_ids[id], strlen(html_ids[id])) != 0)
			id++;
		(void)fputc(*at++, out);
		if (id < HTML_IDS)
			(void)fprintf(out, "p%u", number);
	}
}

/* What gnuplot would have drawn, for a machine that has it. */
static int html_script(const struct report *report, const struct plot *plot,
		       const char *name)
{
	char file[1200];
	FILE *out;

	if (strcmp(name, "-") == 0)
		return 0;
	if (snprintf(file, sizeof(file), "%s.%s.gp", name, plot->name) >=
	    (int)sizeof(file))
		return -ENAMETOOLONG;
	out = fopen(file, "we");
	if (out == NULL)
		return -errno;
	plot_script(report, plot, PLOT_TERMINAL_WHITE, out);
	if (ferror(out)) {
		(void)fclose(out);
		return -EIO;
	}
	return fclose(out) != 0 ? -errno : 0;
}

static void html_missing(const struct plot *plots, uint32_t count,
			 const char *name, int why, FILE *out, char *note,
			 uint32_t note_bytes)
{
	const char *what =
		why == -ENOENT ? "gnuplot is not installed" : "gnuplot failed";

	if (strcmp(name, "-") == 0)
		(void)snprintf(note, note_bytes, "%s: no plots", what);
	else
		(void)snprintf(note, note_bytes,
			       "%s: no plots; their data is in %.200s.*.gp "
			       "(gnuplot FILE >picture.svg)",
			       what, name);
	(void)fputs("<p class=notice>", out);
	html_text(note, out);
	(void)fputs("</p>\n<ul class=soft>\n", out);
	for (uint32_t i = 0; i < count; i++)
		html_element("li", plots[i].title, out);
	(void)fputs("</ul>\n", out);
}

static int html_plots(const struct report *report, const char *name, FILE *out,
		      char *note, uint32_t note_bytes)
{
	struct plot plots[PLOTS_MAX];
	uint32_t count = plot_list(report, plots);

	for (uint32_t i = 0; i < count; i++) {
		struct plot untitled = plots[i];
		char *svg = NULL;
		int rc;

		untitled.title[0] = '\0'; /* the caption has it */
		rc = plot_draw(report, &untitled, PLOT_TERMINAL, &svg);
		if (rc < 0) {
			html_missing(&plots[i], count - i, name, rc, out, note,
				     note_bytes);
			for (rc = 0; rc == 0 && i < count; i++)
				rc = html_script(report, &plots[i], name);
			return rc;
		}
		(void)fputs("<figure>\n<figcaption><b>", out);
		html_text(plots[i].title, out);
		(void)fputs("</b>", out);
		html_text(plots[i].about, out);
		(void)fputs("</figcaption>\n", out);
		html_picture(svg, plots[i].title, i + 1, out);
		(void)fputs("</figure>\n", out);
		free(svg);
	}
	return 0;
}

/* ---- tables -------------------------------------------------------------- */

static const char *html_row_class(const struct report *report, uint32_t index)
{
	const struct report_run *run = &report->run[index];

	if (run->valid.contended)
		return "contended";
	if (report_strategies(report) > 1 && report_p99(run) > 0 &&
	    report_p99(run) <= report_best(report, run->load))
		return "best";
	return "";
}

static int html_column_in(const struct report *report, uint32_t column,
			  uint32_t table)
{
	uint32_t of = report_columns[column].table;

	return (of == 0 || of == table) &&
	       report_column_used(report, &report_columns[column]);
}

static void html_row(const struct report *report, uint32_t table,
		     uint32_t index, FILE *out)
{
	const struct report_run *run = &report->run[index];
	uint32_t cells = 0;

	(void)fprintf(out, "<tr class=\"%s%s\">", html_row_class(report, index),
		      report_load_first(report, index) ? " load" : "");
	for (uint32_t i = 0; i < report_columns_count; i++) {
		char text[COLUMN_TEXT_BYTES] = "";

		if (!html_column_in(report, i, table))
			continue;
		report_cell(report, run, &report_columns[i], text);
		(void)fputs("<td>", out);
		html_text(text, out);
		cells++;
	}
	(void)fputs("</tr>\n", out);
	if (!run->valid.contended || table != 1)
		return;
	(void)fprintf(out, "<tr class=why><td colspan=%u>", cells);
	html_text(run->valid.why, out);
	(void)fputs("</tr>\n", out);
}

static void html_table(const struct report *report, uint32_t table, FILE *out)
{
	if (!report_table_used(report, table))
		return;
	html_element("h2", report_table_titles[table], out);
	(void)fputs("<div class=\"card wide\"><table>\n<thead><tr>", out);
	for (uint32_t i = 0; i < report_columns_count; i++) {
		if (!html_column_in(report, i, table))
			continue;
		(void)fputs("<th>", out);
		html_text(report_columns[i].head, out);
	}
	(void)fputs("</tr></thead>\n<tbody>\n", out);
	for (uint32_t i = 0; i < report->runs; i++)
		html_row(report, table, i, out);
	(void)fputs("</tbody>\n</table></div>\n", out);
}

static void html_legend(const struct report *report, FILE *out)
{
	(void)fputs("<details class=card><summary>What the columns "
		    "mean</summary>\n<dl>\n",
		    out);
	for (uint32_t i = 0; i < report_columns_count; i++) {
		const struct report_column *column = &report_columns[i];

		if (column->about == NULL ||
		    !report_column_used(report, column))
			continue;
		html_element("dt", column->head, out);
		html_element("dd", column->about, out);
	}
	(void)fputs("</dl>\n</details>\n", out);
}

/* How far each strategy comes before it misses the slo. */
static void html_slo(const struct report *report, FILE *out)
{
	double highest = 0;

	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].load > highest)
			highest = report->run[i].load;
	if (report_loads(report) < 2)
		return;
	(void)fprintf(out,
		      "<h2>Load at the slo</h2>\n<div class=card>\n"
		      "<p class=soft>The highest load measured at which the "
		      "%s keeps to %s.</p>\n"
		      "<div class=bars>\n",
		      report->slo.is_latency ? "latency" : "slowdown",
		      report_setting(report, "slo"));
	for (uint32_t i = 0; i < report->runs; i++) {
		const char *strategy = report->run[i].strategy;
		double load = report_load_at_slo(report, strategy);

		if (!report_strategy_first(report, i))
			continue;
		html_element("code", strategy, out);
		(void)fprintf(out,
			      "<span><i style=\"width:%.1f%%\"></i></span>",
			      load > 0 ? 100 * load / highest : 0);
		if (load > 0)
			(void)fprintf(out, "<b>%.4g</b>\n", load);
		else
			(void)fputs("<span class=soft>none</span>\n", out);
	}
	(void)fputs("</div>\n</div>\n", out);
}

/* ---- plan and machine ---------------------------------------------------- */

static void html_pair(const char *name, const char *text, FILE *out)
{
	(void)fputs("<tr><th>", out);
	html_text(name, out);
	(void)fputs("<td>", out);
	html_text(text, out);
	(void)fputs("</tr>\n", out);
}

static void html_floor(const struct report *report, FILE *out)
{
	double low = 0;
	double high = 0;
	char text[80] = "not measured: sim has no use for it";

	for (uint32_t i = 0; i < report->runs; i++) {
		const struct run_validity *valid = &report->run[i].valid;
		const double floors[] = {valid->floor_before_ns,
					 valid->floor_after_ns};

		for (int j = 0; j < 2; j++) {
			if (!(floors[j] > 0))
				continue;
			if (!(low > 0) || floors[j] < low)
				low = floors[j];
			if (floors[j] > high)
				high = floors[j];
		}
	}
	if (low > 0)
		(void)snprintf(text, sizeof(text),
			       "%.0f to %.0f ns, a bare cache-line round trip",
			       low, high);
	html_pair("floor", text, out);
}

static void html_settings(const struct report *report, FILE *out)
{
	char cpus[32];

	(void)fputs("<h2>The plan</h2>\n<div class=card><table class=plain>\n",
		    out);
	for (uint32_t i = 0; i < report->settings; i++)
		html_pair(report->setting[i].name, report->setting[i].text,
			  out);
	(void)fputs("</table></div>\n<h2>The machine</h2>\n<div class=card>"
		    "<table class=plain>\n",
		    out);
	(void)snprintf(cpus, sizeof(cpus), "%u",
		       (uint32_t)report->machine.cpus);
	html_pair("CPU", report->machine.cpu, out);
	html_pair("CPUs to use", cpus, out);
	html_pair("kernel", report->machine.kernel, out);
	html_pair("compiler", report->machine.compiler, out);
	html_pair("sluice", report->machine.version, out);
	html_floor(report, out);
	(void)fputs("</table></div>\n", out);
}

static void html_head(const struct report *report, FILE *out)
{
	char text[256];
	static const char *const said[] = {"mode",         "events",
					   "arrivals",     "service",
					   "service-mean", "consumers"};

	(void)fputs("<!DOCTYPE html>\n<html lang=en>\n<head>\n"
		    "<meta charset=utf-8>\n"
		    "<meta name=viewport content=\"width=device-width\">\n"
		    "<title>sluice-bench ",
		    out);
	html_text(report->command, out);
	(void)fputs("</title>\n<style>\n" HTML_STYLE
		    "</style>\n</head>\n<body>\n<h1>sluice-bench ",
		    out);
	html_text(report->command, out);
	(void)fputs("</h1>\n<p class=soft>", out);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		(void)fprintf(out, "%s%s ", i > 0 ? " &middot; " : "", said[i]);
		html_text(report_setting(report, said[i]), out);
	}
	(void)fputs("</p>\n", out);
	for (size_t i = 0; text_trace(&report->trace, report->consumers,
				      (uint32_t)i, text, sizeof(text));
	     i++)
		if (text[0] != '\0')
			html_element("p", text, out);
}

int report_html_write(const struct report *report, const char *name, FILE *out,
		      char *note, uint32_t note_bytes)
{
	int rc;

	html_head(report, out);
	html_slo(report, out);
	rc = html_plots(report, name, out, note, note_bytes);
	for (uint32_t i = 1; i <= REPORT_TABLES; i++)
		html_table(report, i, out);
	html_legend(report, out);
	html_settings(report, out);
	(void)fputs("</body>\n</html>\n", out);
	return rc < 0 ? rc : ferror(out) ? -EIO : 0;
}
