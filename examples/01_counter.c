/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 1: a producer that counts and a consumer that prints. */
/* [readme] */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stdio.h>

static int count(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *next = sluice_stage_state(self);
	uint64_t *out = sluice_emit(self, demand);

	for (uint32_t i = 0; i < demand; i++)
		out[i] = (*next)++;
	return *next < 1000 ? SLUICE_OK : SLUICE_END;
}

static int print(struct sluice_stage *self, const struct sluice_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		printf("{%s, %" PRIu64 "}\n", sluice_stage_name(self),
		       SLUICE_EVENTS(batch, uint64_t)[i]);
	return SLUICE_OK;
}

int main(void)
{
	struct sluice_pipeline *p = NULL;
	uint64_t next = 0;
	int failed = sluice_pipeline_open(&p, NULL) ||
		sluice_stage_add(p, SLUICE_STAGE(.name = "counter",
			.kind = SLUICE_PRODUCER, .out_bytes = sizeof(uint64_t),
			.handle_demand = count, .state = &next)) ||
		sluice_stage_add(p, SLUICE_STAGE(.name = "printer",
			.kind = SLUICE_CONSUMER, .in_bytes = sizeof(uint64_t),
			.handle_events = print)) ||
		sluice_subscribe(p, "printer", "counter", NULL) ||
		sluice_pipeline_run(p);

	if (failed)
		fprintf(stderr, "01_counter: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return failed;
}
/* [readme] */
