/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/closing_priv.h: a stream is ended by somebody else while its producer publishes and
 * its consumer reads. The consumer has read all that lies before the end that is told, in
 * order, and nothing that lies behind it.
 *
 * The producer sends @total events and knows of no end. The closer ends the stream at some
 * time. The consumer reads until it knows of that; it may be a look late.
 */
#include "model.h"
#include "ring/closing_priv.h"
#include "copier.h"

static const uint32_t CAPACITY = 2;

template <uint32_t total>
struct ended_by_another : rl::test_suite<ended_by_another<total>, 3> {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	sluice_slot slots[CAPACITY];
	struct sluice_spsc_writer writer;
	struct sluice_spsc_reader reader;
	sluice_a32 closing;
	sluice_a32 closed;
	sluice_a64 end;
	uint64_t told;

	void before()
	{
		static const struct sluice_credit credit = {
			CAPACITY, CAPACITY - 1, CAPACITY, 1};

		told = 0;
		sluice_spsc_writer_attach(&writer, &tx, &rx, slots, CAPACITY,
					  1);
		sluice_spsc_reader_attach(&reader, &tx, &rx, slots, CAPACITY, 1,
					  &credit);
		(void)sluice_spsc_release(&reader, 0);
	}

	void after()
	{
		RL_ASSERT(reader.acked == told);
	}

	void thread(unsigned index)
	{
		if (index == 0)
			produce();
		else if (index == 1)
			close();
		else
			consume();
	}

	/* It gives up when nobody reads any more. */
	void produce()
	{
		uint32_t vain = 0;

		while (writer.reserved < total && vain < 3) {
			sluice_private event = (uint32_t)writer.reserved;

			if (sluice_spsc_credit(&writer) == 0 &&
			    sluice_spsc_refresh(&writer) == 0) {
				vain++;
				rl::yield(1, RL_INFO);
				continue;
			}
			sluice_spsc_write(&writer, &event, 1);
			sluice_spsc_publish(&writer);
		}
	}

	void close()
	{
		closing_begin(&closing);
		told = sluice_load_acquire(&tx.published);
		closing_end(&end, told, &closed, SLUICE_REASON_SHUTDOWN);
	}

	/* Returns whether all is read. */
	bool over()
	{
		return sluice_load_acquire(&closed) != SLUICE_REASON_OPEN &&
		       reader.acked >= sluice_load_acquire(&end);
	}

	void consume()
	{
		while (!over()) {
			const sluice_slot *first;
			uint32_t n = 0;

			if (sluice_spsc_depth(&reader) > 0 ||
			    closing_look(&reader, &closing, &closed, &end) > 0)
				n = sluice_spsc_peek(&reader, CAPACITY, &first);
			RL_ASSERT(!sluice_spsc_broken(&reader));
			for (uint32_t i = 0; i < n; i++)
				RL_ASSERT(first[i](RL_INFO) ==
					  (uint32_t)reader.acked + i);
			if (n > 0)
				(void)sluice_spsc_release(&reader, n);
			else
				rl::yield(1, RL_INFO);
		}
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 200000);

	model_random<ended_by_another<3>>("a stream ended by another", range);
	model_bounded<ended_by_another<1>>("a stream ended by another", 3);
	return 0;
}
