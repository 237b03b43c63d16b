/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads as text: from the command line, and back. */
#include "bench/load/trace.h"
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text that is being read, and where to say what is wrong with it. */
struct spec {
	const char *what; /* "arrivals" */
	const char *text;
	const char *rest; /* behind the next colon; NULL: nothing is left */
	char *why;
	uint32_t why_bytes;
};

int load_refuse(char *why, uint32_t why_bytes, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, why_bytes, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* Does it begin with that word? What follows is then left. */
static int spec_is(struct spec *spec, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(spec->text, word, length) != 0)
		return 0;
	if (spec->text[length] != '\0' && spec->text[length] != ':')
		return 0;
	spec->rest = spec->text[length] == ':' ? spec->text + length + 1 : NULL;
	return 1;
}

static int spec_unknown(const struct spec *spec, const char *allowed)
{
	return load_refuse(spec->why, spec->why_bytes,
			   "%s '%.40s': not one of %s", spec->what, spec->text,
			   allowed);
}

static int spec_out_of_range(const struct spec *spec, const char *field,
			     double low, double high)
{
	return load_refuse(spec->why, spec->why_bytes,
			   "%s '%.40s': %s must be a number in [%.10g, %.10g]",
			   spec->what, spec->text, field, low, high);
}

/* The next field, a decimal number in [low, high]. */
static int spec_number(struct spec *spec, const char *field, double low,
		       double high, double *number)
{
	const char *from = spec->rest;
	size_t length = from != NULL ? strcspn(from, ":") : 0;
	char *end;

	/* strtod takes more than what is meant: blanks, signs, hexadecimals,
	 * "inf". */
	if (length == 0 || strspn(from, "0123456789.eE+-") < length ||
	    from[0] == '+' || from[0] == '-')
		return spec_out_of_range(spec, field, low, high);
	*number = strtod(from, &end);
	if (end != from + length || !(*number >= low && *number <= high))
		return spec_out_of_range(spec, field, low, high);
	spec->rest = *end == ':' ? end + 1 : NULL;
	return 0;
}

/* The next field, a count in [1, high]. */
static int spec_count(struct spec *spec, const char *field, uint32_t high,
		      uint32_t *count)
{
	double number = 0;
	int rc = spec_number(spec, field, 1, high, &number);

	if (rc < 0)
		return rc;
	*count = (uint32_t)number;
	if (*count != number)
		return load_refuse(spec->why, spec->why_bytes,
				   "%s '%.40s': %s must be a whole number",
				   spec->what, spec->text, field);
	return 0;
}

static int spec_end(const struct spec *spec)
{
	if (spec->rest == NULL)
		return 0;
	return load_refuse(spec->why, spec->why_bytes,
			   "%s '%.40s': nothing may follow before ':%.40s'",
			   spec->what, spec->text, spec->rest);
}

int arrival_parse(struct arrival *arrival, const char *text, char *why,
		  uint32_t why_bytes)
{
	struct spec spec = {"arrivals", text, NULL, why, why_bytes};
	struct arrival made = {0};
	int rc = 0;

	if (spec_is(&spec, "closed")) {
		made.kind = ARRIVAL_CLOSED;
		rc = spec_count(&spec, "DEPTH", LOAD_DEPTH_MAX, &made.depth);
	} else if (spec_is(&spec, "poisson")) {
		made.kind = ARRIVAL_POISSON;
	} else if (spec_is(&spec, "uniform")) {
		made.kind = ARRIVAL_UNIFORM;
	} else if (spec_is(&spec, "burst")) {
		made.kind = ARRIVAL_BURST;
		rc = spec_count(&spec, "N", LOAD_DEPTH_MAX, &made.depth);
	} else if (spec_is(&spec, "trace")) {
		made.kind = ARRIVAL_TRACE;
		made.file = spec.rest;
		if (made.file == NULL || made.file[0] == '\0')
			return load_refuse(why, why_bytes,
					   "arrivals '%.40s': FILE is missing",
					   text);
		spec.rest = NULL; /* colons are the file's */
	} else {
		return spec_unknown(&spec, "closed:DEPTH, poisson, uniform, "
					   "burst:N, trace:FILE");
	}
	if (rc == 0)
		rc = spec_end(&spec);
	if (rc == 0)
		*arrival = made;
	return rc;
}

static int service_parse_long(struct spec *spec, struct service *made)
{
	int rc;

	if (spec->rest == NULL)
		return 0;
	rc = spec_number(spec, "SHARE", 1e-6, 1 - 1e-6, &made->share);
	if (rc < 0)
		return rc;
	return spec_number(spec, "FACTOR", 1, 1e6, &made->factor);
}

int service_parse(struct service *service, const char *text, char *why,
		  uint32_t why_bytes)
{
	struct spec spec = {"service", text, NULL, why, why_bytes};
	struct service made = {.mean_ns = service->mean_ns};
	int rc = 0;

	if (spec_is(&spec, "fixed")) {
		made.kind = SERVICE_FIXED;
	} else if (spec_is(&spec, "exp")) {
		made.kind = SERVICE_EXP;
	} else if (spec_is(&spec, "lognormal")) {
		made.kind = SERVICE_LOGNORMAL;
		made.share = 1;
		if (spec.rest != NULL)
			rc = spec_number(&spec, "SIGMA", 0.01, 3, &made.share);
	} else if (spec_is(&spec, "bimodal")) {
		made.kind = SERVICE_BIMODAL;
		made.share = 0.1;
		made.factor = 10;
		rc = service_parse_long(&spec, &made);
	} else if (spec_is(&spec, "extreme")) {
		made.kind = SERVICE_EXTREME;
		made.share = 0.005;
		made.factor = 1000;
		rc = service_parse_long(&spec, &made);
	} else {
		return spec_unknown(&spec, "fixed, exp, lognormal[:SIGMA], "
					   "bimodal[:SHARE:FACTOR], "
					   "extreme[:SHARE:FACTOR]");
	}
	if (rc == 0)
		rc = spec_end(&spec);
	if (rc == 0)
		*service = made;
	return rc;
}

int keys_parse(struct keys *keys, const char *text, char *why,
	       uint32_t why_bytes)
{
	struct spec spec = {"keys", text, NULL, why, why_bytes};
	struct keys made = {0};
	int rc = 0;

	if (spec_is(&spec, "uniform")) {
		made.kind = KEY_UNIFORM;
		made.count = 1024;
		if (spec.rest != NULL)
			rc = spec_count(&spec, "N", UINT32_MAX, &made.count);
	} else if (spec_is(&spec, "zipf")) {
		made.kind = KEY_ZIPF;
		rc = spec_number(&spec, "THETA", 0.001, 2, &made.theta);
		if (rc == 0)
			rc = spec_count(&spec, "N", LOAD_ZIPF_KEYS_MAX,
					&made.count);
	} else {
		return spec_unknown(&spec, "uniform:N, zipf:THETA:N");
	}
	if (rc == 0)
		rc = spec_end(&spec);
	if (rc == 0)
		*keys = made;
	return rc;
}

/* ---- back to text -------------------------------------------------------- */

#define NUMBER_TEXT_BYTES 32

/* The shortest text that is read back as this very number. */
static const char *spec_number_text(double number, char *text)
{
	for (int digits = 7; digits <= 17; digits++) {
		(void)snprintf(text, NUMBER_TEXT_BYTES, "%.*g", digits, number);
		if (!(fabs(strtod(text, NULL) - number) > 0))
			break;
	}
	return text;
}

void arrival_format(const struct arrival *arrival, char *text, uint32_t bytes)
{
	switch (arrival->kind) {
	case ARRIVAL_CLOSED:
		(void)snprintf(text, bytes, "closed:%u", arrival->depth);
		return;
	case ARRIVAL_BURST:
		(void)snprintf(text, bytes, "burst:%u", arrival->depth);
		return;
	case ARRIVAL_TRACE:
		(void)snprintf(text, bytes, "trace:%s", arrival->file);
		return;
	case ARRIVAL_UNIFORM:
		(void)snprintf(text, bytes, "uniform");
		return;
	case ARRIVAL_POISSON:
	default:
		(void)snprintf(text, bytes, "poisson");
		return;
	}
}

void service_format(const struct service *service, char *text, uint32_t bytes)
{
	const char *name =
		service->kind == SERVICE_BIMODAL ? "bimodal" : "extreme";
	char share[NUMBER_TEXT_BYTES];
	char factor[NUMBER_TEXT_BYTES];

	switch (service->kind) {
	case SERVICE_EXP:
		(void)snprintf(text, bytes, "exp");
		return;
	case SERVICE_LOGNORMAL:
		(void)snprintf(text, bytes, "lognormal:%s",
			       spec_number_text(service->share, share));
		return;
	case SERVICE_BIMODAL:
	case SERVICE_EXTREME:
		(void)snprintf(text, bytes, "%s:%s:%s", name,
			       spec_number_text(service->share, share),
			       spec_number_text(service->factor, factor));
		return;
	case SERVICE_FIXED:
	default:
		(void)snprintf(text, bytes, "fixed");
		return;
	}
}

void keys_format(const struct keys *keys, char *text, uint32_t bytes)
{
	char theta[NUMBER_TEXT_BYTES];

	if (keys->kind == KEY_ZIPF)
		(void)snprintf(text, bytes, "zipf:%s:%u",
			       spec_number_text(keys->theta, theta),
			       keys->count);
	else
		(void)snprintf(text, bytes, "uniform:%u", keys->count);
}
