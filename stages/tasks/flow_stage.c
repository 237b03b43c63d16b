/* SPDX-License-Identifier: Apache-2.0 */
/* The two stages of a flow: neither waits for the store. */
#include "stages/tasks/flow_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- both -------------------------------------------------------------------- */

static int flow_refuse(const struct sluice_stage_opts *o, const char *field,
		       bool set)
{
	if (!set)
		return 0;
	return sluice_fail(-EINVAL,
			   "stage '%.63s': %s is set, but a ready-made stage "
			   "has its own",
			   o->name != NULL ? o->name : "", field);
}

static int flow_take_opts(struct sluice_stage_opts *o,
			  const struct sluice_stage_opts *opts,
			  enum sluice_stage_kind kind,
			  struct sluice_tasks_flow *flow)
{
	int rc = 0;

	if (opts == NULL || flow == NULL)
		return sluice_fail(-EINVAL, "tasks flow: %s missing",
				   opts == NULL ? "stage options are"
						: "the flow is");
	if (opts->size != sizeof(*o))
		return sluice_fail(-EINVAL,
				   "stage options: size %u; fill them with "
				   "SLUICE_STAGE()",
				   opts->size);
	*o = *opts;
	if (o->kind != 0 && o->kind != kind)
		rc = sluice_fail(-EINVAL,
				 "stage '%.63s': kind %d is not that of this "
				 "ready-made stage; leave it out",
				 o->name != NULL ? o->name : "", (int)o->kind);
	if (rc == 0)
		rc = flow_refuse(o, "handle_demand", o->handle_demand != NULL);
	if (rc == 0)
		rc = flow_refuse(o, "handle_events", o->handle_events != NULL);
	if (rc == 0)
		rc = flow_refuse(o, "state", o->state != NULL);
	if (rc == 0)
		rc = flow_refuse(o, "SLUICE_STAGE_PORT",
				 (o->flags & SLUICE_STAGE_PORT) != 0);
	if (rc == 0 && kind == SLUICE_PRODUCER)
		rc = flow_refuse(o, "init, fini or on_stop",
				 o->init != NULL || o->fini != NULL ||
					 o->on_stop != NULL);
	o->kind = kind;
	o->state = flow;
	return rc;
}

/* An event has at least what is in front of its payload. */
static int flow_check_bytes(const struct sluice_stage_opts *o,
			    const char *field, uint32_t bytes, size_t least,
			    const char *see)
{
	if (bytes >= least && bytes <= 65536)
		return 0;
	return sluice_fail(
		-EINVAL, "stage '%.63s': %s %u is not in [%zu, 65536]; see %s",
		o->name != NULL ? o->name : "", field, bytes, least, see);
}

/* ---- source ------------------------------------------------------------------ */

static int source_init(struct sluice_stage *self)
{
	struct sluice_tasks_flow *flow = sluice_stage_state(self);

	flow_lock(flow);
	flow->source = self;
	flow_unlock(flow);
	return 0;
}

static void source_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct sluice_tasks_flow *flow = sluice_stage_state(self);

	(void)reason;
	flow_lock(flow);
	flow->source = NULL;
	flow->demand = 0;
	flow_unlock(flow);
}

static void source_stop(struct sluice_stage *self)
{
	struct sluice_tasks_flow *flow = sluice_stage_state(self);

	flow_lock(flow);
	flow->stopping = true;
	flow_news(flow);
	/* It says so itself, when it is asked. */
	if (flow->source != NULL)
		sluice_wake(flow->source);
	flow_unlock(flow);
}

static int source_demand(struct sluice_stage *self, uint32_t demand)
{
	struct sluice_tasks_flow *flow = sluice_stage_state(self);
	unsigned char *out;
	uint32_t n;
	bool over;

	flow_lock(flow);
	n = flow->count < demand ? flow->count : demand;
	if (flow->stopping)
		n = 0;
	out = n > 0 ? sluice_emit(self, n) : NULL;
	for (uint32_t i = 0; out != NULL && i < n; i++) {
		memcpy(out + (size_t)i * flow->event_bytes,
		       flow->events + (size_t)flow->first * flow->event_bytes,
		       flow->event_bytes);
		flow->first = (flow->first + 1) % flow->tasks_max;
		flow->count--;
	}
	flow->demand = out != NULL ? demand - n : demand;
	over = flow->stopping || (flow->ended && flow->count == 0);
	if (flow->demand > 0)
		flow_news(flow);
	flow_unlock(flow);
	return over ? SLUICE_END : SLUICE_OK;
}

int sluice_tasks_source_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *opts,
			    struct sluice_tasks_flow *flow)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	unsigned char *events;
	int rc = flow_take_opts(&o, opts, SLUICE_PRODUCER, flow);

	if (rc == 0)
		rc = flow_check_bytes(&o, "out_bytes", o.out_bytes,
				      sizeof(struct sluice_task_event),
				      "SLUICE_TASK_EVENT_BYTES()");
	if (rc < 0)
		return rc;
	events = calloc(flow->tasks_max, o.out_bytes);
	if (events == NULL)
		return sluice_fail(-ENOMEM, "tasks flow: no memory");
	flow_lock(flow);
	if (flow->events != NULL)
		rc = sluice_fail(-EEXIST,
				 "stage '%.63s': the flow has a "
				 "source",
				 o.name != NULL ? o.name : "");
	else {
		flow->events = events;
		flow->event_bytes = o.out_bytes;
	}
	flow_unlock(flow);
	if (rc < 0) {
		free(events);
		return rc;
	}
	o.handle_demand = source_demand;
	o.init = source_init;
	o.fini = source_fini;
	o.on_stop = source_stop;
	rc = sluice_stage_add(pipeline, &o);
	if (rc < 0) {
		flow_lock(flow);
		flow->events = NULL;
		flow->event_bytes = 0;
		flow_unlock(flow);
		free(events);
	}
	return rc;
}

/* ---- sink -------------------------------------------------------------------- */

struct sink {
	struct sluice_tasks_flow *flow;
	uint32_t bytes; /* of one event */
};

static int sink_events(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	const struct sink *sink = sluice_stage_state(self);
	uint32_t bytes = sink->bytes;
	const unsigned char *at = batch->events;

	for (uint32_t i = 0; i < batch->count; i++, at += bytes) {
		struct sluice_task_report report;
		int rc;

		memcpy(&report, at, sizeof(report));
		if (report.text_bytes > bytes - sizeof(report))
			return sluice_fail(-EINVAL,
					   "tasks sink: text_bytes %u does "
					   "not fit an event of %u bytes",
					   report.text_bytes, bytes);
		rc = sluice_tasks_flow_report(sink->flow, &report,
					      at + sizeof(report));
		if (rc < 0)
			return rc;
	}
	return SLUICE_OK;
}

int sluice_tasks_sink_add(struct sluice_pipeline *pipeline,
			  const struct sluice_stage_opts *opts,
			  struct sluice_tasks_flow *flow)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	struct sink *sink;
	int rc = flow_take_opts(&o, opts, SLUICE_CONSUMER, flow);

	if (rc == 0)
		rc = flow_refuse(&o, "state_free", o.state_free != NULL);
	if (rc == 0)
		rc = flow_check_bytes(&o, "in_bytes", o.in_bytes,
				      sizeof(struct sluice_task_report),
				      "SLUICE_TASK_REPORT_BYTES()");
	if (rc < 0)
		return rc;
	sink = calloc(1, sizeof(*sink));
	if (sink == NULL)
		return sluice_fail(-ENOMEM, "tasks flow: no memory");
	sink->flow = flow;
	sink->bytes = o.in_bytes;
	o.state = sink;
	o.state_free = free;
	o.handle_events = sink_events;
	rc = sluice_stage_add(pipeline, &o);
	if (rc < 0)
		free(sink);
	return rc;
}
