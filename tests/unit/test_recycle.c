/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that are begun again together, while one of them is still at it. */
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#include <errno.h>

#define ROUNDS 10u

/* Its second init waits, and what it does first after that fails. */
static struct {
	struct gate gate;
	uint32_t inits;
	uint32_t failed;
} late;

/* Fails twice; each time it is begun again it is counted at the gate, and need
 * not wait there. */
static struct {
	struct gate gate;
	uint32_t inits;
} hasty;

static int late_init(struct sluice_stage *self)
{
	(void)self;
	if (++late.inits == 2)
		gate_pass(&late.gate);
	return SLUICE_OK;
}

static int late_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	if (late.inits == 1 || late.failed++ > 0)
		return SLUICE_OK;
	return -EIO;
}

static int hasty_init(struct sluice_stage *self)
{
	(void)self;
	hasty.inits++;
	gate_arrive(&hasty.gate);
	return SLUICE_OK;
}

static int hasty_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return hasty.inits < 3 ? -EIO : SLUICE_OK;
}

static int nothing(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static struct sluice_pipeline *build(void)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(
			&p,
			SLUICE_PIPELINE(.workers = 1, .max_restarts = 1000,
					.backoff_ms = 1, .backoff_max_ms = 1,
					.supervision = SLUICE_ONE_FOR_ALL)),
		0);
	/* Declared first, it is ordered up first. */
	flow_add(p,
		 SLUICE_STAGE(.name = "late", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .blocking = 1,
			      .restart = SLUICE_RESTART_TRANSIENT,
			      .init = late_init, .handle_demand = late_demand));
	flow_add(p, SLUICE_STAGE(.name = "hasty", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .blocking = 1,
				 .restart = SLUICE_RESTART_TRANSIENT,
				 .init = hasty_init,
				 .handle_demand = hasty_demand));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8,
				 .restart = SLUICE_RESTART_TRANSIENT,
				 .handle_events = nothing));
	flow_subscribe(p, "sink", "late", NULL);
	flow_subscribe(p, "sink", "hasty", NULL);
	return p;
}

/* It is ordered up twice, for two failures of another, while its init runs; then
 * it fails, and the second order starts it again before anybody has noticed. All
 * come up once more for that failure. */
static void who_fails_with_an_order_waiting_holds_nobody_up(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct sluice_pipeline *p;
		int before;
		int after;

		memset(&late, 0, sizeof(late));
		memset(&hasty, 0, sizeof(hasty));
		late.gate = GATE_CLOSED;
		hasty.gate = GATE_CLOSED;
		p = build();
		flow_start(p);
		before = gate_await(&hasty.gate, 3);
		gate_open(&late.gate, 1);
		after = gate_await(&hasty.gate, 4);
		sluice_pipeline_stop(p);
		sluice_pipeline_close(p);
		assert_int_equal(before, 0);
		assert_int_equal(after, 0);
		assert_true(late.failed > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_fails_with_an_order_waiting_holds_nobody_up),
	};

	return cmocka_run_group_tests_name("recycle", tests, NULL, NULL);
}
