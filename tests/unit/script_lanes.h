/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers that come, pause, ask for less, drain, die and go, and every event
 * they have, on one thread: what a strategy sees of them, and what must hold
 * after each step, whichever strategy it is. script.h lets them do it by chance. */
#ifndef SLUICE_TESTS_UNIT_SCRIPT_LANES_H
#define SLUICE_TESTS_UNIT_SCRIPT_LANES_H

#include "dispatch/strategy.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define SCRIPT_LANES_MAX  10u
#define SCRIPT_WINDOW_MAX 40u
#define SCRIPT_SPILL_MAX  200u
#define SCRIPT_KEYS_MAX   60u
#define SCRIPT_EMIT_MAX   100u
#define SCRIPT_FLIGHT_MAX 1024u  /* more than lie in all rings and the spill */
#define SCRIPT_EVENTS_MAX 20000u /* that one script makes */

/* Of its key, it is the event number @turn. */
struct script_event {
	uint64_t number;
	uint64_t key;
	uint64_t turn;
	uint64_t again; /* it was taken back from somebody */
};

struct script_row {
	struct script_event at[SCRIPT_FLIGHT_MAX];
	uint32_t count;
};

/* Where an event is. */
enum script_place {
	SCRIPT_NOWHERE,
	SCRIPT_SENT,
	SCRIPT_SPILLED,
	SCRIPT_BACK,
	SCRIPT_DONE,
};

/* The other end of a lane. */
struct script_consumer {
	uint64_t granted;
	uint64_t done;
	uint32_t capacity;
	uint32_t window; /* it asks for so many; never above capacity */
	uint32_t paused;
	uint32_t waits; /* it has joined and was never active */
	uint32_t dead;  /* it drains, and finishes nothing more */
	uint64_t last;  /* number of its last new event, plus one */
	struct script_row ring;
	struct script_row spill;
};

/* How many events of a key were made, how many sent to somebody who has them or
 * has finished them; and who has some. */
struct script_key {
	uint64_t made;
	uint64_t sent;
	uint32_t in_flight;
	uint32_t lane;
};

struct script {
	const struct script_rules *rules;
	void *state;
	struct sluice_lanes lanes;
	struct sluice_lane lane[SCRIPT_LANES_MAX];
	struct script_consumer at[SCRIPT_LANES_MAX];
	struct sluice_dispatch_opts opts;
	struct script_row back; /* to be placed before all others */
	struct script_key key[SCRIPT_KEYS_MAX];
	uint64_t keys;
	uint64_t made;
	uint64_t finished;
	uint64_t discarded;
	unsigned char place[SCRIPT_EVENTS_MAX];
	struct rng rng;
};

/** Whenever a lane is usable, something can be placed. */
#define SCRIPT_LATE 1u
/** Events of a key reach one consumer at a time, in order. */
#define SCRIPT_KEY_ORDER 2u

/* What a strategy promises above what all do. Every function may be NULL. */
struct script_rules {
	const struct sluice_strategy *strategy;
	uint32_t promises;
	void (*draw)(struct rng *rng, struct sluice_dispatch_opts *opts);
	/* The strategy has just been told. */
	void (*opened)(const struct script *s);
	void (*joined)(const struct script *s, uint32_t lane);
	void (*left)(const struct script *s, uint32_t lane);
	/* Events that @lane can be sent now; left out, its credit. */
	uint64_t (*usable)(const struct script *s, uint32_t lane);
	/* A decision: event i of @events goes to to[i]; nothing else has been
	 * decided since the lanes looked like @before. */
	void (*picked)(const struct script *s,
		       const struct sluice_lanes *before,
		       const struct script_event *events, uint32_t n,
		       const uint32_t *to, uint32_t placed);
	/* After every step. */
	void (*stepped)(const struct script *s);
};

#define SCRIPT_TELL(s, what, ...)                                              \
	do {                                                                   \
		if ((s)->rules->what != NULL)                                  \
			(s)->rules->what(__VA_ARGS__);                         \
	} while (0)

static inline void script_row_add(struct script_row *row,
				  const struct script_event *events, uint32_t n)
{
	assert_true(row->count + n <= SCRIPT_FLIGHT_MAX);
	memcpy(row->at + row->count, events, n * sizeof(*events));
	row->count += n;
}

static inline void script_row_drop(struct script_row *row, uint32_t n)
{
	assert_true(n <= row->count);
	row->count -= n;
	memmove(row->at, row->at + n, row->count * sizeof(row->at[0]));
}

static inline uint64_t script_key_of(const void *event, uint32_t bytes,
				     void *ctx)
{
	struct script_event copy;

	(void)ctx;
	assert_int_equal(bytes, sizeof(copy));
	memcpy(&copy, event, sizeof(copy));
	return copy.key;
}

static inline uint64_t script_placeable(const struct script *s)
{
	return s->rules->strategy->placeable(s->state, &s->lanes);
}

static inline uint64_t script_usable(const struct script *s, uint32_t i)
{
	if (s->lane[i].state != SLUICE_LANE_ACTIVE)
		return 0;
	if (s->rules->usable != NULL)
		return s->rules->usable(s, i);
	return s->lane[i].credit;
}

/* ---- what must hold after every step ------------------------------------- */

static inline void script_check(const struct script *s)
{
	uint64_t here = s->back.count;
	uint32_t spilled = 0;
	uint64_t usable = 0;
	const char *broken = s->rules->strategy->verify(s->state, &s->lanes);

	if (broken != NULL)
		fail_msg("%s", broken);
	for (uint32_t i = 0; i < s->lanes.count; i++) {
		const struct script_consumer *c = &s->at[i];
		const struct sluice_lane *lane = &s->lane[i];

		assert_int_equal(lane->spilled, c->spill.count);
		assert_int_equal(lane->sent - c->done, c->ring.count);
		assert_true(lane->acked <= c->done);
		assert_true(lane->sent <= c->granted);
		assert_true(c->granted <= c->done + c->capacity);
		assert_true(lane->sent + lane->credit <= c->granted);
		spilled += c->spill.count;
		here += c->ring.count + c->spill.count;
		usable += script_usable(s, i);
	}
	assert_int_equal(s->made, s->finished + s->discarded + here);
	assert_true(spilled + s->lanes.spill_free <= SCRIPT_SPILL_MAX);
	if (s->rules->promises & SCRIPT_LATE)
		assert_int_equal(script_placeable(s) > 0, usable > 0);
	SCRIPT_TELL(s, stepped, s);
}

/* ---- events -------------------------------------------------------------- */

static inline void script_move(struct script *s,
			       const struct script_event *event,
			       enum script_place from, enum script_place to)
{
	assert_true(event->number < SCRIPT_EVENTS_MAX);
	assert_int_equal(s->place[event->number], from);
	s->place[event->number] = (unsigned char)to;
}

/* @event reaches the ring of lane @i. */
static inline void script_send(struct script *s, uint32_t i,
			       const struct script_event *event)
{
	struct script_consumer *c = &s->at[i];
	struct script_key *key = &s->key[event->key];

	assert_true(i < s->lanes.count);
	assert_int_equal(s->lane[i].state, SLUICE_LANE_ACTIVE);
	script_row_add(&c->ring, event, 1);
	assert_true(c->done + c->ring.count <= c->granted);
	if (!event->again) {
		assert_true(event->number >= c->last);
		c->last = event->number + 1;
	}
	if (s->rules->promises & SCRIPT_KEY_ORDER) {
		assert_int_equal(event->turn, key->sent);
		assert_true(key->in_flight == 0 || key->lane == i);
	}
	key->sent++;
	key->in_flight++;
	key->lane = i;
}

static inline void script_finish(struct script *s, uint32_t i, uint32_t n)
{
	struct script_consumer *c = &s->at[i];

	for (uint32_t k = 0; k < n; k++) {
		script_move(s, &c->ring.at[k], SCRIPT_SENT, SCRIPT_DONE);
		s->key[c->ring.at[k].key].in_flight--;
	}
	script_row_drop(&c->ring, n);
	c->done += n;
	s->finished += n;
}

/* A consumer never takes back what it has asked for. */
static inline void script_grant(struct script *s, uint32_t i)
{
	struct script_consumer *c = &s->at[i];

	if (c->granted < c->done + c->window)
		c->granted = c->done + c->window;
}

static inline void script_unspill(struct script *s, uint32_t i)
{
	struct sluice_lane *lane = &s->lane[i];
	struct script_row *spill = &s->at[i].spill;

	while (lane->spilled > 0 && lane->credit > 0) {
		script_move(s, &spill->at[0], SCRIPT_SPILLED, SCRIPT_SENT);
		script_send(s, i, &spill->at[0]);
		script_row_drop(spill, 1);
		lane->spilled--;
		lane->credit--;
		lane->sent++;
		s->lanes.spill_free++;
	}
}

/* ---- lanes --------------------------------------------------------------- */

static inline void script_take_spill(struct script *s, struct script_row *taken,
				     uint32_t i)
{
	struct script_row *spill = &s->at[i].spill;

	for (uint32_t k = 0; k < spill->count; k++)
		script_move(s, &spill->at[k], SCRIPT_SPILLED, SCRIPT_BACK);
	script_row_add(taken, spill->at, spill->count);
	s->lanes.spill_free += spill->count;
	spill->count = 0;
	s->lane[i].spilled = 0;
}

/* The consumer of lane @i is gone: in the order that dispatch.h asks for. */
static inline void script_leave(struct script *s, uint32_t i)
{
	static struct script_row taken;
	struct script_row *ring = &s->at[i].ring;

	taken.count = 0;
	for (uint32_t k = 0; k < ring->count; k++) {
		struct script_key *key = &s->key[ring->at[k].key];

		script_move(s, &ring->at[k], SCRIPT_SENT, SCRIPT_BACK);
		key->in_flight--;
		key->sent--;
	}
	script_row_add(&taken, ring->at, ring->count);
	script_take_spill(s, &taken, i);
	for (uint32_t k = 0; k < s->lanes.count; k++)
		if (s->at[k].waits)
			script_take_spill(s, &taken, k);
	for (uint32_t k = 0; k < taken.count; k++)
		taken.at[k].again = 1;
	script_row_add(&taken, s->back.at, s->back.count);
	s->back = taken;
	memset(&s->at[i], 0, sizeof(s->at[i]));
	s->lane[i] = (struct sluice_lane){0};
	s->rules->strategy->leave(s->state, &s->lanes, i);
	SCRIPT_TELL(s, left, s, i);
}

static inline void script_enter(struct script *s, uint32_t i,
				enum sluice_lane_state state)
{
	struct script_consumer *c = &s->at[i];

	memset(c, 0, sizeof(*c));
	c->capacity = rng_between(&s->rng, 1, SCRIPT_WINDOW_MAX);
	c->window = rng_between(&s->rng, 1, c->capacity);
	c->paused = rng_below(&s->rng, 5) == 0;
	c->waits = state == SLUICE_LANE_JOINING;
	script_grant(s, i);
	s->lane[i] = (struct sluice_lane){
		.state = state,
		.since = ++s->lanes.stamp,
		.weight = (uint32_t)rng_below(&s->rng, 4),
	};
}

static inline void script_join(struct script *s, uint32_t i)
{
	if (i >= s->lanes.count)
		s->lanes.count = i + 1;
	script_enter(s, i, SLUICE_LANE_JOINING);
	s->rules->strategy->join(s->state, &s->lanes, i);
	SCRIPT_TELL(s, joined, s, i);
}

/* It gets nothing more: it finishes what it has, or dies with it. */
static inline void script_stop(struct script *s, uint32_t i, uint32_t dead)
{
	s->at[i].dead = dead;
	s->lane[i].state = SLUICE_LANE_DRAINING;
	s->lane[i].credit = 0;
}

/* The producer looks at all consumers. */
static inline void script_refresh(struct script *s)
{
	for (uint32_t i = 0; i < s->lanes.count; i++)
		if (s->lane[i].state == SLUICE_LANE_DRAINING &&
		    (s->at[i].dead || s->at[i].ring.count == 0))
			script_leave(s, i);
	for (uint32_t i = 0; i < s->lanes.count; i++)
		s->lane[i].acked = s->at[i].done;
	for (uint32_t i = 0; i < s->lanes.count; i++) {
		struct sluice_lane *lane = &s->lane[i];

		if (lane->state == SLUICE_LANE_JOINING &&
		    s->rules->strategy->ready(s->state, &s->lanes, i)) {
			lane->state = SLUICE_LANE_ACTIVE;
			s->at[i].waits = 0;
		}
		if (lane->state != SLUICE_LANE_ACTIVE)
			continue;
		sluice_lane_set(&s->lanes, i, s->at[i].granted - lane->sent,
				s->at[i].done);
		script_unspill(s, i);
	}
	/* The join lets pass what is complete so far. */
	while (s->lanes.restored < s->made &&
	       s->place[s->lanes.restored] == SCRIPT_DONE)
		s->lanes.restored++;
}

#endif
