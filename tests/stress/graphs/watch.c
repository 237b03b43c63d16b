/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that looks on: when nothing has moved for a test's deadline, the
 * scenario hangs. How long one takes is the machine's business. It prints from a
 * thread of its own, not from a signal that may come in the middle of a print.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"
#include "tests/support/deadline.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_S 1u

static uint64_t seed_now;
static uint64_t scenarios; /* begun and ended; odd: one runs */

/* What only grows, or changes a few times, in a scenario that gets on. It is read
 * without the world's lock, which a thread that hangs may have: a look that is
 * wrong is followed by another. */
struct moves {
	uint64_t scenarios;
	uint64_t events; /* handed out */
	uint32_t foreign;
	uint32_t settled;
	uint32_t ended;
};

static struct moves look(void)
{
	return (struct moves){
		.scenarios = __atomic_load_n(&scenarios, __ATOMIC_ACQUIRE),
		.events = __atomic_load_n(&report.events, __ATOMIC_RELAXED),
		.foreign = __atomic_load_n(&world.foreign, __ATOMIC_RELAXED),
		.settled = __atomic_load_n(&world.settled, __ATOMIC_RELAXED),
		.ended = __atomic_load_n(&world.ended, __ATOMIC_RELAXED),
	};
}

static int has_moved(const struct moves *a, const struct moves *b)
{
	return a->scenarios != b->scenarios || a->events != b->events ||
	       a->foreign != b->foreign || a->settled != b->settled ||
	       a->ended != b->ended;
}

static void give_up(void)
{
	(void)fprintf(stderr,
		      "seed %llu: nothing has moved for %u s; so far: %s\n",
		      (unsigned long long)__atomic_load_n(&seed_now,
							  __ATOMIC_RELAXED),
		      TEST_DEADLINE_S,
		      report.text[0] ? report.text : "nothing wrong");
	say_from_now_on();
	(void)printf("%u threads of the program have not returned\n",
		     world.foreign);
	option_tell();
	inspect_tell();
	(void)fflush(stdout);
	inspect_tell_edges();
	(void)fflush(stdout);
	abort();
}

static void *watch_main(void *unused)
{
	struct moves last = look();
	uint32_t quiet_s = 0;

	(void)unused;
	for (;;) {
		struct moves now;

		/* Counted, not measured: who is kept from its CPU so long
		 * that it looks seldom is patient in proportion. */
		(void)sleep(LOOK_S);
		now = look();
		quiet_s += LOOK_S;
		if (now.scenarios % 2 == 0 || has_moved(&last, &now))
			quiet_s = 0;
		last = now;
		if (quiet_s >= TEST_DEADLINE_S)
			give_up();
	}
	return NULL;
}

void watch_open(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, watch_main, NULL) != 0) {
		(void)fprintf(stderr, "stress_graphs: no thread\n");
		exit(1);
	}
	(void)pthread_detach(thread);
}

void watch_begin(uint64_t seed)
{
	__atomic_store_n(&seed_now, seed, __ATOMIC_RELAXED);
	(void)__atomic_add_fetch(&scenarios, 1, __ATOMIC_RELEASE);
}

void watch_end(void)
{
	(void)__atomic_add_fetch(&scenarios, 1, __ATOMIC_RELEASE);
}
