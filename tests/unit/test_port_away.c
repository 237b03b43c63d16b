/* SPDX-License-Identifier: Apache-2.0 */
/* Ports while their user is elsewhere: what a send has taken goes on without him,
 * what he has in hand stays his, and he may be told to end. */
#include "ports.h"

/* ---- a consumer that can be held up -------------------------------------- */

static struct gated {
	uint64_t events;
	uint64_t last;
	uint32_t shut;   /* it waits in its handler */
	uint32_t theirs; /* events that were in a port's hands */
} gated[3];

static unsigned char in_hand[64];

static int through_the_gate(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	struct gated *g = sluice_stage_state(self);

	while (__atomic_load_n(&g->shut, __ATOMIC_ACQUIRE))
		flow_sleep_ms(1);
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t event = SLUICE_EVENTS(batch, uint64_t)[i];

		g->theirs += event < sizeof(in_hand) && in_hand[event];
		__atomic_store_n(&g->last, event, __ATOMIC_RELEASE);
	}
	(void)__atomic_add_fetch(&g->events, batch->count, __ATOMIC_RELEASE);
	return SLUICE_OK;
}

static void shut(struct gated *g, uint32_t is_shut)
{
	__atomic_store_n(&g->shut, is_shut, __ATOMIC_RELEASE);
}

static void add_gated(const char *name, struct gated *g)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .blocking = 1, .state = g,
			      .handle_events = through_the_gate,
			      .on_idle = SLUICE_IDLE_STAY));
}

static void await_value(const uint64_t *word, uint64_t value, const char *what)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("%s: %llu, not %llu", what,
		 (unsigned long long)__atomic_load_n(word, __ATOMIC_ACQUIRE),
		 (unsigned long long)value);
}

/* Both of the first two together. */
static void await_sum(uint64_t sent)
{
	for (uint32_t ms = 0;
	     __atomic_load_n(&gated[0].events, __ATOMIC_ACQUIRE) +
		     __atomic_load_n(&gated[1].events, __ATOMIC_ACQUIRE) !=
	     sent;
	     ms++) {
		if (ms == FLOW_DEADLINE_MS)
			fail_msg("%llu were sent", (unsigned long long)sent);
		flow_sleep_ms(1);
	}
}

static uint64_t same_key(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 0;
}

/* ---- what was taken is delivered ----------------------------------------- */

static struct taken_row {
	const char *name;
	const char *dispatcher;
	uint32_t partitions;
} taken_rows[] = {
	{"taken_goes_on_partition", "partition", 0},
	{"taken_goes_on_named_partitions", "partition", 2},
	{"taken_goes_on_atomic", "atomic", 0},
	{"taken_goes_on_pkg", "pkg", 0},
};

/* More than the owner of their key has credit for, again and again: each time
 * all of it comes, though nobody calls any more. */
static void taken_goes_on(void **state)
{
	const struct taken_row *row = *state;
	struct sluice_stage *in;
	uint64_t sent = 0;

	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .dispatcher = row->dispatcher,
			      .partitions = row->partitions, .key_of = same_key,
			      .spill_events = 64));
	in = sluice_stage_find(pipeline, "in");
	for (uint32_t i = 0; i < 2; i++) {
		add_gated(sink_names[i], &gated[i]);
		flow_subscribe(pipeline, sink_names[i], "in",
			       SLUICE_SUBSCRIPTION(.max_demand = 4,
						   .partition = row->partitions
									? i + 1
									: 0));
	}
	flow_start(pipeline);
	for (uint32_t round = 0; round < 20; round++) {
		shut(&gated[0], 1);
		shut(&gated[1], 1);
		for (uint32_t k = 0; k < 4; k++) {
			int rc = send_row(in, sent, 16, 0);

			if (rc == -EAGAIN)
				break;
			assert_true(rc > 0);
			sent += (uint32_t)rc;
		}
		shut(&gated[0], 0);
		shut(&gated[1], 0);
		await_sum(sent);
	}
	/* pkg may place all with the second of a key's two. */
	if (strcmp(row->dispatcher, "pkg") != 0)
		assert_true(flow_stats(pipeline, "in").spilled > 0);
	for (uint32_t ms = 0; flow_stats(pipeline, "in").buffered > 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
}

/* Its partition has nobody; whoever comes gets what waits for him. */
static void taken_before_its_reader_came(void **state)
{
	struct sluice_stage *in;
	int sent;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .dispatcher = "partition", .partitions = 2,
			      .key_of = same_key, .spill_events = 8,
			      .on_idle = SLUICE_IDLE_STAY));
	in = sluice_stage_find(pipeline, "in");
	add_gated("c0", &gated[0]);
	add_gated("c1", &gated[1]);
	flow_subscribe(pipeline, "c1", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 4,
					   .partition = SLUICE_PARTITION(1)));
	flow_start(pipeline);
	sent = send_row(in, 1, 5, FLOW_DEADLINE_MS);
	assert_true(sent > 2);
	flow_subscribe(pipeline, "c0", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 2,
					   .partition = SLUICE_PARTITION(0)));
	await_value(&gated[0].events, (uint64_t)sent, "events of partition 0");
	assert_int_equal(gated[1].events, 0);
}

static struct beside_row {
	const char *name;
	const char *dispatcher;
} beside_rows[] = {
	{"the_latest_goes_on_demand", "demand"},
	{"the_latest_goes_on_broadcast", "broadcast"},
	{"the_latest_goes_on_partition", "partition"},
	{"the_latest_goes_on_shared", "shared"},
};

/* The latest of its key reaches the onlooker once it has credit. */
static void the_latest_goes_on(void **state)
{
	const struct beside_row *row = *state;
	struct sluice_stage *in;

	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, row->dispatcher);
	flow_add_sink(pipeline, "c0", &sinks[0]);
	add_gated("c1", &gated[1]);
	shut(&gated[1], 1);
	flow_subscribe(pipeline, "c0", "in", NULL);
	flow_subscribe(pipeline, "c1", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 4,
					   .key_of = same_key));
	flow_start(pipeline);
	for (uint64_t v = 1; v <= 20; v++)
		assert_int_equal(send_row(in, v, 1, FLOW_DEADLINE_MS), 1);
	shut(&gated[1], 0);
	await_value(&gated[1].last, 20, "the onlooker");
}

/* While the latest waits for an onlooker that has no credit, what is put by for
 * another goes all the same: he may have granted long ago. */
static void a_latest_hides_no_other(void **state)
{
	struct sluice_stage *in;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .dispatcher = "partition", .key_of = same_key,
			      .spill_events = 64));
	in = sluice_stage_find(pipeline, "in");
	for (uint32_t i = 0; i < 2; i++) {
		add_gated(sink_names[i], &gated[i]);
		flow_subscribe(pipeline, sink_names[i], "in",
			       SLUICE_SUBSCRIPTION(.max_demand = 4));
	}
	add_gated("c2", &gated[2]);
	shut(&gated[2], 1);
	flow_subscribe(pipeline, "c2", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 1,
					   .key_of = same_key));
	flow_start(pipeline);
	for (uint64_t sent = 0; sent < 80;) {
		for (uint32_t i = 0; i < 4; i++, sent++)
			assert_int_equal(
				send_row(in, sent, 1, FLOW_DEADLINE_MS), 1);
		await_sum(sent);
		flow_sleep_ms(5);
	}
}

/* One consumer leaves with events in its ring: the other gets them. */
static void what_comes_back_goes_on(void **state)
{
	struct sluice_stage *in, *leaver;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, "rr");
	add_gated("c0", &gated[0]);
	leaver = add_port("leaver", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "c0", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(pipeline, "leaver", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 8));
	shut(&gated[0], 1);
	flow_start(pipeline);
	send_all(in, 0, 16);
	assert_int_equal(sluice_port_end(leaver, SLUICE_REASON_NORMAL), 0);
	shut(&gated[0], 0);
	await_value(&gated[0].events, 16, "events of the one that stays");
}

/* ---- told to end while nobody is there ----------------------------------- */

static void an_idle_port_ends_when_told(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	open_pair(10, &in, &out);
	send_all(in, 0, 5);
	assert_int_equal(sluice_stage_end(out, SLUICE_REASON_NORMAL, 0), 0);
	/* And the sender with its last consumer. */
	/* Somebody told it to end before it had received them. */
	assert_int_equal(join(), -EPIPE);
	assert_int_equal(send_row(in, 5, 1, 0), -EPIPE);
}

/* ---- what is in hand ----------------------------------------------------- */

enum how {
	BY_PORT_END, /* while an end of it waits to be noticed */
	BY_STAGE_END,
	BY_STAGE_END_IN_A_DRAIN,
	BY_CANCEL,
	BY_STOP,
};

static struct hand_row {
	const char *name;
	const char *dispatcher;
	enum how how;
} hand_rows[] = {
	{"hand_port_end", "rr", BY_PORT_END},
	{"hand_stage_end", "rr", BY_STAGE_END},
	{"hand_stage_end_in_a_drain", "rr", BY_STAGE_END_IN_A_DRAIN},
	{"hand_cancel", "rr", BY_CANCEL},
	{"hand_stop", "rr", BY_STOP},
	{"hand_stage_end_shared", "shared", BY_STAGE_END},
	{"hand_stop_shared", "shared", BY_STOP},
	{"hand_stage_end_partition", "partition", BY_STAGE_END},
	{"hand_stop_atomic", "atomic", BY_STOP},
};

static int end_at_once(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_END;
}

/* A batch is its user's, whatever happens to the port while he has it. */
static void hand(void **state)
{
	const struct hand_row *row = *state;
	struct sluice_subscription_stats stat;
	struct sluice_batch batch;
	struct sluice_stage *out;
	struct sluice_sub sub;
	int n;

	source.end = 16;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = row->dispatcher,
			      .handle_demand = flow_count, .state = &source));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "brief", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = end_at_once));
	out = add_port("out", SLUICE_CONSUMER, NULL);
	add_gated("c0", &gated[0]);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &sub));
	flow_subscribe(pipeline, "c0", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(pipeline, "c0", "brief", NULL);
	shut(&gated[0], 1);
	flow_start(pipeline);
	n = sluice_recv(out, &batch, FLOW_DEADLINE_MS);
	assert_true(n > 0);
	for (int i = 0; i < n; i++)
		in_hand[SLUICE_EVENTS(&batch, uint64_t)[i]] = 1;
	shut(&gated[0], 0);
	switch (row->how) {
	case BY_PORT_END:
		flow_subscribe(pipeline, "out", "brief",
			       SLUICE_SUBSCRIPTION(.max_demand = 8,
						   .on_end = SLUICE_PERMANENT));
		break;
	case BY_STAGE_END:
	case BY_STAGE_END_IN_A_DRAIN:
		assert_int_equal(sluice_stage_end(out, SLUICE_REASON_NORMAL, 0),
				 0);
		break;
	case BY_CANCEL:
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		break;
	case BY_STOP:
		sluice_pipeline_stop(pipeline);
		break;
	}
	if (row->how == BY_STAGE_END_IN_A_DRAIN)
		assert_int_equal(sluice_pipeline_drain(pipeline, 200),
				 -ETIMEDOUT);
	flow_sleep_ms(50); /* for whoever would take it */
	for (int i = 0; i < n; i++)
		assert_true(in_hand[SLUICE_EVENTS(&batch, uint64_t)[i]]);
	(void)sluice_port_end(out, SLUICE_REASON_NORMAL);
	/* The others got all the rest. */
	if (row->how == BY_PORT_END || row->how == BY_STAGE_END ||
	    row->how == BY_CANCEL)
		await_value(&gated[0].events, source.end - (uint64_t)n,
			    "events of others");
	sluice_pipeline_stop(pipeline);
	(void)join();
	assert_int_equal(gated[0].theirs, 0);
	if (row->how == BY_STOP) {
		/* It was its user's still, and he has acknowledged it. */
		assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
		assert_int_equal(stat.acked, n);
	}
}

static struct CMUnitTest tests[40] = {
	cmocka_unit_test(taken_before_its_reader_came),
	cmocka_unit_test(what_comes_back_goes_on),
	cmocka_unit_test(an_idle_port_ends_when_told),
	cmocka_unit_test(a_latest_hides_no_other),
};

static int set_up(void **state)
{
	memset(gated, 0, sizeof(gated));
	memset(in_hand, 0, sizeof(in_hand));
	return ports_setup(state);
}

/* A test that failed may have left a consumer at its gate. */
static int tear_down(void **state)
{
	for (uint32_t i = 0; i < UNIT_COUNT(gated); i++)
		shut(&gated[i], 0);
	return ports_teardown(state);
}

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, the_latest_goes_on, beside_rows);
	count = UNIT_ADD_ROWS(tests, count, taken_goes_on, taken_rows);
	count = UNIT_ADD_ROWS(tests, count, hand, hand_rows);
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = set_up;
		tests[i].teardown_func = tear_down;
	}
	return _cmocka_run_group_tests("port_away", tests, count, NULL, NULL);
}
