/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched NAME: a pipeline of that name that listens, in the folder that the
 * environment says: "numbers" are counted by "quick" and, a batch in a millisecond,
 * by "slow". Prints "ready" when it runs, and drains when stdin ends. Exit status: 0,
 * or 1 with the reason on stderr.
 */
#include <sluice/sluice.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int numbers(struct sluice_stage *self, uint32_t demand)
{
	static uint64_t next;
	uint64_t *events = sluice_emit(self, demand);

	for (uint32_t i = 0; events != NULL && i < demand; i++)
		events[i] = next++;
	return events != NULL ? SLUICE_OK : -ENOBUFS;
}

static int quick(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static int slow(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct timespec rest = {.tv_nsec = 1000000};

	(void)self;
	(void)batch;
	(void)nanosleep(&rest, NULL);
	return SLUICE_OK;
}

static int declare(struct sluice_pipeline *pipeline)
{
	int rc = sluice_stage_add(
		pipeline,
		SLUICE_STAGE(.name = "numbers", .kind = SLUICE_PRODUCER,
			     .out_bytes = 8, .handle_demand = numbers,
			     .dispatcher = "broadcast"));

	if (rc >= 0)
		rc = sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = "quick", .kind = SLUICE_CONSUMER,
				     .in_bytes = 8, .handle_events = quick));
	if (rc >= 0)
		rc = sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = "slow", .kind = SLUICE_CONSUMER,
				     .in_bytes = 8, .handle_events = slow,
				     .blocking = 1));
	if (rc >= 0)
		rc = sluice_subscribe(pipeline, "quick", "numbers", NULL);
	return rc < 0 ? rc
		      : sluice_subscribe(pipeline, "slow", "numbers", NULL);
}

static int run(struct sluice_pipeline *pipeline)
{
	char byte;
	int rc = declare(pipeline);

	if (rc >= 0)
		rc = sluice_pipeline_listen(pipeline, NULL);
	if (rc >= 0)
		rc = sluice_pipeline_start(pipeline);
	if (rc < 0)
		return rc;
	(void)puts("ready");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return sluice_pipeline_drain(pipeline, 10000);
}

int main(int argc, char **argv)
{
	struct sluice_pipeline *pipeline = NULL;
	int rc = argc == 2 ? sluice_pipeline_open(
				     &pipeline, SLUICE_PIPELINE(.name = argv[1],
								.workers = 1))
			   : -EINVAL;

	if (rc >= 0)
		rc = run(pipeline);
	if (rc < 0)
		(void)fprintf(stderr, "watched: %s\n", sluice_last_error());
	sluice_pipeline_close(pipeline);
	return rc < 0;
}
