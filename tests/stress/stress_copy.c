/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to write payload (ring/copier.h), between two threads of a real machine.
 *
 *   stress_copy [events]
 *
 * A writer that bypasses the cache owes a fence before it publishes. The model checker
 * plays that by its rules; here the machine itself does. Each event is eight words,
 * all of them its number, so a reader sees at once what was not there yet. The ring is
 * small, so each slot still holds the event of the round before.
 *
 * Prints a line per method. Exits with 1 when an event is torn, old or missing, with 2
 * when it was called wrongly.
 */
#include "ring/spsc.h"
#include "ring/wait.h"
#include "tests/support/rng.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

#define EVENTS_DEFAULT UINT64_C(20000000)
#define CAPACITY       256u
#define SPAN_LEAST     8u /* 512 bytes: fewer are written plainly */
#define SPAN_MOST      64u
#define WORDS          8u

struct event {
	uint64_t word[WORDS];
};

static struct sluice_tx_words tx;
static struct sluice_rx_words rx;
static struct event slots[CAPACITY] __attribute__((aligned(64)));
static uint64_t events;
static uint32_t method;

static void *produce(void *arg)
{
	struct event staged[SPAN_MOST];
	struct sluice_spsc_writer w;
	struct sluice_copier copier;
	struct rng *rng = arg;
	uint64_t next = 0;

	sluice_spsc_writer_attach(&w, &tx, &rx, (sluice_slot *)slots, CAPACITY,
				  sizeof(struct event));
	if (sluice_copier_init(&copier, method) < 0)
		abort();
	w.copier = &copier;
	while (next < events) {
		uint32_t n = rng_between(rng, SPAN_LEAST, SPAN_MOST);

		if (events - next < n)
			n = (uint32_t)(events - next);
		if (sluice_spsc_credit(&w) < n && sluice_spsc_refresh(&w) < n) {
			(void)sched_yield();
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < WORDS; k++)
				staged[i].word[k] = next + i;
		sluice_spsc_write(&w, (const sluice_private *)staged, n);
		sluice_spsc_publish(&w);
		next += n;
	}
	sluice_spsc_close(&w, SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
	return NULL;
}

/* Returns how many events were not what they should be. */
static uint64_t consume(void)
{
	const struct sluice_credit credit = {CAPACITY, CAPACITY - 16, CAPACITY,
					     0};
	struct sluice_spsc_reader r;
	const sluice_slot *first;
	uint64_t next = 0;
	uint64_t wrong = 0;

	sluice_spsc_reader_attach(&r, &tx, &rx, (sluice_slot *)slots, CAPACITY,
				  sizeof(struct event), &credit);
	(void)sluice_spsc_release(&r, 0);
	for (;;) {
		uint32_t n = sluice_spsc_peek(&r, CAPACITY, &first);
		const struct event *event = (const void *)first;

		if (n == 0 && sluice_spsc_ended(&r) != SLUICE_REASON_OPEN)
			return wrong + (events - next);
		for (uint32_t i = 0; i < n; i++, next++) {
			uint32_t same = 0;

			for (uint32_t k = 0; k < WORDS; k++)
				same += event[i].word[k] == next;
			wrong += same != WORDS;
		}
		if (n > 0)
			(void)sluice_spsc_release(&r, n);
	}
}

static uint64_t run(struct rng *rng)
{
	pthread_t thread;
	uint64_t wrong;

	memset(&tx, 0, sizeof(tx));
	memset(&rx, 0, sizeof(rx));
	memset(slots, 0xff, sizeof(slots));
	if (pthread_create(&thread, NULL, produce, rng) != 0)
		abort();
	wrong = consume();
	(void)pthread_join(thread, NULL);
	(void)printf("%s: %" PRIu64 " events, %" PRIu64 " wrong\n",
		     sluice_copy_name(method), events, wrong);
	return wrong;
}

int main(int argc, char **argv)
{
	struct rng rng = rng_start("stress_copy");
	uint64_t wrong = 0;

	events = argc > 1 ? strtoull(argv[1], NULL, 10) : EVENTS_DEFAULT;
	if (argc > 2 || events == 0) {
		(void)fprintf(stderr, "usage: stress_copy [events]\n");
		return 2;
	}
	for (method = SLUICE_COPY_AUTO; method < SLUICE_COPY_METHODS; method++)
		if (method == SLUICE_COPY_AUTO ||
		    sluice_copy_methods() & 1u << method)
			wrong += run(&rng);
	return wrong != 0;
}
