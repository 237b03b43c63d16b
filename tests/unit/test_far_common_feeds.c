/* SPDX-License-Identifier: Apache-2.0 */
/* The ring that is read here lies in another process, and all consumers of a stage
 * there read it. That stage is played by the test; test_far_common.c is the other
 * end. */
#include "far_end.h"

#define START 1000u
#define RING  64u
#define ENDED SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 9)

static struct far_stream stream;
static uint64_t slots[RING];
static struct sluice_stage *port;
static struct sluice_batch batch;

/* A port that reads what the stand-in's process writes. */
static void attach(uint32_t flags)
{
	struct subscription_far end;

	memset(&far, 0, sizeof(far));
	memset(&stream, 0, sizeof(stream));
	memset(&sink, 0, sizeof(sink));
	released = 0;
	pipeline = flow_open(1);
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .out_bytes = 8,
					.kind = SLUICE_PRODUCER,
					.on_idle = SLUICE_IDLE_STAY,
					.flags = SLUICE_STAGE_PORT));
	flow_start(pipeline);
	flow_add(pipeline, SLUICE_STAGE(.name = "port", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT));
	stand = sluice_stage_find(pipeline, "peer");
	port = sluice_stage_find(pipeline, "port");
	end = far_end(FAR_PRODUCER);
	end.slots = (sluice_slot *)slots;
	end.stream = &stream;
	end.capacity = RING;
	end.trusted = 1;
	assert_int_equal(
		subscribe_far(pipeline, "port", "peer",
			      SLUICE_SUBSCRIPTION(.max_demand = WINDOW,
						  .flags = flags, .sub = &sub),
			      &end),
		0);
}

/* It is let in, at START. */
static void begin(void)
{
	sluice_store_release(&far.tx.published, START);
	sluice_store_release(&stream.start, START);
	sluice_store_release(&stream.begun, 1);
	stage_signal(stand, SIGNAL_SUBS);
}

static void publish(uint64_t to)
{
	for (uint64_t at = to - RING; at != to; at++)
		slots[at % RING] = at;
	sluice_store_release(&far.tx.published, to);
	ring("port");
}

/* The next ones, up to @to. */
static void receive(uint64_t to)
{
	uint64_t at;

	do {
		assert_true(sluice_recv(port, &batch, FLOW_DEADLINE_MS) > 0);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 batch.seq + i);
		at = batch.seq + batch.count;
	} while (at != to);
}

static void is_over(enum sluice_reason reason, uint32_t code)
{
	struct sluice_port_status status;

	assert_true(sluice_recv(port, &batch, FLOW_DEADLINE_MS) < 0);
	assert_true(sluice_port_closed(port, &status) < 0);
	assert_int_equal(status.reason, reason);
	assert_int_equal(status.code, code);
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

/* Nothing is granted before, and nothing but its own share after. */
static void it_begins_where_it_is_let_in(void **state)
{
	(void)state;
	attach(0);
	assert_int_equal(sluice_recv(port, &batch, 20), -EAGAIN);
	assert_int_equal(sluice_load_acquire(&far.rx.granted), 0);
	begin();
	wait_for(is_open);
	publish(START + 5);
	receive(START + 5);
	assert_int_equal(sluice_load_acquire(&far.rx.acked), START);
	assert_true(sluice_load_acquire(&far.rx.granted) <= START + WINDOW);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	assert_int_equal(sluice_load_acquire(&far.rx.acked), START + 5);
	sluice_store_release(&stream.end, START + 5);
	sluice_store_release(&stream.closed, ENDED);
	ring("port");
	is_over(SLUICE_REASON_SHUTDOWN, 9);
}

/* Others read on, and the ring goes round: it takes none of that, and breaks
 * nothing. */
static void it_ends_before_the_others(void **state)
{
	(void)state;
	attach(0);
	begin();
	sluice_store_release(&stream.end, START + 5);
	sluice_store_release(&stream.closed, ENDED);
	publish(START + WINDOW);
	receive(START + 5);
	publish(START + 10 * RING);
	is_over(SLUICE_REASON_SHUTDOWN, 9);
}

/* Its place was given up while it had a batch in hand: what it does with that is
 * nobody's business any more. */
static void its_place_is_given_up(void **state)
{
	(void)state;
	attach(0);
	begin();
	publish(START + 8);
	receive(START + 8);
	sluice_store_release(&stream.end, START);
	sluice_store_release(&stream.closed, ENDED);
	publish(START + 10 * RING);
	is_over(SLUICE_REASON_SHUTDOWN, 9);
}

/* What had been published by then is received. */
static void its_engine_dies(void **state)
{
	(void)state;
	attach(0);
	begin();
	wait_for(is_open);
	publish(START + 12);
	assert_int_equal(
		sluice_stage_end(stand, SLUICE_REASON_ERROR, EOWNERDEAD), 0);
	receive(START + 12);
	is_over(SLUICE_REASON_ERROR, EOWNERDEAD);
}

static void its_engine_dies_before(void **state)
{
	(void)state;
	attach(0);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	assert_int_equal(
		sluice_stage_end(stand, SLUICE_REASON_ERROR, EOWNERDEAD), 0);
	is_over(SLUICE_REASON_ERROR, EOWNERDEAD);
}

static int has_asked(void)
{
	return sluice_load_acquire(&far.rx.granted) != 0;
}

/* The first ask is told before it is let in; then they count from there. */
static void it_asks(void **state)
{
	(void)state;
	attach(SLUICE_SUBSCRIBE_MANUAL);
	assert_int_equal(sluice_recv(port, &batch, 20), -EAGAIN);
	assert_false(has_asked());
	assert_int_equal(sluice_ask(sub, 7), 0);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	wait_for(has_asked);
	assert_int_equal(sluice_load_acquire(&far.rx.granted), 7);
	begin();
	wait_for(is_open);
	assert_int_equal(sluice_load_acquire(&far.rx.granted), START + 7);
	publish(START + 7);
	receive(START + 7);
	assert_int_equal(sluice_ask(sub, 2 * RING), 0);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	assert_int_equal(sluice_load_acquire(&far.rx.granted),
			 START + 7 + RING);
	sluice_store_release(&stream.end, START + 7);
	sluice_store_release(&stream.closed, ENDED);
	ring("port");
	is_over(SLUICE_REASON_SHUTDOWN, 9);
}

/* More than a ring ahead no producer is. */
static void it_is_told_nonsense(void **state)
{
	(void)state;
	attach(0);
	begin();
	wait_for(is_open);
	sluice_store_release(&far.tx.published, START + RING + 1);
	ring("port");
	is_over(SLUICE_CLOSED_REASON(SLUICE_CLOSED_BROKEN),
		SLUICE_CLOSED_CODE(SLUICE_CLOSED_BROKEN));
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_where_it_is_let_in),
		cmocka_unit_test(it_ends_before_the_others),
		cmocka_unit_test(its_place_is_given_up),
		cmocka_unit_test(its_engine_dies),
		cmocka_unit_test(its_engine_dies_before),
		cmocka_unit_test(it_asks),
		cmocka_unit_test(it_is_told_nonsense),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
