/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that come later, on each kind of link: events lie where they lay until then,
 * also those that were put together elsewhere; output leaves at once; and what is in
 * hand when a subscription, or its consumer, ends. */
#include "later.h"

static struct later c, d;
static struct flow_source a;
static struct flow_sink z;
static struct sluice_sub sub;

static struct sluice_pipeline *build(uint64_t end, const char *dispatcher)
{
	struct sluice_pipeline *p = flow_open(2);

	memset(&c, 0, sizeof(c));
	memset(&d, 0, sizeof(d));
	memset(&z, 0, sizeof(z));
	a = (struct flow_source){.end = end};
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .fini = flow_fini, .dispatcher = dispatcher,
				 .state = &a));
	return p;
}

static void add_later(struct sluice_pipeline *p, const char *name,
		      struct later *later)
{
	flow_add(p, SLUICE_STAGE(LATER_SINK, .name = name, .state = later,
				 .in_hand_max = 64));
}

/* Batches of five in rings of sixteen: one in three lies across the end, and is put
 * together beside those that are still in hand. */
static void across_the_end(void **state)
{
	struct sluice_pipeline *p = build(200, NULL);
	uint32_t acked = 0;

	(void)state;
	add_later(p, "c", &c);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 15, .min_demand = 10));
	flow_start(p);
	/* Two in hand at any time. */
	for (uint32_t at = 0; acked < 200; at++) {
		if (at < 40)
			later_await(p, &c, at + 1);
		if (at < 2)
			continue;
		later_check_bytes(&c, at - 2);
		if (at < 41)
			later_check_bytes(&c, at - 1);
		if (at < 40)
			later_check_bytes(&c, at);
		assert_int_equal(later_ack(&c, at - 2), 0);
		acked += c.note[at - 2].batch.count;
	}
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(c.given, 40);
	sluice_pipeline_close(p);
}

/* The smallest windows, round and round. */
static void small_windows(void **state)
{
	(void)state;
	for (uint32_t window = 1; window <= 5; window++) {
		struct sluice_pipeline *p = build(300, NULL);
		uint64_t acked = 0;

		add_later(p, "c", &c);
		flow_subscribe(p, "c", "a",
			       SLUICE_SUBSCRIPTION(.max_demand = window));
		flow_start(p);
		for (uint32_t at = 0; acked < 300; at++) {
			later_await(p, &c, at + 1);
			assert_int_equal(c.note[at].first, acked);
			for (uint32_t i = c.note[at].batch.count; i-- > 0;)
				assert_int_equal(later_ack_part(&c, at, i, 1),
						 0);
			acked += c.note[at].batch.count;
		}
		assert_int_equal(flow_join(p), 0);
		sluice_pipeline_close(p);
	}
}

static int not_of_five(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number % 5 != 0 && number % 5 != 4;
}

static void answer_all(const struct later *later, uint32_t *at)
{
	while (*at < __atomic_load_n(&later->given, __ATOMIC_ACQUIRE))
		assert_int_equal(later_ack(later, (*at)++), 0);
}

/* Of a broadcast, with a selector: rows of what is wanted; refused events are no one's
 * to answer for, and the other consumer is slow. */
static void selected(void **state)
{
	struct sluice_pipeline *p = build(100, "broadcast");
	uint32_t slow = 0;

	(void)state;
	add_later(p, "c", &c);
	add_later(p, "d", &d);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 32,
					   .selector = not_of_five,
					   .sub = &sub));
	flow_subscribe(p, "d", "a", SLUICE_SUBSCRIPTION(.max_demand = 32));
	flow_start(p);
	later_await(p, &c, 6);
	later_await(p, &d, 1);
	for (uint32_t at = 0; at < 6; at++) {
		assert_int_equal(c.note[at].first, 5 * at + 1);
		assert_int_equal(c.note[at].batch.seq, 5 * at + 1);
		later_check_bytes(&c, at);
	}
	assert_int_equal(later_ack_part(&c, 0, 0, 5), -EALREADY);
	for (uint32_t i = 0, done = 0; done < 60;) {
		answer_all(&d, &slow);
		if (i == __atomic_load_n(&c.given, __ATOMIC_ACQUIRE)) {
			flow_sleep_ms(1);
			continue;
		}
		later_check_bytes(&c, i);
		for (uint32_t k = 0; k < c.note[i].batch.count; k++)
			assert_true(not_of_five(
				(const uint64_t *)c.note[i].batch.events + k,
				NULL));
		done += c.note[i].batch.count;
		assert_int_equal(later_ack(&c, i++), 0);
	}
	for (; flow_stats(p, "d").events_in < 100; flow_sleep_ms(1))
		answer_all(&d, &slow);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 60);
	assert_int_equal(flow_stats(p, "c").refused, 40);
	assert_int_equal(flow_stats(p, "d").events_in, 100);
	sluice_pipeline_close(p);
}

/* Output leaves when the call returns; the input waits. */
static void output_leaves(void **state)
{
	struct sluice_pipeline *p = build(8, NULL);
	struct sluice_subscription_stats stat;

	(void)state;
	c.emits = 1;
	flow_add(p, SLUICE_STAGE(LATER_MIDDLE, .name = "c", .state = &c,
				 .in_hand_max = 64));
	c.emits = 1;
	flow_add_sink(p, "z", &z);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	flow_subscribe(p, "z", "c", SLUICE_SUBSCRIPTION(.max_demand = 16));
	flow_start(p);
	flow_wait_events(p, &z, 8);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.acked, 0);
	assert_int_equal(later_ack(&c, 1), 0);
	assert_int_equal(later_ack(&c, 0), 0);
	assert_int_equal(flow_join(p), 0);
	flow_check_all(&z, 8);
	sluice_pipeline_close(p);
}

/* And while it does not leave nothing is acknowledged, whoever has answered. */
static void output_waits(void **state)
{
	struct sluice_pipeline *p = build(100, NULL);
	struct sluice_subscription_stats stat;
	struct sluice_sub out;

	(void)state;
	flow_add(p, SLUICE_STAGE(LATER_MIDDLE, .name = "c", .state = &c,
				 .in_hand_max = 64));
	c.emits = 1;
	flow_add_sink(p, "z", &z);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	flow_subscribe(p, "z", "c",
		       SLUICE_SUBSCRIPTION(.max_demand = 16,
					   .flags = SLUICE_SUBSCRIBE_MANUAL,
					   .sub = &out));
	assert_int_equal(sluice_ask(out, 2), 0);
	flow_start(p);
	flow_wait_events(p, &z, 2);
	later_await(p, &c, 1);
	assert_int_equal(later_ack(&c, 0), 0);
	flow_sleep_ms(20);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.acked, 0);
	assert_int_equal(sluice_ask(out, 98), 0);
	later_await_acked(p, sub, 4);
	for (uint32_t at = 1, acked = 4; acked < 100; at++) {
		later_await(p, &c, at + 1);
		acked += c.note[at].batch.count;
		assert_int_equal(later_ack(&c, at), 0);
	}
	assert_int_equal(flow_join(p), 0);
	flow_check_all(&z, 100);
	sluice_pipeline_close(p);
}

/* One that was cancelled ends when the last event is answered, and not before. */
static void cancelled(void **state)
{
	struct sluice_pipeline *p = build(UINT64_MAX, NULL);

	(void)state;
	add_later(p, "c", &c);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	flow_sleep_ms(20);
	assert_int_equal(__atomic_load_n(&c.ended.finis, __ATOMIC_ACQUIRE), 0);
	for (uint32_t at = 0; at < 4; at++)
		later_check_bytes(&c, at);
	for (uint32_t at = 4; at-- > 0;)
		assert_int_equal(later_ack(&c, at), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 16);
	sluice_pipeline_close(p);
}

/* What one leaves in hand goes to the other, marked; and what it had answered behind
 * that as well. */
static void left_to_another(void **state)
{
	struct sluice_pipeline *p = build(8, NULL);
	uint64_t seen = 0;

	(void)state;
	add_later(p, "c", &c);
	flow_add(p, SLUICE_STAGE(.name = "z", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = later_events,
				 .fini = flow_fini, .in_hand_max = 64,
				 .on_idle = SLUICE_IDLE_STAY, .state = &d));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	flow_start(p);
	later_await(p, &c, 2);
	assert_int_equal(later_ack_part(&c, 0, 0, 1), 0);
	later_await_acked(p, sub, 1);
	flow_subscribe(p, "z", "a", SLUICE_SUBSCRIPTION(.max_demand = 16));
	assert_int_equal(later_ack_part(&c, 1, 3, 1), 0);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "c"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	for (uint32_t at = 0; seen < 7; at++) {
		later_await(p, &d, at + 1);
		assert_int_equal(d.note[at].batch.deliveries, 2);
		assert_int_equal(d.note[at].first, 1 + seen);
		seen += d.note[at].batch.count;
		assert_int_equal(later_ack(&d, at), 0);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 1);
	assert_int_equal(flow_stats(p, "z").events_in, 7);
	sluice_pipeline_close(p);
}

static int heed(struct sluice_stage *self, const struct sluice_message *message)
{
	struct later *later = sluice_stage_state(self);

	(void)message;
	__atomic_store_n(&later->letters, later->letters + 1, __ATOMIC_RELEASE);
	return SLUICE_OK;
}

/* A marker comes behind the answers for what was there before. */
static void a_marker(void **state)
{
	struct sluice_pipeline *p = build(UINT64_MAX, NULL);

	(void)state;
	flow_add(p, SLUICE_STAGE(LATER_MIDDLE, .name = "c", .state = &c,
				 .in_hand_max = 64, .handle_info = heed));
	flow_add_sink(p, "z", &z);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12));
	flow_subscribe(p, "z", "c", NULL);
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(sluice_info(sluice_stage_find(p, "c"), NULL, 0), 0);
	for (uint32_t at = 4; at-- > 1;)
		assert_int_equal(later_ack(&c, at), 0);
	flow_sleep_ms(20);
	assert_int_equal(__atomic_load_n(&c.letters, __ATOMIC_ACQUIRE), 0);
	assert_int_equal(later_ack(&c, 0), 0);
	later_await_word(p, &c.letters, 1);
	sluice_pipeline_close(p);
}

static void which_stages_may(void **state)
{
	static const struct {
		struct sluice_stage_opts o;
		const char *says;
	} rows[] = {
		{{.kind = SLUICE_PRODUCER,
		  .out_bytes = 8,
		  .handle_demand = flow_count,
		  .in_hand_max = 1},
		 "in_hand_max is for stages that consume"},
		{{.kind = SLUICE_CONSUMER,
		  .in_bytes = 8,
		  .flags = SLUICE_STAGE_PORT,
		  .in_hand_max = 1},
		 "a port's user has one batch"},
		{{.kind = SLUICE_CONSUMER,
		  .in_bytes = 8,
		  .handle_events = flow_collect,
		  .order_of = "a",
		  .in_hand_max = 1},
		 "in_hand_max and order_of are both set"},
		{{.kind = SLUICE_CONSUMER,
		  .in_bytes = 8,
		  .handle_events = flow_collect,
		  .in_hand_max = SLUICE_IN_HAND_MAX + 1},
		 "in_hand_max 1048577 is over the limit of 1048576"},
	};
	struct sluice_pipeline *p = build(1, NULL);

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_stage_opts o = rows[i].o;

		o.size = sizeof(o);
		o.name = "x";
		assert_int_equal(sluice_stage_add(p, &o), -EINVAL);
		assert_text_has(sluice_last_error(), rows[i].says);
	}
	add_later(p, "c", &c);
	assert_int_equal(
		sluice_subscribe(
			p, "c", "a",
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_AUTO)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "with in_hand_max");
	assert_int_equal(sluice_subscribe(p, "c", "a",
					  SLUICE_SUBSCRIPTION(.max_demand = 16,
							      .batch_min = 8)),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "batch_min waits");
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(across_the_end),
		cmocka_unit_test(small_windows),
		cmocka_unit_test(selected),
		cmocka_unit_test(output_leaves),
		cmocka_unit_test(output_waits),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(left_to_another),
		cmocka_unit_test(a_marker),
		cmocka_unit_test(which_stages_may),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("ack_links", tests, NULL, NULL);
}
