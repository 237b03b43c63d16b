/* SPDX-License-Identifier: Apache-2.0 */
/* What a resubscribe refuses, before the start and while events flow, for each of
 * the options; then everything is as it was. */
#include "engine/graph/pipeline_priv.h"

#include "clerk.h"
#include "tests/support/edge.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- the edge ------------------------------------------------------------ */

static _Thread_local uint32_t
	blocks_left;            /* the block that is refused; 0: none */
static void (*meanwhile)(void); /* once, in the middle of an allocation */

static int edge_fails(const char *call)
{
	void (*run)(void) = meanwhile;

	(void)call;
	meanwhile = NULL;
	if (run != NULL)
		run();
	return 0;
}

void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	if (blocks_left > 0 && --blocks_left == 0)
		return NULL;
	return __real_aligned_alloc(align, bytes);
}

static struct sluice_sub sub;

/* Returns what it answers; wants @rc, and @says when that is a refusal. */
static void resubscribe(const struct sluice_subscription_opts *opts, int rc,
			const char *says)
{
	assert_int_equal(sluice_resubscribe(sub, opts), rc);
	if (rc < 0)
		assert_text_has(sluice_last_error(), says);
}

#define SAME(...)                                                              \
	resubscribe(SLUICE_SUBSCRIPTION(.max_demand = 50, __VA_ARGS__), 0, NULL)
#define REFUSED(says, ...)                                                     \
	do {                                                                   \
		resubscribe(                                                   \
			SLUICE_SUBSCRIPTION(.max_demand = 50, __VA_ARGS__),    \
			-EINVAL, "'c0' to 'source'");                          \
		assert_text_has(sluice_last_error(), says);                    \
	} while (0)

/* ---- the other options --------------------------------------------------- */

static uint32_t asked_of;
static uint32_t other;

static int wants_all(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

static int wants_none(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 0;
}

static void selector_stays(void)
{
	SAME(.selector = NULL);
	SAME(.selector = wants_all);
	SAME(.selector = wants_all, .selector_ctx = &asked_of);
	SAME(.selector_ctx = &asked_of);
	REFUSED("selector cannot change in place", .selector = wants_none);
	REFUSED("selector_ctx cannot change in place", .selector = wants_all,
		.selector_ctx = &other);
	REFUSED("selector_ctx cannot change in place", .selector_ctx = &other);
}

static void resubscribe_keeps_the_selector(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	add_source("broadcast", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 50, .selector = wants_all,
			.selector_ctx = &asked_of);
	selector_stays();
	flow_start(pipeline);
	selector_stays();
	wait_handled("c0", 100);
}

static void partition_stays(void)
{
	SAME(.partition = SLUICE_PARTITION(2));
	SAME(.partition = 0);
	REFUSED("partition cannot change in place",
		.partition = SLUICE_PARTITION(0));
	REFUSED("partition cannot change in place",
		.partition = SLUICE_PARTITION(4));
}

static void resubscribe_keeps_the_partition(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	source = (struct flow_source){.end = UINT64_MAX};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = "partition", .partitions = 4,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 50, .partition = SLUICE_PARTITION(2));
	partition_stays();
	flow_start(pipeline);
	partition_stays();
}

static void flags_stay(void)
{
	SAME(.flags = SLUICE_SUBSCRIBE_MANUAL);
	SAME(.flags = 0);
	REFUSED("flags cannot change in place", .flags = 1u << 9);
}

static void resubscribe_keeps_the_flags(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 50, .flags = SLUICE_SUBSCRIBE_MANUAL);
	flags_stay();
	flow_start(pipeline);
	flags_stay();
	/* It is still asked by hand. */
	assert_int_equal(sluice_ask(sub, 7), 0);
	wait_handled("c0", 7);
	assert_int_equal(handled(0), 7);
}

static void resubscribe_wants_options_that_are_filled_in(void **state)
{
	struct sluice_subscription_opts opts =
		*SLUICE_SUBSCRIPTION(.max_demand = 50);

	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 100);
	opts.size = 0;
	resubscribe(&opts, -EINVAL, "subscription options");
	assert_text_has(sluice_last_error(), "size 0");
	opts.size = sizeof(opts);
	opts.resv[1] = 1;
	resubscribe(&opts, -EINVAL, "subscription options");
	assert_text_has(sluice_last_error(), "resv[1]");
	opts.resv[1] = 0;
	resubscribe(&opts, 0, NULL);
}

/* ---- what goes wrong meanwhile ------------------------------------------- */

static uint32_t calls;

/* Another thread does not wait for an end before there is a start. */
static void *ends_of_another(void *arg)
{
	assert_int_equal(sluice_pipeline_join(pipeline, SLUICE_FOREVER),
			 -EBUSY);
	assert_text_has(sluice_last_error(), "was not started");
	assert_int_equal(sluice_pipeline_drain(pipeline, SLUICE_FOREVER),
			 -EBUSY);
	assert_text_has(sluice_last_error(), "was not started");
	return arg;
}

static void while_it_starts(void)
{
	struct sluice_subscription_stats stat;
	pthread_t thread;

	calls++;
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 50)),
		-EBUSY);
	assert_text_has(sluice_last_error(), "'c0' to 'source'");
	assert_text_has(sluice_last_error(), "just being started");
	assert_int_equal(sluice_subscribe(pipeline, "c1", "source", NULL),
			 -EBUSY);
	assert_text_has(sluice_last_error(), "'c1' to 'source'");
	assert_text_has(sluice_last_error(), "just being started");
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), -EBUSY);
	assert_text_has(sluice_last_error(), "before the start");
	assert_int_equal(sluice_subscription_stat(sub, &stat), -EBUSY);
	assert_text_has(sluice_last_error(), "not started");
	assert_int_equal(pthread_create(&thread, NULL, ends_of_another, NULL),
			 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* While a start allocates, what it allocates for stays as it is. */
static void nothing_changes_while_it_starts(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	add_clerk(1);
	sub = SUBSCRIBE(0, .max_demand = 100);
	calls = 0;
	meanwhile = while_it_starts;
	flow_start(pipeline);
	assert_int_equal(calls, 1);
	wait_handled("c0", 100);
	assert_int_equal(word(&clerks[1].joined), 0);
	resubscribe(SLUICE_SUBSCRIPTION(.max_demand = 50), 0, NULL);
	(void)SUBSCRIBE(1, .max_demand = 100);
	wait_handled("c1", 100);
}

/* A window with a batch of its own needs memory for that. */
static void resubscribe_without_memory(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 100);
	flow_start(pipeline);
	wait_handled("c0", 100);
	blocks_left = 1;
	resubscribe(SLUICE_SUBSCRIPTION(.max_demand = 9, .min_demand = 3),
		    -ENOMEM, "no memory for a batch of");
	assert_int_equal(blocks_left, 0);
	wait_handled("c0", handled(0) + 1000);
	resubscribe(SLUICE_SUBSCRIPTION(.max_demand = 9, .min_demand = 3), 0,
		    NULL);
	wait_handled("c0", handled(0) + 1000);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(clerks[0].events, source.next);
	assert_int_equal(clerks[0].gaps, 0);
}

/* ---- what an inlet belongs to -------------------------------------------- */

static void inlets_know_their_subscription(void **state)
{
	struct sluice_stage *stage;
	struct sluice_sub of;

	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 100);
	flow_start(pipeline);
	wait_handled("c0", 100);
	/* Nothing but this thread changes what is subscribed. */
	stage = sluice_stage_find(pipeline, "c0");
	of = sluice_inlet_sub(stage, 0);
	assert_ptr_equal(of.pipeline, pipeline);
	assert_int_equal(of.index, sub.index);
	assert_int_equal(of.generation, sub.generation);
	for (uint32_t i = 1; i <= stage->in.places_max; i++)
		assert_null(sluice_inlet_sub(stage, i).pipeline);
	assert_null(sluice_inlet_sub(stage, UINT32_MAX).pipeline);
	assert_null(sluice_inlet_sub(NULL, 0).pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(resubscribe_keeps_the_selector),
		cmocka_unit_test(resubscribe_keeps_the_partition),
		cmocka_unit_test(resubscribe_keeps_the_flags),
		cmocka_unit_test(resubscribe_wants_options_that_are_filled_in),
		cmocka_unit_test(nothing_changes_while_it_starts),
		cmocka_unit_test(resubscribe_without_memory),
		cmocka_unit_test(inlets_know_their_subscription),
	};

	clerk_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("resubscribe", tests, NULL, NULL);
}
