/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the library as the scenarios make them (the linker's --wrap): those
 * that wait let the world go on meanwhile.
 */
#include "engine/run/run_priv.h"
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"
#include "sluice.h"

/* Makes a call that waits: NAME(parameters), called with arguments. */
#define WAITING_CALL(name, parameters, arguments)                              \
	int __real_##name parameters;                                          \
	int __wrap_##name parameters;                                          \
	int __wrap_##name parameters                                           \
	{                                                                      \
		uint32_t depth = machine_let_go();                             \
		int rc = __real_##name arguments;                              \
                                                                               \
		machine_resume(depth);                                         \
		return rc;                                                     \
	}

WAITING_CALL(sluice_pipeline_start, (struct sluice_pipeline * p), (p))
WAITING_CALL(sluice_pipeline_join, (struct sluice_pipeline * p, uint32_t ms),
	     (p, ms))
WAITING_CALL(sluice_pipeline_drain, (struct sluice_pipeline * p, uint32_t ms),
	     (p, ms))
WAITING_CALL(sluice_send,
	     (struct sluice_stage * port, const void *events, uint32_t n,
	      uint32_t ms),
	     (port, events, n, ms))
WAITING_CALL(sluice_send_reserve,
	     (struct sluice_stage * port, struct sluice_span *span, uint32_t n,
	      uint32_t ms),
	     (port, span, n, ms))
WAITING_CALL(sluice_info_sync,
	     (struct sluice_stage * stage, const void *data, uint32_t bytes,
	      uint32_t ms),
	     (stage, data, bytes, ms))
WAITING_CALL(sluice_call,
	     (struct sluice_stage * stage, const void *request, uint32_t bytes,
	      void *reply, uint32_t room, uint32_t ms),
	     (stage, request, bytes, reply, room, ms))

WAITING_CALL(sluice_stage_remove, (struct sluice_stage * stage, uint32_t ms),
	     (stage, ms))

void __real_sluice_pipeline_close(struct sluice_pipeline *p);
void __wrap_sluice_pipeline_close(struct sluice_pipeline *p);
void __wrap_sluice_pipeline_close(struct sluice_pipeline *p)
{
	uint32_t depth = machine_let_go();

	machine_join(); /* one may be about to stop it */
	__real_sluice_pipeline_close(p);
	machine_resume(depth);
}

int __real_pipeline_open_on(struct sluice_pipeline **out,
			    const struct sluice_pipeline_opts *opts,
			    const struct platform *platform);
int __wrap_pipeline_open_on(struct sluice_pipeline **out,
			    const struct sluice_pipeline_opts *opts,
			    const struct platform *platform);

/* What passes in no time on a simulated clock takes it on a real one; and few
 * CPUs are enough when workers yield, or go where they like. */
int __wrap_pipeline_open_on(struct sluice_pipeline **out,
			    const struct sluice_pipeline_opts *opts,
			    const struct platform *platform)
{
	struct sluice_pipeline_opts o = *opts;

	o.backoff_ms = 1;
	o.backoff_max_ms = 1 + sim_below(8);
	o.spin_us = sim_below(2) ? o.spin_us : 0;
	o.pin = sim_below(2) ? "none" : NULL;
	return __real_pipeline_open_on(out, &o, platform);
}
