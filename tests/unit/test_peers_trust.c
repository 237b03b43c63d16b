/* SPDX-License-Identifier: Apache-2.0 */
/* A handler sees what a peer writes after it has sent it, if that peer is trusted, and never
 * else. The peer is of this process. */
#include "engine/graph/subscriptions_priv.h"
#include "tests/support/gate.h"
#include "visitor.h"

#define BEFORE 7u
#define AFTER  8u

static struct gate sees;
static uint64_t seen[2]; /* the sink's, before and after the gate */

static int looks_twice(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	const volatile uint64_t *event = batch->events;

	(void)self;
	seen[0] = *event;
	gate_pass(&sees);
	seen[1] = *event;
	return SLUICE_OK;
}

static const char *const others[] = {"other", NULL};

static const struct sluice_peer_allow plain[] = {{.uid = 0}};
static const struct sluice_peer_allow trusted[] = {
	{.flags = SLUICE_PEER_TRUSTED}};
/* Rows are in no order. */
static const struct sluice_peer_allow both[] = {
	{.roles = SLUICE_PEER_PRODUCER},
	{.roles = SLUICE_PEER_PRODUCER, .flags = SLUICE_PEER_TRUSTED}};
/* Nobody is let in by these but by the last. */
static const struct sluice_peer_allow elsewhere[] = {
	{.uid = SLUICE_ID(4000), .flags = SLUICE_PEER_TRUSTED},
	{.gid = SLUICE_ID(4000), .flags = SLUICE_PEER_TRUSTED},
	{.roles = SLUICE_PEER_CONSUMER, .flags = SLUICE_PEER_TRUSTED},
	{.stages = others, .flags = SLUICE_PEER_TRUSTED},
	{.roles = SLUICE_PEER_PRODUCER}};

static struct trust_row {
	const char *test;
	const struct sluice_peer_allow *allow;
	uint32_t count;
	uint64_t after; /* what the handler sees then */
} rows[] = {
	{"by_default", NULL, 0, BEFORE},
	{"by_a_plain_row", plain, 1, BEFORE},
	{"by_a_row_that_trusts", trusted, 1, AFTER},
	{"by_one_of_two_rows", both, 2, AFTER},
	{"by_rows_that_are_not_its", elsewhere, 5, BEFORE},
};

/* Whom those rows let in may come, and it starts. */
static void let_in(const struct sluice_peer_allow *allow, uint32_t count)
{
	assert_int_equal(
		sluice_pipeline_listen(
			pipeline,
			SLUICE_LISTEN(.folder = visitor_folder,
				      .hello_ms = TEST_DEADLINE_MS,
				      .allow = allow, .allow_count = count)),
		0);
	flow_start(pipeline);
}

static void open_with(const struct sluice_peer_allow *allow, uint32_t count)
{
	sees = GATE_CLOSED;
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = looks_twice,
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY));
	let_in(allow, count);
}

static void what_it_writes_later_is_seen(void **state)
{
	const struct trust_row *row = *state;
	struct sluice_stage *port;
	struct sluice_span span;
	volatile uint64_t *event;

	assert_int_equal(visitor_setup(state), 0);
	open_with(row->allow, row->count);
	port = visitor_attach(SLUICE_ATTACH(.name = "writer", .to = "sink"));
	assert_int_equal(sluice_send_reserve(port, &span, 1, TEST_DEADLINE_MS),
			 1);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	event = span.events;
	*event = BEFORE;
	assert_int_equal(sluice_send_commit(port, 1), 1);
	assert_int_equal(gate_await(&sees, 1), 0);
	*event = AFTER;
	gate_open(&sees, 1);
	assert_int_equal(sluice_detach(port, TEST_DEADLINE_MS), 0);
	visitor_drain();
	assert_int_equal(seen[0], BEFORE);
	assert_int_equal(seen[1], row->after);
	assert_int_equal(visitor_teardown(state), 0);
}

/* ---- where an order is restored -------------------------------------------------- */

static int makes_nothing(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* Is what that one sends to "sink" copied? */
static int sink_copies(void)
{
	struct sluice_snapshot *now = NULL;
	int copies = -1;

	assert_int_equal(sluice_pipeline_stat(pipeline, &now), 0);
	pipeline_lock(pipeline);
	for (uint32_t i = 0; i < now->subscription_count; i++)
		if (strcmp(now->subscriptions[i]->consumer, "sink") == 0)
			copies = subscription_copied(subscription_at(
				pipeline, now->subscriptions[i]->sub.index));
	pipeline_unlock(pipeline);
	sluice_snapshot_close(now);
	return copies;
}

static void worker_with(const char *dispatcher, int orders, int copies)
{
	struct sluice_stage *port;

	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = makes_nothing,
			      .dispatcher = dispatcher,
			      .order_offset =
				      orders ? SLUICE_ORDER_OFFSET(0) : 0,
			      .flags = SLUICE_STAGE_PEERS_CONSUME,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .state = &sink,
			      .order_of = orders ? "source" : NULL,
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY));
	let_in(trusted, 1);
	port = visitor_attach(SLUICE_ATTACH(.name = "worker", .from = "source",
					    .to = "sink"));
	assert_int_equal(sink_copies(), copies);
	assert_int_equal(sluice_detach(port, TEST_DEADLINE_MS), 0);
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

/* Its number is looked at more than once. */
static void what_is_put_in_order_is_copied(void **state)
{
	(void)state;
	worker_with("ordered", 1, 1);
	worker_with("demand", 0, 0);
}

int main(void)
{
	struct CMUnitTest plain_tests[] = {
		cmocka_unit_test(what_is_put_in_order_is_copied),
	};
	struct CMUnitTest tests[UNIT_COUNT(rows) + UNIT_COUNT(plain_tests)];
	size_t n = UNIT_ADD_ROWS(tests, 0, what_it_writes_later_is_seen, rows);

	visitor_watch(plain_tests, UNIT_COUNT(plain_tests));
	memcpy(tests + n, plain_tests, sizeof(plain_tests));
	return cmocka_run_group_tests_name("peers_trust", tests, NULL, NULL);
}
