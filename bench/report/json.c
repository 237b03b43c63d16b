/* SPDX-License-Identifier: Apache-2.0 */
/* A report as one JSON document, and back. docs/sluice-bench.schema.json says
 * what it looks like. */
#include "bench/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Twelve digits: 0.8 stays 0.8, and no figure is that exact. */
#define DOCUMENT_FLAGS (JSON_REAL_PRECISION(12) | JSON_ENCODE_ANY)

/* ---- figures of a run ---------------------------------------------------- */

/* Where the figures of @group stand. */
static json_t *document_group(json_t *run, const char *group)
{
	return group[0] != '\0' ? json_object_get(run, group) : run;
}

/* Takes @value over. What lacks memory is not in the document. */
static void document_put(json_t *run, const struct figure *figure,
			 json_t *value)
{
	if (document_group(run, figure->group) == NULL)
		(void)json_object_set_new(run, figure->group, json_object());
	(void)json_object_set_new(document_group(run, figure->group),
				  figure->member, value);
}

/* Whole ones as such; null: not measured. */
static json_t *document_number(const struct figure *figure, double number)
{
	if (figure->unit == UNIT_FLAG)
		return json_boolean(number > 0);
	if (!isfinite(number))
		return json_null();
	return number >= 0 && number < 0x1p53 && !(number > floor(number))
		       ? json_integer((json_int_t)number)
		       : json_real(number);
}

void report_json_put(json_t *run, const struct figure *figure, double mid,
		     double low, double high)
{
	if (figure->member[0] == '\0')
		return;
	document_put(run, figure, document_number(figure, mid));
	if (figure->better != BETTER_NEITHER)
		document_put(json_object_get(run, "range"), figure,
			     json_pack("[o, o]", document_number(figure, low),
				       document_number(figure, high)));
}

/* NAN: not measured. */
static double document_value(const json_t *value)
{
	if (json_is_boolean(value))
		return json_is_true(value);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

int report_json_get(struct report_run *run)
{
	json_t *ranges = json_object_get(run->json, "range");

	for (uint32_t id = 0; id < FIGURES; id++) {
		const struct figure *of = &figures[id];
		const json_t *mid =
			report_member(run->json, of->group, of->member);
		const json_t *range =
			report_member(ranges, of->group, of->member);

		if (mid != NULL && !json_is_number(mid) &&
		    !json_is_boolean(mid) && !json_is_null(mid))
			return cli_fail(-EINVAL, "%s%s%s: not a number",
					of->group, of->group[0] ? "." : "",
					of->member);
		for (size_t k = 0; k < 3; k++)
			run->side[k][id] = document_value(
				k > 0 && json_array_size(range) == 2
					? json_array_get(range, k - 1)
					: mid);
	}
	run->contended = run->mid[FIGURE_CONTENDED] > 0;
	run->saturated = run->mid[FIGURE_SATURATED] > 0;
	return 0;
}

json_t *report_member(json_t *run, const char *group, const char *member)
{
	return json_object_get(document_group(run, group), member);
}

/* ---- writing ------------------------------------------------------------- */

#define TELL(...)                                                              \
	(void)json_array_append_new(told,                                      \
				    json_text(text_format(__VA_ARGS__).at))

/* What is known of a trace that was read, in sentences. @consumers 0: without the
 * load of these. */
static json_t *document_told(const struct trace_facts *facts,
			     uint32_t consumers)
{
	struct text events = text_count((double)facts->events);
	struct text load = TEXT_NONE;
	struct text keys = text_format("no keys of its own");
	char window[NUMBER_TEXT_BYTES];
	json_t *told = json_array();

	if (consumers > 0)
		load = text_format("; natural load %.3g of %u consumers",
				   facts->load, consumers);
	if (facts->has_keys)
		keys = text_format("%" PRIu64 " keys, the hottest has %.3g %% "
				   "of the events",
				   facts->keys, facts->key_share * 100);
	(void)number_time_text((double)facts->peak_window_ns, window);
	if (facts->span_ns > 0)
		TELL("%s events in %s: %s/s, at most %s/s over %s%s", events.at,
		     text_ns((double)facts->span_ns).at,
		     text_number(facts->rate_per_s).at,
		     text_number(facts->peak_per_s).at, window, load.at);
	else
		TELL("%s events, all at one instant", events.at);
	TELL("services%s alone: mean %s, p99.9 %s; %s",
	     facts->has_service ? "" : " (drawn)",
	     text_ns(facts->service_mean_ns).at,
	     text_ns(facts->service_p99_9_ns).at, keys.at);
	if (facts->moved > 0)
		TELL("%" PRIu64 " lines were not in order of time, by at "
		     "most %s: sorted",
		     facts->moved, text_ns((double)facts->moved_ns).at);
	if (facts->no_time > 0)
		TELL("%" PRIu64 " services of 0, taken "
		     "as 1 ns: their slowdown says "
		     "nothing",
		     facts->no_time);
	if (facts->ignored[0] != '\0')
		TELL("columns ignored: %s", facts->ignored);
	return told;
}

/* What all at one instant has none of. */
static json_t *document_rate(const struct trace_facts *facts, double rate)
{
	return facts->span_ns > 0 ? json_real(rate) : json_null();
}

void report_json_trace(struct report *report, const struct trace_facts *facts,
		       uint32_t consumers)
{
#define COUNT(member) #member, (json_int_t)facts->member
#define REAL(member)  #member, facts->member
#define RATE(member)  #member, document_rate(facts, facts->member)
	(void)json_object_set_new(
		report->root, "trace",
		json_pack("{s:I, s:I, s:o, s:o, s:I, s:f, s:f, s:o, s:I, s:f, "
			  "s:I, s:I, s:I, s:b, s:b, s:o, s:o}",
			  COUNT(events), COUNT(span_ns), RATE(rate_per_s),
			  RATE(peak_per_s), COUNT(peak_window_ns),
			  REAL(service_mean_ns), REAL(service_p99_9_ns),
			  RATE(load), COUNT(keys), REAL(key_share),
			  COUNT(moved), COUNT(moved_ns), COUNT(no_time),
			  "has_service", (int)facts->has_service, "has_keys",
			  (int)facts->has_keys, "ignored",
			  json_text(facts->ignored), "told",
			  document_told(facts, consumers)));
}

/* By strategy: the load, and its range. */
static json_t *document_loads(const struct report *report)
{
	json_t *loads = json_object();

	for (uint32_t i = 0; i < report->strategies; i++) {
		struct report_span at = report_load_at_slo(report, i);

		(void)json_object_set_new(
			loads, report->strategy[i],
			at.mid < 0 ? json_null()
				   : json_pack("{s:f, s:f, s:f}", "load",
					       at.mid, "low", fmax(at.low, 0),
					       "high", at.high));
	}
	return loads;
}

/* A line for each run, and for each other member: to be read and compared with
 * the tools there are for lines. */
int report_json_write(const struct report *report, FILE *out)
{
	const char *name;
	json_t *value;
	int rc = 0;

	if (!report_is_size(report))
		(void)json_object_set_new(report->root, "load_at_slo",
					  document_loads(report));
	(void)fputs("{\n", out);
	json_object_foreach(report->root, name, value) {
		(void)fprintf(out, "\"%s\": ", name);
		rc |= json_dumpf(value, out, DOCUMENT_FLAGS);
		(void)fputs(",\n", out);
	}
	(void)fputs("\"runs\": [", out);
	for (uint32_t i = 0; i < report->runs; i++) {
		(void)fputs(i > 0 ? ",\n" : "\n", out);
		rc |= json_dumpf(report->run[i].json, out, DOCUMENT_FLAGS);
	}
	(void)fputs("\n]\n}\n", out);
	return rc != 0 || ferror(out) ? -EIO : 0;
}

/* ---- reading ------------------------------------------------------------- */

/* What the runs stand beside. */
static int read_head(struct report *report)
{
	json_t *root = report->root;
	json_error_t error;
	const char *command;
	const char *slo;

	if (json_integer_value(json_object_get(root, "schema")) !=
	    REPORT_SCHEMA)
		return cli_fail(-EINVAL, "schema: only %d is known",
				REPORT_SCHEMA);
	if (json_unpack_ex(root, &error, 0, "{s:s, s:{s:s}, s:[]}", "command",
			   &command, "plan", "slo", &slo, "runs") < 0)
		return cli_fail(-EINVAL, "%s", error.text);
	return plan_slo_parse(&report->slo, slo) < 0 ? cli_within("plan.slo: ")
						     : 0;
}

int report_json_read(struct report *report, const char *file)
{
	json_error_t error;
	json_t *root = strcmp(file, "-") == 0 ? json_loadf(stdin, 0, &error)
					      : json_load_file(file, 0, &error);
	json_t *runs = json_incref(json_object_get(root, "runs"));
	int rc = report_open(report, root);

	if (root == NULL)
		rc = error.line < 0 /* there is no such file */
			     ? cli_fail(-EINVAL, "%s", error.text)
			     : cli_fail(-EINVAL, "line %d: %s", error.line,
					error.text);
	else if (rc == 0)
		rc = read_head(report);
	(void)json_object_del(root, "runs");
	for (size_t i = 0; rc == 0 && i < json_array_size(runs); i++) {
		rc = report_add(report, json_incref(json_array_get(runs, i)));
		if (rc < 0)
			(void)cli_within("runs[%zu]: ", i);
	}
	json_decref(runs);
	return rc < 0 ? cli_within("%.200s: ", file) : 0;
}
