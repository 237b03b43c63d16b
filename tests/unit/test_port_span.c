/* SPDX-License-Identifier: Apache-2.0 */
/* Room reserved at a port: where it is, who sees what is written there, and what is
 * refused. */
#include "spans.h"

/* ---- in the ring --------------------------------------------------------- */

/* Nothing is there before the commit, and then what was committed. */
static void nothing_before_the_commit(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	open_pair(16, &in, &out);
	span = reserve(in, 10);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	write_row(&span, 0, 10);
	assert_empty(out);
	commit(in, 7);
	assert_int_equal(recv_row(out, 0, 7), 7);
	assert_empty(out);
	assert_int_equal(flow_stats(pipeline, "in").events_out, 7);
	assert_int_equal(flow_stats(pipeline, "out").events_in, 7);
}

/* The room lies where it will be read. */
static void nothing_is_copied(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	open_pair(16, &in, &out);
	for (uint32_t round = 0; round < 8; round++) {
		struct sluice_span span = reserve(in, 4);

		write_row(&span, 0, 4);
		commit(in, 4);
		assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), 4);
		assert_ptr_equal(batch.events, span.events);
	}
}

static void none_is_committed(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span first, second;

	(void)state;
	open_pair(16, &in, &out);
	first = reserve(in, 16);
	write_row(&first, 100, 16);
	commit(in, 0);
	assert_empty(out);
	second = reserve(in, 16);
	assert_ptr_equal(second.events, first.events);
	commit(in, 0);
	send_all(in, 0, 16);
	assert_int_equal(recv_row(out, 0, 16), 16);
}

/* A span ends where the ring does, and goes on at its beginning. */
static void round_the_ring(void **state)
{
	struct sluice_stage *in, *out;
	uint64_t sent = 0;

	(void)state;
	open_pair(16, &in, &out);
	while (sent < 1000) {
		struct sluice_span span;
		int rc = sluice_send_reserve(in, &span, 5, 0);
		uint64_t row = 16 - sent % 16;

		assert_int_equal(rc, row < 5 ? row : 5);
		write_row(&span, sent, span.count);
		commit(in, span.count);
		assert_int_equal(recv_row(out, sent, span.count), span.count);
		assert_empty(out);
		sent += span.count;
	}
}

static void as_much_as_there_is_credit(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	open_pair(10, &in, &out);
	assert_int_equal(sluice_send_reserve(in, &span, 64, 0), 10);
	write_row(&span, 0, 10);
	commit(in, 10);
	assert_int_equal(sluice_send_reserve(in, &span, 1, 0), -EAGAIN);
	assert_int_equal(sluice_send_reserve(in, &span, 1, 20), -EAGAIN);
	assert_text_has(sluice_last_error(), "no credit");
	assert_int_equal(recv_row(out, 0, 10), 10);
	assert_empty(out);
	put(in, 10, 6); /* to the end of 16 slots */
	put(in, 16, 4);
	assert_int_equal(recv_row(out, 10, 10), 10);
}

/* What a reserve waits for is what a consumer grants. */
static void it_waits_for_credit(void **state)
{
	struct sluice_stage *in, *out;
	uint64_t sent = 0;

	(void)state;
	open_pair(16, &in, &out);
	spawn(&workers[0], run_receiver, out);
	while (sent < 20000) {
		struct sluice_span span;
		int rc = sluice_send_reserve(in, &span, 16, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		write_row(&span, sent, span.count);
		commit(in, span.count);
		sent += span.count;
	}
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	await(&workers[0]);
	assert_int_equal(workers[0].rc, -EPIPE);
	assert_int_equal(workers[0].events, sent);
	assert_int_equal(workers[0].sum, flow_sum(sent));
	assert_int_equal(workers[0].disorder, 0);
}

/* Port "in" -> ports "a" and "b". */
static struct sluice_stage *open_shared(const char *dispatcher,
					struct sluice_stage *out[2])
{
	struct sluice_stage *in;

	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, dispatcher);
	out[0] = add_port("a", SLUICE_CONSUMER, NULL);
	out[1] = add_port("b", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "a", "in", NULL);
	flow_subscribe(pipeline, "b", "in", NULL);
	flow_start(pipeline);
	return in;
}

/* One ring for all: each reads what was written once. */
static void a_broadcast(void **state)
{
	struct sluice_stage *in, *out[2];
	struct sluice_batch batch;
	struct sluice_span span;

	(void)state;
	in = open_shared("broadcast", out);
	span = reserve(in, 9);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	write_row(&span, 0, 9);
	assert_empty(out[0]);
	assert_empty(out[1]);
	commit(in, 9);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(sluice_recv(out[i], &batch, FLOW_DEADLINE_MS),
				 9);
		assert_ptr_equal(batch.events, span.events);
	}
}

/* ---- in memory of the port's --------------------------------------------- */

/* Who gets them is not known before: they are dealt out by the commit. */
static void two_consumers_share(void **state)
{
	struct sluice_stage *in, *out[2];
	struct sluice_batch batch;
	struct sluice_span span;
	uint64_t sum = 0;

	(void)state;
	in = open_shared("demand", out);
	span = reserve(in, 20);
	assert_int_equal(span.flags, 0);
	write_row(&span, 0, 20);
	assert_empty(out[0]);
	assert_empty(out[1]);
	commit(in, 12);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(sluice_recv(out[i], &batch, 0), 6);
		for (uint32_t k = 0; k < 6; k++)
			sum += SLUICE_EVENTS(&batch, uint64_t)[k];
	}
	assert_int_equal(sum, flow_sum(12));
	/* It is empty again for the next. */
	assert_ptr_equal(reserve(in, 20).events, span.events);
	commit(in, 0);
}

static uint64_t low_bits(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, bytes);
	return value % 8 == 7 ? SLUICE_KEY_NONE : value % 8;
}

/* Whatever chooses: sent are all, and none twice. */
static void deal_through(const struct sluice_strategy *strategy,
			 uint32_t consumers)
{
	const char *dispatcher = strategy->name;
	int keys = (strategy->needs & SLUICE_NEEDS_KEYS) != 0;
	int named = strcmp(dispatcher, "hash") == 0;
	struct sluice_stage *in;
	uint64_t sent = 0;
	uint64_t got = 0;
	uint64_t sum = 0;
	struct rng rng = {consumers};

	memset(sinks, 0, sizeof(sinks));
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .flags = SLUICE_STAGE_PORT, .out_bytes = 8,
			      .dispatcher = dispatcher,
			      .key_of = keys ? low_bits : NULL,
			      .partitions = named ? 8 : 0));
	in = sluice_stage_find(pipeline, "in");
	for (uint32_t i = 0; i < consumers; i++) {
		flow_add_sink(pipeline, sink_names[i], &sinks[i]);
		for (uint32_t k = i; k < 8; k += consumers) {
			flow_subscribe(
				pipeline, sink_names[i], "in",
				SLUICE_SUBSCRIPTION(
						.max_demand = 16,
						.partition =
							named ? SLUICE_PARTITION(
									k)
							      : 0));
			if (!named)
				break;
		}
	}
	flow_start(pipeline);
	while (sent < 5000) {
		struct sluice_span span;
		int rc = sluice_send_reserve(
			in, &span, rng_between(&rng, 1, 40), FLOW_DEADLINE_MS);
		uint32_t n;

		if (rc <= 0)
			fail_msg("%s: %s", dispatcher, sluice_last_error());
		n = rng_between(&rng, 0, span.count);
		write_row(&span, sent, n);
		commit(in, n);
		sent += n;
	}
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(join(), 0);
	for (uint32_t i = 0; i < consumers; i++) {
		got += sinks[i].events;
		sum += sinks[i].sum;
	}
	got += flow_stats(pipeline, "in").discarded;
	if (strcmp(dispatcher, "broadcast") == 0)
		assert_int_equal(got, consumers * sent);
	else
		assert_int_equal(got, sent);
	if (flow_stats(pipeline, "in").discarded == 0)
		assert_int_equal(sum, got / sent * flow_sum(sent));
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
}

static void every_dispatcher(void **state)
{
	const struct sluice_strategy *strategy;

	(void)state;
	for (uint32_t i = 0; (strategy = sluice_strategy_at(i)) != NULL; i++) {
		if (strcmp(strategy->name, "ordered") == 0)
			continue; /* a port's events cannot be numbered */
		for (uint32_t n = 1; n <= UNIT_COUNT(sinks); n++)
			deal_through(strategy, n);
	}
}

/* A port as @opts say, "in" -> port "out"; and 16 events, written apart. */
static void send_apart(const struct sluice_stage_opts *opts,
		       struct sluice_stage **out)
{
	struct sluice_stage *in;
	struct sluice_span span;

	pipeline = flow_open(1);
	flow_add(pipeline, opts);
	in = sluice_stage_find(pipeline, "in");
	*out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_start(pipeline);
	span = reserve(in, 16);
	assert_int_equal(span.flags, 0);
	write_row(&span, 0, 16);
	commit(in, 16);
}

/* Who looks at the events may drop some, alone as it is. */
static void a_key_is_looked_at(void **state)
{
	struct sluice_batch batch;
	struct sluice_stage *out;

	(void)state;
	send_apart(SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
				.flags = SLUICE_STAGE_PORT, .out_bytes = 8,
				.dispatcher = "partition", .key_of = low_bits),
		   &out);
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), 14);
	assert_int_equal(flow_stats(pipeline, "in").discarded, 2);
}

/* A strategy of the program's own may drop them as well. */
static void a_strategy_of_ones_own(void **state)
{
	struct sluice_strategy mine = *sluice_strategy_find("demand");
	struct sluice_stage *out;

	(void)state;
	mine.name = "mine";
	send_apart(SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
				.flags = SLUICE_STAGE_PORT, .out_bytes = 8,
				.strategy = &mine),
		   &out);
	assert_int_equal(recv_row(out, 0, 16), 16);
	/* Before its strategy goes. */
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
}

/* Each call has a limit: that of a callback's emission. */
static void a_span_has_a_limit(void **state)
{
	struct sluice_stage *in;
	struct sluice_span span;

	(void)state;
	for (uint32_t consumers = 1; consumers <= 2; consumers++) {
		pipeline = flow_open(1);
		flow_add(pipeline,
			 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
				      .flags = SLUICE_STAGE_PORT,
				      .out_bytes = 8, .batch_events = 24,
				      .buffer_events = SLUICE_BUFFER_NONE));
		in = sluice_stage_find(pipeline, "in");
		memset(sinks, 0, sizeof(sinks));
		for (uint32_t i = 0; i < consumers; i++) {
			flow_add_sink(pipeline, sink_names[i], &sinks[i]);
			flow_subscribe(pipeline, sink_names[i], "in", NULL);
		}
		flow_start(pipeline);
		assert_int_equal(sluice_send_reserve(in, &span, UINT32_MAX, 0),
				 24);
		write_row(&span, 0, 24);
		commit(in, 24);
		assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
		assert_int_equal(join(), 0);
		assert_int_equal(sinks[0].events + sinks[1].events, 24);
		sluice_pipeline_close(pipeline);
		pipeline = NULL;
	}
}

/* ---- beside the dispatcher ----------------------------------------------- */

static void onlookers_see_them(void **state)
{
	struct sluice_stage *in, *out, *tee, *latest;
	struct sluice_batch batch;
	struct sluice_span span;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	tee = add_port("tee", SLUICE_CONSUMER, NULL);
	latest = add_port("latest", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_subscribe(pipeline, "tee", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .tee = 2));
	flow_subscribe(pipeline, "latest", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 8,
					   .key_of = low_bits));
	flow_start(pipeline);
	span = reserve(in, 6);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	write_row(&span, 0, 6);
	assert_empty(tee);
	assert_empty(latest);
	commit(in, 6);
	assert_int_equal(recv_row(out, 0, 6), 6);
	assert_int_equal(sluice_recv(tee, &batch, FLOW_DEADLINE_MS), 3);
	assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[2] -
				 SLUICE_EVENTS(&batch, uint64_t)[0],
			 4);
	/* One at a time; the rest waits for it, and comes without another send. */
	for (uint64_t i = 0; i < 6; i++) {
		assert_int_equal(sluice_recv(latest, &batch, FLOW_DEADLINE_MS),
				 1);
		assert_int_equal(*SLUICE_EVENTS(&batch, uint64_t), i);
	}
}

/* ---- wrong use ----------------------------------------------------------- */

static void one_at_a_time(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span, other;

	(void)state;
	open_pair(16, &in, &out);
	assert_int_equal(sluice_send_commit(in, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'in': 0 events committed, 0");
	assert_int_equal(sluice_send_commit(in, 1), -EINVAL);
	span = reserve(in, 3);
	assert_int_equal(sluice_send_reserve(in, &other, 1, 0), -EBUSY);
	assert_text_has(sluice_last_error(), "'in': 3 events are reserved");
	assert_int_equal(send_row(in, 0, 1, 0), -EBUSY);
	assert_text_has(sluice_last_error(), "'in': 3 events are reserved");
	/* More than there is room for, and then it is there still. */
	assert_int_equal(sluice_send_commit(in, 4), -EINVAL);
	assert_text_has(sluice_last_error(), "4 events committed, 3 reserved");
	write_row(&span, 0, 3);
	commit(in, 3);
	assert_int_equal(sluice_send_commit(in, 1), -EINVAL);
	assert_int_equal(recv_row(out, 0, 3), 3);
}

static void wrong_use_is_refused(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_add_source(pipeline, "source", &source);
	assert_int_equal(sluice_send_reserve(in, &span, 1, 0), -EBUSY);
	assert_text_has(sluice_last_error(), "'in' has not been started");
	assert_int_equal(sluice_send_commit(in, 1), -EBUSY);
	assert_int_equal(sluice_send_reserve(NULL, &span, 1, 0), -EINVAL);
	assert_int_equal(sluice_send_commit(NULL, 1), -EINVAL);
	assert_int_equal(sluice_send_reserve(in, NULL, 1, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'in': span is NULL");
	assert_int_equal(sluice_send_reserve(in, &span, 0, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'in': room for 0 events");
	assert_int_equal(sluice_send_reserve(out, &span, 1, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'out': this port does not send");
	assert_int_equal(sluice_send_commit(out, 1), -EINVAL);
	assert_int_equal(
		sluice_send_reserve(sluice_stage_find(pipeline, "source"),
				    &span, 1, 0),
		-EINVAL);
	assert_text_has(sluice_last_error(), "'source' is no port");
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_before_the_commit),
	cmocka_unit_test(nothing_is_copied),
	cmocka_unit_test(none_is_committed),
	cmocka_unit_test(round_the_ring),
	cmocka_unit_test(as_much_as_there_is_credit),
	cmocka_unit_test(it_waits_for_credit),
	cmocka_unit_test(a_broadcast),
	cmocka_unit_test(two_consumers_share),
	cmocka_unit_test(every_dispatcher),
	cmocka_unit_test(a_key_is_looked_at),
	cmocka_unit_test(a_strategy_of_ones_own),
	cmocka_unit_test(a_span_has_a_limit),
	cmocka_unit_test(onlookers_see_them),
	cmocka_unit_test(one_at_a_time),
	cmocka_unit_test(wrong_use_is_refused),
};

int main(void)
{
	ports_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("port_span", tests, NULL, NULL);
}
