/* SPDX-License-Identifier: Apache-2.0 */
/* Who may handle the events of an ordered producer, and whom its join reads, when
 * subscriptions come and go while it runs; and onlookers beside all that. What
 * the start refuses is in test_ordered.c. */
#include "tests/unit/ordered_flow.h"

static struct flow_source source;
static struct item_sink joined;
static struct item_sink aside;

static int set_up(void **state)
{
	source = (struct flow_source){.end = UINT64_MAX};
	joined = (struct item_sink){0};
	aside = (struct item_sink){0};
	return flow_setup(state);
}

/* "source" numbers, "w0" passes on, "join" restores; "w1" and "w2" could, "other"
 * only consumes, "plain" only produces. */
static struct sluice_pipeline *build(struct sluice_sub *to_join,
				     struct sluice_sub *to_source)
{
	struct sluice_pipeline *p = flow_open(2);
	static struct flow_source nothing;

	nothing = (struct flow_source){.end = 0};
	item_add_source(p, "source", &source, 0);
	for (uint32_t i = 0; i < 3; i++)
		flow_add(p, SLUICE_STAGE(ITEM_WORKER,
					 .name = i == 0   ? "w0"
						 : i == 1 ? "w1"
							  : "w2",
					 .on_idle = SLUICE_IDLE_STAY,
					 .handle_events = item_pass));
	item_add_join(p, "join", "source", &joined);
	flow_add(p, SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = item_join, .state = &aside));
	flow_add(p,
		 SLUICE_STAGE(.name = "plain", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .on_idle = SLUICE_IDLE_STAY,
			      .demand = SLUICE_DEMAND_ACCUMULATE,
			      .handle_demand = item_make, .state = &nothing));
	flow_subscribe(p, "w0", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = to_source));
	flow_subscribe(p, "join", "w0",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = to_join));
	flow_start(p);
	return p;
}

/* Nothing that was tried has changed anything. */
static void end(struct sluice_pipeline *p)
{
	flow_wait_handled(p, "join", flow_stats(p, "join").events_in + 200);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	item_check_all(&joined, source.next);
	assert_int_equal(flow_stats(p, "join").discarded, 0);
	sluice_pipeline_close(p);
}

#define REFUSED(p, consumer, producer, o, rc, ...)                             \
	refused((p), sluice_subscribe((p), (consumer), (producer), (o)), (rc), \
		(const char *const[]){"'" consumer "'", "'" producer "'",      \
				      __VA_ARGS__, NULL})

static void refused(struct sluice_pipeline *p, int rc, int expected,
		    const char *const *says)
{
	const char *text = sluice_last_error();

	(void)p;
	assert_int_equal(rc, expected);
	for (; *says != NULL; says++)
		assert_text_has(text, *says);
}

/* ---- one more consumer of the producer ----------------------------------- */

static void nobody_takes_what_the_join_does_not_read(void **state)
{
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		/* As often as one likes: a refusal leaves nothing. */
		REFUSED(p, "other", "source", NULL, -EINVAL, "'join'",
			"restores the order");
		REFUSED(p, "w1", "source", NULL, -EINVAL, "'join'",
			"must subscribe to 'w1'");
	}
	end(p);
	assert_int_equal(aside.events, 0);
}

/* First the join reads it, then it handles events. */
static void a_worker_comes_and_goes(void **state)
{
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct sluice_subscription_stats stats;
		struct sluice_sub in;
		struct sluice_sub out;
		uint64_t before = flow_stats(p, "w1").events_in;

		flow_subscribe(
			p, "join", "w1",
			SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &out));
		REFUSED(p, "w1", "plain", NULL, -EINVAL, "'join'", "'source'",
			"first");
		flow_subscribe(
			p, "w1", "source",
			SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &in));
		flow_wait_handled(p, "w1", before + 50);
		/* Not the other way round. */
		assert_int_equal(sluice_cancel(out, SLUICE_REASON_NORMAL, 0),
				 -EBUSY);
		assert_text_has(sluice_last_error(), "'join' to 'w1'");
		assert_text_has(sluice_last_error(), "'source'");
		assert_int_equal(sluice_cancel(in, SLUICE_REASON_NORMAL, 0), 0);
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			if (sluice_subscription_stat(in, &stats) == -ENOENT)
				break;
			flow_sleep_ms(1);
		}
		assert_int_equal(sluice_cancel(out, SLUICE_REASON_NORMAL, 0),
				 0);
		assert_int_equal(sluice_cancel(out, SLUICE_REASON_NORMAL, 0),
				 -EALREADY);
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			if (sluice_subscription_stat(out, &stats) == -ENOENT)
				break;
			flow_sleep_ms(1);
		}
		assert_int_equal(sluice_cancel(out, SLUICE_REASON_NORMAL, 0),
				 -ENOENT);
	}
	end(p);
}

/* A worker may read others as well, once it is one. */
static void a_worker_reads_another_producer(void **state)
{
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	flow_subscribe(p, "w0", "plain", NULL);
	flow_subscribe(p, "join", "w1", NULL);
	REFUSED(p, "w1", "plain", SLUICE_SUBSCRIPTION(.max_demand = 1), -EINVAL,
		"'join'", "'source'");
	flow_subscribe(p, "w1", "source", NULL);
	flow_subscribe(p, "w1", "plain", NULL);
	end(p);
}

/* ---- one more producer of the join --------------------------------------- */

static void the_join_reads_workers_only(void **state)
{
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	REFUSED(p, "join", "plain", NULL, -EINVAL, "'source'", "no consumer");
	REFUSED(p, "join", "source", NULL, -EINVAL, "no consumer");
	flow_subscribe(p, "w1", "plain", NULL);
	REFUSED(p, "join", "w1", NULL, -EINVAL, "'source'", "no consumer");
	end(p);
}

static void the_join_reads_all_of_a_worker(void **state)
{
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		REFUSED(p, "join", "w0",
			SLUICE_SUBSCRIPTION(.max_demand = 8, .tee = 1), -EINVAL,
			"tee");
		REFUSED(p, "join", "w2",
			SLUICE_SUBSCRIPTION(.max_demand = 8,
					    .conflate_keys = 4),
			-EINVAL, "conflate_keys");
		REFUSED(p, "join", "w0",
			SLUICE_SUBSCRIPTION(.max_demand = 8,
					    .on_end = SLUICE_TEMPORARY),
			-EINVAL, "on_end");
	}
	end(p);
}

/* Of two links one may go; not the last, while the worker is one. */
static void the_last_link_stays(void **state)
{
	struct sluice_sub first;
	struct sluice_sub second;
	struct sluice_sub to_source;
	struct sluice_pipeline *p = build(&first, &to_source);

	(void)state;
	assert_int_equal(sluice_cancel(first, SLUICE_REASON_NORMAL, 0), -EBUSY);
	flow_subscribe(p, "join", "w0",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &second));
	assert_int_equal(sluice_cancel(first, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_cancel(second, SLUICE_REASON_NORMAL, 0),
			 -EBUSY);
	/* It may be resized all the same. */
	assert_int_equal(sluice_resubscribe(
				 second, SLUICE_SUBSCRIPTION(.max_demand = 4)),
			 0);
	end(p);
}

/* A join that stays waits for other workers when the last one has gone; what it
 * has been given before is in order, and so is what comes then. */
static void a_join_may_stay(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	static const char *const names[] = {"w0", "w1", "w2"};
	int rc;

	(void)state;
	item_add_source(p, "source", &source, 64);
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source", .state = &joined,
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = item_join));
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++)
		flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = names[i],
					 .on_idle = SLUICE_IDLE_STAY,
					 .handle_events = item_pass));
	flow_start(p);
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++) {
		struct sluice_subscription_stats stats;
		struct sluice_sub out;

		flow_subscribe(
			p, "join", names[i],
			SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = &out));
		flow_subscribe(p, names[i], "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 16));
		flow_wait_handled(p, "join", 100 * (i + 1));
		assert_int_equal(
			sluice_stage_end(sluice_stage_find(p, names[i]),
					 SLUICE_REASON_NORMAL, 0),
			0);
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			if (sluice_subscription_stat(out, &stats) == -ENOENT)
				break;
			flow_sleep_ms(1);
		}
	}
	rc = sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
	assert_true(rc == 0 || rc == -EPIPE);
	assert_int_equal(joined.disorder, 0);
	assert_int_equal(joined.events + flow_stats(p, "source").stranded,
			 source.next);
	sluice_pipeline_close(p);
}

static void await_gone(struct sluice_sub sub)
{
	struct sluice_subscription_stats stats;

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_subscription_stat(sub, &stats) == -ENOENT)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("a subscription does not end");
}

/* Who is a worker no more, and still reads one, need not be read. What it is
 * sent then holds up the order, as that of any consumer does, until somebody
 * takes what it makes. */
static void who_reads_a_worker_need_not_be_read(void **state)
{
	struct sluice_sub from_source;
	struct sluice_sub to_join;
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	flow_subscribe(p, "join", "w1",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &to_join));
	flow_subscribe(
		p, "w1", "source",
		SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &from_source));
	flow_subscribe(p, "w1", "w0", SLUICE_SUBSCRIPTION(.max_demand = 8));
	assert_int_equal(sluice_cancel(from_source, SLUICE_REASON_NORMAL, 0),
			 0);
	await_gone(from_source);
	assert_int_equal(sluice_cancel(to_join, SLUICE_REASON_NORMAL, 0), 0);
	await_gone(to_join);
	flow_subscribe(p, "other", "w1", NULL);
	flow_wait_handled(p, "other", 100);
	flow_wait_handled(p, "join", flow_stats(p, "join").events_in + 200);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(joined.disorder, 0);
	assert_int_equal(aside.disorder, 0);
	assert_int_equal(joined.events + aside.events, source.next);
	sluice_pipeline_close(p);
}

/* A join that has been told to end binds nobody any more. */
static void an_ended_join_binds_nobody(void **state)
{
	struct sluice_sub to_join;
	struct sluice_pipeline *p = build(NULL, NULL);

	(void)state;
	flow_subscribe(p, "join", "w1",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &to_join));
	REFUSED(p, "w1", "plain", NULL, -EINVAL, "'join'", "'source'");
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "join"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	await_gone(to_join);
	flow_subscribe(p, "w1", "plain", NULL);
	flow_subscribe(p, "other", "w0", NULL);
	flow_wait_handled(p, "other", 200);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	assert_int_equal(joined.disorder, 0);
	sluice_pipeline_close(p);
}

static void a_number_must_fit_the_join(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 32, .dispatcher = "ordered",
				 .order_offset = SLUICE_ORDER_OFFSET(24),
				 .handle_demand = item_make, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "w0", .in_bytes = 32, .out_bytes = 24,
				 .kind = SLUICE_PRODUCER_CONSUMER,
				 .handle_events = item_pass));
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = 24, .order_of = "source",
				 .handle_events = item_join, .state = &joined));
	flow_subscribe(p, "w0", "source", NULL);
	flow_subscribe(p, "join", "w0", NULL);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'join': in_bytes 24");
	assert_text_has(sluice_last_error(), "order_offset 24 of 'source'");
	sluice_pipeline_close(p);
}

/* ---- onlookers ----------------------------------------------------------- */

static void onlookers_stand_beside_an_ordered_producer(void **state)
{
	for (uint32_t conflates = 0; conflates < 2; conflates++)
		for (uint32_t later = 0; later < 2; later++) {
			const struct sluice_subscription_opts *o =
				conflates ? SLUICE_SUBSCRIPTION(.max_demand = 8,
								.conflate_keys =
									4,
								.key_bytes = 8)
					  : SLUICE_SUBSCRIPTION(.max_demand = 8,
								.tee = 3);
			struct sluice_pipeline *p;

			(void)set_up(state);
			p = flow_open(2);
			item_add_source(p, "source", &source, 64);
			flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
						 .handle_events = item_pass));
			item_add_join(p, "join", "source", &joined);
			flow_add(p,
				 SLUICE_STAGE(.name = "onlooker",
					      .kind = SLUICE_CONSUMER,
					      .in_bytes = sizeof(struct item),
					      .on_idle = SLUICE_IDLE_STAY,
					      .handle_events = item_join,
					      .state = &aside));
			flow_subscribe(p, "w0", "source", NULL);
			flow_subscribe(p, "join", "w0", NULL);
			if (later) {
				flow_start(p);
				flow_subscribe(p, "onlooker", "source", o);
			} else {
				flow_subscribe(p, "onlooker", "source", o);
				flow_start(p);
			}
			flow_wait_handled(p, "onlooker", 100);
			end(p);
			assert_int_equal(aside.disorder, 0);
		}
}

/* Who only looks on is no worker, and a join that only looks on no join. */
static void onlookers_are_no_workers(void **state)
{
	for (uint32_t who = 0; who < 3; who++) {
		const struct sluice_subscription_opts *tee =
			SLUICE_SUBSCRIPTION(.max_demand = 8, .tee = 1);
		const struct sluice_subscription_opts *conflate =
			SLUICE_SUBSCRIPTION(.max_demand = 8,
					    .conflate_keys = 4);
		struct sluice_pipeline *p = flow_open(1);

		(void)state;
		item_add_source(p, "source", &source, 0);
		flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
					 .handle_events = item_pass));
		item_add_join(p, "join", "source", &joined);
		flow_subscribe(p, "w0", "source", who == 0 ? tee : NULL);
		flow_subscribe(p, "join", "w0",
			       who == 0   ? NULL
			       : who == 1 ? tee
					  : conflate);
		assert_int_equal(sluice_pipeline_start(p), -EINVAL);
		assert_text_has(sluice_last_error(), "'join'");
		assert_text_has(sluice_last_error(), "'w0'");
		assert_text_has(sluice_last_error(), who == 0 ? "no consumer"
						     : who == 1
							     ? "tee"
							     : "conflate_keys");
		sluice_pipeline_close(p);
	}
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_takes_what_the_join_does_not_read),
		cmocka_unit_test(a_worker_comes_and_goes),
		cmocka_unit_test(a_worker_reads_another_producer),
		cmocka_unit_test(the_join_reads_workers_only),
		cmocka_unit_test(the_join_reads_all_of_a_worker),
		cmocka_unit_test(the_last_link_stays),
		cmocka_unit_test(a_join_may_stay),
		cmocka_unit_test(who_reads_a_worker_need_not_be_read),
		cmocka_unit_test(an_ended_join_binds_nobody),
		cmocka_unit_test(a_number_must_fit_the_join),
		cmocka_unit_test(onlookers_stand_beside_an_ordered_producer),
		cmocka_unit_test(onlookers_are_no_workers),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("ordered_graph", tests, NULL, NULL);
}
