/* SPDX-License-Identifier: Apache-2.0 */
/* What callbacks may answer and emit, and what becomes of it. */
#include "flow.h"

#include <stdlib.h>

/* ---- answers that fail a stage ------------------------------------------- */

/* A stage that answers something odd from its third call on, having emitted as
 * much as it may. */
struct odd {
	struct flow_end ended;
	int answer;
	uint32_t calls;
};

static int odd_answer(struct sluice_stage *self, uint32_t room)
{
	struct odd *odd = sluice_stage_state(self);
	uint64_t *events = sluice_emit(self, room);

	for (uint32_t i = 0; events != NULL && i < room; i++)
		events[i] = odd->calls;
	return ++odd->calls < 3 ? SLUICE_OK : odd->answer;
}

static int odd_demand(struct sluice_stage *self, uint32_t demand)
{
	return odd_answer(self, demand < 4 ? demand : 4);
}

static int odd_events(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	return odd_answer(self, batch->count);
}

static struct answer {
	const char *name;
	const char *stage; /* which one answers */
	int answer;
	int rc;
	const char *says;
} answers[] = {
	{"demand_fails", "a", -EIO, -EIO, "'a': handle_demand returned -5"},
	{"demand_answers_skip", "a", SLUICE_SKIP, -EINVAL,
	 "'a': handle_demand returned 3, which is no verdict"},
	{"demand_answers_fail", "a", SLUICE_FAIL, -EIO,
	 "'a': handle_demand returned SLUICE_FAIL"},
	{"demand_answers_a_lot", "a", INT32_MAX, -EINVAL,
	 "'a': handle_demand returned 2147483647"},
	{"demand_fails_with_no_errno", "a", INT32_MIN, INT32_MIN,
	 "'a': handle_demand returned -2147483648"},
	{"middle_fails", "b", -5, -5, "'b': handle_events returned -5"},
	{"middle_answers_6", "b", 6, -EINVAL,
	 "'b': handle_events returned 6, which is no verdict"},
	{"consumer_fails", "c", -5, -5, "'c': handle_events returned -5"},
	{"consumer_answers_7", "c", 7, -EINVAL,
	 "'c': handle_events returned 7, which is no verdict"},
};

static struct sluice_pipeline *odd_open(uint32_t workers, struct odd *odds)
{
	struct sluice_pipeline *p = flow_open(workers);

	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = odd_demand,
				 .fini = flow_fini, .state = &odds[0]));
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .handle_events = odd_events, .fini = flow_fini,
				 .state = &odds[1]));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = odd_events,
				 .fini = flow_fini, .state = &odds[2]));
	flow_subscribe(p, "b", "a", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "c", "b", SLUICE_SUBSCRIPTION(.max_demand = 8));
	return p;
}

static void answer_fails_the_stage(void **state)
{
	const struct answer *row = *state;
	size_t who = (size_t)(row->stage[0] - 'a');

	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct odd odds[3] = {{.calls = 0}};
		struct sluice_pipeline *p = odd_open(workers, odds);

		odds[who].answer = row->answer;
		assert_int_equal(flow_run(p), row->rc);
		assert_text_has(sluice_last_error(), row->says);
		assert_int_equal(odds[who].calls, 3);
		flow_check_ended(&odds[who].ended, SLUICE_REASON_ERROR);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(odds[i].ended.finis, 1);
			assert_in_range(odds[i].ended.reason,
					SLUICE_REASON_SHUTDOWN,
					SLUICE_REASON_ERROR);
		}
		/* The same answer to whoever asks later. */
		assert_int_equal(sluice_pipeline_join(p, 0), row->rc);
		assert_int_equal(sluice_pipeline_drain(p, 0), row->rc);
		assert_text_has(sluice_last_error(), row->says);
		sluice_pipeline_close(p);
	}
}

/* What a callback emitted and then failed is not sent. */
static void failed_callback_sends_nothing(void **state)
{
	struct odd odd = {.answer = -EIO, .calls = 2};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage_stats stats;

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = odd_demand,
				 .state = &odd));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	assert_int_equal(flow_run(p), -EIO);
	assert_int_equal(sluice_stage_stat(p, "a", &stats), 0);
	assert_int_equal(stats.events_out, 0);
	assert_int_equal(sink.events, 0);
	sluice_pipeline_close(p);
}

/* ---- init that fails ----------------------------------------------------- */

struct starter {
	struct flow_end ended;
	int answer;
	uint32_t inits;
	uint32_t calls; /* of anything that must not be called */
};

static int starter_init(struct sluice_stage *self)
{
	struct starter *starter = sluice_stage_state(self);

	starter->inits++;
	return starter->answer;
}

static int starter_demand(struct sluice_stage *self, uint32_t demand)
{
	struct starter *starter = sluice_stage_state(self);

	(void)demand;
	starter->calls++;
	return SLUICE_OK;
}

static int starter_events(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	(void)batch;
	return starter_demand(self, 0);
}

static struct init_row {
	const char *name;
	uint32_t who;
	uint32_t workers;
	uint32_t blocking;
} init_rows[] = {
	{"init_of_the_producer_fails", 0, 2, 0},
	{"init_of_the_middle_fails", 1, 2, 0},
	{"init_of_the_consumer_fails", 2, 2, 0},
	{"first_init_on_one_worker_fails", 0, 1, 0},
	{"last_init_on_one_worker_fails", 2, 1, 0},
	{"init_of_a_blocking_stage_fails", 1, 1, 1},
	{"init_with_workers_to_spare_fails", 1, 8, 0},
};

static void init_refuses_the_start(void **state)
{
	static const char *const says[] = {"'a': init returned -13",
					   "'b': init returned -13",
					   "'c': init returned -13"};
	const struct init_row *row = *state;
	struct starter starters[3] = {{.inits = 0}};
	struct sluice_pipeline *p = flow_open(row->workers);

	starters[row->who].answer = -EACCES;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .init = starter_init,
				 .handle_demand = starter_demand,
				 .fini = flow_fini, .blocking = row->blocking,
				 .state = &starters[0]));
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .init = starter_init, .fini = flow_fini,
				 .handle_events = starter_events,
				 .blocking = row->blocking,
				 .state = &starters[1]));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .init = starter_init,
				 .handle_events = starter_events,
				 .fini = flow_fini, .state = &starters[2]));
	flow_subscribe(p, "b", "a", NULL);
	flow_subscribe(p, "c", "b", NULL);
	assert_int_equal(sluice_pipeline_start(p), -EACCES);
	assert_text_has(sluice_last_error(), says[row->who]);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(starters[i].calls, 0);
		/* fini is owed where init was called, and succeeded. */
		if (i == row->who)
			assert_int_equal(starters[i].ended.finis, 0);
		else
			assert_int_equal(starters[i].ended.finis,
					 starters[i].inits);
	}
	assert_int_equal(starters[row->who].inits, 1);
	flow_check_released();
	sluice_pipeline_close(p);
}

/* ---- what may be emitted ------------------------------------------------- */

/* Tries to emit too much everywhere; counts what it should not have been given.
 */
struct greedy {
	struct flow_end ended;
	uint32_t given;   /* room that must be refused */
	uint32_t refused; /* room that must be given */
	int fail;         /* answer an error, with events emitted */
};

static void greedy_try(struct sluice_stage *self, uint32_t most)
{
	struct greedy *greedy = sluice_stage_state(self);
	uint64_t *first;
	uint64_t *rest;

	greedy->given += sluice_emit(self, 0) != NULL;
	greedy->given += sluice_emit(self, most + 1) != NULL;
	greedy->given += sluice_emit(self, UINT32_MAX) != NULL;
	if (most == 0)
		return;
	/* What was refused has used up nothing. */
	first = sluice_emit(self, 1);
	greedy->refused += first == NULL;
	greedy->given += sluice_emit(self, most) != NULL;
	greedy->given += sluice_emit(self, UINT32_MAX) != NULL;
	rest = most > 1 ? sluice_emit(self, most - 1) : first + 1;
	greedy->refused += rest != first + 1; /* in a row */
	greedy->given += sluice_emit(self, 1) != NULL;
	for (uint32_t i = 0; first != NULL && i < most; i++)
		first[i] = i;
}

static int greedy_init(struct sluice_stage *self)
{
	greedy_try(self, 0);
	return SLUICE_OK;
}

static int greedy_demand(struct sluice_stage *self, uint32_t demand)
{
	struct greedy *greedy = sluice_stage_state(self);

	greedy_try(self, demand);
	return greedy->fail ? -EIO : SLUICE_END;
}

static int greedy_double(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	struct greedy *greedy = sluice_stage_state(self);

	greedy_try(self, batch->count * 2);
	return greedy->fail ? -EIO : SLUICE_OK;
}

static int greedy_consume(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	(void)batch;
	greedy_try(self, 0);
	return SLUICE_OK;
}

/* There is no room at all here, whatever a callback before has left behind. */
static void greedy_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	greedy_try(self, 0);
	flow_fini(self, reason);
}

static struct greedy_row {
	const char *name;
	uint32_t who; /* fails, with its output staged; 3: nobody */
	int rc;
} greedy_rows[] = {
	{"emit_within_limits", 3, 0},
	{"emit_in_fini_after_a_failed_demand", 0, -EIO},
	{"emit_in_fini_after_a_failed_batch", 1, -EIO},
};

/* Without a buffer, and nothing to be discarded, a callback may emit what was
 * asked for and no more. */
static void emit_gives_what_it_may(void **state)
{
	const struct greedy_row *row = *state;
	struct greedy greedies[4] = {{.given = 0}};
	struct sluice_pipeline *p = flow_open(1);

	greedies[row->who].fail = 1;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = greedy_demand,
				 .init = greedy_init, .fini = greedy_fini,
				 .buffer_events = SLUICE_BUFFER_NONE,
				 .buffer_keep = SLUICE_KEEP_BLOCK,
				 .state = &greedies[0]));
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .handle_events = greedy_double,
				 .init = greedy_init, .fini = greedy_fini,
				 .buffer_events = SLUICE_BUFFER_NONE,
				 .fan_out_max = 2, .state = &greedies[1]));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = greedy_consume,
				 .init = greedy_init, .fini = greedy_fini,
				 .state = &greedies[2]));
	flow_subscribe(p, "b", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_subscribe(p, "c", "b", SLUICE_SUBSCRIPTION(.max_demand = 7));
	assert_int_equal(flow_run(p), row->rc);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(greedies[i].given, 0);
		assert_int_equal(greedies[i].refused, 0);
		assert_int_equal(greedies[i].ended.finis, 1);
	}
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_callback_sends_nothing),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(answers) +
			      UNIT_COUNT(init_rows) + UNIT_COUNT(greedy_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, answer_fails_the_stage, answers);
	at = UNIT_ADD_ROWS(all, at, init_refuses_the_start, init_rows);
	at = UNIT_ADD_ROWS(all, at, emit_gives_what_it_may, greedy_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("step", all, NULL, NULL);
}
