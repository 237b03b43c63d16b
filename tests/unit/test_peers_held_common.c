/* SPDX-License-Identifier: Apache-2.0 */
/* A process that reads what a stage broadcasts dies: its place is kept for one of its
 * name, which goes on where its predecessor had come to. */
#include "visitor.h"
#include "paced.h"

#define LONG_MS 3600000u
#define WINDOW  64u
#define ASKED   10u
#define BEFORE  5000u /* more than a ring */
#define SHARE   1000u

/* Whoever reads what is broadcast stands beside a stage that does, and comes when that
 * has had some. */
static void open_holding(const char *dispatcher, uint32_t hold_ms)
{
	int sinks = strcmp(dispatcher, "broadcast") == 0;

	source = (struct flow_source){.end = VISITOR_EVENTS};
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(2);
	paced_add_source(pipeline, dispatcher,
			 sinks ? SLUICE_IDLE_END : SLUICE_IDLE_STAY, &source);
	if (sinks) {
		flow_add_sink(pipeline, "sink", &sink);
		flow_subscribe(pipeline, "sink", "source", NULL);
	}
	visitor_listen_holding(hold_ms);
	flow_start(pipeline);
	if (sinks) {
		paced_go(pipeline, BEFORE);
		flow_wait_events(pipeline, &sink, BEFORE);
	}
}

static void join_and_close(void)
{
	assert_int_equal(flow_join(pipeline), 0);
	sluice_pipeline_close(pipeline);
	flow_check_all(&sink, VISITOR_EVENTS);
}

/* ---- who reads ------------------------------------------------------------------- */

/* `sent` is the first event that is in hand, and `count` of those that were. */
static struct sluice_stage *attach(uint32_t flags)
{
	return visitor_attach(SLUICE_ATTACH(.name = "reader", .from = "source",
					    .max_demand = WINDOW,
					    .flags = flags,
					    .timeout_ms = TEST_DEADLINE_MS));
}

/* The next, from event @next on; returns the one behind. */
static uint64_t receive(struct sluice_stage *port, uint64_t next,
			struct sluice_batch *batch)
{
	VISITOR_MUST(sluice_recv(port, batch, TEST_DEADLINE_MS) > 0);
	for (uint32_t i = 0; i < batch->count; i++)
		VISITOR_MUST(SLUICE_EVENTS(batch, uint64_t)[i] == next + i);
	sluice_store_release(&visited->sent, (uint32_t)next);
	visitor_count(batch);
	return next + batch->count;
}

/* From @next on, beyond @most, and then it holds what it has for good. */
static void reads_from(uint64_t next, uint64_t most, uint32_t deliveries)
{
	struct sluice_stage *port = attach(0);
	struct sluice_batch batch;

	do {
		next = receive(port, next, &batch);
		VISITOR_MUST(batch.deliveries <= deliveries);
	} while (next < most);
	visitor_stays(deliveries);
}

static void first_reads(void)
{
	reads_from(BEFORE, BEFORE + 500, 1);
}

/* What was there when the one before died comes first, marked, and then the rest. */
static void reads_the_rest_as(uint32_t deliveries)
{
	struct sluice_stage *port = attach(0);
	uint64_t next = sluice_load_acquire(&visited->sent);
	struct sluice_batch batch;
	uint32_t before;

	next = receive(port, next, &batch);
	VISITOR_MUST(batch.deliveries == deliveries);
	do {
		before = batch.deliveries;
		VISITOR_MUST((before > 1) ==
			     ((batch.flags & SLUICE_BATCH_REDELIVERED) != 0));
		next = receive(port, next, &batch);
		VISITOR_MUST(batch.deliveries <= before);
	} while (next < VISITOR_EVENTS);
	VISITOR_MUST(batch.deliveries == 1);
	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void second_reads(void)
{
	reads_the_rest_as(2);
}

/* Its first batch is in hand when it dies. */
static void second_takes_a_batch(void)
{
	struct sluice_stage *port = attach(0);
	struct sluice_batch batch;

	(void)receive(port, sluice_load_acquire(&visited->sent), &batch);
	VISITOR_MUST(batch.deliveries == 2);
	visitor_stays(2);
}

static void third_reads(void)
{
	reads_the_rest_as(3);
}

/* There are so many @events. */
static void one_is_killed(struct visitor *first, uint64_t events)
{
	visitor_go(first);
	visitor_await_phase("reader", SLUICE_SUB_OPEN);
	paced_go(pipeline, events);
	child_await(&visited->stage, 1);
	visitor_kill(first);
}

/* ---- it comes back ----------------------------------------------------------------- */

/* Meanwhile nobody is further than it had asked for. */
static void one_comes_back(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(second_reads);
	uint32_t at;

	(void)state;
	open_holding("broadcast", LONG_MS);
	one_is_killed(&first, VISITOR_EVENTS);
	visitor_await_phase("reader", SLUICE_SUB_HELD);
	at = sluice_load_acquire(&visited->sent);
	flow_wait_events(pipeline, &sink, at + WINDOW / 2);
	flow_sleep_ms(20);
	assert_in_range(__atomic_load_n(&sink.events, __ATOMIC_ACQUIRE),
			at + WINDOW / 2, at + WINDOW);
	visitor_go(&second);
	visitor_wait(&second);
	join_and_close();
	for (uint32_t i = BEFORE; i < VISITOR_EVENTS; i++) {
		uint32_t times = sluice_load_acquire(&visited->handled[i]);

		assert_in_range(times, 1, 2);
		assert_true(times == 1 || (i >= at && i < at + WINDOW));
	}
}

static void it_dies_again(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(second_takes_a_batch);
	struct visitor third = visitor_fork(third_reads);

	(void)state;
	open_holding("broadcast", LONG_MS);
	one_is_killed(&first, VISITOR_EVENTS);
	visitor_go(&second);
	child_await(&visited->stage, 2);
	visitor_kill(&second);
	visitor_go(&third);
	visitor_wait(&third);
	join_and_close();
}

/* ---- with demand of its own --------------------------------------------------------- */

static void asks_and_dies(void)
{
	struct sluice_stage *port = attach(SLUICE_ATTACH_MANUAL);
	struct sluice_batch batch;

	VISITOR_MUST(sluice_ask(sluice_port_sub(port), ASKED) == 0);
	sluice_store_release(&visited->stage, 1);
	(void)receive(port, sluice_load_acquire(&visited->sent), &batch);
	visitor_stays(2);
}

/* What the one before had asked for it gets unasked, and then what it asks for. */
static void asks_for_more(void)
{
	struct sluice_stage *port = attach(SLUICE_ATTACH_MANUAL);
	uint64_t next = sluice_load_acquire(&visited->sent);
	uint64_t end = next + ASKED;
	struct sluice_batch batch;

	while (next < end)
		next = receive(port, next, &batch);
	VISITOR_MUST(next == end);
	VISITOR_MUST(sluice_recv(port, &batch, 20) == -EAGAIN);
	VISITOR_MUST(sluice_ask(sluice_port_sub(port), 3) == 0);
	while (next < end + 3)
		next = receive(port, next, &batch);
	VISITOR_MUST(next == end + 3);
	VISITOR_MUST(sluice_recv(port, &batch, 20) == -EAGAIN);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void demand_stands(const char *dispatcher)
{
	struct visitor first = visitor_fork(asks_and_dies);
	struct visitor second = visitor_fork(asks_for_more);

	open_holding(dispatcher, LONG_MS);
	sluice_store_release(&visited->sent, (uint32_t)source.next);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_await_phase("reader", SLUICE_SUB_OPEN);
	paced_go(pipeline, VISITOR_EVENTS);
	child_await(&visited->stage, 2);
	visitor_kill(&first);
	visitor_go(&second);
	visitor_wait(&second);
}

static void demand_stands_in_a_broadcast(void **state)
{
	(void)state;
	demand_stands("broadcast");
	join_and_close();
}

static void demand_stands_in_a_ring_of_its_own(void **state)
{
	(void)state;
	demand_stands("demand");
	visitor_stop();
}

/* ---- it does not ------------------------------------------------------------------- */

/* What it has not read it does not read, and nobody waits for that any more. */
static void nobody_comes_in_time(void **state)
{
	struct visitor first = visitor_fork(first_reads);

	(void)state;
	open_holding("broadcast", 50);
	one_is_killed(&first, VISITOR_EVENTS);
	join_and_close();
}

static void reads_with_another_window(void)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = "reader", .from = "source",
					     .max_demand = WINDOW / 2,
					     .timeout_ms = TEST_DEADLINE_MS));
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		VISITOR_MUST((batch.flags & SLUICE_BATCH_REDELIVERED) == 0);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* It begins where it comes, as anybody does. */
static void it_comes_with_other_options(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(reads_with_another_window);

	(void)state;
	open_holding("broadcast", LONG_MS);
	one_is_killed(&first, BEFORE + SHARE);
	visitor_await_phase("reader", SLUICE_SUB_HELD);
	visitor_go(&second);
	/* Not the one that is held. */
	flow_wait_events(pipeline, &sink, BEFORE + SHARE);
	visitor_await_phase("reader", SLUICE_SUB_OPEN);
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&second);
	join_and_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_comes_back),
		cmocka_unit_test(it_dies_again),
		cmocka_unit_test(demand_stands_in_a_broadcast),
		cmocka_unit_test(demand_stands_in_a_ring_of_its_own),
		cmocka_unit_test(nobody_comes_in_time),
		cmocka_unit_test(it_comes_with_other_options),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
