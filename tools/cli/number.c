/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/spec.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(LDBL_MANT_DIG >= 64, "a long double has 64 bits and more");

static const struct unit {
	const char *name;
	int is_time;
	long double times;
	long double parts;
} units[] = {{"s", 1, 1e9L, 1}, {"ms", 1, 1e6L, 1}, {"us", 1, 1e3L, 1},
	     {"ns", 1, 1, 1},   {"", 0, 1, 1},      {"k", 0, 1e3L, 1},
	     {"M", 0, 1e6L, 1}, {"G", 0, 1e9L, 1},  {"%", 0, 1, 100}};

#define UNITS (sizeof(units) / sizeof(units[0]))

static int is_time(const struct number_form *form)
{
	return form->kind == NUMBER_TIME || form->kind == NUMBER_NS;
}

static int is_whole(const struct number_form *form)
{
	return form->kind <= NUMBER_COUNT;
}

/* ---- read ---------------------------------------------------------------- */

/* "must be half, or a whole number in [1, 64]" */
static int number_refuse(const struct number_form *form)
{
	static const char *const kinds[] = {
		[NUMBER_U32] = "a whole number",
		[NUMBER_POWER] = "a power of two",
		[NUMBER_U64] = "a whole number",
		[NUMBER_COUNT] = "a whole number",
		[NUMBER_REAL] = "a number",
		[NUMBER_TIME] = "a number with one of the units ns us ms s,",
		[NUMBER_NS] = "a number with one of the units ns us ms s,",
	};
	const char *(*show)(double, char *) =
		is_time(form) ? number_time_text : number_text;
	char low[NUMBER_TEXT_BYTES];
	char high[NUMBER_TEXT_BYTES];

	return REFUSE("must be %s%s%s in [%s, %s]",
		      form->word != NULL ? form->word : "",
		      form->word != NULL ? ", or " : "", kinds[form->kind],
		      show(form->low, low),
		      form->high < 0x1p64 ? show(form->high, high)
					  : "2^64 - 1");
}

/* A decimal number and a unit, and no more: strtold alone would take blanks,
 * signs, hexadecimals and "inf". */
static int number_value(const struct number_form *form, const char *text,
			size_t length, long double *out)
{
	const struct unit *unit = units;
	char *end;

	*out = strtold(text, &end);
	if (strspn(text, "0123456789.") == 0 || text[1] == 'x' ||
	    text[1] == 'X' || end == text || end > text + length)
		return -EINVAL;
	length -= (size_t)(end - text);
	while (unit < units + UNITS && (unit->is_time != is_time(form) ||
					strlen(unit->name) != length ||
					strncmp(unit->name, end, length) != 0))
		unit++;
	if (unit == units + UNITS)
		return -EINVAL;
	*out = *out * unit->times / unit->parts;
	if (is_whole(form) && (*out >= 0x1p64L || floorl(*out) != *out))
		return -EINVAL;
	/* Ends are doubles. */
	return (double)*out >= form->low && (double)*out <= form->high
		       ? 0
		       : -EINVAL;
}

int number_read(const struct number_form *form, const char *text, size_t length,
		void *into)
{
	long double number = form->worth;

	if (form->kind == NUMBER_TEXT) {
		*(const char **)into = text;
		return length > 0 ? 0 : REFUSE("must not be empty");
	}
	if (form->word == NULL || strlen(form->word) != length ||
	    strncmp(form->word, text, length) != 0) {
		if (number_value(form, text, length, &number) < 0 ||
		    (form->kind == NUMBER_POWER &&
		     ((uint32_t)number & ((uint32_t)number - 1)) != 0))
			return number_refuse(form);
	}
	number_put(form, number, into);
	return 0;
}

int number_order(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

void number_put(const struct number_form *form, long double number, void *into)
{
	if (form->kind <= NUMBER_POWER) /* a word may be worth an int32_t */
		*(uint32_t *)into = (uint32_t)(int64_t)number;
	else if (form->kind == NUMBER_U64 || form->kind == NUMBER_NS)
		*(uint64_t *)into = (uint64_t)roundl(number);
	else
		*(double *)into = (double)number;
}

/* ---- shown --------------------------------------------------------------- */

const char *number_text(double number, char *text)
{
	for (int digits = 7; digits <= 17; digits++) {
		(void)snprintf(text, NUMBER_TEXT_BYTES, "%.*g", digits, number);
		if ((double)strtold(text, NULL) == number)
			break;
	}
	return text;
}

const char *number_time_text(double ns, char *text)
{
	const struct unit *unit = units; /* those of time stand first */

	while (unit->times > 1 && ns < (double)unit->times)
		unit++;
	(void)snprintf(text, NUMBER_TEXT_BYTES, "%.12g%s",
		       ns / (double)unit->times, unit->name);
	return text;
}

void number_show(const struct number_form *form, const void *from, FILE *out)
{
	char text[NUMBER_TEXT_BYTES] = "";
	const char *shown = text;
	long double number = 0;

	if (form->kind == NUMBER_TEXT)
		shown = *(const char *const *)from;
	else if (form->kind <= NUMBER_POWER)
		number = *(const uint32_t *)from;
	else if (form->kind == NUMBER_U64 || form->kind == NUMBER_NS)
		number = *(const uint64_t *)from;
	else
		number = *(const double *)from;
	if (form->word != NULL && number == form->worth)
		shown = form->word;
	else if (is_whole(form))
		(void)snprintf(text, sizeof(text), "%.0Lf", number);
	else if (form->kind != NUMBER_TEXT && number >= form->low)
		(void)(is_time(form) ? number_time_text
				     : number_text)((double)number, text);
	(void)fputs(shown != NULL ? shown : "", out);
}
