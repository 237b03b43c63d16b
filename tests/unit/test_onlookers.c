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

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_event_in_ten),
		cmocka_unit_test(the_latest_of_each_key),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
