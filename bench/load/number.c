/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/number.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX 10000 /* beyond it all is 0, or too much */

struct unit {
	const char *name;
	int power;
};

static const struct unit time_units[] = {
	{"s", 9}, {"ms", 6}, {"us", 3}, {"ns", 0}};
static const struct unit number_units[] = {
	{"", 0}, {"k", 3}, {"M", 6}, {"G", 9}, {"%", -2}};

#define UNITS(table) (sizeof(table) / sizeof((table)[0]))

/* digits * 10^power */
struct decimal {
	uint64_t digits;
	int power;
	int lost; /* and some more that 64 bits do not hold */
};

int load_refuse(char *why, uint32_t why_bytes, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, why_bytes, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* ---- one number ---------------------------------------------------------- */

static const char *decimal_exponent(const char *at, struct decimal *decimal)
{
	const char *digits = at + 1;
	int exponent = 0;

	if (*at != 'e' && *at != 'E')
		return at;
	digits += *digits == '-' || *digits == '+';
	if (*digits < '0' || *digits > '9')
		return at;
	for (; *digits >= '0' && *digits <= '9'; digits++)
		if (exponent < EXPONENT_MAX)
			exponent = 10 * exponent + (*digits - '0');
	decimal->power += at[1] == '-' ? -exponent : exponent;
	return digits;
}

/* A decimal number and no more: strtod would take blanks, signs, hexadecimals
 * and "inf". Digits beyond those that 64 bits hold are cut. Returns what is
 * behind it, @text itself when there is none. */
static const char *decimal_read(const char *text, struct decimal *decimal)
{
	const char *at = text;
	int seen = 0; /* a digit */
	int full = 0;
	int point = 0;

	*decimal = (struct decimal){0};
	for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
		uint64_t more = (uint64_t)(*at - '0');

		if (*at == '.') {
			point = 1;
			continue;
		}
		seen = 1;
		full |= decimal->digits > (UINT64_MAX - more) / 10;
		if (full)
			decimal->lost |= more > 0;
		else
			decimal->digits = 10 * decimal->digits + more;
		decimal->power += full - point;
	}
	return seen ? decimal_exponent(at, decimal) : text;
}

/* To the nearest; @rest: it was not whole. Returns 0 or -ERANGE. */
static int decimal_whole(struct decimal decimal, uint64_t *out, int *rest)
{
	int half = 0;

	*rest = decimal.lost;
	if (decimal.lost && decimal.power > 0)
		return -ERANGE;
	for (; decimal.power < 0 && decimal.digits > 0; decimal.power++) {
		half = decimal.digits % 10 >= 5;
		*rest |= decimal.digits % 10 > 0;
		decimal.digits /= 10;
	}
	/* All digits gone, and more places than digits: less than a half. */
	if (decimal.power < 0)
		half = 0;
	for (; decimal.power > 0 && decimal.digits > 0; decimal.power--)
		if (__builtin_mul_overflow(decimal.digits, 10, &decimal.digits))
			return -ERANGE;
	*out = decimal.digits + (uint64_t)half;
	return 0;
}

int number_scaled(const char *text, int power, uint64_t *out)
{
	struct decimal decimal;
	const char *end = decimal_read(text, &decimal);
	int rest;

	if (end == text || *end != '\0')
		return -EINVAL;
	decimal.power += power;
	return decimal_whole(decimal, out, &rest);
}

int number_read(const char *text, size_t length,
		const struct number_range *range, struct number *out)
{
	int time = range->kind == NUMBER_TIME;
	const struct unit *unit = time ? time_units : number_units;
	size_t units = time ? UNITS(time_units) : UNITS(number_units);
	struct decimal decimal;
	const char *suffix = decimal_read(text, &decimal);
	size_t left = length - (size_t)(suffix - text);
	int rest = 0;

	if (suffix == text || suffix > text + length)
		return -EINVAL;
	while (units > 0 && (strlen(unit->name) != left ||
			     strncmp(unit->name, suffix, left) != 0)) {
		unit++;
		units--;
	}
	if (units == 0)
		return -EINVAL;
	decimal.power += unit->power;
	out->real = strtod(text, NULL);
	out->real = unit->power < 0 ? out->real / pow(10, -unit->power)
				    : out->real * pow(10, unit->power);
	if (range->kind == NUMBER_WHOLE &&
	    (decimal_whole(decimal, &out->whole, &rest) < 0 || rest))
		return -EINVAL;
	if (range->power_of_two && (out->whole & (out->whole - 1)) != 0)
		return -EINVAL;
	return out->real >= range->low && out->real <= range->high ? 0
								   : -EINVAL;
}

/* ---- as text ------------------------------------------------------------- */

const char *number_text(double number, char *text)
{
	for (int digits = 7; digits <= 17; digits++) {
		(void)snprintf(text, NUMBER_TEXT_BYTES, "%.*g", digits, number);
		if (!(fabs(strtod(text, NULL) - number) > 0))
			break;
	}
	return text;
}

const char *number_time_text(double ns, char *text)
{
	size_t i = 0;

	while (i + 1 < UNITS(time_units) && ns < pow(10, time_units[i].power))
		i++;
	(void)snprintf(text, NUMBER_TEXT_BYTES, "%.12g%s",
		       ns / pow(10, time_units[i].power), time_units[i].name);
	return text;
}

const char *number_range_text(const struct number_range *range, char *text)
{
	static const char *const kinds[] = {
		[NUMBER_WHOLE] = "a whole number",
		[NUMBER_REAL] = "a number",
		[NUMBER_TIME] = "a number with one of the units ns us ms s,",
	};
	char low[NUMBER_TEXT_BYTES];
	char high[NUMBER_TEXT_BYTES];

	if (range->kind == NUMBER_TIME) {
		(void)number_time_text(range->low, low);
		(void)number_time_text(range->high, high);
	} else {
		(void)number_text(range->low, low);
		(void)snprintf(high, sizeof(high), "%.10g", range->high);
	}
	if (range->kind == NUMBER_WHOLE && range->high >= 0x1p64)
		(void)snprintf(high, sizeof(high), "2^64 - 1");
	(void)snprintf(text, NUMBER_TEXT_BYTES, "%s in [%.20s, %.20s]",
		       range->power_of_two ? "a power of two"
					   : kinds[range->kind],
		       low, high);
	return text;
}

/* ---- lists and ranges ---------------------------------------------------- */

struct list {
	const struct number_range *range;
	double *out;
	uint32_t most;
	uint32_t count;
	char *why;
	uint32_t why_bytes;
};

static int list_add(struct list *list, double number)
{
	char allowed[NUMBER_TEXT_BYTES];

	if (!(number >= list->range->low && number <= list->range->high))
		return load_refuse(list->why, list->why_bytes,
				   "each must be %s",
				   number_range_text(list->range, allowed));
	if (list->count == list->most)
		return load_refuse(list->why, list->why_bytes,
				   "at most %u are taken", list->most);
	for (uint32_t i = 0; i < list->count; i++)
		if (!(fabs(list->out[i] - number) > 1e-9 * number))
			return load_refuse(list->why, list->why_bytes,
					   "%g is there twice", number);
	list->out[list->count++] = number;
	return 0;
}

static int list_from_to(struct list *list, const double *field)
{
	int rc = 0;

	if (!(field[2] > 0) || field[1] < field[0])
		return load_refuse(list->why, list->why_bytes,
				   "a range goes up, by a STEP above 0");
	for (uint32_t i = 0; rc == 0; i++) {
		char text[NUMBER_TEXT_BYTES];
		double number;

		/* In decimals: 0.1 + 4 * 0.05 is 0.3, not a bit more. */
		(void)snprintf(text, sizeof(text), "%.12g",
			       field[0] + i * field[2]);
		number = strtod(text, NULL);
		if (number > field[1])
			break;
		rc = list_add(list, number);
	}
	return rc;
}

int number_list(const char *text, const struct number_range *range, double *out,
		uint32_t most, char *why, uint32_t why_bytes)
{
	struct list list = {range, out, most, 0, why, why_bytes};
	struct number_range any = {range->kind, 0, HUGE_VAL, 0};
	double field[3] = {0, 0, range->kind == NUMBER_WHOLE};
	uint32_t fields = 0;
	const char *at = text;
	int from_to = strchr(text, ':') != NULL;
	int rc = 0;

	while (rc == 0) {
		size_t length = strcspn(at, from_to ? ":" : ",");
		struct number number;

		if (number_read(at, length, &any, &number) < 0 ||
		    (from_to && fields == 3))
			return load_refuse(why, why_bytes,
					   "must be a number, a list A,B,C or "
					   "a range FROM:TO:STEP");
		if (from_to)
			field[fields++] = number.real;
		else
			rc = list_add(&list, number.real);
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	if (rc == 0 && from_to && fields == 2 && !(field[2] > 0))
		return load_refuse(why, why_bytes, "a range is FROM:TO:STEP");
	if (rc == 0 && from_to)
		rc = list_from_to(&list, field);
	return rc < 0 ? rc : (int)list.count;
}
