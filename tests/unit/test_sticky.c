/* SPDX-License-Identifier: Apache-2.0 */
/* sticky: a key goes where it always goes, within bounds; against an oracle that
 * walks the ring point by point. */
#include "dispatch/sticky.h"
#include "tests/unit/script.h"

#define LANES_MAX  200u
#define ROW_EVENTS 64u
#define KEYS       5000u
#define POINTS     4096u
#define SCRIPTS    50u
#define STEPS      300u
#define NOBODY     UINT32_MAX

/* ---- by hand ------------------------------------------------------------- */

static struct {
	struct sluice_lane lane[LANES_MAX];
	struct sluice_lanes lanes;
	struct sluice_sticky sticky;
	struct sluice_run run[ROW_EVENTS];
	uint32_t n_runs;
} t;

static void table_open(uint32_t lanes, uint64_t credit, uint32_t percent)
{
	/* The bound of another strategy is none here. */
	const struct sluice_dispatch_opts opts = {.key_of = script_key_of,
						  .load_percent = percent,
						  .in_flight_max = 1};

	memset(&t, 0, sizeof(t));
	t.lanes.lane = t.lane;
	t.lanes.count = lanes;
	for (uint32_t i = 0; i < lanes; i++) {
		t.lane[i].state = SLUICE_LANE_ACTIVE;
		t.lane[i].credit = credit;
		t.lane[i].since = ++t.lanes.stamp;
	}
	sluice_sticky_init(&t.sticky, &t.lanes, &opts);
}

static uint32_t place(const uint64_t *keys, uint32_t n)
{
	struct script_event events[ROW_EVENTS] = {{0}};
	const struct sluice_events row = {(const unsigned char *)events, n,
					  sizeof(events[0])};
	uint32_t placed;

	for (uint32_t i = 0; i < n; i++)
		events[i].key = keys[i];
	t.n_runs = 0;
	placed =
		sluice_sticky_pick(&t.sticky, &t.lanes, &row, t.run, &t.n_runs);
	assert_null(sluice_sticky_verify(&t.sticky, &t.lanes));
	return placed;
}

/* Where an event of this key goes; it is finished at once. */
static uint32_t lane_of(uint64_t key)
{
	struct sluice_lane *lane;

	assert_int_equal(place(&key, 1), 1);
	assert_true(t.run[0].lane < t.lanes.count);
	lane = &t.lane[t.run[0].lane];
	lane->acked++;
	lane->credit++;
	return t.run[0].lane;
}

static void lanes_of(uint32_t *lane)
{
	for (uint32_t key = 0; key < KEYS; key++)
		lane[key] = lane_of(key);
}

static void join(uint32_t i)
{
	t.lane[i].state = SLUICE_LANE_JOINING;
	sluice_sticky_join(&t.sticky, &t.lanes, i);
	assert_true(sluice_sticky_ready(&t.sticky, &t.lanes, i));
	t.lane[i].state = SLUICE_LANE_ACTIVE;
	t.lane[i].credit = 10;
}

static void leave(uint32_t i)
{
	t.lane[i] = (struct sluice_lane){0};
	sluice_sticky_leave(&t.sticky, &t.lanes, i);
}

/* One that comes takes its share from the others and no key goes between them;
 * with it gone all is as it was. */
static void few_keys_move(void **state)
{
	static uint32_t was[KEYS];
	static uint32_t is[KEYS];

	(void)state;
	for (uint32_t lanes = 2; lanes <= 24; lanes++) {
		uint32_t moved = 0;

		table_open(lanes, 10, 0);
		leave(lanes / 2);
		lanes_of(was);
		join(lanes / 2);
		lanes_of(is);
		for (uint32_t key = 0; key < KEYS; key++) {
			if (is[key] == was[key])
				continue;
			assert_int_equal(is[key], lanes / 2);
			moved++;
		}
		assert_true(moved > 0);
		assert_true(moved <= 2 * KEYS / lanes);
		leave(lanes / 2);
		lanes_of(is);
		assert_memory_equal(is, was, sizeof(is));
	}
}

/* With many lanes too, whatever their index, and even where they stand close. */
static void shares_are_alike(void **state)
{
	static const uint32_t counts[] = {2, 5, 8, 24, 64, LANES_MAX};

	(void)state;
	for (uint32_t c = 0; c < UNIT_COUNT(counts); c++) {
		uint32_t lanes = counts[c];
		uint32_t points[LANES_MAX] = {0};
		uint32_t low = 0; /* points of the lower half */

		table_open(lanes, 10, 0);
		for (uint32_t at = 0; at < POINTS; at++)
			points[t.sticky.owner[at]]++;
		for (uint32_t i = 0; i < lanes; i++) {
			assert_true(points[i] > 0);
			assert_true(points[i] <= 3 * POINTS / lanes);
			low += i < lanes / 2 ? points[i] : 0;
		}
		assert_in_range(low, POINTS / 4, POINTS * 3 / 4);
	}
}

/* Of one hot key each lane gets no more than its share, rounded up. */
static void hot_key_is_bounded(void **state)
{
	static const uint32_t percents[] = {0, 100, 200, 1000};

	(void)state;
	for (uint32_t lanes = 1; lanes <= 16; lanes++)
		for (uint32_t p = 0; p < UNIT_COUNT(percents); p++) {
			uint64_t percent = percents[p] ? percents[p] : 125;
			uint64_t key = 77;
			uint64_t most = 0;

			table_open(lanes, 2000, percents[p]);
			for (uint32_t n = 1; n <= 500; n++) {
				struct sluice_lane *lane;

				assert_int_equal(place(&key, 1), 1);
				lane = &t.lane[t.run[0].lane];
				if (lane->sent > most)
					most = lane->sent;
				/* sent < ceil(q) + 1 before it was sent. */
				assert_true((lane->sent - 1) * lanes * 100 <
					    percent * n);
			}
			/* Nor is it given away sooner than that. */
			assert_true(most * lanes * 100 >= 500 * 100);
			if (percent < lanes * 100)
				assert_true((most + 2) * lanes * 100 >=
					    percent * 500);
		}
}

static void any_credit_is_used(void **state)
{
	uint64_t keys[ROW_EVENTS] = {0};

	(void)state;
	table_open(3, 0, 100);
	t.lane[1].credit = 20;
	t.lane[1].sent = 1000; /* far over its share */
	assert_int_equal(sluice_sticky_placeable(&t.sticky, &t.lanes), 20);
	assert_int_equal(place(keys, ROW_EVENTS), 20);
	keys[0] = SLUICE_KEY_NONE;
	assert_int_equal(place(keys, 2), 1);
	assert_int_equal(t.run[0].lane, SLUICE_LANE_NONE);
	for (uint32_t i = 0; i < 3; i++)
		leave(i);
	assert_int_equal(place(keys, 2), 1);
	assert_int_equal(sluice_sticky_placeable(&t.sticky, &t.lanes), 0);
}

static void verify_sees_a_wrong_point(void **state)
{
	(void)state;
	table_open(3, 5, 0);
	t.sticky.owner[100] = 7;
	assert_non_null(sluice_sticky_verify(&t.sticky, &t.lanes));
	t.sticky.owner[100] = UINT16_MAX;
	assert_non_null(sluice_sticky_verify(&t.sticky, &t.lanes));
	t.sticky.owner[100] = t.sticky.owner[101];
	assert_null(sluice_sticky_verify(&t.sticky, &t.lanes));
	t.lane[t.sticky.owner[0]].state = SLUICE_LANE_VACANT;
	assert_non_null(sluice_sticky_verify(&t.sticky, &t.lanes));
}

/* ---- the oracle ---------------------------------------------------------- */

/* Who stands at each point. */
static uint32_t stands[POINTS];

static uint32_t oracle_mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 2246822507u;
	x ^= x >> 13;
	x *= 3266489909u;
	x ^= x >> 16;
	return x;
}

static void oracle_settle(const struct script *s)
{
	for (uint32_t at = 0; at < POINTS; at++)
		stands[at] = NOBODY;
	for (uint32_t n = 0; n < s->lanes.count * 64; n++) {
		uint32_t at = oracle_mix(n + 1) % POINTS;
		uint32_t state = s->lane[n / 64].state;

		if (state != SLUICE_LANE_ACTIVE && state != SLUICE_LANE_JOINING)
			continue;
		if (stands[at] == NOBODY ||
		    oracle_mix(n / 64 * POINTS + at + 0x80000000u) <
			    oracle_mix(stands[at] * POINTS + at + 0x80000000u))
			stands[at] = n / 64;
	}
}

static void oracle_settle_again(const struct script *s, uint32_t lane)
{
	(void)lane;
	oracle_settle(s);
}

static uint64_t oracle_load(const struct sluice_lane *lane)
{
	return lane->sent - lane->acked;
}

/* May this lane have one more: less than its share of what is then there? */
static int oracle_takes(const struct script *s, const struct sluice_lane *lane,
			uint32_t count, uint32_t i)
{
	uint64_t percent = s->opts.load_percent ? s->opts.load_percent : 125;
	uint64_t total = 1;
	uint64_t active = 0;

	for (uint32_t k = 0; k < count; k++) {
		if (lane[k].state != SLUICE_LANE_ACTIVE)
			continue;
		total += oracle_load(&lane[k]);
		active++;
	}
	if (lane[i].credit == 0)
		return 0;
	/* Rounded up. */
	return oracle_load(&lane[i]) <
	       (percent * total + 100 * active - 1) / (100 * active);
}

static uint32_t oracle_choice(const struct script *s,
			      const struct sluice_lane *lane, uint32_t count,
			      uint64_t key)
{
	uint64_t from = key * UINT64_C(11400714819323198485) >> 40;
	uint32_t best = NOBODY;

	for (uint32_t n = 0; n < POINTS; n++) {
		uint32_t i = stands[(from + n) % POINTS];

		if (i != NOBODY && oracle_takes(s, lane, count, i))
			return i;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (lane[i].credit == 0)
			continue;
		if (best == NOBODY ||
		    oracle_load(&lane[i]) < oracle_load(&lane[best]) ||
		    (oracle_load(&lane[i]) == oracle_load(&lane[best]) &&
		     lane[i].since < lane[best].since))
			best = i;
	}
	return best;
}

static void oracle_picked(const struct script *s,
			  const struct sluice_lanes *before,
			  const struct script_event *events, uint32_t n,
			  const uint32_t *to, uint32_t placed)
{
	struct sluice_lane lane[SCRIPT_LANES_MAX];
	uint64_t stamp = before->stamp;

	memcpy(lane, before->lane, before->count * sizeof(lane[0]));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t want;

		if (events[i].key == SLUICE_KEY_NONE) {
			assert_true(i < placed);
			continue;
		}
		want = oracle_choice(s, lane, before->count, events[i].key);
		if (want == NOBODY) {
			assert_int_equal(i, placed);
			break;
		}
		assert_true(i < placed);
		assert_int_equal(to[i], want);
		lane[want].credit--;
		lane[want].sent++;
		lane[want].since = ++stamp;
	}
	assert_memory_equal(s->lane, lane, before->count * sizeof(lane[0]));
}

static void oracle_draw(struct rng *rng, struct sluice_dispatch_opts *opts)
{
	opts->load_percent = rng_below(rng, 2) ? rng_between(rng, 100, 300) : 0;
}

static void random_script(void **state)
{
	const struct script_rules rules = {
		.strategy = sluice_strategy_find("sticky"),
		.promises = SCRIPT_LATE,
		.draw = oracle_draw,
		.opened = oracle_settle,
		.joined = oracle_settle_again,
		.left = oracle_settle_again,
		.picked = oracle_picked,
	};

	(void)state;
	script_run_all(&rules, "sticky random_script", SCRIPTS, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_keys_move),
		cmocka_unit_test(shares_are_alike),
		cmocka_unit_test(hot_key_is_bounded),
		cmocka_unit_test(any_credit_is_used),
		cmocka_unit_test(verify_sees_a_wrong_point),
		cmocka_unit_test(random_script),
	};

	return cmocka_run_group_tests_name("sticky", tests, NULL, NULL);
}
