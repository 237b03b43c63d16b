/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     stress_kills [--hold] [--stall] [--early-ack] KILLS [PART]
 *
 * So many kills in all, in equal parts with each dispatcher, and some with workers;
 * --hold: places are kept for those that come back; --stall: who stands still is sent
 * away, so that it stops nobody. --early-ack is a mistake on purpose that must be
 * found. Ends with 3 when the books are wrong.
 */
#include "tests/stress/kills/kills.h"
#include "tests/support/child_threads.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define LONG_MS 1000u /* a pause that is looked at */
#define STOPS   3u    /* times that somebody is stopped, in each part */
/* Until the others got so many, where that is promised, or where they go on with their
 * keys, so many; or else for so long, and then they have got no more than had room: in
 * the rings, and behind an order in its window. */
#define STOP_EVENTS 2000u
#define STOP_KEYED  200u
#define STOP_MS     200u
#define STOP_MOST   (8 * WINDOW)
#define ORDER_MOST  1024u

static const struct part parts[] = {
	{"demand", "demand", 0, 0, STOPS_NOBODY, 0, 0, 0},
	{"partition", "partition", 1, 1, STOPS_KEYS, 0, 0, 0},
	{"jbsq", "jbsq", 0, 0, STOPS_NOBODY, 0, 0, 0},
	{"p2c", "p2c", 0, 0, STOPS_NOBODY, 0, 0, 0},
	{"rr", "rr", 0, 0, STOPS_ALL, 0, 0, 0},
	{"atomic", "atomic", 1, 1, STOPS_KEYS, 0, 0, 0},
	{"sticky", "sticky", 1, 0, STOPS_NOBODY, 0, 0, 0},
	{"broadcast", "broadcast", 0, 0, STOPS_ALL, 1, 0, 0},
	{"shared", "shared", 0, 0, STOPS_NOBODY, 0, 0, 0},
	{"workers-demand", "demand", 0, 0, STOPS_NOBODY, 0, 1, 0},
	{"workers-partition", "partition", 1, 1, STOPS_KEYS, 0, 1, 0},
	{"workers-jbsq", "jbsq", 0, 0, STOPS_NOBODY, 0, 1, 0},
	{"workers-shared", "shared", 0, 0, STOPS_NOBODY, 0, 1, 0},
	{"workers-ordered", "ordered", 0, 0, STOPS_ALL, 0, 1, 1},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct books *books;
const struct part *part;
char folder[64];
int holds;
int stalls;
int early_ack;

struct run run;

static void die(const char *what)
{
	(void)fprintf(stderr, "stress_kills: %s: %s\n",
		      part ? part->name : "start", what);
	for (uint32_t i = 0; i < VISITORS; i++)
		if (run.pid[i] > 0)
			(void)kill(run.pid[i], SIGKILL);
	if (run.engine > 0)
		(void)kill(run.engine, SIGKILL);
	exit(3);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/* ---- visitors ------------------------------------------------------------------ */

static void visitor_begin(uint32_t visitor)
{
	uint64_t seed = rng_u64(&run.rng);
	pid_t pid;

	sluice_store_release(&books->attached[visitor], 0);
	pid = fork();
	if (pid < 0)
		die("no process");
	if (pid == 0)
		visitor_main(visitor, seed);
	run.pid[visitor] = pid;
	run.begun++;
}

/* It has ended; nobody uses its words any more. */
static void visitor_ended(uint32_t visitor, int status)
{
	int away = WIFEXITED(status) && WEXITSTATUS(status) == SENT_AWAY;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (!away && (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL))
		die("a visitor has failed");
	run.kills += !away;
	if (visitor < FEEDERS)
		return;
	run.allowed += sluice_load_acquire(&books->hand[visitor - FEEDERS]);
	sluice_store_release(&books->hand[visitor - FEEDERS], 0);
}

/* Those that have died, or left, are brought back at once; unless they are to go. */
static void visitors_reap(enum over over)
{
	int status;

	if (waitpid(run.engine, &status, WNOHANG) == run.engine)
		die("the engine has ended");
	for (uint32_t i = 0; i < VISITORS; i++) {
		if (run.pid[i] <= 0 ||
		    waitpid(run.pid[i], &status, WNOHANG) != run.pid[i])
			continue;
		visitor_ended(i, status);
		run.pid[i] = 0;
		if (over == OVER_NOT ||
		    (i >= FEEDERS && over == OVER_FEEDERS) ||
		    !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			visitor_begin(i);
	}
}

/* Where one that stands still is waited for until it is sent away, nothing comes for as
 * long; that is looked at four times in this time. */
static uint64_t long_ms(void)
{
	return LONG_MS + (stalls ? STALL_MS + STALL_MS / 4 : 0);
}

/* How long has nothing come to anybody? */
static void progress_watch(void)
{
	uint32_t effects = sluice_load_acquire(&books->effects);
	uint64_t ns = now_ns();

	if (ns - run.seen_ns > run.pause_ns)
		run.pause_ns = ns - run.seen_ns;
	if (ns - run.seen_ns > long_ms() * NS_PER_MS && !run.told) {
		run.told = 1;
		sluice_store_release(&books->tell, 1);
	}
	if (ns - run.seen_ns > TEST_DEADLINE_S * 1000 * NS_PER_MS)
		die("nothing has come to anybody for too long");
	if (effects == run.seen)
		return;
	run.seen = effects;
	run.seen_ns = ns;
}

static int all_is_sent(void)
{
	for (uint32_t i = 0; i < FEEDERS; i++)
		if (sluice_load_acquire(&books->taken[i]) < EVENTS_MAX)
			return 0;
	return 1;
}

/* Until @word is at least @n, for whatever reason that takes. */
static void await(const sluice_a32 *word, uint32_t n, enum over over)
{
	uint64_t due_ns = now_ns() + TEST_DEADLINE_S * 1000 * NS_PER_MS;

	while (sluice_load_acquire(word) < n) {
		if (now_ns() > due_ns)
			die("waited in vain");
		if (over != OVER_ALL)
			visitors_reap(over);
		rest_us(200);
	}
}

/* All readers at once. */
static int all_are_attached(void)
{
	uint32_t n = 0;

	for (uint32_t i = FEEDERS; i < VISITORS; i++)
		n += sluice_load_acquire(&books->attached[i]);
	return n == READERS;
}

static void await_readers(void)
{
	uint64_t due_ns = now_ns() + TEST_DEADLINE_S * 1000 * NS_PER_MS;

	while (!all_are_attached()) {
		if (now_ns() > due_ns)
			die("waited in vain");
		rest_us(200);
		visitors_reap(OVER_FEEDERS);
	}
}

/* ---- kills ------------------------------------------------------------------------ */

/* It comes back at once. */
static void visitor_kill(uint32_t visitor)
{
	int status;

	(void)kill(run.pid[visitor], SIGKILL);
	if (waitpid(run.pid[visitor], &status, 0) != run.pid[visitor])
		die("a visitor cannot be waited for");
	visitor_ended(visitor, status);
	visitor_begin(visitor);
}

static void kill_one(void)
{
	uint32_t visitor = (uint32_t)rng_below(&run.rng, VISITORS);

	if (rng_below(&run.rng, 4) > 0)
		await(&books->attached[visitor], 1, OVER_NOT);
	rest_us((uint32_t)rng_below(&run.rng, 2000));
	visitors_reap(OVER_NOT);
	visitor_kill(visitor);
}

/* All of them, if it is a feeder. */
static uint32_t effects_of_others(uint32_t visitor)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < READERS; i++)
		if (FEEDERS + i != visitor)
			sum += sluice_load_acquire(&books->effects_by[i]);
	return sum;
}

/* Nobody waits for who feeds, nor for long for who is sent away. */
static enum stops stops_of(uint32_t visitor)
{
	return visitor < FEEDERS || stalls ? STOPS_NOBODY : part->stops;
}

/* The others have got @got meanwhile, for @ms: is that enough? */
static int stop_is_seen(enum stops stops, uint32_t got, uint64_t ms)
{
	return stops == STOPS_NOBODY ? got >= STOP_EVENTS
	       : stops == STOPS_KEYS ? got >= STOP_KEYED
				     : ms >= STOP_MS;
}

static void stop_check(uint32_t got)
{
	uint32_t most = STOP_MOST + (part->ordered ? ORDER_MOST : 0);

	if (got <= most)
		return;
	(void)fprintf(stderr, "# %u events, and there was room for %u\n", got,
		      most);
	die("one that is stopped does not stop the others");
}

/* Since they were @before some have had events: those that are not to be stopped, or,
 * where that is no question of keys, all. */
static int they_go_on(uint32_t visitor, const uint32_t before[READERS])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < READERS; i++)
		n += (part->stops == STOPS_ALL || FEEDERS + i != visitor) &&
		     sluice_load_acquire(&books->effects_by[i]) != before[i];
	return n == READERS || (n > 0 && part->stops != STOPS_ALL);
}

/* Nobody comes or goes: whoever comes may wait for one that is stopped. */
static void calm_down(uint32_t visitor)
{
	uint32_t before[READERS] = {0};
	uint32_t begun = 0;

	sluice_store_release(&books->calm, 1);
	do {
		rest_us(200);
		visitors_reap(OVER_NOT);
		progress_watch();
		if (begun == run.begun && all_are_attached())
			continue;
		begun = run.begun;
		for (uint32_t i = 0; i < READERS; i++)
			before[i] = sluice_load_acquire(&books->effects_by[i]);
	} while (!all_is_sent() && (begun != run.begun || !all_are_attached() ||
				    !they_go_on(visitor, before)));
}

/* Returns 0: it has died instead. */
static int visitor_stop(uint32_t visitor)
{
	int status = 0;

	calm_down(visitor);
	(void)kill(run.pid[visitor], SIGSTOP);
	if (waitpid(run.pid[visitor], &status, WUNTRACED) != run.pid[visitor])
		die("a visitor cannot be waited for");
	if (WIFSTOPPED(status))
		return 1;
	visitor_ended(visitor, status);
	visitor_begin(visitor);
	sluice_store_release(&books->calm, 0);
	return 0;
}

/* One does nothing for a while; then it goes on, or is killed. */
static void stop_one(uint32_t visitor)
{
	enum stops stops = stops_of(visitor);
	uint64_t began_ns;
	uint32_t before;
	uint32_t got;

	if (!visitor_stop(visitor))
		return;
	began_ns = now_ns();
	before = effects_of_others(visitor);
	do {
		rest_us(500);
		visitors_reap(OVER_NOT);
		progress_watch();
		got = effects_of_others(visitor) - before;
	} while (!all_is_sent() &&
		 !stop_is_seen(stops, got, (now_ns() - began_ns) / NS_PER_MS));
	if (stops == STOPS_ALL)
		stop_check(got);
	run.stopped += got;
	sluice_store_release(&books->calm, 0);
	/* One that was sent away would go on with what others have done. */
	if (stalls || rng_below(&run.rng, 2))
		visitor_kill(visitor);
	else
		(void)kill(run.pid[visitor], SIGCONT);
}

static void kill_many(uint32_t kills)
{
	uint32_t stops = 0;

	while (run.kills < kills && !all_is_sent()) {
		uint32_t before = run.seen;

		kill_one();
		/* A feeder at last. */
		if (run.kills > (stops + 1) * kills / (STOPS + 1) &&
		    stops++ < STOPS)
			stop_one((stops < STOPS ? FEEDERS : 0) +
				 (uint32_t)rng_below(&run.rng, READERS));
		do {
			rest_us(200);
			visitors_reap(OVER_NOT);
			progress_watch();
		} while (run.seen == before && !all_is_sent());
	}
}

/* ---- the end ----------------------------------------------------------------------- */

/* How it has ended; 0: there is none. */
static int wait_for(pid_t *pid)
{
	int status = 0;

	if (*pid > 0 && waitpid(*pid, &status, 0) != *pid)
		die("it cannot be waited for");
	*pid = 0;
	return status;
}

/* The feeders leave; when all readers are there the engine drains. */
static void finish(void)
{
	int left;

	(void)sluice_fetch_add(&books->over, OVER_FEEDERS);
	do {
		visitors_reap(OVER_FEEDERS);
		rest_us(200);
		left = 0;
		for (uint32_t i = 0; i < FEEDERS; i++)
			left |= run.pid[i] > 0;
	} while (left);
	await_readers();
	sluice_store_release(&books->over, OVER_ALL);
	if (wait_for(&run.engine) != 0)
		die("the engine has failed");
	/* One may have been sent away up to the last. */
	for (uint32_t i = FEEDERS; i < VISITORS; i++)
		visitor_ended(i, wait_for(&run.pid[i]));
}

/* ---- all --------------------------------------------------------------------------- */

static uint32_t run_part(uint32_t kills, struct rng *rng)
{
	uint32_t bad;

	memset(&run, 0, sizeof(run));
	run.rng.state = rng_u64(rng);
	books = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (books == MAP_FAILED)
		die("no memory");
	(void)fflush(stdout);
	run.engine = fork();
	if (run.engine < 0)
		die("no process");
	if (run.engine == 0)
		engine_main();
	await(&books->listens, 1, OVER_ALL);
	for (uint32_t i = 0; i < VISITORS; i++)
		visitor_begin(i);
	run.seen_ns = now_ns();
	kill_many(kills);
	finish();
	bad = books_check();
	(void)munmap(books, sizeof(*books));
	return bad;
}

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: stress_kills [--hold] [--stall] [--early-ack] KILLS "
		"[PART]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct rng rng = rng_start("kills");
	const char *only;
	uint32_t kills;
	uint32_t bad = 0;

	holds = argc > 1 && strcmp(argv[1], "--hold") == 0;
	argc -= holds;
	argv += holds;
	stalls = argc > 1 && strcmp(argv[1], "--stall") == 0;
	argc -= stalls;
	argv += stalls;
	early_ack = argc > 1 && strcmp(argv[1], "--early-ack") == 0;
	argc -= early_ack;
	argv += early_ack;
	if (argc < 2 || argc > 3)
		return usage();
	kills = (uint32_t)atoi(argv[1]);
	only = argv[2];
	(void)strcpy(folder, "/tmp/sluice-kills-XXXXXX");
	if (mkdtemp(folder) == NULL)
		die("no folder");
	for (size_t i = 0; i < PARTS; i++) {
		part = &parts[i];
		if (only == NULL)
			bad += run_part(kills / (uint32_t)PARTS + 1, &rng);
		else if (strcmp(only, part->name) == 0)
			bad += run_part(kills, &rng);
	}
	(void)rmdir(folder);
	return bad ? 3 : 0;
}
