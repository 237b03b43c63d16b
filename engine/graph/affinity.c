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

#define SPIN_ROUNDS_DEFAULT  64u
#define YIELD_ROUNDS_DEFAULT 8u

struct placing {
	struct platform_cpus cpus;
	const uint32_t
		*list; /* to pin to, in turn; count 0: nothing is pinned */
	uint32_t count;
	uint32_t slots; /* workers that take turns */
	uint32_t first; /* of the list, this time */
	uint32_t alone; /* so many workers have a CPU to themselves */
	uint32_t turn;
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

/* How many stages take turns. */
static uint32_t placing_stages(const struct sluice_pipeline *p)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < p->stage_count; i++) {
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

/* The worker whose turn it is. */
static struct worker *placing_next(struct sluice_pipeline *p,
				   struct placing *placing)
{
	uint32_t slot = placing->turn++ % placing->slots;
	uint32_t at;

	if (placing->count == 0)
		return worker_of_cpu(p, PLATFORM_CPU_ANY, slot);
	at = (placing->first + slot) % placing->count;
	return worker_of_cpu(p, (int)placing->list[at], slot / placing->count);
}

static int affinity_place_stage(struct sluice_pipeline *p,
				struct placing *placing,
				struct sluice_stage *stage)
{
	struct worker *worker;

	if (stage_is_port(stage)) {
		worker = worker_add(p, PLATFORM_CPU_ANY, 0);
		worker->foreign = 1;
	} else if (stage->opts.blocking) {
		worker = worker_add(p, PLATFORM_CPU_ANY, 0);
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
	return worker_take(worker, stage);
}

int affinity_place(struct sluice_pipeline *p)
{
	struct placing *placing = calloc(1, sizeof(*placing));
	int rc = 0;

	/* At most a worker per stage. */
	p->workers = calloc(p->stage_count, sizeof(*p->workers));
	if (placing == NULL || p->workers == NULL)
		rc = sluice_fail(-ENOMEM, "pipeline '%s': no memory", p->name);
	if (rc == 0)
		rc = placing_open(p, placing);
	for (uint32_t i = 0; rc == 0 && i < p->stage_count; i++)
		rc = affinity_place_stage(p, placing, p->stages[i]);
	if (rc == 0)
		affinity_limits(p, placing->alone);
	free(placing);
	return rc;
}
