/* SPDX-License-Identifier: Apache-2.0 */
/* Ours: a parked flag that the other side loads, and a membarrier to set it. */
#include "bench/gbench/wait.h"
#include "ring/wait.h"

#define FAR_AWAY_NS INT64_C(1000000000)

uint64_t wait_published __attribute__((aligned(128)));

static struct sluice_bell bells[2] __attribute__((aligned(128)));

static void store_publish(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		__atomic_store_n(&wait_published, i, __ATOMIC_RELEASE);
}

static void bell_publish(uint64_t n)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();

	for (uint64_t i = 0; i < n; i++) {
		__atomic_store_n(&wait_published, i, __ATOMIC_RELEASE);
		sluice_bell_ring(&bells[0], ops);
	}
}

static void park_not(void *ctx, sluice_a32 *word, uint32_t expected,
		     uint64_t deadline_ns)
{
	(void)ctx;
	(void)word;
	(void)expected;
	(void)deadline_ns;
}

static int ready_never(void *ctx)
{
	(void)ctx;
	return 0;
}

static void bell_arm(uint64_t n)
{
	struct sluice_wait_ops ops = *sluice_wait_linux();

	ops.park = park_not;
	for (uint64_t i = 0; i < n; i++)
		(void)sluice_bell_park(&bells[0], &ops, ready_never, NULL,
				       ops.now_ns(ops.ctx) + FAR_AWAY_NS);
}

/* What a sleeper of a round trip waits for. */
struct bell_turn {
	const uint64_t *turn;
	uint64_t wanted;
};

static int bell_ready(void *ctx)
{
	const struct bell_turn *wait = ctx;

	return __atomic_load_n(wait->turn, __ATOMIC_ACQUIRE) >= wait->wanted;
}

static void bell_await(struct wait_pair *pair, struct sluice_bell *bell,
		       uint64_t wanted)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	struct bell_turn wait = {&pair->turn, wanted};

	while (!bell_ready(&wait))
		(void)sluice_bell_park(bell, ops, bell_ready, &wait,
				       ops->now_ns(ops->ctx) + FAR_AWAY_NS);
}

static void bell_first(void *arg)
{
	struct wait_pair *pair = arg;
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	int64_t *trip = pair->trips_ns;

	for (uint64_t turn = 0; turn < pair->last; turn += 2) {
		int64_t began_ns = bench_now_ns();

		__atomic_store_n(&pair->turn, turn + 1, __ATOMIC_RELEASE);
		sluice_bell_ring(&bells[1], ops);
		bell_await(pair, &bells[0], turn + 2);
		*trip++ = bench_now_ns() - began_ns;
	}
}

static void bell_second(void *arg)
{
	struct wait_pair *pair = arg;
	const struct sluice_wait_ops *ops = sluice_wait_linux();

	for (uint64_t turn = 0; turn < pair->last; turn += 2) {
		bell_await(pair, &bells[1], turn + 1);
		__atomic_store_n(&pair->turn, turn + 2, __ATOMIC_RELEASE);
		sluice_bell_ring(&bells[0], ops);
	}
}

const struct wait_way wait_store = {"store", store_publish, NULL, NULL, NULL};
const struct wait_way wait_bell = {"bell", bell_publish, bell_arm, bell_first,
				   bell_second};
