/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that stand still: who consumes is waited for, or sent away; and nobody
 * looks into a process that does not want it. */
#include "visitor.h"

#include "engine/peer/stall_priv.h"

#include <sys/prctl.h>

/* One that runs says something within this time, however busy the machine is. */
#define STALL_MS 1500u

static void open_dealing(const char *dispatcher,
			 const struct sluice_listen_opts *opts)
{
	visitor_open_dealing(dispatcher, SLUICE_STAGE_PEERS_CONSUME,
			     SLUICE_STAGE_PEERS_FEED);
	assert_int_equal(sluice_pipeline_listen(pipeline, opts), 0);
	flow_start(pipeline);
}

static void open_with(const struct sluice_listen_opts *opts)
{
	open_dealing(NULL, opts);
}

/* ---- who reads --------------------------------------------------------------------- */

/* What it says later, nobody hears. */
static void stops_for_good(struct sluice_stage *port)
{
	struct sluice_port_status status;
	struct sluice_batch batch;
	int rc;

	VISITOR_MUST(raise(SIGSTOP) == 0);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		;
	VISITOR_MUST(rc == -EIO);
	VISITOR_MUST(sluice_port_closed(port, &status) < 0);
	VISITOR_MUST(status.reason == SLUICE_REASON_ERROR &&
		     status.code == ETIMEDOUT);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* A batch is in its hands. */
static void stands_still(void)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = "reader", .from = "source",
					     .max_demand = 64));
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	visitor_count(&batch);
	stops_for_good(port);
}

/* It has nothing, and has asked for nothing yet. */
static void stands_still_at_once(void)
{
	stops_for_good(visitor_attach(
		SLUICE_ATTACH(.name = "reader", .from = "source")));
}

/* It has finished all that it asked for. */
static void asks_no_more(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL, .name = "reader",
			      .from = "source"));
	struct sluice_batch batch;

	VISITOR_MUST(sluice_ask(sluice_port_sub(port), 1) == 0);
	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) == 1);
	visitor_count(&batch);
	VISITOR_MUST(sluice_recv(port, &batch, 0) == -EAGAIN);
	stops_for_good(port);
}

static void reads_the_rest(void)
{
	visitor_receives("other", UINT32_MAX);
}

static void await_stopped(const struct visitor *visitor)
{
	int status = 0;

	assert_int_equal(waitpid(visitor->pid, &status, WUNTRACED),
			 visitor->pid);
	assert_true(WIFSTOPPED(status));
}

/* It lives on, and what it had the other gets, though a place would be kept. Returns how
 * many events that were. */
static uint32_t sent_away(void (*part)(void), const char *dispatcher,
			  enum sluice_on_stall on_stall)
{
	struct visitor still = visitor_fork(part);
	struct visitor other = visitor_fork(reads_the_rest);

	open_dealing(dispatcher,
		     SLUICE_LISTEN(.folder = visitor_folder,
				   .on_stall = on_stall, .stall_ms = STALL_MS,
				   .hold_ms = SLUICE_HOLD_MS(3600000)));
	visitor_go(&still);
	await_stopped(&still);
	visitor_go(&other);
	visitor_wait(&other);
	assert_int_equal(kill(still.pid, SIGCONT), 0);
	visitor_wait(&still);
	visitor_drain();
	return visitor_check_all(2);
}

static void one_is_detached(void **state)
{
	(void)state;
	assert_true(sent_away(stands_still, NULL, SLUICE_STALL_DETACH) > 0);
}

/* Nobody else gets anything before it asks. */
static void one_never_asks(void **state)
{
	(void)state;
	assert_int_equal(
		sent_away(stands_still_at_once, "rr", SLUICE_STALL_DETACH), 0);
}

static void one_asks_no_more(void **state)
{
	(void)state;
	assert_int_equal(sent_away(asks_no_more, "rr", SLUICE_STALL_DETACH), 0);
}

/* Who was not started here is not killed. */
static void a_stranger_is_evicted(void **state)
{
	(void)state;
	assert_true(sent_away(stands_still, NULL, SLUICE_STALL_EVICT) > 0);
}

/* Of what all of them get, it holds up the others: these go on. It is told as any
 * other, though the end of its stream lies in its ring as well. */
static void one_of_all_is_detached(void **state)
{
	struct visitor still = visitor_fork(stands_still);
	struct visitor other = visitor_fork(reads_the_rest);
	uint32_t had;

	(void)state;
	open_dealing("broadcast", SLUICE_LISTEN(.folder = visitor_folder,
						.on_stall = SLUICE_STALL_DETACH,
						.stall_ms = STALL_MS));
	visitor_go(&still);
	await_stopped(&still);
	had = sluice_load_acquire(&visited->count);
	visitor_go(&other);
	visitor_wait(&other);
	assert_true(sluice_load_acquire(&visited->count) > had);
	assert_int_equal(kill(still.pid, SIGCONT), 0);
	visitor_wait(&still);
	/* What was there before the other came nobody has read. */
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS),
			 -EPIPE);
	assert_text_has(sluice_last_error(), "had no consumer left to go to");
	sluice_pipeline_close(pipeline);
}

static void stops_and_reads_all(void)
{
	VISITOR_MUST(raise(SIGSTOP) == 0);
	visitor_receives("reader", UINT32_MAX);
}

static void has_nothing_to_read(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL, .name = "reader",
			      .from = "source"));
	struct sluice_batch batch;

	VISITOR_MUST(raise(SIGSTOP) == 0);
	VISITOR_MUST(sluice_recv(port, &batch, 10) == -EAGAIN);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
	stops_and_reads_all();
}

/* Nothing waits for it, so it may stand still as long as it likes. */
static void who_has_no_events(void **state)
{
	struct visitor reader = visitor_fork(has_nothing_to_read);

	(void)state;
	open_with(SLUICE_LISTEN(.folder = visitor_folder,
				.on_stall = SLUICE_STALL_DETACH,
				.stall_ms = STALL_MS));
	visitor_go(&reader);
	await_stopped(&reader);
	flow_sleep_ms(2 * STALL_MS);
	assert_int_equal(kill(reader.pid, SIGCONT), 0);
	await_stopped(&reader);
	assert_int_equal(kill(reader.pid, SIGCONT), 0);
	visitor_wait(&reader);
	visitor_drain();
}

/* ---- who feeds ---------------------------------------------------------------------- */

static void feeds_and_stops(void)
{
	struct sluice_stage *port = visitor_attach(SLUICE_ATTACH(.to = "sink"));
	uint64_t event = 0;

	VISITOR_MUST(sluice_send(port, &event, 1, TEST_DEADLINE_MS) == 1);
	VISITOR_MUST(raise(SIGSTOP) == 0);
	event++;
	VISITOR_MUST(sluice_send(port, &event, 1, TEST_DEADLINE_MS) == 1);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void who_feeds_may(void **state)
{
	struct visitor feeder = visitor_fork(feeds_and_stops);

	(void)state;
	open_with(SLUICE_LISTEN(.folder = visitor_folder,
				.on_stall = SLUICE_STALL_DETACH,
				.stall_ms = 1));
	visitor_go(&feeder);
	await_stopped(&feeder);
	flow_sleep_ms(20);
	assert_int_equal(kill(feeder.pid, SIGCONT), 0);
	visitor_wait(&feeder);
	visitor_drain();
	flow_check_all(&sink, 2);
}

/* ---- the judgement ------------------------------------------------------------------- */

static void by_words_that_stand(void **state)
{
	static const struct {
		uint64_t said;
		int waited;
		uint64_t now_ns;
		int stands;
	} looks[] = {
		{5, 1, 100, 0}, {5, 1, 109, 0}, {5, 1, 110, 1},
		{6, 1, 120, 0}, {6, 1, 129, 0}, {6, 0, 130, 0},
		{6, 1, 131, 0}, {6, 1, 140, 0}, {6, 1, 141, 1},
	};
	struct stall stall = {0};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(looks); i++)
		assert_int_equal(stall_look(&stall, looks[i].said,
					    looks[i].waited, looks[i].now_ns,
					    10),
				 looks[i].stands);
}

/* ---- who may look -------------------------------------------------------------------- */

static void hides_as_an_engine(void)
{
	VISITOR_MUST(prctl(PR_GET_DUMPABLE) == 1);
	open_with(SLUICE_LISTEN(.folder = visitor_folder,
				.flags = SLUICE_LISTEN_UNDUMPABLE));
	VISITOR_MUST(prctl(PR_GET_DUMPABLE) == 0);
	sluice_store_release(&visited->stage, 1);
	child_await(&visited->stage, 2);
	visitor_drain();
	VISITOR_MUST(sink.events == 2);
}

/* Once as it is, once hidden: both can do all that there is. */
static void hides_as_a_peer(void)
{
	for (uint64_t i = 0; i < 2; i++) {
		struct sluice_stage *port = visitor_attach(
			SLUICE_ATTACH(.flags = i ? SLUICE_ATTACH_UNDUMPABLE : 0,
				      .to = "sink"));

		VISITOR_MUST(prctl(PR_GET_DUMPABLE) == (i ? 0 : 1));
		VISITOR_MUST(sluice_send(port, &i, 1, TEST_DEADLINE_MS) == 1);
		VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
	}
	sluice_store_release(&visited->stage, 2);
}

static void both_hide(void **state)
{
	struct visitor engine = visitor_fork(hides_as_an_engine);
	struct visitor peer = visitor_fork(hides_as_a_peer);

	(void)state;
	visitor_go(&engine);
	child_await(&visited->stage, 1);
	visitor_go(&peer);
	visitor_wait(&peer);
	visitor_wait(&engine);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_detached),
		cmocka_unit_test(one_never_asks),
		cmocka_unit_test(one_asks_no_more),
		cmocka_unit_test(a_stranger_is_evicted),
		cmocka_unit_test(one_of_all_is_detached),
		cmocka_unit_test(who_has_no_events),
		cmocka_unit_test(who_feeds_may),
		cmocka_unit_test(by_words_that_stand),
		cmocka_unit_test(both_hide),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
