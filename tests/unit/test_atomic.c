/* SPDX-License-Identifier: Apache-2.0 */
/* atomic: a key stays where it is being worked on, and is free when that is
 * done; against an oracle that remembers all that each lane was given. */
#include "dispatch/atomic.h"
#include "tests/unit/script.h"

#define LANES_MAX  100u
#define ROW_EVENTS 64u
#define SCRIPTS    300u
#define STEPS      300u

/* ---- by hand ------------------------------------------------------------- */

static struct {
	struct sluice_lane lane[LANES_MAX];
	struct sluice_lanes lanes;
	struct sluice_atomic atomic;
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
		t.lane[i].since = ++t.lanes.stamp;
		t.lane[i].credit = credit;
	}
	sluice_atomic_init(&t.atomic, &t.lanes, &opts);
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
		sluice_atomic_pick(&t.atomic, &t.lanes, &row, t.run, &t.n_runs);
	assert_null(sluice_atomic_verify(&t.atomic, &t.lanes));
	return placed;
}

/* Where one event of this key goes. */
static uint32_t place_one(uint64_t key)
{
	assert_int_equal(place(&key, 1), 1);
	assert_int_equal(t.n_runs, 1);
	assert_int_equal(t.run[0].count, 1);
	return t.run[0].lane;
}

static void acked(uint32_t i, uint64_t position)
{
	sluice_lane_set(&t.lanes, i, t.lane[i].credit, position);
}

static void key_stays_while_it_is_worked_on(void **state)
{
	(void)state;
	table_open(3, 10, 0);
	assert_int_equal(place_one(7), 0);
	assert_int_equal(place_one(8), 1);
	/* Lane 2 is idle, and yet. */
	assert_int_equal(place_one(7), 0);
	assert_int_equal(place_one(9), 2);
	acked(0, 1);
	assert_int_equal(place_one(7), 0);
	/* All three done: it is free, and lane 1 has waited longest of those
	 * with nothing in hand. */
	acked(0, 3);
	acked(1, 1);
	acked(2, 1);
	assert_int_equal(place_one(7), 1);
	assert_int_equal(place_one(7), 1);
	acked(1, 2);
	assert_int_equal(place_one(7), 1);
}

static void key_waits_where_it_is(void **state)
{
	(void)state;
	table_open(2, 1, 4);
	assert_int_equal(place_one(7), 0);
	assert_int_equal(place_one(7), 0 | SLUICE_RUN_SPILL);
	assert_int_equal(t.lane[1].credit, 1);
	assert_int_equal(t.lanes.spill_free, 3);
	/* The first is done, not the one in the spill. */
	sluice_lane_set(&t.lanes, 0, 1, 1);
	assert_int_equal(place_one(7), 0 | SLUICE_RUN_SPILL);
	t.lane[0].spilled = 0;
	t.lane[0].credit = 0;
	t.lane[0].sent = 3;
	t.lanes.spill_free = 4;
	acked(0, 2);
	assert_int_equal(place_one(7), 0 | SLUICE_RUN_SPILL);
	t.lane[0].spilled = 0;
	t.lane[0].sent = 4;
	acked(0, 4);
	assert_int_equal(place_one(7), 1);
}

/* Its credit is for what waits there. */
static void free_key_waits_nowhere(void **state)
{
	(void)state;
	table_open(2, 5, 4);
	t.lane[0].spilled = 1;
	t.lane[1].sent = 3;
	assert_int_equal(place_one(7), 1);
	assert_int_equal(place_one(8), 1);
}

/* A lane that comes after another one counts its events from nothing. */
static void leaver_frees_its_keys(void **state)
{
	(void)state;
	table_open(2, 5, 4);
	assert_int_equal(place_one(7), 0);
	assert_int_equal(place_one(7), 0);
	t.lane[0].state = SLUICE_LANE_DRAINING;
	t.lane[0].credit = 0;
	/* It still has it, so this waits for it, or for its end. */
	assert_int_equal(place_one(7), 0 | SLUICE_RUN_SPILL);
	t.lane[0] = (struct sluice_lane){0};
	t.lanes.spill_free = 4;
	sluice_atomic_leave(&t.atomic, &t.lanes, 0);
	assert_int_equal(place_one(7), 1);
	acked(1, 1);
	t.lane[0].state = SLUICE_LANE_JOINING;
	sluice_atomic_join(&t.atomic, &t.lanes, 0);
	assert_true(sluice_atomic_ready(&t.atomic, &t.lanes, 0));
	t.lane[0].state = SLUICE_LANE_ACTIVE;
	sluice_lane_set(&t.lanes, 0, 5, 0);
	assert_int_equal(place_one(8), 1);
	assert_int_equal(place_one(7), 0);
	assert_int_equal(place_one(7), 0);
}

static void none_costs_nothing(void **state)
{
	static const uint64_t keys[] = {1, SLUICE_KEY_NONE, 2, SLUICE_KEY_NONE};

	(void)state;
	table_open(2, 1, 0);
	assert_int_equal(place(keys, 4), 4);
	assert_int_equal(t.run[1].lane, SLUICE_LANE_NONE);
	assert_int_equal(t.run[3].lane, SLUICE_LANE_NONE);
	assert_int_equal(t.lane[0].sent + t.lane[1].sent, 2);
	/* The second 1 would have to wait, and there is no place. */
	assert_int_equal(place(keys, 4), 0);
}

/* Whoever the events are for, of one key that is worked on or of many that are
 * not: what is placeable is placed. */
static void placeable_is_placed(void **state)
{
	struct rng rng = rng_start("atomic placeable_is_placed");

	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t lanes = rng_between(&rng, 1, 4);
		uint64_t keys[ROW_EVENTS];
		uint64_t room;

		table_open(lanes, 0, rng_between(&rng, 0, 12));
		for (uint32_t i = 0; i < lanes; i++)
			t.lane[i].credit = rng_between(&rng, 1, 12);
		/* Key i is at some lane, every lane has one. */
		for (uint64_t i = 0; i < lanes; i++)
			(void)place(&i, 1);
		if (lanes > 1 && rng_below(&rng, 4) == 0) {
			t.lane[0].state = SLUICE_LANE_DRAINING;
			t.lane[0].credit = 0;
		}
		for (uint32_t i = 0; i < lanes; i++)
			if (t.lane[i].state == SLUICE_LANE_ACTIVE)
				t.lane[i].credit = rng_between(&rng, 0, 12);
		/* Credit is of no use while something waits. */
		if (rng_below(&rng, 3) == 0)
			t.lane[lanes - 1].spilled = 1;
		room = sluice_atomic_placeable(&t.atomic, &t.lanes);
		assert_true(room <= ROW_EVENTS);
		for (uint32_t i = 0; i < ROW_EVENTS; i++)
			keys[i] = round % (lanes + 1) == lanes
					  ? rng_below(&rng, 50)
					  : round % (lanes + 1);
		assert_true(place(keys, (uint32_t)room) == room);
	}
}

/* With more lanes than can be compared at a glance, and with some that have
 * waited for so long that it is no longer counted, who has least is found. */
static void many_lanes_take_turns(void **state)
{
	static const uint32_t counts[] = {1, 3, 4, 63, 64, 65, LANES_MAX};

	(void)state;
	for (uint32_t c = 0; c < UNIT_COUNT(counts); c++) {
		uint32_t lanes = counts[c];
		uint64_t key = 0;

		table_open(lanes, 3, 0);
		t.lanes.stamp = UINT64_C(1) << 40;
		t.atomic.mask = 0; /* one flow: it is always free */
		for (uint32_t i = 0; i < 3 * lanes; i++) {
			uint32_t to = place_one(key++);

			assert_int_equal(to, i % lanes);
			/* In hand, and the flow has been done with. */
			t.atomic.flow[0].lane = SLUICE_LANE_NONE;
		}
		assert_int_equal(place(&key, 1), 0);
	}
}

/* ---- the oracle ---------------------------------------------------------- */

/* What each lane was given since it came, in the order in which it gets it. */
static struct {
	uint32_t flow[SCRIPT_LANES_MAX][SCRIPT_EVENTS_MAX];
	uint64_t given[SCRIPT_LANES_MAX];
	uint64_t groups;
} o;

static void oracle_draw(struct rng *rng, struct sluice_dispatch_opts *opts)
{
	opts->key_groups = rng_below(rng, 3) ? 1u << rng_below(rng, 13) : 0;
}

static void oracle_opened(const struct script *s)
{
	memset(o.given, 0, sizeof(o.given));
	o.groups = s->opts.key_groups ? s->opts.key_groups : 4096;
}

static void oracle_forget(const struct script *s, uint32_t lane)
{
	(void)s;
	o.given[lane] = 0;
}

/* Who has something of this flow that it is not known to have finished. */
static uint32_t oracle_holder(const struct sluice_lane *lane, uint32_t count,
			      uint32_t flow)
{
	uint32_t holder = count;

	for (uint32_t i = 0; i < count; i++)
		for (uint64_t k = lane[i].acked; k < o.given[i]; k++)
			if (o.flow[i][k] == flow) {
				assert_true(holder == count || holder == i);
				holder = i;
			}
	return holder;
}

static uint64_t oracle_load(const struct sluice_lane *lane)
{
	return lane->sent + lane->spilled - lane->acked;
}

/* Least in hand, then longest waiting, of those that can be sent an event; if
 * there are none, of the active ones. */
static uint32_t oracle_best(const struct sluice_lane *lane, uint32_t count)
{
	for (uint32_t wanting = 0; wanting < 2; wanting++) {
		uint32_t best = count;

		for (uint32_t i = 0; i < count; i++) {
			if (lane[i].state != SLUICE_LANE_ACTIVE ||
			    (!wanting &&
			     (lane[i].credit == 0 || lane[i].spilled > 0)))
				continue;
			if (best == count ||
			    oracle_load(&lane[i]) < oracle_load(&lane[best]) ||
			    (oracle_load(&lane[i]) ==
				     oracle_load(&lane[best]) &&
			     lane[i].since < lane[best].since))
				best = i;
		}
		if (best < count)
			return best;
	}
	return count;
}

static void oracle_picked(const struct script *s,
			  const struct sluice_lanes *before,
			  const struct script_event *events, uint32_t n,
			  const uint32_t *to, uint32_t placed)
{
	struct sluice_lane lane[SCRIPT_LANES_MAX];
	uint64_t spill = before->spill_free;
	uint64_t stamp = before->stamp;

	memcpy(lane, before->lane, before->count * sizeof(lane[0]));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t flow = (uint32_t)((events[i].key *
					    UINT64_C(11400714819323198485)) >>
					   40) %
				(uint32_t)o.groups;
		uint32_t want;
		uint32_t waits;

		if (events[i].key == SLUICE_KEY_NONE) {
			assert_true(i < placed);
			continue;
		}
		want = oracle_holder(lane, before->count, flow);
		if (want == before->count)
			want = oracle_best(lane, before->count);
		waits = want < before->count &&
			(lane[want].credit == 0 || lane[want].spilled > 0);
		if (want == before->count || (waits && spill == 0)) {
			assert_int_equal(i, placed);
			break;
		}
		assert_true(i < placed);
		assert_int_equal(to[i], waits ? want | SLUICE_RUN_SPILL : want);
		o.flow[want][o.given[want]++] = flow;
		lane[want].since = ++stamp;
		lane[want].spilled += waits;
		spill -= waits;
		lane[want].credit -= !waits;
		lane[want].sent += !waits;
	}
	assert_int_equal(s->lanes.spill_free, spill);
	assert_int_equal(s->lanes.stamp, stamp);
	assert_memory_equal(s->lane, lane, before->count * sizeof(lane[0]));
}

static void random_script(void **state)
{
	const struct script_rules rules = {
		.strategy = sluice_strategy_find("atomic"),
		.promises = SCRIPT_KEY_ORDER,
		.draw = oracle_draw,
		.opened = oracle_opened,
		.joined = oracle_forget,
		.left = oracle_forget,
		.picked = oracle_picked,
		.stepped = script_feeds_the_hungry,
	};

	(void)state;
	script_run_all(&rules, "atomic random_script", SCRIPTS, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_stays_while_it_is_worked_on),
		cmocka_unit_test(key_waits_where_it_is),
		cmocka_unit_test(free_key_waits_nowhere),
		cmocka_unit_test(leaver_frees_its_keys),
		cmocka_unit_test(none_costs_nothing),
		cmocka_unit_test(placeable_is_placed),
		cmocka_unit_test(many_lanes_take_turns),
		cmocka_unit_test(random_script),
	};

	return cmocka_run_group_tests_name("atomic", tests, NULL, NULL);
}
