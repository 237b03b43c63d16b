/* SPDX-License-Identifier: Apache-2.0 */
/* sluice stat: a pipeline as it is now. */
#include "tools/cli/json.h"
#include "tools/sluice/view.h"

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *rate(double per_second)
{
	return per_second < 0 ? json_null() : json_real(per_second);
}

static json_t *stat_counts(const struct sluice_stage_stats *c)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o}",
		"events_in", count(c->events_in), "batches_in",
		count(c->batches_in), "events_out", count(c->events_out),
		"batches_out", count(c->batches_out), "discarded",
		count(c->discarded), "overflowed", count(c->overflowed),
		"stranded", count(c->stranded), "redelivered",
		count(c->redelivered), "dead_letters", count(c->dead_letters),
		"restarts", count(c->restarts), "passed_over",
		count(c->passed_over), "buffered", count(c->buffered), "held",
		count(c->held), "refused", count(c->refused), "spilled",
		count(c->spilled));
}

static json_t *stat_time(const struct sluice_times *time)
{
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o}", "doing",
		view_doing_text(time->doing), "lived_ns", count(time->lived_ns),
		"working_ns", count(time->working_ns), "idle_ns",
		count(time->idle_ns), "no_credit_ns", count(time->no_credit_ns),
		"blocked_ns", count(time->blocked_ns));
}

/* Of what it lived since the last look. */
static json_t *stat_shares(const struct sluice_stage_rates *rates)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "working",
			 rate(rates->working), "idle", rate(rates->idle),
			 "no_credit", rate(rates->no_credit), "blocked",
			 rate(rates->blocked));
}

static json_t *stat_stage(const struct sluice_stage_snapshot *row,
			  const struct sluice_stage_rates *rates)
{
	return json_pack(
		"{s:o, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o}",
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
		"held_up_by",
		row->held_up_by[0] != '\0' ? json_text(row->held_up_by)
					   : json_null(),
		"in_per_second", rate(rates->events_in_per_s), "out_per_second",
		rate(rates->events_out_per_s), "batches_in_per_second",
		rate(rates->batches_in_per_s), "batches_out_per_second",
		rate(rates->batches_out_per_s), "shares", stat_shares(rates),
		"counts", stat_counts(&row->counts), "time",
		stat_time(&row->time));
}

static json_t *stat_latency(const struct sluice_latency_stats *l)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "count",
			 count(l->count), "p50_ns", count(l->p50_ns), "p90_ns",
			 count(l->p90_ns), "p99_ns", count(l->p99_ns),
			 "p999_ns", count(l->p999_ns), "max_ns",
			 count(l->max_ns));
}

static json_t *stat_sub(const struct sluice_subscription_snapshot *row,
			const struct sluice_subscription_rates *rates)
{
	const struct sluice_subscription_stats *c = &row->counts;

	return json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o}",
		"consumer", json_text(row->consumer), "producer",
		json_text(row->producer), "phase",
		view_sub_phase_text(row->phase), "kind",
		view_sub_kind_text(row->kind), "index", count(row->sub.index),
		"window", count(row->window), "carried", count(row->carried),
		"per_second", rate(rates->events_per_s), "batches_per_second",
		rate(rates->batches_per_s), "credit", count(c->credit), "depth",
		count(c->depth), "waiting", count(c->waiting), "batches",
		count(c->batches), "high", count(c->high), "latency",
		stat_latency(&row->latency));
}

static json_t *stat_json(const struct view *view)
{
	const struct sluice_snapshot *now = view->now;
	json_t *stages = json_array();
	json_t *subs = json_array();

	for (uint32_t i = 0; i < now->stage_count; i++)
		(void)json_array_append_new(
			stages,
			stat_stage(now->stages[i], view->rates->stages[i]));
	for (uint32_t i = 0; i < now->subscription_count; i++)
		(void)json_array_append_new(
			subs, stat_sub(now->subscriptions[i],
				       view->rates->subscriptions[i]));
	return json_pack(
		"{s:i, s:s, s:o, s:s, s:o, s:o, s:o}", "schema", OPTIONS_SCHEMA,
		"command", "stat", "pipeline", json_text(now->name), "phase",
		view_phase_text(now->phase), "time_ns", count(now->time_ns),
		"stages", stages, "subscriptions", subs);
}

/* Two, for rates; of a pipeline that ends meanwhile there is one. */
static int stat_read(struct view *view)
{
	int rc = view_read(view, VIEW_MS);

	if (rc < 0)
		return rc;
	view_mark(view);
	rc = view_read(view, VIEW_MS);
	if (rc == -EPIPE)
		view_unmark(view);
	else if (rc < 0)
		return rc;
	return view_rate(view);
}

int cmd_stat(const struct command *command, void *of)
{
	const struct options *options = of;
	struct view view;
	int rc = view_open(&view, options);

	if (rc == 0)
		rc = stat_read(&view);
	if (rc == 0 && options->json != NULL)
		rc = json_write(stat_json(&view), options->json);
	if (rc == 0 && !options->line.to_stdout)
		view_write(&view, stdout);
	return view_close(&view, command, rc);
}
