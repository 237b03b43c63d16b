/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 4: broadcast. Every consumer gets every event, from one copy; the third
 * takes only what its selector lets through, and pays no credit for the rest. */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stdio.h>

#define EVENTS 12

static int count(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *next = sluice_stage_state(self);
	uint64_t left = EVENTS - *next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	uint64_t *out = sluice_emit(self, n);

	for (uint32_t i = 0; i < n; i++)
		out[i] = (*next)++;
	return *next < EVENTS ? SLUICE_OK : SLUICE_END;
}

static int print(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	for (uint32_t i = 0; i < batch->count; i++)
		printf("{%s, %" PRIu64 "}\n", sluice_stage_name(self),
		       events[i]);
	return SLUICE_OK;
}

static int is_even(const void *event, void *ctx)
{
	(void)ctx;
	return *(const uint64_t *)event % 2 == 0;
}

static int add_printer(struct sluice_pipeline *p, const char *name,
		       int (*selector)(const void *event, void *ctx))
{
	int rc = sluice_stage_add(p, SLUICE_STAGE(.name = name,
						  .kind = SLUICE_CONSUMER,
						  .in_bytes = sizeof(uint64_t),
						  .handle_events = print));

	if (rc == 0)
		rc = sluice_subscribe(
			p, name, "counter",
			SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_DEFAULT,
					    .selector = selector));
	return rc;
}

int main(void)
{
	struct sluice_pipeline *p = NULL;
	uint64_t next = 0;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = sluice_stage_add(
			p,
			SLUICE_STAGE(.name = "counter", .kind = SLUICE_PRODUCER,
				     .out_bytes = sizeof(uint64_t),
				     .handle_demand = count, .state = &next,
				     .dispatcher = "broadcast"));
	if (rc == 0)
		rc = add_printer(p, "first", NULL);
	if (rc == 0)
		rc = add_printer(p, "second", NULL);
	if (rc == 0)
		rc = add_printer(p, "even", is_even);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		fprintf(stderr, "04_broadcast: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc < 0;
}
