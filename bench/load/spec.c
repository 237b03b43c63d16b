/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A number behind a colon. */
struct spec_field {
	const char *name; /* NULL: there is none */
	size_t at;        /* a double; whole numbers: a uint32_t */
	struct number_range range;
	double left_out; /* what it then is; 0: it may not be */
};

#define SPEC_FIELDS 2u

struct spec_form {
	const char *name;
	uint32_t kind;
	struct spec_field field[SPEC_FIELDS];
};

#define SPEC_FORMS 5u

/* Each struct begins with its kind. */
struct load_spec {
	const char *what;
	const char *allowed;
	struct spec_form form[SPEC_FORMS];
};

#define WHOLE(name, type, member, high, left_out)                              \
	{                                                                      \
		(name), offsetof(struct type, member),                         \
			{NUMBER_WHOLE, 1, (high), 0}, (left_out)               \
	}
#define REAL(name, type, member, low, high, left_out)                          \
	{                                                                      \
		(name), offsetof(struct type, member),                         \
			{NUMBER_REAL, (low), (high), 0}, (left_out)            \
	}
#define MODES(share_, factor_)                                                 \
	{                                                                      \
		REAL("SHARE", service, share, 1e-6, 1 - 1e-6, share_),         \
			REAL("FACTOR", service, factor, 1, 1e6, factor_)       \
	}

const struct load_spec load_arrivals = {
	"arrivals",
	"closed:DEPTH, poisson, uniform, burst:N, trace:FILE",
	{{"closed",
	  ARRIVAL_CLOSED,
	  {WHOLE("DEPTH", arrival, depth, LOAD_DEPTH_MAX, 0)}},
	 {"poisson", ARRIVAL_POISSON, {{0}}},
	 {"uniform", ARRIVAL_UNIFORM, {{0}}},
	 {"burst",
	  ARRIVAL_BURST,
	  {WHOLE("N", arrival, depth, LOAD_DEPTH_MAX, 0)}},
	 {"trace", ARRIVAL_TRACE, {{0}}}},
};

const struct load_spec load_service = {
	"service",
	"fixed, exp, lognormal[:SIGMA], bimodal[:SHARE:FACTOR], "
	"extreme[:SHARE:FACTOR]",
	{{"fixed", SERVICE_FIXED, {{0}}},
	 {"exp", SERVICE_EXP, {{0}}},
	 {"lognormal",
	  SERVICE_LOGNORMAL,
	  {REAL("SIGMA", service, share, 0.01, 3, 1)}},
	 {"bimodal", SERVICE_BIMODAL, MODES(0.1, 10)},
	 {"extreme", SERVICE_EXTREME, MODES(0.005, 1000)}},
};

const struct load_spec load_keys = {
	"keys",
	"uniform:N, zipf:THETA:N",
	{{"uniform",
	  KEY_UNIFORM,
	  {WHOLE("N", keys, count, LOAD_KEYS_MAX, 1024)}},
	 {"zipf",
	  KEY_ZIPF,
	  {REAL("THETA", keys, theta, 0.001, 2, 0),
	   WHOLE("N", keys, count, LOAD_KEYS_MAX, 0)}}},
};

/* The form that @text begins with, by its name up to a colon. */
static const struct spec_form *spec_form(const struct load_spec *spec,
					 const char *text)
{
	size_t length = strcspn(text, ":");

	for (uint32_t i = 0; i < SPEC_FORMS && spec->form[i].name != NULL; i++)
		if (strlen(spec->form[i].name) == length &&
		    strncmp(spec->form[i].name, text, length) == 0)
			return &spec->form[i];
	return NULL;
}

static void spec_put(const struct spec_field *field, char *into, double number)
{
	uint32_t whole = (uint32_t)number;

	if (field->range.kind == NUMBER_WHOLE)
		memcpy(into + field->at, &whole, sizeof(whole));
	else
		memcpy(into + field->at, &number, sizeof(number));
}

static double spec_get(const struct spec_field *field, const char *from)
{
	uint32_t whole;
	double number;

	memcpy(&whole, from + field->at, sizeof(whole));
	if (field->range.kind == NUMBER_WHOLE)
		return whole;
	memcpy(&number, from + field->at, sizeof(number));
	return number;
}

/* The fields of @form; all of them may be left out together. With @into NULL
 * they are checked only. */
static int spec_fields(const struct load_spec *spec,
		       const struct spec_form *form, const char *text,
		       char *into, char *why, uint32_t why_bytes)
{
	const char *rest = text + strlen(form->name);
	int left_out = *rest == '\0' && form->field[0].left_out > 0;

	for (uint32_t i = 0; i < SPEC_FIELDS; i++) {
		const struct spec_field *field = &form->field[i];
		size_t length = *rest == ':' ? strcspn(rest + 1, ":") : 0;
		struct number number = {field->left_out, 0};
		char allowed[NUMBER_TEXT_BYTES];

		if (field->name == NULL)
			break;
		if (!left_out &&
		    number_read(*rest == ':' ? rest + 1 : "", length,
				&field->range, &number) < 0)
			return load_refuse(
				why, why_bytes, "%s '%.40s': %s must be %s",
				spec->what, text, field->name,
				number_range_text(&field->range, allowed));
		if (into != NULL)
			spec_put(field, into, number.real);
		rest += *rest == ':' ? length + 1 : 0;
	}
	if (*rest == '\0' || form == &load_arrivals.form[ARRIVAL_TRACE])
		return 0;
	return load_refuse(why, why_bytes,
			   "%s '%.40s': nothing may follow before '%.40s'",
			   spec->what, text, rest);
}

int load_parse(const struct load_spec *spec, void *into, const char *text,
	       char *why, uint32_t why_bytes)
{
	const struct spec_form *form = spec_form(spec, text);
	int rc;

	if (form == NULL)
		return load_refuse(why, why_bytes, "%s '%.40s': not one of %s",
				   spec->what, text, spec->allowed);
	if (form == &load_arrivals.form[ARRIVAL_TRACE]) {
		const char *file = text + strlen(form->name);

		if (file[0] == '\0' || file[1] == '\0')
			return load_refuse(why, why_bytes,
					   "arrivals '%.40s': FILE is missing",
					   text);
		((struct arrival *)into)->file = file + 1;
	}
	rc = spec_fields(spec, form, text, NULL, why, why_bytes);
	if (rc < 0)
		return rc;
	memcpy(into, &form->kind, sizeof(form->kind));
	return spec_fields(spec, form, text, into, why, why_bytes);
}

void load_format(const struct load_spec *spec, const void *from, char *text,
		 uint32_t bytes)
{
	char number[NUMBER_TEXT_BYTES];
	uint32_t kind;
	int used;

	memcpy(&kind, from, sizeof(kind));
	used = snprintf(text, bytes, "%s", spec->form[kind].name);
	if (spec == &load_arrivals && kind == ARRIVAL_TRACE)
		(void)snprintf(text, bytes, "trace:%s",
			       ((const struct arrival *)from)->file);
	for (uint32_t i = 0; i < SPEC_FIELDS; i++) {
		const struct spec_field *field = &spec->form[kind].field[i];

		if (field->name == NULL || used < 0 || (uint32_t)used >= bytes)
			return;
		used += snprintf(text + used, bytes - (uint32_t)used, ":%s",
				 number_text(spec_get(field, from), number));
	}
}
