/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/mpmc.h: producers and consumers that claim in batches, a ring of two
 * slots and more events than that, so that every slot is used again.
 *
 * What must hold under every schedule: no slot access without an edge, every
 * event popped once by one consumer, each producer's events in order at each
 * consumer, and the end of the stream behind the last event.
 */
#include "model.h"
#include "ring/mpmc.h"

static const uint32_t CAPACITY = 2;
/* One more than there can be, so that a claim must stop by itself. */
static const uint32_t BATCH = CAPACITY + 1;
static const uint32_t CLOSED = SLUICE_CLOSED(SLUICE_REASON_NORMAL, 7);

/* How many at a time. A search that tries every schedule has no time for every
 * choice too. */
enum batches { BATCHES_RANDOM, BATCHES_WHOLE };

template <uint32_t producers, uint32_t consumers, uint32_t total,
	  enum batches batches>
struct mpmc : rl::test_suite<mpmc<producers, consumers, total, batches>,
			     producers + consumers>
{
	struct sluice_mpmc_words words;
	sluice_a64 sequences[CAPACITY];
	sluice_slot slots[CAPACITY];
	struct sluice_mpmc ring;
	sluice_a32 finished; /* producers */
	uint64_t start;
	/* Plain memory: relacy switches threads only at an access to a word. */
	uint32_t popped[producers * total];

	/* In [1, most]. */
	static uint32_t batch(uint32_t most)
	{
		return batches == BATCHES_WHOLE ? most : 1 + rl::rand(most);
	}

	void before()
	{
		/* From the beginning, or over the wrap of positions. */
		start = 0 - (uint64_t)(batch(2) - 1);
		ring.words = &words;
		ring.sequences = sequences;
		ring.slots = slots;
		ring.capacity = CAPACITY;
		ring.slot_bytes = 1;
		sluice_mpmc_clear(&ring, start);
		for (uint32_t i = 0; i < producers * total; i++)
			popped[i] = 0;
	}

	void after()
	{
		for (uint32_t i = 0; i < producers * total; i++)
			RL_ASSERT(popped[i] == 1);
		RL_ASSERT(sluice_mpmc_depth(&ring) == 0);
		RL_ASSERT(sluice_mpmc_room(&ring) == CAPACITY);
	}

	void thread(unsigned index)
	{
		if (index < producers)
			produce(index);
		else
			consume();
	}

	void produce(uint32_t index)
	{
		sluice_private events[BATCH];
		uint32_t done = 0;

		while (done < total) {
			uint32_t left = total - done;
			uint32_t n = 1 + rl::rand(left < BATCH ? left : BATCH);
			uint32_t pushed;

			for (uint32_t i = 0; i < n; i++)
				events[i] = index * total + done + i;
			pushed = sluice_mpmc_push(&ring, events, n);
			RL_ASSERT(pushed <= n && pushed <= CAPACITY);
			done += pushed;
			if (pushed == 0)
				rl::yield(1, RL_INFO);
		}
		if (sluice_fetch_add(&finished, 1) == producers - 1)
			sluice_mpmc_close(&ring, CLOSED);
	}

	void take(uint32_t event, uint32_t * next)
	{
		uint32_t index = event / total;

		RL_ASSERT(event < producers * total);
		RL_ASSERT(event % total >= next[index]);
		next[index] = event % total + 1;
		RL_ASSERT(popped[event]++ == 0);
	}

	void consume()
	{
		uint32_t closed = SLUICE_REASON_OPEN;
		sluice_private events[BATCH];
		uint32_t next[producers] = {};

		while (closed == SLUICE_REASON_OPEN) {
			uint32_t n =
				sluice_mpmc_pop(&ring, events, batch(BATCH));

			RL_ASSERT(n <= CAPACITY);
			for (uint32_t i = 0; i < n; i++)
				take(events[i], next);
			if (n != 0)
				continue;
			RL_ASSERT(sluice_mpmc_depth(&ring) <= CAPACITY);
			closed = sluice_mpmc_closed(&ring);
			rl::yield(1, RL_INFO);
		}
		RL_ASSERT(closed == CLOSED);
		/* Others may still hold theirs; none is left in the ring. */
		RL_ASSERT(sluice_mpmc_pop(&ring, events, 1) == 0);
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 60000);

	model_random<mpmc<2, 2, 3, BATCHES_RANDOM>>("mpmc, 2 + 2", range);
	model_random<mpmc<1, 2, 5, BATCHES_RANDOM>>("mpmc, 1 + 2", range);
	model_bounded<mpmc<1, 2, 3, BATCHES_WHOLE>>("mpmc, 1 + 2", 1);
	model_bounded<mpmc<2, 2, 1, BATCHES_WHOLE>>("mpmc, 2 + 2", 1);
	return 0;
}
