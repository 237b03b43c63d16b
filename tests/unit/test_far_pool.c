/* SPDX-License-Identifier: Apache-2.0 */
/* Another process consumes from a stage whose consumers compete for one ring. It is
 * played by the test: it has a ring of its own, and the producer fills it. */
#include "far_end.h"
#include "paced.h"

static struct flow_source source;
static struct sluice_sub beside_sub;
static struct sluice_spsc_reader reader;
static uint64_t got_sum; /* of what the process has acknowledged */

/* As the subscription below says. */
#define BATCH (WINDOW / 2)
static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = BATCH};

static void start_pushing(uint32_t flags,
			  int (*handle_demand)(struct sluice_stage *, uint32_t))
{
	memset(&far, 0, sizeof(far));
	memset(&sink, 0, sizeof(sink));
	released = 0;
	got_sum = 0;
	sluice_store_release(&paced_events, 0);
	sluice_store_release(&paced_holds, 0);
	source = (struct flow_source){.end = EVENTS};
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = flags,
			      .handle_demand = handle_demand,
			      .dispatcher = "shared",
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
}

static void start_source(uint32_t flags)
{
	start_pushing(flags, flags ? NULL : paced_count);
}

static void add_beside(void)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "beside", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = paced_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_subscribe(pipeline, "beside", "source",
		       SLUICE_SUBSCRIPTION(.sub = &beside_sub));
}

static void come(void)
{
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT));
	stand = sluice_stage_find(pipeline, "peer");
	subscribe_as(FAR_CONSUMER, "peer", "source");
	sluice_spsc_reader_attach(&reader, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8, &credit);
	(void)sluice_spsc_release(&reader, 0);
	ring("source");
}

/* One that is alone, or beside a stage of the engine. */
static void open_with(int two)
{
	start_source(0);
	if (two)
		add_beside();
	flow_start(pipeline);
	come();
}

static uint64_t published(void)
{
	return sluice_load_acquire(&far.tx.published);
}

static void await_published(uint64_t position)
{
	for (uint32_t ms = 0; published() != position; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* It takes up to @n that lie there, and acknowledges them. Returns how many. */
static uint32_t take(uint32_t n)
{
	const sluice_slot *first;
	uint32_t k = sluice_spsc_peek(&reader, n, &first);
	uint64_t event;

	for (uint32_t i = 0; i < k; i++) {
		memcpy(&event, first + (size_t)i * 8, 8);
		got_sum += event;
	}
	(void)sluice_spsc_release(&reader, k);
	if (k > 0)
		ring("source");
	return k;
}

static void take_all(uint32_t n)
{
	for (uint32_t got = 0, ms = 0; got < n; ms++) {
		uint32_t k = take(n - got);

		got += k;
		assert_true(ms < FLOW_DEADLINE_MS);
		if (k == 0)
			flow_sleep_ms(1);
	}
}

static uint64_t beside_has(void)
{
	return __atomic_load_n(&sink.events, __ATOMIC_ACQUIRE);
}

/* The rest of @n events that the sink beside does not get is its own. */
static void take_what_comes(uint64_t n)
{
	for (uint32_t ms = 0; reader.acked + beside_has() < n; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		if (take(WINDOW) == 0)
			flow_sleep_ms(1);
	}
}

static void drain_and_close(void)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

static int stream_is_closed(void)
{
	return sluice_load_acquire(&far.tx.closed) != SLUICE_REASON_OPEN;
}

/* The source has ended. */
static void end_and_close(void)
{
	wait_for(stream_is_closed);
	port_call(stand); /* as its signal does */
	drain_and_close();
}

static void close_after(uint64_t events)
{
	end_and_close();
	assert_int_equal(reader.acked + sink.events, events);
	assert_int_equal(got_sum + sink.sum, flow_sum(events));
}

/* ---- it is given all ----------------------------------------------------------- */

/* And the source, which has sent all, waits for the last receipt. */
static void it_is_alone(void **state)
{
	const struct sluice_stage *stage;

	(void)state;
	open_with(0);
	paced_go(pipeline, EVENTS);
	stage = sluice_stage_find(pipeline, "source");
	take_all(EVENTS - 1);
	await_published(EVENTS);
	assert_int_not_equal(sluice_load_acquire(&stage->words.phase_seen),
			     STAGE_ENDED);
	assert_int_equal(sluice_load_acquire(&far.tx.closed), 0);
	take_all(1);
	close_after(EVENTS);
}

/* What it is sent it has asked for. */
static void it_asks_for_little(void **state)
{
	(void)state;
	start_source(0);
	flow_start(pipeline);
	come();
	paced_go(pipeline, 3 * WINDOW);
	await_published(WINDOW);
	assert_int_equal(sluice_load_acquire(
				 &sluice_stage_find(pipeline, "source")
					  ->out.pool.ring->mpmc.words->popped),
			 WINDOW);
	take_all(3 * WINDOW);
	paced_go(pipeline, EVENTS);
	take_all(EVENTS - 3 * WINDOW);
	close_after(EVENTS);
}

static void each_goes_to_one(void **state)
{
	(void)state;
	open_with(1);
	paced_go(pipeline, EVENTS);
	take_what_comes(EVENTS);
	close_after(EVENTS);
}

/* ---- how much ------------------------------------------------------------------ */

static int beside_holds_one(void)
{
	struct sluice_subscription_stats stat;

	return sluice_subscription_stat(beside_sub, &stat) == 0 &&
	       stat.depth == 1;
}

/* An even share when it has nothing, rounded up, and then as much as leaves others
 * theirs; two pieces at a time. */
static void it_has_its_share(void **state)
{
	(void)state;
	sluice_store_release(&paced_holds, 0);
	start_source(0);
	add_beside();
	sluice_store_release(&paced_holds, 1);
	flow_start(pipeline);
	paced_go(pipeline, 1);
	wait_for(beside_holds_one);
	come();
	paced_go(pipeline, 1 + 2 * BATCH);
	await_published(BATCH + BATCH / 2); /* of 16, and then of 8 */
	take_all(BATCH);
	await_published(BATCH + BATCH / 2 + 2); /* of 4 */
	take_all(BATCH / 2);
	await_published(2 * BATCH - 1); /* of 2 */
	take_all(2);
	take_all(1);
	await_published(2 * BATCH); /* of the last, when it had nothing */
	take_all(1);
	sluice_store_release(&paced_holds, 0);
	paced_go(pipeline, EVENTS);
	take_what_comes(EVENTS);
	close_after(EVENTS);
}

/* ---- when ---------------------------------------------------------------------- */

static int waits_for(uint64_t events)
{
	return outlet_pool_left(&sluice_stage_find(pipeline, "source")->out) ==
	       events;
}

static int one_waits(void)
{
	return waits_for(1);
}

/* Nothing is emitted any more, nor may be: what it asks for comes all the same. */
static void its_source_accumulates(void **state)
{
	(void)state;
	open_with(0);
	paced_go(pipeline, WINDOW + 1);
	await_published(WINDOW);
	wait_for(one_waits);
	assert_int_equal(
		sluice_demand_set(sluice_stage_find(pipeline, "source"),
				  SLUICE_DEMAND_ACCUMULATE),
		0);
	take_all(WINDOW + 1);
	assert_int_equal(
		sluice_demand_set(sluice_stage_find(pipeline, "source"),
				  SLUICE_DEMAND_FORWARD),
		0);
	paced_go(pipeline, EVENTS);
	take_all(EVENTS - WINDOW - 1);
	close_after(EVENTS);
}

/* Its user has gone after the call: others see to what lies there. */
static void its_source_is_a_port(void **state)
{
	struct sluice_stage *port;
	uint64_t events[EVENTS];

	(void)state;
	start_source(SLUICE_STAGE_PORT);
	flow_start(pipeline);
	come();
	port = sluice_stage_find(pipeline, "source");
	for (uint32_t i = 0; i < EVENTS; i++)
		events[i] = i;
	assert_int_equal(sluice_send(port, events, EVENTS, TEST_DEADLINE_MS),
			 EVENTS);
	take_all(EVENTS);
	assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL), 0);
	close_after(EVENTS);
}

/* ---- marks --------------------------------------------------------------------- */

#define MARKED 60u

/* As if each had been handed out another time. */
static int push_marked(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *from = sluice_stage_state(self);

	assert_in_range(demand, MARKED, UINT32_MAX);
	for (; from->next < MARKED; from->next++)
		outlet_pool_push(&self->out, (unsigned char *)&from->next, 1,
				 (uint32_t)(from->next % 3));
	return SLUICE_OK;
}

/* How often the event at @at had been handed out, by the marks. */
static uint32_t mark_of(uint64_t at, uint32_t *read)
{
	uint32_t filled = sluice_load_acquire(&far.notes.filled);
	const struct note *note = &far.notes.note[*read % NOTES_MAX];

	assert_true(filled - *read <= NOTES_MAX);
	if (*read == filled || note->from != at)
		return 0;
	assert_int_equal(note->to, at + 1);
	sluice_store_release(&far.notes_read, ++*read);
	return note->deliveries;
}

/* There may be more of them than there is room for. */
static void each_has_its_mark(void **state)
{
	uint32_t read = 0;

	(void)state;
	start_pushing(0, push_marked);
	flow_start(pipeline);
	come();
	for (uint64_t at = 0; at < MARKED; at++) {
		const sluice_slot *first;
		uint64_t event;

		for (uint32_t ms = 0; sluice_spsc_peek(&reader, 1, &first) == 0;
		     ms++) {
			assert_true(ms < FLOW_DEADLINE_MS);
			flow_sleep_ms(1);
		}
		memcpy(&event, first, 8);
		assert_int_equal(event, at);
		assert_int_equal(mark_of(at, &read), at % 3);
		(void)sluice_spsc_release(&reader, 1);
		ring("source");
	}
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

/* ---- it goes ------------------------------------------------------------------- */

/* What it has not finished goes to others, marked, and before what is new. */
static void it_dies(void **state)
{
	(void)state;
	open_with(0);
	paced_go(pipeline, 3 * WINDOW);
	await_published(WINDOW);
	take_all(BATCH);
	await_published(WINDOW + BATCH);
	leave(SLUICE_REASON_ERROR);
	wait_for(has_ended);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - BATCH);
	assert_int_equal(flow_stats(pipeline, "beside").redelivered, WINDOW);
	assert_int_equal(sink.sum + got_sum, flow_sum(EVENTS));
	drain_and_close();
}

/* Nothing more for it; what it has it may finish. */
static void it_is_cancelled(void **state)
{
	(void)state;
	open_with(1);
	paced_go(pipeline, EVENTS / 2);
	take_what_comes(EVENTS / 2);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_SHUTDOWN, 7), 0);
	wait_for(stream_is_closed);
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - reader.acked);
	close_after(EVENTS);
}

/* The last of the engine's own goes, with events that it had not handled. */
static void it_is_left_alone(void **state)
{
	(void)state;
	start_source(0);
	add_beside();
	sluice_store_release(&paced_holds, 1);
	flow_start(pipeline);
	paced_go(pipeline, 1);
	wait_for(beside_holds_one);
	come();
	paced_go(pipeline, EVENTS);
	assert_int_equal(sluice_cancel(beside_sub, SLUICE_REASON_SHUTDOWN, 0),
			 0);
	take_all(EVENTS - 1);
	sluice_store_release(&paced_holds, 0);
	close_after(EVENTS);
}

/* Words that no honest consumer writes: it has robbed others of no more than it was
 * given. */
static void it_lies(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX / 2, 1000,
					0,          WINDOW,         5 * WINDOW};

	(void)state;
	open_with(0);
	paced_go(pipeline, EVENTS / 2);
	await_published(WINDOW);
	for (uint32_t i = 0; i < 300; i++) {
		sluice_store_release(&far.rx.acked, lies[i % 6] + i);
		sluice_store_release(&far.rx.granted, lies[(i / 6) % 6] + i);
		sluice_store_release(&far.notes_read, (uint32_t)lies[i % 6]);
		ring("source");
		port_call(stand);
		if (i % 100 == 0)
			flow_sleep_ms(1);
	}
	leave(SLUICE_REASON_ERROR);
	wait_for(has_ended);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - published());
	while (flow_stats(pipeline, "source").events_out < EVENTS)
		flow_sleep_ms(1);
	drain_and_close();
	assert_in_range(sink.events, EVENTS - published(), EVENTS);
}

/* It says that it has finished more than there was: what others have in hand is waited
 * for all the same. */
static void it_lies_at_the_end(void **state)
{
	const struct sluice_stage *stage;

	(void)state;
	start_source(0);
	add_beside();
	sluice_store_release(&paced_holds, 1);
	flow_start(pipeline);
	stage = sluice_stage_find(pipeline, "source");
	paced_go(pipeline, 1);
	wait_for(beside_holds_one);
	come();
	paced_go(pipeline, EVENTS - 1);
	take_all(EVENTS - 2);
	paced_go(pipeline, EVENTS);
	await_published(EVENTS - 1);
	sluice_store_release(&far.rx.acked, EVENTS);
	ring("source");
	flow_sleep_ms(20);
	assert_int_not_equal(sluice_load_acquire(&stage->words.phase_seen),
			     STAGE_ENDED);
	sluice_store_release(&paced_holds, 0);
	sluice_store_release(&far.rx.acked, EVENTS - 1);
	ring("source");
	end_and_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_alone),
		cmocka_unit_test(it_asks_for_little),
		cmocka_unit_test(each_goes_to_one),
		cmocka_unit_test(it_has_its_share),
		cmocka_unit_test(its_source_accumulates),
		cmocka_unit_test(its_source_is_a_port),
		cmocka_unit_test(each_has_its_mark),
		cmocka_unit_test(it_dies),
		cmocka_unit_test(it_is_cancelled),
		cmocka_unit_test(it_is_left_alone),
		cmocka_unit_test(it_lies),
		cmocka_unit_test(it_lies_at_the_end),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
