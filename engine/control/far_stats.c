/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage has done that stands for another process. Its thread sees none of that, for
 * each end is driven there; so it is looked up in the words of its subscriptions, which the
 * engine has cut to what is possible, when somebody wants to know. No thread that moves
 * events does anything for it. When such a subscription ends the stage's thread writes down
 * what it has come to (stage_count_far()).
 *
 * Order   What a consumer has acknowledged is read behind what its producer has published,
 *         and is no more than that: so at any later look a producer has sent at least what
 *         its consumers had finished.
 *
 * Never   What was told once is not taken back, though a process may have published a
 *         little more just when its stream was ended, or cut off, here.
 */
#include "engine/control/control_priv.h"
#include "engine/link/far_priv.h"

/* A subscription that the other process has the stage's end of. */
struct far_seen {
	int open; /* as a row says */
	uint64_t carried;
	uint64_t sent;
	uint64_t batches;
	uint64_t depth;
	uint64_t credit;
};

static const struct sluice_subscription_snapshot *
seen_row(const struct sluice_snapshot *rows, const struct subscription *sub)
{
	for (uint32_t i = 0; i < rows->subscription_count; i++)
		if (rows->subscriptions[i]->sub.index == sub->index)
			return rows->subscriptions[i];
	return NULL;
}

/* What stands in @place. Stale: it was put there under the lock, which we have. Not more
 * batches than events, whatever that process has written. */
static struct far_seen seen_at(const sluice_a64 *place, enum far_side side,
			       const struct sluice_snapshot *rows)
{
	const struct subscription *sub =
		place_of_word(sluice_load_stale(place));
	const struct sluice_subscription_snapshot *row = NULL;
	struct sluice_subscription_stats stat;
	struct far_seen seen = {0};
	uint64_t n;

	if (sub == NULL || sub->far.side != side)
		return seen;
	if (rows == NULL)
		seen.carried = subscription_counts(sub, &stat);
	else
		row = seen_row(rows, sub);
	if (row != NULL) {
		seen.open = row->phase != SLUICE_SUB_COMING &&
			    row->phase != SLUICE_SUB_ENDED;
		seen.carried = row->carried;
		stat = row->counts;
	} else if (rows != NULL) {
		return seen;
	}
	seen.sent = subscription_sent(sub, &stat);
	seen.depth = stat.depth;
	seen.credit = stat.credit;
	n = side == FAR_CONSUMER ? seen.carried : seen.sent;
	seen.batches = stat.batches < n ? stat.batches : n;
	return seen;
}

static void told_at_least(uint64_t *told, uint64_t n)
{
	if (*told < n)
		*told = n;
}

void far_stats(struct sluice_stage *stage, const struct sluice_snapshot *rows,
	       struct sluice_stage_stats *stat)
{
	struct stage_told *told = &stage->told;
	struct far_seen seen;

	told_at_least(&told->events_in, stat->events_in);
	told_at_least(&told->batches_in, stat->batches_in);
	told_at_least(&told->events_out, stat->events_out);
	told_at_least(&told->batches_out, stat->batches_out);
	for (uint32_t i = 0; i < stage->in.places_max; i++) {
		seen = seen_at(&stage->in.places[i], FAR_CONSUMER, rows);
		told_at_least(&told->events_in, seen.carried);
		told_at_least(&told->batches_in, seen.batches);
	}
	for (uint32_t i = 0; i < stage->out.places_max; i++) {
		seen = seen_at(&stage->out.places[i], FAR_PRODUCER, rows);
		told_at_least(&told->events_out, seen.sent);
		told_at_least(&told->batches_out, seen.batches);
	}
	stat->events_in = told->events_in;
	stat->batches_in = told->batches_in;
	stat->events_out = told->events_out;
	stat->batches_out = told->batches_out;
}

/* Has it events that it has not acknowledged? */
static int far_has_some(const struct sluice_stage *stage,
			const struct sluice_snapshot *rows)
{
	for (uint32_t i = 0; i < stage->in.places_max; i++)
		if (seen_at(&stage->in.places[i], FAR_CONSUMER, rows).depth > 0)
			return 1;
	return 0;
}

/* Is there no room for what it would send? */
static int far_has_no_room(const struct sluice_stage *stage,
			   const struct sluice_snapshot *rows)
{
	for (uint32_t i = 0; i < stage->out.places_max; i++) {
		struct far_seen seen =
			seen_at(&stage->out.places[i], FAR_PRODUCER, rows);

		if (seen.open && seen.credit == 0)
			return 1;
	}
	return 0;
}

/* A worker that has no events would send nothing. Nobody measures how long. */
void far_times(const struct sluice_stage *stage,
	       const struct sluice_snapshot *rows, struct sluice_times *times)
{
	enum sluice_doing doing = times->doing;

	*times = (struct sluice_times){.doing = SLUICE_DOING_NOTHING};
	if (doing == SLUICE_DOING_NOTHING)
		return;
	if (stage_consumes(stage) && !far_has_some(stage, rows))
		times->doing = SLUICE_DOING_IDLE;
	else if (far_has_no_room(stage, rows))
		times->doing = SLUICE_DOING_NO_CREDIT;
	else
		times->doing = stage_consumes(stage) ? SLUICE_DOING_WORK
						     : SLUICE_DOING_IDLE;
}
