/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     stress_process DEATHS [SEED]
 *
 * Process stages that die at any moment, so often in all, and are started again:
 *
 *     "source"  ->  reader 0, 1, 2        feeder 0, 1  ->  "sink"
 *
 * Their program is this one. A process sets an alarm for some moment of its life, which
 * kills it. Nothing may be lost; what a reader has done twice was marked, and is at most
 * one batch for each death; what a feeder has sent comes once, and in order. Ends with 3
 * when the books are wrong.
 */
#include "sluice.h"
#include "ring/atomic.h"
#include "tests/support/child_threads.h"
#include "tests/support/deadline.h"
#include "tests/support/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define READERS    3u
#define FEEDERS    2u
#define EVENTS_MAX (1u << 22)
#define WINDOW     16u
#define REST_US    200
#define ALARM_US   30000u /* a process lives so long at most */
#define MARKED     (1u << 16)

struct books {
	sluice_a32 left;   /* deaths to come */
	sluice_a32 starts; /* of processes */
	sluice_a32 unmarked;
	sluice_a32 seed;
	sluice_a32 effect[EVENTS_MAX]; /* times; and MARKED for each that was */
};

struct fed {
	uint32_t feeder;
	uint32_t number;
};

static struct books *books;
static char file[] = "/tmp/sluice-stress-XXXXXX";
static uint32_t emitted;
static uint32_t next_of[FEEDERS];
static uint32_t disorder;

static void rest(void)
{
	struct timespec time = {0, REST_US * 1000L};

	(void)nanosleep(&time, NULL);
}

static void books_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	books = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	if ((void *)books == MAP_FAILED)
		exit(2);
	(void)close(fd);
}

static int deaths_are_over(void)
{
	return (int32_t)sluice_load_acquire(&books->left) <= 0;
}

/* ---- the processes --------------------------------------------------------------- */

/* Some are never over: those that come when all deaths have been died. */
static void life_begins(void)
{
	uint32_t n = sluice_fetch_add(&books->starts, 1);
	struct itimerval alarm = {.it_value = {0}};
	struct rng rng;

	rng = (struct rng){sluice_load_acquire(&books->seed) + (uint64_t)n};
	if ((int32_t)sluice_fetch_add(&books->left, UINT32_MAX) <= 0)
		return;
	alarm.it_value.tv_usec = 1 + (long)(rng_u64(&rng) % ALARM_US);
	(void)setitimer(ITIMER_REAL, &alarm, NULL);
}

/* Where it is to go on, no alarm comes. */
static int life_ends(struct sluice_stage *port, int rc)
{
	const struct itimerval none = {.it_value = {0}};

	(void)setitimer(ITIMER_REAL, &none, NULL);
	if (rc != 0 && rc != -EPIPE)
		return 4;
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 5;
}

static void effect(uint32_t event, int marked)
{
	uint32_t before = sluice_fetch_add(&books->effect[event],
					   marked ? MARKED + 1 : 1);

	if (before != 0 && !marked)
		(void)sluice_fetch_add(&books->unmarked, 1);
}

static int reader_main(struct sluice_stage *port)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		for (uint32_t i = 0; i < batch.count; i++)
			effect(SLUICE_EVENTS(&batch, uint32_t)[i],
			       batch.flags & SLUICE_BATCH_REDELIVERED);
		rest();
	}
	return life_ends(port, rc);
}

static int feeder_main(struct sluice_stage *port, uint32_t feeder,
		       uint64_t accepted)
{
	struct fed fed = {feeder, (uint32_t)accepted};
	int rc = 0;

	while (rc == 0 && !deaths_are_over()) {
		for (uint32_t i = 0; rc >= 0 && i < 8; i++, fed.number++)
			rc = sluice_send(port, &fed, 1, TEST_DEADLINE_MS);
		rc = rc > 0 ? 0 : rc;
		rest();
	}
	return life_ends(port, rc);
}

static int process_main(const char *name, const char *path)
{
	struct sluice_stage *port;
	uint64_t accepted = 0;

	books_open(path);
	life_begins();
	if (sluice_attach(&port, SLUICE_ATTACH(.accepted = &accepted)) < 0) {
		(void)fprintf(stderr, "%s: %s\n", name, sluice_last_error());
		return 6;
	}
	if (name[0] == 'r')
		return reader_main(port);
	return feeder_main(port, (uint32_t)(name[1] - '0'), accepted);
}

/* ---- the engine -------------------------------------------------------------------- */

static int source(struct sluice_stage *self, uint32_t demand)
{
	uint32_t n = demand < WINDOW ? demand : WINDOW;
	uint32_t *out;

	if (deaths_are_over() || emitted + n > EVENTS_MAX)
		return SLUICE_END;
	out = sluice_emit(self, n);
	for (uint32_t i = 0; i < n; i++)
		out[i] = emitted++;
	return SLUICE_OK;
}

static int sink(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct fed *fed = SLUICE_EVENTS(batch, struct fed);

	(void)self;
	for (uint32_t i = 0; i < batch->count; i++)
		if (fed[i].feeder >= FEEDERS ||
		    fed[i].number != next_of[fed[i].feeder]++)
			disorder++;
	return SLUICE_OK;
}

static int add_processes(struct sluice_pipeline *p, const char *own)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < READERS + FEEDERS; i++) {
		int reads = i < READERS;
		char name[] = {reads ? 'r' : 'f',
			       (char)('0' + (reads ? i : i - READERS)), 0};
		const char *const argv[] = {own, name, file, NULL};

		rc = sluice_process_add(
			p, SLUICE_PROCESS(.name = name, .argv = argv,
					  .from = reads ? "source" : NULL,
					  .to = reads ? NULL : "sink",
					  .max_demand = reads ? WINDOW : 0,
					  .restart = SLUICE_RESTART_TRANSIENT,
					  .attach_ms = TEST_DEADLINE_MS,
					  .end_ms = TEST_DEADLINE_MS));
	}
	return rc;
}

static int run(const char *own)
{
	struct sluice_pipeline *p = NULL;
	int rc = sluice_pipeline_open(
		&p, SLUICE_PIPELINE(.max_restarts = 1000, .max_seconds = 1,
				    .backoff_ms = 1, .backoff_max_ms = 2,
				    .stable_ms = 1));

	if (rc == 0)
		rc = sluice_stage_add(p, SLUICE_STAGE(.name = "source",
						      .kind = SLUICE_PRODUCER,
						      .out_bytes = 4,
						      .handle_demand = source));
	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(struct fed),
					.handle_events = sink));
	if (rc == 0)
		rc = add_processes(p, own);
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc == 0)
		rc = sluice_pipeline_join(p, TEST_DEADLINE_MS);
	if (rc < 0)
		(void)fprintf(stderr, "stress_process: %s\n",
			      sluice_last_error());
	sluice_pipeline_close(p);
	return rc;
}

/* Returns 3 when they are wrong. */
static int books_check(uint32_t deaths)
{
	uint32_t unmarked = sluice_load_acquire(&books->unmarked);
	uint64_t again = 0;
	uint64_t lost = 0;

	for (uint32_t i = 0; i < emitted; i++) {
		uint32_t times =
			sluice_load_acquire(&books->effect[i]) % MARKED;

		lost += times == 0;
		again += times > 1 ? times - 1 : 0;
	}
	(void)printf("%u deaths: %u events, %llu lost, %llu again; %u and %u "
		     "fed, %u out of order\n",
		     deaths, emitted, (unsigned long long)lost,
		     (unsigned long long)again, next_of[0], next_of[1],
		     disorder);
	return lost > 0 || unmarked > 0 || disorder > 0 ||
			       again > (uint64_t)deaths * WINDOW
		       ? 3
		       : 0;
}

int main(int argc, char **argv)
{
	uint32_t deaths = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	uint32_t seed = (uint32_t)time(NULL);
	char own[PATH_MAX];
	ssize_t n;
	int rc;
	int fd;

	if (argc == 3 && (argv[1][0] == 'r' || argv[1][0] == 'f'))
		_exit(process_main(argv[1], argv[2]));
	if (argc == 3)
		seed = (uint32_t)strtoul(argv[2], NULL, 10);
	n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	fd = mkstemp(file);
	if (deaths == 0 || n <= 0 || fd < 0 ||
	    ftruncate(fd, sizeof(*books)) < 0)
		return 2;
	own[n] = '\0';
	(void)close(fd);
	books_open(file);
	(void)printf("seed %u\n", seed);
	(void)fflush(stdout);
	sluice_store_release(&books->seed, seed);
	sluice_store_release(&books->left, deaths);
	rc = run(own);
	(void)unlink(file);
	return books_check(deaths) != 0 || rc < 0 ? 3 : 0;
}
