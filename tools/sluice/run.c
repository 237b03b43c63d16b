/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/run.h"
#include "tools/cli/say.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* One waits for the end, one drains, and the caller's takes the signals. */
struct run {
	struct sluice_pipeline *pipeline;
	uint32_t drain_ms;
	pthread_t caller;
	_Atomic int ended;
	struct run_end joined;
	struct run_end drained;
};

/* The caller is told by this signal that the pipeline has ended. */
#define SIGNAL_ENDED SIGUSR1

static void run_answer(struct run_end *end, int code)
{
	end->code = code;
	(void)snprintf(end->sentence, sizeof(end->sentence), "%s",
		       code < 0 ? sluice_last_error() : "");
}

static void *run_join(void *arg)
{
	struct run *run = arg;

	run_answer(&run->joined,
		   sluice_pipeline_join(run->pipeline, SLUICE_FOREVER));
	run->ended = 1;
	(void)pthread_kill(run->caller, SIGNAL_ENDED);
	return NULL;
}

static void *run_drain(void *arg)
{
	struct run *run = arg;

	run_answer(&run->drained,
		   sluice_pipeline_drain(run->pipeline, run->drain_ms));
	return NULL;
}

/* Until it has ended. Returns how many signals have come. */
static int run_signals(struct run *run, const sigset_t *signals,
		       pthread_t *drain)
{
	int came = 0;
	int signal = 0;

	while (!run->ended) {
		/* Anybody may send the one that tells of the end. */
		if (sigwait(signals, &signal) != 0 || signal == SIGNAL_ENDED)
			continue;
		came++;
		if (came > 1 ||
		    pthread_create(drain, NULL, run_drain, run) != 0)
			sluice_pipeline_stop(run->pipeline);
	}
	return came;
}

int run_pipeline(struct sluice_pipeline *pipeline, uint32_t drain_ms,
		 struct run_end *end)
{
	struct run run = {.pipeline = pipeline,
			  .drain_ms = drain_ms,
			  .caller = pthread_self()};
	pthread_t none = pthread_self();
	pthread_t drain = none;
	sigset_t signals;
	pthread_t join;
	int rc;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGNAL_ENDED);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	rc = cli_library(sluice_pipeline_start(pipeline));
	if (rc < 0)
		return rc;
	rc = pthread_create(&join, NULL, run_join, &run);
	if (rc != 0) {
		sluice_pipeline_stop(pipeline);
		return cli_fail(-rc, "no thread: %s", strerror(rc));
	}
	run.joined.signals = run_signals(&run, &signals, &drain);
	(void)pthread_join(join, NULL);
	*end = run.joined;
	if (pthread_equal(drain, none))
		return 0;
	/* It knows how many events were dropped for want of time. */
	(void)pthread_join(drain, NULL);
	if (run.drained.code == -ETIMEDOUT) {
		run.drained.signals = end->signals;
		*end = run.drained;
	}
	return 0;
}
