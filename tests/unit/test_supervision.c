/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts over events and what becomes of those that nobody can handle; who is
 * begun again with a stage that failed; and when it has been enough. */
#include "actor.h"

#define EVENTS 100u
#define POISON 50u

/* A source of 100 events and a sink that is given them all in one batch. */
struct pair {
	struct actor a;
	struct actor c;
};

static struct sluice_pipeline *
pair_build(struct pair *pair, const struct sluice_pipeline_opts *pipeline,
	   const struct sluice_stage_opts *sink, uint32_t batch)
{
	struct sluice_pipeline *p = actor_open(pipeline);
	struct sluice_stage_opts o = *sink;

	if (pair->a.end == 0)
		pair->a.end = EVENTS;
	o.name = "c";
	o.state = &pair->c;
	flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &pair->a));
	flow_add(p, &o);
	flow_subscribe(
		p, "c", "a",
		SLUICE_SUBSCRIPTION(.max_demand = batch + 1, .min_demand = 1));
	return p;
}

/* ---- verdicts ------------------------------------------------------------ */

static struct verdict {
	const char *name;
	int rc;
} verdicts[] = {
	{"poison_is_retried", SLUICE_RETRY},
	{"poison_fails", SLUICE_FAIL},
	{"poison_is_an_error", -EREMOTEIO},
};

/* One event of a batch of a hundred that never can be handled: it is given up
 * alone, the others are handled once, in order. */
static void one_bad_event(void **state)
{
	const struct verdict *row = *state;
	struct pair pair = {.c = {.poison = POISON, .rc = row->rc}};
	struct actor *c = &pair.c;
	struct sluice_pipeline *p =
		pair_build(&pair, SLUICE_PIPELINE(.workers = 1),
			   SLUICE_STAGE(ACTOR_SINK, .dead_letter = actor_bury,
					.restart = SLUICE_RESTART_TRANSIENT),
			   EVENTS);
	int restarts = row->rc == SLUICE_RETRY ? 0 : 3;

	assert_int_equal(flow_run(p), 0);
	assert_int_equal(c->events[0], EVENTS);
	assert_int_equal(c->deliveries[0], 1);
	assert_int_equal(c->flags[0] & SLUICE_BATCH_REDELIVERED, 0);
	assert_int_equal(c->events[1], EVENTS);
	assert_int_equal(c->deliveries[1], 2);
	assert_int_equal(c->flags[1] & SLUICE_BATCH_REDELIVERED,
			 SLUICE_BATCH_REDELIVERED);
	for (uint32_t i = 2; i < ACTOR_NOTES; i++) {
		assert_int_equal(c->events[i], 1);
		assert_int_equal(c->deliveries[i], 3);
	}
	for (uint32_t i = 0; i < EVENTS; i++) {
		assert_int_equal(c->ok[i], i != POISON);
		assert_int_equal(c->got[i], 3);
	}
	assert_int_equal(c->disorder, 0);
	assert_int_equal(c->letters, 1);
	assert_int_equal(c->letter_event[0], POISON);
	assert_int_equal(c->letter[0].seq, POISON);
	assert_int_equal(c->letter[0].deliveries, 3);
	assert_int_equal(c->letter[0].code, row->rc);
	assert_int_equal(c->letter[0].inlet, 0);
	assert_int_equal(c->inits, 1 + restarts);
	assert_int_equal(flow_stats(p, "c").dead_letters, 1);
	assert_int_equal(flow_stats(p, "c").restarts, restarts);
	assert_int_equal(flow_stats(p, "c").events_in, EVENTS - 1);
	assert_int_equal(flow_stats(p, "c").redelivered, 2 * EVENTS);
	sluice_pipeline_close(p);
}

/* Handed out as often as max_deliveries says, and not once more. */
static void deliveries_are_counted(void **state)
{
	(void)state;
	for (uint32_t most = 1; most <= 5; most++) {
		struct pair pair = {.a = {.end = 3},
				    .c = {.poison = 1, .rc = SLUICE_RETRY}};
		struct sluice_pipeline *p = pair_build(
			&pair, SLUICE_PIPELINE(.workers = 1),
			SLUICE_STAGE(ACTOR_SINK, .dead_letter = actor_bury,
				     .max_deliveries = most),
			1);

		assert_int_equal(flow_run(p), 0);
		assert_int_equal(pair.c.got[1], most);
		assert_int_equal(pair.c.letter[0].deliveries, most);
		for (uint32_t i = 0; i < most; i++)
			assert_int_equal(pair.c.deliveries[1 + i], 1 + i);
		assert_int_equal(pair.c.handled, 2);
		assert_int_equal(pair.c.deliveries[1 + most], 1);
		sluice_pipeline_close(p);
	}
}

/* The whole batch is given up, at once, with or without somebody to take it. */
static void events_are_skipped(void **state)
{
	(void)state;
	for (int taker = 0; taker < 2; taker++) {
		struct pair pair = {.c = {.poison = 15, .rc = SLUICE_SKIP}};
		struct sluice_pipeline *p = pair_build(
			&pair, SLUICE_PIPELINE(.workers = 1),
			SLUICE_STAGE(ACTOR_SINK,
				     .dead_letter = taker ? actor_bury : NULL),
			10);
		uint32_t skipped;

		assert_int_equal(flow_run(p), 0);
		skipped = EVENTS - pair.c.handled;
		assert_true(skipped >= 1 && skipped <= 10);
		assert_int_equal(pair.c.ok[15], 0);
		assert_int_equal(flow_stats(p, "c").dead_letters, skipped);
		assert_int_equal(pair.c.letters, taker ? skipped : 0);
		for (uint32_t i = 0; i < pair.c.letters; i++) {
			assert_int_equal(pair.c.letter[i].code, SLUICE_SKIP);
			assert_int_equal(pair.c.letter[i].deliveries, 1);
			assert_int_equal(pair.c.letter[i].seq,
					 pair.c.letter_event[i]);
		}
		for (uint32_t i = 0; i < EVENTS; i++)
			assert_int_equal(pair.c.got[i], 1);
		sluice_pipeline_close(p);
	}
}

static void retried_too_often(void **state)
{
	struct pair pair = {.c = {.poison = POISON, .rc = SLUICE_RETRY}};
	struct sluice_pipeline *p =
		pair_build(&pair, SLUICE_PIPELINE(.workers = 1),
			   SLUICE_STAGE(ACTOR_SINK, .max_deliveries = 4), 10);

	(void)state;
	assert_int_equal(flow_run(p), -ELOOP);
	assert_text_has(sluice_last_error(), "'c'");
	assert_text_has(sluice_last_error(), "event 50");
	assert_text_has(sluice_last_error(), "4 times");
	assert_int_equal(pair.c.got[POISON], 4);
	assert_int_equal(pair.c.handled, POISON);
	sluice_pipeline_close(p);
}

static void an_answer_that_is_none(void **state)
{
	static const struct {
		enum where where;
		int rc;
		const char *says;
	} rows[] = {
		{IN_EVENTS, 6, "handle_events returned 6"},
		{IN_CAST, SLUICE_RETRY, "handle_cast returned 2"},
		{IN_CAST, SLUICE_SKIP, "handle_cast returned 3"},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct pair pair = {.a = {.stays = 1},
				    .c = {.where = rows[i].where,
					  .times = 1,
					  .rc = rows[i].rc}};
		struct sluice_pipeline *p =
			pair_build(&pair, SLUICE_PIPELINE(.workers = 1),
				   SLUICE_STAGE(ACTOR_SINK), 10);

		flow_start(p);
		(void)!sluice_cast(sluice_stage_find(p, "c"), NULL, 0);
		assert_int_equal(flow_join(p), -EINVAL);
		assert_text_has(sluice_last_error(), rows[i].says);
		sluice_pipeline_close(p);
	}
}

/* What is given up may be passed on, by a stage that produces. */
static void divert(struct sluice_stage *self,
		   const struct sluice_dead_letter *letter)
{
	uint64_t *out = sluice_emit(self, 1);

	actor_bury(self, letter);
	if (out != NULL)
		memcpy(out, letter->event, sizeof(*out));
}

static void a_dead_letter_is_passed_on(void **state)
{
	struct actor a = {.end = EVENTS};
	struct actor b = {.poison = POISON, .rc = SLUICE_RETRY};
	struct actor c = {.stays = 0};
	struct sluice_pipeline *p = actor_open(SLUICE_PIPELINE(.workers = 2));

	(void)state;
	flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a));
	flow_add(p, SLUICE_STAGE(ACTOR_MIDDLE, .name = "b", .state = &b,
				 .dead_letter = divert));
	flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .state = &c));
	flow_subscribe(p, "b", "a", NULL);
	flow_subscribe(p, "c", "b", NULL);
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(b.letters, 1);
	actor_check_all(&c, EVENTS); /* in its place in the order */
	sluice_pipeline_close(p);
}

/* ---- who is begun again -------------------------------------------------- */

/*   a -> b -> c    x -> y
 *     \> d                   b fails */
#define HOUSE "abcdxy"

static struct strategy_row {
	const char *name;
	enum sluice_supervision supervision;
	const char *who;
} strategies[] = {
	{"one_for_one", SLUICE_ONE_FOR_ONE, "b"},
	{"rest_for_one", SLUICE_REST_FOR_ONE, "bc"},
	{"one_for_all", SLUICE_ONE_FOR_ALL, "abcdxy"},
};

static struct sluice_pipeline *house_build(struct actor *actor,
					   enum sluice_supervision supervision)
{
	struct sluice_pipeline *p = actor_open(
		SLUICE_PIPELINE(.workers = 3, .supervision = supervision));

	for (uint32_t i = 0; HOUSE[i] != '\0'; i++) {
		const char name[2] = {HOUSE[i], '\0'};
		/* Only who fails says that it is begun again. */
		struct sluice_stage_opts source = {ACTOR_SOURCE};
		struct sluice_stage_opts middle = {ACTOR_MIDDLE};
		struct sluice_stage_opts o = {ACTOR_SINK};

		if (HOUSE[i] == 'a' || HOUSE[i] == 'x')
			o = source;
		if (HOUSE[i] == 'b') {
			o = middle;
			o.restart = SLUICE_RESTART_TRANSIENT;
		}
		o.size = sizeof(o);
		o.name = name;
		o.state = &actor[i];
		flow_add(p, &o);
	}
	flow_subscribe(p, "b", "a", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "c", "b", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "d", "a", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "y", "x", SLUICE_SUBSCRIPTION(.max_demand = 8));
	return p;
}

static void who_is_begun_again(void **state)
{
	const struct strategy_row *row = *state;
	struct actor actor[6] = {
		{.end = EVENTS, .stays = 1}, /* a */
		{.where = IN_CAST, .times = 1, .rc = -EREMOTEIO},
		{.stays = 0},
		{.stays = 0},
		{.end = EVENTS, .stays = 1}, /* x */
		{.stays = 0},
	};
	struct sluice_pipeline *p = house_build(actor, row->supervision);

	flow_start(p);
	assert_int_equal(sluice_cast(sluice_stage_find(p, "b"), NULL, 0), 0);
	for (uint32_t i = 0; i < 6; i++)
		actor_await(p, &actor[i].inits,
			    strchr(row->who, HOUSE[i]) ? 2 : 1);
	actor_await(p, &actor[5].handled, EVENTS);
	while (__atomic_load_n(&actor[2].handled, __ATOMIC_ACQUIRE) +
		       __atomic_load_n(&actor[3].handled, __ATOMIC_ACQUIRE) <
	       EVENTS)
		flow_sleep_ms(1);
	__atomic_store_n(&actor[0].stays, 0, __ATOMIC_RELEASE);
	sluice_wake(sluice_stage_find(p, "a"));
	assert_int_equal(actor_finish(p, "x"), 0);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t again = strchr(row->who, HOUSE[i]) != NULL;

		assert_int_equal(actor[i].inits, 1 + again);
		assert_int_equal(actor[i].ended.finis, 1 + again);
		assert_int_equal(actor[i].ended.reason, SLUICE_REASON_NORMAL);
		if (again)
			assert_int_equal(actor[i].reasons[0],
					 HOUSE[i] == 'b'
						 ? SLUICE_REASON_ERROR
						 : SLUICE_REASON_SHUTDOWN);
	}
	/* And nobody has lost an event by it. */
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(actor[2].ok[i] + actor[3].ok[i], 1);
	actor_check_all(&actor[5], EVENTS);
	sluice_pipeline_close(p);
}

/* ---- how a stage ends, and whether that is the end ----------------------- */

/* It always comes back, also from an end of its own. */
static void permanent_comes_back_from_its_end(void **state)
{
	struct pair pair = {
		.a = {.stays = 1},
		.c = {.where = IN_EVENTS, .times = 1, .rc = SLUICE_END}};
	struct sluice_pipeline *p = pair_build(
		&pair, SLUICE_PIPELINE(.workers = 1),
		SLUICE_STAGE(ACTOR_SINK, .restart = SLUICE_RESTART_PERMANENT),
		10);

	(void)state;
	flow_start(p);
	actor_await(p, &pair.c.handled, EVENTS);
	assert_int_equal(actor_finish(p, "a"), 0);
	assert_int_equal(pair.c.inits, 2);
	assert_int_equal(pair.c.reasons[0], SLUICE_REASON_NORMAL);
	actor_check_all(&pair.c, EVENTS);
	sluice_pipeline_close(p);
}

static void transient_ends_when_it_says_so(void **state)
{
	struct pair pair = {
		.a = {.stays = 1},
		.c = {.where = IN_EVENTS, .times = 1, .rc = SLUICE_END}};
	struct sluice_pipeline *p = pair_build(
		&pair, SLUICE_PIPELINE(.workers = 1),
		SLUICE_STAGE(ACTOR_SINK, .restart = SLUICE_RESTART_TRANSIENT),
		10);

	(void)state;
	/* Its source is left without a consumer, and ends too, with events that
	 * nobody will handle. */
	assert_int_equal(flow_run(p), -EPIPE);
	assert_int_equal(pair.c.inits, 1);
	assert_int_equal(pair.c.ended.reason, SLUICE_REASON_NORMAL);
	assert_int_equal(pair.a.ended.finis, 1);
	sluice_pipeline_close(p);
}

/* It is gone; what it had in hand goes to the other; join tells all the same. */
static void temporary_ends_alone(void **state)
{
	struct pair pair = {
		.c = {.where = IN_EVENTS, .times = 1, .rc = -EREMOTEIO}};
	struct actor d = {.stays = 0};
	struct sluice_pipeline *p = pair_build(
		&pair, SLUICE_PIPELINE(.workers = 2),
		SLUICE_STAGE(ACTOR_SINK, .restart = SLUICE_RESTART_TEMPORARY),
		10);

	(void)state;
	flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "d", .state = &d));
	flow_subscribe(p, "d", "a", SLUICE_SUBSCRIPTION(.max_demand = 10));
	assert_int_equal(flow_run(p), -EREMOTEIO);
	assert_text_has(sluice_last_error(), "'c': handle_events returned");
	assert_int_equal(pair.c.inits, 1);
	flow_check_ended(&pair.c.ended, SLUICE_REASON_ERROR);
	flow_check_ended(&d.ended, SLUICE_REASON_NORMAL);
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(d.ok[i], 1);
	assert_int_equal(d.handled, EVENTS);
	sluice_pipeline_close(p);
}

/* ---- enough -------------------------------------------------------------- */

static struct limit {
	const char *name;
	uint32_t max_restarts;
	uint32_t restarts;
	const char *says;
} limits[] = {
	{"two_restarts_and_no_third", 2, 2, "max_restarts 2"},
	{"three_when_left_out", 0, 3, "max_restarts 3"},
	{"not_even_one", SLUICE_RESTARTS_NONE, 0, "max_restarts 0"},
};

static void enough(void **state)
{
	const struct limit *row = *state;
	struct pair pair = {.c = {.poison = POISON, .rc = -EREMOTEIO}};
	struct sluice_pipeline *p = pair_build(
		&pair,
		SLUICE_PIPELINE(.workers = 1,
				.max_restarts = row->max_restarts),
		SLUICE_STAGE(ACTOR_SINK, .restart = SLUICE_RESTART_PERMANENT),
		10);

	assert_int_equal(flow_run(p), -EREMOTEIO);
	assert_text_has(sluice_last_error(), "'c'");
	assert_text_has(sluice_last_error(), "handle_events");
	assert_text_has(sluice_last_error(), row->says);
	assert_int_equal(pair.c.inits, 1 + row->restarts);
	assert_int_equal(pair.c.ended.finis, 1 + row->restarts);
	assert_int_equal(flow_stats(p, "c").restarts, row->restarts);
	/* Those before it; of its own batch, if there was a third time. */
	assert_true(row->restarts < 2 ? pair.c.handled <= POISON
				      : pair.c.handled == POISON);
	flow_check_ended(&pair.a.ended, SLUICE_REASON_SHUTDOWN);
	sluice_pipeline_close(p);
}

/* An init that fails again and again is failures like any others. */
static void an_init_that_never_works_again(void **state)
{
	struct pair pair = {.c = {.where = IN_EVENTS,
				  .times = 1,
				  .rc = SLUICE_FAIL,
				  .bad_inits = 100}};
	struct sluice_pipeline *p = pair_build(
		&pair, SLUICE_PIPELINE(.max_restarts = 5),
		SLUICE_STAGE(ACTOR_SINK, .restart = SLUICE_RESTART_TRANSIENT),
		10);

	(void)state;
	assert_int_equal(flow_run(p), -EHOSTDOWN);
	assert_text_has(sluice_last_error(), "'c': init returned");
	assert_text_has(sluice_last_error(), "max_restarts 5");
	assert_int_equal(pair.c.inits, 6);
	assert_int_equal(pair.c.ended.finis, 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deliveries_are_counted),
		cmocka_unit_test(events_are_skipped),
		cmocka_unit_test(retried_too_often),
		cmocka_unit_test(an_answer_that_is_none),
		cmocka_unit_test(a_dead_letter_is_passed_on),
		cmocka_unit_test(permanent_comes_back_from_its_end),
		cmocka_unit_test(transient_ends_when_it_says_so),
		cmocka_unit_test(temporary_ends_alone),
		cmocka_unit_test(an_init_that_never_works_again),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(verdicts) +
			      UNIT_COUNT(strategies) + UNIT_COUNT(limits)];
	size_t at = UNIT_ADD_ROWS(all, 0, one_bad_event, verdicts);

	at = UNIT_ADD_ROWS(all, at, who_is_begun_again, strategies);
	at = UNIT_ADD_ROWS(all, at, enough, limits);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("supervision", all, NULL, NULL);
}
