/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting. An init or a hook may refuse it, and the system memory or threads; a
 * start that failed has left everything as it was, and may be tried again.
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <errno.h>

#define STARTS_MAX   (2u * NODES_MAX + 8u) /* each may refuse two */
#define THREADS_SOME 6u
#define BLOCKS_SOME  150u

/* What a start may say when it was refused. */
static int may_say(int rc, int scarce)
{
	switch (rc) {
	case -EPROTO:
	case -EIO:
	case -EPERM:
	case -EINVAL:
		return (int)world.refused;
	case -EAGAIN:
	case -ENOMEM:
	case -EMFILE:
		return scarce;
	case -ECANCELED:
		return (int)world.stopped;
	default:
		return 0;
	}
}

static void check_left_over(void)
{
	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		struct sluice_stage_stats stat;

		if (!is_there(node))
			continue;
		if (node->up)
			wrong("%s: no fini after a start that failed",
			      node->name);
		if (sluice_stage_stat(world.pipeline, node->name, &stat) !=
		    -EBUSY)
			wrong("%s: statistics after a start that failed",
			      node->name);
	}
	for (uint32_t i = 0; i < world.edge_count; i++) {
		struct sluice_subscription_stats stat;

		if (world.edges[i].live && !world.edges[i].joined &&
		    sluice_subscription_stat(world.edges[i].sub, &stat) !=
			    -EBUSY)
			wrong("edge %u: statistics after a start that failed",
			      i);
	}
	if (sluice_pipeline_join(world.pipeline, 0) != -EBUSY)
		wrong("a start that failed can be waited for");
}

/* What may be said before the start. */
static void prepare(void)
{
	struct node *node = &world.nodes[sim_below(world.node_count)];
	struct edge *edge = meddle_any_edge();
	int rc;

	if (!is_there(node))
		return;
	if (edge != NULL && edge->joined)
		edge = NULL; /* it may just be made */
	if (with(FEATURE_PAUSES) && node->kind == SLUICE_PRODUCER &&
	    !node->port) {
		rc = sluice_demand_set(node->stage, SLUICE_DEMAND_ACCUMULATE);
		if (rc < 0)
			meddle_unexpected("demand_set", rc);
	}
	if (edge != NULL &&
	    sluice_cancel(edge->sub, SLUICE_REASON_NORMAL, 0) != -EBUSY)
		wrong("cancelled before the start");
	if (edge != NULL && edge->manual) {
		edge->asked += 3;
		rc = sluice_ask(edge->sub, 3);
		if (rc < 0)
			meddle_unexpected("ask", rc);
	}
	sluice_wake(node->stage);
}

static int start(struct sluice_pipeline *p, int scarce)
{
	int rc;

	world.refused = 0;
	if (scarce && sim_below(3) == 0)
		sim_scarce(1 + sim_below(THREADS_SOME), 0);
	else if (scarce)
		sim_scarce(0, 1 + sim_below(BLOCKS_SOME));
	rc = sluice_pipeline_start(p);
	sim_scarce(0, 0);
	if (rc == 0 && world.refused)
		wrong("a start that was refused says 0");
	if (rc < 0 && !may_say(rc, scarce))
		wrong("not started: %d, %s", rc, sluice_last_error());
	return rc;
}

int begin_run(struct sluice_pipeline *p)
{
	if (chance(FEATURE_STOPS, 10)) {
		world.foreign++;
		sim_spawn(finale_before_start, NULL);
	}
	if (with(FEATURE_LATE_STAGES))
		late_begin(1);
	for (uint32_t i = 0; i < STARTS_MAX; i++) {
		int scarce = i < 3 && with(FEATURE_SCARCE);
		int rc;

		if (sim_below(4) == 0)
			prepare();
		rc = start(p, scarce);
		if (rc == 0 || rc == -ECANCELED || report.text[0] != '\0')
			return rc;
		say("start failed with %d", rc);
		check_left_over();
		book_forget();
	}
	wrong("it does not start");
	return -EAGAIN;
}
