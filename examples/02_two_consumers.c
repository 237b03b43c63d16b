/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 2: two consumers share the work of one producer. Each event goes to one
 * of them, an idle one or the one with most credit; the window is small so that
 * they take turns. */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stdio.h>

#define EVENTS 100

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

static int declare(struct sluice_pipeline *p, uint64_t *next)
{
	static const char *const names[] = {"left", "right"};
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "counter", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(uint64_t),
				.handle_demand = count, .state = next));

	for (int i = 0; rc == 0 && i < 2; i++) {
		rc = sluice_stage_add(p,
				      SLUICE_STAGE(.name = names[i],
						   .kind = SLUICE_CONSUMER,
						   .in_bytes = sizeof(uint64_t),
						   .handle_events = print));
		if (rc == 0)
			rc = sluice_subscribe(
				p, names[i], "counter",
				SLUICE_SUBSCRIPTION(.max_demand = 10));
	}
	return rc;
}

int main(void)
{
	struct sluice_pipeline *p = NULL;
	uint64_t next = 0;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = declare(p, &next);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		fprintf(stderr, "02_two_consumers: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc < 0;
}
