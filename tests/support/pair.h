/* SPDX-License-Identifier: Apache-2.0 */
/* A ring in private memory with both its ends, for tests on one thread. */
#ifndef SLUICE_TESTS_SUPPORT_PAIR_H
#define SLUICE_TESTS_SUPPORT_PAIR_H

#include "ring/spsc.h"
#include "tests/support/unit.h"

#include <stdlib.h>

/* Bytes before and behind the slots that nobody may touch. */
#define PAIR_GUARD_BYTES 128
#define PAIR_GUARD       0xa5

struct pair {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	unsigned char *memory;
	unsigned char *slots;
	size_t slots_bytes;
	struct sluice_spsc_writer w;
	struct sluice_spsc_reader r;
};

/* A position stored in a shared word, as the other side would see it. */
static inline void pair_store(sluice_a64 *word, uint64_t value)
{
	sluice_store_release(word, value);
}

static inline uint64_t pair_load(const sluice_a64 *word)
{
	return sluice_load_acquire(word);
}

/* The byte at @j of the event at position @pos: events fewer than 256 positions
 * apart differ. */
static inline unsigned char pair_byte(uint64_t pos, size_t j)
{
	return (unsigned char)(pos + 31 * j);
}

static inline void pair_fill(unsigned char *event, uint64_t pos, size_t bytes)
{
	for (size_t j = 0; j < bytes; j++)
		event[j] = pair_byte(pos, j);
}

/* The first byte of @event that is not that of @pos, else @bytes. */
static inline size_t pair_differs(const unsigned char *event, uint64_t pos,
				  size_t bytes)
{
	size_t j = 0;

	while (j < bytes && event[j] == pair_byte(pos, j))
		j++;
	return j;
}

static inline unsigned char *pair_slots(size_t slots_bytes)
{
	unsigned char *memory = malloc(slots_bytes + 2 * PAIR_GUARD_BYTES);

	assert_non_null(memory);
	memset(memory, PAIR_GUARD, slots_bytes + 2 * PAIR_GUARD_BYTES);
	memset(memory + PAIR_GUARD_BYTES, 0, slots_bytes);
	return memory;
}

static inline void pair_check_guards(const unsigned char *memory,
				     size_t slots_bytes)
{
	const unsigned char *behind = memory + PAIR_GUARD_BYTES + slots_bytes;

	for (size_t i = 0; i < PAIR_GUARD_BYTES; i++) {
		assert_int_equal(memory[i], PAIR_GUARD);
		assert_int_equal(behind[i], PAIR_GUARD);
	}
}

/* Open a ring whose words all stand at @start. */
static inline void pair_open(struct pair *p, uint32_t capacity,
			     uint32_t slot_bytes, uint64_t start,
			     const struct sluice_credit *credit)
{
	memset(p, 0, sizeof(*p));
	p->slots_bytes = (size_t)sluice_spsc_slots_bytes(capacity, slot_bytes);
	p->memory = pair_slots(p->slots_bytes);
	p->slots = p->memory + PAIR_GUARD_BYTES;
	pair_store(&p->tx.published, start);
	pair_store(&p->rx.granted, start);
	pair_store(&p->rx.acked, start);
	sluice_spsc_writer_attach(&p->w, &p->tx, &p->rx, p->slots, capacity,
				  slot_bytes);
	sluice_spsc_reader_attach(&p->r, &p->tx, &p->rx, p->slots, capacity,
				  slot_bytes, credit);
}

static inline void pair_close(struct pair *p)
{
	pair_check_guards(p->memory, p->slots_bytes);
	free(p->memory);
	memset(p, 0, sizeof(*p));
}

/* A policy that is expected to be accepted. */
static inline struct sluice_credit pair_credit(uint32_t max, int32_t min,
					       uint32_t refill)
{
	struct sluice_credit credit = {0};

	assert_int_equal(sluice_credit_init(&credit, max, min, refill), 0);
	return credit;
}

/* Events hold the contents of their position. The checks are cmocka's: on the
 * main thread only. */

/* Write @n events through a copy; the caller knows that there is credit. */
static inline void pair_put(struct pair *p, uint32_t n)
{
	size_t bytes = (size_t)p->w.slot_bytes;
	unsigned char *staged = malloc(n * bytes + 1);

	assert_non_null(staged);
	assert_true(sluice_spsc_credit(&p->w) >= n);
	for (uint32_t i = 0; i < n; i++)
		pair_fill(staged + i * bytes, p->w.reserved + i, bytes);
	sluice_spsc_write(&p->w, staged, n);
	free(staged);
}

/* Write up to @n events in place; returns how many one span took. */
static inline uint32_t pair_put_in_place(struct pair *p, uint32_t n)
{
	size_t bytes = (size_t)p->w.slot_bytes;
	sluice_slot *first = NULL;
	uint32_t span = sluice_spsc_reserve(&p->w, n, &first);

	for (uint32_t i = 0; i < span; i++)
		pair_fill(first + i * bytes, p->w.reserved + i, bytes);
	sluice_spsc_commit(&p->w, span);
	return span;
}

/* Check and finish up to @n events; returns how many one span held. */
static inline uint32_t pair_get(struct pair *p, uint32_t n)
{
	size_t bytes = (size_t)p->r.slot_bytes;
	const sluice_slot *first = NULL;
	uint32_t span = sluice_spsc_peek(&p->r, n, &first);

	assert_in_range(span, 0, n);
	for (uint32_t i = 0; i < span; i++)
		assert_int_equal(
			pair_differs(first + i * bytes, p->r.acked + i, bytes),
			bytes);
	(void)sluice_spsc_release(&p->r, span);
	return span;
}

/* A ring of @capacity whose consumer has asked for all of it. */
static inline void pair_open_granted(struct pair *p, uint32_t capacity,
				     uint32_t slot_bytes, uint64_t start)
{
	struct sluice_credit credit = pair_credit(capacity, 0, 1);

	pair_open(p, capacity, slot_bytes, start, &credit);
	assert_int_equal(sluice_spsc_release(&p->r, 0), 1);
	assert_int_equal(sluice_spsc_refresh(&p->w), capacity);
}

#endif
