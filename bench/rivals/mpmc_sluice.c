/* SPDX-License-Identifier: Apache-2.0 */
/* Ours for many producers and consumers: batches in and out by one claim. */
#include "bench/rivals/mpmc.h"
#include "ring/mpmc.h"

#include <stdlib.h>

struct many_ring {
	struct sluice_mpmc ring;
	void *memory;
};

static void many_close(void *ring)
{
	struct many_ring *many = ring;

	free(many->memory);
	free(many);
}

static void *many_open(const struct mpmc_link *link)
{
	uint64_t bytes = sluice_mpmc_footprint(RING_CAPACITY, 8);
	struct many_ring *many = bench_memory(sizeof(*many));

	(void)link;
	if (many == NULL)
		return NULL;
	many->memory = bench_memory(bytes);
	if (many->memory == NULL ||
	    sluice_mpmc_format(many->memory, bytes, RING_CAPACITY, 8) < 0 ||
	    sluice_mpmc_attach(&many->ring, many->memory, bytes) < 0) {
		many_close(many);
		return NULL;
	}
	return many;
}

static uint32_t many_put(void *ring, const uint64_t *events, uint32_t n)
{
	const struct many_ring *many = ring;

	return sluice_mpmc_push(&many->ring, (const unsigned char *)events, n);
}

static uint32_t many_take(void *ring, uint64_t *events, uint32_t n)
{
	const struct many_ring *many = ring;

	return sluice_mpmc_pop(&many->ring, (unsigned char *)events, n);
}

static void many_produce(void *end)
{
	struct mpmc_end *self = end;

	mpmc_produce(self, self->link->ring, many_put);
}

static void many_consume(void *end)
{
	struct mpmc_end *self = end;

	mpmc_consume(self, self->link->ring, many_take);
}

const struct mpmc_rival mpmc_sluice = {
	"mpmc", "sluice", many_open, many_close, many_produce, many_consume,
};
