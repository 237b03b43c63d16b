/* SPDX-License-Identifier: Apache-2.0 */
/* What a hello may have, by what the pipeline is just doing and by its stages; nobody
 * says it over a socket. */
#include "engine/peer/listener_priv.h"
#include "gated.h"
#include "ordered_flow.h"

#include <stdio.h>
#include <unistd.h>

static struct sluice_pipeline *pipeline;
static struct listener listener;
static struct guest guest;
static struct flow_source numbers;
static struct item_sink joined;

/*
 *     out -> slow     a port, and a consumer that waits at the gate
 *     both            consumes and produces
 *     shown           the same, and peers may look on
 *     numbers -> worker -> join
 */
static int setup(void **state)
{
	const uint32_t both =
		SLUICE_STAGE_PEERS_CONSUME | SLUICE_STAGE_PEERS_FEED;

	numbers = (struct flow_source){.end = 10};
	pipeline = flow_open_named(2);
	gated_add(pipeline, "slow");
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "both", .in_bytes = 8, .out_bytes = 8,
			      .flags = both, .kind = SLUICE_PRODUCER_CONSUMER,
			      .handle_events = flow_pass,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "numbers", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .dispatcher = "ordered",
			      .order_offset = ITEM_OFFSET,
			      .handle_demand = item_make, .state = &numbers));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "shown", .in_bytes = 8, .out_bytes = 8,
			      .flags = SLUICE_STAGE_PEERS_WATCH,
			      .kind = SLUICE_PRODUCER_CONSUMER,
			      .handle_events = flow_pass,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline, SLUICE_STAGE(ITEM_WORKER, .name = "worker",
					.handle_events = item_pass));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
			      .in_bytes = sizeof(struct item),
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .order_of = "numbers",
			      .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = item_join, .state = &joined));
	flow_subscribe(pipeline, "slow", "out", NULL);
	flow_subscribe(pipeline, "worker", "numbers", NULL);
	flow_subscribe(pipeline, "join", "worker", NULL);
	listener = (struct listener){.pipeline = pipeline};
	guest = (struct guest){.peer.identity = {.uid = geteuid()}};
	assert_int_equal(allow_take(&listener, NULL, 0), 0);
	return flow_setup(state);
}

static int teardown(void **state)
{
	(void)state;
	allow_free(&listener);
	sluice_pipeline_close(pipeline);
	return 0;
}

/* Who looks on at one event in @tee; 0: who consumes. */
static int judge_reader(const char *from, uint32_t tee)
{
	struct wire_hello hello = {.role = WIRE_CONSUMER, .tee = tee};

	(void)snprintf(hello.pipeline, sizeof(hello.pipeline), "test");
	(void)snprintf(hello.from, sizeof(hello.from), "%s", from);
	return judge_hello(&listener, &guest, &hello);
}

static int judge(enum wire_role role, const char *from, const char *to)
{
	struct wire_hello hello = {.role = role};

	(void)snprintf(hello.pipeline, sizeof(hello.pipeline), "test");
	(void)snprintf(hello.from, sizeof(hello.from), "%s", from);
	(void)snprintf(hello.to, sizeof(hello.to), "%s", to);
	return judge_hello(&listener, &guest, &hello);
}

static void expect(int rc, int code, const char *says)
{
	assert_int_equal(rc, code);
	assert_text_has(sluice_last_error(), says);
}

/* Who watches may come at any time but after the end. */
static void by_what_the_pipeline_is_doing(void **state)
{
	uint64_t event = 1;

	(void)state;
	expect(judge(WIRE_CONSUMER, "out", ""), -EAGAIN, "does not run yet");
	assert_int_equal(judge(WIRE_OBSERVER, "", ""), 0);
	flow_start(pipeline);
	assert_int_equal(judge(WIRE_CONSUMER, "out", ""), 0);
	assert_int_equal(judge(WIRE_OBSERVER, "", ""), 0);
	assert_int_equal(sluice_send(sluice_stage_find(pipeline, "out"), &event,
				     1, FLOW_DEADLINE_MS),
			 1);
	assert_int_equal(gate_await(&gate, 1), 0);
	sluice_pipeline_stop(pipeline);
	expect(judge(WIRE_CONSUMER, "out", ""), -EPIPE, "is ending");
	assert_int_equal(judge(WIRE_OBSERVER, "", ""), 0);
	gate_open(&gate, 1);
	assert_true(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS) < 0);
	expect(judge(WIRE_CONSUMER, "out", ""), -EPIPE, "has ended");
	expect(judge(WIRE_OBSERVER, "", ""), -EPIPE, "has ended");
}

static void by_its_stages(void **state)
{
	(void)state;
	flow_start(pipeline);
	assert_int_equal(judge(WIRE_WORKER, "out", "both"), 0);
	assert_int_equal(judge(WIRE_WORKER, "both", "slow"), 0);
	expect(judge(WIRE_WORKER, "both", "both"), -EINVAL, "is a cycle");
	expect(judge(WIRE_PRODUCER, "", "join"), -EINVAL,
	       "restores an order, and is fed by a worker, not by a producer");
	assert_int_equal(judge(WIRE_WORKER, "out", "join"), 0);
	expect(judge(WIRE_WORKER, "nobody", "join"), -ENOENT, "'nobody'");
	expect(judge(WIRE_WORKER, "out", "nobody"), -ENOENT, "'nobody'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* As the stages say. */
static void who_may_look_on(void **state)
{
	(void)state;
	flow_start(pipeline);
	assert_int_equal(judge_reader("both", 1), 0);
	assert_int_equal(guest.peer.watches, 0);
	assert_int_equal(judge_reader("shown", 1), 0);
	assert_int_equal(guest.peer.watches, 1);
	assert_int_equal(judge_reader("both", 1), 0);
	assert_int_equal(guest.peer.watches, 0);
	expect(judge_reader("shown", 0), -EPERM,
	       "stage 'shown': peers may not consume from it; its flags have "
	       "no SLUICE_STAGE_PEERS_CONSUME, and one that looks on has tee");
	expect(judge_reader("slow", 1), -EPERM,
	       "stage 'slow': peers may not look on at it; its flags have "
	       "no SLUICE_STAGE_PEERS_WATCH");
	sluice_pipeline_stop(pipeline);
}

/* As the allow list says: an observer may not what a consumer may. */
static void an_observer_looks_on_where_it_is_shown(void **state)
{
	const struct sluice_peer_allow observer = {
		.roles = SLUICE_PEER_OBSERVER};
	const struct sluice_peer_allow consumer = {
		.roles = SLUICE_PEER_CONSUMER};

	(void)state;
	flow_start(pipeline);
	allow_free(&listener);
	assert_int_equal(allow_take(&listener, &observer, 1), 0);
	assert_int_equal(judge_reader("shown", 1), 0);
	assert_int_equal(guest.peer.watches, 1);
	expect(judge_reader("both", 1), -EPERM, "SLUICE_STAGE_PEERS_WATCH");
	expect(judge_reader("both", 0), -EACCES, "may not be a consumer");
	expect(judge(WIRE_WORKER, "both", "join"), -EACCES,
	       "may not be a worker");
	allow_free(&listener);
	assert_int_equal(allow_take(&listener, &consumer, 1), 0);
	assert_int_equal(judge_reader("shown", 1), 0);
	assert_int_equal(guest.peer.watches, 1);
	assert_int_equal(judge_reader("both", 1), 0);
	assert_int_equal(guest.peer.watches, 0);
	sluice_pipeline_stop(pipeline);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(by_what_the_pipeline_is_doing),
		TEST(by_its_stages),
		TEST(who_may_look_on),
		TEST(an_observer_looks_on_where_it_is_shown),
	};

	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
