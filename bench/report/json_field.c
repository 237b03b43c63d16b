/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/json_field.h"

#define TEXT(name_, type, member)                                              \
	{                                                                      \
		(name_), JSON_FIELD_TEXT, offsetof(type, member),              \
			sizeof(((type *)0)->member)                            \
	}
#define COUNT(name_, type, member)                                             \
	{                                                                      \
		(name_), JSON_FIELD_COUNT, offsetof(type, member), 0           \
	}
#define REAL(name_, type, member)                                              \
	{                                                                      \
		(name_), JSON_FIELD_REAL, offsetof(type, member), 0            \
	}
#define GROUP(name_, fields_, at_)                                             \
	{                                                                      \
		(name_), (fields_), sizeof(fields_) / sizeof((fields_)[0]),    \
			(at_)                                                  \
	}

static const struct json_field machine_fields[] = {
	TEXT("cpu", struct report_machine, cpu),
	COUNT("cpus", struct report_machine, cpus),
	TEXT("kernel", struct report_machine, kernel),
	TEXT("compiler", struct report_machine, compiler),
	TEXT("sluice", struct report_machine, version),
};

const struct json_group json_machine = GROUP("machine", machine_fields, 0);

#define FACT_COUNT(name_) COUNT(#name_, struct trace_facts, name_)
#define FACT_REAL(name_)  REAL(#name_, struct trace_facts, name_)
#define FLAG(name_, type, member)                                              \
	{                                                                      \
		(name_), JSON_FIELD_FLAG, offsetof(type, member), 0            \
	}

static const struct json_field trace_fields[] = {
	FACT_COUNT(events),
	FACT_COUNT(span_ns),
	FACT_REAL(rate_per_s),
	FACT_REAL(peak_per_s),
	FACT_COUNT(peak_window_ns),
	FACT_REAL(service_mean_ns),
	FACT_REAL(service_p99_9_ns),
	FACT_REAL(load),
	FACT_COUNT(keys),
	FACT_REAL(key_share),
	FACT_COUNT(moved),
	FACT_COUNT(moved_ns),
	FACT_COUNT(no_time),
	FLAG("has_service", struct trace_facts, has_service),
	FLAG("has_keys", struct trace_facts, has_keys),
	TEXT("ignored", struct trace_facts, ignored),
};

const struct json_group json_trace = GROUP("trace", trace_fields, 0);

static const struct json_field run_fields[] = {
	TEXT("strategy", struct report_run, strategy),
	REAL("load", struct report_run, load),
	REAL("offered_per_s", struct report_run, offered_per_s),
	REAL("achieved_per_s", struct report_run, achieved_per_s),
	COUNT("events", struct report_run, events),
	REAL("jain", struct report_run, jain),
	COUNT("credit_stall_ns", struct report_run, credit_stall_ns),
	REAL("pick_ns", struct report_run, pick_ns),
	FLAG("saturated", struct report_run, saturated),
};

static const struct json_field spread_fields[] = {
	REAL("mean", struct report_spread, mean),
	REAL("p50", struct report_spread, p50),
	REAL("p90", struct report_spread, p90),
	REAL("p99", struct report_spread, p99),
	REAL("p99_9", struct report_spread, p99_9),
	REAL("p99_99", struct report_spread, p99_99),
	REAL("max", struct report_spread, max),
};

static const struct json_field order_fields[] = {
	COUNT("per_key", struct report_run, order_key),
	COUNT("global", struct report_run, order_global),
	COUNT("behind_join", struct report_run, reordered),
};

static const struct json_field depth_fields[] = {
	COUNT("max", struct report_run, depth_max),
	REAL("mean", struct report_run, depth_mean),
	COUNT("join_max", struct report_run, join_depth_max),
};

static const struct json_field drops_fields[] = {
	COUNT("overflow", struct run_drops, overflow),
	COUNT("killed", struct run_drops, killed),
	COUNT("unplaced", struct run_drops, unplaced),
};

static const struct json_field valid_fields[] = {
	FLAG("contended", struct run_validity, contended),
	TEXT("why", struct run_validity, why),
	REAL("kept", struct run_validity, kept),
	COUNT("tries", struct run_validity, tries),
	COUNT("lost_ns", struct run_validity, lost_ns),
	COUNT("generator_lag_ns", struct run_validity, generator_lag_ns),
	REAL("poll_ns", struct run_validity, poll_ns),
	REAL("clock_ns", struct run_validity, clock_ns),
	REAL("floor_before_ns", struct run_validity, floor_before_ns),
	REAL("floor_after_ns", struct run_validity, floor_after_ns),
};

static const struct json_field repeats_fields[] = {
	COUNT("count", struct report_run, repeats),
	COUNT("used", struct report_run, repeats_used),
	REAL("achieved_low_per_s", struct report_run, achieved_low),
	REAL("achieved_high_per_s", struct report_run, achieved_high),
};

const struct json_group json_run_groups[] = {
	GROUP(NULL, run_fields, 0),
	GROUP("latency_ns", spread_fields,
	      offsetof(struct report_run, latency)),
	GROUP("slowdown", spread_fields, offsetof(struct report_run, slowdown)),
	GROUP("latency_low_ns", spread_fields,
	      offsetof(struct report_run, latency_low)),
	GROUP("latency_high_ns", spread_fields,
	      offsetof(struct report_run, latency_high)),
	GROUP("slowdown_low", spread_fields,
	      offsetof(struct report_run, slowdown_low)),
	GROUP("slowdown_high", spread_fields,
	      offsetof(struct report_run, slowdown_high)),
	GROUP("dispatcher_ns", spread_fields,
	      offsetof(struct report_run, dispatcher)),
	GROUP("lane_ns", spread_fields, offsetof(struct report_run, lane)),
	GROUP("order", order_fields, 0),
	GROUP("depth", depth_fields, 0),
	GROUP("drops", drops_fields, offsetof(struct report_run, drops)),
	GROUP("repeats", repeats_fields, 0),
	GROUP("valid", valid_fields, offsetof(struct report_run, valid)),
};

const uint32_t json_run_groups_count =
	sizeof(json_run_groups) / sizeof(json_run_groups[0]);
