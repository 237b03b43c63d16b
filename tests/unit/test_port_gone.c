/* SPDX-License-Identifier: Apache-2.0 */
/* A port is removed just when the supervisor is about to look after it. */
#include "engine/run/port_priv.h"
#include "flow.h"

#include <pthread.h>

static pthread_t user;
/* The supervisor is to stop where it asks for the time; it has; it may go on. */
static sluice_a32 trap;
static sluice_a32 there;
static sluice_a32 on;

static uint64_t now_ns(void *ctx)
{
	uint32_t set = 1;

	if (!pthread_equal(pthread_self(), user) &&
	    sluice_compare_exchange(&trap, &set, 0)) {
		sluice_store_release(&there, 1);
		while (!sluice_load_acquire(&on))
			flow_sleep_ms(1);
	}
	return sluice_wait_linux()->now_ns(ctx);
}

static void wait_until(const sluice_a32 *word, uint32_t value)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(word) == value)
			return;
		flow_sleep_ms(1);
	}
	/* It waits for nobody any more. */
	sluice_store_release(&on, 1);
	fail_msg("it has not come");
}

static struct sluice_stage *add_port(struct sluice_pipeline *p,
				     const char *name)
{
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				 .flags = SLUICE_STAGE_PORT, .in_bytes = 8,
				 .on_idle = SLUICE_IDLE_STAY));
	return sluice_stage_find(p, name);
}

/* It looked at a port that had not ended, and comes to one that is closed. Whoever
 * gets that place has a port that nobody holds. */
static void one_that_is_closed_is_let_be(void **state)
{
	struct sluice_wait_ops wait = *sluice_wait_linux();
	struct platform platform = *platform_linux();
	struct sluice_pipeline *p = NULL;
	struct sluice_stage *port;
	struct sluice_batch batch;

	(void)state;
	user = pthread_self();
	wait.now_ns = now_ns;
	platform.wait = &wait;
	assert_int_equal(pipeline_open_on(&p, SLUICE_PIPELINE(0), &platform),
			 0);
	(void)add_port(p, "stays");
	port = add_port(p, "goes");
	flow_start(p);
	flow_sleep_ms(5);
	sluice_store_release(&trap, 1);
	port_call(port);
	wait_until(&there, 1);
	assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_stage_remove(port, 0), 0);
	sluice_store_release(&on, 1);
	wait_until(&port->words.berth, BERTH_FREE);
	assert_ptr_equal(add_port(p, "comes"), port);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	sluice_pipeline_stop(p);
	assert_int_equal(sluice_pipeline_join(p, FLOW_DEADLINE_MS), -ECANCELED);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_is_closed_is_let_be,
						flow_setup, flow_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
