/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 12: what 12_process starts as a stage of its pipeline; of no use alone.
 * sluice_attach() without a pipeline finds the one that has started it.
 *
 * It prints numbers. Half-way it kills itself, with a batch in hand: what was not
 * acknowledged comes again, flagged, to the next one that is started. */
#include <sluice/sluice.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static void print(const struct sluice_batch *batch)
{
	const uint64_t *in = SLUICE_EVENTS(batch, uint64_t);
	int again = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		if (in[i] == 500 && !again)
			raise(SIGKILL);
		printf("{handler, %" PRIu64 "}\n", in[i]);
	}
	/* The effect is there before the next call acknowledges the batch. */
	fflush(stdout);
}

int main(void)
{
	struct sluice_stage *port;
	struct sluice_batch batch;
	int rc = sluice_attach(&port, SLUICE_ATTACH());

	if (rc == 0) {
		while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0)
			print(&batch);
		if (rc == -EPIPE) /* the stream has ended */
			rc = sluice_detach(port, 1000);
	}
	if (rc < 0)
		fprintf(stderr, "12_handler: %s\n", sluice_last_error());
	return rc < 0;
}
