/* SPDX-License-Identifier: Apache-2.0 */
/* Links that are memory and nothing else: two rings, and the cache line that is the
 * floor of all of them. Both ends look again after one pause. */
#include "bench/rivals/process_link.h"

#include <errno.h>
#include <sys/wait.h>

/* Misses between two looks at the other process. */
#define MISSES_PER_LOOK (UINT64_C(1) << 20)

/* Has the other process died? Then nothing will come any more. */
static __attribute__((noinline)) int memory_over(struct process_end *end)
{
	siginfo_t info = {.si_pid = 0};

	if (end->code == 0 && end->other > 0 &&
	    waitid(P_PID, (id_t)end->other, &info,
		   WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid != 0) {
		/* What it did last may have come meanwhile: one look more. */
		if (end->late)
			end->code = -EPIPE;
		end->late = 1;
	}
	return end->code != 0;
}

/* One that has failed does not wait again. */
RING_INLINE uint64_t memory_first(const struct process_end *end)
{
	return end->code == 0 ? 0 : MISSES_PER_LOOK - 1;
}

/* Between two looks; @misses is a register's: a store here makes a trip a fourth
 * longer. */
RING_INLINE int memory_miss(struct process_end *end, uint64_t *misses)
{
	bench_pause();
	return SLUICE_UNLIKELY(++*misses % MISSES_PER_LOOK == 0) &&
	       memory_over(end);
}

/* ---- a ring ------------------------------------------------------------------ */

void process_ring_writer(struct process_end *end, struct process_memory *memory,
			 uint32_t back)
{
	struct process_ring *ring = &memory->ring[back];

	sluice_spsc_writer_attach(&end->writer, &ring->tx, &ring->rx,
				  (unsigned char *)ring->slots, RING_CAPACITY,
				  8);
}

int process_ring_reader(struct process_end *end, struct process_memory *memory,
			uint32_t back)
{
	struct process_ring *ring = &memory->ring[back];
	struct sluice_credit credit;
	int rc = sluice_credit_init(&credit, RING_CAPACITY, 0, 0);

	if (rc < 0)
		return rc;
	sluice_spsc_reader_attach(&end->reader, &ring->tx, &ring->rx,
				  (unsigned char *)ring->slots, RING_CAPACITY,
				  8, &credit);
	(void)sluice_spsc_release(&end->reader, 0);
	return 0;
}

RING_INLINE int ring_put(void *of, uint64_t value)
{
	struct process_end *end = of;
	unsigned char *slot;
	uint64_t misses = memory_first(end);

	while (sluice_spsc_reserve(&end->writer, 1, &slot) == 0)
		if (memory_miss(end, &misses))
			return 1;
	__builtin_memcpy(slot, &value, sizeof(value));
	sluice_spsc_commit(&end->writer, 1);
	return 1;
}

RING_INLINE int ring_take(void *of, uint64_t *value)
{
	struct process_end *end = of;
	const unsigned char *slot;
	uint64_t misses = memory_first(end);

	while (sluice_spsc_peek(&end->reader, 1, &slot) == 0)
		if (memory_miss(end, &misses))
			return 1;
	__builtin_memcpy(value, slot, sizeof(*value));
	(void)sluice_spsc_release(&end->reader, 1);
	return 1;
}

void process_ring_ping(void *trip)
{
	ring_ping(trip, ring_put, ring_take);
}

void process_ring_pong(void *trip)
{
	ring_pong(trip, ring_put, ring_take);
}

/* ---- a line ------------------------------------------------------------------- */

/* The line is odd on its way there, even on its way back, and half of it is the
 * value; both directions are one end. */
RING_INLINE int line_put(void *of, uint64_t value)
{
	struct process_end *end = of;

	(void)value;
	__atomic_store_n(end->line, ++end->turn, __ATOMIC_RELEASE);
	return 1;
}

RING_INLINE int line_take(void *of, uint64_t *value)
{
	struct process_end *end = of;
	uint64_t misses = memory_first(end);

	while (__atomic_load_n(end->line, __ATOMIC_ACQUIRE) != end->turn + 1)
		if (memory_miss(end, &misses))
			return 1;
	end->turn++;
	*value = end->turn / 2;
	return 1;
}

void process_line_ping(void *trip)
{
	ring_ping(trip, line_put, line_take);
}

void process_line_pong(void *trip)
{
	ring_pong(trip, line_put, line_take);
}
