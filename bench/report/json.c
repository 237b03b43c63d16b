/* SPDX-License-Identifier: Apache-2.0 */
/* A report as one JSON document. */
#include "bench/report/json_field.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/* Twelve digits: 0.8 stays 0.8, and no figure is that exact. */
#define JSON_DIGITS 12

/* Each call below takes over @value, and takes NULL for what it is: no memory.
 * Returns 0 or -ENOMEM. */
static int json_put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

static json_t *json_count(uint64_t count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

/* JSON has no infinity and no "not a number". */
static json_t *json_number(double number)
{
	return json_real(isfinite(number) ? number : 0);
}

/* Bytes that are no UTF-8 cannot be told; they come from the machine only. */
static json_t *json_text(const char *text)
{
	json_t *made = json_string(text);

	return made != NULL ? made : json_string("?");
}

static json_t *json_field_value(const struct json_field *field,
				const char *base)
{
	const void *at = base + field->at;

	switch (field->kind) {
	case JSON_FIELD_TEXT:
		return json_text(at);
	case JSON_FIELD_COUNT:
		return json_count(*(const uint64_t *)at);
	case JSON_FIELD_FLAG:
		return json_boolean(*(const uint32_t *)at != 0);
	case JSON_FIELD_REAL:
	default:
		return json_number(*(const double *)at);
	}
}

static int json_group_put(json_t *parent, const struct json_group *group,
			  const void *base)
{
	json_t *object = group->name != NULL ? json_object() : parent;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < group->fields; i++)
		rc = json_put(object, group->field[i].name,
			      json_field_value(&group->field[i],
					       (const char *)base + group->at));
	if (group->name != NULL && json_put(parent, group->name, object) < 0)
		rc = -ENOMEM;
	return rc;
}

static int json_curve_put(json_t *run, const char *group,
			  const struct report_curve *curve)
{
	json_t *points = json_array();

	for (uint32_t i = 0; i < curve->count; i++)
		if (json_array_append_new(
			    points,
			    json_pack("[f, f, f, f]", curve->point[i].quantile,
				      curve->point[i].value,
				      curve->point[i].low,
				      curve->point[i].high)) < 0) {
			json_decref(points);
			return -ENOMEM;
		}
	return json_put(json_object_get(run, group), "curve", points);
}

static int json_handled_put(json_t *run, const uint64_t *handled,
			    uint32_t consumers)
{
	json_t *counts = json_array();

	for (uint32_t i = 0; i < consumers; i++)
		if (json_array_append_new(counts, json_count(handled[i])) < 0) {
			json_decref(counts);
			return -ENOMEM;
		}
	return json_put(run, "handled", counts);
}

static int json_run_put(json_t *runs, const struct report_run *run,
			uint32_t consumers)
{
	json_t *object = json_object();
	int rc = json_array_append_new(runs, object) < 0 ? -ENOMEM : 0;

	for (uint32_t i = 0; rc == 0 && i < json_run_groups_count; i++)
		rc = json_group_put(object, &json_run_groups[i], run);
	if (rc == 0)
		rc = json_curve_put(object, "latency_ns", &run->latency_curve);
	if (rc == 0)
		rc = json_curve_put(object, "slowdown", &run->slowdown_curve);
	if (rc == 0)
		rc = json_handled_put(object, run->handled, consumers);
	return rc;
}

static int json_plan_put(json_t *root, const struct report *report)
{
	json_t *plan = json_object();
	int rc = json_put(root, "plan", plan);

	for (uint32_t i = 0; rc == 0 && i < report->settings; i++)
		rc = json_put(plan, report->setting[i].name,
			      json_text(report->setting[i].text));
	return rc;
}

static int json_slo_put(json_t *root, const struct report *report)
{
	json_t *loads = json_object();
	int rc = json_put(root, "load_at_slo", loads);

	for (uint32_t i = 0; rc == 0 && i < report->runs; i++) {
		const char *strategy = report->run[i].strategy;
		double load = report_load_at_slo(report, strategy);

		if (report_strategy_first(report, i))
			rc = json_put(loads, strategy,
				      load < 0 ? json_null()
					       : json_number(load));
	}
	return rc;
}

/* A line for each run, and for each other member: to be read and compared with
 * the tools there are for lines. */
static int json_lines(json_t *root, json_t *runs, FILE *out)
{
	const size_t flags = JSON_REAL_PRECISION(JSON_DIGITS) | JSON_ENCODE_ANY;
	const char *name;
	json_t *value;
	int rc = 0;

	(void)fputs("{\n", out);
	json_object_foreach(root, name, value)
	{
		(void)fprintf(out, "\"%s\": ", name);
		rc |= json_dumpf(value, out, flags);
		(void)fputs(",\n", out);
	}
	(void)fputs("\"runs\": [", out);
	for (size_t i = 0; i < json_array_size(runs); i++) {
		(void)fputs(i > 0 ? ",\n" : "\n", out);
		rc |= json_dumpf(json_array_get(runs, i), out, flags);
	}
	(void)fputs("\n]\n}\n", out);
	return rc != 0 || ferror(out) ? -EIO : 0;
}

int report_json_write(const struct report *report, FILE *out)
{
	json_t *root = json_object();
	json_t *runs = json_array();
	int rc = json_put(root, "schema", json_integer(REPORT_SCHEMA));

	if (rc == 0)
		rc = json_put(root, "command", json_text(report->command));
	if (rc == 0)
		rc = json_group_put(root, &json_machine, &report->machine);
	if (rc == 0)
		rc = json_plan_put(root, report);
	if (rc == 0 && report->trace.events > 0)
		rc = json_group_put(root, &json_trace, &report->trace);
	if (rc == 0)
		rc = json_slo_put(root, report);
	for (uint32_t i = 0; rc == 0 && i < report->runs; i++)
		rc = json_run_put(runs, &report->run[i], report->consumers);
	if (rc == 0)
		rc = json_lines(root, runs, out);
	json_decref(runs);
	json_decref(root);
	return rc;
}
