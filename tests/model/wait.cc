/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/wait.h: no wake-up is lost, in either direction.
 *
 * A sleeper here has no deadline, so a wake-up that never comes is a deadlock,
 * and relacy reports it. Parking is a futex made of a mutex and a condition
 * variable that never wakes by itself: a needless wake-up would hide a missing
 * one. Each schedule chooses how the fence pair works, for all threads alike:
 * membarrier on the sleeper's side alone, or two full fences; or membarrier
 * until the kernel refuses it to one thread or another, at any moment. A park
 * with a deadline, which is how it goes over, returns at once. A descriptor that is
 * polled is a word and a condition variable, too, and stays readable until it is
 * cleared.
 */
#include "kernel.h"
#include "ring/spsc.h"
#include "copier.h"

static const uint32_t CAPACITY_MAX = 4;

/* A descriptor, and whoever sleeps until it is readable. */
struct polled {
	rl::mutex lock;
	rl::condvar<queue_tag> sleepers;
	bool readable;

	void open()
	{
		sleepers.init(false, RL_INFO);
		readable = false;
	}

	void close()
	{
		sleepers.deinit(RL_INFO);
	}

	void notify()
	{
		lock.lock(RL_INFO);
		readable = true;
		sleepers.notify_all(RL_INFO);
		lock.unlock(RL_INFO);
	}

	void clear()
	{
		lock.lock(RL_INFO);
		readable = false;
		lock.unlock(RL_INFO);
	}

	bool look()
	{
		lock.lock(RL_INFO);
		bool is = readable;
		lock.unlock(RL_INFO);
		return is;
	}

	void poll()
	{
		lock.lock(RL_INFO);
		while (!readable)
			sleepers.wait(lock, false, RL_INFO);
		lock.unlock(RL_INFO);
	}
};

/* A thread's bell, with the futex under it, of one word. */
struct sleeper {
	struct sluice_bell bell;
	struct queue futex;
};

static const uint32_t SLEEPERS_MAX = 3;

/* What all threads share of the machine. */
struct machine {
	struct sleeper sleepers[SLEEPERS_MAX];
	struct kernel kernel;
	struct sluice_wait_ops ops;
	struct polled *polled; /* a descriptor, or NULL */
	/* A bell elsewhere that the first sleeper sleeps on; or NULL. */
	const struct sluice_bell *first;

	struct sleeper *of(const sluice_a32 *word)
	{
		if (first != NULL && &first->parked == word)
			return &sleepers[0];
		for (uint32_t i = 0; i < SLEEPERS_MAX; i++)
			if (&sleepers[i].bell.parked == word)
				return &sleepers[i];
		RL_ASSERT(false);
		return NULL;
	}
};

static uint64_t machine_now_ns(void *ctx)
{
	return ((struct machine *)ctx)->kernel.now_ns();
}

static int machine_barrier(void *ctx)
{
	if (((struct machine *)ctx)->kernel.refuses_now())
		return -1;
	model_membarrier();
	return 0;
}

static void machine_park(void *ctx, sluice_a32 *word, uint32_t expected,
			 uint64_t deadline_ns)
{
	if (deadline_ns == NEVER)
		((struct machine *)ctx)->of(word)->futex.park(word, expected);
	else
		rl::yield(1, RL_INFO);
}

static void machine_wake(void *ctx, sluice_a32 *word)
{
	((struct machine *)ctx)->of(word)->futex.wake();
}

static void machine_notify(void *ctx, int fd)
{
	RL_ASSERT(fd == 1);
	((struct machine *)ctx)->polled->notify();
}

static void machine_open(struct machine *m, uint32_t sleepers, bool chance)
{
	uint32_t how = rl::rand(3);
	struct sluice_wait_ops ops = {m,
				      &m->kernel.fences,
				      machine_now_ns,
				      machine_barrier,
				      machine_park,
				      machine_wake,
				      NULL,
				      NULL,
				      machine_notify};

	m->ops = ops;
	m->first = NULL;
	m->polled = NULL;
	m->kernel.open(how, chance);
	for (uint32_t i = 0; i < sleepers; i++) {
		m->sleepers[i].bell.armings = 0;
		m->sleepers[i].futex.open();
	}
}

struct edge {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	sluice_slot slots[CAPACITY_MAX];
	struct sluice_spsc_writer writer;
	struct sluice_spsc_reader reader;
	bool ended; /* the consumer has seen the end */
};

/* @producers threads, each with an edge of its own to one consumer and @total
 * events for it, through @capacity slots. Whoever has nothing to do parks. */
template <uint32_t producers, uint32_t capacity, uint32_t total,
	  bool chance = true>
struct bells
    : rl::test_suite<bells<producers, capacity, total, chance>, producers + 1> {
	struct edge edges[producers];
	/* One sleeper for each producer, then the consumer's. */
	struct machine machine;

	struct sleeper *producer(uint32_t i)
	{
		return &machine.sleepers[i];
	}

	struct sleeper *consumer()
	{
		return &machine.sleepers[producers];
	}

	void before()
	{
		struct sluice_credit credit = {capacity, capacity - 1, 1, 1};

		machine_open(&machine, producers + 1, chance);
		for (uint32_t i = 0; i < producers; i++) {
			struct edge *e = &edges[i];

			sluice_spsc_writer_attach(&e->writer, &e->tx, &e->rx,
						  e->slots, capacity, 1);
			sluice_spsc_reader_attach(&e->reader, &e->tx, &e->rx,
						  e->slots, capacity, 1,
						  &credit);
			(void)sluice_spsc_release(&e->reader, 0);
			e->ended = false;
		}
	}

	void after()
	{
		for (uint32_t i = 0; i <= producers; i++)
			machine.sleepers[i].futex.close();
	}

	void thread(unsigned index)
	{
		if (index < producers)
			produce(&edges[index], producer(index));
		else
			consume();
	}

	void park(struct sleeper *s, int (*ready)(void *), void *ctx)
	{
		(void)sluice_bell_park(&s->bell, &machine.ops, ready, ctx,
				       NEVER);
	}

	void ring(struct sleeper *s)
	{
		sluice_bell_ring(&s->bell, &machine.ops);
	}

	static int has_credit(void *ctx)
	{
		struct edge *e = (struct edge *)ctx;

		return sluice_spsc_refresh(&e->writer) != 0;
	}

	static int has_event(void *ctx)
	{
		struct bells *self = (struct bells *)ctx;
		const sluice_slot *first;

		for (uint32_t i = 0; i < producers; i++) {
			struct edge *e = &self->edges[i];

			if (!e->ended &&
			    (sluice_spsc_peek(&e->reader, 1, &first) != 0 ||
			     sluice_spsc_ended(&e->reader)))
				return 1;
		}
		return 0;
	}

	void produce(struct edge *e, struct sleeper *me)
	{
		sluice_private event;

		while (e->writer.reserved < total) {
			if (sluice_spsc_credit(&e->writer) == 0 &&
			    sluice_spsc_refresh(&e->writer) == 0) {
				park(me, has_credit, e);
				continue;
			}
			event = (uint32_t)e->writer.reserved;
			sluice_spsc_write(&e->writer, &event, 1);
			sluice_spsc_publish(&e->writer);
			ring(consumer());
		}
		sluice_spsc_close(&e->writer, SLUICE_REASON_NORMAL);
		ring(consumer());
	}

	/* Finishes one event of edge @i, or its end. Returns false when there
	 * is nothing to do. */
	bool consume_from(uint32_t i)
	{
		struct edge *e = &edges[i];
		const sluice_slot *first;
		uint32_t event;

		if (e->ended)
			return false;
		if (sluice_spsc_peek(&e->reader, 1, &first) == 0) {
			e->ended = sluice_spsc_ended(&e->reader) !=
				   SLUICE_REASON_OPEN;
			return e->ended;
		}
		event = first[0](RL_INFO);
		RL_ASSERT(event == (uint32_t)e->reader.acked);
		if (sluice_spsc_release(&e->reader, 1))
			ring(producer(i));
		return true;
	}

	void consume()
	{
		uint32_t steps_left = producers * (total + 1);

		while (steps_left != 0) {
			uint32_t before = steps_left;

			for (uint32_t i = 0; i < producers; i++)
				steps_left -= consume_from(i);
			if (steps_left == before)
				park(consumer(), has_event, this);
		}
		for (uint32_t i = 0; i < producers; i++)
			RL_ASSERT(edges[i].reader.acked == total);
	}
};

/* A thread that is away left its bell to another, who waits for @total grants on
 * its behalf and sleeps on a bell of its own. */
template <uint32_t total, bool chance = true>
struct relays : rl::test_suite<relays<total, chance>, 2> {
	struct machine machine;
	struct sluice_bell bells[2]; /* the sleeper's, the other one's */
	struct edge edge;

	void before()
	{
		struct sluice_credit credit = {total, total - 1, 1, 1};

		machine_open(&machine, 1, chance);
		machine.first = &bells[0];
		bells[0].relay = 0;
		bells[0].armings = bells[1].armings = 0;
		bells[1].relay = 1;
		sluice_spsc_writer_attach(&edge.writer, &edge.tx, &edge.rx,
					  edge.slots, total, 1);
		sluice_spsc_reader_attach(&edge.reader, &edge.tx, &edge.rx,
					  edge.slots, total, 1, &credit);
	}

	void after()
	{
		machine.sleepers[0].futex.close();
	}

	static int was_rung(void *ctx)
	{
		return !sluice_bell_relayed(&((struct relays *)ctx)->bells[1]);
	}

	void thread(unsigned index)
	{
		if (index == 0) {
			for (uint32_t n = 1; n <= total; n++) {
				(void)sluice_spsc_grant(&edge.reader, n);
				sluice_bell_ring(&bells[1], &machine.ops);
			}
			return;
		}
		while (sluice_spsc_refresh(&edge.writer) < total) {
			sluice_bell_relay(&bells[1], &machine.ops);
			if (sluice_spsc_refresh(&edge.writer) < total)
				(void)sluice_bell_park(&bells[0], &machine.ops,
						       was_rung, this, NEVER);
		}
	}
};

/* A thread that sleeps on many things waits for @total grants on a descriptor: it
 * clears that, arms its bell, looks, and polls. @told: it clears it only where somebody
 * has rung, or it was readable, since the last time. */
template <uint32_t total, bool told = false, bool chance = true>
struct polls : rl::test_suite<polls<total, told, chance>, 2> {
	struct machine machine;
	struct polled polled;
	struct sluice_bell bell;
	struct edge edge;

	void before()
	{
		struct sluice_credit credit = {total, total - 1, 1, 1};

		machine_open(&machine, 0, chance);
		polled.open();
		machine.polled = &polled;
		bell.relay = 0;
		bell.armings = 0;
		bell.fd = 1;
		sluice_store_relaxed(&bell.parked, 0u);
		sluice_spsc_writer_attach(&edge.writer, &edge.tx, &edge.rx,
					  edge.slots, total, 1);
		sluice_spsc_reader_attach(&edge.reader, &edge.tx, &edge.rx,
					  edge.slots, total, 1, &credit);
	}

	void after()
	{
		polled.close();
	}

	void thread(unsigned index)
	{
		uint64_t credit;
		bool unread = false;

		if (index == 0) {
			for (uint32_t n = 1; n <= total; n++) {
				(void)sluice_spsc_grant(&edge.reader, n);
				sluice_bell_ring(&bell, &machine.ops);
			}
			return;
		}
		while ((credit = sluice_spsc_refresh(&edge.writer)) < total) {
			if (!told || unread)
				polled.clear();
			unread = false;
			if (!sluice_bell_arm(&bell, 1, &machine.ops)) {
				rl::yield(1, RL_INFO);
				continue;
			}
			if (sluice_spsc_refresh(&edge.writer) == credit)
				polled.poll();
			else if (!told)
				(void)sluice_bell_disarm(&bell);
			/* One who rang may not have written yet. */
			if (told &&
			    (sluice_bell_disarm(&bell) != 0 || polled.look()))
				unread = true;
		}
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 200000);

	/* Two threads: few schedules are many. */
	model_random<relays<1>>("wait, a relayed bell", {range.first, 20000});
	model_random<relays<2>>("wait, a relayed bell", {range.first, 20000});
	model_random<polls<1>>("wait, a descriptor", {range.first, 20000});
	model_random<polls<2>>("wait, a descriptor", {range.first, 20000});
	model_random<polls<2, true>>("wait, a descriptor cleared by need",
				     {range.first, 20000});
	model_random<bells<1, 4, 3>>("wait, only the consumer", range);
	model_random<bells<1, 1, 3>>("wait, both ends", range);
	model_random<bells<2, 1, 2>>("wait, two producers", range);
	model_bounded<bells<1, 1, 2, false>>("wait, both ends", 3);
	model_bounded<relays<2, false>>("wait, a relayed bell", 3);
	model_bounded<polls<2, false, false>>("wait, a descriptor", 3);
	model_bounded<polls<2, true, false>>(
		"wait, a descriptor cleared by need", 3);
	return 0;
}
