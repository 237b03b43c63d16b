/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/far.h: no wake-up is lost between two processes, in either direction.
 *
 * An engine with a worker and a thread that answers signals, and a peer of one
 * thread. The worker sleeps on its own bell and is rung by signals; the peer
 * sleeps on a word of the engine's and is rung there. One of the two produces,
 * the other consumes. A sleeper has no deadline, so a wake-up that never comes is
 * a deadlock; nothing wakes by itself. Each schedule chooses how fences work: the
 * engine's sleeper, the peer's, each with full fences, with membarrier, or until
 * it is refused; and whether the peer has registered.
 */
#include "kernel.h"
#include "ring/far.h"
#include "ring/spsc.h"
#include "copier.h"

static const uint32_t CAPACITY = 1;

/* A process: what it shows to others, and how its threads sleep. */
struct process {
	struct sluice_bell bell;
	struct kernel kernel;
	struct sluice_wait_ops ops;
	struct sluice_far_ops far;
	struct queue queue;
	const struct process *other;
	bool registered;
	sluice_a32 rung; /* what it rings the other by */
	/* What the other rings it by, an eventfd. */
	struct queue poll;
	uint32_t signals;
	bool over;
	/* What one of its threads polls. */
	struct queue descriptor;
	bool readable;
};

static uint64_t process_now_ns(void *ctx)
{
	return ((struct process *)ctx)->kernel.now_ns();
}

/* It reaches the threads of those that have registered. Its own have nothing that
 * a fence would have to order: the signal carries what they look at. */
static int process_barrier(void *ctx)
{
	struct process *p = (struct process *)ctx;

	if (p->kernel.refuses_now())
		return -1;
	if (p->other->registered)
		model_membarrier();
	else
		sluice_fence_full();
	return 0;
}

static void process_park(void *ctx, sluice_a32 *word, uint32_t expected,
			 uint64_t deadline_ns)
{
	if (deadline_ns == NEVER)
		((struct process *)ctx)->queue.park(word, expected);
	else
		rl::yield(1, RL_INFO);
}

static void process_wake(void *ctx, sluice_a32 *word)
{
	(void)word;
	((struct process *)ctx)->queue.wake();
}

static void process_notify(void *ctx, int fd)
{
	struct process *p = (struct process *)ctx;

	(void)fd;
	p->descriptor.lock.lock(RL_INFO);
	p->readable = true;
	p->descriptor.sleepers.notify_all(RL_INFO);
	p->descriptor.lock.unlock(RL_INFO);
}

static void process_clear(struct process *p)
{
	p->descriptor.lock.lock(RL_INFO);
	p->readable = false;
	p->descriptor.lock.unlock(RL_INFO);
}

static void process_await(struct process *p)
{
	p->descriptor.lock.lock(RL_INFO);
	while (!p->readable)
		p->descriptor.sleepers.wait(p->descriptor.lock, false, RL_INFO);
	p->descriptor.lock.unlock(RL_INFO);
}

static void far_park(void *ctx, const sluice_a32 *rung, uint32_t seen,
		     const sluice_a32 *parked, uint32_t armed,
		     uint64_t deadline_ns)
{
	if (deadline_ns == NEVER)
		((struct process *)ctx)->queue.park(rung, seen, parked, armed);
	else
		rl::yield(1, RL_INFO);
}

/* A process wakes the other one's sleepers. */
static void far_wake(void *ctx, sluice_a32 *rung)
{
	(void)rung;
	const_cast<struct process *>(((struct process *)ctx)->other)
		->queue.wake();
}

static void far_signal(void *ctx, int fd)
{
	struct process *to =
		const_cast<struct process *>(((struct process *)ctx)->other);

	(void)fd;
	to->poll.lock.lock(RL_INFO);
	to->signals++;
	to->poll.sleepers.notify_all(RL_INFO);
	to->poll.lock.unlock(RL_INFO);
}

static int far_take(void *ctx, int fd)
{
	struct process *p = (struct process *)ctx;
	uint32_t taken;

	(void)fd;
	p->poll.lock.lock(RL_INFO);
	taken = p->signals;
	p->signals = 0;
	p->poll.lock.unlock(RL_INFO);
	return taken != 0;
}

/* Until it is signalled; returns false when no signal is to come. */
static bool process_poll(struct process *p)
{
	bool more;

	p->poll.lock.lock(RL_INFO);
	while (p->signals == 0 && !p->over)
		p->poll.sleepers.wait(p->poll.lock, false, RL_INFO);
	more = p->signals != 0;
	p->poll.lock.unlock(RL_INFO);
	return more;
}

static void process_end(struct process *p)
{
	p->poll.lock.lock(RL_INFO);
	p->over = true;
	p->poll.sleepers.notify_all(RL_INFO);
	p->poll.lock.unlock(RL_INFO);
}

/* @how: as the kernel's. */
static void process_open(struct process *p, const struct process *other,
			 uint32_t how, bool chance)
{
	struct sluice_wait_ops ops = {p,
				      &p->kernel.fences,
				      process_now_ns,
				      process_barrier,
				      process_park,
				      process_wake,
				      NULL,
				      NULL,
				      process_notify};
	struct sluice_far_ops far = {p, far_wake, far_park, far_signal,
				     far_take};

	p->ops = ops;
	p->far = far;
	p->other = other;
	p->registered = how != 0 || rl::rand(2) != 0;
	p->signals = 0;
	p->over = false;
	p->bell.relay = 0;
	p->bell.armings = 0;
	p->kernel.open(how, chance);
	p->bell.fd = 1;
	p->readable = false;
	p->queue.open();
	p->poll.open();
	p->descriptor.open();
}

static void process_close(struct process *p)
{
	p->queue.close();
	p->poll.close();
	p->descriptor.close();
}

static struct sluice_far_bell far_bell(struct process *from,
				       const struct process *to, bool by_rung)
{
	struct sluice_far_bell bell = {&to->bell.parked,
				       &to->kernel.fences,
				       &from->far,
				       by_rung ? &from->rung : NULL,
				       -1,
				       from->registered,
				       0};

	return bell;
}

/* The engine and a peer; the peer sleeps, and the engine rings it. */
struct two_processes {
	struct process engine;
	struct process peer;
	struct sluice_far_bell to_peer;
	struct sluice_far_sleeper sleeper;

	void open(bool chance)
	{
		struct sluice_far_sleeper s = {&peer.bell, &engine.rung,
					       &peer.far, &peer.ops};

		process_open(&engine, &peer, rl::rand(3), chance);
		process_open(&peer, &engine, rl::rand(3), chance);
		to_peer = far_bell(&engine, &peer, true);
		sleeper = s;
	}

	void close()
	{
		process_close(&engine);
		process_close(&peer);
	}
};

/* An edge between the two, and what each of its ends does to sleep and to ring. */
template <uint32_t total, bool peer_produces, bool chance>
struct apart : rl::test_suite<apart<total, peer_produces, chance>, 3>,
	       two_processes {
	struct sluice_far_bell to_engine; /* the peer's */
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	sluice_slot slots[CAPACITY];
	struct sluice_spsc_writer writer;
	struct sluice_spsc_reader reader;
	uint32_t ended;

	void before()
	{
		struct sluice_credit credit = {CAPACITY, CAPACITY - 1, 1, 1};

		open(chance);
		to_engine = far_bell(&peer, &engine, false);
		ended = 0;
		sluice_spsc_writer_attach(&writer, &tx, &rx, slots, CAPACITY,
					  1);
		sluice_spsc_reader_attach(&reader, &tx, &rx, slots, CAPACITY, 1,
					  &credit);
		(void)sluice_spsc_release(&reader, 0);
	}

	void after()
	{
		close();
	}

	void thread(unsigned index)
	{
		struct sluice_bell *bell = &engine.bell;

		if (index == 2) {
			while (process_poll(&engine))
				(void)sluice_far_answer(&engine.far, -1, &bell,
							1, &engine.ops);
			return;
		}
		/* 0 is the worker, 1 the peer. */
		if ((index == 1) == peer_produces)
			produce(index == 1);
		else
			consume(index == 1);
		/* Whoever ends last ends the third. relacy switches threads
		 * only at an access to a word. */
		if (++ended == 2)
			process_end(&engine);
	}

	void park(bool far, int (*ready)(void *))
	{
		if (far)
			(void)sluice_far_park(&sleeper, ready, this, NEVER);
		else
			(void)sluice_bell_park(&engine.bell, &engine.ops, ready,
					       this, NEVER);
	}

	void ring(bool far)
	{
		(void)sluice_far_ring(far ? &to_engine : &to_peer);
	}

	static int has_credit(void *ctx)
	{
		return sluice_spsc_refresh(&((struct apart *)ctx)->writer) != 0;
	}

	static int has_event(void *ctx)
	{
		const sluice_slot *first;

		return sluice_spsc_peek(&((struct apart *)ctx)->reader, 1,
					&first) != 0;
	}

	void produce(bool far)
	{
		sluice_private event;

		while (writer.reserved < total) {
			if (sluice_spsc_credit(&writer) == 0 &&
			    sluice_spsc_refresh(&writer) == 0) {
				park(far, has_credit);
				continue;
			}
			event = (uint32_t)writer.reserved;
			sluice_spsc_write(&writer, &event, 1);
			sluice_spsc_publish(&writer);
			ring(far);
		}
	}

	void consume(bool far)
	{
		const sluice_slot *first;

		while (reader.acked < total) {
			if (sluice_spsc_peek(&reader, 1, &first) == 0) {
				park(far, has_event);
				continue;
			}
			RL_ASSERT(first[0](RL_INFO) == (uint32_t)reader.acked);
			if (sluice_spsc_release(&reader, 1))
				ring(far);
		}
	}
};

/* The peer waits for @total grants of the engine's and for one of a thread of its
 * own, which rings its bell as a neighbour. */
template <uint32_t total, bool chance>
struct both : rl::test_suite<both<total, chance>, 3>, two_processes {
	sluice_a32 granted[2];
	uint32_t last; /* how much it has seen of both */

	void before()
	{
		open(chance);
		/* Its own threads are what the barrier is for, too. */
		engine.registered = true;
		to_peer = far_bell(&engine, &peer, true);
		last = 0;
	}

	void after()
	{
		close();
	}

	uint32_t seen()
	{
		return sluice_load_acquire(&granted[0]) +
		       (total + 1) * sluice_load_acquire(&granted[1]);
	}

	static int is_new(void *ctx)
	{
		struct both *b = (struct both *)ctx;

		return b->seen() != b->last;
	}

	void thread(unsigned index)
	{
		if (index == 0) {
			for (uint32_t n = 1; n <= total; n++) {
				sluice_store_release(&granted[0], n);
				(void)sluice_far_ring(&to_peer);
			}
		} else if (index == 1) {
			sluice_store_release(&granted[1], 1u);
			sluice_bell_ring(&peer.bell, &peer.ops);
		} else {
			while ((last = seen()) < 2 * total + 1)
				(void)sluice_far_park(&sleeper, is_new, this,
						      NEVER);
		}
	}
};

/* The peer waits for @total grants, now in a call, where it sleeps on the engine's word,
 * and now on a descriptor, which a thread of its own makes readable when the engine has
 * signalled. Each time the engine finds out which it is, or that nobody is there. */
template <uint32_t total, bool chance>
struct either : rl::test_suite<either<total, chance>, 3>, two_processes {
	sluice_a32 granted;
	uint32_t last; /* how much it has seen */

	void before()
	{
		open(chance);
		last = 0;
	}

	void after()
	{
		close();
	}

	static int is_new(void *ctx)
	{
		struct either *e = (struct either *)ctx;

		return sluice_load_acquire(&e->granted) != e->last;
	}

	void poll()
	{
		process_clear(&peer);
		if (!sluice_bell_arm(&peer.bell, 1, &peer.ops))
			rl::yield(1, RL_INFO);
		else if (is_new(this))
			(void)sluice_bell_disarm(&peer.bell);
		else
			process_await(&peer);
	}

	void thread(unsigned index)
	{
		struct sluice_bell *bell = &peer.bell;

		if (index == 0) {
			for (uint32_t n = 1; n <= total; n++) {
				sluice_store_release(&granted, n);
				(void)sluice_far_ring(&to_peer);
			}
		} else if (index == 1) {
			while ((last = sluice_load_acquire(&granted)) < total)
				if (rl::rand(2) != 0)
					poll();
				else
					(void)sluice_far_park(&sleeper, is_new,
							      this, NEVER);
			process_end(&peer);
		} else {
			while (process_poll(&peer))
				(void)sluice_far_answer(&peer.far, -1, &bell, 1,
							&peer.ops);
		}
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 100000);

	model_random<apart<2, true, true>>("far, the peer produces", range);
	model_random<apart<2, false, true>>("far, the engine produces", range);
	model_random<both<2, true>>("far, rung from both sides", range);
	model_random<either<2, true>>("far, in a call or on a descriptor",
				      range);
	model_bounded<apart<1, true, false>>("far, the peer produces", 2);
	model_bounded<apart<1, false, false>>("far, the engine produces", 2);
	return 0;
}
