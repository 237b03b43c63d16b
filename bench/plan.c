/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int plan_refuse(char *why, uint32_t why_bytes, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int plan_refuse(char *why, uint32_t why_bytes, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, why_bytes, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* A whole number in [low, high]. */
static int plan_number(const char *text, uint32_t low, uint32_t high,
		       uint32_t *out)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || text[0] == '-' ||
	    n < low || n > high)
		return 0;
	*out = (uint32_t)n;
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
			return plan_refuse(why, why_bytes,
					   "rr:%.20s: strict or skip", text);
		strategy->opts.skip = text[1] == 'k';
		return 0;
	}
	for (size_t i = 0;
	     i < sizeof(plan_arguments) / sizeof(plan_arguments[0]); i++) {
		const struct plan_argument *a = &plan_arguments[i];

		if (strcmp(a->strategy, name) != 0)
			continue;
		if (!plan_number(text, a->low, a->high, &n) ||
		    (a->power_of_two && (n & (n - 1)) != 0))
			return plan_refuse(
				why, why_bytes,
				"%s:%.20s: %s, a number in [%u, %u]%s", name,
				text, a->means, a->low, a->high,
				a->power_of_two ? ", a power of two" : "");
		memcpy((char *)&strategy->opts + a->offset, &n, sizeof(n));
		return 0;
	}
	return plan_refuse(why, why_bytes, "%s:%.20s: '%s' takes no argument",
			   name, text, name);
}

/* @window=64, @refill=16, @min=half, @min=8. */
static int plan_setting_parse(struct plan_strategy *strategy, const char *text,
			      char *why, uint32_t why_bytes)
{
	uint32_t n;

	if (strncmp(text, "window=", 7) == 0 &&
	    plan_number(text + 7, 1, SLUICE_DEMAND_MAX, &strategy->window))
		return 0;
	if (strncmp(text, "refill=", 7) == 0 &&
	    plan_number(text + 7, 1, SLUICE_DEMAND_MAX, &strategy->refill))
		return 0;
	if (strncmp(text, "rebalance=", 10) == 0 &&
	    strcmp(strategy->strategy->name, "partition") == 0 &&
	    plan_number(text + 10, 1, 1000, &strategy->opts.rebalance_percent))
		return 0;
	if (strcmp(text, "min=half") == 0) {
		strategy->min = SLUICE_MIN_HALF;
		return 0;
	}
	if (strncmp(text, "min=", 4) == 0 &&
	    plan_number(text + 4, 0, SLUICE_DEMAND_MAX, &n)) {
		strategy->min = n ? (int32_t)n : SLUICE_MIN_ZERO;
		return 0;
	}
	return plan_refuse(why, why_bytes,
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
		return plan_refuse(why, why_bytes,
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
	strategy->strategy = sluice_strategy_find(
		strcmp(copy, "hash") == 0 ? "partition" : copy);
	if (strategy->strategy == NULL)
		return plan_refuse(why, why_bytes,
				   "'%.20s' is no strategy; there are: %s hash",
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
			return plan_refuse(why, why_bytes,
					   "more than %u strategies",
					   PLAN_STRATEGIES_MAX);
		(void)snprintf(one, sizeof(one), "%.*s", (int)length, list);
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
	plan->slo = 10;
	plan->repeats = 5;
	plan->trace.seed = 1;
	plan->trace.count = 200000;
	plan->trace.arrival.kind = ARRIVAL_POISSON;
	plan->trace.service = (struct service){SERVICE_BIMODAL, 0.1, 10, 1000};
	plan->trace.keys = (struct keys){KEY_UNIFORM, 0, 1024};
}

static int plan_check_faults(const struct bench_plan *plan, char *why,
			     uint32_t why_bytes)
{
	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *f = &plan->fault[i];

		if (f->consumer >= plan->consumers)
			return plan_refuse(why, why_bytes,
					   "consumer %u: there are 0 to %u",
					   f->consumer, plan->consumers - 1);
		if (f->kind == PLAN_SLOW &&
		    !(f->factor > 0 && f->factor <= 1e6))
			return plan_refuse(why, why_bytes,
					   "slow: factor %g is not in (0, 1e6]",
					   f->factor);
	}
	return 0;
}

int plan_check(struct bench_plan *plan, char *why, uint32_t why_bytes)
{
	if (plan->consumers < 1 || plan->consumers > PLAN_CONSUMERS_MAX)
		return plan_refuse(why, why_bytes, "consumers %u: 1 to %u",
				   plan->consumers, PLAN_CONSUMERS_MAX);
	if (plan->producers < 1 || plan->producers > PLAN_PRODUCERS_MAX)
		return plan_refuse(why, why_bytes, "producers %u: 1 to %u",
				   plan->producers, PLAN_PRODUCERS_MAX);
	if (plan->window < 1 || plan->window > SLUICE_DEMAND_MAX)
		return plan_refuse(why, why_bytes, "window %u: 1 to %u",
				   plan->window, SLUICE_DEMAND_MAX);
	if (plan->capacity < 2 || plan->capacity > SLUICE_DEMAND_MAX ||
	    (plan->capacity & (plan->capacity - 1)) != 0)
		return plan_refuse(why, why_bytes,
				   "capacity %u: a power of two, 2 to %u",
				   plan->capacity, SLUICE_DEMAND_MAX);
	if (plan->event_bytes < PLAN_EVENT_BYTES_MIN ||
	    plan->event_bytes > SLUICE_EVENT_BYTES_MAX)
		return plan_refuse(why, why_bytes, "event bytes %u: %u to %u",
				   plan->event_bytes, PLAN_EVENT_BYTES_MIN,
				   SLUICE_EVENT_BYTES_MAX);
	if (!(plan->hop >= 0 && plan->hop <= 100))
		return plan_refuse(why, why_bytes,
				   "hop %g: 0 to 100 mean services", plan->hop);
	if (plan->trace.count < 1 || plan->trace.count > PLAN_EVENTS_MAX)
		return plan_refuse(why, why_bytes, "events %llu: 1 to %llu",
				   (unsigned long long)plan->trace.count,
				   (unsigned long long)PLAN_EVENTS_MAX);
	for (uint32_t i = 0; i < plan->strategies; i++) {
		struct sluice_dispatch_opts *o = &plan->strategy[i].opts;

		if (o->partitions == PLAN_PARTITIONS_CONSUMERS)
			o->partitions = plan->consumers;
		if (o->partitions > plan->consumers)
			return plan_refuse(why, why_bytes,
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

	return rc < 0 ? plan_refuse(why, why_bytes, "%s: %s", strategy->name,
				    sluice_last_error())
		      : 0;
}
