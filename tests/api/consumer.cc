// SPDX-License-Identifier: Apache-2.0
// The public headers are C++17, and the rings work from it. With C++20 the option
// macros do, too; before that there are the functions sluice_..._opts_init().
// All of it as a static object whose constructor runs a pipeline before main(),
// and so perhaps before whatever the library would want to do at its load.
extern "C" { // as some do with headers of C
#include <sluice/ring/broadcast.h>
#include <sluice/ring/counter.h>
#include <sluice/ring/region.h>
#include <sluice/ring/wait.h>
#include <sluice/sluice.h>
}

#include <cstdio>
#include <cstring>

#define LAST 10000u

static int count(sluice_stage *self, uint32_t demand)
{
	auto *next = static_cast<uint64_t *>(sluice_stage_state(self));
	auto *out = static_cast<uint64_t *>(sluice_emit(self, demand));

	for (uint32_t i = 0; i < demand; i++)
		out[i] = (*next)++;
	return *next < LAST ? SLUICE_OK : SLUICE_END;
}

static int add(sluice_stage *self, const sluice_batch *batch)
{
	auto *sum = static_cast<uint64_t *>(sluice_stage_state(self));

	for (uint32_t i = 0; i < batch->count; i++)
		*sum += SLUICE_EVENTS(batch, uint64_t)[i];
	return SLUICE_OK;
}

static int work(sluice_task *task, const void *event)
{
	auto *sum = static_cast<uint64_t *>(sluice_task_ctx(task));

	__atomic_fetch_add(sum, *static_cast<const uint64_t *>(event),
			   __ATOMIC_RELAXED);
	return 0;
}

// A strategy of one's own: all to the first that has credit.
struct sluice_first {
	uint32_t unused;
};

static void sluice_first_init(sluice_first *, const sluice_lanes *,
			      const sluice_dispatch_opts *)
{
}

static uint64_t sluice_first_placeable(const sluice_first *,
				       const sluice_lanes *lanes)
{
	return sluice_lanes_sum(lanes);
}

static uint32_t sluice_first_pick(sluice_first *, sluice_lanes *lanes,
				  const sluice_events *events, sluice_run *runs,
				  uint32_t *n_runs)
{
	uint32_t placed = 0;

	for (uint32_t i = 0; i < lanes->count && placed < events->count; i++) {
		uint64_t credit = lanes->lane[i].credit;
		uint32_t n = events->count - placed;

		if (credit == 0)
			continue;
		if (credit < n)
			n = static_cast<uint32_t>(credit);
		sluice_lane_take(lanes, i, n);
		sluice_run_add(runs, n_runs, i, n);
		placed += n;
	}
	return placed;
}

SLUICE_STRATEGY_FREE_MEMBERS(first)

static const char *sluice_first_verify(const sluice_first *,
				       const sluice_lanes *lanes)
{
	return sluice_lanes_verify(lanes);
}

SLUICE_STRATEGY_TABLE(first, SLUICE_RINGS_SEPARATE, 0, "the first");

struct program {
	uint64_t next = 0;
	uint64_t sum = 0;
	uint64_t tasks = 0;
	int rc;

	program();
	int declare(sluice_pipeline **p, sluice_spawn **spawn);
};

#if __cplusplus >= 202002L
int program::declare(sluice_pipeline **p, sluice_spawn **spawn)
{
	if (sluice_pipeline_open(p, SLUICE_PIPELINE()) < 0)
		return -1;
	sluice_pipeline_close(*p);
	return sluice_pipeline_open(
		       p, SLUICE_PIPELINE(.name = "cxx", .workers = 2)) ||
	       sluice_stage_add(
		       *p,
		       SLUICE_STAGE(.name = "counter", .kind = SLUICE_PRODUCER,
				    .out_bytes = sizeof(uint64_t),
				    .state = &next, .handle_demand = count,
				    .strategy = &sluice_first_strategy,
				    .cpu = SLUICE_CPU(0))) ||
	       sluice_stage_add(*p, SLUICE_STAGE(.name = "adder",
						 .kind = SLUICE_CONSUMER,
						 .in_bytes = sizeof(uint64_t),
						 .state = &sum,
						 .handle_events = add)) ||
	       sluice_spawn_add(*p,
				SLUICE_STAGE(.name = "tasks",
					     .in_bytes = sizeof(uint64_t)),
				SLUICE_SPAWN(.task = work, .ctx = &tasks,
					     .max_demand = 8,
					     .min_demand = SLUICE_MIN_ZERO),
				spawn) ||
	       sluice_subscribe(
		       *p, "adder", "counter",
		       SLUICE_SUBSCRIPTION(.max_demand = 100,
					   .min_demand = SLUICE_MIN_HALF)) ||
	       sluice_spawn_subscribe(*spawn, "counter", SLUICE_PERMANENT,
				      nullptr);
}
#else
int program::declare(sluice_pipeline **p, sluice_spawn **spawn)
{
	sluice_pipeline_opts pipeline;
	sluice_stage_opts producer;
	sluice_stage_opts consumer;
	sluice_stage_opts stage;
	sluice_spawn_opts pool;
	sluice_subscription_opts window;

	sluice_pipeline_opts_init(&pipeline);
	pipeline.name = "cxx";
	pipeline.workers = 2;
	sluice_stage_opts_init(&producer);
	producer.name = "counter";
	producer.kind = SLUICE_PRODUCER;
	producer.out_bytes = sizeof(uint64_t);
	producer.handle_demand = count;
	producer.state = &next;
	producer.strategy = &sluice_first_strategy;
	producer.cpu = SLUICE_CPU(0);
	sluice_stage_opts_init(&consumer);
	consumer.name = "adder";
	consumer.kind = SLUICE_CONSUMER;
	consumer.in_bytes = sizeof(uint64_t);
	consumer.handle_events = add;
	consumer.state = &sum;
	sluice_stage_opts_init(&stage);
	stage.name = "tasks";
	stage.in_bytes = sizeof(uint64_t);
	sluice_spawn_opts_init(&pool);
	pool.task = work;
	pool.ctx = &tasks;
	pool.max_demand = 8;
	pool.min_demand = SLUICE_MIN_ZERO;
	sluice_subscription_opts_init(&window);
	window.min_demand = SLUICE_MIN_HALF;
	return sluice_pipeline_open(p, &pipeline) ||
	       sluice_stage_add(*p, &producer) ||
	       sluice_stage_add(*p, &consumer) ||
	       sluice_spawn_add(*p, &stage, &pool, spawn) ||
	       sluice_subscribe(*p, "adder", "counter", &window) ||
	       sluice_spawn_subscribe(*spawn, "counter", SLUICE_PERMANENT,
				      nullptr);
}
#endif

// All of it is listed, with what it has carried.
static int listed(sluice_pipeline *p, uint64_t events)
{
	sluice_snapshot *now = nullptr;
	uint64_t carried = 0;
	int rc = sluice_pipeline_stat(p, &now);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < now->subscription_count; i++)
		if (now->subscriptions[i]->phase == SLUICE_SUB_ENDED)
			carried += now->subscriptions[i]->carried;
	rc = now->phase != SLUICE_PHASE_ENDED || now->stage_count != 3 ||
	     carried != events ||
	     sluice_snapshot_stage(now, "adder")->kind != SLUICE_CONSUMER ||
	     sluice_snapshot_subscription(now, now->subscriptions[0]->sub) !=
		     now->subscriptions[0];
	if (rc != 0)
		std::fprintf(stderr, "not listed as it was\n");
	sluice_snapshot_close(now);
	return rc;
}

program::program()
{
	sluice_pipeline *p = nullptr;
	sluice_spawn *spawn = nullptr;

	rc = declare(&p, &spawn) || sluice_pipeline_run(p) || listed(p, next);
	if (rc != 0)
		std::fprintf(stderr, "%s\n", sluice_last_error());
	sluice_pipeline_close(p);
}

static program before_main;

int main()
{
	const program &p = before_main;

	return p.rc == 0 && p.next >= LAST &&
			       p.sum + p.tasks == p.next * (p.next - 1) / 2 &&
			       std::strcmp(sluice_version(),
					   SLUICE_VERSION_STRING) == 0
		       ? 0
		       : 1;
}
