/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a worker on that worker's CPU sleeps at once, and so does the worker
 * when it has nothing to do. Where the user runs the test says; pauses and sleeps are
 * counted. */
#include "engine/graph/pipeline_priv.h"
#include "engine/run/run_priv.h"
#include "flow.h"

#include <pthread.h>

#define SHORT_MS 5u

enum { USER, WORKER, OTHER, SIDES };

static struct sluice_pipeline *pipeline;
static struct sluice_stage *in;
static struct sluice_stage *out;
static struct sluice_wait_ops wait;
static struct platform platform;
static pthread_t user;
static sluice_a64 worker_self; /* as the platform has it; 0: not known yet */
static int here;               /* the CPU that the user is on */
static sluice_a32 pauses[SIDES];
static sluice_a32 sleeps[SIDES];

static int side(void)
{
	if (pthread_equal(pthread_self(), user))
		return USER;
	return sluice_load_acquire(&worker_self) ==
			       platform_linux()->self(platform_linux()->ctx)
		       ? WORKER
		       : OTHER;
}

static void pause_counted(void *ctx, uint32_t n)
{
	(void)sluice_fetch_add(&pauses[side()], 1);
	sluice_wait_linux()->pause(ctx, n);
}

static void yield_counted(void *ctx)
{
	(void)sluice_fetch_add(&pauses[side()], 1);
	sluice_wait_linux()->yield(ctx);
}

static void park_counted(void *ctx, sluice_a32 *word, uint32_t expected,
			 uint64_t deadline_ns)
{
	(void)sluice_fetch_add(&sleeps[side()], 1);
	sluice_wait_linux()->park(ctx, word, expected, deadline_ns);
}

static int cpu_told(void *ctx)
{
	(void)ctx;
	return here;
}

static int send_on(struct sluice_stage *self, const struct sluice_batch *batch)
{
	void *events = sluice_emit(self, batch->count);

	if (events == NULL)
		return -ENOBUFS;
	memcpy(events, batch->events, 8u * batch->count);
	return SLUICE_OK;
}

static void open_ports(void)
{
	user = pthread_self();
	here = PLATFORM_CPU_ANY;
	sluice_store_release(&worker_self, 0);
	memset(pauses, 0, sizeof(pauses));
	memset(sleeps, 0, sizeof(sleeps));
	wait = *sluice_wait_linux();
	wait.pause = pause_counted;
	wait.yield = yield_counted;
	wait.park = park_counted;
	platform = *platform_linux();
	platform.wait = &wait;
	platform.cpu = cpu_told;
	assert_int_equal(pipeline_open_on(&pipeline,
					  SLUICE_PIPELINE(.workers = 1),
					  &platform),
			 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .flags = SLUICE_STAGE_PORT, .out_bytes = 8));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "through",
			      .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
			      .out_bytes = 8, .handle_events = send_on));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
			      .flags = SLUICE_STAGE_PORT, .in_bytes = 8));
	flow_subscribe(pipeline, "through", "in", NULL);
	flow_subscribe(pipeline, "out", "through",
		       SLUICE_SUBSCRIPTION(.max_demand = 1));
	flow_start(pipeline);
	in = sluice_stage_find(pipeline, "in");
	out = sluice_stage_find(pipeline, "out");
}

static struct worker *worker_of_stage(void)
{
	return sluice_stage_find(pipeline, "through")->worker;
}

/* In vain: nobody has sent anything. */
static void receive_in_vain(void)
{
	struct sluice_batch batch;

	assert_int_equal(sluice_recv(out, &batch, SHORT_MS), -EAGAIN);
}

/* Fill all there is between the two, and want to send more. */
static void send_in_vain(void)
{
	uint64_t event = 0;
	int rc;

	do {
		sluice_store_release(&pauses[USER], 0);
		rc = sluice_send(in, &event, 1, SHORT_MS);
	} while (rc == 1);
	assert_int_equal(rc, -EAGAIN);
}

static void user_sleeps_at_once(void (*waits)(void))
{
	here = worker_of_stage()->cpu;
	waits();
	assert_int_equal(sluice_load_acquire(&pauses[USER]), 0);
	assert_true(sluice_load_acquire(&sleeps[USER]) > 0);
}

static void user_spins_first(void (*waits)(void))
{
	waits();
	assert_true(sluice_load_acquire(&pauses[USER]) > 0);
	assert_true(sluice_load_acquire(&sleeps[USER]) > 0);
	assert_int_equal(sluice_load_acquire(&worker_of_stage()->crowded), 0);
}

static void who_receives_there_sleeps(void **state)
{
	(void)state;
	open_ports();
	user_sleeps_at_once(receive_in_vain);
	sluice_pipeline_close(pipeline);
}

static void who_sends_there_sleeps(void **state)
{
	(void)state;
	open_ports();
	user_sleeps_at_once(send_in_vain);
	sluice_pipeline_close(pipeline);
}

static void who_is_elsewhere_spins(void **state)
{
	(void)state;
	open_ports();
	here = worker_of_stage()->cpu + 1;
	user_spins_first(receive_in_vain);
	user_spins_first(send_in_vain);
	sluice_pipeline_close(pipeline);
}

/* Nor is a worker that is pinned nowhere on the same CPU as one that is nowhere. */
static void who_is_nowhere_spins(void **state)
{
	(void)state;
	open_ports();
	sluice_store_release(&worker_of_stage()->pinned, 0);
	user_spins_first(receive_in_vain);
	sluice_pipeline_close(pipeline);
}

static void await_parked(const struct worker *worker)
{
	while (sluice_load_acquire(&worker->bell->parked) == 0)
		flow_sleep_ms(1);
}

static void a_worker_makes_way(void **state)
{
	uint64_t event = 7;
	struct sluice_batch batch;
	struct worker *worker;

	(void)state;
	open_ports();
	worker = worker_of_stage();
	await_parked(worker);
	sluice_store_release(&worker_self, sluice_load_acquire(&worker->self));
	/* As a user says it who waits there. */
	sluice_store_release(&worker->crowded, 1);
	assert_int_equal(sluice_send(in, &event, 1, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_recv(out, &batch, FLOW_DEADLINE_MS), 1);
	await_parked(worker);
	assert_int_equal(sluice_load_acquire(&pauses[WORKER]), 0);
	/* Once: the next time it spins as ever. */
	assert_int_equal(sluice_load_acquire(&worker->crowded), 0);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(who_receives_there_sleeps),
		cmocka_unit_test(who_sends_there_sleeps),
		cmocka_unit_test(who_is_elsewhere_spins),
		cmocka_unit_test(who_is_nowhere_spins),
		cmocka_unit_test(a_worker_makes_way),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
