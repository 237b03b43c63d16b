/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a resequencer reads, and who reads others, while a subscription that bears on
 * it is being made, or has not ended: its check is over, or the check of its end. */
#include "tests/unit/ordered_flow.h"
#include "watched.h"

static struct item_sink joined;
static struct sluice_sub to_join;
static sluice_a32 gate; /* "w1" goes on */

static int pass_behind_the_gate(struct sluice_stage *self,
				const struct sluice_batch *batch)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(&gate))
			break;
		flow_sleep_ms(1);
	}
	return item_pass(self, batch);
}

/* "source" numbers, "w0" passes on, "join" restores; "w1" waits to become a worker.
 * "plain" makes @events, and "other" takes what comes. */
static void build(uint64_t events)
{
	static struct flow_source plain;
	static struct item_sink aside;

	watched_open();
	joined = (struct item_sink){0};
	aside = (struct item_sink){0};
	source = (struct flow_source){.end = UINT64_MAX};
	plain = (struct flow_source){.end = events};
	sluice_store_release(&gate, 0);
	item_add_source(pipeline, "source", &source, 0);
	flow_add(pipeline, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
					.on_idle = SLUICE_IDLE_STAY,
					.handle_events = item_pass));
	flow_add(pipeline,
		 SLUICE_STAGE(ITEM_WORKER, .name = "w1", .blocking = 1,
			      .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = pass_behind_the_gate));
	item_add_join(pipeline, "join", "source", &joined);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "plain", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .on_idle = SLUICE_IDLE_STAY,
			      .handle_demand = item_make, .state = &plain));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
			      .in_bytes = sizeof(struct item),
			      .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = item_join, .state = &aside));
	flow_subscribe(pipeline, "w0", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 16));
	flow_subscribe(pipeline, "join", "w0",
		       SLUICE_SUBSCRIPTION(.max_demand = 16));
}

/* What was refused has left nothing: all comes, in order. */
static void end(void)
{
	wait_handled("join", flow_stats(pipeline, "join").events_in + 200);
	sluice_store_release(&gate, 1);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	item_check_all(&joined, source.next);
	assert_int_equal(under_the_lock, 0);
}

static int reads(const char *consumer, const char *producer,
		 struct sluice_sub *sub)
{
	return sluice_subscribe(
		pipeline, consumer, producer,
		SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = sub));
}

/* Nobody waits at the gate when a test has failed. */
static int tear_down(void **state)
{
	sluice_store_release(&gate, 1);
	return clerk_teardown(state);
}

/* ---- while another is being made ------------------------------------------ */

static int inner_rc;
static char inner_text[256];

static void note(int rc)
{
	inner_rc = rc;
	(void)snprintf(inner_text, sizeof(inner_text), "%s",
		       sluice_last_error());
}

static void while_it_wants_another(void)
{
	note(reads("w1", "plain", NULL));
}

static void while_the_join_wants_it(void)
{
	note(reads("join", "w1", NULL));
}

static void while_it_wants_to_work(void)
{
	note(reads("w1", "source", NULL));
}

static void while_the_join_cancels(void)
{
	note(sluice_cancel(to_join, SLUICE_REASON_NORMAL, 0));
}

static struct row {
	const char *name;
	void (*meanwhile)(void);
	uint32_t read; /* the join reads "w1" before */
	const char *consumer;
	const char *producer;
	int inner_rc;
	const char *says;
} rows[] = {
	{"who_is_about_to_be_read_reads_nobody_else", while_it_wants_another, 0,
	 "join", "w1", -EINVAL, "subscribe 'w1' to 'source' first"},
	{"who_is_about_to_read_another_is_not_read", while_the_join_wants_it, 0,
	 "w1", "plain", -EINVAL, "no consumer of that stage"},
	{"who_is_about_to_be_read_is_no_worker", while_it_wants_to_work, 0,
	 "join", "w1", -EINVAL, "must subscribe to 'w1' first"},
	{"who_is_about_to_work_may_be_read_twice", while_the_join_wants_it, 1,
	 "w1", "source", 0, NULL},
	{"who_is_about_to_work_stays_read", while_the_join_cancels, 1, "w1",
	 "source", -EBUSY, "'w1' to 'source' must have ended first"},
	{"who_is_about_to_work_reads_nobody_else", while_it_wants_another, 1,
	 "w1", "source", -EINVAL, "subscribe 'w1' to 'source' first"},
};

/* @fails: there is no memory for the one that is being made. */
static void try_meanwhile(const struct row *row, int fails)
{
	build(0);
	sluice_store_release(&gate, 1);
	flow_start(pipeline);
	if (row->read)
		assert_int_equal(reads("join", "w1", &to_join), 0);
	inner_rc = 1;
	refuse = fails;
	meanwhile = row->meanwhile;
	assert_int_equal(reads(row->consumer, row->producer, NULL),
			 fails ? -ENOSPC : 0);
	assert_int_equal(inner_rc, row->inner_rc);
	if (row->says != NULL)
		assert_text_has(inner_text, row->says);
}

static void it_is_answered(void **state)
{
	try_meanwhile(*state, 0);
	end();
}

/* What came to nothing forbids nothing. */
static void what_was_not_made_does_not_count(void **state)
{
	for (uint32_t i = 0; i < 2; i++) {
		try_meanwhile(&rows[i], 1);
		rows[i].meanwhile();
		assert_int_equal(inner_rc, 0);
		end();
		(void)tear_down(state);
		(void)clerk_setup(state);
	}
}

/* ---- until it has ended ---------------------------------------------------- */

/* It is cancelled, and has events in hand that nobody has numbered. */
static void who_has_anothers_events_is_not_read(void **state)
{
	struct sluice_subscription_stats stats;
	struct sluice_sub sub;
	int rc = 0;

	(void)state;
	build(3);
	flow_subscribe(pipeline, "other", "w1", NULL);
	flow_subscribe(pipeline, "w1", "plain",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &sub,
					   .on_end = SLUICE_TEMPORARY));
	flow_start(pipeline);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		assert_int_equal(sluice_subscription_stat(sub, &stats), 0);
		if (stats.published > 0)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(reads("join", "w1", NULL), -EINVAL);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(reads("join", "w1", NULL), -EINVAL);
	assert_text_has(sluice_last_error(), "no consumer of that stage");
	sluice_store_release(&gate, 1);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		rc = reads("join", "w1", NULL);
		if (rc == 0)
			break;
		assert_int_equal(rc, -EINVAL);
		flow_sleep_ms(1);
	}
	assert_int_equal(rc, 0);
	end();
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(rows) + 2] = {0};
	size_t n = 0;

	for (; n < UNIT_COUNT(rows); n++) {
		tests[n].name = rows[n].name;
		tests[n].test_func = it_is_answered;
		tests[n].initial_state = &rows[n];
	}
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(
		what_was_not_made_does_not_count);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(
		who_has_anothers_events_is_not_read);
	clerk_watch(tests, UNIT_COUNT(tests));
	for (n = 0; n < UNIT_COUNT(tests); n++)
		tests[n].teardown_func = tear_down;
	return cmocka_run_group_tests_name("ordered_meanwhile", tests, NULL,
					   NULL);
}
