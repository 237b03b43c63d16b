/* SPDX-License-Identifier: Apache-2.0 */
/* Another process reads; test_far_feeds.c is where it writes. */
#include "far_end.h"

static struct flow_source source;
static uint32_t flagged; /* events that the sink got again */
static struct sluice_spsc_reader reader;

static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = WINDOW};

static int collect(struct sluice_stage *self, const struct sluice_batch *batch)
{
	if (batch->flags & SLUICE_BATCH_REDELIVERED)
		flagged += batch->count;
	return flow_collect(self, batch);
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

/* It asks for itself: nobody here does so for it. */
static void check_unasked(void)
{
	/* Who has just opened it has done with it. */
	assert_int_equal(port_enter(stand, UINT64_MAX), 0);
	port_leave(stand);
	assert_int_equal(sluice_load_acquire(&far.rx.granted), 0);
	assert_int_equal(sluice_load_acquire(&far.tx.published), 0);
}

static void come_to_read(void)
{
	add_reader();
	stand = sluice_stage_find(pipeline, "peer");
	subscribe_as(FAR_CONSUMER, "peer", "source");
	check_unasked();
	sluice_spsc_reader_attach(&reader, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8, &credit);
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

static void join_and_close(int rc)
{
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), rc);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

/* A source that has nothing left may have ended without it. */
static void take_rest(struct sluice_sub other)
{
	int rc = sluice_ask(other, EVENTS);

	assert_true(rc == 0 || rc == -ENOENT);
}

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

static int has_parted(void)
{
	return subscription_producer(subscription_at(pipeline, sub.index)) ==
	       PRODUCER_PARTED;
}

/* A subscription that is over is listed with what it has carried. */
static void check_listed(uint64_t acked)
{
	struct sluice_snapshot *list;
	const struct sluice_subscription_snapshot *row;

	assert_int_equal(sluice_pipeline_stat(pipeline, &list), 0);
	row = sluice_snapshot_subscription(list, sub);
	assert_non_null(row);
	assert_int_equal(row->counts.acked, acked);
	assert_int_equal(row->carried, acked);
	sluice_snapshot_close(list);
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
	check_listed(acked);
	/* A dead man's hand: nobody looks any more. */
	wait_for(has_parted);
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

/* It acknowledges before there is anything: what its ring holds then is no event that it
 * could leave behind. */
static void it_lies_before_it_has_any(void **state)
{
	struct sluice_sub other;

	(void)state;
	start_source("demand", &other);
	add_reader();
	stand = sluice_stage_find(pipeline, "peer");
	sluice_store_release(&far.rx.acked, UINT64_MAX - 3);
	subscribe_as(FAR_CONSUMER, "peer", "source");
	leave(SLUICE_REASON_ERROR);
	take_rest(other);
	join_and_close(0);
	flow_check_all(&sink, EVENTS);
	assert_int_equal(flagged, 0);
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

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_reads_all),
		cmocka_unit_test(it_dies),
		cmocka_unit_test(it_lies),
		cmocka_unit_test(it_lies_before_it_has_any),
		cmocka_unit_test(it_is_cancelled),
		cmocka_unit_test(its_user_is_elsewhere),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
