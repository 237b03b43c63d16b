/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/plan.h"

#include <stdio.h>
#include <string.h>

/* A whole number in [low, high]. */
static int plan_number(const char *text, uint32_t low, uint32_t high,
		       uint32_t power_of_two, uint32_t *out)
{
	const struct number_range range = {NUMBER_WHOLE, low, high,
					   power_of_two};
	struct number number;

	if (number_read(text, strlen(text), &range, &number) < 0)
		return 0;
	*out = (uint32_t)number.whole;
	return 1;
}

/* The number behind the colon, by strategy: where it goes and what it may be. */
static const struct plan_argument {
	const char *strategy;
	size_t offset; /* in struct sluice_dispatch_opts */
	uint32_t low;
	uint32_t high;
	uint32_t power_of_two;
	const char *means;
} plan_arguments[] = {
	{"demand", offsetof(struct sluice_dispatch_opts, chunk_events), 1,
	 1u << 20, 0, "all, or events before choosing again"},
	{"jbsq", offsetof(struct sluice_dispatch_opts, in_flight_max), 1,
	 1u << 20, 0, "events in flight at a consumer"},
	{"p2c", offsetof(struct sluice_dispatch_opts, in_flight_max), 1,
	 1u << 20, 0, "events in flight at a consumer"},
	{"ordered", offsetof(struct sluice_dispatch_opts, order_events), 2,
	 1u << 16, 1, "events between placing and the join"},
	{"partition", offsetof(struct sluice_dispatch_opts, key_groups), 1,
	 4096, 1, "key groups"},
	{"hash", offsetof(struct sluice_dispatch_opts, partitions), 1, 4096, 0,
	 "partitions; the key modulo that"},
	{"atomic", offsetof(struct sluice_dispatch_opts, key_groups), 1, 4096,
	 1, "flows"},
	{"sticky", offsetof(struct sluice_dispatch_opts, load_percent), 100,
	 1000, 0, "percent of the average load"},
};

static int plan_argument_parse(struct plan_strategy *strategy, const char *name,
			       const char *text, char *why, uint32_t why_bytes)
{
	uint32_t n;

	if (strcmp(name, "demand") == 0 && strcmp(text, "all") == 0) {
		strategy->opts.chunk_events = SLUICE_CHUNK_ALL;
		return 0;
	}
	if (strcmp(name, "rr") == 0) {
		if (strcmp(text, "skip") != 0 && strcmp(text, "strict") != 0)
			return load_refuse(why, why_bytes,
					   "rr:%.20s: strict or skip", text);
		strategy->opts.skip = text[1] == 'k';
		return 0;
	}
	for (size_t i = 0;
	     i < sizeof(plan_arguments) / sizeof(plan_arguments[0]); i++) {
		const struct plan_argument *a = &plan_arguments[i];

		if (strcmp(a->strategy, name) != 0)
			continue;
		if (!plan_number(text, a->low, a->high, a->power_of_two, &n))
			return load_refuse(
				why, why_bytes,
				"%s:%.20s: %s, a number in [%u, %u]%s", name,
				text, a->means, a->low, a->high,
				a->power_of_two ? ", a power of two" : "");
		memcpy((char *)&strategy->opts + a->offset, &n, sizeof(n));
		return 0;
	}
	return load_refuse(why, why_bytes, "%s:%.20s: '%s' takes no argument",
			   name, text, name);
}

/* @window=64, @refill=16, @min=half, @min=8. */
static int plan_setting_parse(struct plan_strategy *strategy, const char *text,
			      char *why, uint32_t why_bytes)
{
	uint32_t n;

	if (strncmp(text, "window=", 7) == 0 &&
	    plan_number(text + 7, 1, SLUICE_DEMAND_MAX, 0, &strategy->window))
		return 0;
	if (strncmp(text, "refill=", 7) == 0 &&
	    plan_number(text + 7, 1, SLUICE_DEMAND_MAX, 0, &strategy->refill))
		return 0;
	if (strncmp(text, "rebalance=", 10) == 0 &&
	    strcmp(strategy->strategy->name, "partition") == 0 &&
	    plan_number(text + 10, 1, 1000, 0,
			&strategy->opts.rebalance_percent))
		return 0;
	if (strcmp(text, "min=half") == 0) {
		strategy->min = SLUICE_MIN_HALF;
		return 0;
	}
	if (strncmp(text, "min=", 4) == 0 &&
	    plan_number(text + 4, 0, SLUICE_DEMAND_MAX, 0, &n)) {
		strategy->min = n ? (int32_t)n : SLUICE_MIN_ZERO;
		return 0;
	}
	return load_refuse(why, why_bytes,
			   "@%.20s: window=N, refill=N, min=N or min=half, N "
			   "up to %u; partition@rebalance=PERCENT",
			   text, SLUICE_DEMAND_MAX);
}

int plan_strategy_parse(struct plan_strategy *strategy, const char *text,
			char *why, uint32_t why_bytes)
{
	char copy[sizeof(strategy->name)];
	char *settings;
	char *argument;
	int rc = 0;

	memset(strategy, 0, sizeof(*strategy));
	if (text[0] == '\0' || strlen(text) >= sizeof(copy))
		return load_refuse(why, why_bytes,
				   "'%.20s': a strategy has a name of 1 to %zu "
				   "characters, all told",
				   text, sizeof(copy) - 1);
	memcpy(copy, text, strlen(text) + 1);
	memcpy(strategy->name, text, strlen(text) + 1);
	settings = strchr(copy, '@');
	if (settings != NULL)
		*settings++ = '\0';
	argument = strchr(copy, ':');
	if (argument != NULL)
		*argument++ = '\0';
	strategy->strategy = sluice_strategy_find(copy);
	if (strategy->strategy == NULL)
		return load_refuse(why, why_bytes,
				   "'%.20s' is no strategy; there are: %s",
				   copy, sluice_strategy_names());
	if (argument != NULL)
		rc = plan_argument_parse(strategy, copy, argument, why,
					 why_bytes);
	else if (strcmp(copy, "hash") == 0)
		strategy->opts.partitions = PLAN_PARTITIONS_CONSUMERS;
	while (rc == 0 && settings != NULL) {
		char *next = strchr(settings, '@');

		if (next != NULL)
			*next++ = '\0';
		rc = plan_setting_parse(strategy, settings, why, why_bytes);
		settings = next;
	}
	return rc;
}

int plan_strategies_parse(struct bench_plan *plan, const char *list, char *why,
			  uint32_t why_bytes)
{
	int rc = 0;

	plan->strategies = 0;
	while (rc == 0 && list != NULL) {
		const char *comma = strchr(list, ',');
		size_t length = comma ? (size_t)(comma - list) : strlen(list);
		char one[64];

		if (plan->strategies == PLAN_STRATEGIES_MAX)
			return load_refuse(why, why_bytes,
					   "more than %u strategies",
					   PLAN_STRATEGIES_MAX);
		(void)snprintf(one, sizeof(one), "%.*s", (int)length, list);
		for (uint32_t i = 0; i < plan->strategies; i++)
			if (strcmp(plan->strategy[i].name, one) == 0)
				return load_refuse(why, why_bytes,
						   "%s is there twice", one);
		rc = plan_strategy_parse(&plan->strategy[plan->strategies++],
					 one, why, why_bytes);
		list = comma ? comma + 1 : NULL;
	}
	return rc;
}

void plan_init(struct bench_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->mode = PLAN_SIM;
	plan->load[0] = 0.8;
	plan->loads = 1;
	plan->consumers = 8;
	plan->producers = 1;
	plan->window = SLUICE_DEMAND_DEFAULT;
	plan->batch = 0;
	plan->capacity = 8192;
	plan->event_bytes = 64;
	plan->hop = 0.1;
	plan->claim = -1;
	plan->slo = (struct plan_slo){0.99, 20, 0};
	plan->repeats = 3;
	plan->trace.seed = 1;
	plan->trace.count = 200000;
	plan->trace.arrival.kind = ARRIVAL_POISSON;
	plan->trace.service = (struct service){SERVICE_BIMODAL, 0.1, 10, 1000};
	plan->trace.keys = (struct keys){KEY_UNIFORM, 0, 1024};
}

int plan_slo_parse(struct plan_slo *slo, const char *text, char *why,
		   uint32_t why_bytes)
{
	static const struct number_range percent = {NUMBER_REAL, 1e-6, 99.9999,
						    0};
	static const struct number_range slowdown = {NUMBER_REAL, 1, 1e6, 0};
	static const struct number_range latency = {NUMBER_TIME, 1, 1e12, 0};
	size_t length = strcspn(text, ":");
	const char *limit = text[length] == ':' ? text + length + 1 : text;
	struct number quantile = {99, 0};
	struct number most;
	int is_latency =
		number_read(limit, strlen(limit), &latency, &most) == 0;

	if ((limit != text &&
	     (text[0] != 'p' ||
	      number_read(text + 1, length - 1, &percent, &quantile) < 0)) ||
	    (!is_latency &&
	     number_read(limit, strlen(limit), &slowdown, &most) < 0))
		return load_refuse(why, why_bytes,
				   "must be a slowdown, a number in [1, "
				   "1000000], or a latency, a number with one "
				   "of the units ns us ms s; a percentile may "
				   "stand before it, as in p99.9:1ms");
	*slo = (struct plan_slo){quantile.real / 100, most.real,
				 (uint32_t)is_latency};
	return 0;
}

void plan_slo_format(const struct plan_slo *slo, char *text, uint32_t bytes)
{
	char limit[NUMBER_TEXT_BYTES];

	if (slo->is_latency)
		(void)number_time_text(slo->limit, limit);
	else
		(void)number_text(slo->limit, limit);
	(void)snprintf(text, bytes, "p%.10g:%s", slo->quantile * 100, limit);
}

static int plan_check_faults(const struct bench_plan *plan, char *why,
			     uint32_t why_bytes)
{
	static const char *const kinds[] = {"slow", "stall", "kill", "join"};

	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *f = &plan->fault[i];

		if (f->consumer >= plan->consumers)
			return load_refuse(why, why_bytes,
					   "--%s: consumer %u: there are 0 to "
					   "%u",
					   kinds[f->kind], f->consumer,
					   plan->consumers - 1);
	}
	return 0;
}

int plan_check(struct bench_plan *plan, char *why, uint32_t why_bytes)
{
	for (uint32_t i = 0; i < plan->strategies; i++) {
		struct sluice_dispatch_opts *o = &plan->strategy[i].opts;

		if (o->partitions == PLAN_PARTITIONS_CONSUMERS)
			o->partitions = plan->consumers;
		if (o->partitions > plan->consumers)
			return load_refuse(why, why_bytes,
					   "%s: more partitions than the %u "
					   "consumers",
					   plan->strategy[i].name,
					   plan->consumers);
	}
	plan->trace.consumers = plan->consumers;
	return plan_check_faults(plan, why, why_bytes);
}

int plan_credit(const struct bench_plan *plan,
		const struct plan_strategy *strategy,
		struct sluice_credit *credit, char *why, uint32_t why_bytes)
{
	uint32_t window = strategy->window ? strategy->window : plan->window;
	uint32_t refill = strategy->refill ? strategy->refill : plan->refill;
	int rc = sluice_credit_init(credit, window, strategy->min,
				    strategy->min ? 0 : refill);

	return rc < 0 ? load_refuse(why, why_bytes, "%s: %s", strategy->name,
				    sluice_last_error())
		      : 0;
}
