/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/view.h"

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *rate(double per_second)
{
	return per_second < 0 ? json_null() : json_real(per_second);
}

static json_t *view_counts_json(const struct sluice_stage_stats *c)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o}",
		"events_in", count(c->events_in), "batches_in",
		count(c->batches_in), "events_out", count(c->events_out),
		"batches_out", count(c->batches_out), "discarded",
		count(c->discarded), "overflowed", count(c->overflowed),
		"stranded", count(c->stranded), "redelivered",
		count(c->redelivered), "dead_letters", count(c->dead_letters),
		"restarts", count(c->restarts), "passed_over",
		count(c->passed_over), "buffered", count(c->buffered), "held",
		count(c->held), "refused", count(c->refused), "spilled",
		count(c->spilled), "helped", count(c->helped));
}

static json_t *view_time_json(const struct sluice_times *time)
{
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o}", "doing",
		view_doing_text(time->doing), "lived_ns", count(time->lived_ns),
		"working_ns", count(time->working_ns), "idle_ns",
		count(time->idle_ns), "no_credit_ns", count(time->no_credit_ns),
		"blocked_ns", count(time->blocked_ns));
}

/* Of what it lived since the last look. */
static json_t *view_shares_json(const struct sluice_stage_rates *rates)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "working",
			 rate(rates->working), "idle", rate(rates->idle),
			 "no_credit", rate(rates->no_credit), "blocked",
			 rate(rates->blocked));
}

static json_t *view_stage_json(const struct sluice_stage_snapshot *row,
			       const struct sluice_stage_rates *rates)
{
	return json_pack(
		"{s:o, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, "
		"s:o, s:o, s:b, s:o, s:o}",
		"name", json_text(row->name), "kind", view_kind_text(row->kind),
		"phase", view_phase_text(row->phase), "port",
		(int)(row->port != 0), "blocking", (int)(row->blocking != 0),
		"worker",
		row->worker != SLUICE_WORKER_NONE ? count(row->worker)
						  : json_null(),
		"cpu",
		row->cpu != SLUICE_CPU_NONE ? json_integer(row->cpu)
					    : json_null(),
		"dispatcher",
		row->dispatcher[0] != '\0' ? json_text(row->dispatcher)
					   : json_null(),
		"copy_method",
		row->copy_method != SLUICE_COPY_AUTO
			? json_text(sluice_copy_name(row->copy_method))
			: json_null(),
		"held_up_by",
		row->held_up_by[0] != '\0' ? json_text(row->held_up_by)
					   : json_null(),
		"in_per_second", rate(rates->events_in_per_s), "out_per_second",
		rate(rates->events_out_per_s), "batches_in_per_second",
		rate(rates->batches_in_per_s), "batches_out_per_second",
		rate(rates->batches_out_per_s), "shares",
		view_shares_json(rates), "came",
		(int)((rates->flags & SLUICE_RATES_CAME) != 0), "counts",
		view_counts_json(&row->counts), "time",
		view_time_json(&row->time));
}

static json_t *view_latency_json(const struct sluice_latency_stats *l)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "count",
			 count(l->count), "p50_ns", count(l->p50_ns), "p90_ns",
			 count(l->p90_ns), "p99_ns", count(l->p99_ns),
			 "p999_ns", count(l->p999_ns), "max_ns",
			 count(l->max_ns));
}

static json_t *view_sub_json(const struct sluice_subscription_snapshot *row,
			     const struct sluice_subscription_rates *rates)
{
	const struct sluice_subscription_stats *c = &row->counts;

	return json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, "
		"s:o, "
		"s:o, "
		"s:o, s:o, s:o}",
		"consumer", json_text(row->consumer), "producer",
		json_text(row->producer), "phase",
		view_sub_phase_text(row->phase), "kind",
		view_sub_kind_text(row->kind), "index", count(row->sub.index),
		"window", count(row->window), "window_most",
		row->window_most ? count(row->window_most) : json_null(),
		"carried", count(row->carried), "per_second",
		rate(rates->events_per_s), "batches_per_second",
		rate(rates->batches_per_s), "came",
		(int)((rates->flags & SLUICE_RATES_CAME) != 0), "credit",
		count(c->credit), "depth", count(c->depth), "waiting",
		count(c->waiting), "batches", count(c->batches), "high",
		count(c->high), "latency", view_latency_json(&row->latency));
}

/* What was there at the look before, and is not any more. */
static json_t *view_went_json(const struct view *view)
{
	const struct sluice_rates *rates = view->rates;
	json_t *stages = json_array();
	json_t *subs = json_array();

	for (uint32_t i = view->now->stage_count; i < rates->stage_count; i++)
		(void)json_array_append_new(stages,
					    json_text(rates->stages[i]->name));
	for (uint32_t i = view->now->subscription_count;
	     i < rates->subscription_count; i++) {
		const struct sluice_subscription_rates *row =
			rates->subscriptions[i];

		(void)json_array_append_new(
			subs, json_pack("{s:o, s:o, s:o}", "consumer",
					json_text(row->consumer), "producer",
					json_text(row->producer), "index",
					count(row->sub.index)));
	}
	return json_pack("{s:o, s:o}", "stages", stages, "subscriptions", subs);
}

json_t *view_json(const struct view *view, const struct command *command)
{
	const struct sluice_snapshot *now = view->now;
	json_t *stages = json_array();
	json_t *subs = json_array();

	for (uint32_t i = 0; i < now->stage_count; i++)
		(void)json_array_append_new(
			stages, view_stage_json(now->stages[i],
						view->rates->stages[i]));
	for (uint32_t i = 0; i < now->subscription_count; i++)
		(void)json_array_append_new(
			subs, view_sub_json(now->subscriptions[i],
					    view->rates->subscriptions[i]));
	return json_pack("{s:i, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o}",
			 "schema", OPTIONS_SCHEMA, "command", command->name,
			 "pipeline", json_text(now->name), "phase",
			 view_phase_text(now->phase), "time_ns",
			 count(now->time_ns), "span_ns",
			 count(view->rates->span_ns), "stages", stages,
			 "subscriptions", subs, "went", view_went_json(view));
}
