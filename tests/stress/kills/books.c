/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/stress/kills/kills.h"

static uint32_t wrong(const char *what, uint64_t n, uint64_t most)
{
	if (n <= most)
		return 0;
	(void)printf("  %s: %llu\n", what, (unsigned long long)n);
	return 1;
}

uint32_t books_check(void)
{
	uint64_t lost = 0;
	uint64_t again = 0;
	uint64_t unanswered = 0;
	uint64_t answers = 0; /* that were not the first */
	uint64_t events = 0;
	uint32_t bad = 0;
	uint32_t labelled = 0;

	for (uint32_t f = 0; f < FEEDERS; f++) {
		uint32_t taken = sluice_load_acquire(&books->taken[f]);

		lost += sluice_load_acquire(&books->sent[f]) > taken;
		events += taken;
		for (uint32_t i = 0; i < taken; i++) {
			uint32_t times =
				sluice_load_acquire(&books->effect[f][i]);

			lost += times == 0;
			again += times > 0 ? times - 1 : 0;
			times = sluice_load_acquire(&books->result[f][i]);
			unanswered += times == 0 && part->workers;
			answers += times > 0 ? times - 1 : 0;
		}
	}
	for (uint32_t i = 0; i < POINTS; i++)
		labelled += sluice_load_acquire(&books->died[i]);
	(void)printf(
		"%s: %u kills, %u of them at points; %llu events, %llu "
		"twice of %llu in hand; longest pause %llu ms; %u while one "
		"was stopped\n",
		part->name, run.kills, labelled, (unsigned long long)events,
		(unsigned long long)again, (unsigned long long)run.allowed,
		(unsigned long long)(run.pause_ns / NS_PER_MS), run.stopped);
	bad += wrong("lost", lost, 0);
	bad += wrong("without a result", unanswered, 0);
	bad += wrong("results twice, and nobody had them in hand", answers,
		     part->ordered ? 0 : run.allowed);
	bad += wrong("seen twice, and nobody had them in hand", again,
		     run.allowed);
	bad += wrong("twice to a reader, and not in hand",
		     sluice_load_acquire(&books->twice_beside), run.allowed);
	bad += wrong("gaps", sluice_load_acquire(&books->gaps), 0);
	bad += wrong("torn", sluice_load_acquire(&books->torn), 0);
	bad += wrong("not marked", sluice_load_acquire(&books->unmarked), 0);
	bad += wrong("out of order", sluice_load_acquire(&books->disorder), 0);
	bad += wrong("wrong accounts", sluice_load_acquire(&books->accounts),
		     0);
	return bad;
}
