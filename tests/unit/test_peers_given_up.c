/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer in another process dies, and its place is not kept, or no longer. */
#include "held.h"

/* @first dies, and what it had goes to the other, because of @why. */
static void given_up(uint32_t hold_ms, void (*dies)(void), void (*why)(void))
{
	struct visitor first = visitor_fork(dies);
	struct visitor other = visitor_fork(other_reads);

	open_plain(hold_ms);
	first_goes(&first);
	visitor_go(&other);
	visitor_kill(&first);
	if (why != NULL)
		why();
	visitor_wait(&other);
	visitor_drain();
	(void)visitor_check_all(2);
}

static void nobody_comes_in_time(void **state)
{
	(void)state;
	given_up(50, first_reads, NULL);
}

/* It had nothing, and the others do not wait for it. */
static void one_was_never_ready(void **state)
{
	struct visitor welcomed = visitor_fork(dies_welcomed);
	struct visitor other = visitor_fork(other_reads);

	(void)state;
	visitor_open_dealing("rr", SLUICE_STAGE_PEERS_CONSUME, 0);
	visitor_listen_holding(LONG_MS);
	flow_start(pipeline);
	visitor_go(&welcomed);
	child_await(&visited->stage, 2);
	visitor_kill(&welcomed);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	(void)visitor_check_all(1);
}

static void one_without_a_name_reads(void)
{
	reads_keys(NULL, 0, 500);
}

static void one_without_a_name(void **state)
{
	(void)state;
	given_up(LONG_MS, one_without_a_name_reads, NULL);
}

static void end_its_stage(void)
{
	struct sluice_stage *stage;

	await_phase(SLUICE_SUB_HELD);
	stage = sluice_stage_find(pipeline, "reader");
	assert_non_null(stage);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_SHUTDOWN, 0), 0);
}

static void its_stage_is_ended(void **state)
{
	(void)state;
	given_up(LONG_MS, first_reads, end_its_stage);
}

/* All that is left is handled by the other before the drain has ended. */
static void drain_meanwhile(void)
{
	await_phase(SLUICE_SUB_HELD);
	if (sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS) != 0)
		fail_msg("%s", sluice_last_error());
}

static void others_drain_it(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor other = visitor_fork(other_reads);
	uint64_t handled = 0;

	(void)state;
	open_plain(LONG_MS);
	first_goes(&first);
	visitor_go(&other);
	child_await(&visited->count, 600);
	visitor_kill(&first);
	drain_meanwhile();
	visitor_wait(&other);
	while (handled < VISITOR_EVENTS &&
	       sluice_load_acquire(&visited->handled[handled]) > 0)
		handled++;
	assert_int_equal(handled, source.next);
	sluice_pipeline_close(pipeline);
}

static void reads_with_another_window(void)
{
	struct sluice_stage *port = attach("reader", 32);
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		visitor_count(&batch);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* It is let in, as anybody is; and what the first had comes to it as to anybody. */
static void it_comes_with_other_options(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(reads_with_another_window);

	(void)state;
	open_plain(LONG_MS);
	first_goes(&first);
	visitor_kill(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	(void)visitor_check_all(2);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_was_never_ready),
		cmocka_unit_test(nobody_comes_in_time),
		cmocka_unit_test(one_without_a_name),
		cmocka_unit_test(its_stage_is_ended),
		cmocka_unit_test(others_drain_it),
		cmocka_unit_test(it_comes_with_other_options),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
