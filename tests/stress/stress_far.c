/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes that wake each other, over memory of which each may write its own
 * page only: an engine, with a worker and a thread that answers signals, and a peer
 * of one thread. Their turns alternate, whatever fences each of them uses, also when
 * a sandbox refuses membarrier meanwhile; and go on when either was killed, at any
 * moment, and another has taken its place.
 *
 *     stress_far TURNS KILLS
 */
#define _GNU_SOURCE /* memfd_create */
#include "ring/far.h"
#include "tests/support/deadline.h"
#include "tests/support/rng.h"
#include "tests/support/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define NS_PER_S   UINT64_C(1000000000)
#define REFUSED_AT 100u /* the turn of each that has membarrier until then */

/* What one process shows to the other. */
struct page {
	struct sluice_bell bell;
	struct sluice_fences fences;
	sluice_a32 rung;
	sluice_a64 count; /* turns it has had */
};

enum who {
	ENGINE,
	PEER,
};

static int memory[2]; /* a memfd each */
static int signals;   /* the peer's eventfd */
/* What each does: membarrier; full fences, and nothing is asked of the kernel;
 * membarrier until it is refused. */
static enum fences {
	SPLIT,
	FULL,
	REFUSED,
	FENCES,
} fences_of[2];
static const char *const fences_names[FENCES] = {"split", "full", "refused"};
static const struct page *seen[2]; /* the test's own view */

static void fail(const char *what)
{
	(void)fprintf(stderr, "stress_far: %s\n", what);
	_exit(1);
}

static void *map(int fd, int prot)
{
	void *mem = mmap(NULL, PAGE_BYTES, prot, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		fail("no memory");
	return mem;
}

/* ---- one of the two ------------------------------------------------------ */

struct player {
	struct page *own;
	const struct page *other;
	struct sluice_wait_ops ops;
	struct sluice_far_bell far;
	uint64_t wanted;
};

static void player_open(struct player *p, enum who who)
{
	const struct sluice_wait_ops *ops = fences_of[who] == FULL
						    ? sluice_wait_linux_full()
						    : sluice_wait_linux();

	p->own = map(memory[who], PROT_READ | PROT_WRITE);
	p->other = map(memory[1 - who], PROT_READ);
	p->ops = *ops;
	p->ops.fences = &p->own->fences;
	sluice_fences_init(&p->own->fences, ops);
	p->far = (struct sluice_far_bell){
		.parked = &p->other->bell.parked,
		.fences = &p->other->fences,
		.ops = sluice_far_linux(),
		.rung = who == ENGINE ? &p->own->rung : NULL,
		.fd = who == ENGINE ? -1 : signals,
		.registered = (uint32_t)sluice_wait_registered(),
	};
}

static int player_ready(void *ctx)
{
	const struct player *p = ctx;

	return sluice_load_acquire(&p->other->count) >= p->wanted;
}

static void player_park(struct player *p, enum who who)
{
	const struct sluice_far_sleeper sleeper = {
		.bell = &p->own->bell,
		.rung = &p->other->rung,
		.far = sluice_far_linux(),
		.ops = &p->ops,
	};

	if (who == ENGINE)
		(void)sluice_bell_park(&p->own->bell, &p->ops, player_ready, p,
				       UINT64_MAX);
	else
		(void)sluice_far_park(&sleeper, player_ready, p, UINT64_MAX);
}

/* It goes on where the one before it stopped, who may not have rung. */
static void play(struct player *p, enum who who, uint64_t turns)
{
	uint64_t turn = sluice_load_acquire(&p->own->count);
	uint32_t had = 0;

	(void)sluice_far_ring(&p->far);
	while (turn < turns) {
		p->wanted = who == ENGINE ? turn : turn + 1;
		for (int spins = 0; spins < 100 && !player_ready(p); spins++)
			p->ops.pause(p->ops.ctx, 1);
		while (!player_ready(p))
			player_park(p, who);
		if (fences_of[who] == REFUSED && ++had == REFUSED_AT)
			(void)sandbox_enter(SYS_membarrier,
					    SECCOMP_RET_ERRNO | EPERM);
		sluice_store_release(&p->own->count, ++turn);
		(void)sluice_far_ring(&p->far);
	}
}

static void *answer_main(void *arg)
{
	const struct player *p = arg;
	struct sluice_bell *bell = &p->own->bell;
	struct pollfd poll_of = {.fd = signals, .events = POLLIN};

	for (;;) {
		(void)poll(&poll_of, 1, -1);
		(void)sluice_far_answer(sluice_far_linux(), signals, &bell, 1,
					&p->ops);
	}
	return NULL;
}

static pid_t player_start(enum who who, uint64_t turns)
{
	static struct player p;
	pthread_t thread;
	pid_t pid = fork();

	if (pid < 0)
		fail("no process");
	if (pid > 0)
		return pid;
	player_open(&p, who);
	if (who == ENGINE &&
	    pthread_create(&thread, NULL, answer_main, &p) != 0)
		fail("no thread");
	play(&p, who, turns);
	_exit(0);
}

/* ---- the test ------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	return sluice_wait_linux_full()->now_ns(NULL);
}

static uint64_t turns_of(enum who who)
{
	return sluice_load_acquire(&seen[who]->count);
}

static void check_turns(void)
{
	/* The peer's first: it may go on in between, and only forth. */
	uint64_t peer = turns_of(PEER);
	uint64_t engine = turns_of(ENGINE);

	if (engine < peer)
		fail("the peer went first");
	if (turns_of(PEER) + 1 < engine)
		fail("the engine did not wait");
}

/* Until @who has had @turns. */
static void await_turns(enum who who, uint64_t turns)
{
	uint64_t until = now_ns() + TEST_DEADLINE_S * NS_PER_S;

	while (turns_of(who) < turns) {
		if (now_ns() > until)
			fail("nobody goes on");
		(void)usleep(200);
		check_turns();
	}
}

static void kill_one(pid_t *pid, enum who who)
{
	(void)kill(pid[who], SIGKILL);
	(void)waitpid(pid[who], NULL, 0);
	pid[who] = player_start(who, UINT64_MAX);
}

static void run(uint64_t turns, uint64_t kills, struct rng *rng)
{
	uint64_t last = kills > 0 ? UINT64_MAX : turns;
	uint64_t began = now_ns();
	pid_t pid[2];

	for (int who = 0; who < 2; who++) {
		if (ftruncate(memory[who], 0) < 0 ||
		    ftruncate(memory[who], PAGE_BYTES) < 0)
			fail("no memory");
		seen[who] = map(memory[who], PROT_READ);
	}
	for (int who = 0; who < 2; who++)
		pid[who] = player_start((enum who)who, last);
	for (uint64_t i = 0; i < kills; i++) {
		(void)usleep((useconds_t)rng_below(rng, 4000));
		check_turns();
		kill_one(pid, (enum who)rng_below(rng, 2));
		if (i % 8 == 7)
			await_turns(PEER, turns_of(PEER) + 2);
	}
	await_turns(PEER, kills > 0 ? turns_of(PEER) + 100 : turns);
	(void)printf(
		"fences %s, %s: %llu turns, %llu kills, %.2f us a turn\n",
		fences_names[fences_of[ENGINE]], fences_names[fences_of[PEER]],
		(unsigned long long)turns_of(PEER), (unsigned long long)kills,
		(double)(now_ns() - began) / 1e3 / 2 / (double)turns_of(PEER));
	for (int who = 0; who < 2; who++) {
		(void)kill(pid[who], SIGKILL);
		(void)waitpid(pid[who], NULL, 0);
		(void)munmap((void *)(uintptr_t)seen[who], PAGE_BYTES);
	}
}

int main(int argc, char **argv)
{
	struct rng rng = rng_start("far");

	if (argc != 3) {
		(void)fprintf(stderr, "usage: stress_far TURNS KILLS\n");
		return 2;
	}
	for (int who = 0; who < 2; who++)
		memory[who] = memfd_create("stress_far", MFD_CLOEXEC);
	signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (memory[0] < 0 || memory[1] < 0 || signals < 0)
		fail("no descriptors");
	for (int both = 0; both < FENCES * FENCES; both++) {
		fences_of[ENGINE] = (enum fences)(both % FENCES);
		fences_of[PEER] = (enum fences)(both / FENCES);
		run(strtoull(argv[1], NULL, 10), 0, &rng);
		run(0, strtoull(argv[2], NULL, 10), &rng);
	}
	return 0;
}
