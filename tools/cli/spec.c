/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/spec.h"

#include <stdlib.h>
#include <string.h>

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
			return cli_within("%s ", field->name);
		rest += length;
	}
	return *rest == '\0'
		       ? 0
		       : REFUSE("nothing may follow before '%.40s'", rest);
}

int spec_read(const struct spec *spec, const char *text, void *into)
{
	size_t length = strcspn(text, spec->between);
	char allowed[SPEC_TEXT_BYTES] = "";
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

int spec_parse(const struct spec *spec, void *into, const char *text)
{
	int form = spec_read(spec, text, into);

	if (form >= 0)
		*(uint32_t *)into = (uint32_t)form;
	return form < 0 ? form : 0;
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

struct range {
	double from;
	double to;
	double step;
};

static int range_read(const struct number_form *form, const char *text,
		      struct range *range)
{
	const double step = form->kind == NUMBER_COUNT ? 1 : SPEC_REQUIRED;
	const struct spec_form fields = {
		NULL,
		{SPEC_FIELD("FROM", range, from, SPEC_REQUIRED, REAL, 0, 1e9),
		 SPEC_FIELD("TO", range, to, SPEC_REQUIRED, REAL, 0, 1e9),
		 SPEC_FIELD("STEP", range, step, step, REAL, 0, 1e9)}};
	const struct spec spec = {":", 1, &fields};

	return spec_read(&spec, text, range) >= 0 && range->step > 0 &&
			       range->from <= range->to
		       ? 0
		       : REFUSE("a range FROM:TO:STEP goes up, by a STEP above "
				"0");
}

int spec_list(const struct number_form *form, const char *text, double *out,
	      uint32_t most)
{
	struct range range = {0};
	char number[NUMBER_TEXT_BYTES];
	double one;
	uint32_t n = 0;
	int more = 1;

	if (strchr(text, ':') != NULL && range_read(form, text, &range) < 0)
		return -EINVAL;
	for (size_t length; more; text += length + 1) {
		if (range.step > 0) {
			/* In decimals: 0.1 + 4 * 0.05 is 0.3, not a bit more. */
			(void)snprintf(number, sizeof(number), "%.12g,",
				       range.from + n * range.step);
			if (strtod(number, NULL) > range.to)
				break;
			text = number;
		}
		length = strcspn(text, ",");
		more = text[length] == ',';
		if (number_read(form, text, length, &one) < 0)
			return cli_within("each ");
		if (n == most)
			return REFUSE("at most %u are taken", most);
		out[n++] = one;
	}
	qsort(out, n, sizeof(*out), number_order);
	for (uint32_t i = 1; i < n; i++)
		if (out[i] <= out[i - 1])
			return REFUSE("%s is there twice",
				      number_text(out[i], number));
	return (int)n;
}
