/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes look on at a stream: at one event in so many, or at the latest of
 * each key. */
#include "visitor.h"

#define LOOKED_AT 1000u

/* A port, a consumer here, and whoever looks on. */
static struct sluice_stage *open_stream(void)
{
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "broadcast",
			      .flags = SLUICE_STAGE_PORT |
				       SLUICE_STAGE_PEERS_CONSUME));
	flow_add_sink(pipeline, "near", &sink);
	flow_subscribe(pipeline, "near", "in", NULL);
	visitor_listen();
	flow_start(pipeline);
	return sluice_stage_find(pipeline, "in");
}

/* Of a few keys, in the upper half of an event; the first again and again until the
 * onlooker is there. Returns how many were sent. */
static uint64_t send_stream(struct sluice_stage *in)
{
	const uint64_t first = 0;
	uint64_t sent = LOOKED_AT;

	for (; sluice_load_acquire(&visited->count) == 0; sent++) {
		assert_true(sent < LOOKED_AT + FLOW_DEADLINE_MS);
		assert_int_equal(sluice_send(in, &first, 1, FLOW_DEADLINE_MS),
				 1);
		flow_sleep_ms(1);
	}
	for (uint64_t i = 0; i < LOOKED_AT; i++) {
		uint64_t event = i % 4 << 32 | i;

		assert_int_equal(sluice_send(in, &event, 1, FLOW_DEADLINE_MS),
				 1);
	}
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	return sent;
}

/* Calls @seen with each event of an onlooker, until the end. */
static void look_on(const struct sluice_attach_opts *opts,
		    void (*seen)(uint64_t event))
{
	struct sluice_stage *port = visitor_attach(opts);
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++) {
			seen(SLUICE_EVENTS(&batch, uint64_t)[i]);
			(void)sluice_fetch_add(&visited->count, 1);
		}
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static uint64_t last;

static void one_in_ten(uint64_t event)
{
	uint64_t i = event & UINT32_MAX;

	VISITOR_MUST(last == 0 ? i < 10 : i == last + 10);
	last = i;
}

static void looks_at_one_in_ten(void)
{
	look_on(SLUICE_ATTACH(.from = "in", .tee = 10), one_in_ten);
}

static uint64_t latest[4];

static void latest_of_key(uint64_t event)
{
	uint64_t i = event & UINT32_MAX;

	VISITOR_MUST(event >> 32 == i % 4 && i >= latest[i % 4]);
	latest[i % 4] = i;
}

static void looks_at_the_latest(void)
{
	look_on(SLUICE_ATTACH(.from = "in", .conflate_keys = 8, .key_offset = 4,
			      .key_bytes = 4, .max_demand = 4),
		latest_of_key);
	for (uint64_t i = 0; i < 4; i++)
		VISITOR_MUST(latest[i] == LOOKED_AT - 4 + i);
}

static void look(struct visitor *visitor)
{
	struct sluice_stage *in = open_stream();
	uint64_t sent;

	visitor_go(visitor);
	sent = send_stream(in);
	visitor_wait(visitor);
	visitor_drain();
	assert_int_equal(sink.events, sent);
}

static void one_event_in_ten(void **state)
{
	struct visitor visitor = visitor_fork(looks_at_one_in_ten);

	(void)state;
	look(&visitor);
}

static void the_latest_of_each_key(void **state)
{
	struct visitor visitor = visitor_fork(looks_at_the_latest);

	(void)state;
	look(&visitor);
}

/* ---- without the right to consume ------------------------------------------------ */

#define SHOWN_EVENTS 20000u

static uint64_t half_of(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t number;

	(void)bytes;
	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number % 2;
}

static struct sluice_peer_allow observers[] = {{.roles = SLUICE_PEER_OBSERVER}};

static struct shown_row {
	const char *test; /* the dispatcher */
} shown_rows[] = {{"demand"}, {"broadcast"}, {"partition"}, {"rr"},
		  {"jbsq"},   {"p2c"},       {"sticky"},    {"shared"},
		  {"hash"},   {"atomic"},    {"pkg"}};

static int is_keyed(const char *dispatcher)
{
	static const char *const keyed[] = {"partition", "hash", "atomic",
					    "pkg", "sticky"};
	int is = 0;

	for (size_t i = 0; i < UNIT_COUNT(keyed); i++)
		is |= strcmp(keyed[i], dispatcher) == 0;
	return is;
}

static int is_hash(const char *dispatcher)
{
	return strcmp(dispatcher, "hash") == 0;
}

/* "source" once the onlooker is there, and a consumer, or one for each half. */
static sluice_a32 shown_may_begin;

static int count_when_it_may(struct sluice_stage *self, uint32_t demand)
{
	return sluice_load_acquire(&shown_may_begin) ? flow_count(self, demand)
						     : SLUICE_OK;
}

static struct flow_sink far_half;

static void open_shown(const char *dispatcher)
{
	source = (struct flow_source){.end = SHOWN_EVENTS};
	memset(&sink, 0, sizeof(sink));
	memset(&far_half, 0, sizeof(far_half));
	sluice_store_release(&shown_may_begin, 0);
	pipeline = flow_open_named(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8,
			      .handle_demand = count_when_it_may,
			      .dispatcher = dispatcher,
			      .key_of = is_keyed(dispatcher) ? half_of : NULL,
			      .partitions = is_hash(dispatcher) ? 2 : 0,
			      .flags = SLUICE_STAGE_PEERS_WATCH,
			      .state = &source));
	flow_add_sink(pipeline, "near", &sink);
	flow_add_sink(pipeline, "far", &far_half);
	for (uint32_t i = 0; i < (is_hash(dispatcher) ? 2u : 1u); i++)
		flow_subscribe(
			pipeline, i == 0 ? "near" : "far", "source",
			SLUICE_SUBSCRIPTION(.max_demand = 256,
					    .partition =
						    is_hash(dispatcher)
							    ? SLUICE_PARTITION(
								      i)
							    : 0));
	if (!is_hash(dispatcher))
		flow_subscribe(pipeline, "far", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 256));
	assert_int_equal(
		sluice_pipeline_listen(
			pipeline,
			SLUICE_LISTEN(.folder = visitor_folder,
				      .hello_ms = TEST_DEADLINE_MS,
				      .allow = observers, .allow_count = 1)),
		0);
	flow_start(pipeline);
}

static void begin_shown(void)
{
	sluice_store_release(&shown_may_begin, 1);
	sluice_wake(sluice_stage_find(pipeline, "source"));
}

/* There is nothing yet, and its whole window is granted. */
static void asks_for_all(struct sluice_stage *port, uint32_t window)
{
	struct sluice_subscription_stats stat = {0};
	struct sluice_batch batch;

	for (uint32_t ms = 0; stat.credit < window; ms++) {
		VISITOR_MUST(ms < TEST_DEADLINE_MS);
		VISITOR_MUST(sluice_recv(port, &batch, 1) == -EAGAIN);
		VISITOR_MUST(sluice_subscription_stat(sluice_port_sub(port),
						      &stat) == 0);
	}
}

/* It stands still with all its window full, until the engine is gone; and then it has
 * what it was sent, and the end. */
static void looks_on_and_stops(void)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.name = "onlooker", .from = "source", .tee = 1,
			      .max_demand = 64));
	struct sluice_batch batch;
	uint64_t next = 0;
	int rc;

	asks_for_all(port, 64);
	VISITOR_MUST(raise(SIGSTOP) == 0);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++)
			VISITOR_MUST(SLUICE_EVENTS(&batch, uint64_t)[i] ==
				     next++);
	VISITOR_MUST(rc == -EPIPE && next == 64);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void await_stopped(const struct visitor *visitor)
{
	int status = 0;

	assert_int_equal(waitpid(visitor->pid, &status, WUNTRACED),
			 visitor->pid);
	assert_true(WIFSTOPPED(status));
}

/* Nobody waits for it, on the way or at the end, whatever the dispatcher; and it takes
 * nothing. */
static void one_that_stands_still(void **state)
{
	const struct shown_row *row = *state;
	struct visitor visitor;
	int all = strcmp(row->test, "broadcast") == 0;

	assert_int_equal(visitor_setup(state), 0);
	visitor = visitor_fork(looks_on_and_stops);
	open_shown(row->test);
	visitor_go(&visitor);
	await_stopped(&visitor);
	visitor_await_phase("onlooker", SLUICE_SUB_OPEN);
	begin_shown();
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sink.events + far_half.events,
			 SHOWN_EVENTS * (all ? 2u : 1u));
	sluice_pipeline_close(pipeline);
	assert_int_equal(kill(visitor.pid, SIGCONT), 0);
	visitor_wait(&visitor);
	assert_int_equal(visitor_teardown(state), 0);
}

int main(void)
{
	struct CMUnitTest plain[] = {
		cmocka_unit_test(one_event_in_ten),
		cmocka_unit_test(the_latest_of_each_key),
	};
	struct CMUnitTest tests[UNIT_COUNT(plain) + UNIT_COUNT(shown_rows)];
	size_t n = UNIT_ADD_ROWS(tests, 0, one_that_stands_still, shown_rows);

	visitor_watch(plain, UNIT_COUNT(plain));
	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("onlookers", tests, NULL, NULL);
}
