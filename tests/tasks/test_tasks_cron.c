/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions: the next tick, and what is refused; and how long a failure
 * waits. */
#include "stages/tasks/store_priv.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <time.h>

/* "2026-11-30 21:08" in UTC, as microseconds. */
static int64_t us(const char *text)
{
	struct tm tm = {0};

	if (sscanf(text, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min) != 5)
		fail_msg("%s", text);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)timegm(&tm) * 1000000;
}

static struct tick {
	const char *name;
	const char *when;
	const char *after;
	const char *next;
} ticks[] = {
	{"every minute", "* * * * *", "2026-11-30 21:08", "2026-11-30 21:09"},
	{"a minute", "30 * * * *", "2026-11-30 21:30", "2026-11-30 22:30"},
	{"a step", "*/15 * * * *", "2026-11-30 21:08", "2026-11-30 21:15"},
	{"from a number", "5/20 * * * *", "2026-11-30 21:30",
	 "2026-11-30 21:45"},
	{"a range with a step", "0 8-18/5 * * *", "2026-11-30 13:00",
	 "2026-11-30 18:00"},
	{"a list", "1,5,9 * * * *", "2026-11-30 21:05", "2026-11-30 21:09"},
	{"the next day", "0 3 * * *", "2026-12-31 03:00", "2027-01-01 03:00"},
	{"a name of a month", "0 0 1 Feb *", "2026-11-30 21:08",
	 "2027-02-01 00:00"},
	{"a weekday", "0 9 * * mon-fri", "2026-11-27 09:00",
	 "2026-11-30 09:00"},
	{"sunday is 7", "0 0 * * 7", "2026-11-30 00:00", "2026-12-06 00:00"},
	{"sunday is 0", "0 0 * * 0", "2026-11-30 00:00", "2026-12-06 00:00"},
	{"either day", "0 0 13 * 5", "2026-11-30 00:00", "2026-12-04 00:00"},
	{"either day, the other", "0 0 1 * 5", "2026-11-30 00:00",
	 "2026-12-01 00:00"},
	{"a leap day", "0 0 29 2 *", "2026-11-30 21:08", "2028-02-29 00:00"},
	{"no leap day in 2100", "0 0 29 2 *", "2096-03-01 00:00",
	 "2104-02-29 00:00"},
	{"the 31st", "0 0 31 * *", "2026-08-31 00:00", "2026-10-31 00:00"},
	{"a word", "@hourly", "2026-11-30 21:08", "2026-11-30 22:00"},
	{"another word", "@Yearly", "2026-11-30 21:08", "2027-01-01 00:00"},
	{"tabs", "0\t0 \t1 1  *", "2026-11-30 21:08", "2027-01-01 00:00"},
};

static void tick(void **state)
{
	const struct tick *row = *state;
	int64_t next = 0;

	assert_int_equal(cron_next(row->when, us(row->after), &next), 0);
	if (next != us(row->next))
		fail_msg("%s after %s: %lld s, not %s", row->when, row->after,
			 (long long)(next / 1000000), row->next);
	/* What is within the minute does not count. */
	assert_int_equal(cron_next(row->when, us(row->after) + 59999999, &next),
			 0);
	assert_true(next == us(row->next));
}

static struct wrong {
	const char *name;
	const char *when;
	const char *says;
} wrongs[] = {
	{"nothing", "", "0 fields"},
	{"four fields", "* * * *", "4 fields"},
	{"six fields", "* * * * * *", "more than 5"},
	{"minute 60", "60 * * * *", "minute is a list of numbers in [0, 59]"},
	{"hour 24", "* 24 * * *", "hour"},
	{"day 0", "* * 0 * *", "day"},
	{"month 13", "* * * 13 *", "month"},
	{"weekday 8", "* * * * 8", "weekday"},
	{"a step of 0", "*/0 * * * *", "minute"},
	{"no step", "*/ * * * *", "minute"},
	{"backwards", "5-1 * * * *", "minute"},
	{"half a range", "5- * * * *", "minute"},
	{"a comma too many", "1, * * * *", "minute"},
	{"a letter", "x * * * *", "minute"},
	{"a letter behind", "1x * * * *", "minute"},
	{"a word that is none", "@often", "minute"},
	{"a name elsewhere", "jan * * * *", "minute"},
	{"a large number", "99999999999999999999 * * * *", "minute"},
	{"no such day", "0 0 31 2 *", "no such day"},
};

static void wrong(void **state)
{
	const struct wrong *row = *state;
	int64_t next = 0;

	assert_true(cron_next(row->when, us("2026-11-30 21:08"), &next) < 0);
	assert_text_has(sluice_last_error(), row->says);
}

static void a_long_one_is_refused(void **state)
{
	char text[300];
	int64_t next;

	(void)state;
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(cron_next(text, 0, &next), -EINVAL);
	assert_text_has(sluice_last_error(), "127 bytes");
}

static void a_failure_waits_twice_as_long_each_time(void **state)
{
	const struct sluice_tasks_opts opts = {.backoff_base_ms = 1000,
					       .backoff_cap_ms = 60000};
	uint64_t random = 1;
	int64_t low = INT64_MAX;
	int64_t high = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		int64_t wait = backoff_us(&opts, 4, &random);

		low = wait < low ? wait : low;
		high = wait > high ? wait : high;
	}
	assert_in_range(low, 7200000, 7400000);
	assert_in_range(high, 8600000, 8800000);
	assert_in_range(backoff_us(&opts, 1, &random), 900000, 1100000);
	assert_in_range(backoff_us(&opts, 30, &random), 54000000, 66000000);
	assert_in_range(backoff_us(&opts, INT32_MAX, &random), 54000000,
			66000000);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(ticks) + UNIT_COUNT(wrongs) + 2] = {
		cmocka_unit_test(a_long_one_is_refused),
		cmocka_unit_test(a_failure_waits_twice_as_long_each_time),
	};
	size_t n = UNIT_ADD_ROWS(tests, 2, tick, ticks);

	(void)UNIT_ADD_ROWS(tests, n, wrong, wrongs);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
