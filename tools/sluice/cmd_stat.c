/* SPDX-License-Identifier: Apache-2.0 */
/* sluice stat: a pipeline as it is now. */
#include "tools/cli/json.h"
#include "tools/sluice/view.h"

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
		rc = json_write(view_json(&view, command), options->json);
	if (rc == 0 && !options->line.to_stdout)
		view_write(&view, stdout);
	return view_close(&view, command, rc);
}
