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
	assert_int_equal(
		share_open(&peer.share, WIRE_TO, "one", CAPACITY, 8, 0, NULL),
		0);
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
	assert_int_equal(
		share_open(&first, WIRE_FROM, "one", CAPACITY, 8, 0, NULL), 0);
	assert_int_equal(
		share_open(&peer.share, WIRE_TO, "one", CAPACITY, 8, 0, first),
		0);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_published_is_read_on),
		cmocka_unit_test(of_a_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
