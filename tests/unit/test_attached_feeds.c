/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that feeds: what it has published counts, and nothing else. */
#include "attached.h"
#include "paced.h"

/* Called by this thread alone, once, where the first word of the peer's is about to be
 * looked at. */
static _Thread_local void (*meanwhile)(void);

struct subscription *
__real_subscription_at(const struct sluice_pipeline *pipeline_of,
		       uint32_t index);
struct subscription *
__wrap_subscription_at(const struct sluice_pipeline *pipeline_of,
		       uint32_t index);

struct subscription *
__wrap_subscription_at(const struct sluice_pipeline *pipeline_of,
		       uint32_t index)
{
	void (*what)(void) = meanwhile;

	meanwhile = NULL;
	if (what != NULL)
		what();
	return __real_subscription_at(pipeline_of, index);
}

static void start_sink(void)
{
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = paced_collect,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_start(pipeline);
}

/* Events below @end. */
static void send_all(uint64_t end)
{
	uint64_t events[50];

	for (uint64_t next = 0; next < end;) {
		uint32_t n = end - next < 50 ? (uint32_t)(end - next) : 50;
		int rc;

		for (uint32_t i = 0; i < n; i++)
			events[i] = next + i;
		rc = sluice_send(peer.port, events, n, FLOW_DEADLINE_MS);
		assert_true(rc > 0);
		next += (uint32_t)rc;
	}
}

static void a_peer_feeds(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(EVENTS);
	assert_int_equal(sluice_port_end(peer.port, SLUICE_REASON_NORMAL), 0);
	remove_stand_in();
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, EVENTS);
	close_all();
}

/* What it has published counts, whatever becomes of it. */
static void a_peer_that_fed_has_gone(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(EVENTS);
	answer_end();
	attached_close(&peer);
	grant_close();
	stand_in_end(&stand_in, SLUICE_REASON_ERROR, 0);
	answer_begin();
	remove_stand_in();
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, EVENTS);
	sluice_pipeline_close(pipeline);
}

/* And nothing that it publishes behind the end of its stream, though what lies before
 * that has not been finished yet. */
static void it_feeds_behind_its_end(void **state)
{
	const struct subscription *fed;

	(void)state;
	start_sink();
	sluice_store_release(&paced_holds, 1);
	attach(WIRE_PRODUCER, "sink");
	send_all(10);
	assert_int_equal(stand_in_sent(&stand_in), 10);
	assert_int_equal(
		sluice_stage_end(stand_in.stage, SLUICE_REASON_SHUTDOWN, 0), 0);
	fed = subscription_at(pipeline, stand_in.sub.index);
	for (uint32_t ms = 0;
	     sluice_load_acquire(&fed->by_producer.closed) == 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	send_all(5);
	assert_int_equal(stand_in_sent(&stand_in), 10);
	sluice_store_release(&paced_holds, 0);
	remove_stand_in();
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, 10);
	close_all();
}

static void the_stage_it_feeds_ends(void **state)
{
	uint64_t event = 0;
	int rc;

	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(10);
	attached_end(&peer, SLUICE_REASON_SHUTDOWN, 0);
	do
		rc = sluice_send(peer.port, &event, 1, FLOW_DEADLINE_MS);
	while (rc > 0);
	assert_int_equal(rc, -EPIPE);
	close_all();
}

static void the_place_of_who_feeds(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	assert_int_equal(stand_in_hold(&stand_in), -ENOTSUP);
	close_all();
}

/* It says that it has sent more than its ring holds. */
static void what_it_says_it_has_sent_is_not_believed(void **state)
{
	struct share_found found;
	struct share_words *words = &found.words;
	uint64_t acked;

	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(10);
	assert_int_equal(share_find(&found, &grant, WIRE_TO), 0);
	for (uint32_t ms = 0; sluice_load_acquire(&words->rx->acked) < 10;
	     ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(stand_in_sent(&stand_in), 10);
	acked = sluice_load_acquire(&words->rx->acked);
	sluice_store_release(&words->tx->published, acked + WINDOW + 1);
	assert_int_equal(stand_in_sent(&stand_in), acked);
	sluice_store_release(&words->tx->published, acked - 1);
	assert_int_equal(stand_in_sent(&stand_in), acked);
	sluice_store_release(&words->tx->published, acked);
	close_all();
}

/* ---- while it is looked at how much that is ------------------------------------- */

static void await_taken(uint64_t n)
{
	struct share_found found;

	assert_int_equal(share_find(&found, &grant, WIRE_TO), 0);
	for (uint32_t ms = 0; sluice_load_acquire(&found.words.rx->acked) < n;
	     ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

static void a_ring_and_more(void)
{
	send_all(WINDOW);
	await_taken(WINDOW);
	send_all(WINDOW);
}

static void all_and_it_is_over(void)
{
	uint32_t closed;

	send_all(10);
	await_taken(10);
	stand_in_end(&stand_in, SLUICE_REASON_NORMAL, 0);
	for (uint32_t ms = 0; !stand_in_over(&stand_in, &closed); ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* A receipt from before that would say too little. */
static void it_goes_on_while_it_is_counted(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	meanwhile = a_ring_and_more;
	assert_int_equal(stand_in_sent(&stand_in), 2 * WINDOW);
	close_all();
}

static void it_ends_while_it_is_counted(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	meanwhile = all_and_it_is_over;
	assert_int_equal(stand_in_sent(&stand_in), 10);
	remove_stand_in();
	close_all();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_on_while_it_is_counted),
		cmocka_unit_test(it_ends_while_it_is_counted),
		cmocka_unit_test(a_peer_feeds),
		cmocka_unit_test(a_peer_that_fed_has_gone),
		cmocka_unit_test(it_feeds_behind_its_end),
		cmocka_unit_test(the_stage_it_feeds_ends),
		cmocka_unit_test(the_place_of_who_feeds),
		cmocka_unit_test(what_it_says_it_has_sent_is_not_believed),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
