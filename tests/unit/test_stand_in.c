/* SPDX-License-Identifier: Apache-2.0 */
/* The stage that stands for a peer: when its place may be kept, and how it ends. The
 * peer does not come here, what it would map is let go. */
#include "engine/graph/subscriptions_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/run/port_priv.h"
#include "flow.h"
#include "peer_messages.h"

#include <sys/mman.h>
#include <unistd.h>

static struct sluice_pipeline *pipeline;
static struct stand_in in;
static struct flow_sink sink;
static struct wire_welcome welcome;

/* Its stage ends just when somebody looks how it has ended. */
static int ends_meanwhile;

struct port_end __real_port_end_of(const struct sluice_stage *port);
struct port_end __wrap_port_end_of(const struct sluice_stage *port);

struct port_end __wrap_port_end_of(const struct sluice_stage *port)
{
	struct port_end end = __real_port_end_of(port);

	if (ends_meanwhile) {
		ends_meanwhile = 0;
		stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	}
	return end;
}

static void let_go(int fds[WIRE_MEMORY_MAX])
{
	for (uint32_t i = 0; i < welcome.memory_count; i++)
		(void)close(fds[i]);
	welcome.memory_count = 0;
}

static int open_with(const struct wire_hello *hello)
{
	const struct stand_in_terms terms = {.budget = NULL};
	int fds[WIRE_MEMORY_MAX];
	int rc;

	assert_int_equal(
		sluice_pipeline_open(&pipeline, SLUICE_PIPELINE(.name = "p")),
		0);
	flow_add(pipeline, SLUICE_STAGE(.name = "out", .out_bytes = 16,
					.kind = SLUICE_PRODUCER,
					.flags = SLUICE_STAGE_PORT |
						 SLUICE_STAGE_PEERS_CONSUME,
					.on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .in_bytes = 8,
			      .kind = SLUICE_CONSUMER,
			      .handle_events = flow_collect,
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_start(pipeline);
	wire_init(&welcome, WIRE_WELCOME, sizeof(welcome));
	rc = stand_in_open(&in, pipeline, hello, &terms, &welcome, fds);
	let_go(fds);
	return rc;
}

static void open_as(enum wire_role role)
{
	const struct wire_hello hello = peer_hello(role);

	if (open_with(&hello) != 0)
		fail_msg("%s", sluice_last_error());
}

static void close_all(void)
{
	for (uint32_t ms = 0; stand_in_close(&in) != 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

static uint32_t await_over(void)
{
	uint32_t closed = 0;

	for (uint32_t ms = 0; !stand_in_over(&in, &closed); ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	return closed;
}

static int renew(void)
{
	int fds[WIRE_MEMORY_MAX];
	const struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	int rc = stand_in_renew(&in, &hello, &welcome, fds);

	let_go(fds);
	return rc;
}

/* Nothing stands there, and it is closed like others. */
static void one_is_refused(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_WORKER);

	(void)state;
	(void)strcpy(hello.to, "none");
	assert_int_equal(open_with(&hello), -ENOENT);
	assert_text_has(sluice_last_error(), "there is no stage 'none'");
	close_all();
}

/* It dies just when all is over: nothing is kept. */
static void one_that_is_over_is_not_kept(void **state)
{
	(void)state;
	open_as(WIRE_CONSUMER);
	stand_in_end(&in, SLUICE_REASON_ERROR, 0);
	assert_int_equal(SLUICE_CLOSED_REASON(await_over()),
			 SLUICE_REASON_ERROR);
	assert_int_equal(stand_in_hold(&in), -EPIPE);
	assert_int_equal(renew(), -EAGAIN);
	assert_text_has(sluice_last_error(),
			"peer 'me' has gone just now, and is not settled yet");
	/* Nothing comes of it. */
	stand_in_resume(&in);
	close_all();
}

/* Its stage ends with the pipeline. */
static void one_is_stopped(void **state)
{
	(void)state;
	open_as(WIRE_CONSUMER);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(SLUICE_CLOSED_REASON(await_over()),
			 SLUICE_REASON_SHUTDOWN);
	stand_in_forget(&in);
	sluice_pipeline_close(pipeline);
}

/* A peer is told how its stage has ended; it would refuse an end without a reason. */
static void one_ends_while_it_is_looked_at(void **state)
{
	uint32_t closed = 0;

	(void)state;
	open_as(WIRE_CONSUMER);
	ends_meanwhile = 1;
	if (!stand_in_over(&in, &closed))
		closed = await_over();
	assert_int_equal(ends_meanwhile, 0);
	assert_int_equal(SLUICE_CLOSED_REASON(closed), SLUICE_REASON_NORMAL);
	close_all();
}

/* It has not asked for anything, so that its producer has not met it. */
static void one_that_never_began_is_not_kept(void **state)
{
	(void)state;
	open_as(WIRE_CONSUMER);
	assert_int_equal(stand_in_hold(&in), -EPIPE);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	close_all();
}

static void a_feeder_is_not_kept(void **state)
{
	(void)state;
	open_as(WIRE_PRODUCER);
	assert_int_equal(stand_in_hold(&in), -ENOTSUP);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	close_all();
}

/* What is told of its stage just now. */
static struct sluice_stage_snapshot told(void)
{
	struct sluice_stage_snapshot row = {0};
	struct sluice_snapshot *all;
	const struct sluice_stage_snapshot *found;

	assert_int_equal(sluice_pipeline_stat(pipeline, &all), 0);
	found = sluice_snapshot_stage(all, "me");
	if (found != NULL)
		row = *found;
	sluice_snapshot_close(all);
	assert_int_equal(row.time.lived_ns, 0);
	return row;
}

static void await_told(uint64_t events_in, uint64_t events_out,
		       enum sluice_doing doing)
{
	struct sluice_stage_snapshot row = told();

	for (uint32_t ms = 0;
	     row.counts.events_in != events_in ||
	     row.counts.events_out != events_out || row.time.doing != doing;
	     ms++) {
		if (ms >= FLOW_DEADLINE_MS)
			fail_msg("in %llu, out %llu, doing %d",
				 (unsigned long long)row.counts.events_in,
				 (unsigned long long)row.counts.events_out,
				 (int)row.time.doing);
		flow_sleep_ms(1);
		row = told();
	}
}

/* Words of its process, which this one may only read. */
static void *of_peer(void *words)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *at = (char *)words - (uintptr_t)words % page;

	assert_int_equal(mprotect(at, page, PROT_READ | PROT_WRITE), 0);
	return words;
}

/* It has ended, and is still there. */
static void stays(uint64_t events_in, uint64_t events_out)
{
	struct sluice_stage_stats stat;

	(void)await_over();
	await_told(events_in, events_out, SLUICE_DOING_NOTHING);
	assert_int_equal(sluice_stage_stat(pipeline, "me", &stat), 0);
	assert_int_equal(stat.events_in, events_in);
	assert_int_equal(stat.events_out, events_out);
}

static void what_it_has_sent_is_told(void **state)
{
	struct sluice_tx_words *tx;

	(void)state;
	open_as(WIRE_PRODUCER);
	tx = of_peer(in.share->words.tx);
	await_told(0, 0, SLUICE_DOING_IDLE);
	/* As its process would, but for the bell. */
	sluice_store_release(&tx->published, 5);
	await_told(0, 5, SLUICE_DOING_IDLE);
	stand_in_restarted(&in, 3);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	stays(0, 5);
	assert_int_equal(told().counts.restarts, 3);
	close_all();
}

/* What cannot be is not told. */
static void what_it_cannot_have_sent_is_not_told(void **state)
{
	struct sluice_tx_words *tx;

	(void)state;
	open_as(WIRE_PRODUCER);
	tx = of_peer(in.share->words.tx);
	sluice_store_release(&tx->published, UINT64_MAX / 2);
	await_told(0, 0, SLUICE_DOING_IDLE);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	stays(0, 0);
	close_all();
}

static void what_it_has_handled_is_told(void **state)
{
	struct sluice_rx_words *rx;
	struct sluice_stage *port;
	uint64_t events[3][2] = {{0}};

	(void)state;
	open_as(WIRE_CONSUMER);
	rx = of_peer(in.share->words.rx);
	port = sluice_stage_find(pipeline, "out");
	await_told(0, 0, SLUICE_DOING_IDLE);
	sluice_store_release(&rx->granted, 8);
	assert_int_equal(sluice_send(port, events, 3, FLOW_DEADLINE_MS), 3);
	await_told(0, 0, SLUICE_DOING_WORK);
	/* Batches are what it says, as far as that can be. */
	sluice_store_relaxed(&rx->batches, 7);
	sluice_store_release(&rx->acked, 2);
	await_told(2, 0, SLUICE_DOING_WORK);
	assert_int_equal(told().counts.batches_in, 2);
	sluice_store_release(&rx->acked, 3);
	await_told(3, 0, SLUICE_DOING_IDLE);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	stays(3, 0);
	close_all();
}

static void await_open(struct sluice_sub id)
{
	const struct subscription *sub = subscription_at(pipeline, id.index);

	for (uint32_t ms = 0; subscription_consumer(sub) != CONSUMER_OPEN;
	     ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* It has written down what it came to. */
static void what_nobody_has_looked_at_is_told_later(void **state)
{
	const uint64_t event[2] = {0};
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;

	(void)state;
	open_as(WIRE_PRODUCER);
	tx = of_peer(in.share->words.tx);
	await_open(in.fed);
	sluice_store_release(&tx->published, 5);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	stays(0, 5);
	close_all();
	open_as(WIRE_CONSUMER);
	rx = of_peer(in.share->words.rx);
	await_open(in.sub);
	sluice_store_release(&rx->granted, 8);
	assert_int_equal(sluice_send(sluice_stage_find(pipeline, "out"), event,
				     1, FLOW_DEADLINE_MS),
			 1);
	sluice_store_release(&rx->acked, 1);
	stand_in_end(&in, SLUICE_REASON_NORMAL, 0);
	stays(1, 0);
	close_all();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_refused),
		cmocka_unit_test(one_that_is_over_is_not_kept),
		cmocka_unit_test(one_is_stopped),
		cmocka_unit_test(one_ends_while_it_is_looked_at),
		cmocka_unit_test(one_that_never_began_is_not_kept),
		cmocka_unit_test(a_feeder_is_not_kept),
		cmocka_unit_test(what_it_has_sent_is_told),
		cmocka_unit_test(what_it_cannot_have_sent_is_not_told),
		cmocka_unit_test(what_it_has_handled_is_told),
		cmocka_unit_test(what_nobody_has_looked_at_is_told_later),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("stand_in", tests, NULL, NULL);
}
