/* SPDX-License-Identifier: Apache-2.0 */
/* Demand arithmetic. S01, S02, ... are the ids of the conformance cases. */
#include "tests/support/pair.h"
#include "tests/support/rng.h"

#include <errno.h>

/* Far more than any case writes: no span ends early at the ring's end. */
#define WIDE  8192
#define MIN_0 SLUICE_MIN_ZERO

static const uint64_t starts[] = {0, UINT64_C(1) << 63, UNIT_NEAR_WRAP};

/* ---- S01 .. S05: asks and batches of a counting source ------------------ */

static struct counting {
	const char *name;
	uint32_t max;
	int32_t min;
	uint32_t asks[6];    /* in order; 0 ends the list */
	uint32_t batches[6]; /* in order; 0 ends the list */
} counting[] = {
	{"S01_defaults",
	 SLUICE_DEMAND_DEFAULT,
	 SLUICE_MIN_HALF,
	 {1000, 500, 500},
	 {500, 500, 500}},
	{"S02_100_min_80",
	 100,
	 80,
	 {100, 20, 20, 20, 20},
	 {20, 20, 20, 20, 20}},
	{"S03_100_min_20",
	 100,
	 20,
	 {100, 80, 100, 80},
	 {80, 20, 80, 80, 20, 80}},
	{"S04_1_min_0", 1, MIN_0, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}},
	{"S05_10_min_0", 10, MIN_0, {10, 10, 10, 10}, {10, 10, 10, 10}},
};

/* The source: told to make n, it emits n events at once. */
static void count_up(struct pair *p, uint32_t n)
{
	sluice_slot *first = NULL;

	assert_int_equal(sluice_spsc_reserve(&p->w, n, &first), n);
	for (uint32_t i = 0; i < n; i++)
		pair_fill(first + i, p->w.reserved + i, 1);
	sluice_spsc_commit(&p->w, n);
}

/* Look at one batch of what is there; returns its size. */
static uint32_t take_batch(struct pair *p)
{
	const sluice_slot *first = NULL;
	uint32_t n = sluice_spsc_peek(&p->r, p->r.credit.batch_events, &first);

	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(pair_differs(first + i, p->r.acked + i, 1), 1);
	return n;
}

static void asks_and_batches(void **state)
{
	const struct counting *row = *state;
	struct sluice_credit credit = pair_credit(row->max, row->min, 0);
	uint64_t start = row->max == 1 ? UNIT_NEAR_WRAP : 0;
	uint64_t asked = start;
	size_t ask = 0;
	struct pair p;

	pair_open(&p, row->max == 1 ? 1 : WIDE, 1, start, &credit);
	assert_int_equal(sluice_spsc_release(&p.r, 0), 1);
	for (size_t i = 0; i < 6 && row->batches[i] != 0; i++) {
		uint32_t n = (uint32_t)(p.r.granted - asked);
		int gave_back;

		if (n != 0) {
			assert_in_range(ask, 0, 5);
			assert_int_equal(n, row->asks[ask++]);
			count_up(&p, n);
			assert_int_equal(sluice_spsc_refresh(&p.w), 0);
			asked += n;
		}
		assert_int_equal(take_batch(&p), row->batches[i]);
		gave_back = sluice_spsc_release(&p.r, row->batches[i]);
		assert_int_equal(gave_back, p.r.granted != asked);
	}
	assert_true(ask >= 3);
	/* The next ask is not made yet, or not looked at yet. */
	assert_true(ask == 6 || row->asks[ask] == 0 || p.r.granted != asked);
	pair_close(&p);
}

/* ---- S07: GenStage's own default ---------------------------------------- */

static struct half {
	const char *name;
	uint32_t max;
	uint32_t min;
} halves[] = {
	{"S07_half_of_1", 1, 0},         {"S07_half_of_2", 2, 1},
	{"S07_half_of_3", 3, 1},         {"S07_half_of_5", 5, 2},
	{"S07_half_of_1000", 1000, 500},
};

static void default_min_is_half(void **state)
{
	const struct half *row = *state;
	struct sluice_credit credit = pair_credit(row->max, SLUICE_MIN_HALF, 0);

	assert_int_equal(credit.min_events, row->min);
	assert_int_equal(credit.batch_events, row->max - row->min);
	assert_true(credit.exact);
}

/* ---- S08: split vectors ------------------------------------------------- */

static struct split {
	const char *name;
	uint32_t events;
	int32_t min;
	uint32_t max;
	uint32_t pending;
	uint32_t after;
	struct {
		uint32_t size; /* 0 ends the list */
		uint32_t ask;
	} chunk[6];
} splits[] = {
	{"S08a_split", 1000, 500, 1000, 1000, 1000, {{500, 500}, {500, 500}}},
	{"S08b_split",
	 100,
	 80,
	 100,
	 100,
	 100,
	 {{20, 20}, {20, 20}, {20, 20}, {20, 20}, {20, 20}}},
	{"S08c_split", 100, 20, 100, 100, 80, {{80, 80}, {20, 0}}},
	{"S08e_split", 100, 750, 1000, 900, 800, {{100, 0}}},
	{"S08g_split", 1, MIN_0, 1, 1, 1, {{1, 1}}},
	{"S08h_split", 3, MIN_0, 10, 10, 7, {{3, 0}}},
	{"S08i_split", 7, MIN_0, 10, 7, 10, {{7, 10}}},
	{"S08l_split", 5, 2, 5, 5, 3, {{3, 3}, {2, 0}}},
	{"S08m_split", 700, 500, 1000, 1000, 800, {{500, 500}, {200, 0}}},
};

static void split_at(const struct split *row, uint64_t acked)
{
	struct sluice_credit credit = pair_credit(row->max, row->min, 0);
	uint64_t granted = acked + row->pending;
	uint32_t left = row->events;

	for (size_t i = 0; row->chunk[i].size != 0; i++) {
		uint32_t batch = credit.batch_events;
		uint32_t size = left < batch ? left : batch;
		uint64_t now;

		assert_int_equal(size, row->chunk[i].size);
		left -= size;
		acked += size;
		now = sluice_credit_after_ack(&credit, granted, acked);
		assert_int_equal(now - granted, row->chunk[i].ask);
		granted = now;
	}
	assert_int_equal(left, 0);
	assert_int_equal(granted - acked, row->after);
}

static void split_vector(void **state)
{
	for (size_t i = 0; i < UNIT_COUNT(starts); i++)
		split_at(*state, starts[i]);
}

/* A source cannot send the excess of this case: the ring has no credit for it,
 * although it has slots. What it may send is split as the case says. */
static void S08o_excess_cannot_be_written(void **state)
{
	struct sluice_credit credit = pair_credit(10, 5, 0);
	sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	pair_open(&p, 16, 1, 0, &credit);
	(void)sluice_spsc_release(&p.r, 0);
	assert_int_equal(sluice_spsc_reserve(&p.w, 13, &first), 10);
	count_up(&p, 10);
	assert_int_equal(sluice_spsc_reserve(&p.w, 3, &first), 0);

	assert_int_equal(take_batch(&p), 5);
	assert_int_equal(sluice_spsc_release(&p.r, 5), 1);
	assert_int_equal(p.r.granted - p.r.acked, 10);
	assert_int_equal(sluice_spsc_reserve(&p.w, 13, &first), 5);
	assert_int_equal(take_batch(&p), 5);
	assert_int_equal(sluice_spsc_release(&p.r, 5), 1);
	count_up(&p, 3 + 3); /* up to the ring's end; the rest lies behind */
	assert_int_equal(sluice_spsc_credit(&p.w), 4);
	pair_close(&p);
}

/* ---- S10, S11: asks by hand --------------------------------------------- */

static void S10_manual_ask_bounds_the_source(void **state)
{
	struct sluice_credit credit = pair_credit(100, MIN_0, 0);
	sluice_slot *first = NULL;
	struct pair p;

	(void)state;
	pair_open(&p, 128, 1, 0, &credit);
	for (uint32_t asked = 50; asked <= 100; asked += 50) {
		assert_int_equal(sluice_spsc_grant(&p.r, asked), 1);
		assert_int_equal(sluice_spsc_reserve(&p.w, 100, &first), 50);
		count_up(&p, 50);
		assert_int_equal(sluice_spsc_reserve(&p.w, 1, &first), 0);
	}
	pair_close(&p);
}

static void S11_ask_of_0_or_less_changes_nothing(void **state)
{
	struct sluice_credit credit = pair_credit(100, MIN_0, 0);
	struct pair p;

	(void)state;
	pair_open(&p, 128, 1, UNIT_NEAR_WRAP, &credit);
	assert_int_equal(sluice_spsc_grant(&p.r, UNIT_NEAR_WRAP), 0);
	assert_int_equal(sluice_spsc_refresh(&p.w), 0);
	assert_int_equal(sluice_spsc_grant(&p.r, UNIT_NEAR_WRAP + 50), 1);
	assert_int_equal(sluice_spsc_refresh(&p.w), 50);
	/* Credit once seen cannot be taken back. */
	pair_store(&p.rx.granted, UNIT_NEAR_WRAP + 40);
	assert_int_equal(sluice_spsc_refresh(&p.w), 50);
	pair_close(&p);
}

/* ---- S12: refusals ------------------------------------------------------ */

static struct refusal {
	const char *name;
	uint32_t max;
	int32_t min;
	uint32_t refill;
	const char *field;
	const char *limit;
} refusals[] = {
	{"S12_max_0", 0, 0, 0, "max_demand is 0", "[1, 1048576]"},
	{"S12_min_5_of_max_5", 5, 5, 0, "min_demand 5", "at most 4"},
	{"S12_min_1000_of_max_left_out", SLUICE_DEMAND_DEFAULT, 1000, 0,
	 "min_demand 1000", "at most 999"},
	{"S12_min_2000_of_max_left_out", SLUICE_DEMAND_DEFAULT, 2000, 0,
	 "min_demand 2000", "at most 999"},
	{"S12_min_1_of_max_1", 1, 1, 0, "min_demand 1", "at most 0"},
	{"S12_min_negative", SLUICE_DEMAND_DEFAULT, -1, 0, "min_demand -1",
	 "lowest is 0"},
	{"S12_min_almost_a_name", SLUICE_DEMAND_DEFAULT, SLUICE_MIN_HALF + 1, 0,
	 "min_demand -2147483646", "lowest is 0"},
	{"S12_max_over_limit", SLUICE_DEMAND_MAX + 1, 0, 0,
	 "max_demand 1048577", "limit of 1048576"},
	{"S12_max_largest_number", UINT32_MAX, 0, 0, "max_demand 4294967295",
	 "limit of 1048576"},
	{"S12_refill_over_max", 10, 0, 11, "refill_events 11", "max_demand 10"},
	{"S12_refill_over_max_left_out", SLUICE_DEMAND_DEFAULT, 0, 1001,
	 "refill_events 1001", "max_demand 1000"},
	{"S12_min_and_refill", 10, 5, 2, "min_demand", "refill_events"},
	{"S12_min_zero_and_refill", 10, MIN_0, 2, "min_demand",
	 "refill_events"},
};

static void refused_with_field_and_limit(void **state)
{
	const struct refusal *row = *state;
	struct sluice_credit credit;

	assert_int_equal(
		sluice_credit_init(&credit, row->max, row->min, row->refill),
		-EINVAL);
	assert_text_has(sluice_last_error(), row->field);
	assert_text_has(sluice_last_error(), row->limit);
}

/* ---- what is left out --------------------------------------------------- */

static struct policy {
	const char *name;
	uint32_t max;
	int32_t min;
	uint32_t refill;
	struct sluice_credit is; /* max, min, batch, exact */
} policies[] = {
	{"policy_default", SLUICE_DEMAND_DEFAULT, 0, 0, {1000, 938, 500, 0}},
	{"policy_max_1", 1, 0, 0, {1, 0, 1, 0}},
	{"policy_max_2", 2, 0, 0, {2, 1, 1, 0}},
	{"policy_max_15", 15, 0, 0, {15, 14, 7, 0}},
	{"policy_max_16", 16, 0, 0, {16, 15, 8, 0}},
	{"policy_max_64", 64, 0, 0, {64, 60, 32, 0}},
	{"policy_max_limit", 1u << 20, 0, 0, {1048576, 983040, 524288, 0}},
	{"policy_refill_1", 100, 0, 1, {100, 99, 50, 0}},
	{"policy_refill_all", 100, 0, 100, {100, 0, 50, 0}},
	{"policy_refill_of_1", 1, 0, 1, {1, 0, 1, 0}},
	{"policy_min_lowest", 1000, 1, 0, {1000, 1, 999, 1}},
	{"policy_min_highest", 1000, 999, 0, {1000, 999, 1, 1}},
	{"policy_min_zero", 1000, MIN_0, 0, {1000, 0, 1000, 1}},
};

static void policy_is_filled_in(void **state)
{
	const struct policy *row = *state;
	struct sluice_credit credit =
		pair_credit(row->max, row->min, row->refill);

	assert_int_equal(credit.max_events, row->is.max_events);
	assert_int_equal(credit.min_events, row->is.min_events);
	assert_int_equal(credit.batch_events, row->is.batch_events);
	assert_int_equal(credit.exact, row->is.exact);
}

static void idle_returns_all_unless_exact(void **state)
{
	struct sluice_credit left_out = pair_credit(64, 0, 0);
	struct sluice_credit exact = pair_credit(64, 60, 0);

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		uint64_t acked = starts[i] + 2;
		uint64_t granted = starts[i] + 64;

		/* Both hold back after two events; only one of them idles. */
		assert_int_equal(
			sluice_credit_after_ack(&left_out, granted, acked),
			granted);
		assert_int_equal(
			sluice_credit_when_idle(&left_out, granted, acked),
			acked + 64);
		assert_int_equal(
			sluice_credit_when_idle(&exact, granted, acked),
			granted);
	}
}

/* ---- clamps: rows are relative to each of the starts --------------------- */

#define FAR_AHEAD  INT64_MAX /* the farthest that still counts as ahead */
#define FAR_BEHIND INT64_MIN

static struct clamp {
	const char *name;
	int64_t word; /* as stored by the consumer */
	int64_t last;
	int64_t bound; /* published; or acked, with a capacity of 8 */
	int64_t is;
} acked_clamps[] =
	{
		{"acked_within", 5, 3, 9, 5},
		{"acked_no_news", 3, 3, 9, 3},
		{"acked_all_published", 9, 3, 9, 9},
		{"acked_beyond_published", 10, 3, 9, 3},
		{"acked_backwards", 2, 3, 9, 3},
		{"acked_before_the_start", -1, 3, 9, 3},
		{"acked_far_ahead", FAR_AHEAD, 3, 9, 3},
		{"acked_far_behind", FAR_BEHIND, 3, 9, 3},
		{"acked_nothing_published", 4, 3, 3, 3},
		{"acked_nothing_published_no_news", 3, 3, 3, 3},
},
  granted_clamps[] = {
	  {"granted_within", 10, 4, 3, 10},
	  {"granted_no_news", 4, 4, 3, 4},
	  {"granted_at_the_limit", 11, 4, 3, 11},
	  {"granted_beyond_the_limit", 12, 4, 3, 11},
	  {"granted_backwards", 3, 4, 3, 4},
	  {"granted_below_acked", 2, 4, 3, 4},
	  {"granted_farthest_ahead", FAR_AHEAD, 0, 3, 11},
	  {"granted_just_behind_half", FAR_BEHIND, 0, 3, 0},
	  {"granted_full_already", 12, 11, 3, 11},
	  {"granted_full_no_news", 11, 11, 3, 11},
	  {"granted_full_backwards", 10, 11, 3, 11},
	  {"granted_empty_ring", 8, 0, 0, 8},
};

static void clamp_acked(void **state)
{
	const struct clamp *row = *state;

	for (size_t i = 0; i < UNIT_COUNT(starts); i++)
		assert_int_equal(sluice_credit_clamp_acked(
					 starts[i] + (uint64_t)row->word,
					 starts[i] + (uint64_t)row->last,
					 starts[i] + (uint64_t)row->bound),
				 starts[i] + (uint64_t)row->is);
}

static void clamp_granted(void **state)
{
	const struct clamp *row = *state;

	for (size_t i = 0; i < UNIT_COUNT(starts); i++)
		assert_int_equal(sluice_credit_clamp_granted(
					 starts[i] + (uint64_t)row->word,
					 starts[i] + (uint64_t)row->last,
					 starts[i] + (uint64_t)row->bound, 8),
				 starts[i] + (uint64_t)row->is);
}

/* ---- any policy, any batches -------------------------------------------- */

static struct sluice_credit random_policy(struct rng *rng)
{
	uint32_t max = rng_between(rng, 1, 40);

	switch (rng_below(rng, 4)) {
	case 0:
		return pair_credit(max, 0, rng_between(rng, 0, max));
	case 1:
		return pair_credit(max, SLUICE_MIN_HALF, 0);
	case 2:
		return pair_credit(max, MIN_0, 0);
	default:
		return pair_credit(max, (int32_t)rng_between(rng, 0, max - 1),
				   0);
	}
}

static void random_walks_never_exceed_max(void **state)
{
	struct rng rng = rng_start("credit walks");

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct sluice_credit credit = random_policy(&rng);
		uint64_t acked = starts[rng_below(&rng, UNIT_COUNT(starts))];
		uint64_t granted =
			sluice_credit_after_ack(&credit, acked, acked);

		assert_int_equal(granted - acked, credit.max_events);
		for (int step = 0; step < 50; step++) {
			uint64_t pending = granted - acked;
			uint64_t now;

			acked += rng_below(&rng, pending + 1);
			now = sluice_credit_after_ack(&credit, granted, acked);
			if (granted - acked > credit.min_events)
				assert_int_equal(now, granted);
			else
				assert_int_equal(now - acked,
						 credit.max_events);
			granted = now;
			/* A consumer that waits is owed at least a batch. */
			assert_in_range(granted - acked, credit.min_events + 1,
					credit.max_events);
		}
	}
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(S08o_excess_cannot_be_written),
		cmocka_unit_test(S10_manual_ask_bounds_the_source),
		cmocka_unit_test(S11_ask_of_0_or_less_changes_nothing),
		cmocka_unit_test(idle_returns_all_unless_exact),
		cmocka_unit_test(random_walks_never_exceed_max),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(counting) +
			      UNIT_COUNT(halves) + UNIT_COUNT(splits) +
			      UNIT_COUNT(refusals) + UNIT_COUNT(policies) +
			      UNIT_COUNT(acked_clamps) +
			      UNIT_COUNT(granted_clamps)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, asks_and_batches, counting);
	at = UNIT_ADD_ROWS(all, at, default_min_is_half, halves);
	at = UNIT_ADD_ROWS(all, at, split_vector, splits);
	at = UNIT_ADD_ROWS(all, at, refused_with_field_and_limit, refusals);
	at = UNIT_ADD_ROWS(all, at, policy_is_filled_in, policies);
	at = UNIT_ADD_ROWS(all, at, clamp_acked, acked_clamps);
	at = UNIT_ADD_ROWS(all, at, clamp_granted, granted_clamps);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("credit", all, NULL, NULL);
}
