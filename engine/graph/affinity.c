/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stage runs on which worker, and which worker on which CPU. Stages that
 * name a CPU go there; stages that block get a thread of their own; the others
 * take the workers in turn, in the order they were declared, so that neighbours
 * in a chain land on different CPUs.
 */
#include "engine/graph/plan_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* About what two wake-ups cost. */
#define SPIN_US_DEFAULT 50u
/* What else can run on this CPU may have the work that it waits for. */
#define YIELDS 8u

struct placing {
	struct platform_cpus cpus;
	const uint32_t
		*list; /* to pin to, in turn; count 0: nothing is pinned */
	uint32_t count;
	uint32_t slots; /* workers that take turns */
	uint32_t first; /* of the list, this time */
	uint32_t alone; /* so many workers have a CPU to themselves */
	uint32_t turn;
	uint32_t running; /* the stages that were declared have their places */
};

/* "0-1,4": for the message that refuses a CPU. */
static void cpus_format(const struct platform_cpus *cpus, char *text,
			size_t bytes)
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < cpus->count;) {
		uint32_t last = i;
		int n;

		while (last + 1 < cpus->count &&
		       cpus->list[last + 1] == cpus->list[last] + 1)
			last++;
		n = snprintf(text + at, bytes - at,
			     last > i ? "%s%u-%u" : "%s%u", i ? "," : "",
			     cpus->list[i], cpus->list[last]);
		if (n < 0 || (size_t)n >= bytes - at)
			return;
		at += (size_t)n;
		i = last + 1;
	}
}

/* @who names @cpu. Where the kernel does not say which there are, it is tried. */
static int cpus_check(const struct platform_cpus *cpus, const char *what,
		      const char *who, uint32_t cpu)
{
	char text[128];

	for (uint32_t i = 0; i < cpus->count; i++)
		if (cpus->list[i] == cpu)
			return 0;
	if (cpus->count == 0)
		return 0;
	cpus_format(cpus, text, sizeof(text));
	return sluice_fail(-EINVAL,
			   "%s '%s': cpu %u does not exist or is not allowed "
			   "to this process; there are: %s",
			   what, who, cpu, text);
}

/* A vacant one, or one more; NULL: there are as many as can be. */
static struct worker *worker_add(struct sluice_pipeline *p, int cpu,
				 uint32_t replica)
{
	uint32_t count = pipeline_workers(p);
	struct worker *worker;
	uint32_t i;

	for (i = 0; i < count; i++)
		if (sluice_load_acquire(&p->workers[i].state) == WORKER_VACANT)
			break;
	if (i == p->workers_max)
		return NULL;
	worker = &p->workers[i];
	worker->pipeline = p;
	worker->cpu = cpu;
	worker->replica = replica;
	worker->blocking = 0;
	worker->foreign = 0;
	worker->count = 0;
	sluice_store_release(&worker->arriving, 0);
	sluice_store_release(&worker->load, 0);
	sluice_store_release(&worker->fresh, 1);
	sluice_store_release(&worker->state, WORKER_USED);
	if (i == count)
		sluice_store_release(&p->worker_count, count + 1);
	return worker;
}

/* The @replica-th polling worker of a CPU, or NULL. */
static struct worker *worker_find(struct sluice_pipeline *p, int cpu,
				  uint32_t replica)
{
	for (uint32_t i = 0; i < pipeline_workers(p); i++) {
		struct worker *worker = &p->workers[i];

		if (!worker->blocking && !worker->foreign &&
		    !(p->placing->running && worker_is_fresh(worker)) &&
		    worker->cpu == cpu && worker->replica == replica &&
		    sluice_load_acquire(&worker->state) == WORKER_USED &&
		    sluice_load_acquire(&worker->arriving) != WORKER_SHUT)
			return worker;
	}
	return NULL;
}

/* The same, made when first needed. */
static struct worker *worker_of_cpu(struct sluice_pipeline *p, int cpu,
				    uint32_t replica)
{
	struct worker *worker = worker_find(p, cpu, replica);

	return worker ? worker : worker_add(p, cpu, replica);
}

int affinity_room(struct worker *worker)
{
	/* Touched page by page, as stages come. */
	uint32_t room =
		worker->blocking || worker->foreign ? 1 : SLUICE_STAGES_MAX;

	if (worker->stages != NULL && worker->room >= room)
		return 0;
	free(worker->stages);
	worker->stages = calloc(room, sizeof(struct sluice_stage *));
	worker->room = worker->stages ? room : 0;
	return worker->stages ? 0 : -ENOMEM;
}

/* What others may look at at any time. */
static void worker_tell(struct worker *worker)
{
	sluice_store_relaxed(&worker->pinned,
			     worker->cpu == PLATFORM_CPU_ANY
				     ? 0
				     : (uint32_t)worker->cpu + 1);
}

static int worker_take(struct worker *worker, struct sluice_stage *stage)
{
	if (affinity_room(worker) < 0)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   stage->name);
	worker->stages[worker->count++] = stage;
	(void)sluice_fetch_add(&worker->load, 1);
	stage->worker = worker;
	return 0;
}

static uint64_t spin_most_ns(uint32_t spin_us)
{
	if (spin_us == SLUICE_SPIN_FOREVER)
		return SPIN_NS_FOREVER;
	if (spin_us == SLUICE_SPIN_NEVER)
		return 0;
	return (spin_us > 0 ? spin_us : SPIN_US_DEFAULT) * UINT64_C(1000);
}

/* Spinning is for workers that have a CPU to themselves: with more workers than
 * CPUs one that spins keeps the one it waits for from running. */
static void affinity_limit(const struct sluice_pipeline *p,
			   struct worker *worker, uint32_t polling)
{
	int sleeps = worker->blocking || p->opts.spin_us == SLUICE_SPIN_NEVER;
	int alone = !sleeps && polling <= p->placing->alone;

	worker->spin = (struct worker_spin){
		.most_ns = alone ? spin_most_ns(p->opts.spin_us) : 0,
		.yields = sleeps ? 0 : YIELDS,
	};
}

/* How many workers poll. */
static uint32_t affinity_polling(const struct sluice_pipeline *p)
{
	uint32_t polling = 0;

	for (uint32_t i = 0; i < pipeline_workers(p); i++)
		polling += !p->workers[i].blocking && !p->workers[i].foreign &&
			   sluice_load_acquire(&p->workers[i].state) ==
				   WORKER_USED;
	return polling;
}

/* How many stages take turns. */
static uint32_t placing_stages(const struct sluice_pipeline *p)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		const struct sluice_stage_opts *o = &p->stages[i]->opts;

		count += !stage_is_port(p->stages[i]) && !o->blocking &&
			 o->cpu == 0;
	}
	return count;
}

/* Every pipeline takes the CPUs in turn, from where the last one ended. */
static void placing_spread(struct sluice_pipeline *p, struct placing *placing)
{
	const struct platform *platform = p->platform;
	uint32_t workers = placing_stages(p);

	if (workers > placing->slots)
		workers = placing->slots;
	placing->list = placing->cpus.list;
	placing->count = placing->cpus.count;
	if (placing->count > 0)
		placing->first = platform->turns(platform->ctx, workers) %
				 placing->count;
	else
		host_log(&p->host,
			 "pipeline '%s': the kernel does not say which "
			 "CPUs this process may use (%s): workers are not "
			 "pinned",
			 p->name, sluice_errno_text(placing->cpus.refused));
}

static int placing_open(struct sluice_pipeline *p, struct placing *placing)
{
	struct platform_cpus *cpus = &placing->cpus;
	int rc = 0;

	p->platform->cpus(p->platform->ctx, cpus);
	placing->alone = cpus->time;
	p->cpu_time = cpus->time;
	if (p->pin.mode == PIN_LIST && p->pin.count < placing->alone)
		placing->alone = p->pin.count;
	placing->slots = p->opts.workers ? p->opts.workers : placing->alone;
	if (p->pin.mode == PIN_SPREAD) {
		placing_spread(p, placing);
	} else if (p->pin.mode == PIN_LIST) {
		placing->list = p->pin.cpus;
		placing->count = p->pin.count;
		for (uint32_t i = 0; rc == 0 && i < p->pin.count; i++)
			rc = cpus_check(cpus, "pipeline", p->name,
					p->pin.cpus[i]);
	}
	return rc;
}

/* The CPU, or none, and the replica of those who take turns. */
static int placing_cpu(const struct placing *placing, uint32_t slot,
		       uint32_t *replica)
{
	*replica = placing->count > 0 ? slot / placing->count : slot;
	return placing->count > 0 ? (int)placing->list[(placing->first + slot) %
						       placing->count]
				  : PLATFORM_CPU_ANY;
}

/* While the pipeline runs workers lose stages: whose turn it is of those that have
 * fewest. */
static uint32_t placing_least(struct sluice_pipeline *p,
			      const struct placing *placing)
{
	uint32_t least = UINT32_MAX;
	uint32_t best = 0;

	for (uint32_t k = 0; k < placing->slots && least > 0; k++) {
		uint32_t slot = (placing->turn + k) % placing->slots;
		const struct worker *worker;
		uint32_t replica;
		uint32_t load;
		int cpu = placing_cpu(placing, slot, &replica);

		worker = worker_find(p, cpu, replica);
		/* Relaxed: a hint. */
		load = worker ? sluice_load_relaxed(&worker->load) : 0;
		if (load < least) {
			least = load;
			best = slot;
		}
	}
	return best;
}

/* The worker whose turn it is. */
static struct worker *placing_next(struct sluice_pipeline *p,
				   struct placing *placing)
{
	uint32_t slot = placing->running ? placing_least(p, placing)
					 : placing->turn % placing->slots;
	uint32_t replica;
	int cpu = placing_cpu(placing, slot, &replica);

	placing->turn = slot + 1;
	return worker_of_cpu(p, cpu, replica);
}

/* The worker that @stage goes to, in *out; new ones have no room yet. */
static int placing_choose(struct sluice_pipeline *p,
			  const struct sluice_stage *stage, struct worker **out)
{
	struct placing *placing = p->placing;
	struct worker *worker;

	if (stage_is_port(stage)) {
		worker = worker_add(p, PLATFORM_CPU_ANY, 0);
		if (worker != NULL)
			worker->foreign = 1;
	} else if (stage->opts.blocking) {
		worker = worker_add(p, PLATFORM_CPU_ANY, 0);
		if (worker != NULL)
			worker->blocking = 1;
	} else if (stage->opts.cpu) {
		int rc = cpus_check(&placing->cpus, "stage", stage->name,
				    stage->opts.cpu - 1);

		if (rc < 0)
			return rc;
		worker = worker_of_cpu(p, (int)stage->opts.cpu - 1, 0);
	} else {
		worker = placing_next(p, placing);
	}
	*out = worker;
	if (worker != NULL && worker_is_fresh(worker))
		worker_tell(worker);
	return worker ? 0
		      : sluice_fail(-ENOSPC,
				    "stage '%s': limit of %u workers and ports "
				    "that come while pipeline '%s' runs "
				    "reached",
				    stage->name, WORKERS_LATE_MAX, p->name);
}

int affinity_choose(struct sluice_pipeline *p, const struct sluice_stage *stage,
		    struct worker **out)
{
	uint32_t polling = affinity_polling(p);
	int rc = placing_choose(p, stage, out);

	/* One that is there keeps the limits that its thread reads. */
	if (rc == 0 && worker_is_fresh(*out))
		affinity_limit(p, *out, polling + 1);
	return rc;
}

int affinity_place(struct sluice_pipeline *p)
{
	uint32_t polling;
	int rc = 0;

	/* At most a worker per stage. */
	p->workers_max = p->given.bells != NULL
				 ? p->given.count - 1
				 : pipeline_stages(p) + WORKERS_LATE_MAX;
	p->placing = calloc(1, sizeof(*p->placing));
	p->workers = calloc(p->workers_max, sizeof(*p->workers));
	if (p->placing == NULL || p->workers == NULL)
		rc = sluice_fail(-ENOMEM, "pipeline '%s': no memory", p->name);
	if (rc == 0)
		rc = placing_open(p, p->placing);
	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++) {
		struct worker *worker;

		rc = placing_choose(p, p->stages[i], &worker);
		if (rc == 0)
			rc = worker_take(worker, p->stages[i]);
	}
	if (rc < 0)
		return rc;
	polling = affinity_polling(p);
	for (uint32_t i = 0; i < pipeline_workers(p); i++) {
		affinity_limit(p, &p->workers[i], polling);
		sluice_store_release(&p->workers[i].fresh, 0);
	}
	p->placing->running = 1;
	return 0;
}
