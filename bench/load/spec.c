/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/spec.h"

#include <string.h>

/* clang-format off */
#define WORD(name_) {(name_), {{0}}}
#define COUNT(name_, type_, member_, left_out_, high_) \
	SPEC_FIELD(name_, type_, member_, left_out_, U32, 1, high_, NULL, 0)
#define REAL(name_, type_, member_, left_out_, low_, high_) \
	SPEC_FIELD(name_, type_, member_, left_out_, REAL, low_, high_, NULL, 0)
#define DEPTH(name_) \
	{COUNT(name_, arrival, depth, SPEC_REQUIRED, LOAD_DEPTH_MAX)}
#define MODES(share_, factor_) \
	{REAL("SHARE", service, share, share_, 1e-6, 1 - 1e-6), \
	 REAL("FACTOR", service, factor, factor_, 1, 1e6)}

static const struct spec_form arrival_forms[] = {
	[ARRIVAL_CLOSED] = {"closed", DEPTH("DEPTH")},
	[ARRIVAL_POISSON] = WORD("poisson"),
	[ARRIVAL_UNIFORM] = WORD("uniform"),
	[ARRIVAL_BURST] = {"burst", DEPTH("N")},
	[ARRIVAL_TRACE] = {"trace", {SPEC_FIELD("FILE", arrival, file,
		SPEC_REQUIRED, TEXT, 0, 0, NULL, 0)}},
};
static const struct spec_form service_forms[] = {
	[SERVICE_FIXED] = WORD("fixed"),
	[SERVICE_EXP] = WORD("exp"),
	[SERVICE_LOGNORMAL] = {"lognormal",
		{REAL("SIGMA", service, share, 1, 0.01, 3)}},
	[SERVICE_BIMODAL] = {"bimodal", MODES(0.1, 10)},
	[SERVICE_EXTREME] = {"extreme", MODES(0.005, 1000)},
};
static const struct spec_form key_forms[] = {
	[KEY_UNIFORM] = {"uniform",
		{COUNT("N", keys, count, 1024, LOAD_KEYS_MAX)}},
	[KEY_ZIPF] = {"zipf",
		{REAL("THETA", keys, theta, SPEC_REQUIRED, 0.001, 2),
		 COUNT("N", keys, count, SPEC_REQUIRED, LOAD_KEYS_MAX)}},
};
/* clang-format on */

const struct spec load_arrivals = SPEC_TABLE(":", arrival_forms);
const struct spec load_service = SPEC_TABLE(":", service_forms);
const struct spec load_keys = SPEC_TABLE(":", key_forms);

int load_parse(const struct spec *spec, void *into, const char *text)
{
	int form = spec_read(spec, text, into);

	if (form >= 0)
		*(uint32_t *)into = (uint32_t)form;
	return form < 0 ? form : 0;
}

/* ---- any table ----------------------------------------------------------- */

static int form_read(const struct spec *spec, const struct spec_form *form,
		     const char *rest, void *into)
{
	for (uint32_t i = 0; i < SPEC_FIELDS && form->field[i].name; i++) {
		const struct spec_field *field = &form->field[i];
		void *at = (char *)into + field->at;
		size_t length;

		if (*rest == '\0' && field->left_out >= 0) {
			number_put(&field->form, field->left_out, at);
			continue;
		}
		if (i > 0 || form->name != NULL)
			rest += *rest == *spec->between;
		length = field->form.kind == NUMBER_TEXT
				 ? strlen(rest)
				 : strcspn(rest, spec->between);
		if (number_read(&field->form, rest, length, at) < 0)
			return number_within("%s ", field->name);
		rest += length;
	}
	return *rest == '\0'
		       ? 0
		       : REFUSE("nothing may follow before '%.40s'", rest);
}

int spec_read(const struct spec *spec, const char *text, void *into)
{
	size_t length = strcspn(text, spec->between);
	char allowed[LOAD_TEXT_BYTES] = "";
	FILE *out;

	for (uint32_t i = 0; i < spec->forms; i++) {
		const char *name = spec->form[i].name;

		if (name == NULL)
			length = 0;
		else if (strlen(name) != length ||
			 strncmp(name, text, length) != 0)
			continue;
		return form_read(spec, &spec->form[i], text + length, into) < 0
			       ? -EINVAL
			       : (int)i;
	}
	out = fmemopen(allowed, sizeof(allowed) - 1, "w");
	if (out != NULL) {
		spec_allowed(spec, out);
		(void)fclose(out);
	}
	return REFUSE("must be one of %s", allowed);
}

void spec_show(const struct spec *spec, uint32_t form, const void *from,
	       FILE *out)
{
	const struct spec_field *field = spec->form[form].field;
	const char *name = spec->form[form].name;

	(void)fputs(name != NULL ? name : "", out);
	for (uint32_t i = 0; i < SPEC_FIELDS && field[i].name != NULL; i++) {
		if (i > 0 || name != NULL)
			(void)fputs(spec->between, out);
		number_show(&field[i].form, (const char *)from + field[i].at,
			    out);
	}
}

void spec_allowed(const struct spec *spec, FILE *out)
{
	for (uint32_t i = 0; i < spec->forms; i++) {
		const struct spec_field *field = spec->form[i].field;

		(void)fprintf(out, "%s%s", i > 0 ? ", " : "",
			      spec->form[i].name);
		for (uint32_t j = 0; j < SPEC_FIELDS && field[j].name; j++)
			(void)fprintf(
				out, field[j].left_out >= 0 ? "[%s%s]" : "%s%s",
				spec->between, field[j].name);
	}
}

/* ---- lists and ranges ---------------------------------------------------- */

struct list {
	const struct number_form *form;
	double *out;
	uint32_t most;
	uint32_t count;
};

static int list_add(struct list *list, const char *text, size_t length)
{
	uint32_t whole = 0;
	double real = 0;
	uint32_t i = list->count;

	if (number_read(list->form, text, length,
			list->form->kind == NUMBER_U32 ? (void *)&whole
						       : &real) < 0)
		return number_within("each ");
	if (list->count++ == list->most)
		return REFUSE("at most %u are taken", list->most);
	for (real += whole; i > 0 && list->out[i - 1] > real; i--)
		list->out[i] = list->out[i - 1];
	list->out[i] = real;
	return i == 0 || list->out[i - 1] < real
		       ? 0
		       : REFUSE("%.*s is there twice", (int)length, text);
}

static int list_range(struct list *list, const char *text)
{
	struct range {
		double from;
		double to;
		double step;
	} range;
	const double step = list->form->kind == NUMBER_U32 ? 1 : SPEC_REQUIRED;
	const struct spec_form form = {
		NULL,
		{SPEC_FIELD("FROM", range, from, SPEC_REQUIRED, REAL, 0, 1e9,
			    NULL, 0),
		 SPEC_FIELD("TO", range, to, SPEC_REQUIRED, REAL, 0, 1e9, NULL,
			    0),
		 SPEC_FIELD("STEP", range, step, step, REAL, 0, 1e9, NULL, 0)}};
	const struct spec spec = {":", 1, &form};
	char number[NUMBER_TEXT_BYTES];
	int rc = spec_read(&spec, text, &range);

	if (rc < 0 || !(range.step > 0) || range.to < range.from)
		return REFUSE(
			"a range FROM:TO:STEP goes up, by a STEP above 0");
	for (uint32_t i = 0; rc == 0; i++) {
		/* In decimals: 0.1 + 4 * 0.05 is 0.3, not a bit more. */
		(void)snprintf(number, sizeof(number), "%.12g",
			       range.from + i * range.step);
		if (strtod(number, NULL) > range.to)
			break;
		rc = list_add(list, number, strlen(number));
	}
	return rc;
}

int spec_list(const struct number_form *form, const char *text, double *out,
	      uint32_t most)
{
	struct list list = {form, out, most, 0};
	int rc = 0;

	if (strchr(text, ':') != NULL)
		rc = list_range(&list, text);
	else
		do {
			rc = list_add(&list, text, strcspn(text, ","));
			text += strcspn(text, ",");
		} while (rc == 0 && *text++ == ',');
	return rc < 0 ? rc : (int)list.count;
}
