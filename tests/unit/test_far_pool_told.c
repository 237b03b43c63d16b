/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a process that was given events of a pool: what it has asked for, been
 * sent and finished; and who holds its producer up. */
#include "far_pool_end.h"

#define MANY 4096u /* more than the pool has room for */

static struct sluice_subscription_snapshot told; /* of `sub` */
static struct sluice_stage_snapshot told_source;

static struct sluice_subscription_snapshot
row_of(const struct sluice_snapshot *list, struct sluice_sub of)
{
	const struct sluice_subscription_snapshot *row =
		sluice_snapshot_subscription(list, of);

	assert_non_null(row);
	return *row;
}

static void look(void)
{
	struct sluice_snapshot *list;

	assert_int_equal(sluice_pipeline_stat(pipeline, &list), 0);
	told = row_of(list, sub);
	told_source = *sluice_snapshot_stage(list, "source");
	sluice_snapshot_close(list);
}

/* What is sent, asked for and finished is a row's, and what follows from these. */
static void check_told(uint64_t granted, uint64_t published, uint64_t acked)
{
	struct sluice_subscription_stats stat;

	look();
	assert_int_equal(told.counts.granted, granted);
	assert_int_equal(told.counts.published, published);
	assert_int_equal(told.counts.acked, acked);
	assert_int_equal(told.carried, acked);
	assert_int_equal(told.counts.waiting, 0);
	if (told.phase == SLUICE_SUB_ENDED) {
		assert_int_equal(told.counts.depth, 0);
		assert_int_equal(told.counts.credit, 0);
		return;
	}
	assert_int_equal(told.counts.depth, published - acked);
	assert_int_equal(told.counts.credit, granted - published);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_memory_equal(&stat, &told.counts, sizeof(stat));
}

/* As its library does for each batch. */
static void take_batch(uint32_t n)
{
	sluice_store_relaxed(&far.rx.batches,
			     sluice_load_stale(&far.rx.batches) + 1);
	take_all(n);
}

static uint64_t beside_carried(void)
{
	struct sluice_snapshot *list;
	uint64_t carried;

	assert_int_equal(sluice_pipeline_stat(pipeline, &list), 0);
	carried = row_of(list, beside_sub).carried;
	sluice_snapshot_close(list);
	return carried;
}

/* It has finished one batch of the three that it was sent. */
static void come_to_a_batch(void)
{
	open_with(0);
	check_told(WINDOW, 0, 0);
	paced_go(pipeline, 3 * WINDOW);
	await_published(WINDOW);
	check_told(WINDOW, WINDOW, 0);
	take_batch(BATCH);
	await_published(WINDOW + BATCH);
	check_told(WINDOW + BATCH, WINDOW + BATCH, BATCH);
	assert_int_equal(told.counts.batches, 1);
	assert_int_equal(told.phase, SLUICE_SUB_OPEN);
	assert_int_equal(told_source.counts.events_out, 3 * WINDOW);
	assert_int_equal(told_source.counts.spilled, 0);
}

static void one_that_reads_all(void **state)
{
	(void)state;
	come_to_a_batch();
	paced_go(pipeline, EVENTS);
	take_batch(EVENTS - BATCH);
	end_and_close();
}

/* What it had was sent to it, and is sent to another, who is told of as well. */
static void one_that_has_died(void **state)
{
	(void)state;
	come_to_a_batch();
	leave(SLUICE_REASON_ERROR);
	wait_for(has_ended);
	/* A dead man's hand. */
	sluice_store_release(&far.rx.acked, EVENTS);
	sluice_store_release(&far.rx.batches, EVENTS);
	check_told(WINDOW + BATCH, WINDOW + BATCH, BATCH);
	assert_int_equal(told.phase, SLUICE_SUB_ENDED);
	assert_int_equal(told.counts.batches, 1);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - BATCH);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(beside_carried(), EVENTS - BATCH);
	assert_int_equal(flow_stats(pipeline, "beside").redelivered, WINDOW);
	assert_int_equal(flow_stats(pipeline, "beside").events_in,
			 EVENTS - BATCH);
	assert_int_equal(flow_stats(pipeline, "source").events_out, EVENTS);
	assert_int_equal(flow_stats(pipeline, "source").stranded, 0);
	sluice_pipeline_close(pipeline);
}

static int is_held(void)
{
	struct subscription_held_at at;

	return subscription_held_at(sub, &at) == 0;
}

/* It is told of as its producer has seen it last, whatever it writes then. */
static void one_that_is_away(void **state)
{
	(void)state;
	come_to_a_batch();
	assert_int_equal(subscription_hold(sub), 0);
	wait_for(is_held);
	sluice_store_release(&far.rx.acked, WINDOW);
	sluice_store_release(&far.rx.granted, 2 * WINDOW);
	sluice_store_release(&far.rx.batches, 2);
	check_told(WINDOW + BATCH, WINDOW + BATCH, BATCH);
	assert_int_equal(told.phase, SLUICE_SUB_HELD);
	assert_int_equal(told.counts.batches, 1);
	leave(SLUICE_REASON_ERROR);
	wait_for(has_ended);
	check_told(WINDOW + BATCH, WINDOW + BATCH, BATCH);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - BATCH);
	drain_and_close();
}

/* Once it has finished what it had. */
static void one_that_is_cancelled(void **state)
{
	(void)state;
	come_to_a_batch();
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_SHUTDOWN, 7), 0);
	wait_for(stream_is_closed);
	check_told(WINDOW + BATCH, WINDOW + BATCH, BATCH);
	assert_int_equal(told.phase, SLUICE_SUB_CANCELLED);
	take_batch(WINDOW);
	port_call(stand);
	wait_for(has_ended);
	check_told(2 * WINDOW + BATCH, WINDOW + BATCH, WINDOW + BATCH);
	assert_int_equal(told.counts.batches, 2);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - WINDOW - BATCH);
	drain_and_close();
}

/* ---- words that no honest consumer writes ---------------------------------------- */

/* What is told can be true, and what was sent is. */
static void one_that_lies(void **state)
{
	static const uint64_t lies[] = {
		UINT64_MAX, UINT64_MAX / 2, UINT64_MAX / 2 + 2, 1000,
		0,          5 * WINDOW,     WINDOW + 1,
	};
	const uint32_t n = UNIT_COUNT(lies);

	(void)state;
	open_with(0);
	paced_go(pipeline, BATCH);
	await_published(BATCH);
	for (uint32_t i = 0; i < n * n; i++) {
		const struct sluice_subscription_stats *counts = &told.counts;

		sluice_store_release(&far.rx.acked, lies[i % n]);
		sluice_store_release(&far.rx.granted, lies[i / n]);
		sluice_store_release(&far.rx.high, lies[i % n]);
		look();
		assert_int_equal(counts->published, BATCH);
		assert_in_range(counts->acked, 0, BATCH);
		assert_in_range(counts->granted, BATCH, counts->acked + WINDOW);
		assert_int_equal(counts->depth, BATCH - counts->acked);
		assert_int_equal(counts->credit, counts->granted - BATCH);
		assert_int_equal(told.carried, counts->acked);
		assert_in_range(counts->high, 0, WINDOW);
	}
	leave(SLUICE_REASON_ERROR);
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

/* ---- who holds up its producer ---------------------------------------------------- */

static int source_is_held_up(void)
{
	look();
	return told_source.time.doing == SLUICE_DOING_NO_CREDIT;
}

static void check_who(const char *name, struct sluice_sub at)
{
	wait_for(source_is_held_up);
	assert_string_equal(told_source.held_up_by, name);
	assert_ptr_equal(told_source.held_up_at.pipeline, at.pipeline);
	assert_int_equal(told_source.held_up_at.index, at.index);
	assert_int_equal(told_source.held_up_at.generation, at.generation);
}

static void open_full(void)
{
	start_source(0);
	source.end = MANY;
	flow_start(pipeline);
	come();
	paced_go(pipeline, MANY);
}

static void one_that_holds_it_up(void **state)
{
	(void)state;
	open_full();
	check_who("peer", sub);
	check_told(WINDOW, WINDOW, 0);
	take_all(MANY);
	close_after(MANY);
}

/* Nobody else is there to take what comes. */
static void one_that_is_away_holds_it_up(void **state)
{
	(void)state;
	open_full();
	await_published(WINDOW);
	assert_int_equal(subscription_hold(sub), 0);
	wait_for(is_held);
	check_who("peer", sub);
	assert_int_equal(told.phase, SLUICE_SUB_HELD);
	leave(SLUICE_REASON_ERROR);
	add_beside();
	flow_wait_events(pipeline, &sink, MANY);
	drain_and_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_reads_all),
		cmocka_unit_test(one_that_has_died),
		cmocka_unit_test(one_that_is_away),
		cmocka_unit_test(one_that_is_cancelled),
		cmocka_unit_test(one_that_lies),
		cmocka_unit_test(one_that_holds_it_up),
		cmocka_unit_test(one_that_is_away_holds_it_up),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
