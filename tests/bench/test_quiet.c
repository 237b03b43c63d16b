/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine that is not quiet does to a run, with disturbances that are
 * planted: no clock is looked at here, and nobody waits. */
#include "bench/run/run_priv.h"
#include "tests/support/unit.h"

#include <stdlib.h>

#define MS    UINT64_C(1000000)
#define SLICE QUIET_SLICE_NS

static struct quiet_watch watch[2];
static struct quiet quiet;

static int quiet_setup(void **state)
{
	(void)state;
	memset(watch, 0, sizeof(watch));
	/* No count of the kernel's: what is planted is all there is. */
	for (uint32_t i = 0; i < 2; i++)
		watch[i] = (struct quiet_watch){.file = -1, .next_ns = SLICE};
	return 0;
}

/* So much is lost from the begin of @slice until @now. */
static void lose(struct quiet_watch *one, uint32_t slice, uint64_t lost_ns,
		 uint64_t now)
{
	one->slice = slice;
	one->gap_ns = lost_ns;
	quiet_turn(one, now);
}

static void judge(void)
{
	quiet_judge(&quiet, watch, 2, QUIET_LOST_MIN_NS);
}

/* A reader that spins, with a look each 5 us, from @from to @to. */
static void spin(struct quiet_watch *one, uint64_t from, uint64_t to)
{
	for (uint64_t now = from; now <= to; now += 5000)
		assert_false(quiet_look(one, now, QUIET_GAP_NS));
}

static uint32_t disturbed(uint32_t slice)
{
	return quiet.disturbed[slice + 1] - quiet.disturbed[slice];
}

/* ---- one thread ---------------------------------------------------------- */

static void a_reader_that_spins_loses_nothing(void **state)
{
	(void)state;
	spin(&watch[0], 0, 5 * SLICE);
	judge();
	assert_int_equal(quiet.lost_ns, 0);
	assert_int_equal(quiet.disturbed[QUIET_SLICES], 0);
}

struct gap_row {
	const char *name;
	uint64_t from_ns;
	uint64_t gap_ns;
	int worked;
	uint32_t first; /* disturbed slices: from this one */
	uint32_t count;
};

static struct gap_row gaps[] = {
	{"none is seen", 3 * SLICE + 2 * MS, 19000, 0, 0, 0},
	{"too short to matter", 3 * SLICE + 2 * MS, 45000, 0, 0, 0},
	{"in the middle", 3 * SLICE + 2 * MS, 60000, 0, 3, 1},
	{"it worked", 3 * SLICE + 2 * MS, 190000, 1, 0, 0},
	{"it worked, but not so long", 3 * SLICE + 2 * MS, 210000, 1, 3, 1},
	{"a slice and more", 3 * SLICE + 2 * MS, SLICE + MS, 0, 3, 2},
	{"over several", 3 * SLICE + 2 * MS, 3 * SLICE, 0, 3, 4},
	{"at the very end", 4 * SLICE - 100000, 100000, 0, 3, 1},
	{"over a border", 4 * SLICE - MS, 2 * MS, 0, 3, 2},
};

static void a_gap_disturbs_the_slices_it_is_in(void **state)
{
	const struct gap_row *row = *state;
	uint64_t until = row->from_ns + row->gap_ns;

	(void)quiet_setup(NULL);
	spin(&watch[0], 0, row->from_ns);
	assert_int_equal(
		quiet_look(&watch[0], until,
			   row->worked ? 10 * QUIET_GAP_NS : QUIET_GAP_NS),
		row->gap_ns > 200000 || (row->gap_ns > 20000 && !row->worked));
	spin(&watch[0], until, 10 * SLICE);
	judge();
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(disturbed(i),
				 i >= row->first &&
					 i < row->first + row->count);
}

/* Five services; never so little that each interrupt counts, nor so much that the
 * CPU is another's. */
static void long_services_bear_longer_gaps(void **state)
{
	(void)state;
	assert_int_equal(quiet_lost_most(0), QUIET_LOST_MIN_NS);
	assert_int_equal(quiet_lost_most(10000), 50000);
	assert_int_equal(quiet_lost_most(60000), 300000);
	assert_int_equal(quiet_lost_most(1e12), SLICE / 20);
	lose(&watch[0], 1, 300000, 2 * SLICE);
	lose(&watch[1], 2, 300001, 3 * SLICE);
	quiet_judge(&quiet, watch, 2, quiet_lost_most(60000));
	assert_int_equal(disturbed(1), 0);
	assert_int_equal(disturbed(2), 1);
}

/* Little, but often. */
static void small_gaps_add_up(void **state)
{
	(void)state;
	for (uint64_t now = 0; now < 2 * SLICE; now += 25000)
		(void)quiet_look(&watch[1], now, QUIET_GAP_NS);
	(void)quiet_look(&watch[1], 2 * SLICE, QUIET_ANY);
	spin(&watch[1], 2 * SLICE, 4 * SLICE);
	judge();
	assert_int_equal(disturbed(0) + disturbed(1), 2);
	assert_int_equal(disturbed(2) + disturbed(3), 0);
}

/* The kernel's count comes with the first look behind a slice. */
static void what_the_kernel_counts_is_of_all_since(void **state)
{
	(void)state;
	spin(&watch[0], 0, 2 * SLICE);
	lose(&watch[0], 2, 3 * MS, 5 * SLICE + MS);
	judge();
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(disturbed(i), i >= 2 && i <= 5);
	assert_int_equal(quiet.lost_ns, 3 * MS);
}

static void the_last_slice_is_all_that_comes_later(void **state)
{
	uint64_t late = (QUIET_SLICES + 7) * SLICE;

	(void)state;
	(void)quiet_look(&watch[0], late, QUIET_ANY);
	(void)quiet_look(&watch[1], late, QUIET_ANY);
	assert_true(quiet_look(&watch[0], late + MS, QUIET_GAP_NS));
	quiet_turn(&watch[0], late + 2 * SLICE);
	judge();
	assert_int_equal(disturbed(QUIET_SLICES - 1), 1);
	assert_int_equal(quiet.disturbed[QUIET_SLICES - 1], 0);
	assert_false(quiet_holds(&quiet, late, late));
	/* However much it is. */
	lose(&watch[0], QUIET_SLICES - 1, UINT64_MAX / 4, late + 3 * SLICE);
	lose(&watch[0], QUIET_SLICES - 1, UINT64_MAX / 4, late + 3 * SLICE);
	judge();
	assert_int_equal(disturbed(QUIET_SLICES - 1), 1);
}

/* ---- a run --------------------------------------------------------------- */

static void an_event_holds_between_disturbances(void **state)
{
	static const struct {
		uint64_t from;
		uint64_t to;
		int holds;
	} rows[] = {
		{0, SLICE, 1},
		{0, 4 * SLICE - 1, 1},
		{4 * SLICE - 1, 4 * SLICE, 0}, /* ends in it */
		{4 * SLICE, 4 * SLICE + MS, 0},
		{3 * SLICE, 8 * SLICE, 0},      /* was there all the time */
		{5 * SLICE, 5 * SLICE + MS, 0}, /* right behind it */
		{6 * SLICE, 6 * SLICE + MS, 1},
		{6 * SLICE, 9 * SLICE, 1},
	};

	(void)state;
	lose(&watch[1], 4, MS, 4 * SLICE + MS);
	judge();
	for (size_t i = 0; i < UNIT_COUNT(rows); i++)
		assert_int_equal(quiet_holds(&quiet, rows[i].from, rows[i].to),
				 rows[i].holds);
	/* Of ten slices one. */
	assert_int_equal(quiet_share(&quiet, 10 * SLICE - 1, 1000), 900);
	assert_int_equal(quiet_share(&quiet, 2 * SLICE, 1000), 1000);
}

/* A hundred events, one each millisecond, of which each takes half a one. */
#define EVENTS 100u

static void record_all(struct run_record *record, uint32_t consumer)
{
	for (uint32_t i = 0; i < EVENTS; i++)
		record[i] = (struct run_record){
			.intended_ns = i * MS,
			.left_ns = i * MS + MS / 2,
			.consumer = consumer,
			.times = 1,
		};
}

static void disturb(uint32_t slice)
{
	lose(&watch[0], slice, MS, slice * SLICE + MS);
}

/* What one try has lost another brings; what was kept stays. */
static void tries_complete_each_other(void **state)
{
	static struct run_record record[EVENTS];
	static struct run_record kept[EVENTS];

	(void)state;
	record_all(record, 1);
	disturb(3);
	disturb(7);
	judge();
	assert_int_equal(run_keep(&quiet, record, kept, EVENTS), 60);
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(kept[i].times, i / 10 != 3 && i / 10 != 4 &&
							i / 10 != 7 &&
							i / 10 != 8);
	/* Again, with another disturbance, and an event that is lost. */
	(void)quiet_setup(NULL);
	record_all(record, 2);
	record[45].times = 0;
	disturb(7);
	judge();
	assert_int_equal(run_keep(&quiet, record, kept, EVENTS), 19);
	assert_int_equal(kept[5].consumer, 1);
	assert_int_equal(kept[35].consumer, 2);
	assert_int_equal(kept[45].times, 0);
	assert_int_equal(run_keep(&quiet, record, kept, EVENTS), 0);
}

/* One that waited for its resequencer is over when it left that. */
static void an_event_is_there_until_it_leaves(void **state)
{
	static struct run_record record[EVENTS];
	static struct run_record kept[EVENTS];

	(void)state;
	record_all(record, 1);
	record[0].left_ns = 35 * MS;
	disturb(3);
	judge();
	assert_int_equal(run_keep(&quiet, record, kept, EVENTS), 79);
	assert_int_equal(kept[0].times, 0);
}

#define QUIET_TEST(test) cmocka_unit_test_setup(test, quiet_setup)

int main(void)
{
	static struct CMUnitTest tests[8 + UNIT_COUNT(gaps)] = {
		QUIET_TEST(a_reader_that_spins_loses_nothing),
		QUIET_TEST(long_services_bear_longer_gaps),
		QUIET_TEST(small_gaps_add_up),
		QUIET_TEST(what_the_kernel_counts_is_of_all_since),
		QUIET_TEST(the_last_slice_is_all_that_comes_later),
		QUIET_TEST(an_event_holds_between_disturbances),
		QUIET_TEST(tries_complete_each_other),
		QUIET_TEST(an_event_is_there_until_it_leaves),
	};
	size_t count = UNIT_ADD_ROWS(tests, 7,
				     a_gap_disturbs_the_slices_it_is_in, gaps);

	return _cmocka_run_group_tests("quiet", tests, count, NULL, NULL);
}
