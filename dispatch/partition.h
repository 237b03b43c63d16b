/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file partition.h
 * The owner of the event's key group gets it: order per key, and each key's
 * state in one place.
 *
 * Keys are hashed to groups (256 unless told otherwise), and each group has a
 * lane as its owner; to rebalance is to give a group another owner. Early: the
 * event's key decides, so an owner without credit cannot be avoided. Its events
 * then wait in the spill, in order, while the other owners go on. spill.h says
 * how many events may be placed then.
 *
 * A lane that joins takes its fair share of the groups at once. It is ready
 * when each lane that it took them from has finished what it had in hand by
 * then (the barrier); until then the joiner's events wait in the spill. A lane
 * that leaves keeps its groups while it drains; its unfinished events are
 * placed again, with the groups' next owners.
 *
 * With rebalance_percent it looks from time to time which lane has too much,
 * and moves groups from the busiest lane to the one with least (rebalance.h). A
 * lane that gets a group joins again: its events wait in the spill until the
 * lane that had the group has finished what it had in hand. So it looks often,
 * while little is in hand, and never while a lane waits.
 *
 * An event whose key is SLUICE_KEY_NONE is discarded; it costs no credit.
 */
#ifndef SLUICE_DISPATCH_PARTITION_H
#define SLUICE_DISPATCH_PARTITION_H

#include "keys.h"
#include "rebalance.h"
#include "spill.h"

#define SLUICE_KEY_GROUPS_DEFAULT 256u
/** Most groups, and most lanes: a lane needs a group to be sent events. */
#define SLUICE_KEY_GROUPS_MAX 4096u
/** In place of a lane. */
#define SLUICE_PARTITION_NOBODY UINT16_MAX

struct sluice_partition {
	struct sluice_keys keys;
	uint32_t group_mask;
	uint32_t owned;     /* non-zero: all groups have owners; 0: none has */
	uint32_t rebalance; /* percent above the average; 0: never */
	uint32_t seen;      /* events since the loads were looked at */
	/** Group -> lane. */
	uint16_t owner[SLUICE_KEY_GROUPS_MAX];
	/** Group -> the lane that it was taken from, while its owner may still
	 * have to wait for that lane. */
	uint16_t former[SLUICE_KEY_GROUPS_MAX];
	/** Lane -> groups it owns. */
	uint16_t groups[SLUICE_KEY_GROUPS_MAX];
	/** Group -> events it has had lately; counted if groups may move. */
	uint32_t heat[SLUICE_KEY_GROUPS_MAX];
};

static inline void
sluice_partition_init(struct sluice_partition *s,
		      const struct sluice_lanes *lanes,
		      const struct sluice_dispatch_opts *opts)
{
	uint32_t groups =
		opts->key_groups ? opts->key_groups : SLUICE_KEY_GROUPS_DEFAULT;
	uint32_t lane = 0;

	s->keys = sluice_keys_from(opts);
	s->group_mask = groups - 1;
	s->rebalance = opts->rebalance_percent;
	s->seen = 0;
	s->owned = 0;
	for (uint32_t i = 0; i < SLUICE_KEY_GROUPS_MAX; i++)
		s->groups[i] = 0;
	for (uint32_t i = 0; i < lanes->count; i++)
		s->owned |= lanes->lane[i].state == SLUICE_LANE_ACTIVE;
	/* To the lanes in turn. */
	for (uint32_t group = 0; group < groups; group++) {
		s->former[group] = SLUICE_PARTITION_NOBODY;
		s->owner[group] = SLUICE_PARTITION_NOBODY;
		s->heat[group] = 0;
		if (!s->owned)
			continue;
		while (lanes->lane[lane % lanes->count].state !=
		       SLUICE_LANE_ACTIVE)
			lane++;
		s->owner[group] = (uint16_t)(lane++ % lanes->count);
		s->groups[s->owner[group]]++;
	}
}

static inline uint64_t
sluice_partition_placeable(const struct sluice_partition *s,
			   const struct sluice_lanes *lanes)
{
	struct sluice_spill_view view;

	sluice_spill_view_init(&view);
	for (uint32_t i = 0; i < lanes->count; i++)
		if (s->groups[i] > 0)
			sluice_spill_view_add(&view, &lanes->lane[i]);
	return sluice_spill_placeable(&view, lanes);
}

static inline uint32_t sluice_partition_group(const struct sluice_partition *s,
					      uint64_t key)
{
	return sluice_key_spread(key) & s->group_mask;
}

/* Each event to the owner of its group. Events per group are counted if groups
 * may move. */
static inline uint32_t
sluice_partition_pick_groups(struct sluice_partition *s,
			     struct sluice_lanes *lanes,
			     const struct sluice_events *events,
			     struct sluice_run *runs, uint32_t *n_runs)
{
	struct sluice_key_row row;
	uint32_t counted = s->rebalance;

	sluice_key_row_begin(&row, events);
	for (uint32_t i = 0; i < events->count; i++) {
		uint64_t key = sluice_key_row_next(&row, &s->keys);
		uint32_t group = sluice_partition_group(s, key);

		if (SLUICE_UNLIKELY(key == SLUICE_KEY_NONE)) {
			sluice_spill_run(lanes, runs, n_runs, SLUICE_LANE_NONE);
			continue;
		}
		if (!sluice_spill_put(lanes, runs, n_runs, s->owner[group]))
			return i;
		if (counted) {
			s->heat[group]++;
			s->seen++;
		}
	}
	return events->count;
}

static inline void sluice_partition_rebalance(struct sluice_partition *s,
					      struct sluice_lanes *lanes);

static inline uint32_t sluice_partition_pick(struct sluice_partition *s,
					     struct sluice_lanes *lanes,
					     const struct sluice_events *events,
					     struct sluice_run *runs,
					     uint32_t *n_runs)
{
	uint32_t n;

	if (SLUICE_UNLIKELY(!s->owned))
		return 0;
	n = sluice_partition_pick_groups(s, lanes, events, runs, n_runs);
	if (s->rebalance)
		sluice_partition_rebalance(s, lanes);
	return n;
}

/* ---- owners -------------------------------------------------------------- */

static inline void sluice_partition_give(struct sluice_partition *s,
					 uint32_t group, uint32_t to)
{
	s->groups[s->owner[group]]--;
	s->groups[to]++;
	s->owner[group] = (uint16_t)to;
}

/* Has this lane finished what it had in hand when groups were last taken from
 * it? A second lane that takes groups from it moves the barrier on. Then the
 * first one waits longer, but not for ever: a lane that others wait for does
 * not wait itself. */
static inline int sluice_partition_finished(const struct sluice_lane *lane)
{
	return (int64_t)(lane->acked - lane->barrier) >= 0;
}

/* Forget the former lane of each group whose events are all with its owner. */
static inline void sluice_partition_settle(struct sluice_partition *s,
					   const struct sluice_lanes *lanes)
{
	for (uint32_t group = 0; group <= s->group_mask; group++) {
		uint32_t former = s->former[group];

		if (former == SLUICE_PARTITION_NOBODY)
			continue;
		if (lanes->lane[s->owner[group]].state == SLUICE_LANE_ACTIVE ||
		    sluice_partition_finished(&lanes->lane[former]))
			s->former[group] = SLUICE_PARTITION_NOBODY;
	}
}

/* May groups be taken from this lane? Not from a lane that is joining and has
 * events in the spill. The taker would wait for that lane; and if that left
 * first, the taker would not know which lane that had been waiting for. The
 * groups of a draining lane are given away when it leaves. */
static inline int sluice_partition_gives(const struct sluice_lane *lane)
{
	return lane->state == SLUICE_LANE_ACTIVE ||
	       (lane->state == SLUICE_LANE_JOINING && lane->spilled == 0);
}

/* How many groups can be taken so that no lane keeps more than @level. */
static inline uint32_t sluice_partition_above(const struct sluice_partition *s,
					      const struct sluice_lanes *lanes,
					      uint32_t level)
{
	uint32_t above = 0;

	for (uint32_t i = 0; i < lanes->count; i++)
		if (s->groups[i] > level &&
		    sluice_partition_gives(&lanes->lane[i]))
			above += s->groups[i] - level;
	return above;
}

/* Lane @to becomes the owner of @group, and goes on with it once the owner of
 * before has finished the group's events. */
static inline void sluice_partition_move(struct sluice_partition *s,
					 struct sluice_lanes *lanes,
					 uint32_t group, uint32_t to)
{
	uint32_t from = s->owner[group];
	struct sluice_lane *lane = &lanes->lane[from];

	/* A joining lane has no event of a group for which it still waits: then
	 * @to waits for that group's former lane instead. Of other groups it
	 * may have events in hand, if it was active before. */
	if (lane->state == SLUICE_LANE_ACTIVE ||
	    s->former[group] == SLUICE_PARTITION_NOBODY) {
		s->former[group] = (uint16_t)from;
		lane->barrier = lane->sent + lane->spilled;
	}
	sluice_partition_give(s, group, to);
}

/* Lane @i takes groups from lanes with more than @level of them, until it has
 * @most. */
static inline void sluice_partition_take(struct sluice_partition *s,
					 struct sluice_lanes *lanes, uint32_t i,
					 uint32_t level, uint32_t most)
{
	for (uint32_t group = 0; group <= s->group_mask; group++) {
		uint32_t from = s->owner[group];
		const struct sluice_lane *lane = &lanes->lane[from];

		if (s->groups[i] >= most)
			return;
		if (from == i || s->groups[from] <= level ||
		    !sluice_partition_gives(lane))
			continue;
		sluice_partition_move(s, lanes, group, i);
	}
}

/* After a decision, if enough events have come since the last look and no lane
 * is joining. */
static inline void sluice_partition_rebalance(struct sluice_partition *s,
					      struct sluice_lanes *lanes)
{
	struct sluice_rebalance look;
	uint32_t to = 0;

	if (s->seen < SLUICE_REBALANCE_EVENTS * lanes->count ||
	    lanes->count > SLUICE_REBALANCE_LANES)
		return;
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].state == SLUICE_LANE_JOINING)
			return;
	s->seen = 0;
	sluice_partition_settle(s, lanes);
	look.owner = s->owner;
	look.heat = s->heat;
	look.groups = s->group_mask + 1;
	sluice_rebalance_weigh(&look, lanes);
	for (uint32_t n = 0; n < SLUICE_REBALANCE_MOVES; n++) {
		uint32_t group =
			sluice_rebalance_next(&look, lanes, s->rebalance, &to);

		/* Not from a lane that waits for others by now. */
		if (group == look.groups ||
		    lanes->lane[s->owner[group]].state != SLUICE_LANE_ACTIVE)
			break;
		sluice_partition_move(s, lanes, group, to);
		lanes->lane[to].state = SLUICE_LANE_JOINING;
		lanes->lane[to].credit = 0;
		lanes->rejoined = 1;
	}
	for (uint32_t group = 0; group <= s->group_mask; group++)
		s->heat[group] /= 2;
}

static inline void sluice_partition_join(struct sluice_partition *s,
					 struct sluice_lanes *lanes, uint32_t i)
{
	uint32_t low = 0;
	uint32_t high = s->group_mask + 1;

	lanes->lane[i].barrier = 0;
	s->groups[i] = 0;
	if (!s->owned) {
		for (uint32_t group = 0; group <= s->group_mask; group++)
			s->owner[group] = (uint16_t)i;
		s->groups[i] = (uint16_t)(s->group_mask + 1);
		s->owned = 1;
		return;
	}
	sluice_partition_settle(s, lanes);
	/* The others are cut down to the lowest level at which the joiner gets
	 * no more than they keep; then it takes one more of each, while that
	 * makes them more equal. */
	while (low < high) {
		uint32_t level = (low + high) / 2;

		if (sluice_partition_above(s, lanes, level) <= level)
			high = level;
		else
			low = level + 1;
	}
	sluice_partition_take(s, lanes, i, low, low);
	if (low > 0)
		sluice_partition_take(s, lanes, i, low - 1, low - 1);
}

static inline int sluice_partition_ready(const struct sluice_partition *s,
					 const struct sluice_lanes *lanes,
					 uint32_t i)
{
	for (uint32_t group = 0; group <= s->group_mask; group++)
		if (s->owner[group] == i &&
		    s->former[group] != SLUICE_PARTITION_NOBODY &&
		    !sluice_partition_finished(&lanes->lane[s->former[group]]))
			return 0;
	return 1;
}

/* The lane with fewest groups of those that stay. If none stays, of those that
 * drain: they pass their groups on when they leave. */
static inline uint32_t sluice_partition_heir(const struct sluice_partition *s,
					     const struct sluice_lanes *lanes)
{
	uint32_t heir = SLUICE_PARTITION_NOBODY;
	int stays = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		uint32_t state = lanes->lane[i].state;
		int will = sluice_lane_stays(&lanes->lane[i]);

		if (state == SLUICE_LANE_VACANT || will < stays)
			continue;
		if (heir == SLUICE_PARTITION_NOBODY || will > stays ||
		    s->groups[i] < s->groups[heir])
			heir = i;
		stays = will;
	}
	return heir;
}

static inline void sluice_partition_leave(struct sluice_partition *s,
					  struct sluice_lanes *lanes,
					  uint32_t i)
{
	/* Its unfinished events are placed again, so no lane waits for it. */
	for (uint32_t group = 0; group <= s->group_mask; group++)
		if (s->former[group] == i)
			s->former[group] = SLUICE_PARTITION_NOBODY;
	sluice_partition_settle(s, lanes);
	/* Groups for which it was still waiting go back to the lanes it waited
	 * for: no other lane may have their events before those have
	 * finished. */
	for (uint32_t group = 0; group <= s->group_mask; group++) {
		uint32_t former = s->former[group];

		if (s->owner[group] != i || former == SLUICE_PARTITION_NOBODY)
			continue;
		s->former[group] = SLUICE_PARTITION_NOBODY;
		sluice_partition_give(s, group, former);
	}
	for (uint32_t group = 0; group <= s->group_mask; group++) {
		uint32_t heir;

		if (s->owner[group] != i)
			continue;
		heir = sluice_partition_heir(s, lanes);
		if (heir == SLUICE_PARTITION_NOBODY) {
			/* No lane is left, so all groups were its own. */
			s->owned = 0;
			s->groups[i] = 0;
			return;
		}
		sluice_partition_give(s, group, heir);
	}
}

static inline const char *
sluice_partition_verify(const struct sluice_partition *s,
			const struct sluice_lanes *lanes)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < lanes->count; i++) {
		uint32_t owns = 0;

		for (uint32_t group = 0; s->owned && group <= s->group_mask;
		     group++)
			owns += s->owner[group] == i;
		if (s->owned && owns != s->groups[i])
			return "a lane owns other groups than are counted";
		if (owns > 0 && lanes->lane[i].state == SLUICE_LANE_VACANT)
			return "a lane that has gone owns groups";
		total += owns;
	}
	if (s->owned && total != s->group_mask + 1)
		return "a group is owned by nobody, or by no lane";
	return sluice_lanes_verify(lanes);
}

#endif
