/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody sees whether all threads of a real machine sleep for good. So what has
 * to end by itself is waited for, until watch.c's deadline says that it hangs; what
 * may wait for something that will not come is drained, soon after the last sign
 * of life: too early is no fault.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

#define LOOK_MS  2u
#define QUIET_MS 5u
#define LONG_MS  1000u

struct patience {
	uint64_t begun_ms;
	uint64_t pulse;
	uint64_t pulse_ms;
};

/* Foreign threads have done what they wanted to, and nothing happens. */
static int is_quiet(struct patience *p)
{
	uint64_t now = machine_now_ms();

	if (p->pulse != machine_pulse() || !world.settled) {
		p->pulse = machine_pulse();
		p->pulse_ms = now;
	}
	return world.settled &&
	       (now - p->pulse_ms > QUIET_MS || now - p->begun_ms > LONG_MS);
}

int quiet_run_out(struct sluice_pipeline *p)
{
	struct patience patience = {.begun_ms = machine_now_ms()};

	for (;;) {
		int rc = sluice_pipeline_join(p, LOOK_MS);

		if (rc != -ETIMEDOUT)
			return rc;
		if (report.text[0] != '\0')
			finale_stop(); /* it is known to be wrong */
		else if (is_quiet(&patience) && inspect_may_wait())
			return finale_drain(SLUICE_FOREVER);
	}
}
