/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/spsc.h and ring/credit.h: one producer, one consumer, a ring of two
 * slots and more events than that, so that every slot is used again.
 *
 * What must hold under every schedule: no slot access without an edge, every
 * event once and in order, the end of the stream behind the last event, and the
 * producer never beyond what the consumer has finished.
 */
#include "model.h"
#include "ring/spsc.h"
#include "copier.h"

static const uint32_t CAPACITY = 2;
static const uint32_t GRANTED_MAX = 16;

/* How the producer fills slots. */
enum path {
	PATH_WRITE,   /* ask for credit, copy in, publish */
	PATH_STREAM,  /* the same past the cache */
	PATH_RESERVE, /* reserve, fill in place, commit */
	PATHS,
};

/* Whom the producer deals with. */
enum consumer {
	CONSUMER_EXACT, /* GenStage's arithmetic; nothing returned when idle */
	CONSUMER_IDLE,  /* returns all credit when it finds nothing */
	CONSUMER_WILD,  /* grants more than there is room: acked alone binds */
	CONSUMERS,
};

static const char *const path_names[PATHS] = {"write", "stream", "reserve"};
static const char *const consumer_names[CONSUMERS] = {"exact", "idle", "wild"};
static const struct sluice_credit consumer_credit[CONSUMERS] = {
	{CAPACITY, 0, CAPACITY, 1},
	{CAPACITY, 0, CAPACITY, 0},
	{3 * CAPACITY + 1, 3 * CAPACITY, 1, 1},
};

/* Past the cache, always. */
static struct sluice_copier *model_streaming(struct sluice_copier *copier)
{
	memset(copier, 0, sizeof(*copier));
	copier->method = SLUICE_COPY_STREAM;
	copier->left = INT64_MAX;
	model_streamed_count = 0;
	return copier;
}

static uint32_t event_at(uint64_t position)
{
	return 100 + (uint32_t)position;
}

template <uint32_t total> struct spsc : rl::test_suite<spsc<total>, 2> {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	sluice_slot slots[CAPACITY];
	struct sluice_spsc_writer writer;
	struct sluice_spsc_reader reader;
	struct sluice_copier copier;
	unsigned path;
	unsigned consumer;
	/* Every value that `granted` has had. Plain memory: relacy switches
	 * threads only at an access to a word. */
	bool was_granted[GRANTED_MAX];

	void before()
	{
		path = rl::rand(PATHS);
		consumer = rl::rand(CONSUMERS);
		RL_LOG(path_names[path]);
		RL_LOG(consumer_names[consumer]);
		sluice_spsc_writer_attach(&writer, &tx, &rx, slots, CAPACITY,
					  1);
		if (path == PATH_STREAM)
			writer.copier = model_streaming(&copier);
		sluice_spsc_reader_attach(&reader, &tx, &rx, slots, CAPACITY, 1,
					  &consumer_credit[consumer]);
		for (uint32_t i = 0; i < GRANTED_MAX; i++)
			was_granted[i] = i == 0;
	}

	void thread(unsigned index)
	{
		if (index == 0)
			produce();
		else
			consume();
	}

	/* The documented invariant, and that an honest consumer's granted is
	 * never cut by the clamp. */
	void check_writer()
	{
		RL_ASSERT(writer.published <= writer.reserved);
		RL_ASSERT(writer.reserved <= writer.granted);
		RL_ASSERT(writer.granted - writer.acked <= CAPACITY);
		RL_ASSERT(consumer == CONSUMER_WILD ||
			  was_granted[writer.granted]);
	}

	uint32_t write_some(uint32_t left)
	{
		sluice_private events[CAPACITY];
		uint64_t credit = sluice_spsc_credit(&writer);
		uint32_t n;

		if (credit == 0)
			credit = sluice_spsc_refresh(&writer);
		check_writer();
		if (credit == 0)
			return 0;
		n = 1 + rl::rand(credit < left ? (uint32_t)credit : left);
		for (uint32_t i = 0; i < n; i++)
			events[i] = event_at(writer.reserved + i);
		sluice_spsc_write(&writer, events, n);
		sluice_spsc_publish(&writer);
		return n;
	}

	uint32_t reserve_some(uint32_t left)
	{
		sluice_slot *first;
		uint32_t n = sluice_spsc_reserve(
			&writer, left < CAPACITY ? left : CAPACITY, &first);

		check_writer();
		if (n == 0)
			return 0;
		n = 1 + rl::rand(n);
		for (uint32_t i = 0; i < n; i++)
			first[i](RL_INFO) = event_at(writer.reserved + i);
		sluice_spsc_commit(&writer, n);
		return n;
	}

	void produce()
	{
		while (writer.reserved < total) {
			uint32_t left = total - (uint32_t)writer.reserved;
			uint32_t n = path == PATH_RESERVE ? reserve_some(left)
							  : write_some(left);

			check_writer();
			if (n == 0)
				rl::yield(1, RL_INFO);
		}
		sluice_spsc_close(&writer, SLUICE_REASON_NORMAL);
	}

	void note_granted(int went_back)
	{
		RL_ASSERT(reader.granted < GRANTED_MAX);
		if (went_back)
			was_granted[reader.granted] = true;
	}

	void consume_some(const sluice_slot *first, uint32_t n)
	{
		for (uint32_t i = 0; i < n; i++) {
			uint32_t event = first[i](RL_INFO);

			RL_ASSERT(event == event_at(reader.acked + i));
		}
		note_granted(sluice_spsc_release(&reader, n));
	}

	void consume()
	{
		uint32_t reason = SLUICE_REASON_OPEN;
		const sluice_slot *first;

		note_granted(sluice_spsc_release(&reader, 0));
		while (reason == SLUICE_REASON_OPEN) {
			uint32_t n =
				sluice_spsc_peek(&reader, CAPACITY, &first);

			if (n != 0) {
				/* All of a batch, or its first part. */
				consume_some(first, 1 + rl::rand(n));
				continue;
			}
			reason = sluice_spsc_ended(&reader);
			note_granted(sluice_spsc_idle(&reader));
			rl::yield(1, RL_INFO);
		}
		RL_ASSERT(reason == SLUICE_REASON_NORMAL);
		RL_ASSERT(reader.acked == total);
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 300000);

	model_random<spsc<5>>("spsc, 5 events", range);
	model_bounded<spsc<3>>("spsc, 3 events", 3);
	return 0;
}
