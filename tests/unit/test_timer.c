/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of a stage: which is due, when the next one is. */
#include "engine/stage/timer_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define NEVER UINT64_MAX

/* ---- one timer, looked at now and then ----------------------------------- */

#define LOOKS_MAX 8

static struct timing {
	const char *name;
	uint64_t set_at;
	uint64_t delay;
	uint64_t period;
	struct {
		uint64_t now;
		uint64_t next;  /* before it is taken */
		uint32_t taken; /* how often it is due, in a row */
	} look[LOOKS_MAX];      /* the last one is followed by a next of 0 */
} timings[] = {
	{"once", 100, 50, 0, {{149, 150, 0}, {150, 150, 1}, {151, NEVER, 0}}},
	{"once_late", 100, 50, 0, {{900, 150, 1}, {1000, NEVER, 0}}},
	{"once_at_once", 100, 0, 0, {{100, 100, 1}, {100, NEVER, 0}}},
	{"period",
	 100,
	 50,
	 10,
	 {{149, 150, 0},
	  {150, 150, 1},
	  {150, 160, 0},
	  {160, 160, 1},
	  {169, 170, 0},
	  {170, 170, 1}}},
	{"period_without_delay",
	 100,
	 0,
	 10,
	 {{100, 100, 1}, {109, 110, 0}, {110, 110, 1}}},
	{"period_taken_late_keeps_its_times",
	 100,
	 50,
	 10,
	 {{153, 150, 1}, {159, 160, 0}, {169, 160, 1}, {170, 170, 1}}},
	{"period_missed_is_skipped",
	 100,
	 50,
	 10,
	 {{185, 150, 1}, {189, 190, 0}, {240, 190, 1}, {249, 250, 0}}},
	{"period_missed_up_to_now",
	 100,
	 50,
	 10,
	 {{180, 150, 1}, {180, 190, 0}, {190, 190, 1}}},
	{"period_of_1",
	 100,
	 1,
	 1,
	 {{101, 101, 1}, {500, 102, 1}, {501, 501, 1}}},
	{"delay_over_the_end_of_time",
	 100,
	 UINT64_MAX - 50,
	 0,
	 {{100, NEVER, 0}, {UINT64_MAX - 1, NEVER, 0}, {UINT64_MAX, NEVER, 1}}},
	{"period_over_the_end_of_time",
	 UINT64_MAX - 100,
	 50,
	 60,
	 {{UINT64_MAX - 50, UINT64_MAX - 50, 1},
	  {UINT64_MAX - 1, NEVER, 0},
	  {UINT64_MAX, NEVER, 1},
	  {UINT64_MAX, NEVER, 0}}},
	{"period_of_all_time",
	 0,
	 1,
	 UINT64_MAX,
	 {{1, 1, 1}, {UINT64_MAX - 1, NEVER, 0}}},
	{"period_up_to_the_end_of_time",
	 0,
	 5,
	 10,
	 {{UINT64_MAX - 1, 5, 1}, {UINT64_MAX, NEVER, 1}}},
};

static void time_passes(void **state)
{
	const struct timing *row = *state;

	for (uint32_t index = 0; index < SLUICE_TIMERS_MAX; index++) {
		struct timers t = {0};

		timer_set(&t, index, row->set_at, row->delay, row->period);
		for (size_t i = 0; i < LOOKS_MAX && row->look[i].next != 0;
		     i++) {
			uint64_t now = row->look[i].now;

			assert_int_equal(timer_next(&t), row->look[i].next);
			for (uint32_t j = 0; j < row->look[i].taken; j++)
				assert_int_equal(timer_take(&t, now), index);
			assert_int_equal(timer_take(&t, now), -1);
		}
	}
}

/* ---- several ------------------------------------------------------------- */

static void none_is_armed(void **state)
{
	struct timers t = {0};

	(void)state;
	assert_int_equal(timer_next(&t), NEVER);
	assert_int_equal(timer_take(&t, 0), -1);
	assert_int_equal(timer_take(&t, UINT64_MAX), -1);
	timer_clear(&t, 3);
	assert_int_equal(t.armed, 0);
}

static void longest_overdue_first(void **state)
{
	struct timers t = {0};

	(void)state;
	timer_set(&t, 2, 0, 30, 0);
	timer_set(&t, 0, 0, 40, 0);
	timer_set(&t, 15, 0, 10, 0);
	timer_set(&t, 7, 0, 20, 0);
	timer_set(&t, 1, 0, 50, 0);
	assert_int_equal(timer_next(&t), 10);
	assert_int_equal(timer_take(&t, 40), 15);
	assert_int_equal(timer_take(&t, 40), 7);
	assert_int_equal(timer_take(&t, 40), 2);
	assert_int_equal(timer_take(&t, 40), 0);
	assert_int_equal(timer_take(&t, 40), -1);
	assert_int_equal(timer_next(&t), 50);
}

static void equals_by_index(void **state)
{
	struct timers t = {0};

	(void)state;
	for (uint32_t i = SLUICE_TIMERS_MAX; i-- > 0;)
		timer_set(&t, i, 5, 5, 0);
	for (uint32_t i = 0; i < SLUICE_TIMERS_MAX; i++)
		assert_int_equal(timer_take(&t, 10), i);
	assert_int_equal(timer_take(&t, 10), -1);
	assert_int_equal(t.armed, 0);
}

/* A fast timer is due again only after now: a slow one gets its turn. */
static void fast_one_does_not_starve_another(void **state)
{
	struct timers t = {0};

	(void)state;
	timer_set(&t, 0, 0, 1, 1);
	timer_set(&t, 1, 0, 500, 0);
	assert_int_equal(timer_take(&t, 1000), 0);
	assert_int_equal(timer_take(&t, 1000), 1);
	assert_int_equal(timer_take(&t, 1000), -1);
	assert_int_equal(timer_next(&t), 1001);
}

static void set_replaces(void **state)
{
	struct timers t = {0};

	(void)state;
	timer_set(&t, 4, 0, 10, 5);
	timer_set(&t, 4, 0, 20, 0);
	assert_int_equal(timer_take(&t, 19), -1);
	assert_int_equal(timer_take(&t, 20), 4);
	assert_int_equal(timer_next(&t), NEVER);
	timer_set(&t, 4, 20, 10, 0); /* after it was due, too */
	assert_int_equal(timer_next(&t), 30);
}

static void clear_disarms_that_one(void **state)
{
	struct timers t = {0};

	(void)state;
	timer_set(&t, 4, 0, 10, 5);
	timer_set(&t, 5, 0, 20, 0);
	timer_clear(&t, 4);
	assert_int_equal(timer_next(&t), 20);
	assert_int_equal(timer_take(&t, 100), 5);
	assert_int_equal(timer_take(&t, 100), -1);
	timer_clear(&t, 4);
	assert_int_equal(timer_next(&t), NEVER);
}

/* ---- against times counted up one period after the other ------------------ */

struct oracle {
	int armed[SLUICE_TIMERS_MAX];
	uint64_t due[SLUICE_TIMERS_MAX];
	uint64_t period[SLUICE_TIMERS_MAX];
};

static uint64_t oracle_next(const struct oracle *o)
{
	uint64_t next = NEVER;

	for (uint32_t i = 0; i < SLUICE_TIMERS_MAX; i++)
		if (o->armed[i] && o->due[i] < next)
			next = o->due[i];
	return next;
}

static int oracle_take(struct oracle *o, uint64_t now)
{
	uint64_t next = oracle_next(o);
	int i = 0;

	if (next > now)
		return -1;
	while (!o->armed[i] || o->due[i] != next)
		i++;
	o->armed[i] = o->period[i] > 0;
	while (o->armed[i] && o->due[i] <= now)
		o->due[i] += o->period[i];
	return i;
}

static void random_script(void **state)
{
	struct rng rng = rng_start("timer random_script");
	uint32_t taken = 0;

	(void)state;
	for (uint32_t script = 0; script < 300; script++) {
		struct oracle o = {0};
		struct timers t = {0};
		uint64_t now = rng_below(&rng, 1000);

		if (rng_below(&rng, 4) == 0)
			now += UINT64_C(1) << 63;
		for (uint32_t step = 0; step < 300; step++) {
			uint32_t i =
				(uint32_t)rng_below(&rng, SLUICE_TIMERS_MAX);

			switch (rng_below(&rng, 8)) {
			case 0:
				o.armed[i] = 1;
				o.due[i] = now + rng_below(&rng, 60);
				o.period[i] = rng_below(&rng, 2) *
					      rng_below(&rng, 60);
				timer_set(&t, i, now, o.due[i] - now,
					  o.period[i]);
				break;
			case 1:
				o.armed[i] = 0;
				timer_clear(&t, i);
				break;
			case 2: /* to where one is due, or just before it */
				if (oracle_next(&o) != NEVER &&
				    oracle_next(&o) > now)
					now = oracle_next(&o) -
					      rng_below(&rng, 2);
				break;
			case 3:
				now += rng_below(&rng, 100);
				break;
			default: {
				int first = oracle_take(&o, now);

				assert_int_equal(timer_take(&t, now), first);
				taken += first >= 0;
			}
			}
			assert_int_equal(timer_next(&t), oracle_next(&o));
		}
	}
	assert_true(taken > 1000);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_armed),
		cmocka_unit_test(longest_overdue_first),
		cmocka_unit_test(equals_by_index),
		cmocka_unit_test(fast_one_does_not_starve_another),
		cmocka_unit_test(set_replaces),
		cmocka_unit_test(clear_disarms_that_one),
		cmocka_unit_test(random_script),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(timings)];
	size_t at = UNIT_ADD_ROWS(all, 0, time_passes, timings);

	memcpy(&all[at], tests, sizeof(tests));
	return cmocka_run_group_tests_name("timer", all, NULL, NULL);
}
