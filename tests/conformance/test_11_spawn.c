/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GenStage's ConsumerSupervisor, section 11 of the cases: one task per event.
 * Each test is named after its case. A worker process of the peer is a task
 * here; "start-error" and "ignore" are tasks that return at once.
 *
 * Where sluice departs: a thread cannot be killed, so a deaf task is waited for
 * (K10); and how often a task is tried again is counted per task, not for all of
 * them together, so that one poisonous event never ends the pool (K06, K08).
 */
#include "engine/control.h"
#include "tests/unit/crew.h"

/* ---- a source that gives what it is handed ------------------------------- */

struct silent {
	struct flow_end ended;
	uint64_t given;
	uint64_t handed; /* atomic: events it may give, ever */
	uint32_t ends;   /* atomic: it ends behind them */
};

static struct silent silent;

static int silent_demand(struct sluice_stage *self, uint32_t demand)
{
	struct silent *source = sluice_stage_state(self);
	uint32_t ends = see(&source->ends);
	uint64_t handed = __atomic_load_n(&source->handed, __ATOMIC_ACQUIRE);

	for (; demand > 0 && source->given < handed; demand--) {
		uint64_t *event = sluice_emit(self, 1);

		*event = source->given++;
	}
	return ends && source->given == handed ? SLUICE_END : SLUICE_OK;
}

static void silent_hand(struct sluice_pipeline *p, uint64_t n)
{
	(void)__atomic_add_fetch(&silent.handed, n, __ATOMIC_ACQ_REL);
	sluice_wake(sluice_stage_find(p, "source"));
}

/* ---- the tasks ----------------------------------------------------------- */

/* What the task of an event does. */
enum act { ACT_WAIT, ACT_ERROR, ACT_IGNORE, ACT_LISTEN };

static enum act acts[CREW_EVENTS];

static int task_act(struct sluice_task *task, const void *event)
{
	switch (acts[event_of(event) % CREW_EVENTS]) {
	case ACT_ERROR:
		(void)task_count(task, event);
		return -EINVAL;
	case ACT_IGNORE:
		return task_count(task, event);
	case ACT_LISTEN:
		return task_until_cancelled(task, event);
	case ACT_WAIT:
		break;
	}
	return task_wait(task, event);
}

struct stand {
	struct sluice_pipeline *p;
	struct sluice_spawn *spawn;
	struct sluice_sub sub;
};

/* A silent source and a spawn stage, running; @handed events are coming. */
static struct stand stand_open(const struct sluice_spawn_opts *opts,
			       enum sluice_on_end on_end, uint64_t handed)
{
	struct stand stand = {.p = flow_open(2)};
	struct sluice_spawn_opts o = *opts;

	crew_reset();
	memset(&silent, 0, sizeof(silent));
	silent.handed = handed;
	o.task = task_act;
	o.threads = 8;
	o.dead_letter = keep_letter;
	stand.spawn = spawn_make(stand.p, &o);
	flow_add(stand.p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = silent_demand,
			      .on_idle = SLUICE_IDLE_STAY, .fini = flow_fini,
			      .state = &silent));
	if (sluice_spawn_subscribe(stand.spawn, "source", on_end, &stand.sub))
		fail_msg("%s", sluice_last_error());
	flow_start(stand.p);
	return stand;
}

/* Let all tasks end, and the pipeline. */
static void stand_close(const struct stand *stand)
{
	gate_open(&crew.gate, CREW_EVENTS);
	assert_int_equal(sluice_pipeline_drain(stand->p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(spawn_stats(stand->spawn).done,
			 spawn_stats(stand->spawn).started);
	sluice_pipeline_close(stand->p);
}

/* Events asked for, ever. */
static uint64_t stand_asked(const struct stand *stand)
{
	struct sluice_subscription_stats stats = {0};

	assert_int_equal(sluice_subscription_stat(stand->sub, &stats), 0);
	return stats.granted;
}

/* Until @n have been asked for; never more. */
static void stand_await_asked(const struct stand *stand, uint64_t n)
{
	for (uint32_t ms = 0; stand_asked(stand) < n && ms < FLOW_DEADLINE_MS;
	     ms++)
		flow_sleep_ms(1);
	assert_int_equal(stand_asked(stand), n);
}

/* ---- K01, K02, K04: demand ----------------------------------------------- */

static void K01_error_and_ignore_count_as_done(void **state)
{
	static const enum act order[] = {ACT_WAIT, ACT_ERROR, ACT_IGNORE,
					 ACT_WAIT, ACT_WAIT,  ACT_WAIT};
	struct stand stand;

	(void)state;
	memcpy(acts, order, sizeof(order));
	stand = stand_open(
		SLUICE_SPAWN(.max_demand = 1, .min_demand = SLUICE_MIN_ZERO),
		SLUICE_PERMANENT, 6);
	assert_int_equal(gate_await(&crew.gate, 1), 0);
	assert_int_equal(spawn_stats(stand.spawn).started, 1);
	assert_int_equal(spawn_stats(stand.spawn).running, 1);
	gate_open(&crew.gate, 1);
	/* The error and the ignore are passed over. */
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	assert_int_equal(spawn_stats(stand.spawn).started, 4);
	assert_int_equal(spawn_stats(stand.spawn).done, 3);
	assert_int_equal(spawn_stats(stand.spawn).running, 1);
	gate_open(&crew.gate, 3);
	stand_close(&stand);
	assert_int_equal(see(&crew.most), 1);
}

static void K02_starts_what_was_asked_for(void **state)
{
	struct stand stand;

	(void)state;
	memset(acts, 0, sizeof(acts));
	stand = stand_open(SLUICE_SPAWN(.max_demand = 3, .min_demand = 2),
			   SLUICE_PERMANENT, 3);
	assert_int_equal(gate_await(&crew.gate, 3), 0);
	gate_open(&crew.gate, 2);
	spawn_await(stand.spawn, done, 2);
	assert_int_equal(spawn_stats(stand.spawn).running, 1);
	stand_await_asked(&stand, 5);
	silent_hand(stand.p, 1);
	assert_int_equal(gate_await(&crew.gate, 4), 0);
	silent_hand(stand.p, 1);
	assert_int_equal(gate_await(&crew.gate, 5), 0);
	assert_int_equal(spawn_stats(stand.spawn).running, 3);
	/* A further event does not start: nobody has asked for it. */
	silent_hand(stand.p, 1);
	stand_await_asked(&stand, 5);
	assert_int_equal(spawn_stats(stand.spawn).started, 5);
	stand_close(&stand);
}

static struct ask_row {
	const char *name;
	uint32_t max;
	int32_t min;
	uint32_t unit; /* tasks that end before so many are asked for */
	uint32_t left; /* tasks that run when the first ask is due */
} ask_rows[] = {
	{"K04_max_10_min_5_asks_5_after_the_5th_and_10th", 10, 5, 5, 5},
	{"K04_max_10_min_half_asks_the_same", 10, SLUICE_MIN_HALF, 5, 5},
	{"K04_max_10_min_2_asks_2_after_every_other", 10, 2, 2, 8},
	{"K04_max_10_min_8_asks_once_8_after_the_8th", 10, 8, 8, 2},
	{"K04_max_4_min_0_asks_1_after_each", 4, SLUICE_MIN_ZERO, 1, 3},
};

static void ask_arithmetic(void **state)
{
	const struct ask_row *row = *state;
	struct stand stand;

	memset(acts, 0, sizeof(acts));
	stand = stand_open(
		SLUICE_SPAWN(.max_demand = row->max, .min_demand = row->min),
		SLUICE_PERMANENT, row->max);
	spawn_await(stand.spawn, started, row->max);
	stand_await_asked(&stand, row->max);
	for (uint32_t ended = 1; ended <= row->max; ended++) {
		gate_open(&crew.gate, 1);
		spawn_await(stand.spawn, done, ended);
		if (ended == row->unit)
			assert_int_equal(
				spawn_stats(stand.spawn).running +
					spawn_stats(stand.spawn).queued,
				row->left);
		stand_await_asked(&stand,
				  row->max + ended / row->unit * row->unit);
	}
	stand_close(&stand);
}

/* ---- K05, K06, K08: tasks that fail -------------------------------------- */

static struct restart_row {
	const char *name;
	enum sluice_task_restart restart;
	uint32_t attempts;
	enum act act;
	uint32_t runs;
	uint32_t dead;
} restart_rows[] = {
	{"K05_temporary_is_never_restarted", SLUICE_TASK_TEMPORARY, 0,
	 ACT_ERROR, 1, 1},
	{"K05_transient_is_restarted", SLUICE_TASK_TRANSIENT, 0, ACT_ERROR, 3,
	 1},
	{"K05_transient_that_ended_normally_is_not", SLUICE_TASK_TRANSIENT, 0,
	 ACT_IGNORE, 1, 0},
	/* The peer: started 4 times, then the supervisor exits, with all its
	 * workers. Here the event goes to dead_letter, the others live on. */
	{"K06_3_restarts_then_the_event_is_given_up", SLUICE_TASK_TRANSIENT, 4,
	 ACT_ERROR, 4, 1},
	/* The peer: exit with shutdown. Here as above. */
	{"K08_1_restart_then_the_event_is_given_up", SLUICE_TASK_TRANSIENT, 2,
	 ACT_ERROR, 2, 1},
	{"K08_none_then_the_event_is_given_up", SLUICE_TASK_TRANSIENT, 1,
	 ACT_ERROR, 1, 1},
};

/* Two events that fail alike, and one that waits: each has attempts of its own,
 * and the one that waits is not disturbed. */
static void restart_of_tasks(void **state)
{
	const struct restart_row *row = *state;
	struct stand stand;

	acts[0] = ACT_WAIT;
	acts[1] = row->act;
	acts[2] = row->act;
	stand = stand_open(
		SLUICE_SPAWN(.max_demand = 3, .restart = row->restart,
			     .attempts = row->attempts,
			     .retry_ms = row->restart == SLUICE_TASK_TRANSIENT),
		SLUICE_PERMANENT, 3);
	spawn_await(stand.spawn, done, 2);
	for (uint32_t i = 1; i < 3; i++)
		assert_int_equal(see(&crew.runs[i]), row->runs);
	assert_int_equal(spawn_stats(stand.spawn).dead, 2 * row->dead);
	assert_int_equal(spawn_stats(stand.spawn).running, 1);
	for (uint32_t i = 0; i < see(&crew.letters); i++) {
		assert_int_equal(crew.letter[i].attempts, row->runs);
		assert_int_equal(crew.letter[i].code, -EINVAL);
	}
	/* The pool works on. */
	acts[3] = ACT_IGNORE;
	silent_hand(stand.p, 1);
	spawn_await(stand.spawn, done, 3);
	assert_int_equal(see(&crew.runs[3]), 1);
	stand_close(&stand);
	assert_int_equal(see(&crew.runs[0]), 1);
}

static void K05_permanent_is_refused(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn = NULL;

	(void)state;
	assert_int_equal(
		sluice_spawn_add(p,
				 SLUICE_STAGE(.name = "spawn", .in_bytes = 8),
				 SLUICE_SPAWN(.task = task_act, .max_demand = 1,
					      .restart = SLUICE_TASK_PERMANENT),
				 &spawn),
		-EINVAL);
	assert_text_has(sluice_last_error(), "PERMANENT");
	sluice_pipeline_close(p);
}

/* ---- K09: the source goes ------------------------------------------------ */

static void K09_tasks_outlive_their_source(void **state)
{
	struct sluice_subscription_stats stats;
	struct stand stand;

	(void)state;
	memset(acts, 0, sizeof(acts));
	stand = stand_open(SLUICE_SPAWN(.max_demand = 5), SLUICE_TEMPORARY, 2);
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	(void)add(&silent.ends, 1);
	silent_hand(stand.p, 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_subscription_stat(stand.sub, &stats) == -ENOENT)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(sluice_subscription_stat(stand.sub, &stats), -ENOENT);
	assert_int_equal(spawn_stats(stand.spawn).running, 2);
	gate_open(&crew.gate, 2);
	spawn_await(stand.spawn, done, 2);
	assert_int_equal(spawn_stats(stand.spawn).running, 0);
	/* And it lives: there is work by hand. */
	acts[7] = ACT_IGNORE;
	assert_int_equal(sluice_spawn_start(stand.spawn, &(uint64_t){7}, NULL),
			 0);
	spawn_await(stand.spawn, done, 3);
	stand_close(&stand);
}

/* ---- K10: the end -------------------------------------------------------- */

/* The peer kills: "brutal". A thread has no such thing; its tasks are told at
 * once, and they leave. */
static void K10_brutal_tells_them_at_once(void **state)
{
	struct stand stand;

	(void)state;
	acts[0] = ACT_LISTEN;
	acts[1] = ACT_LISTEN;
	stand = stand_open(
		SLUICE_SPAWN(.max_demand = 2, .shutdown_ms = SLUICE_SPAWN_NOW),
		SLUICE_PERMANENT, 2);
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	sluice_pipeline_stop(stand.p);
	assert_int_equal(flow_join(stand.p), -ECANCELED);
	assert_int_equal(spawn_stats(stand.spawn).done, 2);
	assert_int_equal(see(&crew.letters), 2);
	sluice_pipeline_close(stand.p);
}

/* The peer kills the deaf one after 1 ms. Here the others leave and it is waited
 * for: what it works on is still there when it looks. */
static void K10_deaf_one_is_waited_for(void **state)
{
	struct stand stand;

	(void)state;
	acts[0] = ACT_WAIT;
	acts[1] = ACT_LISTEN;
	stand = stand_open(SLUICE_SPAWN(.max_demand = 2, .shutdown_ms = 1),
			   SLUICE_PERMANENT, 1);
	assert_int_equal(gate_await(&crew.gate, 1), 0);
	silent_hand(stand.p, 1);
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	sluice_pipeline_stop(stand.p);
	spawn_await(stand.spawn, done, 1);
	assert_int_equal(sluice_pipeline_join(stand.p, 1), -ETIMEDOUT);
	assert_int_equal(spawn_stats(stand.spawn).running, 1);
	gate_open(&crew.gate, 1);
	assert_int_equal(flow_join(stand.p), -ECANCELED);
	assert_int_equal(spawn_stats(stand.spawn).done, 2);
	sluice_pipeline_close(stand.p);
}

static void K10_no_limit_waits(void **state)
{
	struct stand stand;

	(void)state;
	memset(acts, 0, sizeof(acts));
	stand = stand_open(
		SLUICE_SPAWN(.max_demand = 2, .shutdown_ms = SLUICE_FOREVER),
		SLUICE_PERMANENT, 2);
	assert_int_equal(gate_await(&crew.gate, 2), 0);
	sluice_pipeline_stop(stand.p);
	assert_int_equal(sluice_pipeline_join(stand.p, 1), -ETIMEDOUT);
	assert_int_equal(spawn_stats(stand.spawn).running, 2);
	gate_open(&crew.gate, 2);
	assert_int_equal(flow_join(stand.p), -ECANCELED);
	assert_int_equal(spawn_stats(stand.spawn).done, 2);
	assert_int_equal(see(&crew.letters), 0);
	assert_int_equal(crew.cancelled, 0);
	sluice_pipeline_close(stand.p);
}

/* ---- K11: by hand -------------------------------------------------------- */

/* A start answers with an id before the task has run: how it ends is seen in the
 * statistics and in dead_letter. */
static void K11_by_hand_counts_against_no_subscription(void **state)
{
	uint64_t ids[3] = {0, 0, 0};
	struct stand stand;

	(void)state;
	memset(acts, 0, sizeof(acts));
	acts[101] = ACT_ERROR;
	acts[102] = ACT_IGNORE;
	stand = stand_open(
		SLUICE_SPAWN(.max_demand = 3, .min_demand = SLUICE_MIN_ZERO),
		SLUICE_PERMANENT, 3);
	assert_int_equal(gate_await(&crew.gate, 3), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(sluice_spawn_start(stand.spawn,
						    &(uint64_t){100 + i},
						    &ids[i]),
				 0);
	assert_int_equal(ids[2], 6);
	spawn_await(stand.spawn, done, 2);
	assert_int_equal(spawn_stats(stand.spawn).dead, 1);
	assert_int_equal(gate_await(&crew.gate, 4), 0);
	assert_int_equal(spawn_stats(stand.spawn).running, 4);
	assert_int_equal(spawn_stats(stand.spawn).by_hand, 1);
	/* Nothing was asked for in their place. */
	assert_int_equal(stand_asked(&stand), 3);
	assert_int_equal(sluice_spawn_cancel(stand.spawn, ids[0]), 0);
	assert_int_equal(sluice_spawn_cancel(stand.spawn, ids[1]), -ENOENT);
	stand_close(&stand);
}

/* ---- K12: no source ------------------------------------------------------ */

static struct absent_row {
	const char *name;
	enum sluice_on_end on_end;
	int lives;
} absent_rows[] = {
	{"K12_absent_source_permanent_ends", SLUICE_PERMANENT, 0},
	{"K12_absent_source_temporary_lives", SLUICE_TEMPORARY, 1},
};

/* An unknown name is refused at once; this one has been there. */
static void absent_source(void **state)
{
	const struct absent_row *row = *state;
	struct sluice_stage *source;
	struct stand stand;
	int rc = 0;

	memset(acts, 0, sizeof(acts));
	acts[0] = ACT_IGNORE;
	stand = stand_open(SLUICE_SPAWN(.max_demand = 2), SLUICE_TEMPORARY, 0);
	source = sluice_stage_find(stand.p, "source");
	assert_int_equal(sluice_spawn_subscribe(stand.spawn, "nobody",
						row->on_end, NULL),
			 -ENOENT);
	for (uint32_t ms = 0; rc != -EPIPE && ms < FLOW_DEADLINE_MS; ms++) {
		rc = sluice_stage_end(source, SLUICE_REASON_NORMAL, 0);
		flow_sleep_ms(1);
	}
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(sluice_spawn_subscribe(stand.spawn, "source",
						row->on_end, NULL),
			 0);
	if (row->lives) {
		spawn_await(stand.spawn, threads, 8);
		assert_int_equal(
			sluice_spawn_start(stand.spawn, &(uint64_t){0}, NULL),
			0);
		spawn_await(stand.spawn, done, 1);
		stand_close(&stand);
		return;
	}
	(void)flow_join(stand.p); /* it was the last stage */
	assert_int_equal(sluice_spawn_start(stand.spawn, &(uint64_t){0}, NULL),
			 -EPIPE);
	sluice_pipeline_close(stand.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(K01_error_and_ignore_count_as_done),
		cmocka_unit_test(K02_starts_what_was_asked_for),
		cmocka_unit_test(K05_permanent_is_refused),
		cmocka_unit_test(K09_tasks_outlive_their_source),
		cmocka_unit_test(K10_brutal_tells_them_at_once),
		cmocka_unit_test(K10_deaf_one_is_waited_for),
		cmocka_unit_test(K10_no_limit_waits),
		cmocka_unit_test(K11_by_hand_counts_against_no_subscription),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(ask_rows) +
			      UNIT_COUNT(restart_rows) +
			      UNIT_COUNT(absent_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, ask_arithmetic, ask_rows);
	at = UNIT_ADD_ROWS(all, at, restart_of_tasks, restart_rows);
	at = UNIT_ADD_ROWS(all, at, absent_source, absent_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("spawn cases", all, NULL, NULL);
}
