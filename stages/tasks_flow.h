/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file tasks_flow.h
 * Tasks as events: a source that claims tasks of a queue, a sink that says what
 * became of them. What lies between is the program's.
 *
 *     flow ── source ──struct sluice_task_event──> handler
 *          └─ sink  <──struct sluice_task_report── handler
 *
 * A *flow* is a connection to a store with a thread of its own, which claims as many
 * tasks as the source's consumers have asked for, in one transaction with what the
 * sink has been told of the tasks before, renews the lease, and waits for the store.
 * So neither stage blocks a worker.
 *
 * Order: open the flow, add its stages to a pipeline, run that, close it, close the
 * flow: that says what was reported last, and gives back what nobody reported on.
 *
 * In mode SLUICE_TASKS_TX the tasks of a claim are told of when all of them are
 * reported, and not before are others claimed.
 *
 * A task that no report is made of stays running for as long as the flow is open:
 * a handler that gives events up makes one in its dead_letter, by
 * sluice_tasks_flow_report().
 */
#ifndef SLUICE_STAGES_TASKS_FLOW_H
#define SLUICE_STAGES_TASKS_FLOW_H

#include "../engine/pipeline.h"
#include "tasks.h"

SLUICE_BEGIN_DECLS

/** What the source emits: this, and the payload behind it. */
struct sluice_task_event {
	int64_t id;
	int64_t run_at_us;
	int32_t attempt; /* this one, from 1 */
	int32_t attempts_max;
	int32_t priority;
	uint32_t payload_bytes;
	char kind[32]; /* with a NUL */
};
SLUICE_STATIC_ASSERT(sizeof(struct sluice_task_event) == 64,
		     "payload is aligned");

/** out_bytes of a source whose tasks have payloads of up to @bytes. A task whose
 * payload or kind does not fit is dead, with a text that says so; none is cut. */
#define SLUICE_TASK_EVENT_BYTES(bytes)                                         \
	(SLUICE_CAST(uint32_t, sizeof(struct sluice_task_event)) + (bytes))

static inline const void *
sluice_task_payload(const struct sluice_task_event *event)
{
	return event + 1;
}

/** What the sink is sent: this, and text_bytes behind it: of a failure its text, of
 * a task that is done what `effect` reads as result. */
struct sluice_task_report {
	int64_t id;
	int64_t delay_us; /* as of struct sluice_task_result */
	int32_t attempt;
	uint32_t end; /* enum sluice_task_end */
	uint32_t text_bytes;
	uint32_t resv;
};
SLUICE_STATIC_ASSERT(sizeof(struct sluice_task_report) == 32,
		     "text is aligned");

#define SLUICE_TASK_REPORT_BYTES(bytes)                                        \
	(SLUICE_CAST(uint32_t, sizeof(struct sluice_task_report)) + (bytes))

/** A flow; opaque. */
struct sluice_tasks_flow;

/** End the source once the queue has no task that is scheduled, ready or running. */
#define SLUICE_TASKS_FLOW_UNTIL_EMPTY 1u

struct sluice_tasks_flow_opts {
	uint32_t size;
	uint32_t flags; /* SLUICE_TASKS_FLOW_... */
	const char *url;
	const char *queue; /* NULL = "default" */
	/** Of the connection; NULL: defaults. */
	const struct sluice_tasks_opts *store;
	/** Tasks that are claimed and not reported on, in [1, 65536]; 0 = 1024. */
	uint32_t tasks_max;
	/** Claimed in a transaction, in [1, tasks_max]; 0 = 256. */
	uint32_t batch_max;
	uint64_t resv[8];
};

#define SLUICE_TASKS_FLOW(...)                                                 \
	SLUICE_OPTIONS(sluice_tasks_flow_opts, __VA_ARGS__)

/** Connect, and start the thread. Returns as sluice_tasks_open(). */
SLUICE_API int sluice_tasks_flow_open(struct sluice_tasks_flow **flow,
				      const struct sluice_tasks_flow_opts *opts)
	SLUICE_MUST_CHECK;

/** Say what was reported, give back what was not, and let go. When the store is away
 * for as long as patience_ms, what was reported is lost, and those tasks come again.
 * After sluice_pipeline_close(). Accepts NULL. */
SLUICE_API void sluice_tasks_flow_close(struct sluice_tasks_flow *flow);

/** A producer of the flow's tasks; one for a flow. @opts as of other ready-made
 * stages: without handle_demand, state, init, fini, on_stop. Returns as
 * sluice_stage_add(). */
SLUICE_API int
sluice_tasks_source_add(struct sluice_pipeline *pipeline,
			const struct sluice_stage_opts *opts,
			struct sluice_tasks_flow *flow) SLUICE_MUST_CHECK;

/** A consumer of reports; as many for a flow as there are to be. @opts likewise,
 * without handle_events and state. A report is taken when it is handed on to the
 * flow's thread. Returns as sluice_stage_add(). */
SLUICE_API int
sluice_tasks_sink_add(struct sluice_pipeline *pipeline,
		      const struct sluice_stage_opts *opts,
		      struct sluice_tasks_flow *flow) SLUICE_MUST_CHECK;

/** A report without a sink; @text_bytes at @text behind it. Returns 0, -EINVAL, or
 * -ENOSPC when there are as many as tasks_max already. Threads: any. */
SLUICE_API int sluice_tasks_flow_report(struct sluice_tasks_flow *flow,
					const struct sluice_task_report *report,
					const void *text) SLUICE_MUST_CHECK;

/** As sluice_tasks_progress(), without waiting: it is told soon. Returns 1 when it is
 * known that the task is to be cancelled, 0; -ENOSPC when too many are to be told of,
 * and this one is not; -ESTALE when the task is not this flow's any more; -ENOTSUP in
 * mode SLUICE_TASKS_TX. Threads: any. */
SLUICE_API int sluice_tasks_flow_progress(struct sluice_tasks_flow *flow,
					  int64_t id, int32_t attempt,
					  uint32_t permille) SLUICE_MUST_CHECK;

struct sluice_tasks_flow_stats {
	uint64_t claimed;
	uint64_t done;
	uint64_t failed; /* of any kind */
	uint64_t released;
	uint64_t late;   /* reports of tasks that were others' by then */
	uint64_t unfit;  /* tasks that did not fit an event */
	uint64_t errors; /* calls that the store has refused */
	uint64_t held;   /* tasks that are not reported on */
	uint64_t resv[8];
	char error[256]; /* the last one's text */
};
/** Threads: any, until close. */
SLUICE_API void sluice_tasks_flow_stat(struct sluice_tasks_flow *flow,
				       struct sluice_tasks_flow_stats *stat);

SLUICE_END_DECLS

#endif
