/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that die, and whose places are kept for those that come back: what they had
 * sent counts, and what they had not finished is done by their successors. */
#include "peer_worker.h"

#define LONG_MS 3600000u

/* It has come to where it is to die, and its place is kept. */
static void is_killed(const struct visitor *worker)
{
	child_await(&visited->stage, 1);
	visitor_kill(worker);
	visitor_await_phase("worker", SLUICE_SUB_HELD);
}

/* ---- it comes back ------------------------------------------------------------- */

/* What was in hand comes first, handed out @deliveries times by now. */
static struct sluice_batch comes_back(uint32_t deliveries)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	VISITOR_MUST(batch.flags & SLUICE_BATCH_REDELIVERED);
	VISITOR_MUST(batch.deliveries == deliveries);
	return batch;
}

static void does_the_rest(void)
{
	struct sluice_batch batch = comes_back(2);

	answer(&batch);
	work();
	leave();
}

/* Returns how many results came twice. */
static uint32_t comes_back_as(const char *dispatcher, void (*part)(void),
			      void (*next)(void))
{
	struct visitor first = visitor_fork(part);
	struct visitor second = visitor_fork(next);

	open_holding(dispatcher, LONG_MS);
	visitor_go(&first);
	is_killed(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	return check_book(sluice_load_acquire(&visited->sent));
}

static uint32_t one_comes_back(const char *dispatcher, void (*part)(void))
{
	return comes_back_as(dispatcher, part, does_the_rest);
}

static void one_had_sent_nothing(void **state)
{
	(void)state;
	assert_int_equal(one_comes_back("demand", dies_before_it_sends), 0);
}

static void one_had_sent_all_but_one(void **state)
{
	uint32_t twice = one_comes_back("jbsq", dies_with_a_hole);

	(void)state;
	assert_int_equal(twice, sluice_load_acquire(&visited->sent) - 1);
}

static void one_had_sent_all(void **state)
{
	uint32_t twice = one_comes_back("partition", dies_before_the_receipt);

	(void)state;
	assert_int_equal(twice, sluice_load_acquire(&visited->sent));
}

/* Its numbers are its successor's, who may answer them all again. */
static void in_the_order(void (*part)(void))
{
	assert_int_equal(one_comes_back("ordered", part), 0);
	assert_int_equal(book.disorder, 0);
}

static void one_had_sent_nothing_in_the_order(void **state)
{
	(void)state;
	in_the_order(dies_before_it_sends);
}

static void one_had_sent_all_but_one_in_the_order(void **state)
{
	(void)state;
	in_the_order(dies_with_a_hole);
}

static void one_had_sent_all_in_the_order(void **state)
{
	(void)state;
	in_the_order(dies_before_the_receipt);
}

static void answers_backwards(void)
{
	struct sluice_batch batch = comes_back(2);
	struct sluice_batch one = batch;

	one.count = 1;
	for (uint32_t i = batch.count; i > 0; i--) {
		one.events = (const struct item *)batch.events + i - 1;
		answer(&one);
	}
	work();
	leave();
}

/* What has come behind a hole comes again before the hole is filled. */
static void one_answers_backwards(void **state)
{
	(void)state;
	assert_int_equal(
		comes_back_as("ordered", dies_with_a_hole, answers_backwards),
		0);
	assert_int_equal(book.disorder, 0);
}

static void dies_when_it_has_come_back(void)
{
	struct sluice_batch batch = comes_back(2);

	answer(&batch);
	visitor_stays(1);
}

static void does_the_rest_then(void)
{
	struct sluice_batch batch = comes_back(3);

	answer(&batch);
	work();
	leave();
}

static void dies_again(const char *dispatcher, uint32_t twice)
{
	struct visitor first = visitor_fork(dies_before_it_sends);
	struct visitor second = visitor_fork(dies_when_it_has_come_back);
	struct visitor third = visitor_fork(does_the_rest_then);

	open_holding(dispatcher, LONG_MS);
	visitor_go(&first);
	is_killed(&first);
	sluice_store_release(&visited->stage, 0);
	visitor_go(&second);
	is_killed(&second);
	visitor_go(&third);
	visitor_wait(&third);
	visitor_drain();
	(void)check_book(twice);
}

static void it_dies_again(void **state)
{
	(void)state;
	dies_again("demand", BURST);
}

static void it_dies_again_in_the_order(void **state)
{
	(void)state;
	dies_again("ordered", 0);
	assert_int_equal(book.disorder, 0);
}

/* ---- what is its own meanwhile --------------------------------------------------- */

static void works_beside(void)
{
	attach_as("other");
	sluice_store_release(&visited->stage, 2);
	work();
	leave();
}

/* All others are done as far as that goes, and those wait. */
static void its_numbers_stay_its_own(void **state)
{
	struct visitor first = visitor_fork(dies_before_it_sends);
	struct visitor other = visitor_fork(works_beside);
	struct visitor second = visitor_fork(does_the_rest);
	uint32_t done;

	(void)state;
	open_holding("ordered", LONG_MS);
	visitor_go(&first);
	is_killed(&first);
	done = sluice_load_acquire(&visited->count);
	visitor_go(&other);
	child_await(&visited->stage, 2);
	flow_sleep_ms(20);
	assert_int_equal(sluice_load_acquire(&book.count), done);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_wait(&other);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	assert_int_equal(book.disorder, 0);
}

/* ---- how much is taken of it ------------------------------------------------------ */

static void hears_what_was_taken(void)
{
	uint64_t accepted = UINT64_MAX;
	struct sluice_batch batch;

	in = visitor_attach(SLUICE_ATTACH(.name = "worker", .from = "source",
					  .to = "sink", .max_demand = 64,
					  .ring_events = 128,
					  .accepted = &accepted));
	out = sluice_port_sender(in);
	VISITOR_MUST(accepted == sluice_load_acquire(&visited->count));
	batch = receive();
	answer(&batch);
	leave();
}

static void nothing_is_counted_twice(void **state)
{
	struct visitor first = visitor_fork(dies_before_the_receipt);
	struct visitor second = visitor_fork(hears_what_was_taken);
	struct visitor third = visitor_fork(hears_what_was_taken);
	struct visitor last = visitor_fork(works);

	(void)state;
	open_holding("demand", LONG_MS);
	visitor_go(&first);
	is_killed(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_go(&third);
	visitor_wait(&third);
	visitor_go(&last);
	visitor_wait(&last);
	visitor_drain();
	(void)check_book(sluice_load_acquire(&visited->sent));
}

/* ---- its place is not kept --------------------------------------------------------- */

static void given_up(uint32_t hold_ms, void (*part)(void))
{
	struct visitor first = visitor_fork(part);
	struct visitor other = visitor_fork(works_too);

	open_holding("ordered", hold_ms);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	assert_int_equal(book.disorder, 0);
}

static void nobody_comes_in_time(void **state)
{
	(void)state;
	given_up(50, dies_with_a_hole);
}

static void cancel_what_it_reads(void)
{
	struct sluice_snapshot *now = NULL;

	assert_int_equal(sluice_pipeline_stat(pipeline, &now), 0);
	for (uint32_t i = 0; i < now->subscription_count; i++)
		if (strcmp(now->subscriptions[i]->consumer, "worker") == 0)
			assert_int_equal(
				sluice_cancel(now->subscriptions[i]->sub,
					      SLUICE_REASON_SHUTDOWN, 0),
				0);
	sluice_snapshot_close(now);
}

/* Nobody has to wait until nobody has come in time. */
static void its_stream_ends_while_it_is_away(void **state)
{
	struct visitor first = visitor_fork(dies_before_it_sends);
	struct visitor other = visitor_fork(works_too);

	(void)state;
	open_holding("demand", LONG_MS);
	visitor_go(&first);
	is_killed(&first);
	cancel_what_it_reads();
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
}

static void takes_all_and_stays(void)
{
	attach_as("worker");
	for (uint32_t n = 0; n < EVENTS;) {
		struct sluice_batch batch = receive();

		answer(&batch);
		n += batch.count;
	}
	VISITOR_MUST(sluice_recv(in, &(struct sluice_batch){0},
				 TEST_DEADLINE_MS) == -EPIPE);
	visitor_stays(1);
}

/* What it reads has ended, and it has finished all of that. */
static void there_is_nothing_to_come_back_to(void **state)
{
	struct visitor first = visitor_fork(takes_all_and_stays);

	(void)state;
	open_holding("demand", LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_had_sent_nothing),
		cmocka_unit_test(one_had_sent_all_but_one),
		cmocka_unit_test(one_had_sent_all),
		cmocka_unit_test(one_had_sent_nothing_in_the_order),
		cmocka_unit_test(one_had_sent_all_but_one_in_the_order),
		cmocka_unit_test(one_had_sent_all_in_the_order),
		cmocka_unit_test(one_answers_backwards),
		cmocka_unit_test(it_dies_again),
		cmocka_unit_test(it_dies_again_in_the_order),
		cmocka_unit_test(its_numbers_stay_its_own),
		cmocka_unit_test(nothing_is_counted_twice),
		cmocka_unit_test(nobody_comes_in_time),
		cmocka_unit_test(its_stream_ends_while_it_is_away),
		cmocka_unit_test(there_is_nothing_to_come_back_to),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
