/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes attach over the public calls: they consume, they feed, they die. */
#include "visitor.h"

static void open_it(void)
{
	visitor_open(SLUICE_STAGE_PEERS_CONSUME, SLUICE_STAGE_PEERS_FEED);
	visitor_listen();
}

static void open_and_start(void)
{
	open_it();
	flow_start(pipeline);
}

/* ---- they consume -------------------------------------------------------------- */

static void reads(void)
{
	visitor_receives("reader", UINT32_MAX);
}

/* It may ask before the start. */
static void one_consumes(void **state)
{
	struct visitor reader = visitor_fork(reads);

	(void)state;
	open_it();
	visitor_go(&reader);
	flow_sleep_ms(20);
	flow_start(pipeline);
	visitor_wait(&reader);
	visitor_drain();
	for (uint32_t i = 0; i < VISITOR_EVENTS; i++)
		assert_int_equal(sluice_load_acquire(&visited->handled[i]), 1);
}

static void reads_too(void)
{
	visitor_receives("other", UINT32_MAX);
}

static void reads_and_stays(void)
{
	visitor_reads_all("reader", UINT32_MAX);
	visitor_stays(1);
}

/* Nobody waits for one that has finished all there is. */
static void one_reads_all_and_stays(void **state)
{
	struct visitor reader = visitor_fork(reads_and_stays);

	(void)state;
	open_and_start();
	visitor_go(&reader);
	child_await(&visited->stage, 1);
	visitor_drain();
	visitor_kill(&reader);
}

static void reads_some(void)
{
	visitor_receives("reader", 500);
}

/* What it has not finished goes to the other, marked; nothing else comes twice. */
static void one_of_two_dies(void **state)
{
	struct visitor reader = visitor_fork(reads_some);
	struct visitor other = visitor_fork(reads_too);

	(void)state;
	open_and_start();
	visitor_go(&reader);
	child_await(&visited->count, 500);
	visitor_kill(&reader);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	(void)visitor_check_all(2);
}

/* ---- they feed ------------------------------------------------------------------- */

static void sends_half(void)
{
	visitor_sends(0, VISITOR_EVENTS / 2);
}

static void sends_rest(void)
{
	visitor_sends(VISITOR_EVENTS / 2, VISITOR_EVENTS);
}

/* One after the other; the second is told what was taken of the first. */
static void one_feeds_and_comes_back(void **state)
{
	struct visitor first = visitor_fork(sends_half);
	struct visitor second = visitor_fork(sends_rest);

	(void)state;
	open_and_start();
	visitor_go(&first);
	visitor_wait(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	/* Of the second subscription `seq` begins anew. */
	assert_int_equal(sink.events, VISITOR_EVENTS);
	assert_int_equal(sink.sum, flow_sum(VISITOR_EVENTS));
	assert_int_equal(sink.gaps, 0);
}

static void sends_for_ever(void)
{
	visitor_sends(0, UINT64_MAX);
}

/* What was taken of it counts, and nothing else comes. */
static void one_dies_that_feeds(void **state)
{
	struct visitor first = visitor_fork(sends_for_ever);
	uint32_t sent;

	(void)state;
	open_and_start();
	visitor_go(&first);
	child_await(&visited->sent, 500);
	visitor_kill(&first);
	sent = sluice_load_acquire(&visited->sent);
	/* The stage that stood for it goes. */
	for (uint32_t ms = 0; sluice_stage_find(pipeline, "writer") != NULL;
	     ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	visitor_drain();
	/* It may have died between the call's end and its note. */
	assert_in_range(sink.events, sent, sent + 1);
	flow_check_all(&sink, sink.events);
}

/* ---- the engine goes --------------------------------------------------------------- */

static void runs_an_engine(void)
{
	open_and_start();
	visitor_stays(1);
}

static void hears_of_its_death(void)
{
	struct sluice_port_status status;
	struct sluice_stage *port = visitor_attach(SLUICE_ATTACH(.to = "sink"));
	uint64_t event = 0;
	int rc;

	VISITOR_MUST(sluice_send(port, &event, 1, TEST_DEADLINE_MS) == 1);
	sluice_store_release(&visited->stage, 2);
	do
		rc = sluice_send(port, &event, 1, TEST_DEADLINE_MS);
	while (rc == 1);
	VISITOR_MUST(rc == -EIO || rc == -EPIPE);
	VISITOR_MUST(sluice_port_closed(port, &status) < 0);
	VISITOR_MUST(status.reason == SLUICE_REASON_ERROR &&
		     status.code == EOWNERDEAD);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void waits_for_the_next(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.flags = SLUICE_ATTACH_WAIT,
			      .timeout_ms = SLUICE_FOREVER, .to = "sink"));
	uint64_t event = 0;

	VISITOR_MUST(sluice_send(port, &event, 1, TEST_DEADLINE_MS) == 1);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* Who came before there was one waits; and so does who has lost one. */
static void the_engine_dies(void **state)
{
	struct visitor early = visitor_fork(waits_for_the_next);
	struct visitor engine = visitor_fork(runs_an_engine);
	struct visitor peer = visitor_fork(hears_of_its_death);
	struct visitor late = visitor_fork(waits_for_the_next);

	(void)state;
	visitor_go(&early);
	flow_sleep_ms(20);
	visitor_go(&engine);
	child_await(&visited->stage, 1);
	visitor_wait(&early);
	visitor_go(&peer);
	child_await(&visited->stage, 2);
	visitor_kill(&engine);
	visitor_wait(&peer);
	visitor_go(&late);
	flow_sleep_ms(20);
	/* What the dead one has left is in nobody's way. */
	open_and_start();
	visitor_wait(&late);
	visitor_stop();
}

/* ---- what is refused ------------------------------------------------------------- */

static const struct visitor_refusal refusals[] = {
	{{.from = "source"}, -EINVAL, "pipeline is NULL"},
	{{.pipeline = "test"}, -EINVAL, "from and to are NULL"},
	{{.pipeline = "test", .from = "source", .flags = 8},
	 -EINVAL,
	 "unknown flags 0x8"},
	{{.pipeline = "test", .from = "source", .resv = {[6] = 1}},
	 -EINVAL,
	 "resv[6]"},
	{{.pipeline = "test", .from = "source", .ring_events = 5},
	 -EINVAL,
	 "ring_events"},
	{{.pipeline = "test", .to = "sink", .max_demand = 5},
	 -EINVAL,
	 "max_demand"},
	{{.pipeline = "other", .to = "sink"}, -ECONNREFUSED, "no pipeline"},
	{{.pipeline = "test", .from = "sink"}, -EPERM, "'sink'"},
	{{.pipeline = "test", .from = "nobody"}, -ENOENT, "'nobody'"},
	{{.pipeline = "test", .from = "source", .event_bytes = 4},
	 -EINVAL,
	 "from_bytes 4 does not match its out_bytes 8"},
	{{.pipeline = "test", .from = "source", .name = "sink"},
	 -EEXIST,
	 "'sink'"},
};

static void is_refused(void)
{
	visitor_is_refused(refusals, UNIT_COUNT(refusals), NULL);
}

static void refused(void **state)
{
	struct visitor peer = visitor_fork(is_refused);

	(void)state;
	open_and_start();
	visitor_go(&peer);
	visitor_wait(&peer);
	visitor_stop();
}

static void stays(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL, .name = "reader",
			      .from = "source"));
	struct sluice_batch batch;

	VISITOR_MUST(sluice_port_event_bytes(port) == 8);
	VISITOR_MUST(sluice_recv(port, &batch, 20) == -EAGAIN);
	VISITOR_MUST(sluice_ask(sluice_port_sub(port), 3) == 0);
	for (uint32_t got = 0; got < 3; got += batch.count)
		VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	VISITOR_MUST(sluice_recv(port, &batch, 20) == -EAGAIN);
	sluice_store_release(&visited->stage, 1);
	while (sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0)
		;
	VISITOR_MUST(sluice_detach(port, 0) == 0);
}

static void comes_by_the_same_name(void)
{
	struct sluice_stage *port;

	VISITOR_MUST(
		visitor_try_attach(&port, SLUICE_ATTACH(.name = "reader",
							.from = "source")) ==
		-EEXIST);
	VISITOR_MUST(strstr(sluice_last_error(), "is attached already"));
}

/* The program sees the stage that stands for it, and may end it; but it is not the
 * program's to use. */
static void a_stage_stands_for_it(void **state)
{
	struct visitor reader = visitor_fork(stays);
	struct visitor second = visitor_fork(comes_by_the_same_name);
	struct sluice_stage *stage;
	struct sluice_batch batch;
	int fd;

	(void)state;
	open_and_start();
	visitor_go(&reader);
	child_await(&visited->stage, 1);
	stage = sluice_stage_find(pipeline, "reader");
	assert_non_null(stage);
	assert_int_equal(sluice_recv(stage, &batch, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "another process");
	assert_int_equal(sluice_port_fd(stage, &fd), -EINVAL);
	visitor_go(&second);
	visitor_wait(&second);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_SHUTDOWN, 0), 0);
	visitor_wait(&reader);
	visitor_stop();
}

/* A code that is no errno; of a stream that has more for it. */
static void is_told_a_code(void)
{
	struct sluice_port_status status;
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL, .name = "reader",
			      .from = "source"));
	struct sluice_batch batch;

	VISITOR_MUST(sluice_ask(sluice_port_sub(port), 1) == 0);
	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) == 1);
	sluice_store_release(&visited->stage, 1);
	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(sluice_port_closed(port, &status) == -EIO);
	VISITOR_MUST(status.reason == SLUICE_REASON_ERROR &&
		     status.code == SLUICE_CODE_MAX);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void the_code_of_its_end_is_told(void **state)
{
	struct visitor reader = visitor_fork(is_told_a_code);

	(void)state;
	open_and_start();
	visitor_go(&reader);
	child_await(&visited->stage, 1);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "reader"),
					  SLUICE_REASON_ERROR, SLUICE_CODE_MAX),
			 0);
	visitor_wait(&reader);
	visitor_stop();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_consumes),
		cmocka_unit_test(one_reads_all_and_stays),
		cmocka_unit_test(one_of_two_dies),
		cmocka_unit_test(one_feeds_and_comes_back),
		cmocka_unit_test(one_dies_that_feeds),
		cmocka_unit_test(the_engine_dies),
		cmocka_unit_test(refused),
		cmocka_unit_test(a_stage_stands_for_it),
		cmocka_unit_test(the_code_of_its_end_is_told),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
