/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes read what a stage broadcasts, beside a stage of its own pipeline:
 * everybody gets every event from where he came. */
#include "visitor.h"
#include "paced.h"

#define SHARE (VISITOR_EVENTS / 4)

static void open_broadcast(void)
{
	source = (struct flow_source){.end = VISITOR_EVENTS};
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(2);
	paced_add_source(pipeline, "broadcast", SLUICE_IDLE_END, &source);
	flow_add_sink(pipeline, "sink", &sink);
	flow_subscribe(pipeline, "sink", "source", NULL);
	visitor_listen();
	flow_start(pipeline);
}

/* Is there such a reader, and has its stream begun? */
static int reads(const char *name)
{
	struct sluice_snapshot *list;
	int found = 0;

	assert_int_equal(sluice_pipeline_stat(pipeline, &list), 0);
	for (uint32_t i = 0; i < list->subscription_count; i++)
		found |= strcmp(list->subscriptions[i]->consumer, name) == 0 &&
			 list->subscriptions[i]->phase == SLUICE_SUB_OPEN;
	sluice_snapshot_close(list);
	return found;
}

static void await_reader(const char *name)
{
	for (uint32_t ms = 0; !reads(name); ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

static void one_reads(void)
{
	visitor_receives("one", UINT32_MAX);
}

static void two_reads(void)
{
	visitor_receives("two", UINT32_MAX);
}

static void handled_so_often(uint32_t from, uint32_t to, uint32_t times)
{
	for (uint32_t i = from; i < to; i++) {
		assert_int_equal(sluice_load_acquire(&visited->handled[i]),
				 times);
		assert_int_equal(sluice_load_acquire(&visited->again[i]), 0);
	}
}

static void join_and_close(void)
{
	assert_int_equal(flow_join(pipeline), 0);
	sluice_pipeline_close(pipeline);
	flow_check_all(&sink, VISITOR_EVENTS);
}

static void each_gets_all(void **state)
{
	struct visitor one = visitor_fork(one_reads);
	struct visitor two = visitor_fork(two_reads);

	(void)state;
	open_broadcast();
	visitor_go(&one);
	visitor_go(&two);
	await_reader("one");
	await_reader("two");
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&one);
	visitor_wait(&two);
	join_and_close();
	handled_so_often(0, VISITOR_EVENTS, 2);
}

static void one_reads_some_and_stays(void)
{
	visitor_receives("one", SHARE / 2);
}

/* One that was killed holds up nobody; one that comes later begins there. */
static void one_dies_and_one_comes(void **state)
{
	struct visitor one = visitor_fork(one_reads_some_and_stays);
	struct visitor two = visitor_fork(two_reads);

	(void)state;
	open_broadcast();
	visitor_go(&one);
	await_reader("one");
	paced_go(pipeline, SHARE);
	child_await(&visited->count, SHARE / 2);
	visitor_kill(&one);
	flow_wait_events(pipeline, &sink, SHARE);
	visitor_go(&two);
	await_reader("two");
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&two);
	join_and_close();
	handled_so_often(SHARE, VISITOR_EVENTS, 1);
	handled_so_often(0, SHARE / 4, 1);
}

static void one_reads_and_leaves(void)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = "one", .from = "source"));
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	VISITOR_MUST(batch.seq == 0);
	visitor_count(&batch);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
	sluice_store_release(&visited->stage, 1);
}

static void one_leaves(void **state)
{
	struct visitor one = visitor_fork(one_reads_and_leaves);

	(void)state;
	open_broadcast();
	visitor_go(&one);
	await_reader("one");
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&one);
	join_and_close();
	handled_so_often(0, 1, 1);
}

static void one_asks(void)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL,
					     .name = "one", .from = "source"));
	struct sluice_batch batch;

	sluice_store_release(&visited->stage, 1);
	while (sluice_load_acquire(&visited->stage) != 2)
		flow_sleep_ms(1);
	VISITOR_MUST(sluice_ask(sluice_port_sub(port), 3) == 0);
	for (uint32_t got = 0; got < 3; got += batch.count) {
		VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
		visitor_count(&batch);
	}
	VISITOR_MUST(sluice_recv(port, &batch, 20) == -EAGAIN);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* It holds up nobody before it has asked. */
static void one_asks_by_itself(void **state)
{
	struct visitor one = visitor_fork(one_asks);

	(void)state;
	open_broadcast();
	visitor_go(&one);
	child_await(&visited->stage, 1);
	paced_go(pipeline, SHARE);
	flow_wait_events(pipeline, &sink, SHARE);
	sluice_store_release(&visited->stage, 2);
	await_reader("one");
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&one);
	join_and_close();
	handled_so_often(0, SHARE, 0);
	handled_so_often(SHARE, SHARE + 3, 1);
	handled_so_often(SHARE + 3, VISITOR_EVENTS, 0);
}

static void one_reads_beside(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.name = "one", .tee = 1, .from = "source"));
	struct sluice_batch batch;
	uint64_t next = 0;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++) {
			uint64_t event = SLUICE_EVENTS(&batch, uint64_t)[i];

			VISITOR_MUST(event >= next);
			next = event + 1;
			(void)sluice_fetch_add(&visited->count, 1);
		}
	VISITOR_MUST(rc == -EPIPE && next > 0);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void a_tee_works_still(void **state)
{
	struct visitor one = visitor_fork(one_reads_beside);

	(void)state;
	open_broadcast();
	visitor_go(&one);
	await_reader("one");
	/* It is given no more than it can take, and perhaps nothing yet. */
	for (uint64_t n = 1; sluice_load_acquire(&visited->count) == 0; n++) {
		assert_true(n < VISITOR_EVENTS);
		paced_go(pipeline, n);
		flow_sleep_ms(1);
	}
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&one);
	join_and_close();
}

/* It has a batch in hand when it is told, and others wait. */
static void one_is_told_why(void)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = "one", .from = "source",
					     .max_demand = 64));
	struct sluice_port_status status;
	struct sluice_batch batch;
	int rc;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	sluice_store_release(&visited->stage, 1);
	while (sluice_load_acquire(&visited->stage) != 2)
		flow_sleep_ms(1);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		;
	VISITOR_MUST(rc == -EIO);
	VISITOR_MUST(sluice_port_closed(port, &status) == -EIO);
	VISITOR_MUST(status.reason == SLUICE_REASON_ERROR && status.code == 7);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void one_is_ended(void **state)
{
	struct visitor one = visitor_fork(one_is_told_why);

	(void)state;
	open_broadcast();
	visitor_go(&one);
	await_reader("one");
	paced_go(pipeline, SHARE);
	child_await(&visited->stage, 1);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "one"),
					  SLUICE_REASON_ERROR, 7),
			 0);
	flow_wait_events(pipeline, &sink, SHARE);
	sluice_store_release(&visited->stage, 2);
	paced_go(pipeline, VISITOR_EVENTS);
	visitor_wait(&one);
	join_and_close();
}

static void runs_an_engine(void)
{
	open_broadcast();
	await_reader("one");
	paced_go(pipeline, SHARE);
	visitor_stays(1);
}

static void one_hears_of_its_death(void)
{
	struct sluice_port_status status;
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.flags = SLUICE_ATTACH_WAIT,
					     .name = "one", .from = "source"));
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		visitor_count(&batch);
	VISITOR_MUST(rc == -EIO);
	VISITOR_MUST(sluice_port_closed(port, &status) < 0);
	VISITOR_MUST(status.code == EOWNERDEAD);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void the_engine_dies(void **state)
{
	struct visitor engine = visitor_fork(runs_an_engine);
	struct visitor one = visitor_fork(one_hears_of_its_death);

	(void)state;
	visitor_go(&engine);
	visitor_go(&one);
	child_await(&visited->count, SHARE);
	visitor_kill(&engine);
	visitor_wait(&one);
	handled_so_often(0, SHARE, 1);
	/* What the dead one has left goes with the next. */
	open_broadcast();
	paced_go(pipeline, VISITOR_EVENTS);
	join_and_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gets_all),
		cmocka_unit_test(one_dies_and_one_comes),
		cmocka_unit_test(one_leaves),
		cmocka_unit_test(one_asks_by_itself),
		cmocka_unit_test(a_tee_works_still),
		cmocka_unit_test(one_is_ended),
		cmocka_unit_test(the_engine_dies),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
