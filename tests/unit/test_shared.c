/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever takes it first: whole pipelines whose consumers compete for one ring,
 * fail, leave and come. Each event is handled once, by one of them. */
#include "tests/unit/flow.h"

#define EVENTS    60000u
#define CONSUMERS 4u

struct taker {
	uint32_t batches;
	uint32_t retry_one_in; /* 0: never */
	uint32_t end_after;    /* batches; 0: never */
	uint64_t events;
	uint64_t again;      /* events that had been handed out before */
	uint64_t miscounted; /* batches that say otherwise */
	uint64_t letters;
	uint64_t wrong_letters;
};

static struct flow_source source;
static struct taker takers[CONSUMERS];
static sluice_a32 handled[EVENTS]; /* how often */
static sluice_a32 handed[EVENTS];  /* out, how often */

/* A batch is of events that have been handed out alike, and says how often. */
static void count_handed(struct taker *t, const struct sluice_batch *batch)
{
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	int flagged = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		uint32_t before = sluice_fetch_add(&handed[events[i]], 1);

		t->miscounted += batch->deliveries != before + 1;
		t->miscounted += flagged != (before > 0);
		t->again += before > 0;
	}
}

static int take(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct taker *t = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	t->batches++;
	count_handed(t, batch);
	if (t->retry_one_in && t->batches % t->retry_one_in == 0)
		return SLUICE_RETRY;
	for (uint32_t i = 0; i < batch->count; i++)
		(void)sluice_fetch_add(&handled[events[i]], 1);
	t->events += batch->count;
	return t->end_after && t->batches >= t->end_after ? SLUICE_END
							  : SLUICE_OK;
}

static const char *const names[CONSUMERS] = {"t0", "t1", "t2", "t3"};

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	memset(takers, 0, sizeof(takers));
	memset(handled, 0, sizeof(handled));
	memset(handed, 0, sizeof(handed));
	return flow_setup(state);
}

static void add_taker(struct sluice_pipeline *p, uint32_t i, uint32_t demand)
{
	flow_add(p, SLUICE_STAGE(.name = names[i], .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = take,
				 .max_deliveries = 1000,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &takers[i]));
	flow_subscribe(p, names[i], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = demand,
					   .on_end = SLUICE_PERMANENT));
}

static struct sluice_pipeline *build(uint32_t slots, uint32_t demand)
{
	struct sluice_pipeline *p = flow_open(2);

	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "shared",
			      .ring_events = slots, .handle_demand = flow_count,
			      .state = &source));
	for (uint32_t i = 0; i < CONSUMERS; i++)
		add_taker(p, i, demand);
	return p;
}

static void check_each_once(void)
{
	uint64_t events = 0;

	for (uint32_t i = 0; i < EVENTS; i++)
		if (sluice_load_acquire(&handled[i]) != 1)
			fail_msg("event %u was handled %u times", i,
				 sluice_load_acquire(&handled[i]));
	for (uint32_t i = 0; i < CONSUMERS; i++) {
		events += takers[i].events;
		assert_int_equal(takers[i].miscounted, 0);
	}
	assert_int_equal(events, EVENTS);
}

static void each_event_goes_to_one(void **state)
{
	static const struct {
		uint32_t slots;
		uint32_t demand;
	} sizes[] = {{0, 1000}, {2, 1}, {16, 4}, {4096, 64}, {1, 1000}};

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		struct sluice_pipeline *p;

		(void)set_up(state);
		p = build(sizes[i].slots, sizes[i].demand);
		assert_int_equal(flow_run(p), 0);
		check_each_once();
		sluice_pipeline_close(p);
	}
}

static void a_failed_batch_comes_again(void **state)
{
	struct sluice_pipeline *p = build(64, 32);

	(void)state;
	for (uint32_t i = 0; i < CONSUMERS; i++)
		takers[i].retry_one_in = 3 + i;
	assert_int_equal(flow_run(p), 0);
	check_each_once();
	sluice_pipeline_close(p);
}

/* What it had taken is pushed again, for the others. */
static void a_leaver_loses_nothing(void **state)
{
	struct sluice_pipeline *p = build(256, 100);

	(void)state;
	takers[0].end_after = 3;
	takers[1].end_after = 7;
	takers[2].retry_one_in = 2;
	takers[2].end_after = 15;
	assert_int_equal(flow_run(p), 0);
	check_each_once();
	sluice_pipeline_close(p);
}

/* Leavers whose events come to leavers, in rings of every size: each event says
 * how often it has been handed out. */
static void the_count_goes_with_the_event(void **state)
{
	static const struct {
		uint32_t slots;
		uint32_t demand;
	} sizes[] = {{2, 4}, {16, 8}, {64, 200}, {0, 64}};

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		struct sluice_pipeline *p;
		uint64_t again = 0;

		(void)set_up(state);
		p = build(sizes[i].slots, sizes[i].demand);
		for (uint32_t k = 0; k < CONSUMERS; k++)
			takers[k].retry_one_in = 2 + k;
		takers[0].end_after = 5;
		takers[1].end_after = 9;
		takers[2].end_after = 23;
		assert_int_equal(flow_run(p), 0);
		check_each_once();
		for (uint32_t k = 0; k < CONSUMERS; k++)
			again += takers[k].again;
		assert_true(again > 0);
		sluice_pipeline_close(p);
	}
}

static void await_buffered(struct sluice_pipeline *p, uint64_t n)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(p, "source").buffered == n)
			return;
		flow_sleep_ms(1);
	}
	assert_int_equal(flow_stats(p, "source").buffered, n);
}

/* Two come again that lie behind others which do not: a batch holds either. */
static int fail_once(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	count_handed(sluice_stage_state(self), batch);
	return -EIO;
}

#define AMONG 26u

static int fail_at_last(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	if (events[batch->count - 1] == AMONG - 1) {
		count_handed(sluice_stage_state(self), batch);
		return -EIO;
	}
	return take(self, batch);
}

/* The first is handed 0 and 1 and leaves. They lie behind the others then, and
 * of the 3 that are left at last 2 are taken at once: one that has never been
 * handed out, and one that has. Of @fails the second leaves with them. */
static void among_the_others(uint32_t fails)
{
	struct sluice_pipeline *p = flow_open(1);
	const char *last = names[1 + fails];

	source.end = AMONG;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "shared",
			      .on_idle = SLUICE_IDLE_STAY,
			      .handle_demand = flow_count, .state = &source));
	for (uint32_t i = 0; i < 3; i++)
		flow_add(p, SLUICE_STAGE(.name = names[i], .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .handle_events = i == 0 ? fail_once
							  : i == 1 && fails
								  ? fail_at_last
								  : take,
					 .restart = SLUICE_RESTART_TEMPORARY,
					 .on_idle = SLUICE_IDLE_STAY,
					 .max_deliveries = 9,
					 .state = &takers[i]));
	flow_subscribe(p, names[0], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_start(p);
	await_buffered(p, AMONG);
	flow_subscribe(p, names[1], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 64));
	if (fails) {
		await_buffered(p, 3);
		flow_subscribe(p, names[2], "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 64));
	}
	flow_wait_handled(p, last, fails ? 3 : AMONG);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), -EIO);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(takers[i].miscounted, 0);
	assert_int_equal(takers[1].events + takers[2].events, AMONG);
	assert_int_equal(takers[1 + fails].again, 2 + fails);
	sluice_pipeline_close(p);
}

static void what_comes_again_lies_among_the_others(void **state)
{
	(void)state;
	among_the_others(0);
}

/* What it had taken, and was not handed, is counted as it was. */
static void what_was_only_taken_keeps_its_count(void **state)
{
	(void)state;
	among_the_others(1);
}

/* Each of those it has been handed to fails and is gone; the last one allowed
 * gets it alone, and buries it. */
#define BAD 20u

static int take_good(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct taker *t = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	count_handed(t, batch);
	for (uint32_t i = 0; i < batch->count; i++)
		if (events[i] == BAD)
			return batch->deliveries < 3 ? -EIO : SLUICE_RETRY;
	for (uint32_t i = 0; i < batch->count; i++)
		(void)sluice_fetch_add(&handled[events[i]], 1);
	return SLUICE_OK;
}

static void bury(struct sluice_stage *self,
		 const struct sluice_dead_letter *letter)
{
	struct taker *t = sluice_stage_state(self);
	uint64_t number;

	memcpy(&number, letter->event, sizeof(number));
	t->letters++;
	t->wrong_letters += number != BAD || letter->deliveries != 3;
}

static void a_bad_event_is_buried_by_the_last(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	uint64_t letters = 0;

	(void)state;
	source.end = 100;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "shared",
			      .handle_demand = flow_count, .state = &source));
	for (uint32_t i = 0; i < CONSUMERS; i++) {
		flow_add(p, SLUICE_STAGE(.name = names[i], .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .handle_events = take_good,
					 .dead_letter = bury,
					 .restart = SLUICE_RESTART_TEMPORARY,
					 .state = &takers[i]));
		flow_subscribe(p, names[i], "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 8));
	}
	assert_int_equal(flow_run(p), -EIO);
	for (uint32_t i = 0; i < CONSUMERS; i++) {
		letters += takers[i].letters;
		assert_int_equal(takers[i].wrong_letters, 0);
		assert_int_equal(takers[i].miscounted, 0);
	}
	assert_int_equal(letters, 1);
	for (uint32_t i = 0; i < source.end; i++)
		assert_int_equal(sluice_load_acquire(&handled[i]), i != BAD);
	sluice_pipeline_close(p);
}

/* ---- gauges -------------------------------------------------------------- */

static int take_one_batch(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_END;
}

/* What nobody takes is told while it lies there, and not once it is stranded. */
static void the_gauge_goes_with_the_events(void **state)
{
	for (uint32_t stays = 0; stays < 2; stays++) {
		struct sluice_pipeline *p = flow_open(2);
		struct sluice_stage_stats stats;
		int rc;

		(void)set_up(state);
		source.end = 40;
		flow_add(p,
			 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				      .out_bytes = 8, .ring_events = 64,
				      .dispatcher = "shared",
				      .on_idle = stays ? SLUICE_IDLE_STAY
						       : SLUICE_IDLE_END,
				      .handle_demand = flow_count,
				      .state = &source));
		flow_add(p, SLUICE_STAGE(.name = "first", .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .handle_events = take_one_batch));
		flow_add(p, SLUICE_STAGE(.name = names[0], .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .on_idle = SLUICE_IDLE_STAY,
					 .handle_events = take,
					 .state = &takers[0]));
		flow_subscribe(p, "first", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 1));
		flow_start(p);
		flow_wait_handled(p, "first", 1);
		if (stays) {
			await_buffered(p, 39);
			flow_subscribe(p, names[0], "source", NULL);
			flow_wait_handled(p, names[0], 39);
			await_buffered(p, 0);
		}
		rc = sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
		assert_true(rc == 0 || rc == -EPIPE);
		stats = flow_stats(p, "source");
		assert_int_equal(stats.buffered, 0);
		assert_int_equal(stats.stranded, stays ? 0 : 39);
		sluice_pipeline_close(p);
	}
}

static void a_cancelled_one_finishes_what_it_took(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub sub = {0};

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "shared",
			      .handle_demand = flow_count, .state = &source));
	add_taker(p, 0, 50);
	flow_add(p, SLUICE_STAGE(.name = names[1], .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = take,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &takers[1]));
	flow_start(p);
	for (uint32_t i = 0; i < 50; i++) {
		if (sluice_subscribe(
			    p, names[1], "source",
			    SLUICE_SUBSCRIPTION(.max_demand = 20,
						.on_end = SLUICE_TEMPORARY,
						.sub = &sub)) != 0)
			break; /* the source has ended */
		if (sluice_cancel(sub, SLUICE_REASON_NORMAL, 0) != 0)
			break;
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(source.next, takers[0].events + takers[1].events);
	for (uint32_t i = 0; i < source.next; i++)
		assert_int_equal(sluice_load_acquire(&handled[i]), 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_goes_to_one),
		cmocka_unit_test(a_failed_batch_comes_again),
		cmocka_unit_test(a_leaver_loses_nothing),
		cmocka_unit_test(the_count_goes_with_the_event),
		cmocka_unit_test(what_comes_again_lies_among_the_others),
		cmocka_unit_test(what_was_only_taken_keeps_its_count),
		cmocka_unit_test(a_bad_event_is_buried_by_the_last),
		cmocka_unit_test(the_gauge_goes_with_the_events),
		cmocka_unit_test(a_cancelled_one_finishes_what_it_took),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
