/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline as it is seen from outside: two snapshots, and what has come between them,
 * as tables and as JSON. Of view.c and view_json.c. Knows watches and snapshots; not
 * terminals, nor what the commands are. */
#ifndef SLUICE_TOOLS_SLUICE_VIEW_H
#define SLUICE_TOOLS_SLUICE_VIEW_H

#include "tools/sluice/options.h"
#include "tools/cli/json.h"
#include "tools/cli/text.h"
#include "sluice.h"

/* How long is waited for a first snapshot, or for one that is due. */
#define VIEW_MS 5000u

struct view {
	struct sluice_watch *watch;
	struct sluice_snapshot *before; /* NULL: rates are none */
	struct sluice_snapshot *now;
	struct sluice_rates *rates; /* of view_rate() */
	int exit; /* that the pipeline's process is the cause of; 0: it is not */
	int width; /* of tables; 0: as wide as they get */
};

/* What the command line names. Returns 0 or a negative errno with a sentence in
 * cli_error(). */
int view_open(struct view *view, const struct options *options);
/* Returns the exit code for @rc; if that is negative, cli_error() is said. What is no
 * answer of the pipeline's process has failed here. */
int view_close(struct view *view, const struct command *command, int rc);

/* The next snapshot becomes `now`. Returns what sluice_watch_read() says. */
int view_read(struct view *view, uint32_t timeout_ms);
/* From here on rates are counted. */
void view_mark(struct view *view);
/* None has come behind the one that was marked: that is `now` again. */
void view_unmark(struct view *view);
/* Before `now` is shown: its rates. Returns 0 or a negative errno. */
int view_rate(struct view *view);

/* Of all: as it is called. */
const char *view_kind_text(enum sluice_stage_kind kind);
const char *view_phase_text(enum sluice_phase phase);
const char *view_sub_phase_text(enum sluice_sub_phase phase);
const char *view_sub_kind_text(enum sluice_sub_kind kind);
const char *view_doing_text(enum sluice_doing doing);
uint64_t view_time_ns(const struct sluice_times *time, enum sluice_doing doing);

/* A line on the pipeline, its stages and its subscriptions. */
void view_write(const struct view *view, FILE *out);
/* All that is shown, and more; NULL: no memory. */
json_t *view_json(const struct view *view, const struct command *command);

#endif
