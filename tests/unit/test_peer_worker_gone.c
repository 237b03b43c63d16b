/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that die, or can send no more, or whose engine does: what they had not
 * finished has its result from somebody else, once or, where it had come, twice. */
#include "peer_worker.h"

/* ---- they die ------------------------------------------------------------------ */

/* @part comes to a point, and is killed there; the next one does the rest. Returns
 * how many results came twice. */
static uint32_t one_dies(const char *dispatcher, void (*part)(void))
{
	struct visitor first = visitor_fork(part);
	struct visitor second = visitor_fork(works);
	uint32_t hand;
	uint32_t twice;

	open_as(dispatcher);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	hand = sluice_load_acquire(&visited->sent);
	visitor_kill(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	twice = check_book(hand);
	/* The next one was told that they may be there already. */
	for (uint32_t i = 0; i < EVENTS; i++)
		if (book.times[i] == 2)
			assert_int_equal(
				sluice_load_acquire(&visited->again[i]), 1);
	return twice;
}

static void one_dies_before_it_sends(void **state)
{
	(void)state;
	assert_int_equal(one_dies("demand", dies_before_it_sends), 0);
}

static void one_dies_before_the_receipt(void **state)
{
	uint32_t twice = one_dies("jbsq", dies_before_the_receipt);

	(void)state;
	assert_int_equal(twice, sluice_load_acquire(&visited->sent));
}

static void one_dies_behind_shared(void **state)
{
	uint32_t twice = one_dies("shared", dies_before_the_receipt);

	(void)state;
	assert_int_equal(twice, sluice_load_acquire(&visited->sent));
}

/* No hole, and nothing twice: numbers that have come are known. */
static void one_dies_in_the_order(void **state)
{
	(void)state;
	assert_int_equal(one_dies("ordered", dies_before_it_sends), 0);
	assert_int_equal(book.disorder, 0);
}

static void one_dies_in_the_order_later(void **state)
{
	(void)state;
	assert_int_equal(one_dies("ordered", dies_before_the_receipt), 0);
	assert_int_equal(book.disorder, 0);
}

/* What has come behind the hole waits for the next worker. */
static void one_leaves_a_hole_in_the_order(void **state)
{
	(void)state;
	assert_int_equal(one_dies("ordered", dies_with_a_hole), 0);
	assert_int_equal(book.disorder, 0);
}

/* ---- what it cannot send it does not acknowledge ------------------------------- */

static void gives_up(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	VISITOR_MUST(sluice_port_end(out, SLUICE_REASON_ERROR) == 0);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static void one_gives_up(void **state)
{
	(void)state;
	work_in_turn("demand", gives_up, works);
}

static void works_until_the_sink_goes(void)
{
	struct sluice_batch batch;
	struct item item = {.value = 1};
	int rc;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	sluice_store_release(&visited->stage, 1);
	do
		rc = sluice_send(out, &item, 1, TEST_DEADLINE_MS);
	while (rc > 0);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EPIPE);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
	sluice_store_release(&visited->stage, 2);
}

static void reads_the_rest(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.name = "reader", .from = "source"));
	struct sluice_batch batch;

	while (sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0)
		for (uint32_t i = 0; i < batch.count; i++) {
			uint64_t value =
				SLUICE_EVENTS(&batch, struct item)[i].value;

			(void)sluice_fetch_add(&visited->handled[value], 1);
		}
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* Whatever it has not finished goes to whoever else reads. */
static void what_it_feeds_goes(void **state)
{
	struct visitor worker = visitor_fork(works_until_the_sink_goes);
	struct visitor reader = visitor_fork(reads_the_rest);
	int rc;

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	child_await(&visited->stage, 1);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "sink"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	visitor_wait(&worker);
	visitor_go(&reader);
	visitor_wait(&reader);
	/* Results may have been on their way. */
	rc = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	assert_true(rc == 0 || rc == -EPIPE);
	sluice_pipeline_close(pipeline);
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(sluice_load_acquire(&visited->handled[i]), 1);
}

/* ---- what it never had ---------------------------------------------------------- */

static sluice_a32 source_waits; /* 1: it is there; 2: it may go on */

static int wait_to_go_on(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	if (sluice_load_acquire(&source_waits) == 0)
		sluice_store_release(&source_waits, 1);
	while (sluice_load_acquire(&source_waits) != 2)
		flow_sleep_ms(1);
	return SLUICE_OK;
}

/* Each has a thread, so that the sink takes what the worker feeds meanwhile. */
static void add_waiting(void)
{
	pipeline = flow_open_named(3);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .handle_demand = wait_to_go_on,
			      .flags = SLUICE_STAGE_PEERS_CONSUME));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = i ? "sink" : "rest",
				      .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .handle_events = book_items,
				      .flags = SLUICE_STAGE_PEERS_FEED,
				      .on_idle = i ? SLUICE_IDLE_STAY
						   : SLUICE_IDLE_END));
	flow_subscribe(pipeline, "rest", "source", NULL);
}

static void is_never_let_in(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	sluice_store_release(&visited->stage, 1);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EPIPE);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static void cancel_what_it_reads(void)
{
	struct sluice_snapshot *list;
	uint32_t i = 0;

	assert_int_equal(sluice_pipeline_stat(pipeline, &list), 0);
	while (strcmp(list->subscriptions[i]->consumer, "worker") != 0) {
		i++;
		assert_true(i < list->subscription_count);
	}
	assert_int_equal(sluice_cancel(list->subscriptions[i]->sub,
				       SLUICE_REASON_NORMAL, 0),
			 0);
	sluice_snapshot_close(list);
}

/* No ring tells the process that there is nothing to come: the engine does. */
static void one_was_never_let_in(void **state)
{
	struct visitor worker = visitor_fork(is_never_let_in);

	(void)state;
	sluice_store_release(&source_waits, 0);
	add_waiting();
	visitor_listen();
	flow_start(pipeline);
	child_await(&source_waits, 1);
	visitor_go(&worker);
	child_await(&visited->stage, 1);
	/* What it feeds is there, and its stage would wait for more of it. */
	visitor_await_phase("sink", SLUICE_SUB_OPEN);
	cancel_what_it_reads();
	sluice_store_release(&source_waits, 2);
	visitor_wait(&worker);
	visitor_drain();
}

/* ---- the engine goes ----------------------------------------------------------- */

static void runs_an_engine(void)
{
	open_as("demand");
	visitor_stays(1);
}

static void works_until_the_engine_goes(void)
{
	struct sluice_batch batch;
	int rc;

	attach_as("worker");
	batch = receive();
	sluice_store_release(&visited->stage, 2);
	while (sluice_port_closed(out, NULL) == 0)
		flow_sleep_ms(1);
	rc = sluice_send(out, batch.events, 1, TEST_DEADLINE_MS);
	VISITOR_MUST(rc == -EIO);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(strstr(sluice_last_error(), "Owner died") != NULL);
	VISITOR_MUST(sluice_detach(in, 0) == 0);
}

static void the_engine_goes(void **state)
{
	struct visitor engine = visitor_fork(runs_an_engine);
	struct visitor worker = visitor_fork(works_until_the_engine_goes);

	(void)state;
	visitor_go(&engine);
	child_await(&visited->stage, 1);
	visitor_go(&worker);
	child_await(&visited->stage, 2);
	visitor_kill(&engine);
	visitor_wait(&worker);
	visitor_unlink();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_dies_before_it_sends),
		cmocka_unit_test(one_dies_before_the_receipt),
		cmocka_unit_test(one_dies_behind_shared),
		cmocka_unit_test(one_dies_in_the_order),
		cmocka_unit_test(one_dies_in_the_order_later),
		cmocka_unit_test(one_leaves_a_hole_in_the_order),
		cmocka_unit_test(one_gives_up),
		cmocka_unit_test(what_it_feeds_goes),
		cmocka_unit_test(one_was_never_let_in),
		cmocka_unit_test(the_engine_goes),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
