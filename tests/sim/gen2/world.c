/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed is one pipeline of a few stages, and what happens to it meanwhile
 * (features.def). What must hold whatever the schedule is written in book.c,
 * promise.c, onlook.c, inspect.c, quiet.c and balance.c.
 */
#include "tests/sim/gen2/book.h"
#include "engine/run/run_priv.h"
#include "sluice.h"

#include <errno.h>
#include <string.h>

struct world world;

void world_spawn(void (*run)(void *), void *arg)
{
	world.foreign++;
	sim_spawn(run, arg);
}

/* ---- what it is ---------------------------------------------------------- */

const char *gen2_feature(uint32_t index, const char **help)
{
	static const struct {
		const char *word, *help;
	} features[] = {
#define FEATURE(name, word, help) {word, help},
#include "features.def"
#undef FEATURE
	};

	if (index >= FEATURES)
		return NULL;
	*help = features[index].help;
	return features[index].word;
}

uint64_t gen2_features(char *list, const char **unknown)
{
	uint64_t features = 0;

	*unknown = NULL;
	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		const char *known;
		const char *help;
		uint32_t i = 0;

		while ((known = gen2_feature(i, &help)) != NULL &&
		       strcmp(known, word) != 0)
			i++;
		if (known == NULL) {
			*unknown = word;
			return 0;
		}
		features |= UINT64_C(1) << i;
	}
	return features;
}

static void choose_features(const struct scenario_options *options)
{
	/* Half of them have few: what fails there is easier to read. */
	uint32_t one_in = sim_below(2) ? 2 : 6;

	for (uint32_t i = 0; i < FEATURES_FIRST; i++)
		if (sim_below(one_in) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_FIRST; i < FEATURES_SECOND; i++)
		if (more_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_SECOND; i < FEATURES_THIRD; i++)
		if (late_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_THIRD; i < FEATURES_FOURTH; i++)
		if (user_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_FOURTH; i < FEATURES_FIFTH; i++)
		if (follow_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_FIFTH; i < FEATURES_SIXTH; i++)
		if (help_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_SIXTH; i < FEATURES_SEVENTH; i++)
		if (gather_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	for (uint32_t i = FEATURES_SEVENTH; i < FEATURES; i++)
		if (beacon_below(3) == 0)
			world.features |= UINT64_C(1) << i;
	world.features |= options->with;
	world.features &= ~options->without;
	world.fault_one_in = 2 + sim_below(40);
	world.faults_left = sim_below(10);
	world.outcome =
		sim_below(4) ? RUN_OUT : (enum outcome)(DRAIN + sim_below(3));
	if (world.outcome == DRAIN_IN_TIME && !with(FEATURE_STOPS))
		world.outcome = DRAIN;
}

static void choose_opts(void)
{
	struct sluice_pipeline_opts *o = &world.opts;

	sluice_pipeline_opts_init(o);
	o->workers = sim_below(4);
	o->spin_us = sim_below(2) ? 1 : SLUICE_SPIN_NEVER;
	o->supervision = (enum sluice_supervision)sim_below(3);
	o->max_restarts = sim_below(4) ? 1000 : 1 + sim_below(4);
	o->backoff_ms = 1 + sim_below(20);
	o->backoff_max_ms = o->backoff_ms + sim_below(1000);
	o->log = say_log;
}

static void describe(void)
{
	static const char *const outcomes[] = {"run out", "drain",
					       "drain in time", "stop"};

	say("%s, %u workers, supervision %d, max_restarts %u",
	    outcomes[world.outcome], world.opts.workers,
	    (int)world.opts.supervision, world.opts.max_restarts);
	for (uint32_t i = 0; i < FEATURES; i++) {
		const char *help;
		const char *word = gen2_feature(i, &help);

		if (with((enum feature)i))
			say("  with %s", word);
	}
	option_tell();
}

/* ---- one run ------------------------------------------------------------- */

/* Of a port, which may have been removed by now. */
static void spawn_user(struct node *node)
{
	while (node->stand == STAND_GOES)
		sim_yield();
	if (is_there(node))
		client_begin(node);
}

static void spawn_foreign(void)
{
	world_spawn(meddle_run, NULL);
	if (with(FEATURE_WATCHES))
		world_spawn(beacon_run, NULL);
	if (with(FEATURE_SYNC))
		world_spawn(meddle_wait, NULL);
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].port && !world.nodes[i].newcomer)
			spawn_user(&world.nodes[i]);
	if (with(FEATURE_LATE_STAGES))
		late_begin(0);
}

static int interrupt(struct sluice_pipeline *p)
{
	int rc;

	for (uint32_t i = sim_below(400); i > 0; i--)
		sim_yield();
	if (world.outcome == STOP) {
		finale_stop();
		return sluice_pipeline_join(p, SLUICE_FOREVER);
	}
	if (world.outcome == DRAIN)
		return finale_drain(SLUICE_FOREVER);
	/* It becomes a stop when it takes longer. */
	rc = finale_drain(sim_below(3));
	return rc == -ETIMEDOUT ? sluice_pipeline_join(p, SLUICE_FOREVER) : rc;
}

static void run(struct sluice_pipeline *p)
{
	int rc;

	spawn_foreign();
	rc = world.outcome == RUN_OUT ? quiet_run_out(p) : interrupt(p);
	say("ended with %d", rc);
	sim_await_idle();
	if (world.foreign > 0)
		wrong("stall: the pipeline has ended, and a thread of the "
		      "program waits for it");
	if (with(FEATURE_LATE_STAGES))
		leave_end();
	balance_end(rc);
}

static void world_main(void *arg)
{
	struct sluice_pipeline *p = NULL;
	int rc;

	choose_features(arg);
	choose_opts();
	graph_choose();
	rc = pipeline_open_on(&p, &world.opts, sim_platform());
	world.pipeline = p;
	if (rc == 0)
		rc = option_declare(p);
	if (is_replay())
		describe();
	if (with(FEATURE_GATHER))
		sim_watch_sleep(gather_check_late);
	if (rc < 0)
		wrong("not declared: %s", sluice_last_error());
	else if (begin_run(p) == 0)
		run(p);
	sim_watch_sleep(NULL);
	leave_close(p);
	beacon_end();
}

/* The last run; the edges when they are made. */
static void forget(void)
{
	memset(&world, 0, offsetof(struct world, edges));
	memset(&world.edge_count, 0,
	       sizeof(world) - offsetof(struct world, edge_count));
}

struct scenario_report gen2_run(uint64_t seed,
				const struct scenario_options *options)
{
	struct scenario_options copy = *options;

	forget();
	world.scale = options->scale ? options->scale : 1;
	world.more.state = ~seed;
	world.late.state = seed ^ UINT64_C(0x6c61746573746167);
	world.user.state = seed ^ UINT64_C(0x706f727473757365);
	world.follow.state = seed ^ UINT64_C(0x77696e646f777366);
	world.help.state = seed ^ UINT64_C(0x68656c6d68656c70);
	world.gather.state = seed ^ UINT64_C(0x6761746865726564);
	world.watch.state = seed ^ UINT64_C(0x7761746368657321);
	return report_run(seed, options, world_main, &copy, inspect_tell);
}
