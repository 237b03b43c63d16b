/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages that come while the pipeline runs, and stages that go: added by foreign
 * threads and by callbacks, subscribed as any stage may be, ended, removed; then
 * another may have the name. Each has books of its own, and they are kept when it
 * has gone.
 *
 * Whoever uses a stage's pointer counts as its user meanwhile, and is waited for: a
 * pointer must not be used after the removal. Whoever uses its name does not keep it
 * from going, but its name from being another's: the books could not tell.
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <errno.h>

#define ADDS_MAX   3u /* tries, when the system has refused something */
#define BLOCKS_FEW 14u

/* ---- who uses a stage ------------------------------------------------------- */

/* Found by its name: so the library orders what this thread does behind the call
 * that has added the stage, and what it has done before the one that removes it. */
static void find(const struct node *node)
{
	if (with(FEATURE_LATE_STAGES))
		(void)sluice_stage_find(world.pipeline, node->name);
}

void late_hold(struct node *node)
{
	node->users++;
	find(node);
}

void late_let_go(struct node *node)
{
	find(node);
	node->users--;
}

/* ---- adding ---------------------------------------------------------------- */

static int name_is_free(const struct node *node)
{
	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *other = &world.nodes[i];

		if (other != node && other->called == node->called &&
		    (other->namers > 0 || !other->nameless))
			return 0;
	}
	return 1;
}

/* One that another had. */
static void inherit_name(struct node *node)
{
	uint32_t first = late_below(world.node_count);

	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *other =
			&world.nodes[(first + i) % world.node_count];

		if (!other->nameless)
			continue;
		node->called = other->called;
		if (name_is_free(node))
			break;
		node->called = node->index;
	}
	(void)snprintf(node->name, sizeof(node->name), "n%u",
		       node->called & 31);
}

static uint32_t numbering(void)
{
	uint32_t i = 0;

	while (i < world.node_count && world.nodes[i].role != ROLE_NUMBERS)
		i++;
	return i;
}

static struct node *choose_worker(uint32_t numbers)
{
	struct node *node = graph_add_node(SLUICE_PRODUCER_CONSUMER);

	graph_make_worker(node, numbers, late_below(4) == 0);
	return node;
}

/* NULL: there are enough. */
static struct node *choose_node(void)
{
	uint32_t numbers = numbering();
	uint32_t kind = late_below(8);
	struct node *node;

	if (world.node_count == NODES_MAX)
		return NULL;
	if (!late_is_started()) {
		/* It may be one of those that are started. */
		node = graph_add_node(SLUICE_CONSUMER);
		node->stays = 1;
	} else if (numbers < world.node_count && late_below(3) == 0) {
		node = choose_worker(numbers);
	} else if (kind < 5) {
		node = graph_add_node(SLUICE_CONSUMER);
		node->spawns = (uint32_t)chance(FEATURE_TASKS, 2);
		node->port =
			!node->spawns && (uint32_t)chance(FEATURE_PORTS, 2);
	} else if (kind < 7) {
		node = graph_add_node(SLUICE_PRODUCER_CONSUMER);
	} else {
		node = graph_add_node(SLUICE_PRODUCER);
		node->port = (uint32_t)chance(FEATURE_PORTS, 2);
		node->available = node->total;
	}
	if (produces(node) && node->deal <= DEAL_DEMAND && with(FEATURE_OWN))
		node->deal = DEAL_OWN;
	node->newcomer = 1;
	if (late_below(2))
		inherit_name(node);
	return node;
}

/* Tasks of others are threads, too: they are not to be refused one. */
static int may_refuse_threads(void)
{
	for (uint32_t i = 0; i < world.node_count; i++)
		if (world.nodes[i].spawns)
			return 0;
	return 1;
}

static int is_over(void)
{
	return host_command(&world.pipeline->host) != PIPELINE_RUN ||
	       host_phase(&world.pipeline->host) == PIPELINE_FINISHED;
}

static int call_add(struct node *node)
{
	int refuse = late_is_started() && chance(FEATURE_SCARCE, 3);

	if (refuse && may_refuse_threads() && late_below(2))
		sim_scarce(1, 0);
	else if (refuse)
		sim_scarce(0, 1 + late_below(BLOCKS_FEW));
	if (refuse) {
		/* Or the init of tasks that come meanwhile is refused. */
		verdict_may_end(-EAGAIN);
		verdict_may_end(-ENOMEM);
	}
	node->stage = NULL;
	return option_declare_stage(world.pipeline, node);
}

static void check_refusal(const struct node *node, int rc, int started)
{
	int fits = 0;

	switch (rc) {
	case -EPIPE:
		fits = is_over() || world.pipeline->over;
		break;
	case -EBUSY:
		fits = !started;
		break;
	case -EAGAIN:
	case -ENOMEM:
	case -EMFILE:
		fits = with(FEATURE_SCARCE);
		break;
	default:
		break;
	}
	if (!fits)
		meddle_unexpected("stage_add", rc);
	if (node->calls || node->up || node->freed)
		wrong("%s: not added, and it has begun", node->name);
	if (sluice_stage_find(world.pipeline, node->name) != NULL)
		wrong("%s: not added, and there is a stage of that name",
		      node->name);
}

static int add_node(struct node *node)
{
	int rc = -EAGAIN;

	for (uint32_t n = 0; n < ADDS_MAX && rc < 0 && rc != -EPIPE; n++) {
		int started = late_is_started();
		int over = started && is_over();

		say("%s comes, kind %d%s%s", node->name, (int)node->kind,
		    node->port     ? " port"
		    : node->spawns ? " tasks"
				   : "",
		    node->role == ROLE_WORKER ? " worker" : "");
		rc = call_add(node);
		sim_scarce(0, 0);
		say("%s has come: %d", node->name, rc);
		if (rc < 0)
			check_refusal(node, rc, started);
		else if (over)
			wrong("%s: added, and it is over", node->name);
	}
	if (rc < 0) {
		node->stage = NULL;
		node->stand = STAND_GONE;
		node->nameless = 1;
	}
	return rc;
}

/* A name that is taken. */
static void add_again(void)
{
	/* First: between the choice and the hold nobody else may come. */
	int started = late_is_started();
	struct node *node = meddle_any_node();
	struct sluice_stage_opts o;
	int rc;

	if (node == NULL || !started)
		return;
	late_hold(node);
	sluice_stage_opts_init(&o);
	o.name = node->name;
	o.kind = SLUICE_CONSUMER;
	o.in_bytes = sizeof(struct event);
	o.flags = SLUICE_STAGE_PORT;
	rc = sluice_stage_add(world.pipeline, &o);
	late_let_go(node);
	if (rc != -EEXIST && rc != -EPIPE && !meddle_refused(rc))
		meddle_unexpected("stage_add of a name that is taken", rc);
}

/* ---- its subscriptions ------------------------------------------------------ */

int late_is_new(const struct node *node, enum sluice_side side)
{
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (node->index == (side == SLUICE_SIDE_PRODUCER
					    ? world.edges[i].producer
					    : world.edges[i].consumer))
			return 0;
	return 1;
}

/* One that was refused, or cancelled before it began, is none; and one beside the
 * dispatcher is no consumer. */
static int has_begun(const struct node *node, uint32_t side)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];
		const struct node *end =
			side ? producer_of(edge) : consumer_of(edge);

		if (end == node && edge->live && !(side && looks_on(edge)) &&
		    (has_hooks(node) ? edge->begun[side] != 0
				     : inspect_is_held(edge)))
			return 1;
	}
	return 0;
}

int late_waits(const struct node *node)
{
	return (consumes(node) && !has_begun(node, 0)) ||
	       (produces(node) && !has_begun(node, 1));
}

static int reads_already(const struct node *consumer,
			 const struct node *producer)
{
	for (uint32_t i = 0; i < world.edge_count; i++)
		if (world.edges[i].consumer == consumer->index &&
		    world.edges[i].producer == producer->index)
			return 1;
	return 0;
}

/* May @consumer read from it? No cycle; and its kind of order is not disturbed. */
static int fits(const struct node *consumer, const struct node *producer)
{
	if (!is_there(consumer) || !is_there(producer) || !consumes(consumer) ||
	    !produces(producer) ||
	    (producer->kind != SLUICE_PRODUCER &&
	     consumer->kind != SLUICE_CONSUMER &&
	     producer->index >= consumer->index))
		return 0;
	if (consumer->role == ROLE_WORKER)
		return producer->role == ROLE_NUMBERS;
	if (consumer->role == ROLE_JOIN)
		return producer->role == ROLE_WORKER;
	if (producer->role == ROLE_NUMBERS || producer->role == ROLE_WORKER)
		return 0;
	return !consumer->spawns ||
	       (producer->deal != DEAL_SHARED && !by_name(producer) &&
		!reads_already(consumer, producer));
}

/* With any other, as @side. */
static void connect_side(struct node *node, enum sluice_side side)
{
	uint32_t first = late_below(world.node_count);

	for (uint32_t i = 0; i < world.node_count; i++) {
		struct node *other =
			&world.nodes[(first + i) % world.node_count];
		struct node *consumer =
			side == SLUICE_SIDE_CONSUMER ? node : other;
		struct node *producer =
			side == SLUICE_SIDE_CONSUMER ? other : node;

		if (!fits(consumer, producer))
			continue;
		member_subscribe(consumer, producer);
		return;
	}
}

/* Its consumers first, or its producers; a worker is read by its join first. */
static void connect(struct node *node)
{
	uint32_t first = node->role == ROLE_WORKER || late_below(2);

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t producing = first ^ i;

		if (producing ? !produces(node) : !consumes(node))
			continue;
		for (uint32_t n = 1 + (late_below(3) == 0); n > 0; n--)
			connect_side(node, producing ? SLUICE_SIDE_PRODUCER
						     : SLUICE_SIDE_CONSUMER);
	}
}

static void come(void)
{
	struct node *node = choose_node();

	if (node == NULL || add_node(node) < 0)
		return;
	if (node->port)
		client_begin(node);
	if (world.settling)
		meddle_let_flow(node);
	if (late_below(8))
		connect(node);
}

/* ---- who does it ------------------------------------------------------------- */

static void act(void)
{
	switch (late_below(9)) {
	case 0:
	case 1:
	case 2:
		come();
		break;
	case 3:
	case 4:
		leave_when_ended();
		break;
	case 5:
	case 6:
		leave_some(0);
		break;
	case 7:
		leave_some(1 + late_below(LATE_WAIT_MS));
		break;
	default:
		add_again();
		break;
	}
}

/* One that waits for its first subscription gets it, or ends. */
static void finish(struct node *node)
{
	if (!is_there(node) || !node->newcomer || node->stays ||
	    inspect_has_ended(node) || !late_waits(node))
		return;
	if (late_below(4))
		connect(node);
	else if (late_below(4))
		finale_end_stage(node);
}

static void late_run(void *unused)
{
	uint32_t pace = 2 + late_below(80);

	(void)unused;
	for (uint32_t n = 2 + late_below(16); n > 0; n--) {
		for (uint32_t i = late_below(pace); i > 0; i--)
			sim_yield();
		if (late_is_started())
			act();
		else if (late_below(2))
			come();
		else
			leave_some(0);
	}
	for (uint32_t i = 0; i < world.node_count && late_is_started(); i++)
		finish(&world.nodes[i]);
	world.late_threads--;
	world.foreign--;
}

void late_begin(int early)
{
	if (early && late_below(4) != 0)
		return;
	world.late_threads++;
	world_spawn(late_run, NULL);
}

void late_inside(void)
{
	if (late_below(2))
		come();
	else
		leave_some(0);
}
