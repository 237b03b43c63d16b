/* SPDX-License-Identifier: Apache-2.0 */
/* A middle stage whose output is scarce: each of its inputs has its share of it,
 * in proportion to the weights, and none waits for another to run dry. */
#include "ports.h"

#define FILLED 8192u

static struct turns_row {
	const char *name;
	uint32_t weight[3];
	uint32_t window; /* of the output */
	uint32_t fan_out;
} turns_rows[] = {
	{"turns_alike", {0, 0, 0}, 16, 1},
	{"turns_alike_one_at_a_time", {0, 0, 0}, 1, 1},
	{"turns_alike_fan_out", {0, 0, 0}, 16, 4},
	{"turns_by_weight", {4, 1, 1}, 16, 1},
	{"turns_by_weight_one_at_a_time", {4, 1, 1}, 1, 1},
	{"turns_by_weight_last", {1, 1, 4}, 100, 1},
};

/* What is emitted first for an event tells where it came from. */
static int pass_marked(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	const struct turns_row *row = sluice_stage_state(self);
	uint64_t *out = sluice_emit(self, batch->count * row->fan_out);

	if (out == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count * row->fan_out; i++)
		out[i] = batch->inlet;
	return SLUICE_OK;
}

static void build(struct turns_row *row)
{
	static const char *const names[] = {"in0", "in1", "in2"};

	pipeline = flow_open(1);
	for (uint32_t i = 0; i < 3; i++)
		(void)add_port(names[i], SLUICE_PRODUCER, NULL);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "middle",
			      .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
			      .out_bytes = 8, .fan_out_max = row->fan_out,
			      .handle_events = pass_marked, .state = row));
	(void)add_port("out", SLUICE_CONSUMER, NULL);
	for (uint32_t i = 0; i < 3; i++)
		flow_subscribe(pipeline, "middle", names[i],
			       SLUICE_SUBSCRIPTION(.max_demand = FILLED,
						   .weight = row->weight[i]));
	flow_subscribe(pipeline, "out", "middle",
		       SLUICE_SUBSCRIPTION(.max_demand = row->window));
	flow_start(pipeline);
	for (uint32_t i = 0; i < 3; i++)
		send_all(sluice_stage_find(pipeline, names[i]), 0, FILLED);
}

static void turns(void **state)
{
	struct turns_row *row = *state;
	uint64_t weights = 0;
	uint64_t all = 0;
	uint64_t got[3] = {0, 0, 0};
	struct sluice_batch batch;
	struct sluice_stage *out;

	build(row);
	out = sluice_stage_find(pipeline, "out");
	while (all < FILLED) {
		int rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		for (int i = 0; i < rc; i++)
			got[SLUICE_EVENTS(&batch, uint64_t)[i]]++;
		all += (uint32_t)rc;
	}
	for (uint32_t i = 0; i < 3; i++)
		weights += row->weight[i] ? row->weight[i] : 1;
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t weight = row->weight[i] ? row->weight[i] : 1;

		/* The output was not scarce all of the time. */
		if (got[i] * weights * 3 < 2 * all * weight)
			fail_msg("input %u had %llu of %llu", i,
				 (unsigned long long)got[i],
				 (unsigned long long)all);
	}
}

static struct CMUnitTest tests[UNIT_COUNT(turns_rows)];

int main(void)
{
	size_t count = UNIT_ADD_ROWS(tests, 0, turns, turns_rows);

	ports_watch(tests, count);
	return _cmocka_run_group_tests("turns", tests, count, NULL, NULL);
}
