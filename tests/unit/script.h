/* SPDX-License-Identifier: Apache-2.0 */
/* Any strategy under random scripts: consumers that come, pause, ask for less,
 * drain, die and go while events flow. A script drives the strategy in the way
 * the outlet does, on one thread, and follows every event. After each step it
 * asks the strategy to verify itself, and checks what must hold of all of them:
 * nothing lost or doubled, nobody above what it asked for, nothing to who is not
 * there, the promised orders, and what is placeable is placed. What only one
 * strategy promises its test says in struct script_rules. */
#ifndef SLUICE_TESTS_UNIT_SCRIPT_H
#define SLUICE_TESTS_UNIT_SCRIPT_H

#include "tests/unit/script_lanes.h"

#define SCRIPT_ROUNDS_MAX 4000u /* far more than it takes to finish the rest */

/* ---- placing ------------------------------------------------------------- */

static inline void script_apply(struct script *s, uint32_t to,
				const struct script_event *event,
				enum script_place from)
{
	uint32_t i = to & ~SLUICE_RUN_SPILL;

	assert_int_equal(to == SLUICE_LANE_NONE, event->key == SLUICE_KEY_NONE);
	if (to == SLUICE_LANE_NONE) {
		script_move(s, event, from, SCRIPT_DONE);
		s->discarded++;
		return;
	}
	assert_true(i < s->lanes.count);
	script_move(s, event, from, to == i ? SCRIPT_SENT : SCRIPT_SPILLED);
	if (to != i) {
		script_row_add(&s->at[i].spill, event, 1);
		return;
	}
	/* Never past one that waits. */
	assert_int_equal(s->at[i].spill.count, 0);
	script_send(s, i, event);
}

/* Up to @n events, of which as many must be placed as were placeable. */
static inline uint32_t script_deal(struct script *s,
				   const struct script_event *events,
				   uint32_t n, enum script_place from)
{
	const struct sluice_events row = {(const unsigned char *)events, n,
					  sizeof(*events)};
	struct sluice_lane lane[SCRIPT_LANES_MAX];
	struct sluice_lanes before = s->lanes;
	uint64_t room = script_placeable(s);
	struct sluice_run runs[SCRIPT_EMIT_MAX];
	uint32_t to[SCRIPT_EMIT_MAX];
	uint32_t n_runs = 0;
	uint32_t at = 0;
	uint32_t placed;

	memcpy(lane, s->lane, sizeof(lane));
	before.lane = lane;
	placed = s->rules->strategy->pick(s->state, &s->lanes, &row, runs,
					  &n_runs);
	assert_true(placed <= n);
	assert_true(placed >= (n < room ? n : room));
	for (uint32_t r = 0; r < n_runs; r++)
		for (uint32_t k = 0; k < runs[r].count; k++, at++) {
			assert_true(at < placed);
			to[at] = runs[r].lane;
			script_apply(s, to[at], &events[at], from);
		}
	assert_int_equal(at, placed);
	for (uint32_t i = 0; s->lanes.rejoined && i < s->lanes.count; i++)
		s->at[i].waits |= s->lane[i].state == SLUICE_LANE_JOINING;
	s->lanes.rejoined = 0;
	SCRIPT_TELL(s, picked, s, &before, events, n, to, placed);
	return placed;
}

/* What was taken back goes first. Returns non-zero when it is out. */
static inline int script_deal_back(struct script *s)
{
	while (s->back.count > 0) {
		uint32_t n = s->back.count < SCRIPT_EMIT_MAX ? s->back.count
							     : SCRIPT_EMIT_MAX;

		n = script_deal(s, s->back.at, n, SCRIPT_BACK);
		if (n == 0)
			return 0;
		script_row_drop(&s->back, n);
	}
	return 1;
}

static inline void script_emit(struct script *s, uint32_t n)
{
	uint32_t keys = s->rules->strategy->needs & SLUICE_NEEDS_KEYS;
	struct script_event events[SCRIPT_EMIT_MAX] = {{0}};
	uint32_t placed;

	if (s->made + n > SCRIPT_EVENTS_MAX)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t key = rng_below(&s->rng, s->keys);

		events[i] = (struct script_event){.number = s->made + i,
						  .key = SLUICE_KEY_NONE};
		if (keys && rng_below(&s->rng, 20) == 0)
			continue;
		events[i].key = key;
		events[i].turn = s->key[key].made++;
	}
	placed = script_deal(s, events, n, SCRIPT_NOWHERE);
	s->made += placed;
	for (uint32_t i = placed; i < n; i++)
		if (events[i].key != SLUICE_KEY_NONE)
			s->key[events[i].key].made--;
}

/* ---- the script ---------------------------------------------------------- */

static inline void
script_open(struct script *s, const struct script_rules *rules, struct rng *rng)
{
	static _Alignas(64) unsigned char state[SLUICE_STRATEGY_STATE_MAX];

	memset(s, 0, sizeof(*s));
	assert_true(rules->strategy->state_bytes <= sizeof(state));
	memset(state, 0, rules->strategy->state_bytes);
	s->rules = rules;
	s->state = state;
	s->rng.state = rng_u64(rng);
	s->lanes.lane = s->lane;
	s->lanes.count = rng_between(&s->rng, 0, SCRIPT_LANES_MAX);
	if (rules->strategy->needs & SLUICE_NEEDS_SPILL)
		s->lanes.spill_free = rng_between(&s->rng, 0, SCRIPT_SPILL_MAX);
	s->keys = rng_between(&s->rng, 1, SCRIPT_KEYS_MAX);
	for (uint32_t i = 0; i < s->lanes.count; i++)
		if (rng_below(&s->rng, 2) == 0)
			script_enter(s, i, SLUICE_LANE_ACTIVE);
	s->opts = (struct sluice_dispatch_opts){.key_of = script_key_of};
	if (rules->draw != NULL)
		rules->draw(&s->rng, &s->opts);
	rules->strategy->init(s->state, &s->lanes, &s->opts);
	SCRIPT_TELL(s, opened, s);
	script_check(s);
}

static inline void script_step(struct script *s)
{
	uint32_t i = (uint32_t)rng_below(&s->rng, SCRIPT_LANES_MAX);
	struct script_consumer *c = &s->at[i];
	uint32_t state = s->lane[i].state;

	switch (rng_below(&s->rng, 17)) {
	case 0:
	case 1:
		if (state == SLUICE_LANE_VACANT)
			script_join(s, i);
		break;
	case 2:
		if (state == SLUICE_LANE_ACTIVE || state == SLUICE_LANE_JOINING)
			script_stop(s, i, 0);
		break;
	case 3:
		if (state == SLUICE_LANE_DRAINING)
			script_leave(s, i);
		else if (state != SLUICE_LANE_VACANT)
			script_stop(s, i, 1);
		break;
	case 4:
		c->paused = !c->paused;
		break;
	case 5:
		if (c->capacity > 0)
			c->window = rng_between(&s->rng, 1, c->capacity);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		if (c->paused || c->dead)
			break;
		script_finish(s, i, rng_between(&s->rng, 0, c->ring.count));
		script_grant(s, i);
		break;
	case 10:
	case 11:
	case 12:
		script_refresh(s);
		break;
	default:
		if (script_deal_back(s))
			script_emit(s,
				    rng_between(&s->rng, 0, SCRIPT_EMIT_MAX));
		break;
	}
	script_check(s);
}

static inline int script_busy(const struct script *s)
{
	uint32_t left = s->back.count + (s->lanes.count == 0);

	for (uint32_t i = 0; i < s->lanes.count; i++)
		left += s->at[i].ring.count + s->at[i].spill.count +
			(s->lane[i].state != SLUICE_LANE_VACANT &&
			 s->lane[i].state != SLUICE_LANE_ACTIVE) +
			(i == 0 && s->lane[i].state == SLUICE_LANE_VACANT);
	return left > 0;
}

/* With somebody there and everybody awake all that was made is finished, and
 * who is left can be sent all that it asks for. */
static inline void script_close(struct script *s)
{
	for (uint32_t round = 0; script_busy(s); round++) {
		assert_true(round < SCRIPT_ROUNDS_MAX);
		if (s->lane[0].state == SLUICE_LANE_VACANT)
			script_join(s, 0);
		script_refresh(s);
		script_check(s);
		(void)script_deal_back(s);
		for (uint32_t i = 0; i < s->lanes.count; i++) {
			if (s->at[i].dead)
				continue;
			script_finish(s, i, s->at[i].ring.count);
			script_grant(s, i);
		}
		script_check(s);
	}
	script_refresh(s);
	script_check(s);
	assert_int_equal(s->made, s->finished + s->discarded);
	for (uint32_t i = 0; i < s->lanes.count; i++)
		if (s->lane[i].state == SLUICE_LANE_ACTIVE)
			assert_int_equal(s->lane[i].credit,
					 s->at[i].granted - s->at[i].done);
}

/* For strategies with a spill, after each step: somebody has more credit than
 * work, and there is room in the spill, so something can be placed. */
static inline void script_feeds_the_hungry(const struct script *s)
{
	uint32_t hungry = 0;

	for (uint32_t i = 0; i < s->lanes.count; i++)
		hungry +=
			s->lane[i].state == SLUICE_LANE_ACTIVE &&
			s->lane[i].credit > 0 && s->lane[i].spilled == 0 &&
			s->lane[i].credit >= s->lane[i].sent - s->lane[i].acked;
	if (hungry > 0 && s->lanes.spill_free > 0)
		assert_true(script_placeable(s) > 0);
}

/* One script of @steps steps. */
static inline void script_run(const struct script_rules *rules, struct rng *rng,
			      uint32_t steps)
{
	static struct script s;

	script_open(&s, rules, rng);
	for (uint32_t step = 0; step < steps; step++)
		script_step(&s);
	script_close(&s);
}

/* @scripts scripts, whose seed is told under @name. */
static inline void script_run_all(const struct script_rules *rules,
				  const char *name, uint32_t scripts,
				  uint32_t steps)
{
	struct rng rng = rng_start(name);

	for (uint32_t i = 0; i < scripts; i++)
		script_run(rules, &rng, steps);
}

#endif
