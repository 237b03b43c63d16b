/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model.h
 * Runs a suite under relacy's schedulers and says what was run.
 *
 * A program takes two optional arguments: how many random schedules, and the
 * number of the first. relacy seeds each schedule with its number, so "1 4711"
 * repeats schedule 4711 alone. A search by context bound tries every schedule
 * with at most that many switches away from a thread that could go on; it has
 * no seed. What a suite leaves open (which path, how much at once) it asks of
 * rl::rand(), so the scheduler chooses that too.
 *
 * Exit codes: 0 all passed, 10 a violation was found, 2 wrong arguments. A
 * mutant must end with 10: a crash or a model that does not start is no proof.
 */
#ifndef SLUICE_MODEL_MODEL_H
#define SLUICE_MODEL_MODEL_H

#include "backend.h"

enum {
	MODEL_EXIT_VIOLATION = 10,
	MODEL_EXIT_USAGE = 2,
	/* More steps than this count as a livelock. The random scheduler is
	 * fair in the long run only, so it is far above what a run needs. */
	MODEL_STEPS_MAX = 2000,
};

struct model_range {
	uint64_t first;
	uint64_t count;
};

static inline struct model_range model_arguments(int argc, char **argv,
						 uint64_t count)
{
	struct model_range range = {1, count};

	if (argc > 1)
		range.count = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		range.first = strtoull(argv[2], NULL, 10);
	if (argc > 3 || range.count == 0 || range.first == 0) {
		fprintf(stderr, "usage: %s [iterations [first]], both from 1\n",
			argv[0]);
		exit(MODEL_EXIT_USAGE);
	}
	return range;
}

/*
 * Runs one search; a schedule that fails is run again for its trace. Ends the
 * program there: what follows would only hide the trace. (rl::simulate() does
 * the same for all schedulers at once and takes twice as long to compile.)
 */
template <typename suite, typename scheduler>
static void model_search(const char *name, rl::test_params *params)
{
	std::ostream nowhere(NULL);
	rl::ostringstream state;
	rl::ostringstream unused;

	params->progress_stream = &nowhere;
	params->execution_depth_limit = MODEL_STEPS_MAX;
	fflush(stdout);
	if (rl::run_test<suite, scheduler>(*params, state, false) ==
	    rl::test_result_success) {
		printf("  passed, %llu iterations\n",
		       (unsigned long long)params->stop_iteration);
		return;
	}
	params->initial_state = state.str();
	params->collect_history = true;
	rl::run_test<suite, scheduler>(*params, unused, true);
	std::cout.flush();
	printf("violation in %s at iteration %llu: %s\n", name,
	       (unsigned long long)params->stop_iteration,
	       rl::test_result_str(params->test_result));
	fflush(stdout);
	/* Not exit(): the threads of the model still stand where they were. */
	_exit(MODEL_EXIT_VIOLATION);
}

template <typename suite>
static void model_random(const char *name, struct model_range range)
{
	rl::test_params params;
	char first[24];

	snprintf(first, sizeof(first), "%llu ",
		 (unsigned long long)range.first);
	printf("%s: random scheduler, %llu iterations, seeds from %llu\n", name,
	       (unsigned long long)range.count,
	       (unsigned long long)range.first);
	params.search_type = rl::sched_random;
	params.initial_state = first;
	params.iteration_count = range.first + range.count - 1;
	model_search<suite, rl::random_scheduler<suite::params::thread_count>>(
		name, &params);
}

template <typename suite>
static void model_bounded(const char *name, unsigned bound)
{
	rl::test_params params;

	printf("%s: every schedule with at most %u switches, seed fixed\n",
	       name, bound);
	params.search_type = rl::sched_bound;
	params.context_bound = bound;
	model_search<suite,
		     rl::context_bound_scheduler<suite::params::thread_count>>(
		name, &params);
}

#endif
