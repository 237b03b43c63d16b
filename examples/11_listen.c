/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 11: stages in other processes. This one has the pipeline: "numbers" makes
 * numbers, "squares" takes squares, and nobody stands between. Run 11_attach in
 * another terminal: it does the work, from out there. Run several; kill one with -9:
 * what it had in hand goes to the others, and no square is missing at the end, though
 * some may have come twice.
 *
 * sluice_pipeline_listen() makes the pipeline one that can be found, by its name,
 * and the flags of a stage say what other processes may do there. With
 * SLUICE_IDLE_STAY a stage waits while nobody has come. */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBERS 1000000u

struct square {
	uint64_t number;
	uint64_t square;
};

struct squares {
	uint8_t seen[NUMBERS];
	uint32_t left;
	uint32_t twice;
	uint64_t sum;
};

static int count(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *next = sluice_stage_state(self);
	uint64_t left = NUMBERS - *next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	uint64_t *out = sluice_emit(self, n);

	for (uint32_t i = 0; i < n; i++)
		out[i] = (*next)++;
	return *next < NUMBERS ? SLUICE_OK : SLUICE_END;
}

static int collect(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct squares *all = sluice_stage_state(self);
	const struct square *in = SLUICE_EVENTS(batch, struct square);

	for (uint32_t i = 0; i < batch->count; i++) {
		if (in[i].number >= NUMBERS)
			continue; /* another process may send anything */
		if (all->seen[in[i].number]) {
			all->twice++;
			continue;
		}
		all->seen[in[i].number] = 1;
		all->sum += in[i].square;
		all->left--;
	}
	return all->left > 0 ? SLUICE_OK : SLUICE_END;
}

static int declare(struct sluice_pipeline *p, uint64_t *next,
		   struct squares *all)
{
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "numbers", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(uint64_t),
				.flags = SLUICE_STAGE_PEERS_CONSUME,
				.on_idle = SLUICE_IDLE_STAY,
				.handle_demand = count, .state = next));

	if (rc == 0)
		rc = sluice_stage_add(
			p,
			SLUICE_STAGE(.name = "squares", .kind = SLUICE_CONSUMER,
				     .in_bytes = sizeof(struct square),
				     .flags = SLUICE_STAGE_PEERS_FEED,
				     .on_idle = SLUICE_IDLE_STAY,
				     .handle_events = collect, .state = all));
	return rc == 0 ? sluice_pipeline_listen(p, NULL) : rc;
}

int main(void)
{
	static struct squares all = {.left = NUMBERS};
	struct sluice_pipeline *p = NULL;
	uint64_t next = 0;
	int rc = sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = "lesson"));

	if (rc == 0)
		rc = declare(p, &next, &all);
	if (rc == 0) {
		puts("run 11_attach in another terminal");
		fflush(stdout);
		rc = sluice_pipeline_run(p);
	}
	if (rc < 0)
		fprintf(stderr, "11_listen: %s\n", sluice_last_error());
	else
		printf("%u squares, their sum is %" PRIu64 "; %u came twice\n",
		       NUMBERS, all.sum, all.twice);
	sluice_pipeline_close(p);
	return rc < 0;
}
