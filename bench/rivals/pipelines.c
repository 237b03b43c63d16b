/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/rivals/pipelines.h"
#include "bench/rivals/stage_events.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

/* ---- callbacks ------------------------------------------------------------------ */

RING_INLINE int engine_demand(struct sluice_stage *self, uint32_t demand,
			      uint32_t bytes)
{
	struct pipeline_maker *maker = sluice_stage_state(self);
	uint64_t left = maker->end - maker->next;
	uint32_t n = demand < maker->most ? demand : maker->most;
	unsigned char *events;

	if (n > left)
		n = (uint32_t)left;
	/* Not what it took to begin. */
	if (!maker->warm && maker->next >= maker->end / 4) {
		maker->warm = 1;
		maker->preempted = bench_thread_preempted();
	}
	events = n > 0 ? sluice_emit(self, n) : NULL;
	if (n > 0 && events == NULL)
		return -ENOBUFS;
	stage_fill(events, n, bytes, maker->next);
	maker->next += n;
	if (maker->next < maker->end)
		return SLUICE_OK;
	maker->preempted = bench_thread_preempted() - maker->preempted;
	return SLUICE_END;
}

RING_INLINE int engine_events(struct sluice_stage *self,
			      const struct sluice_batch *batch, uint32_t bytes)
{
	struct pipeline_sum *sum = sluice_stage_state(self);

	process_count(&sum->meter, batch->count, stage_sum(batch, bytes));
	return SLUICE_OK;
}

STAGE_CALLBACKS(8)
STAGE_CALLBACKS(64)
STAGE_CALLBACKS(256)

/* Adds one to each word of a 64-byte event. */
static int relay_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct pipeline_relay *relay = sluice_stage_state(self);
	const uint64_t *in = batch->events;
	uint64_t *out = sluice_emit(self, batch->count);

	if (out == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count * 8; i++)
		out[i] = in[i] + 1;
	relay->seen += batch->count;
	return SLUICE_OK;
}

/* Each state begins with it. */
static int place_init(struct sluice_stage *self)
{
	struct pipeline_place *place = sluice_stage_state(self);

	place->cpu = sched_getcpu();
	return 0;
}

/* Of a partition it was not known how many events would come. */
static void sum_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct process_meter *meter =
		&((struct pipeline_sum *)sluice_stage_state(self))->meter;

	(void)reason;
	if (meter->began_ns == 0 || meter->ns > 0)
		return;
	meter->timed -= meter->n - meter->seen;
	meter->n = meter->seen;
	meter->ns = bench_now_ns() - meter->began_ns;
	meter->preempted = bench_thread_preempted() - meter->preempted;
}

/* ---- stages --------------------------------------------------------------------- */

static int (*demand_of(uint32_t bytes))(struct sluice_stage *, uint32_t)
{
	return bytes == 8 ? demand_8 : bytes == 64 ? demand_64 : demand_256;
}

static int (*events_of(uint32_t bytes))(struct sluice_stage *,
					const struct sluice_batch *)
{
	return bytes == 8 ? events_8 : bytes == 64 ? events_64 : events_256;
}

static int add_makers(struct pipeline_run *run, struct sluice_pipeline *p)
{
	static const char *const dispatchers[] = {
		[PIPELINE_BROADCAST] = "broadcast",
		[PIPELINE_PARTITION] = "partition",
		[PIPELINE_FAN_IN] = NULL};
	const struct pipeline_case *of = run->of;
	char name[16];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < of->makers; i++) {
		(void)snprintf(name, sizeof(name), "count%u", i);
		run->maker[i] = (struct pipeline_maker){
			.end = run->n / of->makers,
			.most = of->most ? of->most : UINT32_MAX,
		};
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
					.out_bytes = of->bytes,
					.dispatcher = dispatchers[of->shape],
					.key_bytes =
						of->shape == PIPELINE_PARTITION
							? 8
							: 0,
					.init = place_init,
					.handle_demand = demand_of(of->bytes),
					.state = &run->maker[i]));
	}
	return rc;
}

static int add_relay(struct pipeline_run *run, struct sluice_pipeline *p)
{
	if (run->of->shape != PIPELINE_CHAIN)
		return 0;
	return sluice_stage_add(
		p,
		SLUICE_STAGE(.name = "relay", .kind = SLUICE_PRODUCER_CONSUMER,
			     .in_bytes = 64, .out_bytes = 64,
			     .init = place_init, .handle_events = relay_events,
			     .state = &run->relay));
}

static int add_sums(struct pipeline_run *run, struct sluice_pipeline *p)
{
	const struct pipeline_case *of = run->of;
	char name[16];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < of->sums; i++) {
		(void)snprintf(name, sizeof(name), "sum%u", i);
		run->sum[i].meter =
			(struct process_meter){.n = run->n, .warm = run->n / 4};
		if (of->shape == PIPELINE_PARTITION)
			run->sum[i].meter = (struct process_meter){
				.n = UINT64_MAX, .warm = run->n / 4 / of->sums};
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					.in_bytes = of->bytes,
					.init = place_init, .fini = sum_fini,
					.handle_events = events_of(of->bytes),
					.state = &run->sum[i]));
	}
	return rc;
}

static int subscribe(struct sluice_pipeline *p, const struct pipeline_case *of,
		     const char *consumer, const char *producer)
{
	return sluice_subscribe(
		p, consumer, producer,
		SLUICE_SUBSCRIPTION(.max_demand =
					    of->window
						    ? of->window
						    : SLUICE_DEMAND_DEFAULT));
}

/* Every consumer to every producer; in a chain there is a stage between. */
static int subscribe_all(const struct pipeline_run *run,
			 struct sluice_pipeline *p)
{
	const struct pipeline_case *of = run->of;
	char maker[16];
	char sum[16];
	int rc = 0;

	if (of->shape == PIPELINE_CHAIN) {
		rc = subscribe(p, of, "relay", "count0");
		return rc < 0 ? rc : subscribe(p, of, "sum0", "relay");
	}
	for (uint32_t i = 0; rc == 0 && i < of->makers * of->sums; i++) {
		(void)snprintf(maker, sizeof(maker), "count%u", i / of->sums);
		(void)snprintf(sum, sizeof(sum), "sum%u", i % of->sums);
		rc = subscribe(p, of, sum, maker);
	}
	return rc;
}

int pipeline_run(struct pipeline_run *run, const struct pipeline_case *of,
		 uint64_t n)
{
	struct sluice_pipeline *p = NULL;
	char pin[32];
	int cpus[2];
	int rc;

	*run = (struct pipeline_run){.of = of,
				     .n = n / of->makers * of->makers};
	(void)bench_cpus(cpus);
	(void)snprintf(pin, sizeof(pin), "%d,%d", cpus[0], cpus[1]);
	rc = sluice_pipeline_open(
		&p, SLUICE_PIPELINE(.name = "bench", .pin = pin, .workers = 2));
	if (rc == 0)
		rc = add_makers(run, p);
	if (rc == 0)
		rc = add_relay(run, p);
	if (rc == 0)
		rc = add_sums(run, p);
	if (rc == 0)
		rc = subscribe_all(run, p);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return rc < 0 ? rc : pipeline_check(run);
}
