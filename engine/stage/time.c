/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stage/time_priv.h"
#include "engine/stage/emit_priv.h"

/* A window of several stages that is longer is not divided by rounds. */
#define TIME_DIVIDED_NS SLUICE_TIMES_LOOK_NS
/* While nothing changes it is told so often; a reader relies on it. */
#define TIME_FRESH_NS (SLUICE_TIMES_LOOK_NS / 2)

enum sluice_doing time_waits(const struct sluice_stage *stage)
{
	if (!stage_produces(stage) || stage->run.phase == STAGE_DOWN ||
	    stage_holds_back(stage))
		return SLUICE_DOING_IDLE;
	if (stage_ahead(stage, AHEAD_HELD | AHEAD_ORPHANS | AHEAD_SPILLED |
				       AHEAD_UNACKED))
		return SLUICE_DOING_NO_CREDIT;
	return stage->run.phase == STAGE_RUNNING &&
			       outlet_room(&stage->out) == 0
		       ? SLUICE_DOING_NO_CREDIT
		       : SLUICE_DOING_IDLE;
}

/* What became of a window. */
struct time_moved {
	uint32_t worked;           /* rounds in which it moved something */
	enum sluice_doing claimed; /* others have been told that it did this */
	enum sluice_doing waits;   /* what it does otherwise */
};

/* Of @span_ns. */
static void time_share(uint64_t spent_ns[SLUICE_DOING_COUNT],
		       const struct time_window *window,
		       const struct time_moved *moved, uint64_t span_ns)
{
	uint64_t work_ns = span_ns;

	if (sluice_doing_waits(moved->claimed)) {
		spent_ns[moved->claimed] += span_ns;
		return;
	}
	if (moved->claimed != SLUICE_DOING_NOTHING ||
	    (window->own && moved->worked > 0)) {
		sluice_times_work(spent_ns, span_ns);
		return;
	}
	if (moved->worked == 0)
		work_ns = 0;
	else if (span_ns < TIME_DIVIDED_NS && moved->worked < window->rounds)
		work_ns = span_ns * moved->worked / window->rounds;
	spent_ns[SLUICE_DOING_WORK] += work_ns;
	spent_ns[moved->waits] += span_ns - work_ns;
}

/* It has done nothing but @told, and not long since. */
static int time_is_fresh(const struct stage_time *t, enum sluice_doing told,
			 uint64_t now_ns)
{
	return t->worked == 0 && !t->look && t->told.doing == told &&
	       now_ns - t->told.since_ns < TIME_FRESH_NS;
}

/* Told with the time, so that it costs no emission anything. */
static void time_tell_copying(struct sluice_stage *stage)
{
	if (stage_produces(stage))
		sluice_store_stale(&stage->words.copying,
				   stage->out.copier.home);
}

void time_window(struct sluice_stage *stage, const struct time_window *window)
{
	struct stage_time *t = &stage->run.time;
	uint64_t spent_ns[SLUICE_DOING_COUNT] = {0};
	uint64_t from_ns = t->told.since_ns;
	struct time_moved moved = {.claimed = time_claimed(stage),
				   .worked = t->worked};
	int works = moved.worked > 0 && !window->waits;

	if (t->told.doing == SLUICE_DOING_NOTHING ||
	    (moved.claimed == SLUICE_DOING_NOTHING &&
	     time_is_fresh(t, SLUICE_DOING_IDLE, window->to_ns)))
		return;
	/* In each round it had something to do: it has not waited. */
	moved.waits = works && moved.worked >= window->rounds
			      ? SLUICE_DOING_WORK
			      : time_waits(stage);
	if (moved.claimed == SLUICE_DOING_NOTHING &&
	    time_is_fresh(t, moved.waits, window->to_ns))
		return;
	time_tell_copying(stage);
	t->worked = 0;
	t->look = 0;
	t->own = window->own;
	if (window->from_ns > from_ns) {
		spent_ns[t->told.doing] = window->from_ns - from_ns;
		from_ns = window->from_ns;
	}
	if (window->to_ns > from_ns)
		time_share(spent_ns, window, &moved, window->to_ns - from_ns);
	sluice_times_spend(&t->told, stage->counters, spent_ns,
			   works ? SLUICE_DOING_WORK : moved.waits);
}

void time_turn(struct sluice_stage *stage, enum sluice_doing doing,
	       uint64_t now_ns)
{
	struct stage_time *t = &stage->run.time;
	uint64_t spent_ns[SLUICE_DOING_COUNT] = {0};

	time_tell_copying(stage);
	t->worked = 0;
	if (now_ns > t->told.since_ns) {
		if (t->told.doing == SLUICE_DOING_WORK && t->own)
			sluice_times_work(spent_ns, now_ns - t->told.since_ns);
		else
			spent_ns[t->told.doing] = now_ns - t->told.since_ns;
	}
	sluice_times_spend(&t->told, stage->counters, spent_ns, doing);
}

void stage_time_begin(struct sluice_stage *stage)
{
	stage->run.time.own = 1;
	sluice_times_begin(&stage->run.time.told, stage->counters,
			   host_now(stage->host));
}

void stage_time_begun(struct sluice_stage *stage)
{
	/* Whatever it waits for, the first look finds out. */
	stage->run.time.look = 1;
	time_turn(stage, SLUICE_DOING_IDLE, host_now(stage->host));
}

void stage_time_end(struct sluice_stage *stage)
{
	struct stage_time *t = &stage->run.time;
	enum sluice_doing claimed = time_claimed(stage);

	if (t->told.doing == SLUICE_DOING_NOTHING)
		return;
	if (sluice_doing_waits(claimed)) {
		t->told.doing = claimed;
	} else if (claimed != SLUICE_DOING_NOTHING) {
		t->told.doing = SLUICE_DOING_WORK;
		t->own = 1;
	} else if (t->worked > 0) {
		t->told.doing = SLUICE_DOING_WORK;
	}
	time_turn(stage, SLUICE_DOING_NOTHING, host_now(stage->host));
}
