/* SPDX-License-Identifier: Apache-2.0 */
/* A report from the document that was made of one. */
#include "bench/report/json_field.h"
#include "ring/base.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Where reading is, to say what is wrong there. */
struct reader {
	const char *file;
	char place[64]; /* "runs[3].latency_ns." */
	char *why;
	uint32_t why_bytes;
};

static int reader_refuse(const struct reader *reader, const char *fmt, ...)
	SLUICE_PRINTF(2, 3);

static int reader_refuse(const struct reader *reader, const char *fmt, ...)
{
	va_list args;
	int length = snprintf(reader->why, reader->why_bytes, "%.200s: %s",
			      reader->file, reader->place);

	if (length < 0 || (uint32_t)length >= reader->why_bytes)
		return -EINVAL;
	va_start(args, fmt);
	(void)vsnprintf(reader->why + length,
			reader->why_bytes - (uint32_t)length, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* Texts go into pages and to gnuplot; they are cut, and quoted there. */
static int reader_field(const struct reader *reader, const json_t *object,
			const struct json_field *field, char *base)
{
	const json_t *value = json_object_get(object, field->name);
	void *at = base + field->at;

	switch (field->kind) {
	case JSON_FIELD_TEXT:
		if (!json_is_string(value))
			return reader_refuse(reader, "%s: not a text",
					     field->name);
		(void)snprintf(at, field->bytes, "%s",
			       json_string_value(value));
		return 0;
	case JSON_FIELD_COUNT:
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return reader_refuse(reader, "%s: not a count",
					     field->name);
		*(uint64_t *)at = (uint64_t)json_integer_value(value);
		return 0;
	case JSON_FIELD_FLAG:
		if (!json_is_boolean(value))
			return reader_refuse(reader, "%s: not true or false",
					     field->name);
		*(uint32_t *)at = (uint32_t)json_is_true(value);
		return 0;
	case JSON_FIELD_REAL:
	default:
		if (!json_is_number(value))
			return reader_refuse(reader, "%s: not a number",
					     field->name);
		*(double *)at = json_number_value(value);
		return 0;
	}
}

static int reader_group(struct reader *reader, const json_t *parent,
			const struct json_group *group, void *base)
{
	size_t length = strlen(reader->place);
	const json_t *object = parent;
	int rc = 0;

	if (group->name != NULL) {
		object = json_object_get(parent, group->name);
		(void)snprintf(reader->place + length,
			       sizeof(reader->place) - length, "%s.",
			       group->name);
	}
	if (!json_is_object(object))
		rc = reader_refuse(reader, "not an object");
	for (uint32_t i = 0; rc == 0 && i < group->fields; i++)
		rc = reader_field(reader, object, &group->field[i],
				  (char *)base + group->at);
	reader->place[length] = '\0';
	return rc;
}

static int reader_curve(const struct reader *reader, const json_t *run,
			const char *name, struct report_curve *curve)
{
	const json_t *points =
		json_object_get(json_object_get(run, name), "curve");

	if (!json_is_array(points) ||
	    json_array_size(points) > REPORT_POINTS_MAX)
		return reader_refuse(reader, "%s.curve: not a list of up to %u",
				     name, REPORT_POINTS_MAX);
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *point = json_array_get(points, i);
		double number[4];

		for (size_t k = 0; k < 4; k++) {
			const json_t *value = json_array_get(point, k);

			if (!json_is_number(value))
				return reader_refuse(
					reader,
					"%s.curve[%zu]: not four numbers", name,
					i);
			number[k] = json_number_value(value);
		}
		curve->point[i] = (struct report_point){number[0], number[1],
							number[2], number[3]};
	}
	curve->count = (uint32_t)json_array_size(points);
	return 0;
}

static int reader_handled(const struct reader *reader, const json_t *run,
			  uint64_t *handled)
{
	const json_t *counts = json_object_get(run, "handled");

	if (!json_is_array(counts) ||
	    json_array_size(counts) > PLAN_CONSUMERS_MAX)
		return reader_refuse(reader, "handled: not a list of up to %u",
				     PLAN_CONSUMERS_MAX);
	for (size_t i = 0; i < json_array_size(counts); i++) {
		json_int_t count =
			json_integer_value(json_array_get(counts, i));

		handled[i] = count > 0 ? (uint64_t)count : 0;
	}
	return 0;
}

static int reader_run(struct reader *reader, const json_t *object,
		      struct report_run *run)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < json_run_groups_count; i++)
		rc = reader_group(reader, object, &json_run_groups[i], run);
	if (rc == 0)
		rc = reader_curve(reader, object, "latency_ns",
				  &run->latency_curve);
	if (rc == 0)
		rc = reader_curve(reader, object, "slowdown",
				  &run->slowdown_curve);
	if (rc == 0)
		rc = reader_handled(reader, object, run->handled);
	return rc;
}

static int reader_runs(struct reader *reader, const json_t *root,
		       struct report *report)
{
	const json_t *runs = json_object_get(root, "runs");
	size_t count = json_array_size(runs);
	int rc;

	if (!json_is_array(runs) || count > REPORT_RUNS_MAX)
		return reader_refuse(reader, "runs: not a list of up to %u",
				     REPORT_RUNS_MAX);
	rc = report_open(report, (uint32_t)count);
	if (rc < 0)
		(void)reader_refuse(reader, "no memory for %zu runs", count);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		(void)snprintf(reader->place, sizeof(reader->place),
			       "runs[%zu].", i);
		rc = reader_run(reader, json_array_get(runs, i),
				&report->run[report->runs++]);
	}
	return rc;
}

static int reader_plan(const struct reader *reader, json_t *root,
		       struct report *report)
{
	json_t *plan = json_object_get(root, "plan");
	char slo[LOAD_TEXT_BYTES];
	const char *name;
	json_t *value;

	if (!json_is_object(plan) ||
	    json_object_size(plan) > REPORT_SETTINGS_MAX)
		return reader_refuse(reader,
				     "plan: not an object of up to %u members",
				     REPORT_SETTINGS_MAX);
	report->settings = 0;
	json_object_foreach(plan, name, value)
	{
		struct report_setting *setting =
			&report->setting[report->settings++];

		if (!json_is_string(value))
			return reader_refuse(reader, "plan.%.40s: not a text",
					     name);
		(void)snprintf(setting->name, sizeof(setting->name), "%s",
			       name);
		(void)snprintf(setting->text, sizeof(setting->text), "%s",
			       json_string_value(value));
	}
	if (plan_slo_parse(&report->slo, report_setting(report, "slo"), slo,
			   sizeof(slo)) < 0)
		return reader_refuse(reader, "plan.slo: %s", slo);
	report->consumers = (uint32_t)strtoul(
		report_setting(report, "consumers"), NULL, 10);
	if (report->consumers > PLAN_CONSUMERS_MAX)
		return reader_refuse(reader, "plan.consumers: more than %u",
				     PLAN_CONSUMERS_MAX);
	return 0;
}

int report_json_read(struct report *report, const char *file, char *why,
		     uint32_t why_bytes)
{
	struct reader reader = {file, "", why, why_bytes};
	json_error_t error;
	json_t *root = strcmp(file, "-") == 0 ? json_loadf(stdin, 0, &error)
					      : json_load_file(file, 0, &error);
	const char *command;
	int rc = 0;

	*report = (struct report){0};
	if (root == NULL)
		return reader_refuse(&reader, "line %d: %s", error.line,
				     error.text);
	command = json_string_value(json_object_get(root, "command"));
	if (json_integer_value(json_object_get(root, "schema")) !=
	    (json_int_t)REPORT_SCHEMA)
		rc = reader_refuse(&reader, "schema: only %u is known",
				   REPORT_SCHEMA);
	else if (command == NULL)
		rc = reader_refuse(&reader, "command: not a text");
	else
		(void)snprintf(report->command, sizeof(report->command), "%s",
			       command);
	if (rc == 0)
		rc = reader_group(&reader, root, &json_machine,
				  &report->machine);
	if (rc == 0)
		rc = reader_plan(&reader, root, report);
	if (rc == 0 && json_object_get(root, "trace") != NULL)
		rc = reader_group(&reader, root, &json_trace, &report->trace);
	if (rc == 0)
		rc = reader_runs(&reader, root, report);
	json_decref(root);
	return rc;
}
