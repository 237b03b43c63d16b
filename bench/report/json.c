/* SPDX-License-Identifier: Apache-2.0 */
/* A report as one JSON document, and back. docs/sluice-bench.schema.json says
 * what it looks like. */
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Twelve digits: 0.8 stays 0.8, and no figure is that exact. */
#define DOCUMENT_FLAGS (JSON_REAL_PRECISION(12) | JSON_ENCODE_ANY)

/* "member", or "group.member": the latter's group, as a text. */
static int document_group(const char *document, struct text *group,
			  const char **member)
{
	size_t length = strcspn(document, ".");

	*group = text_format("%.*s", (int)length, document);
	*member = document + length + 1;
	return document[length] != '\0';
}

static json_t *document_get(json_t *root, const char *document)
{
	struct text group;
	const char *member;

	return document_group(document, &group, &member)
		       ? json_object_get(json_object_get(root, group.at),
					 member)
		       : json_object_get(root, document);
}

/* Takes @value over. What lacks memory is not in the document. */
static void document_put(json_t *root, const char *document, json_t *value)
{
	struct text group;
	const char *member;

	if (!document_group(document, &group, &member)) {
		(void)json_object_set_new(root, document, value);
		return;
	}
	if (json_object_get(root, group.at) == NULL)
		(void)json_object_set_new(root, group.at, json_object());
	(void)json_object_set_new(json_object_get(root, group.at), member,
				  value);
}

/* Whole ones as such. JSON has no infinity and no "not a number". */
static json_t *document_number(const struct figure *figure, double number)
{
	if (figure->unit == UNIT_FLAG)
		return json_boolean(number > 0);
	return number >= 0 && number < 0x1p53 && !(number > floor(number))
		       ? json_integer((json_int_t)number)
		       : json_real(isfinite(number) ? number : 0);
}

/* ---- figures and lists of a run ------------------------------------------ */

void report_json_put(json_t *run, const struct figure *figure,
		     const double *value)
{
	if (figure->document[0] == '\0')
		return;
	document_put(run, figure->document,
		     document_number(figure, value[REPORT_MID]));
	if (figure->better != BETTER_NEITHER)
		document_put(
			document_get(run, "range"), figure->document,
			json_pack("[o, o]",
				  document_number(figure, value[REPORT_LOW]),
				  document_number(figure, value[REPORT_HIGH])));
}

static double document_value(const json_t *value)
{
	return json_is_true(value) ? 1 : json_number_value(value);
}

int report_json_get(json_t *run, uint32_t id,
		    double value[REPORT_SIDES][FIGURES], char *why,
		    uint32_t why_bytes)
{
	const char *document = figures[id].document;
	const json_t *mid = document_get(run, document);
	const json_t *range =
		document_get(json_object_get(run, "range"), document);

	value[REPORT_MID][id] = document_value(mid);
	for (uint32_t side = REPORT_LOW; side < REPORT_SIDES; side++)
		value[side][id] = range != NULL
					  ? document_value(json_array_get(
						    range, side - REPORT_LOW))
					  : value[REPORT_MID][id];
	if (mid == NULL || json_is_number(mid) || json_is_boolean(mid))
		return 0;
	(void)snprintf(why, why_bytes, "%s: not a number", document);
	return -EINVAL;
}

const json_t *report_list(const struct report_run *run, const char *document)
{
	return document_get(run->json, document);
}

double report_row(const json_t *list, uint32_t i, uint32_t k)
{
	return json_number_value(json_array_get(json_array_get(list, i), k));
}

/* ---- a trace ------------------------------------------------------------- */

#define FACT(unit_, kind, member)                                              \
	{                                                                      \
		.document = "trace." #member, .unit = UNIT_##unit_,            \
		.source = SOURCE_##kind,                                       \
		.at = offsetof(struct trace_facts, member),                    \
	}

static const struct figure document_facts[] = {
	FACT(COUNT, COUNT, events),       FACT(NS, COUNT, span_ns),
	FACT(RATE, REAL, rate_per_s),     FACT(RATE, REAL, peak_per_s),
	FACT(NS, COUNT, peak_window_ns),  FACT(NS, REAL, service_mean_ns),
	FACT(NS, REAL, service_p99_9_ns), FACT(NUMBER, REAL, load),
	FACT(COUNT, COUNT, keys),         FACT(SHARE, REAL, key_share),
	FACT(COUNT, COUNT, moved),        FACT(NS, COUNT, moved_ns),
	FACT(COUNT, COUNT, no_time),      FACT(FLAG, SMALL, has_service),
	FACT(FLAG, SMALL, has_keys),
};

#define FACTS (sizeof(document_facts) / sizeof(document_facts[0]))

static void facts_put(json_t *root, const struct trace_facts *facts)
{
	for (size_t i = 0; i < FACTS; i++)
		document_put(root, document_facts[i].document,
			     document_number(
				     &document_facts[i],
				     figure_read(&document_facts[i], facts)));
	document_put(root, "trace.ignored", report_text(facts->ignored));
}

static void facts_get(json_t *root, struct trace_facts *facts)
{
	const char *ignored =
		json_string_value(document_get(root, "trace.ignored"));

	for (size_t i = 0; i < FACTS; i++)
		figure_write(&document_facts[i], facts,
			     document_value(document_get(
				     root, document_facts[i].document)));
	(void)snprintf(facts->ignored, sizeof(facts->ignored), "%s",
		       ignored != NULL ? ignored : "");
}

/* ---- writing ------------------------------------------------------------- */

/* By strategy: the load, and its range. */
static json_t *document_loads(const struct report *report)
{
	json_t *loads = json_object();

	for (uint32_t i = 0; i < report->strategies; i++) {
		double at = report_load_at_slo(report, i, REPORT_MID);
		double low = report_load_at_slo(report, i, REPORT_LOW);
		double high = report_load_at_slo(report, i, REPORT_HIGH);

		(void)json_object_set_new(
			loads, report->strategy[i],
			at < 0 ? json_null()
			       : json_pack("{s:f, s:f, s:f}", "load", at, "low",
					   fmax(low, 0), "high", high));
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

	if (report->trace.events > 0)
		facts_put(report->root, &report->trace);
	document_put(report->root, "load_at_slo", document_loads(report));
	(void)fputs("{\n", out);
	json_object_foreach(report->root, name, value)
	{
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

static int read_refuse(const char *file, struct text where, const char *what,
		       char *why, uint32_t why_bytes)
{
	(void)snprintf(why, why_bytes, "%.200s: %.60s: %.150s", file, where.at,
		       what);
	return -EINVAL;
}

/* What the runs stand beside. */
static int read_head(struct report *report, const char *file, char *why,
		     uint32_t why_bytes)
{
	json_t *root = report->root;

	if (json_integer_value(json_object_get(root, "schema")) !=
	    REPORT_SCHEMA)
		return read_refuse(
			file, text_format("schema"),
			text_format("only %d is known", REPORT_SCHEMA).at, why,
			why_bytes);
	if (!json_is_string(json_object_get(root, "command")))
		return read_refuse(file, text_format("command"), "not a text",
				   why, why_bytes);
	if (plan_slo_parse(&report->slo, report_setting(report, "slo")) < 0)
		return read_refuse(file, text_format("plan.slo"),
				   sluice_last_error(), why, why_bytes);
	if (json_object_get(root, "trace") != NULL)
		facts_get(root, &report->trace);
	return 0;
}

int report_json_read(struct report *report, const char *file, char *why,
		     uint32_t why_bytes)
{
	char sentence[LOAD_TEXT_BYTES];
	json_error_t error;
	json_t *root = strcmp(file, "-") == 0 ? json_loadf(stdin, 0, &error)
					      : json_load_file(file, 0, &error);
	json_t *runs = json_incref(json_object_get(root, "runs"));
	json_t *run;
	size_t i;
	int rc;

	if (report_open(report, root) < 0)
		return read_refuse(file, text_format("line %d", error.line),
				   error.text, why, why_bytes);
	(void)json_object_del(root, "runs");
	rc = read_head(report, file, why, why_bytes);
	if (rc == 0 && !json_is_array(runs))
		rc = read_refuse(file, text_format("runs"), "not a list", why,
				 why_bytes);
	json_array_foreach(runs, i, run)
	{
		if (rc == 0 && report_add(report, json_incref(run), sentence,
					  sizeof(sentence)) < 0)
			rc = read_refuse(file, text_format("runs[%zu]", i),
					 sentence, why, why_bytes);
	}
	json_decref(runs);
	return rc;
}
