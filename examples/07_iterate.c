/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 7: ports, where a thread of yours stands at an end of the pipeline.
 * First main takes ten events of an endless stream, as from an iterator; then it
 * sends some into a pipeline that adds them up. */
#include <sluice/sluice.h>
#include <sluice/stages/source.h>
#include <inttypes.h>
#include <stdio.h>

#define TAKEN 10u
#define SENT  1000u

static int count(void *event, void *ctx)
{
	uint64_t *next = ctx;
	uint64_t *out = event;

	*out = (*next)++;
	return 1;
}

static int add_up(struct sluice_stage *self, const struct sluice_batch *batch)
{
	uint64_t *sum = sluice_stage_state(self);

	for (uint32_t i = 0; i < batch->count; i++)
		*sum += SLUICE_EVENTS(batch, uint64_t)[i];
	return SLUICE_OK;
}

/* Events 0 to 9, and the pipeline is gone: nothing is left behind. */
static int take(uint64_t *sum)
{
	struct sluice_pipeline *p = NULL;
	struct sluice_stage *port = NULL;
	struct sluice_batch batch;
	uint32_t taken = 0;
	uint64_t next = 0;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = sluice_source_iterator_add(
			p,
			SLUICE_STAGE(.name = "counter",
				     .out_bytes = sizeof(uint64_t)),
			count, &next);
	if (rc == 0)
		rc = sluice_stage_add(p,
				      SLUICE_STAGE(.name = "taker",
						   .kind = SLUICE_CONSUMER,
						   .in_bytes = sizeof(uint64_t),
						   .flags = SLUICE_STAGE_PORT));
	if (rc == 0)
		rc = sluice_subscribe(p, "taker", "counter",
				      SLUICE_SUBSCRIPTION(.max_demand = 1000));
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc == 0)
		port = sluice_stage_find(p, "taker");
	while (rc == 0 && taken < TAKEN) {
		int n = sluice_recv(port, &batch, SLUICE_FOREVER);

		for (int i = 0; i < n && taken < TAKEN; i++, taken++) {
			uint64_t event = SLUICE_EVENTS(&batch, uint64_t)[i];

			printf("{taker, %" PRIu64 "}\n", event);
			*sum += event;
		}
		rc = n < 0 ? n : 0;
	}
	if (rc < 0)
		fprintf(stderr, "07_iterate: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc;
}

static int send_all(struct sluice_stage *port)
{
	uint64_t events[SENT];
	uint32_t sent = 0;

	for (uint32_t i = 0; i < SENT; i++)
		events[i] = i;
	while (sent < SENT) {
		int n = sluice_send(port, events + sent, SENT - sent,
				    SLUICE_FOREVER);

		if (n < 0)
			return n;
		sent += (uint32_t)n;
	}
	return sluice_port_end(port, SLUICE_REASON_NORMAL);
}

static int give(uint64_t *sum)
{
	struct sluice_pipeline *p = NULL;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = sluice_stage_add(
			p,
			SLUICE_STAGE(.name = "giver", .kind = SLUICE_PRODUCER,
				     .out_bytes = sizeof(uint64_t),
				     .flags = SLUICE_STAGE_PORT));
	if (rc == 0)
		rc = sluice_stage_add(
			p,
			SLUICE_STAGE(.name = "adder", .kind = SLUICE_CONSUMER,
				     .in_bytes = sizeof(uint64_t),
				     .handle_events = add_up, .state = sum));
	if (rc == 0)
		rc = sluice_subscribe(p, "adder", "giver",
				      SLUICE_SUBSCRIPTION(.max_demand = 64));
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc == 0)
		rc = send_all(sluice_stage_find(p, "giver"));
	if (rc == 0)
		rc = sluice_pipeline_join(p, SLUICE_FOREVER);
	if (rc < 0)
		fprintf(stderr, "07_iterate: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc;
}

int main(void)
{
	uint64_t taken = 0;
	uint64_t given = 0;
	int rc = take(&taken);

	if (rc == 0)
		rc = give(&given);
	printf("taken %" PRIu64 ", given %" PRIu64 "\n", taken, given);
	if (rc == 0 && taken == TAKEN * (TAKEN - 1) / 2 &&
	    given == SENT * (SENT - 1) / 2)
		return 0;
	fprintf(stderr, "07_iterate: 45 and 499500 expected\n");
	return 1;
}
