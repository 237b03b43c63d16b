/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed stands for, and one run of it. */
#include "engine/run/run_priv.h"
#include "tests/sim/gen3/visit.h"
#include "tests/sim/process.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of so many seeds one may deal by a pool, one broadcasts, and one has workers; the
 * others go on meaning what they meant. */
#define KINDS           8u
#define KIND_POOLS      7u
#define KIND_BROADCASTS 1u
#define KIND_WORKS      5u
/* And in one of so many of each kind events kill. */
#define KILLS        4u
#define LIVES_IN_ALL (VISITORS_MAX - 4u)

/* No other ring is as large. */
#define RING_OF_OUTLAWS 64u

struct visit visit;

/* Under a name one comes after the other. */
static struct name {
	char text[8];
	enum role role;
	enum place place;
	enum place feeds;
	uint32_t lives;
	uint32_t outlaw;                /* the last is one */
	struct sluice_attach_opts opts; /* of the first */
} names[NAMES_MAX];

/* ---- what it is ------------------------------------------------------------------ */

/* Behind the first so many, which any seed may have. */
enum { SPRING_SHARED = 9, SPRING_BROADCAST, SPRING_ORDERED };

static void choose_spring(struct spring *spring)
{
	static const struct {
		const char *dispatcher;
		uint32_t keyed, needs_keys, spills;
	} kinds[] = {
		{"demand", 0, 0, 0},    {"rr", 0, 0, 0},
		{"jbsq", 0, 0, 0},      {"p2c", 0, 0, 0},
		{"partition", 1, 1, 1}, {"hash", 1, 1, 1},
		{"atomic", 1, 1, 1},    {"pkg", 0, 1, 1},
		{"sticky", 0, 1, 0},    {"shared", 0, 0, 0},
		{"broadcast", 0, 0, 0}, {"ordered", 0, 0, 0},
	};
	int is_source = spring == &visit.spring[PLACE_SOURCE];
	uint32_t kind = sim_below(SPRING_SHARED);

	if (visit.pools && sim_below(2))
		kind = SPRING_SHARED;
	if (visit.broadcasts && sim_below(4))
		kind = SPRING_BROADCAST;
	if (visit.works && is_source && sim_below(2))
		kind = SPRING_ORDERED;
	spring->dispatcher = kinds[kind].dispatcher;
	spring->keyed = kinds[kind].keyed;
	spring->needs_keys = kinds[kind].needs_keys;
	spring->spills = kinds[kind].spills;
	spring->common = kind == SPRING_BROADCAST;
	spring->ordered = kind == SPRING_ORDERED;
	spring->workers = sim_below(WORKERS_MAX);
	if (strcmp(spring->dispatcher, "hash") == 0)
		spring->partitions = 1 + sim_below(PARTITIONS);
	if (spring->partitions && spring->workers > spring->partitions)
		spring->workers = spring->partitions;
}

static int spring_is_full(const struct spring *spring)
{
	return spring->partitions && spring->workers == spring->partitions;
}

/* Whoever feeds the middle may wait for its consumers. */
static void serve(struct spring *spring)
{
	if (spring->partitions)
		spring->workers = spring->partitions;
	else if (spring->workers == 0)
		spring->workers = 1;
}

/* Who reads of what is numbered works, and feeds the stage that restores the order; and
 * nobody else does. */
static void choose_work(struct name *name)
{
	int ordered = (int)visit.spring[PLACE_SOURCE].ordered;

	if (sim_below(3))
		name->role = ROLE_WORKER;
	if (name->role == ROLE_READER && name->place == PLACE_SOURCE && ordered)
		name->role = ROLE_WORKER;
	if (name->role == ROLE_FEEDER && name->place == PLACE_SOURCE &&
	    (ordered || visit.spring[PLACE_MIDDLE].there))
		name->role = ROLE_WORKER;
	if (name->role != ROLE_WORKER)
		return;
	name->place = PLACE_SOURCE;
	name->feeds = PLACE_SINK;
	if (visit.spring[PLACE_MIDDLE].there && !ordered && sim_below(2))
		name->feeds = PLACE_MIDDLE;
	visit.sink |= name->feeds == PLACE_SINK;
}

static void choose_role(struct name *name)
{
	const struct spring *spring;

	name->role = (enum role)sim_below(2);
	name->place = visit.spring[PLACE_MIDDLE].there && sim_below(2)
			      ? PLACE_MIDDLE
			      : PLACE_SOURCE;
	if (visit.broadcasts && sim_below(2))
		name->role = ROLE_READER;
	if (visit.works)
		choose_work(name);
	spring = &visit.spring[name->place];
	if (name->role == ROLE_READER && spring->partitions == 0 &&
	    sim_below(6) == 0)
		name->role = ROLE_ONLOOKER;
	if ((name->role == ROLE_READER || name->role == ROLE_WORKER) &&
	    spring_is_full(spring))
		name->role = ROLE_FEEDER;
	if (name->role == ROLE_FEEDER && name->place == PLACE_SOURCE)
		name->place = PLACE_SINK;
	visit.sink |= name->place == PLACE_SINK;
}

static void choose_name(struct name *name, uint32_t index)
{
	*name = (struct name){.lives = 1 + sim_below(2 + sim_below(2)),
			      .outlaw = sim_below(8) == 0};
	(void)snprintf(name->text, sizeof(name->text), "v%u", index % 100);
	choose_role(name);
}

/* Under each name there are several to die. */
static void choose_killers(void)
{
	visit.deliveries_max = 3 + sim_below(4) / 3;
	visit.killer = sim_below(KILLER_OF);
	/* Nobody else takes them from those who are to die. */
	if (sim_below(4))
		visit.spring[PLACE_SOURCE].workers = 0;
	if (visit.hold_ms > 0)
		visit.hold_ms += 1000;
	for (uint32_t i = 0; i < visit.coming; i++) {
		names[i].lives = LIVES_IN_ALL / visit.coming;
		names[i].outlaw = 0;
	}
}

static void choose(void)
{
	visit.total = sim_below(EVENTS_MAX);
	visit.early = sim_below(4) == 0;
	visit.hold_ms = sim_below(2) ? 0 : 1u << sim_below(10);
	visit.spring[PLACE_SOURCE].there = 1;
	visit.spring[PLACE_MIDDLE].there = sim_below(2);
	visit.filters = visit.works && sim_below(2);
	choose_spring(&visit.spring[PLACE_SOURCE]);
	choose_spring(&visit.spring[PLACE_MIDDLE]);
	serve(&visit.spring[PLACE_MIDDLE]);
	visit.sink = visit.spring[PLACE_SOURCE].ordered;
	visit.coming = 1 + sim_below(NAMES_MAX - sim_below(2));
	for (uint32_t i = 0; i < visit.coming; i++)
		choose_name(&names[i], i);
	if (visit.kills)
		choose_killers();
}

static void describe(const struct sluice_pipeline_opts *o)
{
	say("%u workers, %u events, places are kept %u ms", o->workers,
	    visit.total, visit.hold_ms);
	if (visit.kills)
		say("  every fifth from %u on kills, and they are given up "
		    "after %u deaths",
		    visit.killer, visit.deliveries_max);
	for (uint32_t i = 0; i < 2; i++)
		say("  %s by %s, %u consumers, %u partitions",
		    i == PLACE_SOURCE ? "source" : "middle",
		    visit.spring[i].there ? visit.spring[i].dispatcher
					  : "nobody",
		    visit.spring[i].workers, visit.spring[i].partitions);
	for (uint32_t i = 0; i < visit.coming; i++)
		say("  %s: %u lives, role %d at %d, to %d%s", names[i].text,
		    names[i].lives, (int)names[i].role, (int)names[i].place,
		    (int)names[i].feeds,
		    names[i].outlaw ? ", an outlaw at last" : "");
}

/* ---- who comes --------------------------------------------------------------------- */

/* An attach takes some hundred accesses, what comes then any number. */
static void choose_doom(struct visitor *v)
{
	switch (sim_below(5)) {
	case 0:
		v->doom = 1 + sim_below(400);
		break;
	case 1:
		break;
	default:
		v->late = 1 + sim_below(1u << (2 + sim_below(10)));
		break;
	}
}

/* Nobody is woken by a death. */
static void await_end(const struct visitor *v)
{
	while (process_state(v->process) == PROCESS_RUNS)
		(void)sim_sleep(&v->over, sim_platform()->wait->now_ns(NULL) +
						  PLATFORM_NS_PER_MS);
}

static void name_run(void *arg)
{
	struct name *name = arg;

	for (uint32_t life = 0; life < name->lives; life++) {
		struct visitor *v = visitor_add(name->text, name->role,
						name->place, name->feeds);
		int outlaw = (int)(name->outlaw && life + 1 == name->lives);

		/* Only one that wishes for the same may go on in its place. */
		if (life == 0)
			name->opts = v->opts;
		else if (visit.hold_ms > 0 && (visit.kills || sim_below(4)))
			visitor_wishes(v, &name->opts);
		v->mortal = visit.kills;
		if (!v->mortal || sim_below(4) == 0)
			choose_doom(v);
		if (outlaw) {
			/* What an honest worker had sent is not to be its own to write
			 * over. */
			if (v->role == ROLE_WORKER)
				v->opts.ring_events = RING_OF_OUTLAWS;
			v->outlaw = 1;
			v->late = 0;
			visit.outlaws = 1;
		}
		visitor_start(v);
		await_end(v);
		if (process_state(v->process) == PROCESS_DEAD)
			desk_died(v);
		say("%s is %s, after %llu accesses", v->name,
		    process_state(v->process) == PROCESS_DEAD ? "dead" : "over",
		    (unsigned long long)process_accesses(v->process));
	}
	visit.coming--;
	sim_wake(&visit.coming, 0);
}

/* Until all have come it is poured bit by bit. */
static void pour(void)
{
	while (visit.coming > 0 && !(visit.early && sim_below(20) == 0)) {
		(void)sim_sleep(&visit.coming,
				sim_platform()->wait->now_ns(NULL) +
					1000 * (1 + sim_below(3000)));
		stages_pour();
	}
}

/* Somebody is left to read what the others have left. */
static void come_last(enum place place)
{
	const struct spring *spring = &visit.spring[place];
	uint32_t places = spring->partitions ? spring->partitions : 1;
	enum role role = place == PLACE_SOURCE && visit.works && visit.sink
				 ? ROLE_WORKER
				 : ROLE_READER;

	/* All get it, so there may be one more. */
	if (spring->common)
		places = spring->workers + 1;
	for (uint32_t i = spring->workers; spring->there && i < places; i++) {
		struct visitor *v;
		char name[8];

		(void)snprintf(name, sizeof(name), "last%d-%u", (int)place,
			       i % 10);
		v = visitor_add(name, role, place, PLACE_SINK);
		if (spring->partitions)
			v->opts.partition = SLUICE_PARTITION(i);
		visitor_start(v);
		while (visit.early ? !v->attached : !desk_has_joined(v))
			(void)sim_sleep(&v->attached,
					sim_platform()->wait->now_ns(NULL) +
						PLATFORM_NS_PER_MS);
	}
}

/* ---- one run ------------------------------------------------------------------------ */

/* Who reads alone what all would get, and dies, leaves it to nobody. */
static int may_strand(void)
{
	return visit.stranded == 0 && (visit.spring[PLACE_SOURCE].common ||
				       visit.spring[PLACE_MIDDLE].common);
}

static int run(struct sluice_pipeline *p)
{
	uint32_t count = visit.coming;
	int rc = desk_open(p);

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		sim_spawn(name_run, &names[i]);
	if (rc < 0)
		return rc;
	pour();
	come_last(PLACE_SOURCE);
	come_last(PLACE_MIDDLE);
	stages_pour_all();
	say("drain");
	visit.draining = 1;
	rc = sluice_pipeline_drain(p, SLUICE_FOREVER);
	say("ended with %d", rc);
	stages_note_stranded();
	/* What an outlaw says that it has sent nobody can read. In an early drain whoever
	 * comes last may come too late for what others leave. */
	if (rc == -EPIPE && (visit.outlaws || visit.early || may_strand()))
		rc = 0;
	else if (visit.stranded > 0)
		wrong("%llu are stranded, and somebody was there",
		      (unsigned long long)visit.stranded);
	while (visit.coming > 0)
		(void)sim_sleep(&visit.coming, UINT64_MAX);
	for (uint32_t i = 0; i < visit.count; i++)
		await_end(&visit.visitors[i]);
	return rc;
}

static void check_leaks(void)
{
	for (uint32_t i = 0; i < visit.count; i++) {
		const struct visitor *v = &visit.visitors[i];
		uint32_t held;

		if (process_state(v->process) != PROCESS_OVER)
			continue;
		held = process_reap(v->process);
		if (held > 0)
			wrong("%s has ended, and holds %u things", v->name,
			      held);
	}
}

static void visit_main(void *arg)
{
	struct sluice_pipeline_opts o;
	struct sluice_pipeline *p = NULL;
	int rc;

	(void)arg;
	choose();
	sluice_pipeline_opts_init(&o);
	o.name = "sim";
	o.workers = sim_below(4);
	o.spin_us = sim_below(2) ? 1 : SLUICE_SPIN_NEVER;
	o.log = say_log;
	if (is_replay())
		describe(&o);
	rc = pipeline_open_on(&p, &o, sim_platform());
	visit.pipeline = p;
	if (rc == 0)
		rc = stages_declare(p);
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc == 0)
		rc = run(p);
	if (rc < 0)
		wrong("%d: %s", rc, sluice_last_error());
	sluice_pipeline_close(p);
	stages_close();
	tally_close();
	check_leaks();
}

struct scenario_report gen3_run(uint64_t seed,
				const struct scenario_options *options)
{
	struct scenario_report found;

	memset(&visit, 0, sizeof(visit));
	visit.pools = seed % KINDS == KIND_POOLS;
	visit.broadcasts = seed % KINDS == KIND_BROADCASTS;
	visit.works = seed % KINDS == KIND_WORKS;
	visit.kills = seed / KINDS % KILLS == 0;
	tally_reset();
	common_reset();
	results_reset();
	found = report_run(seed, options, visit_main, NULL, NULL);
	for (uint32_t i = 0; i < visit.count; i++)
		desk_close_fds(&visit.visitors[i]);
	return found;
}
