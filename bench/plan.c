/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/plan.h"

#include <string.h>

/* ---- what may stand behind the name of a strategy ------------------------- */

/* clang-format off */
/* What may stand behind the name of a strategy, for plan.c. */
#define FIELD(name_, member_, left_out_, ...) \
	{SPEC_FIELD(name_, plan_strategy, member_, left_out_, __VA_ARGS__)}

/* The number behind the colon, by strategy. Left out: the engine's way. */
static const struct spec_form argument_forms[] = {
	{"demand", FIELD("EVENTS", opts.chunk_events, 0, U32, 1, 1u << 20,
			 .word = "all", .worth = SLUICE_CHUNK_ALL)},
	{.name = "broadcast"},
	{.name = "rr"}, /* and another word */
	{"jbsq", FIELD("IN_FLIGHT", opts.in_flight_max, 0, U32, 1, 1u << 20)},
	{"p2c", FIELD("IN_FLIGHT", opts.in_flight_max, 0, U32, 1, 1u << 20)},
	{.name = "shared"},
	{"ordered", FIELD("EVENTS", opts.order_events, 0, POWER, 2, 1u << 16)},
	{"partition", FIELD("GROUPS", opts.key_groups, 0, POWER, 1, 4096)},
	{"hash", FIELD("PARTITIONS", opts.partitions,
		       PLAN_PARTITIONS_CONSUMERS, U32, 1, 4096)},
	{"atomic", FIELD("FLOWS", opts.key_groups, 0, POWER, 1, 4096)},
	{.name = "pkg"},
	{"sticky", FIELD("PERCENT", opts.load_percent, 0, U32, 100, 1000)},
};

/* Behind an @. */
static const struct spec_form setting_forms[] = {
	{"window", FIELD("N", window, SPEC_REQUIRED, U32, 1, SLUICE_DEMAND_MAX)},
	{"refill", FIELD("N", refill, SPEC_REQUIRED, U32, 1, SLUICE_DEMAND_MAX)},
	{"min", FIELD("N", min, SPEC_REQUIRED, U32, 0, SLUICE_DEMAND_MAX,
		      .word = "half", .worth = SLUICE_MIN_HALF)},
	{"rebalance", FIELD("PERCENT", opts.rebalance_percent, SPEC_REQUIRED,
			    U32, 1, 1000)},
};

static const struct spec plan_arguments = SPEC_TABLE(":", argument_forms);
static const struct spec plan_settings = SPEC_TABLE("=", setting_forms);
/* clang-format on */

const char *const plan_fault_names[] = {"slow", "stall", "kill", "join"};

void plan_init(struct bench_plan *plan)
{
	*plan = (struct bench_plan){
		.mode = PLAN_SIM,
		.load = {0.8},
		.loads = 1,
		.consumers = 8,
		.producers = 1,
		.window = SLUICE_DEMAND_DEFAULT,
		.capacity = 8192,
		.event_bytes = 64,
		.hop = 0.1,
		.claim = PLAN_CLAIM_HOP,
		.slo = {0.99, 20, 0},
		.repeats = 3,
		.trace = {.seed = 1,
			  .count = 200000,
			  .arrival = {.kind = ARRIVAL_POISSON},
			  .service = {SERVICE_BIMODAL, 0.1, 10, 1000},
			  .keys = {KEY_UNIFORM, 0, 1024}},
	};
}

/* ---- strategies ---------------------------------------------------------- */

static int plan_setting_read(struct plan_strategy *strategy, const char *text,
			     uint32_t *seen)
{
	int form = spec_read(&plan_settings, text, strategy);

	if (form < 0)
		return form;
	if (strategy->refill > 0 &&
	    strategy->strategy->rings == SLUICE_RINGS_POOL)
		return REFUSE("consumers take from one ring and do not ask, so "
			      "refill has no effect");
	if (strategy->opts.rebalance_percent > 0 &&
	    strcmp(strategy->strategy->name, "partition") != 0)
		return REFUSE("only partition has key groups that move");
	if (*seen & 1u << form)
		return REFUSE("%s is there twice", setting_forms[form].name);
	*seen |= 1u << form;
	if (strategy->min == 0 && strncmp(text, "min", 3) == 0)
		strategy->min = SLUICE_MIN_ZERO;
	return 0;
}

/* All that stands in its name. */
static int plan_strategy_read(struct plan_strategy *strategy)
{
	char text[sizeof(strategy->name)];
	char *rest = strcpy(text, strategy->name);
	char *one = strsep(&rest, "@");
	uint32_t seen = 0;
	int rc;

	strategy->opts.skip = strcmp(one, "rr:skip") == 0;
	if (strategy->opts.skip || strcmp(one, "rr:strict") == 0)
		one[strlen("rr")] = '\0';
	if (strncmp(one, "rr:", 3) == 0)
		return REFUSE("must be rr:skip or rr:strict");
	rc = spec_read(&plan_arguments, one, strategy);
	one[strcspn(one, ":")] = '\0';
	strategy->strategy = sluice_strategy_find(one);
	if (strategy->strategy == NULL)
		return REFUSE("'%s' is no strategy; there are: %s", one,
			      sluice_strategy_names());
	while (rc >= 0 && (one = strsep(&rest, "@")) != NULL)
		rc = plan_setting_read(strategy, one, &seen);
	return rc;
}

int plan_strategies_parse(struct bench_plan *plan, const char *list)
{
	for (plan->strategies = 0;; list++) {
		struct plan_strategy *one = &plan->strategy[plan->strategies];
		size_t length = strcspn(list, ",");

		if (plan->strategies == PLAN_STRATEGIES_MAX)
			return REFUSE("more than %u strategies",
				      PLAN_STRATEGIES_MAX);
		*one = (struct plan_strategy){0};
		if (length == 0 || length >= sizeof(one->name))
			return REFUSE("'%.*s': a strategy has 1 to %zu "
				      "characters, all told",
				      length < 20 ? (int)length : 20, list,
				      sizeof(one->name) - 1);
		memcpy(one->name, list, length);
		for (uint32_t i = 0; i < plan->strategies; i++)
			if (strcmp(plan->strategy[i].name, one->name) == 0)
				return REFUSE("%s is there twice", one->name);
		if (plan_strategy_read(one) < 0)
			return cli_within("%s: ", one->name);
		plan->strategies++;
		list += length;
		if (*list == '\0')
			return 0;
	}
}

int plan_credit(const struct bench_plan *plan,
		const struct plan_strategy *strategy,
		struct sluice_credit *credit)
{
	uint32_t refill = strategy->refill == 0 && strategy->min == 0
				  ? plan->refill
				  : strategy->refill;
	uint32_t window = strategy->window ? strategy->window : plan->window;

	return cli_library(sluice_credit_init(credit, window, strategy->min,
					      refill)) < 0
		       ? cli_within("%s: ", strategy->name)
		       : 0;
}

/* ---- the objective ------------------------------------------------------- */

int plan_slo_parse(struct plan_slo *slo, const char *text)
{
	static const struct number_form percent =
		NUMBER_FORM(REAL, 1e-6, 99.9999);
	static const struct number_form limits[] = {NUMBER_FORM(REAL, 1, 1e6),
						    NUMBER_FORM(TIME, 1, 1e12)};
	size_t length = strcspn(text, ":");
	const char *limit = text[length] == ':' ? text + length + 1 : text;

	*slo = (struct plan_slo){.quantile = 99};
	if (limit == text ||
	    (*text == 'p' && number_read(&percent, text + 1, length - 1,
					 &slo->quantile) == 0)) {
		slo->quantile /= 100;
		for (; slo->is_latency < 2; slo->is_latency++)
			if (number_read(&limits[slo->is_latency], limit,
					strlen(limit), &slo->limit) == 0)
				return 0;
	}
	return REFUSE("must be a slowdown, a number in [1, 1000000], or a "
		      "latency, a number with one of the units ns us ms s; a "
		      "percentile may stand before it, as in p99.9:1ms");
}

const char *plan_slo_text(const struct plan_slo *slo, char *text)
{
	char limit[NUMBER_TEXT_BYTES];

	(void)snprintf(text, NUMBER_TEXT_BYTES, "p%.10g:%.60s",
		       slo->quantile * 100,
		       slo->is_latency ? number_time_text(slo->limit, limit)
				       : number_text(slo->limit, limit));
	return text;
}

/* ---- the whole ----------------------------------------------------------- */

/* Is its consumer there when fault @at comes? One that is to come was not from the
 * start; else the last that came or went before says so. */
static int plan_there(const struct bench_plan *plan, uint32_t at)
{
	const struct plan_fault *last = NULL;
	int there = 1;

	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *one = &plan->fault[i];
		uint64_t until_ns = plan->fault[at].at_ns + (i < at);

		if (one->kind < PLAN_KILL ||
		    one->consumer != plan->fault[at].consumer)
			continue;
		there &= one->kind != PLAN_JOIN;
		if (i != at && one->at_ns < until_ns &&
		    (last == NULL || one->at_ns >= last->at_ns))
			last = one;
	}
	return last != NULL ? last->kind == PLAN_JOIN : there;
}

int plan_check(struct bench_plan *plan)
{
	char text[NUMBER_TEXT_BYTES];

	for (uint32_t i = 0; i < plan->strategies; i++) {
		struct sluice_dispatch_opts *o = &plan->strategy[i].opts;

		if (o->partitions == PLAN_PARTITIONS_CONSUMERS)
			o->partitions = plan->consumers;
		if (o->partitions > plan->consumers)
			return REFUSE(
				"%s: more partitions than the %u consumers",
				plan->strategy[i].name, plan->consumers);
	}
	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *fault = &plan->fault[i];
		const char *name = plan_fault_names[fault->kind];

		if (fault->consumer >= plan->consumers)
			return REFUSE("--%s: consumer %u: there are 0 to %u",
				      name, fault->consumer,
				      plan->consumers - 1);
		if (fault->kind >= PLAN_KILL &&
		    plan_there(plan, i) == (fault->kind == PLAN_JOIN))
			return REFUSE(
				"--%s: consumer %u: has no effect at %s: it is "
				"%s then",
				name, fault->consumer,
				number_time_text((double)fault->at_ns, text),
				fault->kind == PLAN_JOIN ? "there already"
							 : "not there");
	}
	plan->trace.consumers = plan->consumers;
	return 0;
}

int plan_draws(const struct bench_plan *plan)
{
	const struct trace *own = plan->trace.own;
	uint32_t needs = 0;

	for (uint32_t i = 0; i < plan->strategies; i++)
		needs |= plan->strategy[i].strategy->needs;
	return own == NULL || !own->facts.has_service ||
	       plan->trace.draw_keys || (needs & SLUICE_NEEDS_CHANCE) != 0;
}
