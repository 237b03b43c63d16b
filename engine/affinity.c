/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stage runs on which worker. Stages that name a CPU go there; stages
 * that block get a thread of their own; the others take the workers in turn, in
 * the order they were declared, so that neighbours in a chain land on different
 * CPUs.
 */
#include "engine/pipeline_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SPIN_ROUNDS_DEFAULT  64u
#define YIELD_ROUNDS_DEFAULT 8u

struct cpus {
	uint32_t list[PLATFORM_CPUS_MAX];
	uint32_t count;
};

/* "0-1,4": for the message that refuses a CPU. */
static void cpus_format(const struct cpus *cpus, char *text, size_t bytes)
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

static int cpus_check(const struct cpus *cpus, const struct sluice_stage *stage)
{
	char text[128];
	uint32_t cpu = stage->opts.cpu - 1;

	for (uint32_t i = 0; i < cpus->count; i++)
		if (cpus->list[i] == cpu)
			return 0;
	cpus_format(cpus, text, sizeof(text));
	return sluice_fail(-EINVAL,
			   "stage '%s': cpu %u does not exist or is not "
			   "allowed to this process; there are: %s",
			   stage->name, cpu, text);
}

static struct worker *worker_add(struct sluice_pipeline *p, int cpu,
				 uint32_t replica)
{
	struct worker *worker = &p->workers[p->worker_count++];

	worker->pipeline = p;
	worker->cpu = cpu;
	worker->replica = replica;
	return worker;
}

/* The @replica-th polling worker of a CPU, made when first needed. */
static struct worker *worker_of_cpu(struct sluice_pipeline *p, int cpu,
				    uint32_t replica)
{
	for (uint32_t i = 0; i < p->worker_count; i++)
		if (!p->workers[i].blocking && !p->workers[i].foreign &&
		    p->workers[i].cpu == cpu &&
		    p->workers[i].replica == replica)
			return &p->workers[i];
	return worker_add(p, cpu, replica);
}

static int worker_take(struct worker *worker, struct sluice_stage *stage)
{
	struct sluice_stage **stages =
		realloc(worker->stages,
			(worker->count + 1) * sizeof(struct sluice_stage *));

	if (stages == NULL)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   stage->name);
	stages[worker->count++] = stage;
	worker->stages = stages;
	worker->live = worker->count;
	stage->worker = worker;
	return 0;
}

static uint32_t rounds(uint32_t option, uint32_t preset)
{
	if (option == UINT32_MAX)
		return 0;
	return option ? option : preset;
}

/* Spinning is for workers that have a CPU to themselves: with more workers than
 * CPUs one that spins keeps the one it waits for from running. */
static void affinity_limits(struct sluice_pipeline *p, uint32_t cpus)
{
	uint32_t polling = 0;

	for (uint32_t i = 0; i < p->worker_count; i++)
		polling += !p->workers[i].blocking && !p->workers[i].foreign;
	for (uint32_t i = 0; i < p->worker_count; i++) {
		struct worker *worker = &p->workers[i];
		int alone = !worker->blocking && polling <= cpus;

		worker->limits.spin_rounds =
			alone ? rounds(p->opts.spin_rounds, SPIN_ROUNDS_DEFAULT)
			      : 0;
		worker->limits.yield_rounds =
			worker->blocking ? 0
					 : rounds(p->opts.yield_rounds,
						  YIELD_ROUNDS_DEFAULT);
	}
}

static int affinity_place_stage(struct sluice_pipeline *p,
				const struct cpus *cpus,
				struct sluice_stage *stage, uint32_t *turn)
{
	uint32_t slots = p->opts.workers ? p->opts.workers : cpus->count;
	struct worker *worker;

	if (stage->opts.flags & SLUICE_STAGE_PORT) {
		worker = worker_add(p, PLATFORM_CPU_ANY, 0);
		worker->foreign = 1;
	} else if (stage->opts.blocking) {
		worker = worker_add(p, PLATFORM_CPU_ANY, 0);
		worker->blocking = 1;
	} else if (stage->opts.cpu) {
		int rc = cpus_check(cpus, stage);

		if (rc < 0)
			return rc;
		worker = worker_of_cpu(p, (int)stage->opts.cpu - 1, 0);
	} else {
		uint32_t slot = (*turn)++ % slots;

		worker = worker_of_cpu(p, (int)cpus->list[slot % cpus->count],
				       slot / cpus->count);
	}
	return worker_take(worker, stage);
}

int affinity_place(struct sluice_pipeline *p)
{
	struct cpus cpus;
	uint32_t turn = 0;

	cpus.count = p->platform->cpus(p->platform->ctx, cpus.list,
				       PLATFORM_CPUS_MAX);
	if (cpus.count == 0)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': no CPU is allowed to this "
				   "process",
				   p->name);
	/* At most a worker per stage. */
	p->workers = calloc(p->stage_count, sizeof(*p->workers));
	if (p->workers == NULL)
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory",
				   p->name);
	for (uint32_t i = 0; i < p->stage_count; i++) {
		int rc = affinity_place_stage(p, &cpus, p->stages[i], &turn);

		if (rc < 0)
			return rc;
	}
	affinity_limits(p, cpus.count);
	return 0;
}
