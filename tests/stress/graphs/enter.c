/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenarios' callbacks with the world's lock around each. They are put in
 * between when a stage is declared (the linker's --wrap), so that the scenarios
 * need not know. Events are read here before the callback and after it, and by a
 * port's user when he gets them and when he gives them back, by code that
 * ThreadSanitizer sees: nobody may write to them meanwhile.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <string.h>

/* What each stage has declared; constant once the pipeline is started. */
static struct sluice_stage_opts declared[NODES_MAX];
static struct sluice_spawn_opts tasks[NODES_MAX];

static const struct sluice_stage_opts *of(const struct sluice_stage *self)
{
	const struct node *node = sluice_stage_state(self);

	return &declared[node - world.nodes];
}

static uint64_t sum_of(const void *bytes, size_t n)
{
	const unsigned char *byte = bytes;
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = sum * 31 + byte[i];
	return sum;
}

/* ---- about events ------------------------------------------------------------ */

static int enter_handle_events(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	size_t bytes = (size_t)batch->count * sizeof(struct event);
	uint64_t sum = sum_of(batch->events, bytes);
	int rc;

	machine_enter();
	rc = of(self)->handle_events(self, batch);
	if (sum_of(batch->events, bytes) != sum)
		wrong("%s: a batch that changed in its hands",
		      sluice_stage_name(self));
	machine_leave();
	return rc;
}

static void enter_dead_letter(struct sluice_stage *self,
			      const struct sluice_dead_letter *letter)
{
	machine_enter();
	of(self)->dead_letter(self, letter);
	machine_leave();
}

/* ---- the others -------------------------------------------------------------- */

/* A callback of @self that answers a verdict. */
#define ENTER(hook, type)                                                      \
	static int enter_##hook(struct sluice_stage *self, type arg)           \
	{                                                                      \
		int rc;                                                        \
                                                                               \
		machine_enter();                                               \
		rc = of(self)->hook(self, arg);                                \
		machine_leave();                                               \
		return rc;                                                     \
	}

ENTER(handle_demand, uint32_t)
ENTER(handle_cast, const struct sluice_message *)
ENTER(handle_info, const struct sluice_message *)
ENTER(handle_timer, uint32_t)
ENTER(on_subscribe, const struct sluice_link_event *)
ENTER(on_cancel, const struct sluice_link_event *)
ENTER(on_discard, uint64_t)

static int enter_handle_call(struct sluice_stage *self,
			     const struct sluice_message *request,
			     struct sluice_answer *reply)
{
	int rc;

	machine_enter();
	rc = of(self)->handle_call(self, request, reply);
	machine_leave();
	return rc;
}

static int enter_handle_io(struct sluice_stage *self, int fd, uint32_t events)
{
	int rc;

	machine_enter();
	rc = of(self)->handle_io(self, fd, events);
	machine_leave();
	return rc;
}

static int enter_init(struct sluice_stage *self)
{
	int rc;

	machine_enter();
	rc = of(self)->init(self);
	machine_leave();
	return rc;
}

static void enter_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	machine_enter();
	of(self)->fini(self, reason);
	machine_leave();
}

/* On the supervisor's thread. */
static void enter_on_stop(struct sluice_stage *self)
{
	machine_enter();
	of(self)->on_stop(self);
	machine_leave();
}

static int enter_task(struct sluice_task *task, const void *event)
{
	const struct node *node = sluice_task_ctx(task);
	uint64_t sum = sum_of(event, sizeof(struct event));
	int rc;

	machine_enter();
	rc = tasks[node - world.nodes].task(task, event);
	if (sum_of(event, sizeof(struct event)) != sum)
		wrong("%s: an event that changed under its task", node->name);
	machine_leave();
	return rc;
}

static void enter_task_dead(void *ctx, const void *event, uint32_t attempts,
			    int code)
{
	const struct node *node = ctx;

	machine_enter();
	tasks[node - world.nodes].dead_letter(ctx, event, attempts, code);
	machine_leave();
}

static void enter_task_stop(void *ctx)
{
	const struct node *node = ctx;

	machine_enter();
	tasks[node - world.nodes].on_stop(ctx);
	machine_leave();
}

/* ---- a port's user ------------------------------------------------------------ */

/* What this thread has in hand. */
static _Thread_local struct sluice_batch in_hand;
static _Thread_local uint64_t in_hand_sum;

static uint64_t sum_in_hand(void)
{
	return sum_of(in_hand.events, in_hand.count * sizeof(struct event));
}

static void check_in_hand(const struct sluice_stage *port)
{
	if (in_hand.count > 0 && sum_in_hand() != in_hand_sum)
		wrong("%s: a batch that changed in its user's hands",
		      sluice_stage_name(port));
	in_hand.count = 0;
}

int __real_sluice_recv(struct sluice_stage *port, struct sluice_batch *batch,
		       uint32_t timeout_ms);
int __wrap_sluice_recv(struct sluice_stage *port, struct sluice_batch *batch,
		       uint32_t timeout_ms);
int __wrap_sluice_recv(struct sluice_stage *port, struct sluice_batch *batch,
		       uint32_t timeout_ms)
{
	uint32_t depth;
	int rc;

	check_in_hand(port);
	depth = machine_let_go();
	rc = __real_sluice_recv(port, batch, timeout_ms);
	if (rc > 0) {
		in_hand = *batch;
		in_hand_sum = sum_in_hand();
	}
	machine_resume(depth);
	return rc;
}

int __real_sluice_port_end(struct sluice_stage *port,
			   enum sluice_reason reason);
int __wrap_sluice_port_end(struct sluice_stage *port,
			   enum sluice_reason reason);
int __wrap_sluice_port_end(struct sluice_stage *port, enum sluice_reason reason)
{
	uint32_t depth;
	int rc;

	check_in_hand(port);
	depth = machine_let_go();
	rc = __real_sluice_port_end(port, reason);
	machine_resume(depth);
	return rc;
}

/* ---- in between -------------------------------------------------------------- */

int __real_sluice_stage_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *opts);
int __wrap_sluice_stage_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *opts);
int __real_sluice_spawn_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *stage,
			    const struct sluice_spawn_opts *opts,
			    struct sluice_spawn **out);
int __wrap_sluice_spawn_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *stage,
			    const struct sluice_spawn_opts *opts,
			    struct sluice_spawn **out);

#define PUT_BETWEEN(opts, hook)                                                \
	do {                                                                   \
		if ((opts)->hook != NULL)                                      \
			(opts)->hook = enter_##hook;                           \
	} while (0)

/* Spawn stages come here as well, with a state of their own. */
static int is_node(const void *state)
{
	return (const char *)state >= (const char *)world.nodes &&
	       (const char *)state < (const char *)(world.nodes + NODES_MAX);
}

int __wrap_sluice_stage_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *opts)
{
	struct sluice_stage_opts o = *opts;

	if (!is_node(o.state))
		return __real_sluice_stage_add(pipeline, opts);
	declared[(const struct node *)o.state - world.nodes] = o;
	PUT_BETWEEN(&o, handle_demand);
	PUT_BETWEEN(&o, handle_events);
	PUT_BETWEEN(&o, init);
	PUT_BETWEEN(&o, fini);
	PUT_BETWEEN(&o, handle_call);
	PUT_BETWEEN(&o, handle_cast);
	PUT_BETWEEN(&o, handle_info);
	PUT_BETWEEN(&o, handle_timer);
	PUT_BETWEEN(&o, handle_io);
	PUT_BETWEEN(&o, on_subscribe);
	PUT_BETWEEN(&o, on_cancel);
	PUT_BETWEEN(&o, on_discard);
	PUT_BETWEEN(&o, dead_letter);
	PUT_BETWEEN(&o, on_stop);
	return __real_sluice_stage_add(pipeline, &o);
}

int __wrap_sluice_spawn_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *stage,
			    const struct sluice_spawn_opts *opts,
			    struct sluice_spawn **out)
{
	struct sluice_spawn_opts o = *opts;

	tasks[(const struct node *)o.ctx - world.nodes] = o;
	o.task = enter_task;
	o.dead_letter = enter_task_dead;
	if (o.on_stop != NULL)
		o.on_stop = enter_task_stop;
	if (o.restart == SLUICE_TASK_TRANSIENT) {
		o.retry_ms = 1;
		o.retry_max_ms = 4;
	}
	return __real_sluice_spawn_add(pipeline, stage, &o, out);
}
