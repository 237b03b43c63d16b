/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: what their calls answer, how they end, and what is refused. */
#include "ports.h"

/* ---- one pair, one thread ------------------------------------------------ */

static void nothing_comes_in_time(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	open_pair(10, &in, &out);
	assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
	assert_int_equal(sluice_recv(out, &batch, 20), -EAGAIN);
	assert_int_equal(send_row(in, 0, 1, 0), 1);
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
}

/* Credit is the ring: a prefix is taken, then none, until the other side has
 * received and let go. */
static void back_pressure(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	int sent = 0;
	int got = 0;
	int rc;

	(void)state;
	open_pair(10, &in, &out);
	while ((rc = send_row(in, (uint64_t)sent, 64, 0)) > 0)
		sent += rc;
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(sent, 10);
	assert_int_equal(send_row(in, 10, 1, 20), -EAGAIN);
	while (got < sent) {
		rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);
		assert_true(rc > 0);
		got += rc;
	}
	/* The last batch is let go by the next call. */
	assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
	sent = 0;
	while ((rc = send_row(in, 10 + (uint64_t)sent, 64, 0)) > 0)
		sent += rc;
	assert_int_equal(sent, 10);
	assert_int_equal(recv_row(out, 10, 10), 10);
}

static void an_empty_send(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	open_pair(10, &in, &out);
	/* "any number": none is taken at once, credit or not. */
	assert_int_equal(sluice_send(in, NULL, 0, 0), 0);
	send_all(in, 0, 10);
	assert_int_equal(sluice_send(in, NULL, 0, 0), 0);
	assert_int_equal(recv_row(out, 0, 10), 10);
}

static void one_thread_both_ends(void **state)
{
	struct rng rng = rng_start("one_thread_both_ends");
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	uint64_t sent = 0;
	uint64_t got = 0;

	(void)state;
	open_pair(100, &in, &out);
	while (got < 100000) {
		int rc = send_row(in, sent, rng_between(&rng, 1, 200), 0);

		if (rc > 0)
			sent += (uint32_t)rc;
		else
			assert_int_equal(rc, -EAGAIN);
		if (rng_below(&rng, 2))
			continue;
		rc = sluice_recv(out, &batch, 0);
		if (rc == -EAGAIN)
			continue;
		assert_true(rc > 0);
		assert_int_equal(batch.seq, got);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 got++);
	}
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	if (sent > got)
		(void)recv_row(out, got, (uint32_t)(sent - got));
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), -EPIPE);
	assert_int_equal(join(), 0);
	assert_int_equal(flow_stats(pipeline, "in").events_out, sent);
	assert_int_equal(flow_stats(pipeline, "out").events_in, sent);
}

/* ---- ends ---------------------------------------------------------------- */

static void the_sender_ends(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	open_pair(10, &in, &out);
	send_all(in, 0, 7);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), -EALREADY);
	assert_int_equal(send_row(in, 7, 1, 0), -EPIPE);
	assert_int_equal(recv_row(out, 0, 7), 7);
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), -EPIPE);
	assert_int_equal(sluice_recv(out, &batch, 0), -EPIPE);
	assert_int_equal(join(), 0);
}

static void the_receiver_ends(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	open_pair(10, &in, &out);
	send_all(in, 0, 7);
	assert_true(sluice_recv(out, &batch, FLOW_DEADLINE_MS) > 0);
	assert_int_equal(sluice_port_end(out, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_recv(out, &batch, 0), -EPIPE);
	/* Its producer ends with its last consumer. */
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		int rc = send_row(in, 7, 1, 1);

		if (rc == -EPIPE)
			break;
		assert_true(rc == 1 || rc == -EAGAIN);
	}
	assert_int_equal(send_row(in, 7, 1, 0), -EPIPE);
	/* Not all that was sent has been received, and nobody is left. */
	assert_int_equal(join(), -EPIPE);
}

/* What a receiver was not handed goes back, and the next one gets it. */
static void what_was_not_received_goes_back(void **state)
{
	struct sluice_stage *in, *out, *next;
	struct sluice_batch batch;
	uint64_t got;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .on_idle = SLUICE_IDLE_STAY));
	in = sluice_stage_find(pipeline, "in");
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_add(pipeline, SLUICE_STAGE(.name = "next", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT,
					.on_idle = SLUICE_IDLE_STAY));
	next = sluice_stage_find(pipeline, "next");
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12));
	flow_start(pipeline);
	send_all(in, 0, 16);
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), 4);
	got = batch.count;
	assert_int_equal(sluice_port_end(out, SLUICE_REASON_NORMAL), 0);
	flow_subscribe(pipeline, "next", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 100));
	/* The sender takes no part in it. */
	for (int sent = 0; got < 36;) {
		int rc;

		if (got == 16 && !sent) {
			send_all(in, 16, 20);
			sent = 1;
		}
		rc = sluice_recv(next, &batch, FLOW_DEADLINE_MS);
		assert_true(rc > 0);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 got++);
	}
}

static void stop_ends_ports(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	open_pair(10, &in, &out);
	send_all(in, 0, 5);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(send_row(in, 5, 1, FLOW_DEADLINE_MS), -ECANCELED);
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS),
			 -ECANCELED);
	assert_int_equal(join(), -ECANCELED);
}

/* ---- several, and subscriptions while running ---------------------------- */

/* Two ports into one sink, whose thread is this one; and a third that joins. */
static void several_senders(void **state)
{
	static const char *const names[] = {"p0", "p1", "p2"};
	struct sluice_stage *port[3];

	(void)state;
	pipeline = flow_open(1);
	flow_add_sink(pipeline, "sink", &sinks[0]);
	for (uint32_t i = 0; i < 3; i++) {
		flow_add(pipeline,
			 SLUICE_STAGE(.name = names[i], .kind = SLUICE_PRODUCER,
				      .out_bytes = 8,
				      .flags = SLUICE_STAGE_PORT,
				      .on_idle = SLUICE_IDLE_STAY));
		port[i] = sluice_stage_find(pipeline, names[i]);
		if (i < 2)
			flow_subscribe(pipeline, "sink", names[i], NULL);
	}
	flow_start(pipeline);
	send_all(port[0], 0, 5000);
	assert_int_equal(send_row(port[2], 0, 1, 0), -EAGAIN);
	flow_subscribe(pipeline, "sink", "p2", NULL);
	send_all(port[2], 0, 5000);
	send_all(port[1], 0, 5000);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(sluice_port_end(port[i], SLUICE_REASON_NORMAL),
				 0);
	assert_int_equal(join(), 0);
	assert_int_equal(sinks[0].events, 15000);
	assert_int_equal(sinks[0].sum, 3 * flow_sum(5000));
	assert_int_equal(sinks[0].gaps, 0);
}

/* ---- wrong use ----------------------------------------------------------- */

static void wrong_use_is_refused(void **state)
{
	struct sluice_stage *in, *out, *sink;
	struct sluice_batch batch;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .in_bytes = 8,
			      .kind = SLUICE_CONSUMER,
			      .handle_events = flow_collect, .state = &sinks[0],
			      .on_idle = SLUICE_IDLE_STAY));
	sink = sluice_stage_find(pipeline, "sink");
	assert_int_equal(send_row(in, 0, 1, 0), -EBUSY);
	assert_text_has(sluice_last_error(), "'in' has not been started");
	assert_int_equal(sluice_recv(out, &batch, 0), -EBUSY);
	assert_int_equal(sluice_port_end(out, SLUICE_REASON_NORMAL), -EBUSY);
	flow_start(pipeline);
	assert_int_equal(send_row(out, 0, 1, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'out': this port does not send");
	assert_int_equal(sluice_recv(in, &batch, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "does not receive");
	assert_int_equal(sluice_recv(sink, &batch, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'sink' is no port");
	assert_int_equal(sluice_port_end(sink, SLUICE_REASON_NORMAL), -EINVAL);
	/* An end without a reason would be none. */
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_OPEN), -EINVAL);
	assert_text_has(sluice_last_error(), "'in': reason 0");
	assert_int_equal(sluice_port_end(in, (enum sluice_reason)99), -EINVAL);
	assert_int_equal(sluice_send(in, NULL, 3, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'in': events is NULL, but 3");
	/* A second thread at the same port. */
	spawn(&workers[0], run_receiver, out);
	wait_ready(&workers[0]);
	for (uint32_t ms = 0; sluice_recv(out, &batch, 0) != -EBUSY; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_text_has(sluice_last_error(), "another thread");
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	await(&workers[0]);
	assert_int_equal(workers[0].rc, -EPIPE);
}

static int emit_nothing(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static void ports_have_no_callbacks(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	assert_int_equal(
		sluice_stage_add(pipeline,
				 SLUICE_STAGE(.name = "in", .out_bytes = 8,
					      .kind = SLUICE_PRODUCER,
					      .flags = SLUICE_STAGE_PORT,
					      .handle_demand = emit_nothing)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "'in'");
	assert_int_equal(
		sluice_stage_add(pipeline,
				 SLUICE_STAGE(.name = "out", .in_bytes = 8,
					      .kind = SLUICE_CONSUMER,
					      .flags = SLUICE_STAGE_PORT,
					      .handle_events = flow_collect)),
		-EINVAL);
	assert_int_equal(
		sluice_stage_add(pipeline,
				 SLUICE_STAGE(.name = "both", .in_bytes = 8,
					      .out_bytes = 8,
					      .kind = SLUICE_PRODUCER_CONSUMER,
					      .flags = SLUICE_STAGE_PORT)),
		-EINVAL);
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_comes_in_time),
	cmocka_unit_test(back_pressure),
	cmocka_unit_test(an_empty_send),
	cmocka_unit_test(one_thread_both_ends),
	cmocka_unit_test(the_sender_ends),
	cmocka_unit_test(the_receiver_ends),
	cmocka_unit_test(what_was_not_received_goes_back),
	cmocka_unit_test(stop_ends_ports),
	cmocka_unit_test(several_senders),
	cmocka_unit_test(wrong_use_is_refused),
	cmocka_unit_test(ports_have_no_callbacks),
};

int main(void)
{
	ports_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
