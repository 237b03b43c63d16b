/* SPDX-License-Identifier: Apache-2.0 */
/* When a producer is asked, and when it is not: "not now" holds until somebody
 * wakes it or asks for more; "the same again" comes again later, a few times. */
#include "flow.h"

#define NOBODY UINT32_MAX

/* A source that has something only while it is told so. */
struct shop {
	struct flow_end ended;
	uint32_t asked; /* calls of handle_demand */
	uint32_t open;  /* it has events */
	uint32_t retry; /* so many calls it answers RETRY, having emitted */
	uint32_t told;  /* of the last call */
	uint32_t inits;
	uint64_t next;
	uint64_t end; /* then it says END */
	int rc;       /* instead of OK when it has nothing */
};

static uint32_t see(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static int shop_init(struct sluice_stage *self)
{
	struct shop *shop = sluice_stage_state(self);

	(void)__atomic_add_fetch(&shop->inits, 1, __ATOMIC_ACQ_REL);
	return SLUICE_OK;
}

static int shop_demand(struct sluice_stage *self, uint32_t demand)
{
	struct shop *shop = sluice_stage_state(self);
	uint64_t *event;
	int rc = SLUICE_OK;

	__atomic_store_n(&shop->told, demand, __ATOMIC_RELEASE);
	if (see(&shop->retry) > 0) {
		(void)sluice_emit(self, 1); /* it has not happened */
		if (shop->retry != NOBODY)
			shop->retry--;
		rc = SLUICE_RETRY;
	} else if (see(&shop->open)) {
		event = sluice_emit(self, 1);
		if (event != NULL)
			*event = shop->next++;
		if (shop->next == shop->end)
			rc = SLUICE_END;
	} else {
		rc = shop->rc;
	}
	(void)__atomic_add_fetch(&shop->asked, 1, __ATOMIC_ACQ_REL);
	return rc;
}

static int shop_cast(struct sluice_stage *self,
		     const struct sluice_message *message)
{
	struct shop *shop = sluice_stage_state(self);
	uint64_t *event;

	if (message->bytes > 0)
		return -EIO;
	event = sluice_emit(self, 1);
	if (event != NULL)
		*event = shop->next++;
	return SLUICE_OK;
}

static struct shop shop;
static struct flow_sink sinks[2];
static struct sluice_pipeline *pipeline;

static void await(const uint32_t *word, uint32_t least)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (see(word) >= least)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(pipeline);
	fail_msg("%u are waited for in vain", least);
}

/* A source "shop", and sinks "a" and "b"; only a is subscribed. */
static void shop_open(const char *dispatcher, uint32_t workers,
		      const struct sluice_subscription_opts *opts,
		      enum sluice_restart restart)
{
	pipeline = NULL;
	memset(sinks, 0, sizeof(sinks));
	assert_int_equal(
		sluice_pipeline_open(&pipeline,
				     SLUICE_PIPELINE(.workers = workers,
						     .backoff_ms = 1,
						     .backoff_max_ms = 4)),
		0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "shop", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = shop_demand,
			      .handle_cast = shop_cast, .init = shop_init,
			      .fini = flow_fini, .dispatcher = dispatcher,
			      .restart = restart, .state = &shop));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = i ? "b" : "a",
				      .kind = SLUICE_CONSUMER, .in_bytes = 8,
				      .handle_events = flow_collect,
				      .on_idle = SLUICE_IDLE_STAY,
				      .state = &sinks[i]));
	flow_subscribe(pipeline, "a", "shop", opts);
	flow_start(pipeline);
}

static void shop_close(void)
{
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	sluice_pipeline_close(pipeline);
}

/* ---- "not now" ----------------------------------------------------------- */

/* It is quiet: asking has come to an end. */
static uint32_t shop_quiet(void)
{
	uint32_t asked = see(&shop.asked);

	for (uint32_t same = 0; same < 30; same++) {
		flow_sleep_ms(1);
		if (see(&shop.asked) != asked)
			same = 0;
		asked = see(&shop.asked);
	}
	return asked;
}

static struct ask_row {
	const char *name;
	const char *dispatcher;
	uint32_t workers;
} ask_rows[] = {
	{"a_new_ask_demand", "demand", 1},
	{"a_new_ask_demand_3", "demand", 3},
	{"a_new_ask_rr", "rr", 3},
	{"a_new_ask_partition", "partition", 3},
	{"a_new_ask_jbsq", "jbsq", 3},
	{"a_new_ask_shared", "shared", 3},
};

/* Whatever asks for more: another consumer, a larger window, an ask by hand. */
static void a_new_ask_asks_again(void **state)
{
	const struct ask_row *row = *state;
	uint32_t before;

	for (uint32_t how = 0; how < 3; how++) {
		struct sluice_sub sub;

		if (how == 1 && strcmp(row->dispatcher, "shared") == 0)
			continue; /* it has no manual demand */
		shop = (struct shop){.open = 0};
		/* Its ring has 16 slots. */
		shop_open(
			row->dispatcher, row->workers,
			SLUICE_SUBSCRIPTION(
					.max_demand = 9,
					.flags =
						how == 1
							? SLUICE_SUBSCRIBE_MANUAL
							: 0,
					.sub = &sub),
			SLUICE_RESTART_NONE);
		if (how == 1)
			assert_int_equal(sluice_ask(sub, 2), 0);
		await(&shop.asked, 1);
		before = shop_quiet();
		/* It has something now, but nobody says so. */
		__atomic_store_n(&shop.open, 1, __ATOMIC_RELEASE);
		flow_sleep_ms(20);
		assert_int_equal(see(&shop.asked), before);
		if (how == 0)
			flow_subscribe(pipeline, "b", "shop",
				       SLUICE_SUBSCRIPTION(.max_demand = 4));
		else if (how == 1)
			assert_int_equal(sluice_ask(sub, 3), 0);
		else
			assert_int_equal(
				sluice_resubscribe(
					sub,
					SLUICE_SUBSCRIPTION(.max_demand = 16)),
				0);
		await(&shop.asked, before + 1);
		shop_close();
	}
}

/* Of a broadcast an ask counts when all have asked: who joins does not ask for
 * more than the others, the slowest of all does. */
static void a_broadcast_is_asked_by_all(void **state)
{
	struct sluice_sub sub;
	uint32_t before;

	(void)state;
	shop = (struct shop){.open = 0};
	shop_open("broadcast", 2,
		  SLUICE_SUBSCRIPTION(.max_demand = 16,
				      .flags = SLUICE_SUBSCRIBE_MANUAL,
				      .sub = &sub),
		  SLUICE_RESTART_NONE);
	assert_int_equal(sluice_ask(sub, 4), 0);
	await(&shop.asked, 1);
	before = shop_quiet();
	flow_subscribe(pipeline, "b", "shop",
		       SLUICE_SUBSCRIPTION(.max_demand = 8));
	assert_int_equal(shop_quiet(), before);
	assert_int_equal(sluice_ask(sub, 1), 0);
	await(&shop.asked, before + 1);
	shop_close();
}

/* Who leaves asks for nothing. */
static void a_leaver_is_no_ask(void **state)
{
	struct sluice_sub sub;
	uint32_t before;

	(void)state;
	shop = (struct shop){.open = 0};
	shop_open("demand", 2, SLUICE_SUBSCRIPTION(.max_demand = 16),
		  SLUICE_RESTART_NONE);
	flow_subscribe(pipeline, "b", "shop",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &sub));
	await(&shop.asked, 1);
	before = shop_quiet();
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(shop_quiet(), before);
	/* And the next one does, although it asks for just as much. */
	flow_subscribe(pipeline, "b", "shop",
		       SLUICE_SUBSCRIPTION(.max_demand = 8));
	await(&shop.asked, before + 1);
	shop_close();
}

/* Credit that comes back with what was handled is an ask like any other. */
static void handling_is_an_ask(void **state)
{
	uint32_t before;

	(void)state;
	shop = (struct shop){.open = 0};
	shop_open("demand", 1,
		  SLUICE_SUBSCRIPTION(.max_demand = 1,
				      .min_demand = SLUICE_MIN_ZERO),
		  SLUICE_RESTART_NONE);
	await(&shop.asked, 1);
	before = shop_quiet();
	assert_int_equal(
		sluice_cast(sluice_stage_find(pipeline, "shop"), NULL, 0), 0);
	await(&shop.asked, before + 1);
	assert_int_equal(flow_stats(pipeline, "a").events_in, 1);
	shop_close();
}

/* A wake is heeded as before, also one that came too early. */
static void a_wake_asks_again(void **state)
{
	uint32_t before;

	(void)state;
	shop = (struct shop){.open = 0};
	shop_open("demand", 2, NULL, SLUICE_RESTART_NONE);
	await(&shop.asked, 1);
	before = shop_quiet();
	sluice_wake(sluice_stage_find(pipeline, "shop"));
	await(&shop.asked, before + 1);
	assert_int_equal(shop_quiet(), before + 1);
	shop_close();
}

/* One that is begun anew may have something: it is asked. */
static void a_restart_asks_again(void **state)
{
	uint32_t before;

	(void)state;
	shop = (struct shop){.open = 0};
	shop_open("demand", 2, NULL, SLUICE_RESTART_TRANSIENT);
	await(&shop.asked, 1);
	before = shop_quiet();
	assert_int_equal(
		sluice_cast(sluice_stage_find(pipeline, "shop"), "x", 1), 0);
	await(&shop.inits, 2);
	await(&shop.asked, before + 1);
	shop_close();
}

/* ---- "the same again" ---------------------------------------------------- */

/* Twice in a row it is given another chance; what it emitted then never was. */
static void a_retry_is_asked_again(void **state)
{
	(void)state;
	for (uint32_t retries = 0; retries <= 2; retries++) {
		shop = (struct shop){.open = 1, .end = 10, .retry = retries};
		shop_open("demand", 1, NULL, SLUICE_RESTART_TRANSIENT);
		await(&shop.asked, 10 + retries);
		flow_wait_events(pipeline, &sinks[0], 10);
		flow_check_all(&sinks[0], 10);
		assert_int_equal(shop.asked, 10 + retries);
		assert_int_equal(shop.inits, 1);
		/* Its sinks stay. */
		assert_int_equal(
			sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
		sluice_pipeline_close(pipeline);
	}
}

/* The third time it fails, and says why. */
static void a_retry_too_many(void **state)
{
	(void)state;
	shop = (struct shop){.retry = NOBODY};
	shop_open("demand", 1, NULL, SLUICE_RESTART_NONE);
	assert_int_equal(flow_join(pipeline), -ELOOP);
	assert_text_has(sluice_last_error(), "'shop'");
	assert_text_has(sluice_last_error(), "SLUICE_RETRY 3 times");
	assert_int_equal(shop.asked, 3);
	flow_check_ended(&shop.ended, SLUICE_REASON_ERROR);
	assert_int_equal(sinks[0].events, 0);
	sluice_pipeline_close(pipeline);
	/* Each time it is up it has three: after three restarts, all ends. */
	shop = (struct shop){.retry = NOBODY};
	shop_open("demand", 1, NULL, SLUICE_RESTART_TRANSIENT);
	assert_int_equal(flow_join(pipeline), -ELOOP);
	assert_int_equal(shop.inits, 4);
	assert_int_equal(shop.asked, 12);
	sluice_pipeline_close(pipeline);
}

/* Another answer in between, and it may say so again. */
static int now_and_then(struct sluice_stage *self, uint32_t demand)
{
	struct shop *s = sluice_stage_state(self);
	uint64_t *event;

	(void)demand;
	if (++s->asked % 3 != 0)
		return SLUICE_RETRY;
	event = sluice_emit(self, 1);
	if (event != NULL)
		*event = s->next++;
	return s->next == s->end ? SLUICE_END : SLUICE_OK;
}

static void retries_are_counted_in_a_row(void **state)
{
	(void)state;
	shop = (struct shop){.end = 5};
	memset(sinks, 0, sizeof(sinks));
	assert_int_equal(sluice_pipeline_open(
				 &pipeline,
				 SLUICE_PIPELINE(.workers = 1, .backoff_ms = 1,
						 .backoff_max_ms = 1)),
			 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "shop", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = now_and_then,
			      .state = &shop));
	flow_add_sink(pipeline, "a", &sinks[0]);
	flow_subscribe(pipeline, "a", "shop", NULL);
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(shop.asked, 15);
	flow_check_all(&sinks[0], 5);
	sluice_pipeline_close(pipeline);
}

/* A drain, a stop and an end do not wait for it to be asked again. */
static void nobody_waits_for_a_retry(void **state)
{
	(void)state;
	for (uint32_t how = 0; how < 3; how++) {
		shop = (struct shop){.retry = 1};
		memset(sinks, 0, sizeof(sinks));
		assert_int_equal(
			sluice_pipeline_open(
				&pipeline,
				SLUICE_PIPELINE(.workers = 1,
						.backoff_ms = 3600000,
						.backoff_max_ms = 3600000)),
			0);
		flow_add(pipeline,
			 SLUICE_STAGE(.name = "shop", .kind = SLUICE_PRODUCER,
				      .out_bytes = 8, .state = &shop,
				      .handle_demand = shop_demand,
				      .fini = flow_fini));
		flow_add_sink(pipeline, "a", &sinks[0]);
		flow_subscribe(pipeline, "a", "shop", NULL);
		flow_start(pipeline);
		await(&shop.asked, 1);
		if (how == 0) {
			assert_int_equal(sluice_pipeline_drain(
						 pipeline, FLOW_DEADLINE_MS),
					 0);
		} else if (how == 1) {
			sluice_pipeline_stop(pipeline);
			assert_int_equal(flow_join(pipeline), -ECANCELED);
		} else {
			assert_int_equal(
				sluice_stage_end(
					sluice_stage_find(pipeline, "shop"),
					SLUICE_REASON_NORMAL, 0),
				0);
			assert_int_equal(flow_join(pipeline), 0);
		}
		assert_int_equal(shop.asked, 1);
		assert_int_equal(shop.ended.finis, 1);
		sluice_pipeline_close(pipeline);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broadcast_is_asked_by_all),
		cmocka_unit_test(a_leaver_is_no_ask),
		cmocka_unit_test(handling_is_an_ask),
		cmocka_unit_test(a_wake_asks_again),
		cmocka_unit_test(a_restart_asks_again),
		cmocka_unit_test(a_retry_is_asked_again),
		cmocka_unit_test(a_retry_too_many),
		cmocka_unit_test(retries_are_counted_in_a_row),
		cmocka_unit_test(nobody_waits_for_a_retry),
	};
	static struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(ask_rows)];
	size_t at = UNIT_ADD_ROWS(all, 0, a_new_ask_asks_again, ask_rows);

	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("producer_asks", all, NULL, NULL);
}
