/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of many producers and consumers, on one thread. What a thread that
 * is stopped in the middle of a call leaves behind is made with its parts. */
#include "ring/mpmc.h"
#include "tests/support/pair.h" /* events by position */
#include "tests/support/rng.h"

#include <errno.h>

#define CAPACITY_MAX 64u
#define BYTES_MAX    256u
#define BATCH_MAX    (CAPACITY_MAX + 3)
#define CLOSED       SLUICE_CLOSED(SLUICE_REASON_ERROR, 77)

static const uint64_t starts[] = {0, 5, UNIT_NEAR_WRAP};

/* A ring, its memory, and what must come out of it next. */
struct bench {
	struct sluice_mpmc ring;
	unsigned char *memory;
	uint64_t bytes; /* of the ring; guards lie behind */
	uint64_t pushed;
	uint64_t popped;
};

static void bench_open(struct bench *b, uint32_t capacity, uint32_t slot_bytes,
		       uint64_t start)
{
	b->bytes = sluice_mpmc_footprint(capacity, slot_bytes);
	assert_true(b->bytes > 0);
	b->memory =
		aligned_alloc(SLUICE_LINE_BYTES, b->bytes + SLUICE_LINE_BYTES);
	assert_non_null(b->memory);
	memset(b->memory, PAIR_GUARD, b->bytes + SLUICE_LINE_BYTES);
	assert_int_equal(
		sluice_mpmc_format(b->memory, b->bytes, capacity, slot_bytes),
		0);
	assert_int_equal(sluice_mpmc_attach(&b->ring, b->memory, b->bytes), 0);
	sluice_mpmc_clear(&b->ring, start);
	b->pushed = 0;
	b->popped = 0;
}

static void bench_close(struct bench *b)
{
	for (uint64_t i = 0; i < SLUICE_LINE_BYTES; i++)
		assert_int_equal(b->memory[b->bytes + i], PAIR_GUARD);
	free(b->memory);
}

/* Push @n events; returns how many went in. */
static uint32_t bench_push(struct bench *b, uint32_t n)
{
	static unsigned char events[BATCH_MAX * BYTES_MAX];
	size_t bytes = b->ring.slot_bytes;
	uint32_t pushed;

	assert_in_range(n, 0, BATCH_MAX);
	for (uint32_t i = 0; i < n; i++)
		pair_fill(events + i * bytes, b->pushed + i, bytes);
	pushed = sluice_mpmc_push(&b->ring, events, n);
	assert_in_range(pushed, 0, n);
	b->pushed += pushed;
	return pushed;
}

/* Pop up to @n, which must be those that come next and touch nothing behind;
 * returns how many. */
static uint32_t bench_pop(struct bench *b, uint32_t n)
{
	static unsigned char events[(BATCH_MAX + 1) * BYTES_MAX];
	size_t bytes = b->ring.slot_bytes;
	uint32_t popped;

	assert_in_range(n, 0, BATCH_MAX);
	memset(events, PAIR_GUARD, sizeof(events));
	popped = sluice_mpmc_pop(&b->ring, events, n);
	assert_in_range(popped, 0, n);
	for (uint32_t i = 0; i < popped; i++)
		assert_int_equal(
			pair_differs(events + i * bytes, b->popped + i, bytes),
			bytes);
	for (size_t i = popped * bytes; i < sizeof(events); i++)
		assert_int_equal(events[i], PAIR_GUARD);
	b->popped += popped;
	return popped;
}

/* ---- geometry ------------------------------------------------------------ */

static void parts_do_not_overlap(void **state)
{
	struct bench b;

	(void)state;
	for (uint32_t capacity = 2; capacity <= CAPACITY_MAX; capacity *= 2)
		for (uint32_t bytes = 1; bytes <= BYTES_MAX; bytes++) {
			const unsigned char *slots;

			bench_open(&b, capacity, bytes, 0);
			slots = (const unsigned char *)b.ring.slots;
			assert_int_equal(b.ring.capacity, capacity);
			assert_int_equal(b.ring.slot_bytes, bytes);
			assert_ptr_equal(b.ring.words, b.memory);
			assert_ptr_equal(b.ring.sequences, b.ring.words + 1);
			assert_true(slots >= (const unsigned char *)&b.ring
						     .sequences[capacity]);
			assert_int_equal((uintptr_t)slots % SLUICE_LINE_BYTES,
					 0);
			assert_true(slots + (size_t)capacity * bytes <=
				    b.memory + b.bytes);
			bench_close(&b);
		}
}

static void largest_footprint_does_not_overflow(void **state)
{
	(void)state;
	assert_true(sluice_mpmc_footprint(SLUICE_MPMC_SLOTS_MAX,
					  SLUICE_EVENT_BYTES_MAX) >
		    UINT64_C(1) << 36);
}

static struct refusal {
	const char *name;
	uint32_t capacity;
	uint32_t slot_bytes;
	const char *text;
} refusals[] = {
	{"refuses_capacity_0", 0, 8, "capacity 0 is outside"},
	{"refuses_capacity_1", 1, 8, "capacity 1 is outside"},
	{"refuses_capacity_3", 3, 8, "capacity 3 is not a power of two"},
	{"refuses_capacity_over_the_limit", 2 * SLUICE_MPMC_SLOTS_MAX, 8,
	 "capacity 2097152 is outside; it is a power of two in [2, 1048576]"},
	{"refuses_slot_bytes_0", 8, 0, "slot_bytes 0 is outside [1, 65536]"},
	{"refuses_slot_bytes_over_the_limit", 8, 65537, "slot_bytes 65537"},
};

/* When it is to be made, and when memory says that it was. */
static void geometry_is_refused(void **state)
{
	const struct refusal *row = *state;
	struct sluice_mpmc ring;
	struct bench b;

	assert_int_equal(sluice_mpmc_footprint(row->capacity, row->slot_bytes),
			 0);
	bench_open(&b, 8, 8, 0);
	assert_int_equal(sluice_mpmc_format(b.memory, UINT64_MAX, row->capacity,
					    row->slot_bytes),
			 -EINVAL);
	assert_text_has(sluice_last_error(), row->text);
	b.ring.words->capacity = row->capacity;
	b.ring.words->slot_bytes = row->slot_bytes;
	assert_int_equal(sluice_mpmc_attach(&ring, b.memory, UINT64_MAX),
			 -EPROTO);
	assert_text_has(sluice_last_error(), row->text);
	bench_close(&b);
}

static void memory_is_refused(void **state)
{
	struct sluice_mpmc ring;
	struct bench b;

	(void)state;
	bench_open(&b, 8, 8, 0);
	assert_int_equal(sluice_mpmc_format(NULL, b.bytes, 8, 8), -EINVAL);
	assert_text_has(sluice_last_error(), "not aligned to 128 bytes");
	assert_int_equal(sluice_mpmc_format(b.memory + 8, b.bytes, 8, 8),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "not aligned to 128 bytes");
	assert_int_equal(sluice_mpmc_format(b.memory, b.bytes - 1, 8, 8),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "bytes 639 are too few for 8");
	assert_int_equal(sluice_mpmc_attach(&ring, NULL, b.bytes), -EINVAL);
	assert_int_equal(sluice_mpmc_attach(&ring, b.memory + 8, b.bytes),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "not aligned to 128 bytes");
	assert_int_equal(sluice_mpmc_attach(&ring, b.memory, b.bytes - 1),
			 -EPROTO);
	assert_text_has(sluice_last_error(), "take 640 bytes, not 639");
	assert_int_equal(sluice_mpmc_attach(&ring, b.memory, 383), -EPROTO);
	assert_text_has(sluice_last_error(), "hold no ring");
	b.memory[0] ^= 1;
	assert_int_equal(sluice_mpmc_attach(&ring, b.memory, b.bytes), -EPROTO);
	assert_text_has(sluice_last_error(), "hold no ring");
	bench_close(&b);
}

static void handles_share_one_ring(void **state)
{
	const uint64_t in[] = {11, 22};
	struct sluice_mpmc other;
	uint64_t out[2] = {0};
	struct bench b;

	(void)state;
	bench_open(&b, 8, 8, 0);
	assert_int_equal(sluice_mpmc_attach(&other, b.memory, b.bytes), 0);
	assert_int_equal(sluice_mpmc_push(&b.ring, (const void *)in, 2), 2);
	assert_int_equal(sluice_mpmc_depth(&other), 2);
	assert_int_equal(sluice_mpmc_pop(&other, (void *)out, 2), 2);
	assert_int_equal(out[1], 22);
	assert_int_equal(sluice_mpmc_room(&b.ring), 8);
	bench_close(&b);
}

/* ---- full, empty, and round ---------------------------------------------- */

static void takes_what_there_is(void **state)
{
	struct bench b;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		bench_open(&b, 8, 8, starts[i]);
		assert_int_equal(bench_pop(&b, 8), 0);
		assert_int_equal(bench_push(&b, 0), 0);
		assert_int_equal(bench_push(&b, 5), 5);
		assert_int_equal(bench_pop(&b, 0), 0);
		assert_int_equal(sluice_mpmc_depth(&b.ring), 5);
		assert_int_equal(sluice_mpmc_room(&b.ring), 3);
		assert_int_equal(bench_push(&b, 5), 3);
		assert_int_equal(bench_push(&b, 1), 0);
		assert_int_equal(sluice_mpmc_room(&b.ring), 0);
		assert_int_equal(bench_pop(&b, 2), 2);
		assert_int_equal(bench_push(&b, 11), 2);
		assert_int_equal(bench_pop(&b, 11), 8);
		assert_int_equal(bench_pop(&b, 11), 0);
		assert_int_equal(sluice_mpmc_depth(&b.ring), 0);
		bench_close(&b);
	}
}

/* Every batch from every place on, several times round: over the ring's end,
 * and over the wrap of positions. */
static void batches_go_round(void **state)
{
	static const uint32_t sizes[] = {1, 3, 8, 12, 64, 200, 256};
	struct bench b;

	(void)state;
	for (uint32_t capacity = 2; capacity <= 16; capacity *= 2)
		for (uint32_t n = 1; n <= capacity; n++)
			for (size_t s = 0; s < UNIT_COUNT(sizes); s++) {
				bench_open(&b, capacity, sizes[s],
					   0 - (uint64_t)n * 7);
				for (int round = 0; round < 40; round++) {
					assert_int_equal(bench_push(&b, n), n);
					assert_int_equal(bench_pop(&b, n), n);
				}
				bench_close(&b);
			}
}

static void every_event_size(void **state)
{
	struct bench b;

	(void)state;
	for (uint32_t bytes = 1; bytes <= BYTES_MAX; bytes++) {
		bench_open(&b, 8, bytes, UNIT_NEAR_WRAP);
		assert_int_equal(bench_push(&b, 9), 8);
		assert_int_equal(bench_pop(&b, 3), 3);
		assert_int_equal(bench_push(&b, 9), 3);
		assert_int_equal(bench_pop(&b, 9), 8);
		bench_close(&b);
	}
}

static void clear_forgets(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 8, 8, 0);
	assert_int_equal(bench_push(&b, 5), 5);
	sluice_mpmc_close(&b.ring, CLOSED);
	sluice_mpmc_clear(&b.ring, 1234567);
	b.popped = b.pushed;
	assert_int_equal(sluice_mpmc_closed(&b.ring), SLUICE_REASON_OPEN);
	assert_int_equal(bench_pop(&b, 8), 0);
	assert_int_equal(bench_push(&b, 9), 8);
	assert_int_equal(bench_pop(&b, 9), 8);
	bench_close(&b);
}

/* As each thread may see the two words: one of them late. */
static void depth_is_what_could_be(void **state)
{
	static const struct {
		uint64_t pushed;
		uint64_t popped;
		uint64_t depth;
	} rows[] = {
		{4, 4, 0},          {8, 4, 4},
		{12, 4, 8},         {13, 4, 8},
		{900, 4, 8},        {4, 5, 0},
		{4, 900, 0},        {2, UINT64_MAX, 3},
		{UINT64_MAX, 2, 0}, {UINT64_MAX - 1, UINT64_MAX - 9, 8},
	};
	struct bench b;

	(void)state;
	bench_open(&b, 8, 8, 0);
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		pair_store(&b.ring.words->pushed, rows[i].pushed);
		pair_store(&b.ring.words->popped, rows[i].popped);
		assert_int_equal(sluice_mpmc_depth(&b.ring), rows[i].depth);
		assert_int_equal(sluice_mpmc_room(&b.ring), 8 - rows[i].depth);
	}
	bench_close(&b);
}

/* ---- a thread stopped in the middle of a call ---------------------------- */

/* Finish what was claimed at @first, out of its turn. */
static void bench_hand_over(struct bench *b, uint64_t first, uint32_t n,
			    uint64_t step)
{
	for (uint64_t at = first; at != first + n; at++)
		sluice_store_release(
			&b->ring.sequences[at & (b->ring.capacity - 1)],
			at + step);
}

static void stopped_producer_holds_back_what_is_behind(void **state)
{
	uint64_t first = 0;
	struct bench b;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		bench_open(&b, 8, 8, starts[i]);
		assert_int_equal(bench_push(&b, 3), 3);
		assert_int_equal(sluice_mpmc_claim(&b.ring,
						   &b.ring.words->pushed, 0, 2,
						   &first),
				 2);
		assert_int_equal(first, starts[i] + 3);
		for (uint32_t k = 0; k < 2; k++)
			pair_fill(b.ring.slots + ((first + k) & 7) * 8,
				  b.pushed + k, 8);
		b.pushed += 2;
		/* Other producers go on, to the ring's end. */
		assert_int_equal(bench_push(&b, 8), 3);
		/* What was before it comes out, and no more. */
		assert_int_equal(bench_pop(&b, 2), 2);
		assert_int_equal(bench_pop(&b, 8), 1);
		assert_int_equal(bench_pop(&b, 8), 0);
		/* The slots that came free are written again. */
		assert_int_equal(bench_push(&b, 8), 3);
		assert_int_equal(sluice_mpmc_depth(&b.ring), 8);
		/* Half of it, then the other half. */
		bench_hand_over(&b, first, 1, 1);
		assert_int_equal(bench_pop(&b, 8), 1);
		assert_int_equal(bench_pop(&b, 8), 0);
		bench_hand_over(&b, first + 1, 1, 1);
		assert_int_equal(bench_pop(&b, 8), 7);
		bench_close(&b);
	}
}

static void stopped_consumer_holds_back_its_slots(void **state)
{
	uint64_t first = 0;
	struct bench b;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		bench_open(&b, 8, 8, starts[i]);
		assert_int_equal(bench_push(&b, 8), 8);
		assert_int_equal(bench_pop(&b, 3), 3);
		assert_int_equal(sluice_mpmc_claim(&b.ring,
						   &b.ring.words->popped, 1, 2,
						   &first),
				 2);
		assert_int_equal(first, starts[i] + 3);
		b.popped += 2;
		/* Other consumers go on. */
		assert_int_equal(bench_pop(&b, 8), 3);
		assert_int_equal(sluice_mpmc_depth(&b.ring), 0);
		/* Producers get to where it stands. */
		assert_int_equal(bench_push(&b, 8), 3);
		assert_int_equal(bench_push(&b, 8), 0);
		assert_int_equal(bench_pop(&b, 8), 3);
		/* The second slot is free, and not the first. */
		bench_hand_over(&b, first + 1, 1, 8);
		assert_int_equal(bench_push(&b, 8), 0);
		bench_hand_over(&b, first, 1, 8);
		assert_int_equal(bench_push(&b, 9), 8);
		assert_int_equal(bench_pop(&b, 9), 8);
		bench_close(&b);
	}
}

/* ---- the end of a stream ------------------------------------------------- */

static void ends_behind_the_last_event(void **state)
{
	struct bench b;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(starts); i++) {
		bench_open(&b, 8, 8, starts[i]);
		assert_int_equal(sluice_mpmc_closed(&b.ring),
				 SLUICE_REASON_OPEN);
		assert_int_equal(bench_push(&b, 5), 5);
		sluice_mpmc_close(&b.ring, CLOSED);
		for (uint32_t left = 5; left > 0; left--) {
			assert_int_equal(sluice_mpmc_closed(&b.ring),
					 SLUICE_REASON_OPEN);
			assert_int_equal(bench_pop(&b, 1), 1);
		}
		assert_int_equal(sluice_mpmc_closed(&b.ring), CLOSED);
		assert_int_equal(bench_pop(&b, 1), 0);
		assert_int_equal(sluice_mpmc_closed(&b.ring), CLOSED);
		bench_close(&b);
	}
}

static void an_empty_stream_ends(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, 2, 1, UNIT_NEAR_WRAP);
	sluice_mpmc_close(&b.ring, SLUICE_REASON_NORMAL);
	assert_int_equal(sluice_mpmc_closed(&b.ring), SLUICE_REASON_NORMAL);
	bench_close(&b);
}

/* ---- against a count ----------------------------------------------------- */

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static void random_script(void **state)
{
	struct rng rng = rng_start("mpmc random_script");

	(void)state;
	for (uint32_t script = 0; script < 400; script++) {
		uint32_t capacity = 1u << rng_between(&rng, 1, 6);
		uint32_t most = rng_between(&rng, 1, capacity + 3);
		struct bench b;

		bench_open(&b, capacity, rng_between(&rng, 1, BYTES_MAX),
			   rng_word(&rng, 0, 2 * (uint64_t)capacity));
		for (uint32_t step = 0; step < 200; step++) {
			uint32_t n = (uint32_t)rng_below(&rng, most + 1);
			uint64_t depth = b.pushed - b.popped;

			if (rng_below(&rng, 2))
				assert_int_equal(bench_push(&b, n),
						 least(n, capacity - depth));
			else
				assert_int_equal(bench_pop(&b, n),
						 least(n, depth));
			depth = b.pushed - b.popped;
			assert_int_equal(sluice_mpmc_depth(&b.ring), depth);
			assert_int_equal(sluice_mpmc_room(&b.ring),
					 capacity - depth);
		}
		bench_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_do_not_overlap),
		cmocka_unit_test(largest_footprint_does_not_overflow),
		cmocka_unit_test(memory_is_refused),
		cmocka_unit_test(handles_share_one_ring),
		cmocka_unit_test(takes_what_there_is),
		cmocka_unit_test(batches_go_round),
		cmocka_unit_test(every_event_size),
		cmocka_unit_test(clear_forgets),
		cmocka_unit_test(depth_is_what_could_be),
		cmocka_unit_test(stopped_producer_holds_back_what_is_behind),
		cmocka_unit_test(stopped_consumer_holds_back_its_slots),
		cmocka_unit_test(ends_behind_the_last_event),
		cmocka_unit_test(an_empty_stream_ends),
		cmocka_unit_test(random_script),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(refusals)];
	size_t at = UNIT_COUNT(tests);

	memcpy(all, tests, sizeof(tests));
	(void)UNIT_ADD_ROWS(all, at, geometry_is_refused, refusals);
	return cmocka_run_group_tests_name("mpmc", all, NULL, NULL);
}
