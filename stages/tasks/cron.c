/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cron expressions: minute hour day month weekday, in UTC. Each field is a list of
 * numbers, names, ranges and steps, and becomes a set of bits. As in every cron, a
 * day matches by either of its two fields if both are said, else by the one that is.
 */
#include "stages/tasks/store_priv.h"

#include <strings.h>

#define CRON_TEXT_BYTES 128u
#define DAY_MINUTES     1440
#define CRON_DAYS       (366 * 9) /* one leap day may be eight years away */

struct cron_field {
	const char *name;
	int low;
	int high;
	const char *names; /* three letters each, from low; NULL: none */
};

static const struct cron_field cron_fields[] = {
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day", 1, 31, NULL},
	{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	{"weekday", 0, 7, "sunmontuewedthufrisat"},
};
#define CRON_FIELDS 5u

struct cron {
	uint64_t set[CRON_FIELDS];
	bool any_day;
	bool any_weekday;
};

static int cron_refuse(const char *when, const struct cron_field *field)
{
	return sluice_fail(
		-EINVAL,
		"cron '%.127s': %s is a list of numbers in [%d, %d], "
		"ranges a-b, * and steps /n",
		when, field->name, field->low, field->high);
}

/* A number or a name at *@at, which goes on behind it; -1: there is none. */
static int cron_number(const struct cron_field *field, const char **at)
{
	int number = 0;
	const char *p = *at;

	if (*p >= '0' && *p <= '9') {
		while (*p >= '0' && *p <= '9' && number < 1000)
			number = number * 10 + (*p++ - '0');
		*at = p;
		return number >= field->low && number <= field->high ? number
								     : -1;
	}
	for (const char *name = field->names; name != NULL && *name != 0;
	     name += 3)
		if (strncasecmp(name, p, 3) == 0) {
			*at = p + 3;
			return field->low + (int)(name - field->names) / 3;
		}
	return -1;
}

/* One of a list. Returns where it ends, or NULL. */
static const char *cron_item(const struct cron_field *field, const char *at,
			     uint64_t *set)
{
	int from = field->low;
	int to = field->high;
	int step = 1;

	if (*at == '*') {
		at++;
	} else {
		from = cron_number(field, &at);
		to = from;
		if (from < 0)
			return NULL;
		if (*at == '-') {
			at++;
			to = cron_number(field, &at);
		} else if (*at == '/') {
			to = field->high;
		}
	}
	if (*at == '/') {
		step = 0;
		for (at++; *at >= '0' && *at <= '9' && step < 1000; at++)
			step = step * 10 + (*at - '0');
	}
	if (step == 0 || to < from)
		return NULL;
	for (int i = from; i <= to; i += step)
		*set |= 1ull << i;
	return at;
}

static const char *cron_list(const struct cron_field *field, const char *at,
			     uint64_t *set)
{
	at = cron_item(field, at, set);
	while (at != NULL && *at == ',')
		at = cron_item(field, at + 1, set);
	return at;
}

static const char *cron_word(const char *when)
{
	static const char *const words[][2] = {
		{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},
		{"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
		{"@monthly", "0 0 1 * *"},  {"@yearly", "0 0 1 1 *"},
		{"@annually", "0 0 1 1 *"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(when, words[i][0]) == 0)
			return words[i][1];
	return when;
}

static int cron_read(const char *when, struct cron *cron)
{
	const char *at = cron_word(when);

	if (strnlen(when, CRON_TEXT_BYTES) >= CRON_TEXT_BYTES)
		return sluice_fail(-EINVAL,
				   "cron: an expression has %u bytes at most",
				   CRON_TEXT_BYTES - 1);
	memset(cron, 0, sizeof(*cron));
	for (uint32_t i = 0; i < CRON_FIELDS; i++) {
		at += strspn(at, " \t");
		if (i == 2)
			cron->any_day = *at == '*';
		if (i == 4)
			cron->any_weekday = *at == '*';
		if (*at == 0)
			return sluice_fail(-EINVAL,
					   "cron '%s': %u fields; there are 5: "
					   "minute hour day month weekday",
					   when, i);
		at = cron_list(&cron_fields[i], at, &cron->set[i]);
		if (at == NULL || (*at != 0 && *at != ' ' && *at != '\t'))
			return cron_refuse(when, &cron_fields[i]);
	}
	if (at[strspn(at, " \t")] != 0)
		return sluice_fail(-EINVAL,
				   "cron '%s': more than 5 fields: minute hour "
				   "day month weekday",
				   when);
	if (cron->set[4] & 1ull << 7)
		cron->set[4] |= 1;
	return 0;
}

/* The civil date of a day since 1970 (Howard Hinnant's days_from_civil, the other
 * way round). */
static void cron_civil(int64_t day, int *month, int *mday)
{
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = (int)(z - era * 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	*mday = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
}

static bool cron_has(const struct cron *cron, uint32_t field, int number)
{
	return (cron->set[field] >> number & 1) != 0;
}

static bool cron_day(const struct cron *cron, int64_t day)
{
	int month;
	int mday;
	bool is_mday;
	bool is_weekday;

	cron_civil(day, &month, &mday);
	if (!cron_has(cron, 3, month))
		return false;
	is_mday = cron_has(cron, 2, mday);
	is_weekday = cron_has(cron, 4, (int)((day % 7 + 11) % 7));
	if (cron->any_day || cron->any_weekday)
		return is_mday && is_weekday;
	return is_mday || is_weekday;
}

/* The first minute of the day that is not before @from; -1: none. */
static int cron_minute(const struct cron *cron, int from)
{
	for (int i = from; i < DAY_MINUTES; i++)
		if (cron_has(cron, 1, i / 60) && cron_has(cron, 0, i % 60))
			return i;
	return -1;
}

int cron_next(const char *when, int64_t after_us, int64_t *next_us)
{
	struct cron cron;
	int rc = cron_read(when, &cron);
	int64_t minute = after_us / 60000000 + 1;
	int64_t day = minute / DAY_MINUTES;
	int from = (int)(minute % DAY_MINUTES);

	if (rc < 0)
		return rc;
	for (int64_t last = day + CRON_DAYS; day < last; day++, from = 0) {
		int found =
			cron_day(&cron, day) ? cron_minute(&cron, from) : -1;

		if (found >= 0) {
			*next_us = (day * DAY_MINUTES + found) * 60000000;
			return 0;
		}
	}
	return sluice_fail(-ERANGE, "cron '%s': there is no such day", when);
}
