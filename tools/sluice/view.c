/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/folder.h"
#include "tools/sluice/peer.h"
#include "tools/sluice/view.h"
#include "tools/cli/table.h"

#include <string.h>

/* ---- words ------------------------------------------------------------------- */

const char *view_kind_text(enum sluice_stage_kind kind)
{
	static const char *const texts[] = {"", "producer", "producer_consumer",
					    "consumer"};

	return texts[kind];
}

const char *view_phase_text(enum sluice_phase phase)
{
	static const char *const texts[] = {"declared", "running", "down",
					    "ending", "ended"};

	return texts[phase];
}

const char *view_sub_phase_text(enum sluice_sub_phase phase)
{
	static const char *const texts[] = {"coming", "open", "cancelled",
					    "ended", "held"};

	return texts[phase];
}

const char *view_sub_kind_text(enum sluice_sub_kind kind)
{
	static const char *const texts[] = {"dispatched", "tee", "conflate"};

	return texts[kind];
}

const char *view_doing_text(enum sluice_doing doing)
{
	static const char *const texts[] = {"nothing", "working", "idle",
					    "no credit", "blocked"};

	return texts[doing];
}

uint64_t view_time_ns(const struct sluice_times *time, enum sluice_doing doing)
{
	switch (doing) {
	case SLUICE_DOING_WORK:
		return time->working_ns;
	case SLUICE_DOING_IDLE:
		return time->idle_ns;
	case SLUICE_DOING_NO_CREDIT:
		return time->no_credit_ns;
	case SLUICE_DOING_BLOCKED:
		return time->blocked_ns;
	case SLUICE_DOING_NOTHING:
	case SLUICE_DOING_COUNT:
		break;
	}
	return time->lived_ns;
}

/* ---- opening ------------------------------------------------------------------ */

/* What a call of the watch has answered. Returns @rc. */
static int view_answer(struct view *view, int rc)
{
	/* It is there, and does not answer. */
	view->exit = rc >= 0 ? 0 : rc == -EAGAIN ? PEER_GONE : peer_refused(rc);
	return cli_library(rc);
}

int view_open(struct view *view, const struct options *options)
{
	char folder[FOLDER_BYTES];
	int rc = folder_absolute(folder, options->folder);

	*view = (struct view){.watch = NULL};
	if (rc < 0)
		return rc;
	return view_answer(
		view, sluice_watch_open(
			      &view->watch,
			      SLUICE_WATCH(.pipeline = options->line.word[0],
					   .folder = options->folder != NULL
							     ? folder
							     : NULL)));
}

int view_close(struct view *view, const struct command *command, int rc)
{
	int code = view->exit;

	sluice_snapshot_close(view->before);
	sluice_snapshot_close(view->now);
	sluice_rates_close(view->rates);
	sluice_watch_close(view->watch);
	*view = (struct view){.watch = NULL};
	if (rc >= 0)
		return COMMAND_DONE;
	command_complain(command, cli_error());
	return code != 0 ? code : COMMAND_FAILED;
}

int view_read(struct view *view, uint32_t timeout_ms)
{
	struct sluice_snapshot *now = NULL;
	int rc = view_answer(view,
			     sluice_watch_read(view->watch, &now, timeout_ms));

	if (rc < 0)
		return rc;
	sluice_snapshot_close(view->now);
	view->now = now;
	return 0;
}

void view_mark(struct view *view)
{
	sluice_snapshot_close(view->before);
	view->before = view->now;
	view->now = NULL;
}

void view_unmark(struct view *view)
{
	view->now = view->before;
	view->before = NULL;
}

int view_rate(struct view *view)
{
	struct sluice_rates *rates = NULL;
	int rc = cli_library(
		sluice_snapshot_rates(view->before, view->now, &rates));

	view->exit = 0;
	sluice_rates_close(view->rates);
	view->rates = rates;
	return rc;
}

/* ---- the table of stages ---------------------------------------------------------- */

enum stage_column {
	STAGE_NAME,
	STAGE_STATE,
	STAGE_ON,
	STAGE_IN,
	STAGE_OUT,
	STAGE_IN_RATE,
	STAGE_OUT_RATE,
	STAGE_WORKING,
	STAGE_IDLE,
	STAGE_NO_CREDIT,
	STAGE_BLOCKED,
	STAGE_RESTARTS,
	STAGE_DEAD,
	STAGE_HELD_UP_BY,
	STAGE_COLUMNS
};

static const char *const stage_heads[] = {
	"stage",   "is",       "on",      "in",         "out",
	"in/s",    "out/s",    "working", "idle",       "no credit",
	"blocked", "restarts", "letters", "held up by",
};

static struct text rate_text(double rate)
{
	return rate < 0 ? text_format("-") : text_number(rate);
}

static struct text share_text(double share)
{
	return share < 0 ? text_format("-")
			 : text_format("%.0f%%", share * 100);
}

/* Where its time goes now; or how far it is, when it does not run. Who has no consumers
 * is held up by nobody. */
static struct text stage_is(const struct sluice_stage_snapshot *row)
{
	if (row->phase == SLUICE_PHASE_RUNNING &&
	    row->time.doing == SLUICE_DOING_NO_CREDIT &&
	    row->held_up_by[0] == '\0')
		return text_format("no consumers");
	return text_format("%s", row->phase == SLUICE_PHASE_RUNNING
					 ? view_doing_text(row->time.doing)
					 : view_phase_text(row->phase));
}

static struct text stage_on(const struct sluice_stage_snapshot *row)
{
	if (row->port)
		return text_format("port");
	if (row->worker == SLUICE_WORKER_NONE)
		return text_format("-");
	return row->cpu == SLUICE_CPU_NONE
		       ? text_format("w%u", row->worker)
		       : text_format("w%u cpu %d", row->worker, row->cpu);
}

static struct text stage_cell(const struct table *table, uint32_t row,
			      uint32_t column)
{
	const struct view *view = table->of;
	const struct sluice_stage_snapshot *stage;
	const struct sluice_stage_rates *rates;

	if (row == 0)
		return text_format("%s", stage_heads[column]);
	stage = view->now->stages[row - 1];
	rates = view->rates->stages[row - 1];
	switch ((enum stage_column)column) {
	case STAGE_NAME:
		return text_format("%s", stage->name);
	case STAGE_STATE:
		return stage_is(stage);
	case STAGE_ON:
		return stage_on(stage);
	case STAGE_IN:
		return text_count((double)stage->counts.events_in);
	case STAGE_OUT:
		return text_count((double)stage->counts.events_out);
	case STAGE_IN_RATE:
		return rate_text(rates->events_in_per_s);
	case STAGE_OUT_RATE:
		return rate_text(rates->events_out_per_s);
	case STAGE_WORKING:
		return share_text(rates->working);
	case STAGE_IDLE:
		return share_text(rates->idle);
	case STAGE_NO_CREDIT:
		return share_text(rates->no_credit);
	case STAGE_BLOCKED:
		return share_text(rates->blocked);
	case STAGE_RESTARTS:
		return text_count((double)stage->counts.restarts);
	case STAGE_DEAD:
		return text_count((double)stage->counts.dead_letters);
	case STAGE_HELD_UP_BY:
	case STAGE_COLUMNS:
		break;
	}
	return text_format(
		"%s", stage->held_up_by[0] != '\0' ? stage->held_up_by : "-");
}

/* ---- the table of subscriptions --------------------------------------------------- */

enum sub_column {
	SUB_CONSUMER,
	SUB_PRODUCER,
	SUB_STATE,
	SUB_CARRIED,
	SUB_RATE,
	SUB_WINDOW,
	SUB_CREDIT,
	SUB_DEPTH,
	SUB_HIGH,
	SUB_P50,
	SUB_P99,
	SUB_MAX,
	SUB_COLUMNS
};

static const char *const sub_heads[] = {
	"consumer", "of",    "is",   "carried", "events/s", "window",
	"credit",   "depth", "high", "p50",     "p99",      "max",
};

static struct text latency_text(const struct sluice_latency_stats *latency,
				uint64_t ns)
{
	return latency->count > 0 ? text_ns((double)ns) : text_format("-");
}

static struct text sub_is(const struct sluice_subscription_snapshot *sub)
{
	return text_format("%s",
			   sub->phase == SLUICE_SUB_OPEN &&
					   sub->kind != SLUICE_SUB_DISPATCHED
				   ? view_sub_kind_text(sub->kind)
				   : view_sub_phase_text(sub->phase));
}

static struct text sub_cell(const struct table *table, uint32_t row,
			    uint32_t column)
{
	const struct view *view = table->of;
	const struct sluice_subscription_snapshot *sub;

	if (row == 0)
		return text_format("%s", sub_heads[column]);
	sub = view->now->subscriptions[row - 1];
	switch ((enum sub_column)column) {
	case SUB_CONSUMER:
		return text_format("%s", sub->consumer);
	case SUB_PRODUCER:
		return text_format("%s", sub->producer);
	case SUB_STATE:
		return sub_is(sub);
	case SUB_CARRIED:
		return text_count((double)sub->carried);
	case SUB_RATE:
		return rate_text(
			view->rates->subscriptions[row - 1]->events_per_s);
	case SUB_WINDOW:
		return sub->window_most
			       ? text_format("auto %s",
					     text_count(sub->window).at)
			       : text_count(sub->window);
	case SUB_CREDIT:
		return text_count((double)sub->counts.credit);
	case SUB_DEPTH:
		return text_count((double)sub->counts.depth);
	case SUB_HIGH:
		return text_count((double)sub->counts.high);
	case SUB_P50:
		return latency_text(&sub->latency, sub->latency.p50_ns);
	case SUB_P99:
		return latency_text(&sub->latency, sub->latency.p99_ns);
	case SUB_MAX:
	case SUB_COLUMNS:
		break;
	}
	return latency_text(&sub->latency, sub->latency.max_ns);
}

/* ---- both ---------------------------------------------------------------------------- */

void view_write(const struct view *view, FILE *out)
{
	const struct sluice_snapshot *now = view->now;
	const struct table stages = {
		.rows = now->stage_count,
		.columns = STAGE_COLUMNS,
		.keys = 1,
		.width = view->width,
		.left = 1u << STAGE_NAME | 1u << STAGE_STATE | 1u << STAGE_ON |
			1u << STAGE_HELD_UP_BY,
		.of = view,
		.cell = stage_cell,
	};
	const struct table subs = {
		.rows = now->subscription_count,
		.columns = SUB_COLUMNS,
		.keys = 2,
		.width = view->width,
		.left = 1u << SUB_CONSUMER | 1u << SUB_PRODUCER |
			1u << SUB_STATE,
		.of = view,
		.cell = sub_cell,
	};

	(void)fprintf(out, "pipeline %s, %s\n", now->name,
		      view_phase_text(now->phase));
	if (stages.rows > 0) {
		(void)fputc('\n', out);
		table_write(&stages, out);
	}
	if (subs.rows > 0) {
		(void)fputc('\n', out);
		table_write(&subs, out);
	}
}
