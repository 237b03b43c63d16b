/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/broadcast.h: one producer, two consumers, a ring of two slots and more
 * events than that.
 *
 * What must hold under every schedule: no slot is written again before both
 * consumers have finished it, and each sees every event once, in order, with
 * the end of the stream behind the last.
 */
#include "model.h"
#include "ring/broadcast.h"
#include "copier.h"

static const uint32_t CAPACITY = 2;
static const uint32_t READERS = 2;
static const uint32_t GRANTED_MAX = 16;

static uint32_t event_at(uint64_t position)
{
	return 100 + (uint32_t)position;
}

template <uint32_t total>
struct broadcast : rl::test_suite<broadcast<total>, 1 + READERS> {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx[READERS];
	sluice_slot slots[CAPACITY];
	struct sluice_broadcast_writer writer;
	struct sluice_broadcast_cursor cursors[READERS];
	struct sluice_spsc_reader readers[READERS];
	/* A wild consumer grants more than there is room: acked alone binds. */
	bool wild;
	/* Every value that each `granted` has had; see spsc.cc. */
	bool was_granted[READERS][GRANTED_MAX];

	void before()
	{
		const struct sluice_rx_words *words[READERS] = {&rx[0], &rx[1]};
		struct sluice_credit credit = {CAPACITY, 0, CAPACITY, 1};

		wild = rl::rand(2) != 0;
		if (wild) {
			RL_LOG("wild");
			credit.max_events = 3 * CAPACITY + 1;
			credit.min_events = 3 * CAPACITY;
		}
		sluice_broadcast_writer_attach(&writer, &tx, cursors, words,
					       READERS, slots, CAPACITY, 1);
		for (uint32_t i = 0; i < READERS; i++) {
			sluice_spsc_reader_attach(&readers[i], &tx, &rx[i],
						  slots, CAPACITY, 1, &credit);
			for (uint32_t k = 0; k < GRANTED_MAX; k++)
				was_granted[i][k] = k == 0;
		}
	}

	void thread(unsigned index)
	{
		if (index < READERS)
			consume(index);
		else
			produce();
	}

	/* The documented invariant, and that an honest consumer's granted is
	 * never cut by the clamp. */
	void check_writer()
	{
		RL_ASSERT(writer.base.reserved <= writer.base.granted);
		for (uint32_t i = 0; i < READERS; i++) {
			RL_ASSERT(writer.base.granted <= cursors[i].granted);
			RL_ASSERT(cursors[i].granted - cursors[i].acked <=
				  CAPACITY);
			RL_ASSERT(wild || was_granted[i][cursors[i].granted]);
		}
	}

	void produce()
	{
		sluice_private event;

		while (writer.base.reserved < total) {
			if (sluice_spsc_credit(&writer.base) == 0 &&
			    sluice_broadcast_refresh(&writer) == 0) {
				check_writer();
				rl::yield(1, RL_INFO);
				continue;
			}
			check_writer();
			event = event_at(writer.base.reserved);
			sluice_spsc_write(&writer.base, &event, 1);
			sluice_spsc_publish(&writer.base);
		}
		sluice_spsc_close(&writer.base, SLUICE_REASON_NORMAL);
	}

	void release(uint32_t index, uint32_t n)
	{
		struct sluice_spsc_reader *reader = &readers[index];
		int went_back = sluice_spsc_release(reader, n);

		RL_ASSERT(reader->granted < GRANTED_MAX);
		if (went_back)
			was_granted[index][reader->granted] = true;
	}

	void consume(uint32_t index)
	{
		struct sluice_spsc_reader *reader = &readers[index];
		uint32_t reason = SLUICE_REASON_OPEN;
		const sluice_slot *first;

		release(index, 0);
		while (reason == SLUICE_REASON_OPEN) {
			uint32_t n = sluice_spsc_peek(reader, CAPACITY, &first);

			if (n == 0) {
				reason = sluice_spsc_ended(reader);
				rl::yield(1, RL_INFO);
				continue;
			}
			for (uint32_t i = 0; i < n; i++) {
				uint32_t event = first[i](RL_INFO);

				RL_ASSERT(event == event_at(reader->acked + i));
			}
			release(index, n);
		}
		RL_ASSERT(reason == SLUICE_REASON_NORMAL);
		RL_ASSERT(reader->acked == total);
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 200000);

	model_random<broadcast<5>>("broadcast, 5 events", range);
	model_bounded<broadcast<3>>("broadcast, 3 events", 1);
	return 0;
}
