/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 9: several workers in parallel, and one output in order. The producer
 * numbers its events where `order_offset` says; the workers copy the number; and
 * the stage with `order_of` handles their answers in the order of the questions,
 * however long each took. Worker "slow" takes its time, and "printer" still counts
 * 0, 1, 4, 9 ... */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define EVENTS 200

struct task {
	uint64_t number; /* written by the engine */
	uint64_t value;
};

static int ask(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *next = sluice_stage_state(self);
	uint64_t left = EVENTS - *next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	struct task *out = sluice_emit(self, n);

	for (uint32_t i = 0; i < n; i++)
		out[i].value = (*next)++;
	return *next < EVENTS ? SLUICE_OK : SLUICE_END;
}

static int square(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct task *in = SLUICE_EVENTS(batch, struct task);
	struct task *out = sluice_emit(self, batch->count);
	const uint32_t *pause = sluice_stage_state(self);

	for (volatile uint32_t i = 0; i < *pause * batch->count; i++)
		;
	for (uint32_t i = 0; i < batch->count; i++) {
		out[i].number = in[i].number;
		out[i].value = in[i].value * in[i].value;
	}
	return SLUICE_OK;
}

static int print(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct task *tasks = SLUICE_EVENTS(batch, struct task);

	for (uint32_t i = 0; i < batch->count; i++)
		printf("{%s, %" PRIu64 "}\n", sluice_stage_name(self),
		       tasks[i].value);
	return SLUICE_OK;
}

static int declare(struct sluice_pipeline *p, uint64_t *next)
{
	static const char *const names[] = {"quick", "steady", "slow"};
	static uint32_t pauses[] = {0, 1000, 100000};
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "questions", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(struct task),
				.dispatcher = "ordered", .in_flight_max = 2,
				.order_offset = SLUICE_ORDER_OFFSET(
					offsetof(struct task, number)),
				.handle_demand = ask, .state = next));

	if (rc == 0)
		rc = sluice_stage_add(
			p,
			SLUICE_STAGE(.name = "printer", .kind = SLUICE_CONSUMER,
				     .in_bytes = sizeof(struct task),
				     .order_of = "questions",
				     .handle_events = print));
	for (int i = 0; rc == 0 && i < 3; i++) {
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = names[i],
					.kind = SLUICE_PRODUCER_CONSUMER,
					.in_bytes = sizeof(struct task),
					.out_bytes = sizeof(struct task),
					.handle_events = square,
					.state = &pauses[i]));
		if (rc == 0)
			rc = sluice_subscribe(p, names[i], "questions", NULL);
		if (rc == 0)
			rc = sluice_subscribe(p, "printer", names[i], NULL);
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
		fprintf(stderr, "09_ordered: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc < 0;
}
