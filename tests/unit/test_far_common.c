/* SPDX-License-Identifier: Apache-2.0 */
/* Another process reads the ring that all consumers of a stage read. It is played by
 * the test: it has the producer's ring, and words of its own. */
#include "far_end.h"
#include "paced.h"

#define RING       1024u
#define EVENTS_ALL (10 * RING)

static struct far_stream stream;
static struct held_words held;
static struct subscription_held_at at;
static struct flow_source source;
static struct sluice_spsc_reader reader;
static const struct outlet *out; /* of the source */

static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = WINDOW};

/* A source that waits for the word, and a sink that reads all. */
static void start_source(void)
{
	memset(&far, 0, sizeof(far));
	memset(&stream, 0, sizeof(stream));
	memset(&sink, 0, sizeof(sink));
	released = 0;
	sluice_store_release(&paced_events, 0);
	source = (struct flow_source){.end = EVENTS_ALL, .most = 8};
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = paced_count,
			      .flags = SLUICE_STAGE_PEERS_CONSUME,
			      .dispatcher = "broadcast", .state = &source));
	flow_add_sink(pipeline, "sink", &sink);
	flow_subscribe(pipeline, "sink", "source", NULL);
	flow_start(pipeline);
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT));
	stand = sluice_stage_find(pipeline, "peer");
	out = &sluice_stage_find(pipeline, "source")->out;
}

static struct subscription_far common_end(uint64_t serial)
{
	struct subscription_far end = far_end(FAR_CONSUMER);

	end.tx = NULL;
	end.slots = NULL;
	end.stream = &stream;
	end.held = &held;
	end.serial = serial;
	return end;
}

static int come(uint64_t serial, uint32_t flags)
{
	struct subscription_far end = common_end(serial);

	return subscribe_far(pipeline, "peer", "source",
			     SLUICE_SUBSCRIPTION(.max_demand = WINDOW,
						 .flags = flags, .sub = &sub),
			     &end);
}

/* From where it is told that its stream begins. */
static void begin_to_read(void)
{
	uint64_t start;

	wait_for(is_open);
	assert_int_equal(sluice_load_acquire(&stream.begun), 1);
	start = sluice_load_acquire(&stream.start);
	sluice_store_release(&far.rx.acked, start);
	sluice_store_release(&far.rx.granted, start);
	sluice_spsc_reader_attach(&reader, out->common.base.tx, &far.rx,
				  out->common.base.slots, RING, 8, &credit);
	(void)sluice_spsc_release(&reader, 0);
	ring("source");
}

static void come_to_read(void)
{
	assert_int_equal(come(sluice_stage_find(pipeline, "source")->serial, 0),
			 0);
	begin_to_read();
}

static uint64_t slot_at(uint64_t position)
{
	uint64_t event;

	memcpy(&event, reader.slots + position % RING * 8, 8);
	return event;
}

/* @n events at least, or to the end of its stream: each is where it belongs. */
static void read_events(uint64_t n)
{
	for (uint64_t got = 0; got < n;) {
		uint64_t depth = sluice_spsc_look(&reader);
		uint32_t closed = sluice_load_acquire(&stream.closed);

		if (closed != SLUICE_REASON_OPEN) {
			uint64_t end = sluice_load_acquire(&stream.end);

			if (reader.acked == end)
				return;
			sluice_spsc_cut(&reader, end);
			depth = sluice_spsc_depth(&reader);
		}
		assert_false(sluice_spsc_broken(&reader));
		for (uint64_t i = 0; i < depth; i++)
			assert_int_equal(slot_at(reader.acked + i),
					 reader.acked + i);
		(void)sluice_spsc_release(&reader, (uint32_t)depth);
		ring("source");
		got += depth;
	}
}

static void sink_has_all_and_close(void)
{
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
	flow_check_all(&sink, source.end);
}

/* It and the sink have each event; nobody ends before it has finished. */
static void it_reads_all(void **state)
{
	(void)state;
	start_source();
	come_to_read();
	paced_go(pipeline, EVENTS_ALL);
	read_events(UINT64_MAX);
	assert_int_equal(reader.acked, source.end);
	assert_int_equal(
		SLUICE_CLOSED_REASON(sluice_load_acquire(&stream.closed)),
		SLUICE_REASON_NORMAL);
	port_call(stand);
	sink_has_all_and_close();
}

/* The ring is as long as it takes, and nobody is overrun. */
static void it_holds_up_the_others(void **state)
{
	(void)state;
	start_source();
	come_to_read();
	paced_go(pipeline, EVENTS_ALL);
	/* As far as it has asked. */
	flow_wait_events(pipeline, &sink, WINDOW);
	flow_sleep_ms(20);
	assert_int_equal(__atomic_load_n(&sink.events, __ATOMIC_ACQUIRE),
			 WINDOW);
	read_events(UINT64_MAX);
	port_call(stand);
	sink_has_all_and_close();
}

/* It begins where the others are. */
static void it_comes_late(void **state)
{
	(void)state;
	start_source();
	paced_go(pipeline, 2 * RING);
	flow_wait_events(pipeline, &sink, 2 * RING);
	come_to_read();
	assert_int_equal(reader.acked, 2 * RING);
	paced_go(pipeline, EVENTS_ALL);
	read_events(UINT64_MAX);
	assert_int_equal(reader.acked, source.end);
	port_call(stand);
	sink_has_all_and_close();
}

static int stream_is_closed(void)
{
	return sluice_load_acquire(&stream.closed) != SLUICE_REASON_OPEN;
}

/* The others go on. If it was not dead its stream is over, before anything is written
 * over what it has not finished. */
static void it_dies(void **state)
{
	uint64_t acked;

	(void)state;
	start_source();
	come_to_read();
	paced_go(pipeline, EVENTS_ALL);
	read_events(RING);
	acked = reader.acked;
	leave(SLUICE_REASON_ERROR);
	wait_for(stream_is_closed);
	assert_true(sluice_load_acquire(&stream.end) <= acked);
	assert_int_equal(sluice_load_acquire(&stream.closed),
			 SLUICE_CLOSED(SLUICE_REASON_ERROR, 0));
	sink_has_all_and_close();
}

/* Its stream ends where it is told, and it may still finish that, while the others
 * read on. */
static void it_is_cancelled(void **state)
{
	(void)state;
	start_source();
	come_to_read();
	paced_go(pipeline, EVENTS_ALL);
	read_events(RING);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_SHUTDOWN, 7), 0);
	wait_for(stream_is_closed);
	assert_int_equal(sluice_load_acquire(&stream.closed),
			 SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 7));
	read_events(UINT64_MAX);
	assert_int_equal(reader.acked, sluice_load_acquire(&stream.end));
	port_call(stand);
	wait_for(has_ended);
	sink_has_all_and_close();
}

/* Words that no honest reader writes: the sink has all the same each event. */
static void it_lies(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX / 2, 1000,
					0,          RING,           5 * RING};

	(void)state;
	start_source();
	come_to_read();
	paced_go(pipeline, EVENTS_ALL);
	for (uint32_t i = 0; i < 600; i++) {
		sluice_store_release(&far.rx.acked, lies[i % 6] + i);
		sluice_store_release(&far.rx.granted, lies[(i / 6) % 6] + i);
		ring("source");
		port_call(stand);
		if (i % 100 == 0)
			flow_sleep_ms(1);
	}
	leave(SLUICE_REASON_ERROR);
	sink_has_all_and_close();
}

/* ---- its place is kept ---------------------------------------------------------- */

static int is_held(void)
{
	return subscription_held_at(sub, &at) == 0;
}

static void hold(void)
{
	assert_int_equal(subscription_hold(sub), 0);
	wait_for(is_held);
}

/* That it has asked for. */
static int all_are_there(void)
{
	return sluice_load_acquire(&out->common.base.tx->published) ==
	       reader.granted;
}

/* It has read a ring, and goes with some in hand; whatever is written where
 * its words were, nobody believes. */
static void go_away(void)
{
	start_source();
	come_to_read();
	paced_go(pipeline, EVENTS_ALL);
	read_events(RING);
	wait_for(all_are_there);
	/* Nobody is rung. */
	(void)sluice_spsc_release(&reader, 3);
	hold();
	assert_int_equal(at.acked, reader.acked);
	assert_int_equal(at.granted, reader.granted);
	sluice_store_release(&far.rx.acked, reader.acked + 1);
	sluice_store_release(&far.rx.granted, reader.granted + 1);
	ring("source");
	flow_wait_events(pipeline, &sink, at.granted);
	flow_sleep_ms(5);
	assert_true(all_are_there());
}

/* What was there when it went is marked, from the first on. */
static void it_goes_and_comes_back(void **state)
{
	const struct note *note = &far.notes.note[0];

	(void)state;
	go_away();
	assert_int_equal(at.notes, 0);
	assert_int_equal(sluice_load_acquire(&far.notes.filled), 1);
	assert_int_equal(note->from, at.acked);
	assert_int_equal(note->to, at.granted);
	assert_int_equal(note->deliveries, 1);
	sluice_store_release(&far.rx.acked, at.acked);
	sluice_store_release(&far.rx.granted, at.granted);
	assert_int_equal(subscription_resume(sub), 0);
	read_events(UINT64_MAX);
	assert_int_equal(reader.acked, source.end);
	port_call(stand);
	sink_has_all_and_close();
}

/* The others go on without it. */
static void it_goes_for_good(void **state)
{
	(void)state;
	go_away();
	leave(SLUICE_REASON_ERROR);
	wait_for(stream_is_closed);
	assert_int_equal(sluice_load_acquire(&stream.end), at.acked);
	sink_has_all_and_close();
}

static int five_are_there(void)
{
	return sluice_load_acquire(&out->common.base.tx->published) ==
	       sluice_load_acquire(&stream.start) + 5;
}

/* With manual demand it holds up nobody before it has asked, and gets what it has
 * asked for from there on. */
static void it_asks_later(void **state)
{
	(void)state;
	start_source();
	assert_int_equal(come(0, SLUICE_SUBSCRIBE_MANUAL), 0);
	paced_go(pipeline, 2 * RING);
	flow_wait_events(pipeline, &sink, 2 * RING);
	assert_int_equal(sluice_load_acquire(&stream.begun), 0);
	sluice_store_release(&far.rx.granted, 5);
	stage_signal(stand, SIGNAL_SUBS);
	wait_for(is_open);
	assert_int_equal(sluice_load_acquire(&stream.start), 2 * RING);
	paced_go(pipeline, EVENTS_ALL);
	wait_for(five_are_there);
	flow_sleep_ms(10);
	assert_true(five_are_there());
	leave(SLUICE_REASON_NORMAL);
	sink_has_all_and_close();
}

static void stop_and_close(void)
{
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 0);
}

/* It was given the ring of a stage that has gone since. */
static void of_another_stage(void **state)
{
	(void)state;
	start_source();
	assert_int_equal(come(77, 0), -ENOENT);
	assert_text_has(sluice_last_error(), "another has its name");
	stop_and_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_reads_all),
		cmocka_unit_test(it_holds_up_the_others),
		cmocka_unit_test(it_comes_late),
		cmocka_unit_test(it_dies),
		cmocka_unit_test(it_is_cancelled),
		cmocka_unit_test(it_lies),
		cmocka_unit_test(it_goes_and_comes_back),
		cmocka_unit_test(it_goes_for_good),
		cmocka_unit_test(it_asks_later),
		cmocka_unit_test(of_another_stage),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
