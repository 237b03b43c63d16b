/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every event is accounted for:
 *
 *   emitted = done + discarded + overflowed + stranded (+ buffered, held)
 *
 * A join and its workers are one: answers that come twice are discarded by it,
 * and what waits in its window when it ends is stranded there.
 */
#include "tests/sim/gen2/book.h"
#include "tests/sim/placed.h"
#include "sluice.h"

#include <errno.h>

static int all_get(const struct node *node)
{
	return node->deal == DEAL_BROADCAST;
}

/* ---- the equation ------------------------------------------------------------ */

static int is_for_nobody(const struct node *node, uint32_t seq)
{
	return deals_by_key(node) && option_key(node, seq) == SLUICE_KEY_NONE;
}

static uint32_t first_missing(const struct node *node)
{
	uint32_t seq = 0;

	while (seq < node->emitted &&
	       (node->done[seq] || is_for_nobody(node, seq)))
		seq++;
	return seq;
}

static uint64_t named(const struct node *node)
{
	struct sluice_stage_stats stat = inspect_stat(node);

	return stat_named(&stat);
}

static void check_equation(const struct node *node, const char *when)
{
	struct sluice_stage_stats stat = inspect_stat(node);
	uint64_t lost = book_missing(node);
	struct missing what = {
		.node = node->name,
		.dispatcher = option_dispatcher(node),
		.when = when,
		.lost = lost,
		.emitted = node->emitted,
	};

	if (lost == stat_named(&stat))
		return;
	what.first = first_missing(node);
	wrong_missing(&what, &stat);
}

/* ---- a join and its workers --------------------------------------------------- */

/* An answer that did not get through is one that had been given already. */
static void check_answers(const struct node *join, const struct node *worker)
{
	const struct node *from = &world.nodes[join->numbers];

	for (uint32_t seq = 0; seq < worker->emitted; seq++)
		if (!worker->done[seq] && worker->number[seq] != 0 &&
		    !is_for_nobody(worker, seq) &&
		    !from->answered[worker->number[seq] - 1])
			wrong("%s: event %u of %s, which answers number %u, "
			      "delivered 0 times",
			      join->name, seq, worker->name,
			      worker->number[seq] - 1);
}

static void check_group(const struct node *join, const char *when)
{
	uint64_t names = named(join);
	uint64_t gone = inspect_stat(join).stranded;

	for (uint32_t i = 0; i < world.node_count; i++) {
		const struct node *worker = &world.nodes[i];

		if (worker->role != ROLE_WORKER)
			continue;
		if (all_get(worker))
			return; /* what a reader that left missed is not told */
		names += named(worker);
		gone += inspect_stat(worker).stranded +
			inspect_stat(worker).overflowed +
			inspect_stat(worker).buffered;
	}
	if (produces(join) && all_get(join))
		return;
	if (names != book_missing(join))
		wrong("%s (join) %s: %llu events missing, %llu have a name: "
		      "delivered 0 times",
		      join->name, when, (unsigned long long)book_missing(join),
		      (unsigned long long)names);
	for (uint32_t i = 0; gone == 0 && i < world.node_count; i++)
		if (world.nodes[i].role == ROLE_WORKER)
			check_answers(join, &world.nodes[i]);
}

void balance_check(const struct node *node, const char *when)
{
	if (node->role == ROLE_JOIN)
		check_group(node, when);
	else if (node->role != ROLE_WORKER && !all_get(node))
		check_equation(node, when);
}

/* Numbers were given in the order of emission. */
static void check_numbers(const struct node *node)
{
	uint32_t last = 0;

	for (uint32_t seq = 0; seq < node->emitted; seq++) {
		if (node->number[seq] == 0)
			continue;
		if (node->number[seq] <= last)
			wrong("%s: event %u has number %u, behind %u",
			      node->name, seq, node->number[seq] - 1, last - 1);
		last = node->number[seq];
	}
}

/* ---- a broadcast -------------------------------------------------------------- */

/* Tasks are handed no positions, which are known if no event was dropped. */
static void check_tasks(const struct node *origin, const struct edge *edge,
			uint64_t placed)
{
	for (uint64_t seq = 0; origin->discarded == 0 && seq < placed; seq++)
		if (!edge->got[seq])
			wrong("%s: event %llu of %s has had no task: delivered "
			      "0 times",
			      consumer_of(edge)->name, (unsigned long long)seq,
			      origin->name);
}

void balance_check_reader(const struct node *origin, const struct edge *edge,
			  uint64_t placed)
{
	if (consumer_of(edge)->spawns) {
		if (!edge->joined)
			check_tasks(origin, edge, placed);
		return;
	}
	if (consumer_of(edge)->role == ROLE_JOIN)
		return; /* it is handed answers in another order */
	if (!edge->started && (edge->joined || edge->manual))
		return; /* nobody knows where it began */
	if (!edge->odd_only && edge->position != placed)
		wrong("%s: got to %llu of %llu events of %s: the next "
		      "delivered 0 times",
		      consumer_of(edge)->name,
		      (unsigned long long)edge->position,
		      (unsigned long long)placed, origin->name);
	for (uint64_t p = edge->first; edge->odd_only && p < placed; p++)
		if (origin->at[p] != 0 && ((origin->at[p] - 1) & 1) &&
		    !edge->got[origin->at[p] - 1])
			wrong("%s: event %u of %s delivered 0 times",
			      consumer_of(edge)->name, origin->at[p] - 1,
			      origin->name);
}

/* ---- all is over --------------------------------------------------------------- */

static void end_result(int rc)
{
	/* Those that the last reader of a broadcast left, too. */
	uint64_t told = sluice_load_acquire(&world.pipeline->host.undelivered);
	uint64_t stranded = 0;

	for (uint32_t i = 0; i < world.node_count; i++)
		stranded += inspect_stat(&world.nodes[i]).stranded;
	if (rc == -EPIPE && told > 0)
		return;
	if (rc == 0 && stranded > 0)
		wrong("ended with 0, and %llu events were stranded",
		      (unsigned long long)stranded);
	if (rc == 0 && world.must_fail && !world.stopped)
		wrong("ended with 0, and a stage has failed");
	if (rc < 0 && !verdict_may_have_ended(rc))
		wrong("ended with %d: %s", rc, sluice_last_error());
}

static void end_counters(const struct node *node)
{
	struct sluice_stage_stats stat = inspect_stat(node);

	if (node->up)
		wrong("%s: no fini", node->name);
	if (stat.events_in != node->handled && !node->spawns)
		wrong("%s: counted %llu in, handled %u", node->name,
		      (unsigned long long)stat.events_in, node->handled);
	if (stat.dead_letters != node->dead)
		wrong("%s: counted %llu dead letters, there were %u",
		      node->name, (unsigned long long)stat.dead_letters,
		      node->dead);
	if (has_hooks(node) && stat.overflowed != node->discarded)
		wrong("%s: counted %llu overflowed, told of %u", node->name,
		      (unsigned long long)stat.overflowed, node->discarded);
	/* One that came late may have been begun in vain at first. */
	if (node->inits > 0 &&
	    stat.restarts + 1 != node->inits + node->false_starts)
		wrong("%s: counted %llu restarts, %u inits", node->name,
		      (unsigned long long)stat.restarts, node->inits);
	if (stat.buffered + stat.held > 0)
		wrong("%s: %llu buffered and %llu held after its end",
		      node->name, (unsigned long long)stat.buffered,
		      (unsigned long long)stat.held);
}

static void end_edge(const struct edge *edge)
{
	const struct node *consumer = consumer_of(edge);
	const struct node *origin = producer_of(edge);

	if (!edge->live || edge->refused[0] || edge->refused[1])
		return;
	/* A middle stage may have ended for want of consumers. */
	if (consumer->kind == SLUICE_CONSUMER && has_hooks(consumer) &&
	    !consumer->willed && consumer->downs == 0 && edge->begun[0] &&
	    !edge->over[0])
		wrong("%s: ended, and on_cancel was not called",
		      consumer->name);
	if (all_get(origin) && !looks_on(edge) && !edge->cancelled &&
	    (edge->down || (!has_hooks(consumer) && !consumer->willed &&
			    !with(FEATURE_MODES))))
		balance_check_reader(origin, edge,
				     inspect_stat(origin).events_out);
}

/* It has ended before its consumers: it had time to give them everything. */
static int ended_first(const struct node *node)
{
	for (uint32_t i = 0; i < world.edge_count; i++) {
		const struct edge *edge = &world.edges[i];

		if (edge->producer == node->index && !looks_on(edge) &&
		    edge->down && edge->begun[1] && !edge->over[1] &&
		    !edge->cancelled && !edge->refused[0] && !edge->refused[1])
			return 1;
	}
	return 0;
}

/* Something may have kept a producer from making all of its events. */
static int is_settled(void)
{
	static const enum feature disturb[] = {
		FEATURE_FAULTS,     FEATURE_MEMBERS, FEATURE_MODES,
		FEATURE_POISON,     FEATURE_STAY,    FEATURE_ENDS,
		FEATURE_LATE_STAGES};

	for (uint32_t i = 0; i < sizeof(disturb) / sizeof(disturb[0]); i++)
		if (with(disturb[i]))
			return 0;
	return world.outcome == RUN_OUT && !world.drained && !world.stopped;
}

/* Events of its own that were never given to anybody. */
static uint64_t never_given(const struct node *node,
			    const struct sluice_stage_stats *stat)
{
	return all_get(node) ? never_placed(stat, node->emitted)
			     : stat->stranded;
}

static void end_node(const struct node *node)
{
	struct sluice_stage_stats stat = inspect_stat(node);

	if (produces(node) && never_given(node, &stat) > 0 && !by_name(node) &&
	    node->role != ROLE_JOIN && ended_first(node))
		wrong("%s: stranded %llu, and its consumers were there: "
		      "delivered 0 times",
		      node->name, (unsigned long long)stat.stranded);
	balance_check(node, "at the end");
	if (!produces(node))
		return;
	if (all_get(node) && node->role != ROLE_JOIN &&
	    !placed_or_named(&stat, node->emitted))
		wrong("%s: emitted %u, placed %llu overflowed %llu stranded "
		      "%llu: delivered 0 times",
		      node->name, node->emitted,
		      (unsigned long long)stat.events_out,
		      (unsigned long long)stat.overflowed,
		      (unsigned long long)stat.stranded);
	onlook_balance(node);
	if (node->role == ROLE_NUMBERS)
		check_numbers(node);
	if (is_settled() && !node->port && node->kind == SLUICE_PRODUCER &&
	    node->made != node->total)
		wrong("%s: ended after %u of %u", node->name, node->made,
		      node->total);
}

void balance_end(int rc)
{
	int complete = host_command(&world.pipeline->host) != PIPELINE_STOP;

	book_close_open();
	end_result(rc);
	listed_check();
	for (uint32_t i = 0; i < world.node_count; i++) {
		end_counters(&world.nodes[i]);
		if (complete && (produces(&world.nodes[i]) ||
				 world.nodes[i].role == ROLE_JOIN))
			end_node(&world.nodes[i]);
	}
	for (uint32_t i = 0; complete && i < world.edge_count; i++)
		end_edge(&world.edges[i]);
}
