/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/run/helm_priv.h: a worker that sleeps is helped, one thread at a time steps its
 * stages, and no wake-up is lost.
 *
 * What the stages have is a plain variable of whoever has the helm: two holders at once,
 * or one who does not see what the other has done, are a data race. The worker ends
 * when all has been done; if it sleeps then, or while something is left, that is a
 * deadlock, and relacy reports it. Parking is as in wait.cc.
 */
/* Whoever looks first meets no helper that it would have to wait for. */
#define HELM_LOOKS 0u
#include "kernel.h"
#include "engine/run/helm_priv.h"

/* Those who bring something for the worker: one rings, the others help. */
static const uint32_t RINGER = 0;

struct helm_machine {
	struct sluice_bell bell;
	sluice_a32 helm;
	struct queue asleep;  /* on the bell */
	struct queue waiting; /* on the helm */
	struct kernel kernel;
	struct sluice_wait_ops ops;
};

static uint64_t helm_now_ns(void *ctx)
{
	return ((struct helm_machine *)ctx)->kernel.now_ns();
}

static int helm_barrier(void *ctx)
{
	if (((struct helm_machine *)ctx)->kernel.refuses_now())
		return -1;
	model_membarrier();
	return 0;
}

static struct queue *helm_queue(struct helm_machine *m, const sluice_a32 *word)
{
	return word == &m->helm ? &m->waiting : &m->asleep;
}

static void helm_sleep(void *ctx, sluice_a32 *word, uint32_t expected,
		       uint64_t deadline_ns)
{
	struct helm_machine *m = (struct helm_machine *)ctx;

	if (deadline_ns == NEVER)
		helm_queue(m, word)->park(word, expected);
	else
		rl::yield(1, RL_INFO);
}

static void helm_wake(void *ctx, sluice_a32 *word)
{
	struct helm_machine *m = (struct helm_machine *)ctx;

	helm_queue(m, word)->wake();
}

static void helm_pause(void *ctx, uint32_t n)
{
	(void)ctx;
	(void)n;
	rl::yield(1, RL_INFO);
}

/* A ringer and @helpers, each with @total things for the worker. */
template <uint32_t helpers, uint32_t total, bool chance = true>
struct helms : rl::test_suite<helms<helpers, total, chance>, helpers + 2> {
	static const uint32_t SIDES = helpers + 1;
	static const uint32_t WORKER = helpers + 1;
	struct helm_machine m;
	sluice_a32 brought[SIDES];
	rl::var<uint32_t> taken[SIDES]; /* the holder's */

	void before()
	{
		struct sluice_wait_ops ops = {
			&m,         &m.kernel.fences, helm_now_ns, helm_barrier,
			helm_sleep, helm_wake,        helm_pause,  NULL,
			NULL};

		m.ops = ops;
		m.kernel.open(rl::rand(3), chance);
		m.bell.armings = 0;
		m.bell.relay = 0;
		m.asleep.open();
		m.waiting.open();
		for (uint32_t i = 0; i < SIDES; i++)
			taken[i](RL_INFO) = 0;
	}

	void after()
	{
		m.asleep.close();
		m.waiting.close();
		for (uint32_t i = 0; i < SIDES; i++)
			RL_ASSERT(taken[i](RL_INFO) == total);
	}

	bool is_done()
	{
		for (uint32_t i = 0; i < SIDES; i++)
			if (taken[i](RL_INFO) != total)
				return false;
		return true;
	}

	/* One round. Threads: the holder of the helm. */
	static int round(void *ctx)
	{
		struct helms *self = (struct helms *)ctx;
		int moved = 0;

		for (uint32_t i = 0; i < SIDES; i++) {
			uint32_t seen = sluice_load_acquire(&self->brought[i]);

			if (seen != self->taken[i](RL_INFO)) {
				self->taken[i](RL_INFO) = seen;
				moved = 1;
			}
		}
		return moved;
	}

	/* Returns true when nothing is left for the worker. */
	bool help()
	{
		bool hasty = chance && rl::rand(2) != 0;
		int moved;
		bool done;

		if (!helm_take(&m.helm))
			return false;
		/* The worker may come to wait for it. */
		while (chance && rl::rand(2) != 0)
			rl::yield(1, RL_INFO);
		do
			moved = round(this);
		while (moved && !hasty && !helm_is_waited_for(&m.helm));
		done = is_done(); /* it is the worker's to end */
		helm_return(&m.helm, &m.ops);
		return !moved && !done;
	}

	/* As help.c: who sleeps is owed, and helped or rung. */
	void bring(uint32_t side, uint32_t n)
	{
		bool owed;

		sluice_store_release(&brought[side], n);
		owed = side != RINGER && helm_is_free(&m.helm) &&
		       (sluice_load_relaxed(&m.bell.parked) &
			SLUICE_BELL_STATE) == SLUICE_BELL_PARKED;
		if (!owed || !help())
			sluice_bell_ring(&m.bell, &m.ops);
	}

	void thread(unsigned index)
	{
		if (index < WORKER) {
			for (uint32_t n = 1; n <= total; n++)
				bring(index, n);
			return;
		}
		while (!is_done())
			if (!round(this))
				(void)helm_park(&m.helm, &m.bell, &m.ops, round,
						this, NEVER);
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 100000);

	model_random<helms<1, 2>>("helm, a ringer and a helper", range);
	model_random<helms<2, 1>>("helm, a ringer and two helpers", range);
	model_bounded<helms<1, 1, false>>("helm, a ringer and a helper", 3);
	return 0;
}
