/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a ring that a process feeds, when another one comes in its place. */
#include "engine/peer/share_priv.h"
#include "tests/support/unit.h"

#include <string.h>
#include <sys/mman.h>

#define CAPACITY 8u

/* Where one was cut off. */
static const struct subscription_held_at at_5 = {.published = 5};
static const struct subscription_held_at at_11 = {.published = 11};

static struct share *opened(enum wire_side side, struct share *first,
			    struct budget *budget)
{
	const struct share_opts opts = {.side = side,
					.owner = "one",
					.capacity = CAPACITY,
					.event_bytes = 8,
					.first = first,
					.budget = budget};
	struct share *share = NULL;

	assert_int_equal(share_open(&share, &opts), 0);
	return share;
}

/* As the process has it: its part, mapped to write. */
static struct {
	struct share *share;
	unsigned char *base;
	uint64_t bytes;
} peer;

static unsigned char *mapped(const void *words)
{
	return peer.base + ((const unsigned char *)words -
			    peer.share->part[MEMORY_OF_PEER].base);
}

static void come(void)
{
	const struct sluice_region *part = &peer.share->part[MEMORY_OF_PEER];

	peer.bytes = part->bytes;
	peer.base = mmap(NULL, peer.bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 part->fd, 0);
	assert_true((void *)peer.base != MAP_FAILED);
}

static void go(void)
{
	assert_int_equal(munmap(peer.base, peer.bytes), 0);
}

/* Events @from to @to, each as large as it says. */
static void publish(uint64_t from, uint64_t to)
{
	struct sluice_tx_words *tx = (void *)mapped(peer.share->words.tx);
	uint64_t *slots = (void *)mapped(peer.share->words.slots);

	for (uint64_t at = from; at != to; at++)
		slots[at % CAPACITY] = at;
	sluice_store_release(&tx->published, to);
}

static void lie_there(uint64_t from, uint64_t to)
{
	assert_int_equal(sluice_load_acquire(&peer.share->words.tx->published),
			 to);
	for (uint64_t at = from; at != to; at++) {
		uint64_t event;

		memcpy(&event, peer.share->words.slots + at % CAPACITY * 8, 8);
		assert_int_equal(event, at);
	}
}

/* What is read lies where it was, and what the first one writes then is not read. */
static void what_was_published_is_read_on(void **state)
{
	const struct sluice_tx_words *tx;
	unsigned char *before;

	(void)state;
	peer.share = opened(WIRE_TO, NULL, NULL);
	tx = peer.share->words.tx;
	come();
	publish(0, 5);
	publish(5, 12); /* the last one too late */
	assert_int_equal(share_renew(peer.share, "one", &at_11), 0);
	assert_ptr_equal(peer.share->words.tx, tx);
	lie_there(4, 11);
	before = peer.base;
	publish(3, 3);
	lie_there(4, 11);
	come();
	publish(11, 13);
	lie_there(5, 13);
	assert_int_equal(munmap(before, peer.bytes), 0);
	go();
	share_release(peer.share);
}

/* A worker's other one has what they wake each other by, and it is held. */
static void of_a_worker(void **state)
{
	struct share *first;
	int signal;

	(void)state;
	first = opened(WIRE_FROM, NULL, NULL);
	peer.share = opened(WIRE_TO, first, NULL);
	signal = first->signal_peers;
	come();
	publish(0, 5);
	go();
	assert_int_equal(share_renew(peer.share, "one", &at_5), 0);
	lie_there(0, 5);
	assert_int_equal(first->signal_peers, signal);
	assert_int_equal(sluice_load_acquire(&first->holders), 2);
	share_release(peer.share);
	assert_int_equal(sluice_load_acquire(&first->holders), 1);
	share_release(first);
}

static uint64_t mapped_bytes(const struct share *share)
{
	return share->part[MEMORY_OF_ENGINE].bytes +
	       share->part[MEMORY_OF_PEER].bytes;
}

/* What counts is what is mapped, until the last one has let go; one that comes in place
 * of another takes no more. */
static void its_memory_counts_until_it_is_unmapped(void **state)
{
	struct budget *budget = budget_new();
	uint64_t none;
	uint64_t both;

	(void)state;
	assert_non_null(budget);
	none = sluice_load_acquire(&budget->used);
	peer.share = opened(WIRE_TO, opened(WIRE_FROM, NULL, budget), budget);
	both = mapped_bytes(peer.share) + mapped_bytes(peer.share->first);
	assert_int_equal(sluice_load_acquire(&budget->used), none + both);
	assert_int_equal(share_renew(peer.share, "one", &at_5), 0);
	assert_int_equal(sluice_load_acquire(&budget->used), none + both);
	share_release(peer.share->first);
	assert_int_equal(sluice_load_acquire(&budget->used), none + both);
	share_hold(peer.share);
	share_release(peer.share);
	assert_int_equal(sluice_load_acquire(&budget->used), none + both);
	share_release(peer.share);
	assert_int_equal(sluice_load_acquire(&budget->used), none);
	budget_drop(budget);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_memory_counts_until_it_is_unmapped),
		cmocka_unit_test(what_was_published_is_read_on),
		cmocka_unit_test(of_a_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
