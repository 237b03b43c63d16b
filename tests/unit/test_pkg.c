/* SPDX-License-Identifier: Apache-2.0 */
/* pkg: two homes for each key, and the better of them for each event; against
 * an oracle that draws the homes anew for each. */
#include "dispatch/pkg.h"
#include "tests/unit/script.h"

#define LANES_MAX  24u
#define ROW_EVENTS 64u
#define SCRIPTS    300u
#define STEPS      300u

/* ---- by hand ------------------------------------------------------------- */

static struct {
	struct sluice_lane lane[LANES_MAX];
	struct sluice_lanes lanes;
	struct sluice_pkg pkg;
	struct sluice_run run[ROW_EVENTS];
	uint32_t n_runs;
} t;

static void table_open(uint32_t lanes, uint64_t credit, uint32_t spill)
{
	const struct sluice_dispatch_opts opts = {.key_of = script_key_of};

	memset(&t, 0, sizeof(t));
	t.lanes.lane = t.lane;
	t.lanes.count = lanes;
	t.lanes.spill_free = spill;
	for (uint32_t i = 0; i < lanes; i++) {
		t.lane[i].state = SLUICE_LANE_ACTIVE;
		t.lane[i].credit = credit;
	}
	sluice_pkg_init(&t.pkg, &t.lanes, &opts);
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
	placed = sluice_pkg_pick(&t.pkg, &t.lanes, &row, t.run, &t.n_runs);
	assert_null(sluice_pkg_verify(&t.pkg, &t.lanes));
	return placed;
}

static uint32_t place_one(uint64_t key)
{
	assert_int_equal(place(&key, 1), 1);
	assert_int_equal(t.n_runs, 1);
	return t.run[0].lane;
}

/* The homes of a key: where its first two events go when all are idle. */
static void homes_of(uint64_t key, uint32_t *a, uint32_t *b)
{
	*a = place_one(key);
	*b = place_one(key);
	t.lane[*a].sent--;
	t.lane[*b].sent--;
	t.lane[*a].credit++;
	t.lane[*b].credit++;
}

/* However hot it is, a key is nowhere but at its two homes, and half of it at
 * each; all lanes are homes, alike. */
static void key_is_split_in_two(void **state)
{
	(void)state;
	for (uint32_t lanes = 2; lanes <= LANES_MAX; lanes++) {
		const uint32_t keys = 200 * lanes;
		uint32_t is_home[LANES_MAX] = {0};

		table_open(lanes, 1000000, 0);
		for (uint64_t key = 0; key < keys; key++) {
			uint32_t a;
			uint32_t b;

			homes_of(key, &a, &b);
			assert_int_not_equal(a, b);
			is_home[a]++;
			is_home[b]++;
			for (uint32_t i = 0; i < 10; i++)
				assert_int_equal(place_one(key), i % 2 ? b : a);
			for (uint32_t i = 0; i < lanes; i++)
				t.lane[i].acked = t.lane[i].sent;
		}
		for (uint32_t i = 0; i < lanes; i++)
			assert_in_range(is_home[i], 300, 500);
	}
}

/* Credit goes before load, and staying before that. */
static void better_home_gets_it(void **state)
{
	const uint64_t key = 12345;
	uint32_t a;
	uint32_t b;

	(void)state;
	table_open(5, 10, 4);
	homes_of(key, &a, &b);
	t.lane[a].sent = 3;
	t.lane[b].sent = 2;
	assert_int_equal(place_one(key), b);
	assert_int_equal(place_one(key), a);
	t.lane[b].credit = 0;
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(place_one(key), a);
	/* Neither has credit: the better one's spill, which counts as load. */
	t.lane[a].credit = 0;
	t.lane[a].sent = 5;
	t.lane[b].sent = 4;
	assert_int_equal(place_one(key), b | SLUICE_RUN_SPILL);
	assert_int_equal(place_one(key), a | SLUICE_RUN_SPILL);
	/* Nothing passes what waits there. */
	t.lane[b].credit = 7;
	assert_int_equal(place_one(key), b | SLUICE_RUN_SPILL);
	t.lane[b].state = SLUICE_LANE_DRAINING;
	t.lane[b].credit = 0;
	assert_int_equal(place_one(key), a | SLUICE_RUN_SPILL);
	assert_int_equal(t.lanes.spill_free, 0);
	assert_int_equal(place(&key, 1), 0);
}

static void homes_are_who_is_there(void **state)
{
	(void)state;
	table_open(3, 100, 4);
	t.lane[1] = (struct sluice_lane){0};
	sluice_pkg_leave(&t.pkg, &t.lanes, 1);
	for (uint64_t key = 0; key < 20; key++)
		assert_int_not_equal(place_one(key), 1);
	t.lane[0] = (struct sluice_lane){0};
	sluice_pkg_leave(&t.pkg, &t.lanes, 0);
	for (uint64_t key = 0; key < 20; key++)
		assert_int_equal(place_one(key), 2);
	t.lane[2] = (struct sluice_lane){0};
	sluice_pkg_leave(&t.pkg, &t.lanes, 2);
	assert_int_equal(sluice_pkg_placeable(&t.pkg, &t.lanes), 0);
	assert_int_equal(place(&(const uint64_t){1}, 1), 0);
	t.lane[1].state = SLUICE_LANE_JOINING;
	sluice_pkg_join(&t.pkg, &t.lanes, 1);
	assert_true(sluice_pkg_ready(&t.pkg, &t.lanes, 1));
	t.lane[1].state = SLUICE_LANE_ACTIVE;
	t.lane[1].credit = 1;
	assert_int_equal(place_one(9), 1);
}

/* Whoever the events are for, even all of them for one key. */
static void placeable_is_placed(void **state)
{
	struct rng rng = rng_start("pkg placeable_is_placed");

	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t lanes = rng_between(&rng, 1, 4);
		uint64_t hot = rng_below(&rng, 1000);
		uint64_t keys[ROW_EVENTS];
		uint64_t room;

		table_open(lanes, 0, rng_between(&rng, 0, 12));
		for (uint32_t i = 0; i < lanes; i++) {
			t.lane[i].credit = rng_between(&rng, 0, 12);
			t.lane[i].sent = rng_between(&rng, 0, 12);
		}
		if (rng_below(&rng, 3) == 0) {
			t.lane[0].state = SLUICE_LANE_DRAINING;
			t.lane[0].credit = 0;
		}
		/* Credit is of no use while something waits. */
		if (rng_below(&rng, 3) == 0)
			t.lane[lanes - 1].spilled = 1;
		room = sluice_pkg_placeable(&t.pkg, &t.lanes);
		assert_true(room <= ROW_EVENTS);
		for (uint32_t i = 0; i < ROW_EVENTS; i++)
			keys[i] = round % 2 ? hot : rng_below(&rng, 50);
		assert_true(place(keys, (uint32_t)room) == room);
	}
}

static void verify_sees_a_wrong_home(void **state)
{
	(void)state;
	table_open(3, 5, 0);
	assert_null(sluice_pkg_verify(&t.pkg, &t.lanes));
	t.pkg.home[1] = 2;
	assert_non_null(sluice_pkg_verify(&t.pkg, &t.lanes));
	t.pkg.home[1] = 7;
	assert_non_null(sluice_pkg_verify(&t.pkg, &t.lanes));
	t.pkg.home[1] = 1;
	t.pkg.homes = 2;
	assert_non_null(sluice_pkg_verify(&t.pkg, &t.lanes));
	t.pkg.homes = 3;
	t.lane[1] = (struct sluice_lane){0};
	assert_non_null(sluice_pkg_verify(&t.pkg, &t.lanes));
}

/* ---- the oracle ---------------------------------------------------------- */

/* Who was there, and staying, when somebody last came or went. */
static struct {
	uint32_t lane[SCRIPT_LANES_MAX];
	uint32_t count;
} o;

static void oracle_settle(const struct script *s)
{
	o.count = 0;
	for (uint32_t i = 0; i < s->lanes.count; i++)
		if (s->lane[i].state == SLUICE_LANE_ACTIVE ||
		    s->lane[i].state == SLUICE_LANE_JOINING)
			o.lane[o.count++] = i;
}

static void oracle_settle_again(const struct script *s, uint32_t lane)
{
	(void)lane;
	oracle_settle(s);
}

/* Is lane @b better than lane @a? */
static int oracle_better(const struct sluice_lane *b,
			 const struct sluice_lane *a)
{
	int stays_a = a->state == SLUICE_LANE_ACTIVE;
	int stays_b = b->state == SLUICE_LANE_ACTIVE;
	int takes_a = a->credit > 0 && a->spilled == 0;
	int takes_b = b->credit > 0 && b->spilled == 0;

	if (stays_a != stays_b)
		return stays_b;
	if (takes_a != takes_b)
		return takes_b;
	return b->sent + b->spilled - b->acked <
	       a->sent + a->spilled - a->acked;
}

static uint32_t oracle_home(const struct sluice_lane *lane, uint64_t key)
{
	struct rng hash = {key};
	uint64_t z = rng_u64(&hash);
	uint64_t a = ((z & UINT32_MAX) * o.count) / (UINT64_C(1) << 32);
	uint64_t b = ((z >> 32) * (o.count - 1)) / (UINT64_C(1) << 32);

	if (o.count == 1)
		return o.lane[0];
	if (b >= a)
		b++;
	return oracle_better(&lane[o.lane[b]], &lane[o.lane[a]]) ? o.lane[b]
								 : o.lane[a];
}

static void oracle_picked(const struct script *s,
			  const struct sluice_lanes *before,
			  const struct script_event *events, uint32_t n,
			  const uint32_t *to, uint32_t placed)
{
	struct sluice_lane lane[SCRIPT_LANES_MAX];
	uint64_t spill = before->spill_free;

	memcpy(lane, before->lane, before->count * sizeof(lane[0]));
	if (o.count == 0)
		assert_int_equal(placed, 0);
	for (uint32_t i = 0; i < n && o.count > 0; i++) {
		struct sluice_lane *home;
		uint32_t want;
		uint32_t waits;

		if (events[i].key == SLUICE_KEY_NONE) {
			assert_true(i < placed);
			continue;
		}
		want = oracle_home(lane, events[i].key);
		home = &lane[want];
		waits = home->credit == 0 || home->spilled > 0;
		if (waits && spill == 0) {
			assert_int_equal(i, placed);
			break;
		}
		assert_true(i < placed);
		assert_int_equal(to[i], waits ? want | SLUICE_RUN_SPILL : want);
		home->spilled += waits;
		spill -= waits;
		home->credit -= !waits;
		home->sent += !waits;
	}
	assert_int_equal(s->lanes.spill_free, spill);
	for (uint32_t i = 0; i < before->count; i++) {
		assert_int_equal(s->lane[i].credit, lane[i].credit);
		assert_int_equal(s->lane[i].sent, lane[i].sent);
		assert_int_equal(s->lane[i].spilled, lane[i].spilled);
	}
}

static void random_script(void **state)
{
	const struct script_rules rules = {
		.strategy = sluice_strategy_find("pkg"),
		.opened = oracle_settle,
		.joined = oracle_settle_again,
		.left = oracle_settle_again,
		.picked = oracle_picked,
		.stepped = script_feeds_the_hungry,
	};

	(void)state;
	script_run_all(&rules, "pkg random_script", SCRIPTS, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_is_split_in_two),
		cmocka_unit_test(better_home_gets_it),
		cmocka_unit_test(homes_are_who_is_there),
		cmocka_unit_test(placeable_is_placed),
		cmocka_unit_test(verify_sees_a_wrong_home),
		cmocka_unit_test(random_script),
	};

	return cmocka_run_group_tests_name("pkg", tests, NULL, NULL);
}
