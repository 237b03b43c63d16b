/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the strategies, as claims about runs of the simulation: each
 * is a figure, or the ratio of two, and the range in which it must lie. The runs
 * use the strategies as they are compiled for the engine, so a claim that fails
 * is a strategy that changed.
 */
#ifndef SLUICE_BENCH_VERIFY_H
#define SLUICE_BENCH_VERIFY_H

#include <stdint.h>

/*
 * Each run is repeated over so many traces. What counts of ratios and shares is
 * the median: the tail under long services that are rare is a matter of luck,
 * even in long traces. What counts of counts is the worst. An odd number.
 */
#define VERIFY_ROUNDS 5u

#define VERIFY_EVENTS_MIN UINT64_C(100000)
#define VERIFY_EVENTS_MAX UINT64_C(10000000)

/* A load that strategies are put under. */
enum verify_scene {
	VERIFY_BIMODAL,  /* 90 % short, 10 % ten times as long; load 0.8 */
	VERIFY_RELAXED,  /* the same at 0.5 */
	VERIFY_OVERLOAD, /* the same at 1.5: who reaches capacity? */
	VERIFY_EXTREME,  /* 99.5 % short, 0.5 % 1000 times as long; 0.8 */
	VERIFY_SLOW,     /* bimodal, overload, one consumer 10 times slower */
	VERIFY_HOT,      /* bimodal at 0.8, keys by Zipf's law */
	VERIFY_SCENES,
};

enum verify_metric {
	VERIFY_P99,       /* of the slowdown */
	VERIFY_SHARE,     /* achieved / what all consumers together can do */
	VERIFY_ORDER_KEY, /* handled after a later one of their key */
	VERIFY_REORDERED, /* behind the join after a later one */
	VERIFY_JOIN,      /* most events that waited in the join */
	VERIFY_LOST,      /* of the trace, and not handled once each */
	VERIFY_METRICS,
};

struct verify_term {
	const char *strategy; /* as on the command line; NULL: 1 */
	enum verify_metric metric;
};

/* Left divided by right lies in [low, high]. Both in the same scene. */
struct verify_claim {
	enum verify_scene scene;
	const char *text;
	struct verify_term left;
	struct verify_term right;
	double low;
	double high;
};

enum verify_verdict {
	VERIFY_HOLDS,
	VERIFY_FAILS,
	VERIFY_ABSENT, /* a strategy is not compiled in */
};

struct verify_opts {
	uint64_t seed;
	uint64_t events; /* per run */
};

typedef void (*verify_fn)(const struct verify_claim *claim, double measured,
			  enum verify_verdict verdict, void *ctx);

/* "bimodal services, load 0.8" */
const char *verify_scene_text(enum verify_scene scene);
const char *verify_metric_text(enum verify_metric metric);
/* Every claim in turn, those of one scene together. Returns how many do not
 * hold, or a negative errno with a sentence in @why, or in
 * sluice_last_error() where that is left empty. */
int verify_run(const struct verify_opts *opts, verify_fn report, void *ctx,
	       char *why, uint32_t why_bytes);

#endif
