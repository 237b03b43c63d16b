/* SPDX-License-Identifier: Apache-2.0 */
/* sluice ls: the pipelines that listen here. */
#include "tools/sluice/folder.h"
#include "tools/sluice/options.h"
#include "tools/cli/json.h"
#include "tools/cli/table.h"

#include <stdlib.h>
#include <string.h>

struct ls {
	char folder[FOLDER_BYTES];
	struct listener *listener;
	int count;
};

enum ls_column { LS_NAME, LS_STATE, LS_PID, LS_SOCKET, LS_COLUMNS };

static const char *const ls_states[] = {"answers", "gone", "denied", "other",
					"silent"};

static struct text ls_cell(const struct table *table, uint32_t row,
			   uint32_t column)
{
	static const char *const heads[] = {"pipeline", "state", "pid",
					    "socket"};
	const struct ls *ls = table->of;
	const struct listener *one = &ls->listener[row > 0 ? row - 1 : 0];

	if (row == 0)
		return text_format("%s", heads[column]);
	if (column == LS_NAME)
		return text_format("%s", one->name);
	if (column == LS_PID)
		return one->pid > 0 ? text_format("%d", one->pid)
				    : text_format("-");
	if (column == LS_SOCKET)
		return text_format("%s/%s.sock", ls->folder, one->name);
	return one->state == LISTENER_OTHER
		       ? text_format("%s", strerror(one->why))
		       : text_format("%s", ls_states[one->state]);
}

static void ls_table(const struct ls *ls)
{
	const struct table table = {
		.rows = (uint32_t)ls->count,
		.columns = LS_COLUMNS,
		.left = 1u << LS_NAME | 1u << LS_STATE | 1u << LS_SOCKET,
		.of = ls,
		.cell = ls_cell,
	};

	if (ls->count > 0)
		table_write(&table, stdout);
	else
		(void)fprintf(stderr, "sluice ls: no pipelines in %s\n",
			      ls->folder);
}

static json_t *ls_json(const struct ls *ls)
{
	json_t *pipelines = json_array();

	for (int i = 0; i < ls->count; i++) {
		const struct listener *one = &ls->listener[i];

		(void)json_array_append_new(
			pipelines,
			json_pack("{s:o, s:s, s:o, s:o, s:o}", "name",
				  json_text(one->name), "state",
				  ls_states[one->state], "why",
				  one->why != 0 ? json_text(strerror(one->why))
						: json_null(),
				  "pid",
				  one->pid > 0 ? json_integer(one->pid)
					       : json_null(),
				  "socket",
				  json_text(text_format("%s/%s.sock",
							ls->folder, one->name)
						    .at)));
	}
	return json_pack("{s:i, s:s, s:o, s:o}", "schema", OPTIONS_SCHEMA,
			 "command", "ls", "folder", json_text(ls->folder),
			 "pipelines", pipelines);
}

int cmd_ls(const struct command *command, void *of)
{
	const struct options *options = of;
	struct ls ls = {.count = 0};
	int rc = folder_find(ls.folder, options->folder);

	(void)command;
	if (rc == 0)
		rc = ls.count = folder_listeners(ls.folder, &ls.listener);
	if (rc >= 0 && options->json != NULL)
		rc = json_write(ls_json(&ls), options->json);
	if (rc >= 0 && !options->line.to_stdout)
		ls_table(&ls);
	free(ls.listener);
	return rc < 0 ? rc : COMMAND_DONE;
}
