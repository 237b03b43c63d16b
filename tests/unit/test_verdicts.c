/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts at their borders: who may give which, what comes again and how often
 * it counts, and what a consumer is told of the end of what it sees. */
#include "actor.h"

/* ---- RETRY and SKIP, from every callback --------------------------------- */

static struct nowhere {
	const char *name;
	const char *who;
	enum where where;
	int rc;
	const char *says;
} nowheres[] = {
	{"cast_retries", "a", IN_CAST, SLUICE_RETRY, "handle_cast returned 2"},
	{"cast_skips", "c", IN_CAST, SLUICE_SKIP, "handle_cast returned 3"},
	{"call_retries", "b", IN_CALL, SLUICE_RETRY, "handle_call returned 2"},
	{"info_retries", "a", IN_INFO, SLUICE_RETRY, "handle_info returned 2"},
	{"info_skips", "b", IN_INFO, SLUICE_SKIP, "handle_info returned 3"},
	{"timer_retries", "a", IN_TIMER, SLUICE_RETRY,
	 "handle_timer returned 2"},
	{"timer_of_a_sink_retries", "c", IN_TIMER, SLUICE_RETRY,
	 "handle_timer returned 2"},
	{"cancel_retries", "c", IN_CANCEL, SLUICE_RETRY,
	 "on_cancel returned 2"},
	{"demand_skips", "a", IN_DEMAND, SLUICE_SKIP,
	 "handle_demand returned 3"},
};

#define EVENTS 100u

static struct actor abc[3];

static struct sluice_pipeline *abc_build(enum sluice_restart restart)
{
	struct sluice_pipeline *p = actor_open(SLUICE_PIPELINE(.workers = 2));

	flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .restart = restart,
				 .state = &abc[0]));
	flow_add(p, SLUICE_STAGE(ACTOR_MIDDLE, .name = "b", .restart = restart,
				 .state = &abc[1]));
	flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .restart = restart,
				 .state = &abc[2]));
	flow_subscribe(p, "b", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	flow_subscribe(p, "c", "b", SLUICE_SUBSCRIPTION(.max_demand = 10));
	return p;
}

static void provoke(struct sluice_pipeline *p, const struct nowhere *row)
{
	struct sluice_stage *stage = sluice_stage_find(p, row->who);

	if (row->where == IN_CAST)
		assert_int_equal(sluice_cast(stage, NULL, 0), 0);
	else if (row->where == IN_INFO)
		assert_int_equal(sluice_info(stage, NULL, 0), 0);
	else if (row->where == IN_CALL)
		assert_true(sluice_call(stage, NULL, 0, NULL, 0,
					FLOW_DEADLINE_MS) < 0);
}

/* It is no answer there: the stage fails once, whatever its callback would say
 * the next time. */
static void an_answer_for_others(void **state)
{
	const struct nowhere *row = *state;

	for (int again = 0; again < 2; again++) {
		struct sluice_pipeline *p = abc_build(
			again ? SLUICE_RESTART_TRANSIENT : SLUICE_RESTART_NONE);
		struct actor *actor = &abc[row->who[0] - 'a'];

		memset(abc, 0, sizeof(abc));
		abc[0].end = EVENTS;
		abc[0].stays = row->where != IN_CANCEL || again;
		actor->where = row->where;
		actor->rc = row->rc;
		actor->times = 1;
		flow_start(p);
		provoke(p, row);
		if (!again) {
			assert_int_equal(flow_join(p), -EINVAL);
			assert_text_has(sluice_last_error(), row->says);
		} else {
			if (row->where != IN_CANCEL)
				actor_await(p, &actor->inits, 2);
			assert_int_equal(actor_finish(p, "a"), 0);
			assert_int_equal(actor->inits, 2);
			actor_check_all(&abc[2], EVENTS);
		}
		sluice_pipeline_close(p);
	}
}

/* As the answer of an init, or of a hook at the start, it refuses the start. */
static void an_init_answers_retry(void **state)
{
	static const enum where wheres[] = {IN_INIT, IN_SUBSCRIBE};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct sluice_pipeline *p = abc_build(SLUICE_RESTART_TRANSIENT);
		struct actor *actor = &abc[1];

		memset(abc, 0, sizeof(abc));
		abc[0].end = EVENTS;
		actor->where = wheres[i % 2];
		actor->rc = i < 2 ? SLUICE_RETRY : SLUICE_SKIP;
		actor->times = 1;
		assert_int_equal(sluice_pipeline_start(p), -EINVAL);
		assert_text_has(sluice_last_error(), "'b'");
		assert_text_has(sluice_last_error(),
				"no verdict that it may return");
		flow_start(p);
		assert_int_equal(flow_join(p), 0);
		actor_check_all(&abc[2], EVENTS);
		sluice_pipeline_close(p);
	}
}

/* ---- given up, one by one ------------------------------------------------ */

/* One chance each: but one that failed among others comes once more, alone. */
static void one_delivery_among_others(void **state)
{
	static const int answers[] = {SLUICE_RETRY, SLUICE_FAIL, -EIO};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(answers); i++) {
		struct actor a = {.end = 10};
		struct actor c = {.poison = 4, .rc = answers[i]};
		struct sluice_pipeline *p = actor_open(
			SLUICE_PIPELINE(.workers = 1, .max_restarts = 20));
		int alone = answers[i] == SLUICE_RETRY;

		flow_add(p,
			 SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a));
		flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .state = &c,
					 .dead_letter = actor_bury,
					 .max_deliveries = 1,
					 .restart = SLUICE_RESTART_TRANSIENT));
		flow_subscribe(
			p, "c", "a",
			SLUICE_SUBSCRIPTION(.max_demand = 11, .min_demand = 1));
		assert_int_equal(flow_run(p), 0);
		assert_int_equal(c.events[0], 10);
		assert_int_equal(c.events[1], 1);
		for (uint32_t e = 0; e < 10; e++) {
			assert_int_equal(c.ok[e], e != 4);
			assert_int_equal(c.got[e], 2);
		}
		assert_int_equal(c.letters, 1);
		assert_int_equal(c.letter_event[0], 4);
		assert_int_equal(c.letter[0].deliveries, 2);
		assert_int_equal(c.letter[0].code, answers[i]);
		assert_int_equal(c.inits, alone ? 1 : 3);
		sluice_pipeline_close(p);
	}
}

/* The last time each comes alone, the times before in one batch; and each that
 * comes again is counted, from the second time on. */
static void the_last_time_alone(void **state)
{
	struct actor a = {.end = 6};
	struct actor c = {.poison = 3, .rc = SLUICE_RETRY};
	struct sluice_pipeline *p = actor_open(SLUICE_PIPELINE(.workers = 1));

	(void)state;
	flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a));
	flow_add(p,
		 SLUICE_STAGE(ACTOR_SINK, .name = "c", .state = &c,
			      .dead_letter = actor_bury, .max_deliveries = 3));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 7, .min_demand = 1));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(c.count, 2 + 6);
	assert_int_equal(c.events[1], 6);
	assert_int_equal(c.deliveries[1], 2);
	for (uint32_t i = 2; i < 8; i++) {
		assert_int_equal(c.events[i], 1);
		assert_int_equal(c.deliveries[i], 3);
		assert_int_equal(c.flags[i] & SLUICE_BATCH_REDELIVERED,
				 SLUICE_BATCH_REDELIVERED);
	}
	assert_int_equal(c.letters, 1);
	assert_int_equal(c.letter_event[0], 3);
	assert_int_equal(flow_stats(p, "c").redelivered, 6 + 6);
	sluice_pipeline_close(p);
}

/* ---- counted once -------------------------------------------------------- */

static int odd(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return (int)(number & 1);
}

static int even(const void *event, void *ctx)
{
	return !odd(event, ctx);
}

/* What the selector refuses is counted when the batch is finished, however often
 * that comes. */
static void refused_counts_once(void **state)
{
	static const struct {
		uint32_t after;
		uint32_t times;
		int rc;
	} rows[] = {
		{0, 0, SLUICE_OK},    {0, 1, SLUICE_RETRY},
		{0, 2, SLUICE_RETRY}, {1, 1, SLUICE_RETRY},
		{0, 1, SLUICE_FAIL},  {1, 2, -EIO},
		{0, 1, SLUICE_SKIP},
	};

	(void)state;
	for (size_t k = 0; k < 2 * UNIT_COUNT(rows); k++) {
		size_t i = k / 2;
		struct actor a = {.end = EVENTS};
		struct actor c = {.where = IN_EVENTS,
				  .after = rows[i].after,
				  .times = rows[i].times,
				  .rc = rows[i].rc};
		struct sluice_pipeline *p =
			actor_open(SLUICE_PIPELINE(.workers = 1));

		flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a,
					 .dispatcher = "broadcast"));
		flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .state = &c,
					 .restart = SLUICE_RESTART_TRANSIENT));
		flow_subscribe(
			p, "c", "a",
			SLUICE_SUBSCRIPTION(.max_demand = 40,
					    .selector = k % 2 ? odd : even));
		assert_int_equal(flow_run(p), 0);
		assert_int_equal(flow_stats(p, "c").refused, EVENTS / 2);
		assert_int_equal(flow_stats(p, "c").events_in +
					 flow_stats(p, "c").dead_letters,
				 EVENTS / 2);
		assert_int_equal(flow_stats(p, "a").events_out, EVENTS);
		sluice_pipeline_close(p);
	}
}

/* ---- the end of what is seen --------------------------------------------- */

/* BATCH_END says that nothing lies behind the batch: not one event. */
static struct {
	uint32_t batches;
	uint32_t wrong;
	uint32_t ends;
	uint32_t depth_one;
} seen;

static int see_end(struct sluice_stage *self, const struct sluice_batch *batch)
{
	int end = (batch->flags & SLUICE_BATCH_END) != 0;

	(void)self;
	seen.batches++;
	seen.ends += (uint32_t)end;
	seen.depth_one += batch->depth == 1;
	seen.wrong += end != (batch->depth == 0);
	return SLUICE_OK;
}

static void batch_end_at_its_border(void **state)
{
	struct actor a = {.end = 11};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	memset(&seen, 0, sizeof(seen));
	flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = see_end));
	/* Eleven come at once, in batches of two at most. */
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 12, .min_demand = 10));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(seen.batches, 6);
	assert_int_equal(seen.wrong, 0);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.depth_one, 1);
	sluice_pipeline_close(p);
}

/* ---- one that is not restarted ------------------------------------------- */

static struct sluice_link_event told;

static int note_cancel(struct sluice_stage *self,
		       const struct sluice_link_event *event)
{
	(void)self;
	told = *event;
	return SLUICE_OK;
}

/* Whoever reads it is told what it failed of: its own code, or none. */
static void a_failure_has_a_code(void **state)
{
	static const int answers[] = {-EREMOTEIO, -EIO, SLUICE_FAIL};
	static const uint32_t codes[] = {EREMOTEIO, EIO, EIO};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(answers); i++) {
		struct actor a = {.end = 6,
				  .where = IN_DEMAND,
				  .rc = answers[i],
				  .times = 1};
		struct actor c = {.stays = 0};
		struct sluice_pipeline *p =
			actor_open(SLUICE_PIPELINE(.workers = 1));

		flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a,
					 .restart = SLUICE_RESTART_TEMPORARY));
		flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					 .in_bytes = 8, .state = &c,
					 .handle_events = actor_events,
					 .on_cancel = note_cancel));
		flow_subscribe(p, "c", "a", NULL);
		assert_int_equal(flow_run(p), -(int)codes[i]);
		assert_int_equal(told.kind, SLUICE_DOWN);
		assert_int_equal(told.reason, SLUICE_REASON_ERROR);
		assert_int_equal(told.code, codes[i]);
		sluice_pipeline_close(p);
	}
}

/* ---- the worst of the reasons -------------------------------------------- */

/* One after the other, the worst at any place among them. */
static void the_worst_reason_at_any_place(void **state)
{
	static const char *const names[] = {"a", "b", "c"};

	(void)state;
	for (uint32_t worst = 0; worst < 3; worst++) {
		struct actor sources[3] = {{.end = 5}, {.end = 5}, {.end = 5}};
		struct actor sink = {.stays = 0};
		struct sluice_pipeline *p = flow_open(2);

		for (uint32_t i = 0; i < 3; i++) {
			sources[i].stays = 1;
			flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = names[i],
						 .state = &sources[i]));
		}
		flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "sink",
					 .state = &sink));
		for (uint32_t i = 0; i < 3; i++)
			flow_subscribe(p, "sink", names[i], NULL);
		flow_start(p);
		for (uint32_t i = 0; i < 3; i++) {
			assert_int_equal(
				sluice_stage_end(sluice_stage_find(p, names[i]),
						 i == worst
							 ? SLUICE_REASON_ERROR
							 : SLUICE_REASON_NORMAL,
						 i),
				0);
			actor_await(p, &sink.cancels, i + 1);
		}
		assert_int_equal(flow_join(p), 0);
		flow_check_ended(&sink.ended, SLUICE_REASON_ERROR);
		sluice_pipeline_close(p);
	}
}

/* ---- of a message to someone who waits ------------------------------------- */

static int info_verdict(struct sluice_stage *self,
			const struct sluice_message *message)
{
	int verdict;

	(void)self;
	memcpy(&verdict, message->data, sizeof(verdict));
	return verdict;
}

/* Whoever waits is told when it came to nothing, by whatever verdict. */
static void an_info_that_fails(void **state)
{
	static const struct {
		int verdict;
		int answer;
	} rows[] = {
		{SLUICE_OK, 0},           {SLUICE_END, 0},
		{SLUICE_FAIL, -EIO},      {SLUICE_RETRY, -EIO},
		{SLUICE_SKIP, -EIO},      {99, -EIO},
		{-ETIMEDOUT, -ETIMEDOUT},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_pipeline *p = flow_open(1);
		struct flow_sink sink = {.events = 0};

		flow_add(p, SLUICE_STAGE(.name = "desk",
					 .kind = SLUICE_CONSUMER, .in_bytes = 8,
					 .handle_events = flow_collect,
					 .handle_info = info_verdict,
					 .on_idle = SLUICE_IDLE_STAY,
					 .state = &sink));
		flow_start(p);
		assert_int_equal(sluice_info_sync(sluice_stage_find(p, "desk"),
						  &rows[i].verdict, sizeof(int),
						  FLOW_DEADLINE_MS),
				 rows[i].answer);
		sluice_pipeline_close(p);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_init_answers_retry),
		cmocka_unit_test(one_delivery_among_others),
		cmocka_unit_test(the_last_time_alone),
		cmocka_unit_test(refused_counts_once),
		cmocka_unit_test(batch_end_at_its_border),
		cmocka_unit_test(a_failure_has_a_code),
		cmocka_unit_test(the_worst_reason_at_any_place),
		cmocka_unit_test(an_info_that_fails),
	};
	static struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(nowheres)];
	size_t at = UNIT_ADD_ROWS(all, 0, an_answer_for_others, nowheres);

	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("verdicts", all, NULL, NULL);
}
