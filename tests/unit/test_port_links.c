/* SPDX-License-Identifier: Apache-2.0 */
/* A receiving port with several subscriptions, selectors and weights. */
#include "ports.h"

static int is_odd(const void *event, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, sizeof(value));
	return (int)(value & 1);
}

static int is_none(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 0;
}

/* What lies behind events that a selector refuses is found by the same call,
 * whatever other subscriptions there are. */
static void what_lies_there_is_found(void **state)
{
	struct sluice_stage *in[2], *out;
	struct sluice_batch batch;

	(void)state;
	pipeline = flow_open(1);
	in[0] = add_port("in0", SLUICE_PRODUCER, "broadcast");
	in[1] = add_port("in1", SLUICE_PRODUCER, "broadcast");
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(
		pipeline, "out", "in0",
		SLUICE_SUBSCRIPTION(.max_demand = 3, .selector = is_odd));
	flow_subscribe(
		pipeline, "out", "in1",
		SLUICE_SUBSCRIPTION(.max_demand = 3, .selector = is_odd));
	flow_start(pipeline);
	for (uint64_t round = 0; round < 40; round++) {
		/* Batches are of one event: the first two are refused. */
		uint64_t row[] = {2 * round, 2 * round, 2 * round + 1};

		assert_int_equal(sluice_send(in[round & 1], row, 3, 0), 3);
		assert_int_equal(sluice_recv(out, &batch, 0), 1);
		assert_int_equal(*SLUICE_EVENTS(&batch, uint64_t),
				 2 * round + 1);
		assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
	}
}

/* However much of it is refused before. */
static void one_in_many_is_found(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	uint64_t row[300];

	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(row); i++)
		row[i] = 2 * i;
	row[UNIT_COUNT(row) - 1]++;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, "broadcast");
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 512, .min_demand = 511,
					   .selector = is_odd));
	flow_start(pipeline);
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t sent = 0; sent < UNIT_COUNT(row);) {
			int rc = sluice_send(in, row + sent,
					     UNIT_COUNT(row) - sent, 0);

			assert_true(rc > 0);
			sent += (uint32_t)rc;
		}
		assert_int_equal(sluice_recv(out, &batch, 0), 1);
		assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
	}
}

/* Nothing that comes is wanted, and it never stops coming: a call still ends in
 * time. */
static void refusing_all_ends_in_time(void **state)
{
	struct sluice_batch batch;
	struct sluice_stage *out;

	(void)state;
	source.end = UINT64_MAX;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "broadcast",
			      .handle_demand = flow_count, .state = &source));
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(
		pipeline, "out", "in",
		SLUICE_SUBSCRIPTION(.max_demand = 64, .selector = is_none));
	flow_start(pipeline);
	assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
	assert_int_equal(sluice_recv(out, &batch, 5), -EAGAIN);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_recv(out, &batch, SLUICE_FOREVER), -ECANCELED);
}

#define HEAVY  10u
#define FILLED 16384u

/* Two links, both full all the time, are read as their weights are to each
 * other. */
static void links_are_read_by_weight(void **state)
{
	struct sluice_stage *in[2], *out;
	struct sluice_batch batch;
	uint64_t got[2] = {0, 0};

	(void)state;
	pipeline = flow_open(1);
	in[0] = add_port("in0", SLUICE_PRODUCER, NULL);
	in[1] = add_port("in1", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in0",
		       SLUICE_SUBSCRIPTION(.max_demand = FILLED,
					   .min_demand = FILLED - 32,
					   .weight = HEAVY));
	flow_subscribe(pipeline, "out", "in1",
		       SLUICE_SUBSCRIPTION(.max_demand = FILLED,
					   .min_demand = FILLED - 32));
	flow_start(pipeline);
	send_all(in[0], 0, FILLED);
	send_all(in[1], 0, FILLED);
	while (got[0] + got[1] < FILLED / 2) {
		int rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		got[batch.inlet] += batch.count;
	}
	/* To within a turn of each. */
	assert_in_range(HEAVY * got[1], got[0] - HEAVY * 64,
			got[0] + HEAVY * 64);
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(what_lies_there_is_found),
	cmocka_unit_test(one_in_many_is_found),
	cmocka_unit_test(refusing_all_ends_in_time),
	cmocka_unit_test(links_are_read_by_weight),
};

int main(void)
{
	ports_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("port_links", tests, NULL, NULL);
}
