/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 12: a stage that is a program of its own. "numbers" makes numbers; who handles
 * them is 12_handler, which the pipeline starts, and starts again when it has died: it
 * kills itself in the middle, and no number is missing at the end.
 *
 * A process stage needs neither sluice_pipeline_listen() nor flags at "numbers", which
 * waits for it while it is on its way. When the numbers have ended the handler is told
 * so, and exits; one that does not is killed after end_ms. */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBERS 1000u

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

/* What is restarted, and why. */
static void note(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "12_process: %s\n", text);
}

/* The program that lies beside this one. */
static const char *beside(const char *own, const char *name)
{
	static char path[4096];
	const char *slash = strrchr(own, '/');

	snprintf(path, sizeof(path), "%.*s%s",
		 slash != NULL ? (int)(slash - own) + 1 : 0, own, name);
	return path;
}

static int declare(struct sluice_pipeline *p, uint64_t *next, const char *own)
{
	const char *const argv[] = {beside(own, "12_handler"), NULL};
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "numbers", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(uint64_t),
				.handle_demand = count, .state = next));

	if (rc < 0)
		return rc;
	return sluice_process_add(
		p, SLUICE_PROCESS(.name = "handler", .argv = argv,
				  .from = "numbers", .max_demand = 64,
				  .restart = SLUICE_RESTART_TRANSIENT));
}

int main(int argc, char **argv)
{
	struct sluice_pipeline *p = NULL;
	struct sluice_stage_stats stat;
	uint64_t next = 0;
	int rc = sluice_pipeline_open(&p, SLUICE_PIPELINE(.log = note));

	(void)argc;
	if (rc == 0)
		rc = declare(p, &next, argv[0]);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc == 0)
		rc = sluice_stage_stat(p, "numbers", &stat);
	if (rc < 0)
		fprintf(stderr, "12_process: %s\n", sluice_last_error());
	else
		printf("%" PRIu64 " numbers were handled\n", stat.events_out);
	sluice_pipeline_close(p);
	return rc < 0;
}
