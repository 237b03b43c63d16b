/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     stress_outlaws SECONDS
 */
#include "tests/stress/outlaws/outlaws.h"
#include "tests/support/child_threads.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BURST       32u
#define POOL_EVENTS (UINT64_C(1) << 24)

struct seen *seen;
char folder[64];

void must(int is_so, const char *what)
{
	if (is_so)
		return;
	(void)fprintf(stderr, "stress_outlaws: not so: %s (%s; %s)\n", what,
		      strerror(errno), sluice_last_error());
	_exit(3);
}

/* Of no two words that an outlaw thinks of. */
static uint64_t check_of(uint64_t number)
{
	return number * UINT64_C(0x9e3779b97f4a7c15) ^ 0x51757368;
}

/* ---- the engine ------------------------------------------------------------------ */

static int hub_handle(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	const struct event *events = SLUICE_EVENTS(batch, struct event);

	for (uint32_t i = 0; i < batch->count; i++) {
		struct event *out;

		if (events[i].check != check_of(events[i].number)) {
			(void)sluice_fetch_add(&seen->garbage, 1);
			continue;
		}
		out = sluice_emit(self, 1);
		if (out == NULL)
			return -ENOBUFS;
		*out = events[i];
	}
	return SLUICE_OK;
}

static int wild_make(struct sluice_stage *self, uint32_t demand)
{
	struct event *out = sluice_emit(self, demand);

	if (out != NULL)
		memset(out, 'w', demand * sizeof(*out));
	return SLUICE_OK;
}

static int loud_make(struct sluice_stage *self, uint32_t demand)
{
	static uint64_t number;
	uint32_t n = demand < BURST ? demand : BURST;
	struct event *out = sluice_emit(self, n);

	for (uint32_t i = 0; out != NULL && i < n; i++, number++)
		out[i] = (struct event){number, check_of(number)};
	return SLUICE_OK;
}

static int witness_hear(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	const struct event *events = SLUICE_EVENTS(batch, struct event);
	uint64_t number = sluice_load_acquire(&seen->heard);

	(void)self;
	for (uint32_t i = 0; i < batch->count; i++, number++)
		must(events[i].number == number &&
			     events[i].check == check_of(number),
		     "the witness hears each once, and in order");
	sluice_store_release(&seen->heard, number);
	return SLUICE_OK;
}

static void add_loud(struct sluice_pipeline *p)
{
	must(sluice_stage_add(
		     p, SLUICE_STAGE(.name = "loud", .kind = SLUICE_PRODUCER,
				     .flags = SLUICE_STAGE_PEERS_CONSUME,
				     .dispatcher = "broadcast",
				     .out_bytes = sizeof(struct event),
				     .on_idle = SLUICE_IDLE_STAY,
				     .handle_demand = loud_make)) == 0,
	     "loud");
	must(sluice_stage_add(
		     p, SLUICE_STAGE(.name = "witness", .kind = SLUICE_CONSUMER,
				     .in_bytes = sizeof(struct event),
				     .handle_events = witness_hear)) == 0,
	     "witness");
	must(sluice_subscribe(p, "witness", "loud", NULL) == 0, "subscribe");
}

static int pool_make(struct sluice_stage *self, uint32_t demand)
{
	uint64_t number = sluice_load_acquire(&seen->pooled);
	uint32_t n = demand < BURST ? demand : BURST;
	struct event *out;

	if (n > POOL_EVENTS - number)
		n = (uint32_t)(POOL_EVENTS - number);
	out = sluice_emit(self, n);
	for (uint32_t i = 0; out != NULL && i < n; i++, number++)
		out[i] = (struct event){number, check_of(number)};
	sluice_store_release(&seen->pooled, number);
	return number < POOL_EVENTS ? SLUICE_OK : SLUICE_END;
}

static void add_pool(struct sluice_pipeline *p)
{
	must(sluice_stage_add(
		     p, SLUICE_STAGE(.name = "pool", .kind = SLUICE_PRODUCER,
				     .flags = SLUICE_STAGE_PEERS_CONSUME,
				     .dispatcher = "shared",
				     .out_bytes = sizeof(struct event),
				     .on_idle = SLUICE_IDLE_STAY,
				     .handle_demand = pool_make)) == 0,
	     "pool");
}

static int sweep(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

/* Who reads what outlaws have left of "wild": so there is nothing that nobody handles,
 * whatever becomes of them. */
static void drain(struct sluice_pipeline *p)
{
	int rc;

	must(sluice_stage_add(p, SLUICE_STAGE(.name = "sweeper",
					      .kind = SLUICE_CONSUMER,
					      .in_bytes = sizeof(struct event),
					      .handle_events = sweep)) == 0,
	     "sweeper");
	must(sluice_subscribe(p, "sweeper", "wild", NULL) == 0, "sweep");
	rc = sluice_pipeline_drain(p, TEST_DEADLINE_MS);
	must(rc == 0, "the pipeline ends cleanly");
}

static void engine_main(void)
{
	struct sluice_pipeline *p = NULL;

	must(sluice_pipeline_open(
		     &p, SLUICE_PIPELINE(.name = PIPELINE, .workers = 1)) == 0,
	     "open");
	must(sluice_stage_add(p,
			      SLUICE_STAGE(.name = "hub",
					   .kind = SLUICE_PRODUCER_CONSUMER,
					   .flags = SLUICE_STAGE_PEERS_FEED |
						    SLUICE_STAGE_PEERS_CONSUME,
					   .in_bytes = sizeof(struct event),
					   .out_bytes = sizeof(struct event),
					   .on_idle = SLUICE_IDLE_STAY,
					   .handle_events = hub_handle)) == 0,
	     "hub");
	must(sluice_stage_add(
		     p, SLUICE_STAGE(.name = "wild", .kind = SLUICE_PRODUCER,
				     .flags = SLUICE_STAGE_PEERS_CONSUME,
				     .out_bytes = sizeof(struct event),
				     .on_idle = SLUICE_IDLE_STAY,
				     .handle_demand = wild_make)) == 0,
	     "wild");
	add_loud(p);
	add_pool(p);
	must(sluice_pipeline_listen(p, SLUICE_LISTEN(.folder = folder)) == 0,
	     "listen");
	must(sluice_pipeline_start(p) == 0, "start");
	sluice_store_release(&seen->listens, 1);
	while (!sluice_load_acquire(&seen->drains))
		rest_ms(1);
	drain(p);
	sluice_pipeline_close(p);
	_exit(0);
}

/* ---- the honest ------------------------------------------------------------------ */

static struct sluice_stage *attach(const char *name, const char *from,
				   const char *to)
{
	struct sluice_stage *port = NULL;

	must(sluice_attach(&port,
			   SLUICE_ATTACH(.pipeline = PIPELINE, .folder = folder,
					 .name = name, .from = from, .to = to,
					 .timeout_ms = TEST_DEADLINE_MS)) == 0,
	     "attach");
	return port;
}

static void feeder_main(void)
{
	struct sluice_stage *port = attach("honest-feeder", NULL, "hub");
	uint64_t number = 0;

	while (!sluice_load_acquire(&seen->over)) {
		struct event events[BURST];
		int rc;

		for (uint32_t i = 0; i < BURST; i++)
			events[i] = (struct event){number + i,
						   check_of(number + i)};
		rc = sluice_send(port, events, BURST, TEST_DEADLINE_MS);
		must(rc > 0, "the honest feeder sends");
		number += (uint32_t)rc;
		sluice_store_release(&seen->sent, number);
		if (number % 8 == 0)
			rest_ms(1);
	}
	must(sluice_detach(port, TEST_DEADLINE_MS) == 0, "detach");
	_exit(0);
}

static void reader_main(void)
{
	struct sluice_stage *port = attach("honest-reader", "hub", NULL);
	struct sluice_batch batch;
	uint64_t number = 0;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		for (uint32_t i = 0; i < batch.count; i++, number++)
			must(SLUICE_EVENTS(&batch, struct event)[i].number ==
				     number,
			     "each comes once, and in order");
		sluice_store_release(&seen->received, number);
	}
	must(rc == -EPIPE, "the stream ends cleanly");
	must(sluice_detach(port, TEST_DEADLINE_MS) == 0, "detach");
	_exit(0);
}

/* Whole, and each once unless it is marked. */
static void taker_takes(const struct sluice_batch *batch)
{
	static unsigned char had[POOL_EVENTS];
	const struct event *events = SLUICE_EVENTS(batch, struct event);
	int again = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t number = events[i].number;

		must(number < POOL_EVENTS &&
			     events[i].check == check_of(number),
		     "the taker gets what was made");
		must(!had[number], "and each once");
		had[number] = 1;
		(void)sluice_fetch_add(again ? &seen->again : &seen->taken, 1);
	}
}

static void taker_main(void)
{
	struct sluice_stage *port = attach("honest-taker", "pool", NULL);
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		taker_takes(&batch);
		rest_ms(1);
	}
	must(rc == -EPIPE, "the pool ends cleanly");
	must(sluice_detach(port, TEST_DEADLINE_MS) == 0, "detach");
	_exit(0);
}

/* ---- all --------------------------------------------------------------------------- */

static pid_t begin(void (*part)(void))
{
	pid_t pid = fork();

	must(pid >= 0, "a process begins");
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(2 * TEST_DEADLINE_S);
	part();
	_exit(0);
}

static pid_t begin_outlaw(uint32_t kind, struct rng *rng)
{
	uint64_t seed = rng_u64(rng);
	pid_t pid = fork();

	must(pid >= 0, "a process begins");
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	outlaw_main(kind, seed);
	return pid;
}

static void expect_end(pid_t pid, const char *what)
{
	int status = -1;

	must(waitpid(pid, &status, 0) == pid && status == 0, what);
}

static void outlaw_ended(int status)
{
	must(status == 0 ||
		     (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
	     "an outlaw is refused what it may not");
}

static void go_on_until(uint64_t end_ms, struct rng *rng)
{
	pid_t outlaws[OUTLAWS];
	int status;

	for (uint32_t i = 0; i < OUTLAWS; i++)
		outlaws[i] = begin_outlaw(i, rng);
	while (now_ms() < end_ms) {
		rest_ms(2);
		for (uint32_t i = 0; i < OUTLAWS; i++) {
			if (waitpid(outlaws[i], &status, WNOHANG) == 0)
				continue;
			outlaw_ended(status);
			outlaws[i] = begin_outlaw(i, rng);
		}
	}
	for (uint32_t i = 0; i < OUTLAWS; i++) {
		(void)kill(outlaws[i], SIGKILL);
		(void)waitpid(outlaws[i], &status, 0);
		outlaw_ended(status);
	}
}

static void report(void)
{
	(void)printf("%u lives of outlaws, %llu events of theirs, %u things "
		     "refused; %llu honest events of %llu; of a pool's %llu "
		     "%llu, and %llu that outlaws had had\n",
		     sluice_load_acquire(&seen->lives),
		     (unsigned long long)sluice_load_acquire(&seen->garbage),
		     sluice_load_acquire(&seen->tries),
		     (unsigned long long)sluice_load_acquire(&seen->received),
		     (unsigned long long)sluice_load_acquire(&seen->sent),
		     (unsigned long long)sluice_load_acquire(&seen->pooled),
		     (unsigned long long)sluice_load_acquire(&seen->taken),
		     (unsigned long long)sluice_load_acquire(&seen->again));
}

int main(int argc, char **argv)
{
	struct rng rng = rng_start("outlaws");
	pid_t engine;
	pid_t feeder;
	pid_t reader;
	pid_t taker;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: stress_outlaws SECONDS\n");
		return 2;
	}
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(seen != MAP_FAILED, "there is memory");
	(void)strcpy(folder, "/tmp/sluice-outlaws-XXXXXX");
	must(mkdtemp(folder) != NULL, "there is a folder");
	engine = begin(engine_main);
	while (!sluice_load_acquire(&seen->listens)) {
		must(waitpid(engine, NULL, WNOHANG) == 0, "the engine runs");
		rest_ms(1);
	}
	reader = begin(reader_main);
	taker = begin(taker_main);
	feeder = begin(feeder_main);
	go_on_until(now_ms() + 1000 * (uint64_t)atoi(argv[1]), &rng);
	sluice_store_release(&seen->over, 1);
	expect_end(feeder, "the honest feeder ends well");
	sluice_store_release(&seen->drains, 1);
	expect_end(engine, "the engine ends well");
	expect_end(reader, "the honest reader ends well");
	expect_end(taker, "the honest taker ends well");
	report();
	must(sluice_load_acquire(&seen->received) ==
			     sluice_load_acquire(&seen->sent) &&
		     sluice_load_acquire(&seen->sent) > 0,
	     "all that was sent has come");
	must(sluice_load_acquire(&seen->taken) > 0 &&
		     sluice_load_acquire(&seen->taken) +
				     sluice_load_acquire(&seen->again) <=
			     sluice_load_acquire(&seen->pooled),
	     "the pool has gone round");
	must(sluice_load_acquire(&seen->garbage) > 0 &&
		     sluice_load_acquire(&seen->tries) > 0 &&
		     sluice_load_acquire(&seen->heard) > 0,
	     "outlaws were there");
	(void)rmdir(folder);
	return 0;
}
