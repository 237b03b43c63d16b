/* SPDX-License-Identifier: Apache-2.0 */
/* A callback fails, or does not want its events: what the stage goes through,
 * what becomes of the events, and that the others notice nothing. */
#include "engine/graph/pipeline_priv.h"

#include "actor.h"
#include "tests/support/gate.h"

#define EVENTS 100u

/* ---- each callback in turn ----------------------------------------------- */

/* a -> b -> c; @who fails once in @where. */
static struct callback {
	const char *name;
	const char *who;
	enum where where;
	const char *says;
} callbacks[] = {
	{"handle_demand_fails", "a", IN_DEMAND, "handle_demand"},
	{"handle_events_of_a_middle_fails", "b", IN_EVENTS, "handle_events"},
	{"handle_events_of_a_sink_fails", "c", IN_EVENTS, "handle_events"},
	{"handle_cast_of_a_source_fails", "a", IN_CAST, "handle_cast"},
	{"handle_cast_of_a_middle_fails", "b", IN_CAST, "handle_cast"},
	{"handle_cast_of_a_sink_fails", "c", IN_CAST, "handle_cast"},
	{"handle_call_fails", "b", IN_CALL, "handle_call"},
	{"handle_info_of_a_source_fails", "a", IN_INFO, "handle_info"},
	{"handle_info_of_a_middle_fails", "b", IN_INFO, "handle_info"},
	{"handle_info_of_a_sink_fails", "c", IN_INFO, "handle_info"},
	{"handle_timer_of_a_source_fails", "a", IN_TIMER, "handle_timer"},
	{"handle_timer_of_a_sink_fails", "c", IN_TIMER, "handle_timer"},
	{"on_cancel_of_a_middle_fails", "b", IN_CANCEL, "on_cancel"},
	{"on_cancel_of_the_last_sink_fails", "c", IN_CANCEL, "on_cancel"},
};

struct trio {
	struct actor actor[3];
	struct actor_log log;
	struct sluice_sub subs[2];
};

static struct sluice_pipeline *
trio_build(struct trio *trio, enum sluice_restart restart,
	   const struct sluice_subscription_opts *opts)
{
	struct sluice_pipeline *p =
		actor_open(SLUICE_PIPELINE(.workers = 2, .log = actor_log,
					   .log_ctx = &trio->log));
	struct sluice_subscription_opts first = *opts;
	struct sluice_subscription_opts second = *opts;

	first.sub = &trio->subs[0];
	second.sub = &trio->subs[1];
	(void)pthread_mutex_init(&trio->log.lock, NULL);
	trio->actor[0].end = EVENTS;
	flow_add(p, SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .restart = restart,
				 .state = &trio->actor[0]));
	flow_add(p, SLUICE_STAGE(ACTOR_MIDDLE, .name = "b", .restart = restart,
				 .state = &trio->actor[1]));
	flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .restart = restart,
				 .state = &trio->actor[2]));
	flow_subscribe(p, "b", "a", &first);
	flow_subscribe(p, "c", "b", &second);
	return p;
}

/* Make the call that is to fail, when it is one that somebody must make. */
static void provoke(struct sluice_pipeline *p, const struct callback *row)
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

static void check_says(const char *text, const struct callback *row, int rc)
{
	char stage[8];

	(void)snprintf(stage, sizeof(stage), "'%s'", row->who);
	assert_text_has(text, stage);
	assert_text_has(text, row->says);
	if (rc == SLUICE_FAIL)
		assert_text_has(text, "SLUICE_FAIL");
	else
		assert_text_has(text, sluice_strerror(rc));
}

/* It is begun anew, and every event arrives. */
static void a_callback_fails_and_is_survived(const struct callback *row, int rc)
{
	struct trio trio = {.log = {.text = ""}};
	struct actor *actor = &trio.actor[row->who[0] - 'a'];
	struct sluice_pipeline *p =
		trio_build(&trio, SLUICE_RESTART_TRANSIENT,
			   SLUICE_SUBSCRIPTION(.max_demand = 10));

	trio.actor[0].stays = 1;
	actor->where = row->where;
	actor->rc = rc;
	actor->times = 1;
	flow_start(p);
	actor_await(p, &trio.actor[2].handled, EVENTS);
	provoke(p, row);
	if (row->where != IN_CANCEL) /* that is at the end */
		actor_await(p, &actor->inits, 2);
	assert_int_equal(actor_finish(p, "a"), 0);
	assert_int_equal(actor->times, 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct actor *other = &trio.actor[i];

		assert_int_equal(other->inits, other == actor ? 2 : 1);
		assert_int_equal(other->ended.finis, other->inits);
		assert_int_equal(other->ended.reason, SLUICE_REASON_NORMAL);
		/* Its subscriptions are not begun again, nor ended. */
		assert_int_equal(other->subscribes, i == 1 ? 2 : 1);
	}
	assert_int_equal(actor->reasons[0], SLUICE_REASON_ERROR);
	assert_int_equal(flow_stats(p, row->who).restarts, 1);
	actor_check_all(&trio.actor[1], EVENTS);
	actor_check_all(&trio.actor[2], EVENTS);
	check_says(trio.log.text, row, rc);
	assert_text_has(trio.log.text, "restarted");
	sluice_pipeline_close(p);
}

/* Without a restart the pipeline ends with its code. */
static void a_callback_fails_and_ends_all(const struct callback *row, int rc)
{
	struct trio trio = {.log = {.text = ""}};
	struct actor *actor = &trio.actor[row->who[0] - 'a'];
	struct sluice_pipeline *p =
		trio_build(&trio, SLUICE_RESTART_NONE,
			   SLUICE_SUBSCRIPTION(.max_demand = 10));

	trio.actor[0].stays = row->where != IN_CANCEL;
	actor->where = row->where;
	actor->rc = rc;
	actor->times = 1;
	flow_start(p);
	provoke(p, row);
	assert_int_equal(flow_join(p), rc == SLUICE_FAIL ? -EIO : rc);
	check_says(sluice_last_error(), row, rc);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(trio.actor[i].ended.finis, 1);
	assert_int_equal(trio.actor[0].inits, 1);
	sluice_pipeline_close(p);
}

static void a_callback_fails(void **state)
{
	const struct callback *row = *state;

	a_callback_fails_and_ends_all(row, -EREMOTEIO);
	a_callback_fails_and_ends_all(row, SLUICE_FAIL);
	a_callback_fails_and_is_survived(row, -EREMOTEIO);
	a_callback_fails_and_is_survived(row, SLUICE_FAIL);
}

/* ---- down and up again --------------------------------------------------- */

/* A failure each: of the cast, and of two attempts to begin again. */
static void init_fails_at_the_restart(void **state)
{
	struct trio trio = {.log = {.text = ""}};
	struct actor *b = &trio.actor[1];
	struct sluice_pipeline *p =
		trio_build(&trio, SLUICE_RESTART_TRANSIENT,
			   SLUICE_SUBSCRIPTION(.max_demand = 10));
	uint32_t inits = 0;

	(void)state;
	b->where = IN_CAST;
	b->times = 1;
	b->rc = SLUICE_FAIL;
	b->bad_inits = 2;
	trio.actor[0].stays = 1; /* so that b is there to be asked */
	flow_start(p);
	assert_int_equal(sluice_cast(sluice_stage_find(p, "b"), NULL, 0), 0);
	/* Letters wait while it is down. */
	assert_int_equal(sluice_call(sluice_stage_find(p, "b"), NULL, 0, &inits,
				     sizeof(inits), FLOW_DEADLINE_MS),
			 sizeof(inits));
	assert_int_equal(inits, 4);
	assert_int_equal(actor_finish(p, "a"), 0);
	assert_int_equal(flow_stats(p, "b").restarts, 1);
	/* fini is owed to an init that went well. */
	assert_int_equal(b->ended.finis, 2);
	actor_check_all(&trio.actor[2], EVENTS);
	assert_text_has(trio.log.text, "init");
	assert_text_has(trio.log.text, sluice_strerror(-EHOSTDOWN));
	sluice_pipeline_close(p);
}

static struct sluice_subscription_stats stats_of(struct sluice_sub sub)
{
	struct sluice_subscription_stats stats = {.depth = 0};

	assert_int_equal(sluice_subscription_stat(sub, &stats), 0);
	return stats;
}

/* The subscriptions before are those after, with the credit they had. */
static void a_restart_keeps_subscriptions_and_windows(void **state)
{
	static const char *const names[] = {"a", "b", "c"};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct trio trio = {.log = {.text = ""}};
		struct sluice_pipeline *p = trio_build(
			&trio, SLUICE_RESTART_TRANSIENT,
			SLUICE_SUBSCRIPTION(.max_demand = 10, .min_demand = 5));
		struct sluice_subscription_stats before[2];
		struct actor *actor = &trio.actor[i];

		trio.actor[0].stays = 1;
		actor->where = IN_CAST;
		actor->times = 1;
		actor->rc = -EREMOTEIO;
		flow_start(p);
		actor_await(p, &trio.actor[2].handled, EVENTS);
		for (uint32_t s = 0; s < 2; s++) {
			while (stats_of(trio.subs[s]).acked != EVENTS)
				flow_sleep_ms(1);
			before[s] = stats_of(trio.subs[s]);
		}
		assert_int_equal(
			sluice_cast(sluice_stage_find(p, names[i]), NULL, 0),
			0);
		actor_await(p, &actor->inits, 2);
		for (uint32_t s = 0; s < 2; s++) {
			struct sluice_subscription_stats now =
				stats_of(trio.subs[s]);

			assert_memory_equal(&now, &before[s], sizeof(now));
			assert_true(now.credit >= 5 && now.credit <= 10);
		}
		assert_int_equal(actor_finish(p, "a"), 0);
		sluice_pipeline_close(p);
	}
}

/* Stopped or drained while it waits, for longer than this test does. */
static void a_stop_does_not_wait_for_the_restart(void **state)
{
	(void)state;
	for (int drain = 0; drain < 2; drain++) {
		struct actor a = {.end = EVENTS, .stays = 1};
		struct actor c = {
			.where = IN_CAST, .times = 1, .rc = SLUICE_FAIL};
		struct sluice_pipeline *p =
			actor_open(SLUICE_PIPELINE(.backoff_ms = 3600000,
						   .backoff_max_ms = 3600000));

		flow_add(p,
			 SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a));
		flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .state = &c,
					 .restart = SLUICE_RESTART_TRANSIENT));
		flow_subscribe(p, "c", "a", NULL);
		flow_start(p);
		actor_await(p, &c.handled, EVENTS);
		assert_int_equal(
			sluice_cast(sluice_stage_find(p, "c"), NULL, 0), 0);
		actor_await(p, &c.ended.finis, 1);
		if (drain) {
			assert_int_equal(sluice_pipeline_drain(p, 1),
					 -ETIMEDOUT);
		} else {
			sluice_pipeline_stop(p);
			assert_int_equal(flow_join(p), -ECANCELED);
		}
		sluice_pipeline_close(p);
		assert_int_equal(c.inits, 1);
		assert_int_equal(c.ended.finis, 1); /* not owed again */
		assert_int_equal(c.ended.reason, SLUICE_REASON_ERROR);
	}
}

/* ---- subscriptions ------------------------------------------------------- */

/* on_subscribe says no: that subscription is over, and nothing else. */
static void on_subscribe_refuses(void **state)
{
	static const int answers[] = {-EACCES, SLUICE_FAIL};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		int producer = i % 2;
		struct actor a = {.end = EVENTS, .stays = 1};
		struct actor c = {.stays = 0};
		struct actor d = {.stays = 0};
		struct actor *who = producer ? &a : &d;
		struct sluice_pipeline *p =
			actor_open(SLUICE_PIPELINE(.workers = 2));

		who->where = IN_SUBSCRIBE;
		who->after = (uint32_t)producer; /* c it takes */
		who->times = 1;
		who->rc = answers[i / 2];
		flow_add(p,
			 SLUICE_STAGE(ACTOR_SOURCE, .name = "a", .state = &a));
		flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c", .state = &c));
		flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "d", .state = &d,
					 .on_idle = SLUICE_IDLE_STAY));
		flow_subscribe(p, "c", "a", NULL);
		flow_start(p);
		assert_int_equal(sluice_subscribe(p, "d", "a", NULL), 0);
		actor_await(p, &who->subscribes, 1 + (uint32_t)producer);
		if (producer) /* the other side is told */
			actor_await(p, &d.cancels, 1);
		actor_await(p, &c.handled, EVENTS);
		assert_int_equal(d.handled, 0);
		assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
		actor_check_all(&c, EVENTS);
		assert_int_equal(a.inits, 1);
		assert_int_equal(d.inits, 1);
		sluice_pipeline_close(p);
	}
}

/* Two go at once, and the first time its hook fails: it is told of both. */
static int cancel_both(struct sluice_stage *self,
		       const struct sluice_message *message)
{
	struct sluice_sub subs[2];

	(void)self;
	memcpy(subs, message->data, sizeof(subs));
	for (uint32_t i = 0; i < 2; i++)
		if (sluice_cancel(subs[i], SLUICE_REASON_NORMAL, i) != 0)
			return -EINVAL;
	return SLUICE_OK;
}

static void each_end_is_told_though_a_hook_fails(void **state)
{
	struct actor a = {.end = EVENTS,
			  .stays = 1,
			  .where = IN_CANCEL,
			  .times = 1,
			  .rc = SLUICE_FAIL};
	struct actor c[2] = {{.stays = 0}, {.stays = 0}};
	struct sluice_pipeline *p = actor_open(SLUICE_PIPELINE(.workers = 2));
	struct sluice_sub subs[2];

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .init = actor_init,
				 .fini = actor_fini, .on_cancel = actor_cancel,
				 .handle_demand = actor_demand,
				 .handle_cast = cancel_both, .state = &a,
				 .on_idle = SLUICE_IDLE_STAY,
				 .restart = SLUICE_RESTART_TRANSIENT));
	flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c0", .state = &c[0]));
	flow_add(p, SLUICE_STAGE(ACTOR_SINK, .name = "c1", .state = &c[1]));
	flow_subscribe(p, "c0", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 10, .sub = &subs[0]));
	flow_subscribe(p, "c1", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 10, .sub = &subs[1]));
	flow_start(p);
	assert_int_equal(
		sluice_cast(sluice_stage_find(p, "a"), subs, sizeof(subs)), 0);
	actor_await(p, &a.cancels, 2);
	actor_await(p, &c[0].cancels, 1);
	actor_await(p, &c[1].cancels, 1);
	actor_await(p, &a.inits, 2);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(a.cancels, 2);
	sluice_pipeline_close(p);
}

/* ---- a drain ------------------------------------------------------------- */

static struct gate at_the_end;
static uint32_t permanent_inits;

static int permanent_init(struct sluice_stage *self)
{
	(void)self;
	permanent_inits++;
	return SLUICE_OK;
}

static int end_behind_the_gate(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	gate_pass(&at_the_end);
	return SLUICE_END;
}

static void *drain_it(void *arg)
{
	struct sluice_pipeline *p = arg;
	static int rc;

	rc = sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
	return &rc;
}

/* A permanent stage comes back from each end of its own but the one that a drain
 * wanted of it. */
static void permanent_ends_during_a_drain(void **state)
{
	struct flow_end ended = {.finis = 0};
	struct flow_sink sink = {.events = 0};
	struct sluice_pipeline *p = flow_open(1);
	pthread_t thread;
	void *rc = NULL;

	(void)state;
	at_the_end = GATE_CLOSED;
	permanent_inits = 0;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .init = permanent_init,
				 .restart = SLUICE_RESTART_PERMANENT,
				 .handle_demand = end_behind_the_gate,
				 .fini = flow_fini, .state = &ended));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	flow_start(p);
	/* Once it comes back, once not. */
	gate_open(&at_the_end, 1);
	assert_int_equal(gate_await(&at_the_end, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain_it, p), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (host_command(&p->host) == PIPELINE_DRAIN)
			break;
		flow_sleep_ms(1);
	}
	gate_open(&at_the_end, 1);
	assert_int_equal(pthread_join(thread, &rc), 0);
	assert_int_equal(*(int *)rc, 0);
	assert_int_equal(permanent_inits, 2);
	assert_int_equal(ended.finis, 2);
	assert_int_equal(ended.reason, SLUICE_REASON_NORMAL);
	assert_int_equal(flow_stats(p, "a").restarts, 1);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_fails_at_the_restart),
		cmocka_unit_test(a_restart_keeps_subscriptions_and_windows),
		cmocka_unit_test(a_stop_does_not_wait_for_the_restart),
		cmocka_unit_test(on_subscribe_refuses),
		cmocka_unit_test(each_end_is_told_though_a_hook_fails),
		cmocka_unit_test(permanent_ends_during_a_drain),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(callbacks)];
	size_t at = UNIT_ADD_ROWS(all, 0, a_callback_fails, callbacks);

	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("restart_stage", all, NULL, NULL);
}
