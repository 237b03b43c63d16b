/* SPDX-License-Identifier: Apache-2.0 */
/* A process that enters a sandbox after the library was loaded, and while a
 * pipeline runs. The parks of these pipelines end only by a wake, or where the
 * library itself asks for a deadline: one that is lost hangs. */
#include "engine/run/run_priv.h"

#include "flow.h"
#include "tests/support/sandbox.h"

#include <pthread.h>
#include <sys/wait.h>

#define EVENTS 40000u

static const struct sluice_wait_ops *linux_wait;

static void park_untimed(void *ctx, sluice_a32 *word, uint32_t expected,
			 uint64_t deadline_ns)
{
	do
		linux_wait->park(ctx, word, expected, deadline_ns);
	while (sluice_load_acquire(word) == expected &&
	       linux_wait->now_ns(ctx) < deadline_ns);
}

/* Each event wakes the sink, and each receipt the source. */
struct sandboxed {
	struct sluice_pipeline *pipeline;
	struct sluice_wait_ops wait;
	struct platform platform;
	struct flow_source source;
	struct flow_sink sink;
};

static void sandboxed_start(struct sandboxed *s, uint32_t flags)
{
	linux_wait = flags & SLUICE_PIPELINE_FULL_FENCES
			     ? sluice_wait_linux_full()
			     : sluice_wait_linux();
	s->wait = *linux_wait;
	s->wait.park = park_untimed;
	s->platform = flags & SLUICE_PIPELINE_FULL_FENCES
			      ? *platform_linux_full()
			      : *platform_linux();
	s->platform.wait = &s->wait;
	s->source.end = EVENTS;
	assert_int_equal(
		pipeline_open_on(&s->pipeline,
				 SLUICE_PIPELINE(.workers = 2,
						 .spin_us = SLUICE_SPIN_NEVER),
				 &s->platform),
		0);
	flow_add_source(s->pipeline, "source", &s->source);
	flow_add_sink(s->pipeline, "sink", &s->sink);
	flow_subscribe(s->pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 1));
	flow_start(s->pipeline);
}

/* The caller of join parks as well: the deadline is kept by looking. */
static int sandboxed_join(struct sandboxed *s)
{
	for (uint32_t ms = 0; ms < 4 * FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(&s->pipeline->host.phase) ==
		    PIPELINE_FINISHED)
			return sluice_pipeline_join(s->pipeline,
						    SLUICE_FOREVER);
		flow_sleep_ms(1);
	}
	return -ETIMEDOUT;
}

static void await_handled(struct sandboxed *s, uint64_t events)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(s->pipeline, "sink").events_in >= events)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("it does not get so far");
}

static int nothing_ready(void *ctx)
{
	(void)ctx;
	return 0;
}

static int sandbox_missing(void)
{
	return sluice_load_acquire(&sluice_wait_linux()->fences->kind) !=
	       SLUICE_FENCES_SPLIT;
}

/* Once the library has been refused, no membarrier is tried again, and each wake
 * arrives. */
static void membarrier_is_refused_while_it_runs(void **state)
{
	static struct sandboxed s;
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	struct sluice_bell bell = {0};

	(void)state;
	if (sandbox_missing())
		skip();
	sandboxed_start(&s, 0);
	await_handled(&s, EVENTS / 8);
	if (sandbox_enter(SYS_membarrier, SECCOMP_RET_ERRNO | EPERM) < 0) {
		sluice_pipeline_close(s.pipeline);
		skip();
	}
	assert_int_equal(sandboxed_join(&s), 0);
	flow_check_all(&s.sink, EVENTS);
	sluice_pipeline_close(s.pipeline);
	/* Whoever sleeps for long enough brings it to its end. */
	for (uint32_t ms = 0;
	     ms < FLOW_DEADLINE_MS &&
	     sluice_load_acquire(&ops->fences->kind) != SLUICE_FENCES_FULL;
	     ms++)
		(void)sluice_bell_park(&bell, ops, nothing_ready, NULL,
				       ops->now_ns(ops->ctx) +
					       PLATFORM_NS_PER_MS);
	assert_int_equal(sluice_load_acquire(&ops->fences->kind),
			 SLUICE_FENCES_FULL);
}

/* The next pipeline of the process has full fences from its start. */
static void another_pipeline_in_the_sandbox(void **state)
{
	static struct sandboxed s;

	(void)state;
	sandboxed_start(&s, 0);
	assert_int_equal(sandboxed_join(&s), 0);
	flow_check_all(&s.sink, EVENTS);
	sluice_pipeline_close(s.pipeline);
}

/* A sandbox that ends whoever calls it: with the flag nobody does. */
static int in_the_child(uint32_t flags)
{
	static struct sluice_pipeline *p;
	static struct flow_source source = {.end = EVENTS};
	static struct flow_sink sink;

	if (sandbox_enter(SYS_membarrier, SECCOMP_RET_KILL_PROCESS) < 0)
		return 77;
	if (sluice_pipeline_open(&p, SLUICE_PIPELINE(.flags = flags)) < 0 ||
	    sluice_stage_add(
		    p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				    .out_bytes = 8, .handle_demand = flow_count,
				    .fini = flow_fini, .state = &source)) < 0 ||
	    sluice_stage_add(
		    p,
		    SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .fini = flow_fini, .state = &sink)) < 0 ||
	    sluice_subscribe(p, "sink", "source",
			     SLUICE_SUBSCRIPTION(.max_demand = 2)) < 0 ||
	    sluice_pipeline_run(p) < 0 || sink.events != EVENTS)
		return 1;
	sluice_pipeline_close(p);
	return 0;
}

static void full_fences_never_try_membarrier(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(in_the_child(SLUICE_PIPELINE_FULL_FENCES));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	/* In this order: a filter stays. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_fences_never_try_membarrier),
		cmocka_unit_test(membarrier_is_refused_while_it_runs),
		cmocka_unit_test(another_pipeline_in_the_sandbox),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
