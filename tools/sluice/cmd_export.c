/* SPDX-License-Identifier: Apache-2.0 */
/* sluice export: a pipeline as it is now, in the text that OpenMetrics is. */
#include "tools/cli/output.h"
#include "tools/sluice/view.h"

#include <inttypes.h>

struct export
{
	const struct sluice_snapshot *now;
	FILE *out;
};

/* In a label, whatever it holds. */
static void label(FILE *out, const char *name, const char *value)
{
	(void)fprintf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			(void)fputc('\\', out);
		(void)fputc(*value, out);
	}
	(void)fputc('"', out);
}

/* NAME{pipeline="...",stage="..." */
static void stage_labels(const struct export *e, const char *name,
			 const struct sluice_stage_snapshot *row)
{
	(void)fprintf(e->out, "%s{", name);
	label(e->out, "pipeline", e->now->name);
	(void)fputc(',', e->out);
	label(e->out, "stage", row->name);
}

/* Two stages may have had several. */
static void sub_labels(const struct export *e, const char *name,
		       const struct sluice_subscription_snapshot *row)
{
	(void)fprintf(e->out, "%s{", name);
	label(e->out, "pipeline", e->now->name);
	(void)fputc(',', e->out);
	label(e->out, "consumer", row->consumer);
	(void)fputc(',', e->out);
	label(e->out, "producer", row->producer);
	(void)fprintf(e->out, ",subscription=\"%" PRIu32 ".%" PRIu32 "\"",
		      row->sub.index, row->sub.generation);
}

static void family(const struct export *e, const char *name, const char *type,
		   const char *unit, const char *help)
{
	(void)fprintf(e->out, "# TYPE %s %s\n", name, type);
	if (unit != NULL)
		(void)fprintf(e->out, "# UNIT %s %s\n", name, unit);
	(void)fprintf(e->out, "# HELP %s %s\n", name, help);
}

/* ---- counts ------------------------------------------------------------------ */

struct metric {
	const char *name;
	int total; /* it only grows */
	size_t at; /* a uint64_t of the row */
	const char *help;
};

#define STAGE(name_, total_, field_, help_)                                    \
	{                                                                      \
		"sluice_stage_" name_, (total_),                               \
			offsetof(struct sluice_stage_snapshot, counts.field_), \
			(help_)                                                \
	}
#define SUB(name_, total_, field_, help_)                                      \
	{                                                                      \
		"sluice_subscription_" name_, (total_),                        \
			offsetof(struct sluice_subscription_snapshot, field_), \
			(help_)                                                \
	}

static const struct metric stage_metrics[] = {
	STAGE("events_in", 1, events_in, "Events handled."),
	STAGE("events_out", 1, events_out, "Events emitted."),
	STAGE("batches_in", 1, batches_in, "Handler calls that returned 0."),
	STAGE("batches_out", 1, batches_out, "Emissions placed."),
	STAGE("discarded", 1, discarded, "Events dropped by their key."),
	STAGE("overflowed", 1, overflowed, "Events dropped by a full buffer."),
	STAGE("stranded", 1, stranded, "Events left without a consumer."),
	STAGE("redelivered", 1, redelivered, "Events handed out again."),
	STAGE("dead_letters", 1, dead_letters, "Events given up."),
	STAGE("restarts", 1, restarts, "Times that init was run again."),
	STAGE("refused", 1, refused, "Events that a selector refused."),
	STAGE("passed_over", 1, passed_over,
	      "Events that tee and conflate left out."),
	STAGE("helped", 1, helped,
	      "Steps that callers of ports made in place of its worker."),
	STAGE("buffered", 0, buffered, "Events that wait for credit."),
};

static const struct metric sub_metrics[] = {
	SUB("carried", 1, carried, "Events that its consumer has finished."),
	SUB("batches", 1, counts.batches, "Batches that it has finished."),
	SUB("credit", 0, counts.credit, "Events asked for and not sent yet."),
	SUB("depth", 0, counts.depth, "Events sent and not handled yet."),
	SUB("depth_high", 0, counts.high, "The most events found waiting."),
	SUB("waiting", 0, counts.waiting, "Events in its producer's spill."),
};

static uint64_t metric_of(const struct metric *metric, const void *row)
{
	return *(const uint64_t *)(const void *)((const char *)row +
						 metric->at);
}

static void metric_end(const struct export *e, const struct metric *metric,
		       const void *row)
{
	(void)fprintf(e->out, "} %" PRIu64 "\n", metric_of(metric, row));
}

static struct text metric_sample(const struct metric *metric)
{
	return text_format("%s%s", metric->name, metric->total ? "_total" : "");
}

static void export_stage_metric(const struct export *e,
				const struct metric *metric)
{
	family(e, metric->name, metric->total ? "counter" : "gauge", NULL,
	       metric->help);
	for (uint32_t i = 0; i < e->now->stage_count; i++) {
		stage_labels(e, metric_sample(metric).at, e->now->stages[i]);
		metric_end(e, metric, e->now->stages[i]);
	}
}

static void export_sub_metric(const struct export *e,
			      const struct metric *metric)
{
	family(e, metric->name, metric->total ? "counter" : "gauge", NULL,
	       metric->help);
	for (uint32_t i = 0; i < e->now->subscription_count; i++) {
		sub_labels(e, metric_sample(metric).at,
			   e->now->subscriptions[i]);
		metric_end(e, metric, e->now->subscriptions[i]);
	}
}

/* ---- the rest ------------------------------------------------------------------ */

static void export_phases(const struct export *e)
{
	const char *name = "sluice_stage_phase";

	family(e, name, "stateset", NULL, "How far the stage has come.");
	for (uint32_t i = 0; i < e->now->stage_count; i++)
		for (int phase = SLUICE_PHASE_DECLARED;
		     phase <= SLUICE_PHASE_ENDED; phase++) {
			stage_labels(e, name, e->now->stages[i]);
			(void)fputc(',', e->out);
			label(e->out, name,
			      view_phase_text((enum sluice_phase)phase));
			(void)fprintf(e->out, "} %d\n",
				      (int)e->now->stages[i]->phase == phase);
		}
}

static void export_times(const struct export *e)
{
	const char *name = "sluice_stage_time_seconds";

	family(e, name, "counter", "seconds",
	       "What the stage has spent its time on.");
	for (uint32_t i = 0; i < e->now->stage_count; i++)
		for (int doing = SLUICE_DOING_WORK; doing < SLUICE_DOING_COUNT;
		     doing++) {
			const struct sluice_stage_snapshot *row =
				e->now->stages[i];
			uint64_t ns = view_time_ns(&row->time,
						   (enum sluice_doing)doing);

			stage_labels(e, "sluice_stage_time_seconds_total", row);
			(void)fputc(',', e->out);
			label(e->out, "doing",
			      view_doing_text((enum sluice_doing)doing));
			(void)fprintf(e->out, "} %.9f\n", (double)ns / 1e9);
		}
}

static void export_quantile(const struct export *e,
			    const struct sluice_subscription_snapshot *row,
			    const char *quantile, uint64_t ns)
{
	sub_labels(e, "sluice_subscription_latency_seconds", row);
	(void)fputc(',', e->out);
	label(e->out, "quantile", quantile);
	(void)fprintf(e->out, "} %.9f\n", (double)ns / 1e9);
}

static void export_latencies(const struct export *e)
{
	family(e, "sluice_subscription_latency_seconds", "summary", "seconds",
	       "From when an event is sent until it is finished, of samples.");
	for (uint32_t i = 0; i < e->now->subscription_count; i++) {
		const struct sluice_subscription_snapshot *row =
			e->now->subscriptions[i];
		const struct sluice_latency_stats *l = &row->latency;

		export_quantile(e, row, "0.5", l->p50_ns);
		export_quantile(e, row, "0.9", l->p90_ns);
		export_quantile(e, row, "0.99", l->p99_ns);
		export_quantile(e, row, "0.999", l->p999_ns);
		export_quantile(e, row, "1.0", l->max_ns);
		sub_labels(e, "sluice_subscription_latency_seconds_count", row);
		(void)fprintf(e->out, "} %" PRIu64 "\n", l->count);
	}
}

static void export_all(const struct export *e)
{
	for (size_t i = 0; i < sizeof(stage_metrics) / sizeof(stage_metrics[0]);
	     i++)
		export_stage_metric(e, &stage_metrics[i]);
	export_phases(e);
	export_times(e);
	for (size_t i = 0; i < sizeof(sub_metrics) / sizeof(sub_metrics[0]);
	     i++)
		export_sub_metric(e, &sub_metrics[i]);
	export_latencies(e);
	(void)fputs("# EOF\n", e->out);
}

int cmd_export(const struct command *command, void *of)
{
	const struct options *options = of;
	struct view view;
	int rc = view_open(&view, options);

	if (rc == 0)
		rc = view_read(&view, VIEW_MS);
	if (rc == 0)
		export_all(&(struct export){view.now, stdout});
	return view_close(&view, command, rc);
}
