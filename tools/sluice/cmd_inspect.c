/* SPDX-License-Identifier: Apache-2.0 */
/* sluice inspect: whether what a pipeline counts agrees with itself. */
#include "tools/cli/json.h"
#include "tools/sluice/invariant.h"
#include "tools/sluice/view.h"

#include <inttypes.h>
#include <stdlib.h>

static json_t *inspect_json(const struct view *view,
			    const struct inspection *found)
{
	json_t *wrong = json_array();

	for (uint32_t i = 0; i < found->count; i++)
		(void)json_array_append_new(
			wrong,
			json_pack("{s:o, s:o}", "of",
				  json_text(found->wrong[i].of.at), "what",
				  json_text(found->wrong[i].what.at)));
	return json_pack("{s:i, s:s, s:o, s:s, s:I, s:o}", "schema",
			 OPTIONS_SCHEMA, "command", "inspect", "pipeline",
			 json_text(view->now->name), "phase",
			 view_phase_text(view->now->phase), "checks",
			 (json_int_t)found->checks, "wrong", wrong);
}

static void inspect_write(const struct view *view,
			  const struct inspection *found)
{
	for (uint32_t i = 0; i < found->count; i++)
		(void)printf("%s: %s\n", found->wrong[i].of.at,
			     found->wrong[i].what.at);
	(void)printf("pipeline %s, %s: %u stages, %u subscriptions, %" PRIu64
		     " checks, %u wrong\n",
		     view->now->name, view_phase_text(view->now->phase),
		     view->now->stage_count, view->now->subscription_count,
		     found->checks, found->count);
}

/* A pipeline that ends meanwhile has been looked at, too. */
static int inspect_rounds(struct view *view, struct inspection *found,
			  uint32_t rounds)
{
	int rc = view_read(view, VIEW_MS);

	if (rc < 0)
		return rc;
	invariants_check(found, NULL, view->now);
	for (uint32_t i = 0; i < rounds; i++) {
		view_mark(view);
		rc = view_read(view, VIEW_MS);
		if (rc < 0)
			break;
		invariants_check(found, view->before, view->now);
	}
	if (view->now == NULL)
		view_unmark(view);
	return rc < 0 && rc != -EPIPE ? rc : found->rc;
}

int cmd_inspect(const struct command *command, void *of)
{
	const struct options *options = of;
	struct inspection found = {.count = 0};
	struct view view;
	int rc = view_open(&view, options);

	if (rc == 0)
		rc = inspect_rounds(&view, &found, options->rounds);
	if (rc == 0 && options->json != NULL)
		rc = json_write(inspect_json(&view, &found), options->json);
	if (rc == 0 && !options->line.to_stdout)
		inspect_write(&view, &found);
	if (rc == 0 && found.count > 0)
		rc = cli_fail(-EBADMSG, "%u counts do not agree", found.count);
	free(found.wrong);
	return view_close(&view, command, rc);
}
