/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes compete with stages of the pipeline for the events of a stage: each
 * event is handled once, by whoever was given it, or again where that one has gone. */
#include "visitor.h"
#include "paced.h"

#define SHARE (VISITOR_EVENTS / 4)

static sluice_a32 leaves_at; /* the sink ends when so many are handled */

/* In the book that all share. */
static int book_all(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	visitor_count(batch);
	return sluice_load_acquire(&visited->count) >=
			       sluice_load_acquire(&leaves_at)
		       ? SLUICE_END
		       : SLUICE_OK;
}

/* @sinks stages of its own compete. */
static void open_pool(uint32_t sinks)
{
	static const char *const names[] = {"sink", "other-sink"};

	source = (struct flow_source){.end = VISITOR_EVENTS};
	sluice_store_release(&leaves_at, UINT32_MAX);
	pipeline = flow_open_named(2);
	paced_add_source(pipeline, "shared", SLUICE_IDLE_STAY, &source);
	for (uint32_t i = 0; i < sinks; i++) {
		flow_add(pipeline,
			 SLUICE_STAGE(.name = names[i], .kind = SLUICE_CONSUMER,
				      .in_bytes = 8,
				      .handle_events = book_all));
		flow_subscribe(pipeline, names[i], "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 64));
	}
	visitor_listen();
	flow_start(pipeline);
}

static void join_and_close(void)
{
	assert_int_equal(flow_join(pipeline), 0);
	sluice_pipeline_close(pipeline);
}

/* As visitor_receives(); it says that it is there, or its pipeline might end before. */
static void receives(const char *name, uint32_t most)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = name, .from = "source",
					     .max_demand = 64));
	struct sluice_batch batch;
	int rc;

	(void)sluice_fetch_add(&visited->stage, 1);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		visitor_count(&batch);
		while (sluice_load_acquire(&visited->count) >= most)
			(void)pause();
	}
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* That many have come by now. */
static void await_readers(uint32_t count)
{
	child_await(&visited->stage, count);
}

static void one_reads(void)
{
	receives("one", UINT32_MAX);
}

static void two_reads(void)
{
	receives("two", UINT32_MAX);
}

/* All is sent by now: the end waits for what others have in hand. */
static void drain(uint32_t twice)
{
	paced_go(pipeline, VISITOR_EVENTS);
	join_and_close();
	assert_in_range(visitor_check_all(2), 0, twice);
}

static void they_compete(uint32_t sinks)
{
	struct visitor one = visitor_fork(one_reads);
	struct visitor two = visitor_fork(two_reads);

	open_pool(sinks);
	visitor_go(&one);
	visitor_go(&two);
	await_readers(2);
	drain(0);
	visitor_wait(&one);
	visitor_wait(&two);
}

static void beside_stages(void **state)
{
	(void)state;
	they_compete(2);
}

static void among_themselves(void **state)
{
	(void)state;
	they_compete(0);
}

static void alone(void **state)
{
	struct visitor one = visitor_fork(one_reads);

	(void)state;
	open_pool(0);
	visitor_go(&one);
	await_readers(1);
	drain(0);
	visitor_wait(&one);
}

static void one_reads_some_and_stays(void)
{
	receives("one", 100);
}

/* What it had in hand is marked for whoever has it then. */
static void one_dies(uint32_t sinks, uint32_t keeps)
{
	struct visitor one = visitor_fork(one_reads_some_and_stays);
	struct visitor two = visitor_fork(two_reads);

	open_pool(sinks);
	visitor_go(&one);
	await_readers(1);
	paced_go(pipeline, SHARE);
	child_await(&visited->count, keeps);
	visitor_kill(&one);
	visitor_go(&two);
	await_readers(2);
	drain(64);
	visitor_wait(&two);
}

static void one_dies_beside_stages(void **state)
{
	(void)state;
	one_dies(1, SHARE / 2);
}

static void one_dies_alone(void **state)
{
	(void)state;
	one_dies(0, 100);
	/* All that it had was in its hands, or in nobody's. */
	assert_true(sluice_load_acquire(&visited->count) > VISITOR_EVENTS);
}

static void one_reads_and_leaves(void)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = "one", .from = "source"));
	struct sluice_batch batch;

	(void)sluice_fetch_add(&visited->stage, 1);
	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	visitor_count(&batch);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* Cleanly: nothing is done twice. */
static void one_leaves(void **state)
{
	struct visitor one = visitor_fork(one_reads_and_leaves);
	struct visitor two = visitor_fork(two_reads);

	(void)state;
	open_pool(0);
	visitor_go(&one);
	await_readers(1);
	paced_go(pipeline, SHARE);
	visitor_wait(&one);
	visitor_go(&two);
	await_readers(2);
	drain(0);
	visitor_wait(&two);
}

/* The last stage of the pipeline goes, and what it had the process has. */
static void the_stages_leave(void **state)
{
	struct visitor one = visitor_fork(one_reads);

	(void)state;
	open_pool(2);
	sluice_store_release(&leaves_at, SHARE);
	visitor_go(&one);
	await_readers(1);
	drain(0);
	visitor_wait(&one);
}

static void one_asks_by_itself(void)
{
	struct sluice_stage *port;

	VISITOR_MUST(
		visitor_try_attach(&port,
				   SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL,
						 .from = "source")) == -EINVAL);
	VISITOR_MUST(strstr(sluice_last_error(), "'shared'"));
}

/* As a stage of the pipeline. */
static void demand_is_automatic(void **state)
{
	struct visitor one = visitor_fork(one_asks_by_itself);

	(void)state;
	open_pool(1);
	visitor_go(&one);
	visitor_wait(&one);
	drain(0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_stages),
		cmocka_unit_test(among_themselves),
		cmocka_unit_test(alone),
		cmocka_unit_test(one_dies_beside_stages),
		cmocka_unit_test(one_dies_alone),
		cmocka_unit_test(one_leaves),
		cmocka_unit_test(the_stages_leave),
		cmocka_unit_test(demand_is_automatic),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
