/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lesson 3: 12 consumers per CPU, and they cost nothing: stages are polled, so 24
 * of them on 2 CPUs are 24 calls in two loops and no context switch.
 *
 *     03_many_consumers [SECONDS [CONSUMERS_PER_CPU]]
 *
 * Shows events/s of every stage while it runs, and what the counter spent its time
 * on, then checks that no event was lost or doubled: their number, their sum, and
 * the sum of a hash of each.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONSUMERS_MAX 4096
#define TICK_MS       250

/* What one stage has seen; aligned so that no two share a cache line. */
struct tally {
	uint64_t count;
	uint64_t sum;
	uint64_t hash;
} __attribute__((aligned(128)));

struct lesson {
	struct sluice_pipeline *pipeline;
	struct tally counter;
	struct tally *consumers;
	uint32_t consumer_count;
};

/* The finaliser of MurmurHash3: equal sums of it mean equal sets of events. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static void tally_add(struct tally *tally, const uint64_t *events, uint32_t n)
{
	uint64_t sum = 0;
	uint64_t hash = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += events[i];
		hash += mix(events[i]);
	}
	tally->count += n;
	tally->sum += sum;
	tally->hash += hash;
}

static int count(struct sluice_stage *self, uint32_t demand)
{
	struct tally *tally = sluice_stage_state(self);
	uint64_t *out = sluice_emit(self, demand);

	for (uint32_t i = 0; i < demand; i++)
		out[i] = tally->count + i;
	tally_add(tally, out, demand);
	return SLUICE_OK;
}

static int consume(struct sluice_stage *self, const struct sluice_batch *batch)
{
	tally_add(sluice_stage_state(self), SLUICE_EVENTS(batch, uint64_t),
		  batch->count);
	return SLUICE_OK;
}

static void consumer_name(char *name, size_t bytes, uint32_t i)
{
	(void)snprintf(name, bytes, "consumer-%u", i);
}

static int declare(struct lesson *lesson)
{
	struct sluice_pipeline *p = lesson->pipeline;
	int rc = sluice_stage_add(p, SLUICE_STAGE(.name = "counter",
						  .kind = SLUICE_PRODUCER,
						  .out_bytes = sizeof(uint64_t),
						  .handle_demand = count,
						  .state = &lesson->counter));

	for (uint32_t i = 0; rc == 0 && i < lesson->consumer_count; i++) {
		char name[SLUICE_NAME_BYTES];

		consumer_name(name, sizeof(name), i);
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(uint64_t),
					.handle_events = consume,
					.state = &lesson->consumers[i]));
		if (rc == 0)
			rc = sluice_subscribe(p, name, "counter", NULL);
	}
	return rc;
}

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Millions of events per second of one stage: row @i of both. */
static double rate(const struct sluice_rates *rates, uint32_t i)
{
	const struct sluice_stage_rates *stage = rates->stages[i];

	return (stage->events_in_per_s + stage->events_out_per_s) / 1e6;
}

static int live_line(const struct sluice_snapshot *before,
		     const struct sluice_snapshot *after, int tty)
{
	struct sluice_rates *rates = NULL;
	int rc = sluice_snapshot_rates(before, after, &rates);

	if (rc < 0)
		return rc;
	(void)fprintf(stderr, "%sM events/s:", tty ? "\r\033[K" : "");
	for (uint32_t i = 0; i < after->stage_count; i++)
		if (after->stages[i]->kind == SLUICE_PRODUCER)
			(void)fprintf(stderr, " %s %.1f | consumers",
				      after->stages[i]->name, rate(rates, i));
		else
			(void)fprintf(stderr, " %.1f", rate(rates, i));
	(void)fprintf(stderr, "%s", tty ? "" : "\n");
	(void)fflush(stderr);
	sluice_rates_close(rates);
	return 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* What it spent its time on, all in all; "out of credit" means that its consumers
 * had no room, and who has least of it is named if that is so just now. */
static void time_line(const struct sluice_snapshot *now, const char *name)
{
	const struct sluice_stage_snapshot *stage =
		sluice_snapshot_stage(now, name);
	const struct sluice_times *t;

	if (stage == NULL)
		return;
	t = &stage->time;
	(void)fprintf(stderr,
		      "%s: %.0f %% of its time at work, %.0f %% idle, %.0f %% "
		      "out of credit, %.0f %% blocked",
		      name, percent(t->working_ns, t->lived_ns),
		      percent(t->idle_ns, t->lived_ns),
		      percent(t->no_credit_ns, t->lived_ns),
		      percent(t->blocked_ns, t->lived_ns));
	if (stage->held_up_by[0] != '\0')
		(void)fprintf(stderr, "; '%s' holds it up", stage->held_up_by);
	(void)fputc('\n', stderr);
}

static int watch(struct lesson *lesson, double seconds)
{
	int tty = isatty(STDERR_FILENO);
	double start = now_s();
	double next = start;
	struct sluice_snapshot *before = NULL;
	int rc = sluice_pipeline_stat(lesson->pipeline, &before);

	while (rc == 0 && next - start < seconds) {
		double tick = tty ? TICK_MS / 1e3 : 1.0;
		double left = seconds - (next - start);
		double nap = left < tick ? left : tick;
		struct timespec time = {
			.tv_sec = (time_t)nap,
			.tv_nsec = (long)((nap - (double)(time_t)nap) * 1e9),
		};
		struct sluice_snapshot *after = NULL;

		(void)nanosleep(&time, NULL);
		next = now_s();
		rc = sluice_pipeline_stat(lesson->pipeline, &after);
		if (rc == 0)
			rc = live_line(before, after, tty);
		sluice_snapshot_close(before);
		before = after;
	}
	if (tty)
		(void)fputc('\n', stderr);
	time_line(before, "counter");
	sluice_snapshot_close(before);
	return rc;
}

static int verdict(const struct lesson *lesson)
{
	const struct tally *made = &lesson->counter;
	struct tally got = {0};
	int ok;

	for (uint32_t i = 0; i < lesson->consumer_count; i++) {
		got.count += lesson->consumers[i].count;
		got.sum += lesson->consumers[i].sum;
		got.hash += lesson->consumers[i].hash;
	}
	ok = got.count == made->count && got.sum == made->sum &&
	     got.hash == made->hash && made->count > 0;
	(void)printf("%" PRIu64 " events made, %" PRIu64 " handled by %u "
		     "consumers; sum %s, hash %s: %s\n",
		     made->count, got.count, lesson->consumer_count,
		     got.sum == made->sum ? "equal" : "DIFFERS",
		     got.hash == made->hash ? "equal" : "DIFFERS",
		     ok ? "none lost, none doubled" : "LOST OR DOUBLED");
	return ok ? 0 : 1;
}

static int run(struct lesson *lesson, double seconds)
{
	int rc = sluice_pipeline_open(&lesson->pipeline, NULL);

	if (rc == 0)
		rc = declare(lesson);
	if (rc == 0)
		rc = sluice_pipeline_start(lesson->pipeline);
	if (rc == 0)
		rc = watch(lesson, seconds);
	if (rc == 0)
		rc = sluice_pipeline_drain(lesson->pipeline, 60000);
	if (rc < 0)
		(void)fprintf(stderr, "03_many_consumers: %s\n",
			      sluice_last_error());
	sluice_pipeline_close(lesson->pipeline);
	return rc < 0 ? 1 : verdict(lesson);
}

static uint32_t cpu_count(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	return sched_getaffinity(0, sizeof(set), &set) == 0
		       ? (uint32_t)CPU_COUNT(&set)
		       : 1;
}

static void usage(const char *why)
{
	(void)fprintf(
		stderr,
		"03_many_consumers: %s\n"
		"usage: 03_many_consumers [SECONDS [CONSUMERS_PER_CPU]]\n",
		why);
	exit(2);
}

static double seconds_of(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0.1 && value <= 3600))
		usage("SECONDS is a number in [0.1, 3600]");
	return value;
}

static uint32_t per_cpu_of(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < 1 || value > 128)
		usage("CONSUMERS_PER_CPU is a whole number in [1, 128]");
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? seconds_of(argv[1]) : 3;
	uint32_t per_cpu = argc > 2 ? per_cpu_of(argv[2]) : 12;
	struct lesson lesson = {0};
	int rc;

	if (argc > 3)
		usage("too many arguments");
	lesson.consumer_count = cpu_count() * per_cpu;
	if (lesson.consumer_count > CONSUMERS_MAX)
		lesson.consumer_count = CONSUMERS_MAX;
	lesson.consumers = aligned_alloc(128, lesson.consumer_count *
						      sizeof(struct tally));
	if (lesson.consumers == NULL)
		return 1;
	memset(lesson.consumers, 0,
	       lesson.consumer_count * sizeof(struct tally));
	rc = run(&lesson, seconds);
	free(lesson.consumers);
	return rc;
}
