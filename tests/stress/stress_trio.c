/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every event exactly once: N numbered events through each dispatcher with 1, 2
 * and 12 consumers per CPU.
 *
 *   stress_trio [events [dispatcher]]
 *
 * Demand and partition deliver each event to one consumer, broadcast to every
 * one. Each consumer counts its events, adds them up, and adds up a 64-bit mix
 * of each: two events swapped for two others of the same sum would pass the
 * second, not the third. Order is checked as they come: on one subscription
 * numbers rise; under broadcast, and with one consumer, by one.
 *
 * Prints a line per case. Exits with 1 when anything is missing, doubled or out
 * of order, with 2 when it was called wrongly.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "sluice.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENTS_DEFAULT UINT64_C(100000000)
#define PER_CPU        12u
#define CONSUMERS_MAX  256u /* as many as partition has key groups */

/* A consumer's books: private to its stage, so on lines of their own. */
struct books {
	uint64_t events;
	uint64_t sum;
	uint64_t mix;
	uint64_t next; /* one above the last event */
	uint64_t disorder;
	uint64_t gaps;
} __attribute__((aligned(128)));

struct source {
	uint64_t next;
	uint64_t end;
};

static struct books books[CONSUMERS_MAX];

/* The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int count(struct sluice_stage *self, uint32_t demand)
{
	struct source *source = sluice_stage_state(self);
	uint64_t left = source->end - source->next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	uint64_t *events = sluice_emit(self, n);

	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = source->next++;
	return source->next == source->end ? SLUICE_END : SLUICE_OK;
}

static int keep(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct books *own = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	struct books b = *own;

	for (uint32_t i = 0; i < batch->count; i++) {
		b.disorder += events[i] < b.next;
		b.gaps += events[i] != b.next;
		b.next = events[i] + 1;
		b.sum += events[i];
		b.mix += mix(events[i]);
	}
	b.events += batch->count;
	*own = b;
	return SLUICE_OK;
}

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint32_t cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

/* What the books must add up to. */
static struct books expected(uint64_t n)
{
	static struct books last; /* the same N, case after case */

	if (last.events != n) {
		last = (struct books){.events = n};
		for (uint64_t i = 0; i < n; i++) {
			last.sum += i;
			last.mix += mix(i);
		}
	}
	return last;
}

/* Returns 0, or 1 after saying what is wrong. */
static int check(const char *who, const struct books *b, uint64_t copies,
		 const struct books *want)
{
	if (b->events == copies * want->events &&
	    b->sum == copies * want->sum && b->mix == copies * want->mix)
		return 0;
	(void)fprintf(stderr,
		      "%s: %" PRIu64 " events, sum %" PRIu64 ", mix %" PRIx64
		      "; wanted %" PRIu64 ", %" PRIu64 ", %" PRIx64 "\n",
		      who, b->events, b->sum, b->mix, copies * want->events,
		      copies * want->sum, copies * want->mix);
	return 1;
}

static int check_all(const char *dispatcher, uint32_t consumers, uint64_t n)
{
	const struct books want = expected(n);
	int to_all = strcmp(dispatcher, "broadcast") == 0;
	struct books total = {0};
	char who[64];
	int wrong = 0;

	for (uint32_t i = 0; i < consumers; i++) {
		const struct books *b = &books[i];

		(void)snprintf(who, sizeof(who), "%s consumer %u", dispatcher,
			       i);
		if (to_all)
			wrong |= check(who, b, 1, &want);
		if (b->disorder || ((to_all || consumers == 1) && b->gaps)) {
			(void)fprintf(stderr,
				      "%s: %" PRIu64 " steps back, %" PRIu64
				      " gaps\n",
				      who, b->disorder, b->gaps);
			wrong = 1;
		}
		total.events += b->events;
		total.sum += b->sum;
		total.mix += b->mix;
	}
	return wrong | check(dispatcher, &total, to_all ? consumers : 1, &want);
}

static int declare(struct sluice_pipeline *p, const char *dispatcher,
		   uint32_t consumers, struct source *source)
{
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				.out_bytes = 8, .dispatcher = dispatcher,
				.handle_demand = count, .state = source));

	for (uint32_t i = 0; rc == 0 && i < consumers; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "c%u", i);
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					.in_bytes = 8, .handle_events = keep,
					.state = &books[i]));
		if (rc == 0)
			rc = sluice_subscribe(p, name, "source", NULL);
	}
	return rc;
}

static int run_case(const char *dispatcher, uint32_t consumers, uint64_t n)
{
	struct source source = {.end = n};
	struct sluice_pipeline *p = NULL;
	double start;
	double took;
	int rc;

	memset(books, 0, sizeof(books));
	rc = sluice_pipeline_open(&p, NULL);
	if (rc == 0)
		rc = declare(p, dispatcher, consumers, &source);
	start = seconds();
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	took = seconds() - start;
	if (rc < 0) {
		(void)fprintf(stderr, "%s: %s\n", dispatcher,
			      sluice_last_error());
		sluice_pipeline_close(p);
		return 1;
	}
	sluice_pipeline_close(p);
	(void)printf("%-10s %4u consumers %10" PRIu64
		     " events %8.2f s %8.1f M events/s\n",
		     dispatcher, consumers, n, took, (double)n / took * 1e-6);
	(void)fflush(stdout);
	return check_all(dispatcher, consumers, n);
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"demand", "broadcast", "partition"};
	const char *only = argc > 2 ? argv[2] : NULL;
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : EVENTS_DEFAULT;
	uint32_t many = PER_CPU * cpus();
	int cases = 0;
	int wrong = 0;

	if (many > CONSUMERS_MAX)
		many = CONSUMERS_MAX;
	for (size_t i = 0; n > 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		if (only != NULL && strcmp(only, names[i]) != 0)
			continue;
		wrong |= run_case(names[i], 1, n);
		wrong |= run_case(names[i], 2, n);
		wrong |= run_case(names[i], many, n);
		cases += 3;
	}
	if (cases > 0)
		return wrong;
	(void)fprintf(stderr,
		      "usage: %s [events [demand | broadcast | partition]]\n",
		      argv[0]);
	return 2;
}
