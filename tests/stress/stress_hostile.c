/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings whose other end stores what it likes, as fast as it can: on a thread of
 * its own (words only), or in a process of its own (slots as well). The honest
 * ends stay within their ring, which lies between pages that nobody may touch,
 * and within the bounds they promise; and an honest reader beside a hostile one
 * is sent what was emitted.
 *
 *     stress_hostile thread|process SECONDS
 */
#define _GNU_SOURCE
#include "ring/broadcast.h"
#include "tests/support/rng.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPACITY   64u
#define SLOT_BYTES 64u
#define RING_BYTES (CAPACITY * SLOT_BYTES) /* a page */
#define ROUND      4096

/* What the two ends share, a page each. */
struct shared {
	union {
		struct {
			struct sluice_tx_words tx;
			struct sluice_rx_words rx[2];
			sluice_a32 over;
			sluice_a64 near; /* where the honest end is */
		} w;
		unsigned char words[RING_BYTES];
	} u;
	unsigned char before[RING_BYTES];
	unsigned char slots[RING_BYTES];
	unsigned char behind[RING_BYTES];
};

static struct shared *shared;
static int slots_too; /* the hostile end writes them as well */
static int over_s;    /* when a part ends */
static uint64_t steps, believed, broken;

static void fail(const char *what)
{
	(void)fprintf(stderr, "stress_hostile: %s\n", what);
	abort();
}

static uint64_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static int is_over(void)
{
	return now_s() >= (uint64_t)over_s;
}

/* ---- the hostile end ----------------------------------------------------- */

/* As the test has it: words of the producer, or of reader 0. */
static int scribbles_tx;

static void scribble(struct rng *rng)
{
	uint64_t near = sluice_load_relaxed(&shared->u.w.near);

	if (slots_too)
		shared->slots[rng_below(rng, RING_BYTES)] =
			(unsigned char)rng_u64(rng);
	if (!scribbles_tx) {
		sluice_store_relaxed(&shared->u.w.rx[0].acked,
				     rng_word(rng, near, CAPACITY + 2));
		sluice_store_relaxed(&shared->u.w.rx[0].granted,
				     rng_word(rng, near, 2 * CAPACITY));
		return;
	}
	sluice_store_relaxed(&shared->u.w.tx.published,
			     rng_below(rng, 8) > 0
				     ? near + rng_below(rng, CAPACITY + 1)
				     : rng_word(rng, near, CAPACITY + 2));
	sluice_store_relaxed(&shared->u.w.tx.closed,
			     rng_below(rng, 64) == 0 ? (uint32_t)rng_u64(rng)
						     : 0);
}

static void *hostile_main(void *arg)
{
	struct rng rng = *(struct rng *)arg;

	while (sluice_load_relaxed(&shared->u.w.over) == 0)
		scribble(&rng);
	return NULL;
}

/* ---- the honest ends ----------------------------------------------------- */

/* An event says where it lies, so that a reader can tell. */
static void event_fill(unsigned char *event, uint64_t position)
{
	memset(event, (int)(position & 0xff), SLOT_BYTES);
	memcpy(event, &position, sizeof(position));
}

static void check_writer(const struct sluice_spsc_writer *w, uint64_t acked,
			 uint64_t granted)
{
	if (granted - acked > CAPACITY || granted - w->reserved > CAPACITY)
		fail("credit beyond the ring");
	if (w->published - acked > CAPACITY)
		fail("finished beyond what was published");
}

static uint32_t write_some(struct sluice_spsc_writer *w, uint64_t credit,
			   struct rng *rng)
{
	unsigned char staged[RING_BYTES];
	uint32_t n = (uint32_t)(credit ? rng_below(rng, credit + 1) : 0);

	for (uint32_t i = 0; i < n; i++)
		event_fill(staged + i * SLOT_BYTES, w->reserved + i);
	sluice_spsc_write(w, staged, n);
	sluice_spsc_publish(w);
	sluice_store_relaxed(&shared->u.w.near, w->published);
	return n;
}

static void honest_writer(struct rng *rng)
{
	struct sluice_spsc_writer w;

	sluice_spsc_writer_attach(&w, &shared->u.w.tx, &shared->u.w.rx[0],
				  shared->slots, CAPACITY, SLOT_BYTES);
	while (!is_over())
		for (int i = 0; i < ROUND; i++, steps++) {
			uint64_t credit = sluice_spsc_refresh(&w);

			check_writer(&w, w.acked, w.granted);
			believed += write_some(&w, credit, rng) > 0;
		}
}

static void honest_reader(void)
{
	static const struct sluice_credit credit = {CAPACITY, CAPACITY - 1,
						    CAPACITY, 0};
	struct sluice_spsc_reader r;
	volatile unsigned char sink = 0;

	sluice_spsc_reader_attach(&r, &shared->u.w.tx, &shared->u.w.rx[0],
				  shared->slots, CAPACITY, SLOT_BYTES, &credit);
	while (!is_over())
		for (int i = 0; i < ROUND; i++, steps++) {
			const sluice_slot *first;
			uint32_t n = sluice_spsc_peek(&r, CAPACITY, &first);

			if (sluice_spsc_depth(&r) > CAPACITY)
				fail("more than a ring to read");
			if (n > 0 && slots_too)
				sink = (unsigned char)(sink ^ first[0] ^
						       first[n * SLOT_BYTES -
							     1]);
			believed += n > 0;
			(void)sluice_spsc_release(&r, n);
			sluice_store_relaxed(&shared->u.w.near, r.acked);
			if (n > 0 || sluice_spsc_ended(&r) == 0)
				continue;
			broken += (uint64_t)sluice_spsc_broken(&r);
			/* Another producer, another incarnation. */
			sluice_spsc_reader_attach(
				&r, &shared->u.w.tx, &shared->u.w.rx[0],
				shared->slots, CAPACITY, SLOT_BYTES, &credit);
		}
}

/* Reader 0 is hostile, reader 1 is honest and shares the thread. */
static void honest_reader_beside(struct rng *rng)
{
	static const struct sluice_credit credit = {CAPACITY, CAPACITY - 1,
						    CAPACITY, 0};
	const struct sluice_rx_words *rx[] = {&shared->u.w.rx[0],
					      &shared->u.w.rx[1]};
	struct sluice_broadcast_cursor cursors[2];
	struct sluice_broadcast_writer w;
	struct sluice_spsc_reader r;

	sluice_broadcast_writer_attach(&w, &shared->u.w.tx, cursors, rx, 2,
				       shared->slots, CAPACITY, SLOT_BYTES);
	sluice_spsc_reader_attach(&r, &shared->u.w.tx, &shared->u.w.rx[1],
				  shared->slots, CAPACITY, SLOT_BYTES, &credit);
	(void)sluice_spsc_release(&r, 0);
	while (!is_over())
		for (int i = 0; i < ROUND; i++, steps++) {
			uint64_t left = sluice_broadcast_refresh(&w);
			unsigned char event[SLOT_BYTES];
			const sluice_slot *first;
			uint32_t n;

			check_writer(&w.base, cursors[0].acked,
				     cursors[0].granted);
			check_writer(&w.base, cursors[1].acked,
				     cursors[1].granted);
			believed += write_some(&w.base, left, rng) > 0;
			n = sluice_spsc_peek(&r, CAPACITY, &first);
			for (uint32_t j = 0; j < n; j++) {
				event_fill(event, r.acked + j);
				if (memcmp(event, first + j * SLOT_BYTES,
					   SLOT_BYTES) != 0)
					fail("an honest reader was overrun");
			}
			(void)sluice_spsc_release(&r, n);
		}
	if (sluice_spsc_broken(&r))
		fail("an honest writer is not believed");
}

/* ---- both ---------------------------------------------------------------- */

enum part {
	PART_WRITER,
	PART_READER,
	PART_BESIDE,
	PARTS,
};

static const char *const part_names[PARTS] = {"writer, hostile reader",
					      "reader, hostile writer",
					      "readers, one of them hostile"};

static void shared_open(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED ||
	    mprotect(shared->before, RING_BYTES, PROT_NONE) < 0 ||
	    mprotect(shared->behind, RING_BYTES, PROT_NONE) < 0)
		fail("no memory");
}

static void honest(enum part part, struct rng *rng)
{
	switch (part) {
	case PART_WRITER:
		honest_writer(rng);
		break;
	case PART_READER:
		honest_reader();
		break;
	case PART_BESIDE:
	case PARTS:
		honest_reader_beside(rng);
		break;
	}
}

static void run_thread(enum part part, struct rng *rng)
{
	struct rng other = {rng_u64(rng)};
	pthread_t thread;

	if (pthread_create(&thread, NULL, hostile_main, &other) != 0)
		fail("no thread");
	honest(part, rng);
	sluice_store_relaxed(&shared->u.w.over, 1);
	(void)pthread_join(thread, NULL);
}

static void run_process(enum part part, struct rng *rng)
{
	struct rng other = {rng_u64(rng)};
	pid_t pid = fork();

	if (pid < 0)
		fail("no process");
	if (pid == 0)
		(void)hostile_main(&other);
	honest(part, rng);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	struct rng rng = rng_start("hostile");
	int process = argc == 3 && strcmp(argv[1], "process") == 0;

	if (argc != 3 || (!process && strcmp(argv[1], "thread") != 0)) {
		(void)fprintf(stderr,
			      "usage: stress_hostile thread|process SECONDS\n");
		return 2;
	}
	for (enum part part = 0; part < PARTS; part++) {
		steps = believed = broken = 0;
		shared_open();
		scribbles_tx = part == PART_READER;
		/* What an honest reader is sent, nobody else may write. */
		slots_too = process && part != PART_BESIDE;
		over_s = (int)now_s() + 1 + atoi(argv[2]);
		if (process)
			run_process(part, &rng);
		else
			run_thread(part, &rng);
		(void)printf("%s: %llu steps, %llu with events, %llu broken\n",
			     part_names[part], (unsigned long long)steps,
			     (unsigned long long)believed,
			     (unsigned long long)broken);
		if (believed == 0 || (scribbles_tx && broken == 0))
			fail("nothing was seen of the other end");
		(void)munmap(shared, sizeof(*shared));
	}
	return 0;
}
