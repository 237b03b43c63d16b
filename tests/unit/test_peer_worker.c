/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes that consume from "source" and feed "sink": each event has its
 * result, once, though one leaves or is ended. */
#include "peer_worker.h"

/* ---- all is well --------------------------------------------------------------- */

static void one_works(void **state)
{
	struct visitor worker = visitor_fork(works);

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	visitor_wait(&worker);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	assert_int_equal(book.disorder, 0);
}

static void works_as_well(void)
{
	attach_as("third");
	work();
	leave();
}

static void three_work(const char *dispatcher)
{
	struct visitor first = visitor_fork(works);
	struct visitor second = visitor_fork(works_too);
	struct visitor third = visitor_fork(works_as_well);

	open_as(dispatcher);
	visitor_go(&first);
	visitor_go(&second);
	visitor_go(&third);
	visitor_wait(&first);
	visitor_wait(&second);
	visitor_wait(&third);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
}

static void three_work_behind_partition(void **state)
{
	(void)state;
	three_work("partition");
}

static void three_work_behind_jbsq(void **state)
{
	(void)state;
	three_work("jbsq");
}

static void three_work_behind_shared(void **state)
{
	(void)state;
	three_work("shared");
}

static void three_work_in_order(void **state)
{
	(void)state;
	three_work("ordered");
	assert_int_equal(book.disorder, 0);
}

static void says_one_more(void)
{
	struct item last = {.value = EVENTS + 1};

	attach_as("worker");
	work();
	flow_sleep_ms(20);
	send_items(&last, 1);
	leave();
}

/* What it reads has ended, and it still has something to say: a drain waits. */
static void the_end_passes_through(void **state)
{
	struct visitor worker = visitor_fork(says_one_more);

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	child_await(&visited->count, EVENTS);
	visitor_drain();
	visitor_wait(&worker);
	assert_int_equal(book.times[EVENTS], 1);
	(void)check_book(0);
}

static void works_and_ends_by_its_port(void)
{
	attach_as("worker");
	work();
	VISITOR_MUST(sluice_port_end(out, SLUICE_REASON_NORMAL) == 0);
	visitor_stays(1);
}

/* It has closed what it feeds: nobody waits for its process. */
static void it_closes_and_stays(void **state)
{
	struct visitor worker = visitor_fork(works_and_ends_by_its_port);

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	child_await(&visited->stage, 1);
	visitor_drain();
	visitor_kill(&worker);
	assert_int_equal(check_book(0), 0);
}

static void works_a_little(void)
{
	attach_as("worker");
	for (uint32_t i = 0; i < 5; i++) {
		struct sluice_batch batch = receive();

		answer(&batch);
	}
	leave();
}

static void one_leaves(const char *dispatcher)
{
	work_in_turn(dispatcher, works_a_little, works);
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(sluice_load_acquire(&visited->handled[i]), 1);
}

/* What it has in its ring goes to the next, what it has in hand it has finished. */
static void one_leaves_in_good_order(void **state)
{
	(void)state;
	one_leaves("demand");
}

static void one_leaves_the_pool(void **state)
{
	(void)state;
	one_leaves("shared");
}

static void one_leaves_the_order(void **state)
{
	(void)state;
	one_leaves("ordered");
	assert_int_equal(book.disorder, 0);
}

/* ---- the program ends it ------------------------------------------------------- */

static void works_until_told(void)
{
	struct sluice_batch batch;
	int rc;

	attach_as("worker");
	while ((rc = sluice_recv(in, &batch, TEST_DEADLINE_MS)) > 0) {
		struct item items[BURST];

		memcpy(items, batch.events, batch.count * sizeof(items[0]));
		for (uint32_t i = 0; i < batch.count; i++)
			items[i].value++;
		rc = sluice_send(out, items, batch.count, TEST_DEADLINE_MS);
		if (rc < (int)batch.count)
			VISITOR_MUST(
				sluice_port_end(out, SLUICE_REASON_ERROR) <= 0);
		(void)sluice_fetch_add(&visited->count, batch.count);
	}
	leave();
}

/* While it works, and goes on for a moment. */
static void it_is_ended(const char *dispatcher, int cancels)
{
	struct visitor first = visitor_fork(works_until_told);
	struct visitor second = visitor_fork(works_too);
	struct sluice_stage *stage;
	int rc = 0;

	open_as(dispatcher);
	visitor_go(&first);
	child_await(&visited->count, 100);
	stage = sluice_stage_find(pipeline, "worker");
	if (stage != NULL && cancels)
		rc = sluice_cancel(sluice_port_sub(stage),
				   SLUICE_REASON_SHUTDOWN, 0);
	else if (stage != NULL)
		rc = sluice_stage_end(stage, SLUICE_REASON_SHUTDOWN, 0);
	(void)rc; /* it may be done already */
	/* ThreadSanitizer sees locks, and not that a process is let go. */
	assert_null(sluice_stage_find(pipeline, "other"));
	visitor_go(&second);
	visitor_wait(&first);
	visitor_wait(&second);
	visitor_drain();
	(void)check_book(2 * BURST);
}

static void the_program_ends_it(void **state)
{
	(void)state;
	it_is_ended("demand", 0);
}

static void the_program_ends_it_in_the_order(void **state)
{
	(void)state;
	it_is_ended("ordered", 0);
	assert_int_equal(book.disorder, 0);
}

static void the_program_cancels_it(void **state)
{
	(void)state;
	it_is_ended("demand", 1);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_works),
		cmocka_unit_test(three_work_behind_partition),
		cmocka_unit_test(three_work_behind_jbsq),
		cmocka_unit_test(three_work_behind_shared),
		cmocka_unit_test(three_work_in_order),
		cmocka_unit_test(the_end_passes_through),
		cmocka_unit_test(it_closes_and_stays),
		cmocka_unit_test(one_leaves_in_good_order),
		cmocka_unit_test(one_leaves_the_pool),
		cmocka_unit_test(one_leaves_the_order),
		cmocka_unit_test(the_program_ends_it),
		cmocka_unit_test(the_program_ends_it_in_the_order),
		cmocka_unit_test(the_program_cancels_it),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
