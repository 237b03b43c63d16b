/* SPDX-License-Identifier: Apache-2.0 */
/* What stages, and whoever else, ask of the pipeline around them: the log, the
 * first failure, the supervisor's attention, and that all be told to end. */
#include "engine/run/port_priv.h"
#include "engine/run/run_priv.h"
#include "engine/run/watches_priv.h"
#include "engine/stage/gate_priv.h"

#include <stdio.h>

static void run_log(struct host *host, const char *text)
{
	const struct sluice_pipeline_opts *o = &pipeline_of(host)->opts;

	o->log(o->log_ctx, text);
}

static void run_alarm(struct host *host)
{
	struct sluice_pipeline *p = pipeline_of(host);

	(void)sluice_fetch_add(&p->alarms, 1);
	sluice_bell_ring(p->supervisor_bell, host->wait);
}

/* Nothing here waits, allocates or writes a text: a signal handler may be the
 * caller. While the gate is closed nobody sleeps who would have to be woken. */
void pipeline_raise(struct sluice_pipeline *p, enum pipeline_command command)
{
	uint32_t seen = sluice_load_acquire(&p->host.command);

	while (seen < (uint32_t)command)
		if (sluice_compare_exchange(&p->host.command, &seen,
					    (uint32_t)command))
			break;
	if (gate_enter(&p->gate)) {
		for (uint32_t i = 0; i < pipeline_workers(p); i++)
			sluice_bell_ring(p->workers[i].bell, p->host.wait);
		run_alarm(&p->host);
	}
	gate_leave(&p->gate, p->host.wait);
}

static void run_fail(struct host *host, int rc, const char *text, int stop)
{
	struct sluice_pipeline *p = pipeline_of(host);
	uint32_t none = 0;

	/* The first one counts. */
	if (sluice_compare_exchange(&p->failed, &none, 1)) {
		(void)snprintf(p->failure_text, sizeof(p->failure_text), "%s",
			       text);
		p->failure = rc;
		sluice_store_release(&p->failed, PIPELINE_FAILURE_TOLD);
	}
	if (stop)
		pipeline_raise(p, PIPELINE_STOP);
}

static uint64_t run_retry_delay(struct host *host, uint32_t retries)
{
	struct sluice_pipeline *p = pipeline_of(host);

	return restart_delay(&engine_of(p)->policy, retries - 1,
			     p->platform->random(p->platform->ctx));
}

const struct host_ops run_host_ops = {
	.log = run_log,
	.fail = run_fail,
	.alarm = run_alarm,
	.call_port = port_call,
	.retry_delay = run_retry_delay,
	.watch = watches_add,
	.unwatch = watches_remove,
	.unwatch_all = watches_remove_all,
};
