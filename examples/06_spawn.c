/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 6: one task per event. Pages are fetched by tasks that may block, at
 * most eight at once; a page that fails is tried again, and one that always
 * fails is set aside without harm to the others. */
#include <sluice/sluice.h>
#include <sluice/stages/source.h>
#include <sluice/stages/spawn.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define PAGES    100u
#define POISON   42u
#define ATTEMPTS 3u

struct page {
	uint32_t number;
	uint32_t bytes;
};

/* What the tasks share: they run at the same time. */
struct totals {
	uint64_t bytes;
	uint64_t pages;
	uint64_t set_aside;
};

static int fetch(struct sluice_task *task, const void *event)
{
	struct totals *totals = sluice_task_ctx(task);
	const struct page *page = event;
	struct timespec latency = {0, 1000000};

	(void)nanosleep(&latency, NULL);
	if (page->number == POISON)
		return -1;
	/* Every seventh page works at the second attempt only. */
	if (page->number % 7 == 0 && sluice_task_attempt(task) == 1)
		return -1;
	(void)__atomic_fetch_add(&totals->bytes, page->bytes, __ATOMIC_RELAXED);
	(void)__atomic_fetch_add(&totals->pages, 1, __ATOMIC_RELAXED);
	return 0;
}

static void set_aside(void *ctx, const void *event, uint32_t attempts, int code)
{
	struct totals *totals = ctx;
	const struct page *page = event;

	printf("page %" PRIu32 " set aside after %" PRIu32 " attempts: %d\n",
	       page->number, attempts, code);
	(void)__atomic_fetch_add(&totals->set_aside, 1, __ATOMIC_RELAXED);
}

static int declare(struct sluice_pipeline *p, const struct page *pages,
		   struct totals *totals, struct sluice_spawn **fetcher)
{
	int rc = sluice_source_array_add(
		p, SLUICE_STAGE(.name = "pages", .out_bytes = sizeof(*pages)),
		pages, PAGES);

	if (rc == 0)
		rc = sluice_spawn_add(
			p,
			SLUICE_STAGE(.name = "fetcher",
				     .in_bytes = sizeof(*pages)),
			SLUICE_SPAWN(.task = fetch, .ctx = totals,
				     .max_demand = 8,
				     .min_demand = SLUICE_MIN_HALF,
				     .threads = 8,
				     .restart = SLUICE_TASK_TRANSIENT,
				     .attempts = ATTEMPTS, .retry_ms = 1,
				     .dead_letter = set_aside),
			fetcher);
	if (rc == 0)
		rc = sluice_spawn_subscribe(*fetcher, "pages",
					    SLUICE_ON_END_DEFAULT, NULL);
	return rc;
}

int main(void)
{
	struct sluice_spawn_stats stats = {0};
	struct sluice_spawn *fetcher = NULL;
	struct sluice_pipeline *p = NULL;
	struct page pages[PAGES];
	struct totals totals = {0};
	uint64_t expected = 0;
	int rc = sluice_pipeline_open(&p, NULL);

	for (uint32_t i = 0; i < PAGES; i++) {
		pages[i] = (struct page){.number = i, .bytes = 1000 + 13 * i};
		expected += i == POISON ? 0 : pages[i].bytes;
	}
	if (rc == 0)
		rc = declare(p, pages, &totals, &fetcher);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		fprintf(stderr, "06_spawn: %s\n", sluice_last_error());
	else
		sluice_spawn_stat(fetcher, &stats);
	sluice_pipeline_close(p);
	printf("%" PRIu64 " pages, %" PRIu64 " bytes, %" PRIu64
	       " attempts again, %" PRIu64 " set aside\n",
	       totals.pages, totals.bytes, stats.retried, totals.set_aside);
	if (rc == 0 && totals.pages == PAGES - 1 && totals.bytes == expected &&
	    totals.set_aside == 1 && stats.done == PAGES)
		return 0;
	fprintf(stderr, "06_spawn: %u pages and %" PRIu64 " bytes expected\n",
		PAGES - 1, expected);
	return 1;
}
