/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader makes of the words in which a stage's time is told, on a clock that
 * the test sets. */
#include "ring/times.h"
#include "tests/support/unit.h"

#define BEGAN UINT64_C(1000000000)
#define LOOK  SLUICE_TIMES_LOOK_NS
#define LONG  SLUICE_TIMES_LONG_NS

static uint64_t clock_ns;
static struct sluice_counters counters;
static struct sluice_times_writer writer;
static struct sluice_times seen;
static sluice_a32 inside;
static sluice_a64 noticed;

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	return clock_ns;
}

static const struct sluice_wait_ops ops = {.now_ns = now_ns};

static int open_words(void **state)
{
	(void)state;
	counters = (struct sluice_counters){0};
	writer = (struct sluice_times_writer){0};
	inside = (sluice_a32){0};
	noticed = (sluice_a64){0};
	clock_ns = BEGAN;
	return 0;
}

static void spend(enum sluice_doing on, uint64_t ns, enum sluice_doing then)
{
	uint64_t spent_ns[SLUICE_DOING_COUNT] = {0};

	spent_ns[on] = ns;
	sluice_times_spend(&writer, &counters, spent_ns, then);
}

/* Returns as what it was told, if that was more than the writer knows. */
static enum sluice_doing look_at(uint64_t at_ns)
{
	clock_ns = BEGAN + at_ns;
	sluice_times_read(&counters, &ops, &inside, &noticed, &seen);
	assert_int_equal(seen.lived_ns, seen.working_ns + seen.idle_ns +
						seen.no_credit_ns +
						seen.blocked_ns);
	return sluice_times_noticed(&writer, &noticed);
}

/* Nobody was told anything. */
static void forget(void)
{
	noticed = (sluice_a64){0};
}

static void tell(enum sluice_doing doing)
{
	noticed.value = writer.changes << SLUICE_TIMES_DOING_BITS | doing;
}

static void before_it_begins_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(look_at(5 * LOOK), 0);
	assert_int_equal(seen.doing, SLUICE_DOING_NOTHING);
	assert_int_equal(seen.lived_ns, 0);
}

static void what_is_spent_is_told(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	spend(SLUICE_DOING_WORK, 100, SLUICE_DOING_IDLE);
	spend(SLUICE_DOING_IDLE, 200, SLUICE_DOING_NO_CREDIT);
	spend(SLUICE_DOING_NO_CREDIT, 400, SLUICE_DOING_WORK);
	spend(SLUICE_DOING_BLOCKED, 800, SLUICE_DOING_WORK);
	spend(SLUICE_DOING_WORK, 1600, SLUICE_DOING_IDLE);
	assert_int_equal(writer.since_ns, BEGAN + 3100);
	assert_int_equal(look_at(3100), 0);
	assert_int_equal(seen.doing, SLUICE_DOING_IDLE);
	assert_int_equal(seen.working_ns, 1700);
	assert_int_equal(seen.idle_ns, 200);
	assert_int_equal(seen.no_credit_ns, 400);
	assert_int_equal(seen.blocked_ns, 800);
	assert_int_equal(seen.lived_ns, 3100);
}

/* What the writer does now it accounts for later, and perhaps otherwise. */
static void the_last_look_is_not_told_further(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	spend(SLUICE_DOING_WORK, 100, SLUICE_DOING_IDLE);
	assert_int_equal(look_at(100 + LOOK), 0);
	assert_int_equal(seen.lived_ns, 100);
	assert_int_equal(look_at(100 + LOOK + 7), SLUICE_DOING_IDLE);
	assert_int_equal(seen.lived_ns, 107);
	assert_int_equal(seen.idle_ns, 7);
}

static const enum sluice_doing waiting[] = {SLUICE_DOING_IDLE,
					    SLUICE_DOING_NO_CREDIT};

static void what_goes_on_is_added(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(waiting); i++) {
		const uint64_t *words[] = {&seen.idle_ns, &seen.no_credit_ns};

		(void)open_words(NULL);
		sluice_times_begin(&writer, &counters, BEGAN);
		spend(SLUICE_DOING_BLOCKED, 1, waiting[i]);
		assert_int_equal(look_at(1 + LOOK + 5 * LONG), waiting[i]);
		assert_int_equal(seen.doing, waiting[i]);
		assert_int_equal(*words[i], 5 * LONG);
		assert_int_equal(seen.blocked_ns, 1);
	}
}

/* Its worker is with others, or has no CPU: what of it was work nobody knows yet. */
static void work_that_is_not_done_is_not_told(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	assert_int_equal(look_at(LOOK + LONG / 2), SLUICE_DOING_WORK);
	assert_int_equal(seen.working_ns, LONG / 2);
	forget();
	assert_int_equal(look_at(LOOK + 9 * LONG), SLUICE_DOING_WORK);
	assert_int_equal(seen.working_ns, LONG);
	assert_int_equal(seen.lived_ns, LONG);
	assert_int_equal(seen.doing, SLUICE_DOING_WORK);
}

/* Its thread is in a step, and has been since it said that it had nothing to do. */
static void a_step_that_lasts_is_work_and_then_blocked(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(waiting) + 1; i++) {
		enum sluice_doing was = i < UNIT_COUNT(waiting)
						? waiting[i]
						: SLUICE_DOING_WORK;

		(void)open_words(NULL);
		sluice_times_begin(&writer, &counters, BEGAN);
		spend(SLUICE_DOING_WORK, 1, was);
		inside.value = 1;
		/* Too short to be told from none. */
		assert_int_equal(look_at(1 + LOOK), 0);
		assert_int_equal(seen.doing, was);
		assert_int_equal(look_at(1 + LOOK + LONG), SLUICE_DOING_WORK);
		assert_int_equal(seen.doing, SLUICE_DOING_WORK);
		assert_int_equal(seen.working_ns, 1 + LONG);
		assert_int_equal(look_at(1 + LOOK + 7 * LONG),
				 SLUICE_DOING_BLOCKED);
		assert_int_equal(seen.doing, SLUICE_DOING_BLOCKED);
		assert_int_equal(seen.working_ns, 1 + LONG);
		assert_int_equal(seen.blocked_ns, 6 * LONG);
		assert_int_equal(seen.idle_ns + seen.no_credit_ns, 0);
	}
}

/* Whatever it seems to do by now: the writer does not know yet. */
static void what_others_were_told_is_told_again(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	spend(SLUICE_DOING_WORK, 1, SLUICE_DOING_NO_CREDIT);
	inside.value = 1;
	tell(SLUICE_DOING_IDLE);
	assert_int_equal(look_at(1 + LOOK + 2 * LONG), SLUICE_DOING_IDLE);
	assert_int_equal(seen.idle_ns, 2 * LONG);
	inside.value = 0;
	tell(SLUICE_DOING_WORK);
	assert_int_equal(look_at(1 + LOOK + 3 * LONG), SLUICE_DOING_BLOCKED);
	assert_int_equal(seen.blocked_ns, 2 * LONG);
	assert_int_equal(look_at(1 + LOOK + 4 * LONG), SLUICE_DOING_BLOCKED);
	assert_int_equal(seen.working_ns, 1 + LONG);
	assert_int_equal(seen.blocked_ns, 3 * LONG);
	/* Of what the writer has accounted for since it is nothing. */
	spend(SLUICE_DOING_NO_CREDIT, LONG, SLUICE_DOING_IDLE);
	assert_int_equal(sluice_times_noticed(&writer, &noticed), 0);
	assert_int_equal(look_at(1 + LOOK + 4 * LONG), SLUICE_DOING_IDLE);
	assert_int_equal(seen.idle_ns, 3 * LONG);
}

/* A port: it is inside whenever it works. */
static void without_a_word_it_is_inside_at_work(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	clock_ns = BEGAN + LOOK + 3 * LONG;
	sluice_times_read(&counters, &ops, NULL, NULL, &seen);
	assert_int_equal(seen.doing, SLUICE_DOING_BLOCKED);
	assert_int_equal(seen.blocked_ns, 2 * LONG);
	spend(SLUICE_DOING_WORK, 1, SLUICE_DOING_IDLE);
	sluice_times_read(&counters, &ops, NULL, NULL, &seen);
	assert_int_equal(seen.doing, SLUICE_DOING_IDLE);
	assert_int_equal(seen.blocked_ns, 0);
}

static void after_its_end_no_time_passes(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	spend(SLUICE_DOING_WORK, 42, SLUICE_DOING_NOTHING);
	inside.value = 1;
	assert_int_equal(look_at(9 * LONG), 0);
	assert_int_equal(seen.doing, SLUICE_DOING_NOTHING);
	assert_int_equal(seen.lived_ns, 42);
	assert_int_equal(seen.working_ns, 42);
}

/* The writer has died, or what wrote the words was no writer. */
static void what_no_writer_means_is_read_all_the_same(void **state)
{
	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	spend(SLUICE_DOING_WORK, 42, SLUICE_DOING_IDLE);
	counters.value[SLUICE_COUNTER_DOING].value |= 8; /* an odd number */
	assert_int_equal(look_at(42 + LOOK + 1), SLUICE_DOING_NOTHING);
	assert_int_equal(seen.doing, SLUICE_DOING_IDLE);
	assert_int_equal(seen.lived_ns, 42);
	counters.value[SLUICE_COUNTER_DOING].value = UINT64_MAX - 8;
	assert_int_equal(look_at(9 * LONG), SLUICE_DOING_NOTHING);
	assert_int_equal(seen.doing, SLUICE_DOING_NOTHING);
	assert_int_equal(seen.lived_ns, 42);
}

/* Just as the reader looks at the clock, the first time or each time. */
static uint32_t ticks;

static uint64_t tick_now_ns(void *ctx)
{
	(void)ctx;
	if (ticks > 0) {
		ticks--;
		spend(SLUICE_DOING_WORK, LONG, SLUICE_DOING_WORK);
	}
	return clock_ns;
}

static void what_changes_meanwhile_is_read_anew(void **state)
{
	static const struct sluice_wait_ops ticking = {.now_ns = tick_now_ns};

	(void)state;
	sluice_times_begin(&writer, &counters, BEGAN);
	spend(SLUICE_DOING_IDLE, LONG, SLUICE_DOING_IDLE);
	clock_ns = BEGAN + 3 * LONG;
	ticks = 1;
	sluice_times_read(&counters, &ticking, &inside, &noticed, &seen);
	assert_int_equal(seen.idle_ns, LONG);
	assert_int_equal(seen.working_ns, 2 * LONG - LOOK);
	forget();
	/* For ever: then nothing is added. */
	clock_ns = BEGAN + 1000 * LONG;
	ticks = UINT32_MAX;
	sluice_times_read(&counters, &ticking, &inside, &noticed, &seen);
	assert_int_equal(seen.idle_ns, LONG);
	assert_int_equal(seen.working_ns % LONG, 0);
	assert_int_equal(seen.lived_ns, seen.idle_ns + seen.working_ns);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_begins_there_is_none),
		cmocka_unit_test(what_is_spent_is_told),
		cmocka_unit_test(the_last_look_is_not_told_further),
		cmocka_unit_test(what_goes_on_is_added),
		cmocka_unit_test(work_that_is_not_done_is_not_told),
		cmocka_unit_test(a_step_that_lasts_is_work_and_then_blocked),
		cmocka_unit_test(what_others_were_told_is_told_again),
		cmocka_unit_test(without_a_word_it_is_inside_at_work),
		cmocka_unit_test(after_its_end_no_time_passes),
		cmocka_unit_test(what_changes_meanwhile_is_read_anew),
		cmocka_unit_test(what_no_writer_means_is_read_all_the_same),
	};

	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = open_words;
	return cmocka_run_group_tests_name("times", tests, NULL, NULL);
}
