/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/process_engine.h"
#include "bench/rivals/stage_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- its callbacks ------------------------------------------------------------- */

RING_INLINE int engine_demand(struct sluice_stage *self, uint32_t demand,
			      uint32_t bytes)
{
	struct engine *engine = sluice_stage_state(self);
	uint64_t left = engine->end - engine->next;
	uint32_t n = demand < left ? demand : (uint32_t)left;
	unsigned char *events = n > 0 ? sluice_emit(self, n) : NULL;

	if (n > 0 && events == NULL)
		return -ENOBUFS;
	/* Not what it took to begin. */
	if (!engine->warm && engine->next >= engine->end / 4) {
		engine->warm = 1;
		engine->preempted = bench_thread_preempted();
	}
	stage_fill(events, n, bytes, engine->next);
	engine->next += n;
	if (engine->next < engine->end)
		return SLUICE_OK;
	engine->preempted = bench_thread_preempted() - engine->preempted;
	return SLUICE_END;
}

RING_INLINE int engine_events(struct sluice_stage *self,
			      const struct sluice_batch *batch, uint32_t bytes)
{
	const struct engine *engine = sluice_stage_state(self);

	process_count(engine->meter, batch->count, stage_sum(batch, bytes));
	return engine->meter->seen < engine->meter->n ? SLUICE_OK : SLUICE_END;
}

STAGE_CALLBACKS(8)
STAGE_CALLBACKS(64)

/* ---- its stages ------------------------------------------------------------------ */

static int engine_count(struct engine *e, int cpu)
{
	return sluice_stage_add(
		e->pipeline,
		SLUICE_STAGE(.name = "count", .kind = SLUICE_PRODUCER,
			     .flags = SLUICE_STAGE_PEERS_CONSUME,
			     .on_idle = SLUICE_IDLE_STAY, .out_bytes = e->bytes,
			     .handle_demand =
				     e->bytes == 8 ? demand_8 : demand_64,
			     .cpu = SLUICE_CPU(cpu), .state = e));
}

static int engine_sum(struct engine *e, int cpu)
{
	return sluice_stage_add(
		e->pipeline,
		SLUICE_STAGE(.name = "sum", .kind = SLUICE_CONSUMER,
			     .flags = SLUICE_STAGE_PEERS_FEED,
			     .on_idle = SLUICE_IDLE_STAY, .in_bytes = e->bytes,
			     .handle_events =
				     e->bytes == 8 ? events_8 : events_64,
			     .cpu = SLUICE_CPU(cpu), .state = e));
}

/* A port; @other: the stage at its other end, NULL: whoever attaches. */
static int engine_port_add(struct engine *e, const char *name, uint32_t sends,
			   const char *other)
{
	uint32_t peers =
		sends ? SLUICE_STAGE_PEERS_CONSUME : SLUICE_STAGE_PEERS_FEED;
	int rc = sluice_stage_add(
		e->pipeline,
		SLUICE_STAGE(.name = name,
			     .kind = sends ? SLUICE_PRODUCER : SLUICE_CONSUMER,
			     .flags = SLUICE_STAGE_PORT | (other ? 0 : peers),
			     .on_idle =
				     other ? SLUICE_IDLE_END : SLUICE_IDLE_STAY,
			     .in_bytes = sends ? 0 : e->bytes,
			     .out_bytes = sends ? e->bytes : 0));

	if (rc < 0 || other == NULL)
		return rc;
	return sends ? sluice_subscribe(e->pipeline, other, name, NULL)
		     : sluice_subscribe(e->pipeline, name, other, NULL);
}

static int engine_declare(struct engine *e, uint32_t own)
{
	int cpus[2];
	int rc = 0;

	(void)bench_cpus(cpus);
	if (e->shape == ENGINE_FROM || e->shape == ENGINE_WHOLE)
		rc = engine_count(e, cpus[0]);
	if (rc == 0 && (e->shape == ENGINE_TO || e->shape == ENGINE_WHOLE))
		rc = engine_sum(e, cpus[e->shape == ENGINE_WHOLE]);
	if (rc == 0 && e->shape == ENGINE_TRIP)
		rc = engine_port_add(e, "there", 1, NULL);
	if (rc == 0 && e->shape == ENGINE_TRIP)
		rc = engine_port_add(e, "back", 0, NULL);
	if (rc == 0 && e->shape == ENGINE_WHOLE)
		rc = sluice_subscribe(e->pipeline, "sum", "count", NULL);
	if (rc == 0 && own && e->shape != ENGINE_TO)
		rc = engine_port_add(e, "port", 0,
				     e->shape == ENGINE_FROM ? "count"
							     : "there");
	if (rc == 0 && own && e->shape != ENGINE_FROM)
		rc = engine_port_add(e,
				     e->shape == ENGINE_TO ? "port" : "port2",
				     1, e->shape == ENGINE_TO ? "sum" : "back");
	return rc;
}

int engine_open(struct engine *e, enum engine_shape shape, uint32_t own,
		uint32_t bytes, struct process_meter *meter)
{
	static const char folder[] = "/tmp/sluice-bench-XXXXXX";
	char pin[32];
	int cpus[2];
	int rc;

	*e = (struct engine){.shape = shape,
			     .bytes = bytes,
			     .meter = meter,
			     .end = meter->n};
	memcpy(e->folder, folder, sizeof(folder));
	if (mkdtemp(e->folder) == NULL) {
		e->folder[0] = '\0';
		return -errno;
	}
	(void)bench_cpus(cpus);
	if (shape == ENGINE_WHOLE)
		(void)snprintf(pin, sizeof(pin), "%d,%d", cpus[0], cpus[1]);
	else
		(void)snprintf(pin, sizeof(pin), "%d", cpus[0]);
	rc = sluice_pipeline_open(
		&e->pipeline,
		SLUICE_PIPELINE(.name = "bench", .pin = pin,
				.workers = shape == ENGINE_WHOLE ? 2 : 1));
	if (rc == 0)
		rc = engine_declare(e, own);
	if (rc == 0)
		rc = sluice_pipeline_listen(
			e->pipeline,
			SLUICE_LISTEN(.folder = e->folder,
				      .hello_ms = PROCESS_WAIT_MS));
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", sluice_last_error());
	return rc;
}

struct sluice_stage *engine_port(const struct engine *e, const char *name)
{
	return sluice_stage_find(e->pipeline, name);
}

int engine_close(struct engine *e, int rc)
{
	if (rc == 0)
		rc = sluice_pipeline_join(e->pipeline, PROCESS_WAIT_MS);
	if (rc < 0 && e->pipeline != NULL)
		(void)fprintf(stderr, "%s\n", sluice_last_error());
	sluice_pipeline_close(e->pipeline);
	if (e->folder[0] != '\0')
		(void)rmdir(e->folder);
	return rc;
}
