/* SPDX-License-Identifier: Apache-2.0 */
/* What happens between a reserve and its commit: consumers come, go and fail, the
 * port ends, the pipeline drains and stops. The room stays the user's, and what is
 * committed goes where it can. */
#include "engine/graph/subscriptions_priv.h"

#include "spans.h"

/* Wait until the supervisor has made of it what the pipeline told it. */
static void await_closed(struct sluice_stage *port, int rc)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_port_closed(port, NULL) == rc)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("the port does not end");
}

/* Until @count consumers are there, and what was cancelled has gone; @out looks, and
 * there is nothing for it. */
static void await_consumers(struct sluice_stage *out, uint32_t count)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		struct sluice_snapshot *all = NULL;
		uint32_t open = 0;

		assert_empty(out);
		assert_int_equal(sluice_pipeline_stat(pipeline, &all), 0);
		for (uint32_t i = 0; i < all->subscription_count; i++)
			open += all->subscriptions[i]->phase !=
				SLUICE_SUB_ENDED;
		for (uint32_t i = 0; i < all->subscription_count; i++)
			if (all->subscriptions[i]->phase == SLUICE_SUB_COMING)
				open = UINT32_MAX;
		sluice_snapshot_close(all);
		if (open == count)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("there are not %u consumers", count);
}

/* ---- the port ends ------------------------------------------------------- */

/* A pair, and all the room there is between them. */
static struct sluice_span open_reserved(struct sluice_stage **in,
					struct sluice_stage **out)
{
	open_pair(16, in, out);
	return reserve(*in, 16);
}

static void the_user_ends(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	open_pair(16, &in, &out);
	send_all(in, 0, 3);
	span = reserve(in, 5);
	write_row(&span, 3, 5);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_send_commit(in, 5), -EPIPE);
	assert_int_equal(sluice_send_reserve(in, &span, 5, 0), -EPIPE);
	assert_int_equal(recv_row(out, 0, 3), 3);
	assert_int_equal(
		sluice_recv(out, &(struct sluice_batch){0}, FLOW_DEADLINE_MS),
		-EPIPE);
	assert_int_equal(join(), 0);
}

static void the_pipeline_stops(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	span = open_reserved(&in, &out);
	write_row(&span, 0, 8);
	sluice_pipeline_stop(pipeline);
	/* It waits for nobody who has something in hand. */
	assert_int_equal(join(), -ECANCELED);
	write_row(&span, 0, 16);
	assert_int_equal(sluice_send_commit(in, 16), -ECANCELED);
	assert_int_equal(sluice_send_commit(in, 16), -ECANCELED);
}

static void the_pipeline_drains(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	span = open_reserved(&in, &out);
	spawn(&workers[0], run_receiver, out);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	await(&workers[0]);
	assert_int_equal(workers[0].rc, -EPIPE);
	assert_int_equal(workers[0].events, 0);
	write_row(&span, 0, 16);
	assert_int_equal(sluice_send_commit(in, 16), -EPIPE);
}

static void it_is_told_to_end(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	span = open_reserved(&in, &out);
	assert_int_equal(sluice_stage_end(in, SLUICE_REASON_ERROR, EIO), 0);
	await_closed(in, -EIO);
	write_row(&span, 0, 16);
	assert_int_equal(sluice_send_commit(in, 16), -EIO);
	assert_text_has(sluice_last_error(), "'in'");
	assert_int_equal(sluice_port_end(out, SLUICE_REASON_NORMAL), 0);
}

static void it_is_closed(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	span = open_reserved(&in, &out);
	write_row(&span, 0, 16);
	/* The teardown sees what is left. */
}

/* ---- consumers come and go ----------------------------------------------- */

/* Of two consumers of "in" "a" reads from the start; "b" may come, and waits for
 * that. */
static void start_with_a(struct sluice_stage *out[2],
			 struct sluice_stage *(*add_a)(const char *,
						       enum sluice_stage_kind,
						       const char *))
{
	out[0] = add_a("a", SLUICE_CONSUMER, NULL);
	out[1] = add_stay("b", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "a", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 64));
	flow_start(pipeline);
}

static void b_subscribes(uint32_t max_demand)
{
	flow_subscribe(pipeline, "b", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = max_demand));
}

/* In a ring whose consumer has gone; what that had not finished goes to the next one
 * before, and the rest after it. */
static void the_consumer_leaves(void **state)
{
	struct sluice_stage *in, *out[2];
	struct sluice_span span;

	(void)state;
	pipeline = flow_open(1);
	in = add_stay("in", SLUICE_PRODUCER, NULL);
	start_with_a(out, add_port);
	send_all(in, 0, 7);
	span = reserve(in, 20);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	write_row(&span, 7, 10);
	assert_int_equal(sluice_port_end(out[0], SLUICE_REASON_NORMAL), 0);
	b_subscribes(64);
	/* Without the user: he is busy. */
	assert_int_equal(recv_row(out[1], 0, 7), 7);
	write_row(&span, 7, 20);
	commit(in, 20);
	assert_int_equal(recv_row(out[1], 7, 20), 20);
	/* And the ring of the new one is known now. */
	span = reserve(in, 1);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	commit(in, 0);
}

/* Its producer looks at it no more. */
static void await_parted(const struct sluice_sub *sub)
{
	const struct subscription *own = subscription_at(pipeline, sub->index);

	for (uint32_t ms = 0; subscription_producer(own) < PRODUCER_RELEASED;
	     ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* A subscription that was made while it ran has memory of its own: not unmapped
 * while somebody writes there, and given back then. */
static void its_memory_stays(void **state)
{
	struct sluice_snapshot *all = NULL;
	struct sluice_stage *in, *out;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline, SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
					.flags = SLUICE_STAGE_PORT,
					.out_bytes = 8, .subscriptions_max = 2,
					.on_idle = SLUICE_IDLE_STAY));
	in = sluice_stage_find(pipeline, "in");
	out = add_stay("out", SLUICE_CONSUMER, NULL);
	flow_start(pipeline);
	for (uint64_t round = 0; round < 10; round++) {
		struct sluice_batch batch;
		struct sluice_span span;
		struct sluice_sub sub;
		uint32_t before;

		flow_subscribe(
			pipeline, "out", "in",
			SLUICE_SUBSCRIPTION(.max_demand = 4096, .sub = &sub));
		assert_int_equal(sluice_send(in, &round, 1, FLOW_DEADLINE_MS),
				 1);
		assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), 1);
		assert_empty(out);
		span = reserve(in, 2000);
		assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		await_consumers(out, 0);
		await_parted(&sub);
		/* Whoever comes next gets another place. */
		before = sub.index;
		flow_subscribe(
			pipeline, "out", "in",
			SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = &sub));
		assert_int_not_equal(sub.index, before);
		write_row(&span, 0, 2000);
		commit(in, 2000);
		assert_int_equal(recv_row(out, 0, 2000), 2000);
		assert_empty(out);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		await_consumers(out, 0);
	}
	assert_int_equal(sluice_pipeline_stat(pipeline, &all), 0);
	assert_in_range(all->subscription_count, 1, 3);
	sluice_snapshot_close(all);
}

/* It is dealt out to both, by who has asked for more. */
static void another_joins(void **state)
{
	struct sluice_stage *in, *out[2];
	struct sluice_batch batch;
	struct sluice_span span;
	uint64_t sum = 0;

	(void)state;
	pipeline = flow_open(1);
	in = add_stay("in", SLUICE_PRODUCER, NULL);
	start_with_a(out, add_stay);
	span = reserve(in, 20);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	write_row(&span, 0, 20);
	b_subscribes(64);
	await_consumers(out[1], 2);
	commit(in, 20);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(sluice_recv(out[i], &batch, FLOW_DEADLINE_MS),
				 10);
		for (uint32_t k = 0; k < 10; k++)
			sum += SLUICE_EVENTS(&batch, uint64_t)[k];
	}
	assert_int_equal(sum, flow_sum(20));
}

/* 10 events of a broadcast, of which "b" has room for 4 by then. */
static void commit_beyond(struct sluice_stage *in, struct sluice_stage *b)
{
	struct sluice_span span = reserve(in, 10);

	write_row(&span, 0, 10);
	b_subscribes(4);
	await_consumers(b, 2);
	commit(in, 10);
}

/* Of a broadcast: it has asked for less than was reserved. What finds no credit
 * waits, in front of all that is sent later, and goes when it is there: nobody need
 * call. */
static void the_room_is_gone(void **state)
{
	struct sluice_stage *in, *out[2];
	struct sluice_batch batch;
	struct sluice_span span;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .flags = SLUICE_STAGE_PORT, .out_bytes = 8,
			      .dispatcher = "broadcast",
			      .buffer_events = SLUICE_BUFFER_NONE,
			      .on_idle = SLUICE_IDLE_STAY));
	in = sluice_stage_find(pipeline, "in");
	start_with_a(out, add_stay);
	commit_beyond(in, out[1]);
	assert_int_equal(flow_stats(pipeline, "in").buffered, 6);
	assert_int_equal(send_row(in, 10, 1, 0), -EAGAIN);
	assert_int_equal(sluice_send_reserve(in, &span, 1, 0), -EAGAIN);
	assert_int_equal(recv_row(out[0], 0, 4), 4);
	assert_empty(out[0]);
	assert_int_equal(recv_row(out[1], 0, 10), 10);
	assert_int_equal(recv_row(out[0], 4, 6), 6);
	assert_empty(out[1]);
	assert_int_equal(send_row(in, 10, 3, FLOW_DEADLINE_MS), 3);
	assert_int_equal(recv_row(out[1], 10, 3), 3);
	assert_int_equal(flow_stats(pipeline, "in").buffered, 0);
	assert_int_equal(sluice_recv(out[0], &batch, 0), 3);
}

/* Whatever waits so comes before the end. */
static void it_ends_behind_what_waits(void **state)
{
	struct sluice_stage *in, *out[2];
	struct sluice_batch batch;

	(void)state;
	pipeline = flow_open(1);
	in = add_stay("in", SLUICE_PRODUCER, "broadcast");
	start_with_a(out, add_port);
	commit_beyond(in, out[1]);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(recv_row(out[1], 0, 10), 10);
	assert_empty(out[1]); /* that is its receipt */
	assert_int_equal(recv_row(out[0], 0, 10), 10);
	assert_int_equal(sluice_recv(out[0], &batch, FLOW_DEADLINE_MS), -EPIPE);
}

/* ---- the consumer fails -------------------------------------------------- */

static struct {
	uint64_t next;
	uint32_t fails;
	uint32_t inits;
} frail;

static int frail_init(struct sluice_stage *self)
{
	(void)self;
	(void)__atomic_add_fetch(&frail.inits, 1, __ATOMIC_RELEASE);
	return 0;
}

static int frail_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	if (frail.fails > 0) {
		frail.fails--;
		return -EIO;
	}
	for (uint32_t i = 0; i < batch->count; i++)
		if (SLUICE_EVENTS(batch, uint64_t)[i] == frail.next)
			frail.next++;
	return SLUICE_OK;
}

/* Its ring is the same afterwards. */
static void the_consumer_is_started_again(void **state)
{
	struct sluice_stage *in;
	struct sluice_span span;

	(void)state;
	memset(&frail, 0, sizeof(frail));
	frail.fails = 1;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "frail", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .init = frail_init,
			      .restart = SLUICE_RESTART_TRANSIENT,
			      .handle_events = frail_events));
	flow_subscribe(pipeline, "frail", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 64));
	flow_start(pipeline);
	send_all(in, 0, 4);
	span = reserve(in, 30);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	write_row(&span, 4, 15);
	for (uint32_t ms = 0;
	     __atomic_load_n(&frail.inits, __ATOMIC_ACQUIRE) < 2; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	write_row(&span, 4, 30);
	commit(in, 30);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(join(), 0);
	assert_int_equal(frail.next, 34);
}

/* ---- demand -------------------------------------------------------------- */

static void as_many_as_were_asked_for(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 64, .sub = &sub,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
	flow_start(pipeline);
	assert_int_equal(sluice_send_reserve(in, &span, 9, 0), -EAGAIN);
	assert_int_equal(sluice_ask(sub, 5), 0);
	assert_empty(out);
	assert_int_equal(sluice_send_reserve(in, &span, 9, FLOW_DEADLINE_MS),
			 5);
	/* What is asked for later is for the next. */
	assert_int_equal(sluice_ask(sub, 5), 0);
	assert_empty(out);
	assert_int_equal(sluice_send_commit(in, 6), -EINVAL);
	write_row(&span, 0, 5);
	commit(in, 2);
	assert_int_equal(recv_row(out, 0, 2), 2);
	put(in, 2, 8);
	assert_int_equal(recv_row(out, 2, 8), 8);
	assert_empty(out);
	assert_int_equal(sluice_send_reserve(in, &span, 1, 0), -EAGAIN);
}

/* Held back, and told of; then they go, and nobody need call. */
static void it_holds_back(void **state)
{
	static const char *const dispatchers[] = {"demand", "broadcast"};
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		pipeline = flow_open(1);
		in = add_port("in", SLUICE_PRODUCER, dispatchers[i / 2]);
		out = add_port("out", SLUICE_CONSUMER, NULL);
		flow_subscribe(pipeline, "out", "in", NULL);
		if (i % 2) { /* which makes the room private, or not */
			flow_add_sink(pipeline, "c0", &sinks[0]);
			flow_subscribe(pipeline, "c0", "in", NULL);
		}
		flow_start(pipeline);
		span = reserve(in, 12);
		write_row(&span, 0, 12);
		assert_int_equal(
			sluice_demand_set(in, SLUICE_DEMAND_ACCUMULATE), 0);
		commit(in, 12);
		assert_empty(out);
		assert_int_equal(flow_stats(pipeline, "in").held, 12);
		assert_int_equal(sluice_send_reserve(in, &span, 1, 0), -EAGAIN);
		assert_int_equal(sluice_demand_set(in, SLUICE_DEMAND_FORWARD),
				 0);
		assert_true(sluice_recv(out, &(struct sluice_batch){0},
					FLOW_DEADLINE_MS) > 0);
		sluice_pipeline_close(pipeline);
		pipeline = NULL;
		memset(sinks, 0, sizeof(sinks));
	}
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(the_user_ends),
	cmocka_unit_test(the_pipeline_stops),
	cmocka_unit_test(the_pipeline_drains),
	cmocka_unit_test(it_is_told_to_end),
	cmocka_unit_test(it_is_closed),
	cmocka_unit_test(the_consumer_leaves),
	cmocka_unit_test(its_memory_stays),
	cmocka_unit_test(another_joins),
	cmocka_unit_test(the_room_is_gone),
	cmocka_unit_test(it_ends_behind_what_waits),
	cmocka_unit_test(the_consumer_is_started_again),
	cmocka_unit_test(as_many_as_were_asked_for),
	cmocka_unit_test(it_holds_back),
};

int main(void)
{
	ports_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("port_span_meanwhile", tests, NULL,
					   NULL);
}
