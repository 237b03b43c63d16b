/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every event exactly once through a ring of many producers and consumers, with
 * fewer threads than CPUs and with more.
 *
 *   stress_mpmc [events]
 *
 * Producers number their events; how many go in or out at a time is random.
 * Each consumer counts its events, adds up a 64-bit mix of each, and watches
 * that what it gets of each producer rises. The ring is small in two of three
 * cases, so that it is full and empty all the time.
 *
 * Prints a line per case. Exits with 1 when anything is missing, doubled, torn
 * or out of order, with 2 when it was called wrongly.
 */
#include "ring/mpmc.h"
#include "tests/support/rng.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define EVENTS_DEFAULT UINT64_C(20000000)
#define THREADS_MAX    8u
#define BATCH_MAX      48u
#define CAPACITY_MAX   1024u
#define PAUSES         16u
#define CLOSED         SLUICE_CLOSED(SLUICE_REASON_NORMAL, 4711)

/* No power of two: events lie across lines. */
struct event {
	uint64_t producer;
	uint64_t number;
	uint64_t check;
};

/* A thread and its books, on lines of its own. */
struct worker {
	pthread_t thread;
	uint64_t index;
	uint64_t todo; /* producers */
	uint64_t events;
	uint64_t mix;
	uint64_t disorder;
	uint64_t torn;
	uint64_t next[THREADS_MAX]; /* one above the last, by producer */
	uint32_t closed;            /* what it ended with */
	struct rng rng;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

static struct sluice_mpmc ring;
static struct worker workers[2 * THREADS_MAX];
static uint32_t producers;
static sluice_a32 finished;

/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t event_mix(uint64_t producer, uint64_t number)
{
	return mix(mix(producer + 1) + number);
}

/* The ring never waits; this is how its callers do. */
static void wait_some(uint32_t *pauses)
{
	if (++*pauses < PAUSES) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#else
		__asm__ volatile("isb" ::: "memory");
#endif
		return;
	}
	*pauses = 0;
	(void)sched_yield();
}

static void *produce(void *arg)
{
	struct worker *self = arg;
	struct event events[BATCH_MAX];
	uint32_t pauses = 0;

	while (self->events < self->todo) {
		uint64_t left = self->todo - self->events;
		uint32_t n = rng_between(&self->rng, 1, BATCH_MAX);

		if (n > left)
			n = (uint32_t)left;
		for (uint32_t i = 0; i < n; i++) {
			struct event *event = &events[i];

			event->producer = self->index;
			event->number = self->events + i;
			event->check =
				event_mix(event->producer, event->number);
		}
		/* What does not go in now is made again. */
		n = sluice_mpmc_push(&ring, (const void *)events, n);
		for (uint32_t i = 0; i < n; i++)
			self->mix += events[i].check;
		self->events += n;
		if (n == 0)
			wait_some(&pauses);
	}
	/* The last one out ends the stream. */
	if (sluice_fetch_add(&finished, 1) == producers - 1)
		sluice_mpmc_close(&ring, CLOSED);
	return NULL;
}

static void keep(struct worker *self, const struct event *event)
{
	uint64_t from = event->producer;

	self->events++;
	self->mix += event->check;
	if (from >= producers ||
	    event->check != event_mix(from, event->number)) {
		self->torn++;
		return;
	}
	self->disorder += event->number < self->next[from];
	self->next[from] = event->number + 1;
}

static void *consume(void *arg)
{
	struct worker *self = arg;
	struct event events[BATCH_MAX];
	uint32_t pauses = 0;

	while (self->closed == SLUICE_REASON_OPEN) {
		uint32_t n =
			sluice_mpmc_pop(&ring, (void *)events,
					rng_between(&self->rng, 1, BATCH_MAX));

		for (uint32_t i = 0; i < n; i++)
			keep(self, &events[i]);
		if (n > 0)
			continue;
		self->closed = sluice_mpmc_closed(&ring);
		wait_some(&pauses);
	}
	return NULL;
}

/* Returns 0, or 1 after saying what is wrong. */
static int check(uint32_t consumers)
{
	uint64_t events = 0;
	uint64_t sum = 0;
	int wrong = 0;

	for (uint32_t i = 0; i < producers + consumers; i++) {
		const struct worker *w = &workers[i];

		events += i < producers ? w->events : 0 - w->events;
		sum += i < producers ? w->mix : 0 - w->mix;
		if (w->disorder == 0 && w->torn == 0 &&
		    (i < producers || w->closed == CLOSED))
			continue;
		(void)fprintf(stderr,
			      "thread %u: %" PRIu64 " steps back, %" PRIu64
			      " torn, ended with %#x\n",
			      i, w->disorder, w->torn, w->closed);
		wrong = 1;
	}
	if (events == 0 && sum == 0 && sluice_mpmc_depth(&ring) == 0)
		return wrong;
	(void)fprintf(stderr,
		      "%" PRId64 " events are missing, %" PRIu64
		      " in the ring, mixes differ by %" PRIx64 "\n",
		      (int64_t)events, sluice_mpmc_depth(&ring), sum);
	return 1;
}

static int run_case(struct rng *rng, uint32_t consumers, uint32_t capacity,
		    uint64_t n)
{
	uint32_t threads = producers + consumers;

	/* Every case begins a little before the wrap of positions. */
	ring.capacity = capacity;
	sluice_mpmc_clear(&ring, 0 - n / 2);
	sluice_store_relaxed(&finished, 0);
	memset(workers, 0, sizeof(workers));
	for (uint32_t i = 0; i < threads; i++) {
		struct worker *w = &workers[i];

		w->index = i;
		w->rng.state = rng_u64(rng);
		if (i < producers)
			w->todo = n / producers + (i < n % producers);
		if (pthread_create(&w->thread, NULL,
				   i < producers ? produce : consume, w) != 0) {
			(void)fprintf(stderr, "no thread %u\n", i);
			exit(1);
		}
	}
	for (uint32_t i = 0; i < threads; i++)
		(void)pthread_join(workers[i].thread, NULL);
	(void)printf("%u + %u threads, %4u slots, %" PRIu64 " events\n",
		     producers, consumers, capacity, n);
	(void)fflush(stdout);
	return check(consumers);
}

int main(int argc, char **argv)
{
	static const uint32_t shapes[][2] = {
		{1, 1}, {1, 4}, {4, 1}, {2, 2}, {4, 4}, {8, 8},
	};
	static const uint32_t capacities[] = {CAPACITY_MAX, 2, 16};
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : EVENTS_DEFAULT;
	uint64_t bytes =
		sluice_mpmc_footprint(CAPACITY_MAX, sizeof(struct event));
	struct rng rng;
	void *memory;
	int wrong = 0;

	if (n == 0 || argc > 2) {
		(void)fprintf(stderr, "usage: %s [events]\n", argv[0]);
		return 2;
	}
	rng = rng_start("stress_mpmc");
	memory = aligned_alloc(SLUICE_LINE_BYTES, bytes);
	if (memory == NULL ||
	    sluice_mpmc_format(memory, bytes, CAPACITY_MAX,
			       sizeof(struct event)) < 0 ||
	    sluice_mpmc_attach(&ring, memory, bytes) < 0) {
		(void)fprintf(stderr, "no ring\n");
		free(memory);
		return 1;
	}
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (size_t c = 0; c < 3; c++) {
			producers = shapes[s][0];
			/* The narrower, the more waiting. */
			wrong |= run_case(&rng, shapes[s][1], capacities[c],
					  c == 0 ? n : n / 8 + 1);
		}
	free(memory);
	return wrong;
}
