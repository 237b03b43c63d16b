/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription whose one end another process has: that process is played by the
 * test, which writes the words that are its own, and sometimes nonsense. */
#include "engine/control/control_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/link/far_priv.h"
#include "engine/run/port_priv.h"
#include "flow.h"

#define EVENTS 200u
#define WINDOW 16u

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;
static uint32_t flagged;           /* events that the sink got again */
static struct sluice_stage *stand; /* stands for the process */
static struct sluice_sub sub;
static uint32_t released;

/* What both have mapped. */
static struct {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	struct notes notes;
	sluice_a32 notes_read;
	uint64_t slots[WINDOW];
} far;

static struct sluice_spsc_reader reader;
static struct sluice_spsc_writer writer;

static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = WINDOW};

static int collect(struct sluice_stage *self, const struct sluice_batch *batch)
{
	if (batch->flags & SLUICE_BATCH_REDELIVERED)
		flagged += batch->count;
	return flow_collect(self, batch);
}

static void release(void *ctx)
{
	assert_ptr_equal(ctx, &far);
	released++;
}

static struct subscription_far far_end(enum far_side side)
{
	return (struct subscription_far){
		.side = side,
		.tx = &far.tx,
		.rx = &far.rx,
		.slots = (sluice_slot *)far.slots,
		.notes = &far.notes,
		.notes_read = &far.notes_read,
		.release = release,
		.ctx = &far,
	};
}

static void wait_for(int (*reached)(void))
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && !reached(); ms++)
		flow_sleep_ms(1);
	assert_true(reached());
}

static int is_open(void)
{
	struct sluice_subscription_stats stat;

	return sluice_subscription_stat(sub, &stat) == 0 &&
	       subscription_consumer(subscription_at(pipeline, sub.index)) ==
		       CONSUMER_OPEN;
}

static void subscribe_as(enum far_side side, const char *consumer,
			 const char *producer)
{
	struct subscription_far end = far_end(side);

	assert_int_equal(subscribe_far(pipeline, consumer, producer,
				       SLUICE_SUBSCRIPTION(.max_demand = WINDOW,
							   .sub = &sub),
				       &end),
			 0);
	wait_for(is_open);
}

/* A source whose other consumer asks for nothing until it is told to. */
static void start_source(const char *dispatcher, struct sluice_sub *other)
{
	memset(&far, 0, sizeof(far));
	memset(&sink, 0, sizeof(sink));
	released = 0;
	source = (struct flow_source){.end = EVENTS, .most = 8};
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = dispatcher, .state = &source));
	flagged = 0;
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = 8, .handle_events = collect,
					.state = &sink));
	flow_subscribe(pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.flags = SLUICE_SUBSCRIBE_MANUAL,
					   .max_demand = WINDOW, .sub = other));
	flow_start(pipeline);
}

static void add_reader(void)
{
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT));
}

static void come_to_read(void)
{
	add_reader();
	stand = sluice_stage_find(pipeline, "peer");
	subscribe_as(FAR_CONSUMER, "peer", "source");
	sluice_spsc_reader_attach(&reader, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8, &credit);
}

static void ring(const char *name)
{
	sluice_bell_ring(sluice_stage_find(pipeline, name)->bell,
			 pipeline->host.wait);
}

static void ask(void)
{
	(void)sluice_spsc_release(&reader, 0);
	ring("source");
}

/* @n events at least: the next ones, in order, from *next on. */
static void read_events(uint32_t n, uint64_t *next)
{
	for (uint32_t got = 0; got < n;) {
		const sluice_slot *first;
		uint32_t k = sluice_spsc_peek(&reader, WINDOW, &first);

		for (uint32_t i = 0; i < k; i++) {
			uint64_t event;

			memcpy(&event, first + (size_t)i * 8, 8);
			assert_int_equal(event, (*next)++);
		}
		(void)sluice_spsc_release(&reader, k);
		ring("source");
		got += k;
	}
}

static void leave(enum sluice_reason reason)
{
	assert_int_equal(sluice_port_end(stand, reason), 0);
}

static void join_and_close(int rc)
{
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), rc);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

static void take_rest(struct sluice_sub other)
{
	assert_int_equal(sluice_ask(other, EVENTS), 0);
}

/* ---- it reads ------------------------------------------------------------ */

static void it_reads_all(void **state)
{
	struct sluice_sub other;
	uint64_t next = 0;

	(void)state;
	start_source("demand", &other);
	come_to_read();
	ask();
	read_events(EVENTS, &next);
	/* Who has finished says so; the source waits for its other consumer. */
	take_rest(other);
	while (sluice_spsc_ended(&reader) == SLUICE_REASON_OPEN)
		flow_sleep_ms(1);
	port_call(stand);
	join_and_close(0);
	assert_int_equal(sink.events, 0);
}

/* What it has published and not acknowledged another gets, flagged. */
static void it_dies(void **state)
{
	struct sluice_sub other;
	uint64_t next = 0;
	uint64_t acked;

	(void)state;
	start_source("demand", &other);
	come_to_read();
	ask();
	read_events(40, &next);
	while (sluice_load_acquire(&far.tx.published) < next + WINDOW / 2)
		flow_sleep_ms(1);
	acked = reader.acked;
	leave(SLUICE_REASON_ERROR);
	/* A dead man's hand: nobody looks any more. */
	sluice_store_release(&far.rx.acked, EVENTS);
	take_rest(other);
	join_and_close(0);
	assert_int_equal(acked + sink.events, EVENTS);
	assert_int_equal(sink.sum, flow_sum(EVENTS) - flow_sum(acked));
	/* It may have had all of them in its hands. */
	assert_int_equal(flagged, WINDOW);
}

/* Words that no honest reader writes: others get all that it cannot have finished. */
static void it_lies(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX / 2, 1000, 0};
	struct sluice_sub other;

	(void)state;
	start_source("demand", &other);
	come_to_read();
	for (uint32_t i = 0; i < 400; i++) {
		sluice_store_release(&far.rx.acked, lies[i % 4] + i);
		sluice_store_release(&far.rx.granted, lies[(i / 4) % 4] + i);
		sluice_store_release(&far.notes_read, (uint32_t)lies[i % 3]);
		ring("source");
		if (i % 100 == 0)
			flow_sleep_ms(1);
	}
	sluice_store_release(&far.rx.acked, 0);
	leave(SLUICE_REASON_ERROR);
	take_rest(other);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	/* What it said it had finished in time is its own loss. */
	assert_true(sink.events <= EVENTS);
	assert_true(sink.events >= EVENTS - source.next);
	assert_int_equal(sink.disorder, 0);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

static int has_ended(void)
{
	return sluice_load_acquire(&stand->words.phase_seen) == STAGE_ENDED;
}

/* Its stream ends where it is; what it has not finished then it still may. */
static void it_is_cancelled(void **state)
{
	struct sluice_sub other;
	uint64_t next = 0;

	(void)state;
	start_source("demand", &other);
	come_to_read();
	ask();
	read_events(20, &next);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	while (sluice_load_acquire(&far.tx.closed) == 0)
		flow_sleep_ms(1);
	while (sluice_spsc_ended(&reader) == SLUICE_REASON_OPEN)
		read_events(1, &next);
	port_call(stand);
	wait_for(has_ended);
	take_rest(other);
	join_and_close(0);
	assert_int_equal(next + sink.events, EVENTS);
}

static void its_user_is_elsewhere(void **state)
{
	struct sluice_sub other;
	struct subscription_far end = far_end(FAR_CONSUMER);

	(void)state;
	start_source("broadcast", &other);
	add_reader();
	assert_int_equal(subscribe_far(pipeline, "peer", "source",
				       SLUICE_SUBSCRIPTION(.max_demand = 8),
				       &end),
			 -ENOTSUP);
	assert_text_has(sluice_last_error(), "'broadcast'");
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 0);
}

/* ---- it writes ----------------------------------------------------------- */

static sluice_a32 holding; /* the sink keeps what it has in hand */

static int collect_later(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	while (sluice_load_acquire(&holding))
		flow_sleep_ms(1);
	return flow_collect(self, batch);
}

static void start_sink(void)
{
	memset(&far, 0, sizeof(far));
	memset(&sink, 0, sizeof(sink));
	released = 0;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = collect_later,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_start(pipeline);
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .out_bytes = 8,
					.kind = SLUICE_PRODUCER,
					.flags = SLUICE_STAGE_PORT));
	stand = sluice_stage_find(pipeline, "peer");
	subscribe_as(FAR_PRODUCER, "sink", "peer");
	sluice_spsc_writer_attach(&writer, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8);
}

static void write_events(uint64_t *next, uint64_t end)
{
	while (*next < end) {
		sluice_slot *first;
		uint32_t n = sluice_spsc_reserve(
			&writer, end - *next < 5 ? (uint32_t)(end - *next) : 5,
			&first);

		for (uint32_t i = 0; i < n; i++, (*next)++)
			memcpy(first + (size_t)i * 8, next, 8);
		sluice_spsc_commit(&writer, n);
		ring("sink");
	}
}

static int sink_has_all(void)
{
	return __atomic_load_n(&sink.events, __ATOMIC_ACQUIRE) == EVENTS;
}

static void drain_and_close(void)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

static void it_feeds_and_closes(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_events(&next, EVENTS);
	sluice_spsc_close(&writer, SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
	ring("sink");
	wait_for(has_ended);
	drain_and_close();
	flow_check_all(&sink, EVENTS);
}

/* Who reads it needs nobody here to go on: what was seen here once is old. */
static void it_is_looked_at_in_between(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	sluice_store_release(&holding, 1);
	write_events(&next, WINDOW);
	port_call(stand);
	flow_sleep_ms(20);
	sluice_store_release(&holding, 0);
	write_events(&next, EVENTS);
	sluice_spsc_close(&writer, SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
	ring("sink");
	wait_for(has_ended);
	drain_and_close();
	flow_check_all(&sink, EVENTS);
}

/* What it has published counts, and nothing that it, or what has become of it,
 * publishes later. */
static void it_dies_while_it_writes(void **state)
{
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_events(&next, EVENTS);
	leave(SLUICE_REASON_ERROR);
	sluice_store_release(&far.tx.published, writer.published + 3);
	wait_for(has_ended);
	sluice_store_release(&far.tx.published, writer.published + 5);
	drain_and_close();
	flow_check_all(&sink, EVENTS);
}

/* More than it was allowed to write it has not written. */
static void it_publishes_nonsense(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX / 2, 1 << 20};
	uint64_t next = 0;

	(void)state;
	start_sink();
	write_events(&next, EVENTS);
	wait_for(sink_has_all);
	for (uint32_t i = 0; i < 300; i++) {
		sluice_store_release(&far.tx.published, lies[i % 3]);
		ring("sink");
		if (i % 100 == 0)
			flow_sleep_ms(1);
	}
	sluice_store_release(&far.tx.closed, UINT32_MAX);
	ring("sink");
	/* It is an end, too, and may have been heard. */
	(void)sluice_port_end(stand, SLUICE_REASON_ERROR);
	wait_for(has_ended);
	drain_and_close();
	flow_check_all(&sink, EVENTS);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_reads_all),
		cmocka_unit_test(it_dies),
		cmocka_unit_test(it_lies),
		cmocka_unit_test(it_is_cancelled),
		cmocka_unit_test(its_user_is_elsewhere),
		cmocka_unit_test(it_feeds_and_closes),
		cmocka_unit_test(it_is_looked_at_in_between),
		cmocka_unit_test(it_dies_while_it_writes),
		cmocka_unit_test(it_publishes_nonsense),
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		tests[i].setup_func = flow_setup;
		tests[i].teardown_func = flow_teardown;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
