/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_FIELD_BYTES 48u

static const struct {
	const char *name;
	double ns;
} units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};

#define UNITS (sizeof(units) / sizeof(units[0]))

int value_refuse(const struct value *value, const char *fmt, ...)
{
	va_list args;
	int length = snprintf(value->why, value->why_bytes,
			      "--%s=%.60s: ", value->option, value->text);

	if (length < 0 || (uint32_t)length >= value->why_bytes)
		return -EINVAL;
	va_start(args, fmt);
	(void)vsnprintf(value->why + length,
			value->why_bytes - (uint32_t)length, fmt, args);
	va_end(args);
	return -EINVAL;
}

int value_count(const struct value *value, uint64_t low, uint64_t high,
		uint64_t *out)
{
	char *end = NULL;
	size_t digits = strspn(value->text, "0123456789");

	errno = 0;
	*out = digits > 0 ? strtoull(value->text, &end, 10) : 0;
	if (digits > 0 && *end == '\0' && errno == 0 && *out >= low &&
	    *out <= high)
		return 0;
	return value_refuse(
		value, "must be a whole number in [%" PRIu64 ", %" PRIu64 "]",
		low, high);
}

/* strtod takes more than a decimal number: blanks, hexadecimals, "inf". Returns
 * how long the number is, 0 if there is none. */
static size_t value_decimal(const char *text, double *out)
{
	char *end;

	if (strchr("0123456789.", text[0]) == NULL || text[0] == '\0' ||
	    text[1] == 'x' || text[1] == 'X')
		return 0;
	*out = strtod(text, &end);
	return isfinite(*out) ? (size_t)(end - text) : 0;
}

int value_real(const struct value *value, double low, double high, double *out)
{
	size_t length = value_decimal(value->text, out);

	if (length > 0 && value->text[length] == '\0' && *out >= low &&
	    *out <= high)
		return 0;
	return value_refuse(value, "must be a number in [%g, %g]", low, high);
}

/* A number and its unit. Returns 0 or -EINVAL, without a word. */
static int value_duration_read(const char *text, double *out_ns)
{
	double number;
	size_t length = value_decimal(text, &number);

	for (size_t i = 0; length > 0 && i < UNITS; i++) {
		if (strcmp(text + length, units[i].name) != 0)
			continue;
		*out_ns = number * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

void value_duration_text(double ns, char *text, uint32_t bytes)
{
	for (size_t i = 0; i < UNITS; i++) {
		if (ns < units[i].ns && i + 1 < UNITS)
			continue;
		(void)snprintf(text, bytes, "%.12g%s", ns / units[i].ns,
			       units[i].name);
		return;
	}
}

int value_duration(const struct value *value, double low, double high,
		   double *out_ns)
{
	char least[VALUE_FIELD_BYTES];
	char most[VALUE_FIELD_BYTES];

	if (value_duration_read(value->text, out_ns) == 0 && *out_ns >= low &&
	    *out_ns <= high)
		return 0;
	value_duration_text(low, least, sizeof(least));
	value_duration_text(high, most, sizeof(most));
	return value_refuse(value,
			    "must be a number with one of the units ns us ms "
			    "s, in [%s, %s]",
			    least, most);
}

/* ---- loads --------------------------------------------------------------- */

static int value_load_add(const struct value *value, struct bench_plan *plan,
			  double load)
{
	if (!(load >= LOAD_MIN && load <= LOAD_MAX))
		return value_refuse(value, "a load must be in [%g, %g]",
				    LOAD_MIN, LOAD_MAX);
	if (plan->loads == PLAN_LOADS_MAX)
		return value_refuse(value, "at most %u loads are taken",
				    PLAN_LOADS_MAX);
	for (uint32_t i = 0; i < plan->loads; i++)
		if (!(fabs(plan->load[i] - load) > 1e-9 * load))
			return value_refuse(value, "%g is there twice", load);
	plan->load[plan->loads++] = load;
	return 0;
}

/* What a range means in decimals: 0.1 + 4 * 0.05 is 0.3, not a bit more. */
static double value_tidy(double number)
{
	char text[VALUE_FIELD_BYTES];

	(void)snprintf(text, sizeof(text), "%.12g", number);
	return strtod(text, NULL);
}

static int value_loads_range(const struct value *value, struct bench_plan *plan)
{
	double field[3] = {0, 0, 0};
	const char *at = value->text;
	int rc = 0;

	for (int i = 0; i < 3; i++) {
		size_t length = value_decimal(at, &field[i]);

		if (length == 0 || at[length] != (i < 2 ? ':' : '\0'))
			return value_refuse(value, "a range is FROM:TO:STEP, "
						   "as in 0.1:0.9:0.1");
		at += length + 1;
	}
	if (!(field[2] > 0) || field[1] < field[0])
		return value_refuse(value, "a range goes up, by a STEP above "
					   "0");
	for (uint32_t i = 0; rc == 0; i++) {
		double load = value_tidy(field[0] + i * field[2]);

		if (load > field[1])
			break;
		rc = value_load_add(value, plan, load);
	}
	return rc;
}

int value_loads(const struct value *value, struct bench_plan *plan)
{
	const char *at = value->text;
	int rc = 0;

	plan->loads = 0;
	if (strchr(at, ':') != NULL)
		return value_loads_range(value, plan);
	while (rc == 0) {
		double load = 0;
		size_t length = value_decimal(at, &load);

		if (length == 0 || (at[length] != ',' && at[length] != '\0'))
			return value_refuse(value,
					    "must be a load, a list 0.1,0.2 or "
					    "a range FROM:TO:STEP");
		rc = value_load_add(value, plan, load);
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	return rc;
}

/* ---- faults -------------------------------------------------------------- */

/* The next part up to a colon. Returns what is behind it, NULL at the end. */
static const char *value_part(const char *text, char *part)
{
	size_t length = strcspn(text, ":");

	(void)snprintf(part, VALUE_FIELD_BYTES, "%.*s", (int)length, text);
	return text[length] == ':' ? text + length + 1 : NULL;
}

static int value_fault_form(const struct value *value,
			    enum plan_fault_kind kind)
{
	const char *form = kind == PLAN_SLOW    ? "I:FACTOR, as in 0:10"
			   : kind == PLAN_STALL ? "I:AT:FOR, as in 0:1ms:100us"
						: "I:AT, as in 0:1ms";

	return value_refuse(value, "must be %s; I is a consumer, from 0 on",
			    form);
}

/* Slow is what a consumer is; the last word counts. */
static void value_fault_keep(struct bench_plan *plan,
			     const struct plan_fault *fault)
{
	for (uint32_t i = 0; i < plan->faults; i++) {
		struct plan_fault *old = &plan->fault[i];

		if (fault->kind == PLAN_SLOW && old->kind == PLAN_SLOW &&
		    old->consumer == fault->consumer) {
			*old = *fault;
			return;
		}
	}
	plan->fault[plan->faults++] = *fault;
}

int value_fault(const struct value *value, enum plan_fault_kind kind,
		struct bench_plan *plan)
{
	char part[VALUE_FIELD_BYTES];
	struct plan_fault fault = {.kind = kind, .factor = 1};
	const char *rest = value_part(value->text, part);
	size_t digits = strspn(part, "0123456789");
	double at_ns = 0;
	double for_ns = 0;

	if (digits == 0 || digits > 3 || part[digits] != '\0' || rest == NULL)
		return value_fault_form(value, kind);
	fault.consumer = (uint32_t)strtoul(part, NULL, 10);
	rest = value_part(rest, part);
	if (kind == PLAN_SLOW) {
		size_t length = value_decimal(part, &fault.factor);

		if (length == 0 || part[length] != '\0')
			return value_fault_form(value, kind);
	} else if (value_duration_read(part, &at_ns) < 0) {
		return value_fault_form(value, kind);
	}
	if (kind == PLAN_STALL) {
		if (rest == NULL)
			return value_fault_form(value, kind);
		rest = value_part(rest, part);
		if (value_duration_read(part, &for_ns) < 0)
			return value_fault_form(value, kind);
	}
	if (rest != NULL)
		return value_fault_form(value, kind);
	if (at_ns > 1e15 || for_ns > 1e15)
		return value_refuse(value, "times must be at most 1000000s");
	if (plan->faults == PLAN_FAULTS_MAX)
		return value_refuse(value, "at most %u faults are taken",
				    PLAN_FAULTS_MAX);
	fault.at_ns = (uint64_t)at_ns;
	fault.for_ns = (uint64_t)for_ns;
	value_fault_keep(plan, &fault);
	return 0;
}
