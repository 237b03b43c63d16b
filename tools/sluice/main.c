/* SPDX-License-Identifier: Apache-2.0 */
/* sluice: the subcommands and their options, and nothing else. */
#include "tools/sluice/folder.h"
#include "tools/sluice/options.h"
#include "sluice.h"

#include <string.h>

#define LS      1u
#define RUN     2u
#define RECV    4u
#define SEND    8u
#define STAT    16u
#define TOP     32u
#define EXPORT  64u
#define TAP     128u
#define INSPECT 256u
#define TASKS   512u
#define READ    (RECV | TAP)
#define PEER    (READ | SEND)
#define WATCH   (STAT | TOP | EXPORT | INSPECT)

/* clang-format off */
static const struct command commands[] = {
	{"ls", LS, cmd_ls, "[OPTION...]", 0, 0, "the pipelines that listen here",
	 "The pipelines that listen here: sockets in the folder where pipelines "
	 "of this user have theirs. Each is asked: it answers; it is silent for a "
	 "second, as one that is stopped; its engine is gone; or it is denied to "
	 "this user.",
	 {NULL}},
	{"recv", RECV, cmd_recv, "NAME --from=STAGE [OPTION...]", 1, 0,
	 "events of a stage of a pipeline, to stdout",
	 "Writes the events of STAGE, of the pipeline NAME in another process, to "
	 "stdout, until their stream ends. An event is acknowledged when it is "
	 "written; what is not goes to other consumers, as does all that comes "
	 "after SIGINT or SIGTERM.",
	 {"timeout=5s", "max-demand=1000", "partition=none"}},
	{"run", RUN, cmd_run, "FILE [OPTION...]", 1, 0,
	 "a pipeline that a file describes",
	 "Runs the pipeline that FILE, in YAML, describes, until it ends; - is "
	 "stdin. SIGINT and SIGTERM drain it; a second one stops it. What may "
	 "stand in FILE sluice(1) says.",
	 {NULL}},
	{"send", SEND, cmd_send, "NAME --to=STAGE [OPTION...]", 1, 0,
	 "stdin, to a stage of a pipeline",
	 "Sends what it reads from stdin, an event a line, to STAGE of the pipeline "
	 "NAME in another process. SIGINT and SIGTERM are the end of stdin; a "
	 "second one drops what has found no credit.",
	 {"timeout=5s", "ring-events=1000"}},
	{"tap", TAP, cmd_recv, "NAME STAGE [OPTION...]", 2, 0,
	 "events of a stage as they pass, to stdout",
	 "Writes copies of the events of STAGE, of the pipeline NAME in another "
	 "process, to stdout, until their stream ends or SIGINT or SIGTERM comes. "
	 "No stage waits for it: an event that it has no room for it does not get.",
	 {"timeout=5s", "max-demand=1000", "tee=1"}},
	{"stat", STAT, cmd_stat, "NAME [OPTION...]", 1, 0,
	 "a pipeline as it is now",
	 "The stages and subscriptions of the pipeline NAME: what they have "
	 "counted, what they do and since when, who holds up whom. Shares of "
	 "time, and rates, are those of the last tenth of a second.",
	 {NULL}},
	{"top", TOP, cmd_top, "NAME [OPTION...]", 1, 0,
	 "the same, over and over",
	 "The stages and subscriptions of the pipeline NAME while it runs. On "
	 "a terminal the picture is drawn anew, and q ends it; elsewhere tables "
	 "follow each other. Ends with the pipeline.",
	 {"every=1s"}},
	{"inspect", INSPECT, cmd_inspect, "NAME [OPTION...]", 1, 0,
	 "whether its counts agree with each other",
	 "Checks all that must be true of the stages and subscriptions of the "
	 "pipeline NAME, at one time and from one time to the next: counts that only "
	 "grow, times that add up, names that are there, no more handed on than "
	 "emitted. Writes what is not, and fails then.",
	 {"rounds=1"}},
	{"tasks", TASKS, NULL, "VERB [OPTION...]", 1, 0,
	 "tasks in SQLite or PostgreSQL: enqueue, ls, show...",
	 "", {NULL}},
	{"export", EXPORT, cmd_export, "NAME [OPTION...]", 1, 0,
	 "the same as OpenMetrics text",
	 "What the stages and subscriptions of the pipeline NAME have counted, "
	 "as OpenMetrics text.",
	 {NULL}},
};

static const struct spec_form format_forms[] = {
	{.name = "text"}, {.name = "hex"}, {.name = "raw"}};
static const struct spec formats = SPEC_TABLE(":", format_forms);

static int fields_of(const struct option_row *row, void *of, const char *text)
{
	struct options *options = of;

	(void)row;
	return fields_read(&options->fields, text);
}

/* There is no default. */
static void fields_show(const struct option_row *row, const void *of, FILE *out)
{
	(void)row;
	(void)of;
	(void)out;
}

static const struct option_row rows[] = {
	OPTION_HEADING(LS | RUN | PEER | WATCH, "Options:"),
	{RECV, "from", "STAGE", "the stage whose events are written",
	 OPTION_PLACE(NUMBER, options, from), .form = NUMBER_FORM(TEXT, 0, 0)},
	{SEND, "to", "STAGE", "the stage that is fed",
	 OPTION_PLACE(NUMBER, options, to), .form = NUMBER_FORM(TEXT, 0, 0)},
	{PEER, "format", "FORMAT",
	 "lines without the zeros at the end, lines of hex digits, or the bytes of "
	 "one event behind the other",
	 OPTION_PLACE(SPEC, options, format), .spec = &formats},
	{READ, "fields", "LIST",
	 "a line of what an event is made of, with tabs between: "
	 "u64,skip:4,f64,text:16",
	 .kind = OPTION_OWN, .read = fields_of, .show = fields_show},
	{READ, "count", "N", "so many events, and no more",
	 OPTION_PLACE(NUMBER, options, count),
	 .form = NUMBER_FORM(U32, 1, UINT32_MAX, .word = "all", .worth = 0)},
	{PEER, "name", "NAME", "its own, in the pipeline; else peer-PID-N",
	 OPTION_PLACE(NUMBER, options, name), .form = NUMBER_FORM(TEXT, 0, 0)},
	{RECV, "partition", "N",
	 "of a stage that deals by partitions (hash): the one to read, from 0",
	 OPTION_PLACE(NUMBER, options, partition),
	 .form = NUMBER_FORM(U32, 0, SLUICE_CONSUMERS_MAX - 1, .word = "none",
			     .worth = OPTIONS_PARTITION_NONE)},
	{READ, "max-demand", "N", "most events that it has in hand",
	 OPTION_PLACE(NUMBER, options, max_demand),
	 .form = NUMBER_FORM(U32, 1, SLUICE_DEMAND_MAX)},
	{SEND, "ring-events", "N", "most events that are on their way",
	 OPTION_PLACE(NUMBER, options, ring_events),
	 .form = NUMBER_FORM(U32, 1, SLUICE_DEMAND_MAX)},
	{SEND, "resume", NULL,
	 "leave out as many events as were taken of its name before",
	 OPTION_PLACE(FLAG, options, resume)},
	{READ, "tee", "N", "one event in N, as it passes: no stage waits for it",
	 OPTION_PLACE(NUMBER, options, tee),
	 .form = NUMBER_FORM(U32, 1, UINT32_MAX, .word = "none", .worth = 0)},
	{PEER, "wait", NULL, "while no pipeline of that name listens, for one",
	 OPTION_PLACE(FLAG, options, wait)},
	{PEER, "timeout", "TIME", "how long to wait for a pipeline that starts",
	 OPTION_PLACE(NUMBER, options, timeout_ns),
	 .form = NUMBER_FORM(TIME, 1e6, 4e15, .word = "forever", .worth = 0)},
	{LS | PEER | WATCH, "folder", "DIR", "look there, not where the environment says",
	 OPTION_PLACE(NUMBER, options, folder), .form = NUMBER_FORM(TEXT, 0, 0)},
	{RUN, "check", NULL, "read FILE and what it names, and run nothing",
	 OPTION_PLACE(FLAG, options, check)},
	{RUN, "drain", "TIME",
	 "how long a drain may take before events are dropped: 500ms, 10s",
	 OPTION_PLACE(NUMBER, options, drain_ns),
	 .form = NUMBER_FORM(TIME, 1e6, 4e15, .word = "forever", .worth = 0)},
	{TOP, "every", "TIME", "from one picture to the next: 200ms, 1s",
	 OPTION_PLACE(NUMBER, options, every_ns),
	 .form = NUMBER_FORM(TIME, 1e8, 3.6e12)},
	{TOP | INSPECT, "rounds", "N", "end behind so many",
	 OPTION_PLACE(NUMBER, options, rounds),
	 .form = NUMBER_FORM(U32, 1, 1e9)},
	{LS | RUN | SEND | STAT | INSPECT, "json", "[=FILE]",
	 "one JSON document, to a file or instead of the table",
	 OPTION_PLACE(DOCUMENT, options, json)},
	{TOP, "json", "[=FILE]",
	 "a JSON object a line, to a file or instead of the pictures",
	 OPTION_PLACE(DOCUMENT, options, json)},
	{READ, "json", NULL,
	 "a JSON object a line: seq, redelivered, and --fields, or the event as "
	 "--format says, which is hex then",
	 OPTION_PLACE(FLAG, options, json_lines)},
	{RUN, "quiet", NULL, "no table, and nothing of what the pipeline logs",
	 OPTION_PLACE(FLAG, options, quiet)},
	{LS | RUN | PEER | WATCH, "help", NULL, "this text",
	 OPTION_PLACE(FLAG, options, line.help)},
};
/* clang-format on */

_Static_assert(sizeof(rows) / sizeof(rows[0]) <= OPTION_ROWS_MAX,
	       "more room for options");

/* Is it the name of a pipeline or a stage? NULL: none is given. */
static int main_name(const char *what, const char *name)
{
	size_t length = name != NULL ? strlen(name) : 1;

	if (name == NULL || (length > 0 && length < SLUICE_NAME_BYTES &&
			     strspn(name, FOLDER_NAME_CHARS) == length))
		return 0;
	return REFUSE("%s '%.80s': a name is 1 to %u of A-Z a-z 0-9 _ . -",
		      what, name, SLUICE_NAME_BYTES - 1);
}

static int main_names(const struct options *options)
{
	const char *pipeline = options->line.word[0];
	int rc = main_name("NAME", pipeline);

	if (rc == 0 &&
	    (strcmp(pipeline, ".") == 0 || strcmp(pipeline, "..") == 0))
		rc = REFUSE("NAME '%s': no pipeline is called so", pipeline);
	if (rc == 0)
		rc = main_name("STAGE", options->line.word[1]);
	if (rc == 0)
		rc = main_name("--from", options->from);
	if (rc == 0)
		rc = main_name("--to", options->to);
	return rc == 0 ? main_name("--name", options->name) : rc;
}

/* What has no default, and what needs another option. */
static int main_finish(void *of)
{
	struct options *options = of;
	uint32_t bit = options->line.command->bit;

	if (bit == TAP)
		options->from = options->line.word[1];
	if (options->fields.count > 0 &&
	    option_given(&options->line, "format") != NULL)
		return REFUSE("--fields: goes without --format");
	if (options->json_lines &&
	    option_given(&options->line, "format") == NULL)
		options->format = FRAME_HEX;
	if (options->json_lines && options->format == FRAME_RAW)
		return REFUSE("--json: goes without --format=raw");
	if (bit == TAP && options->tee == 0)
		return REFUSE(
			"--tee=none: a tap takes copies; what takes events "
			"is recv");
	if (bit == RECV && options->tee > 0 &&
	    options->partition != OPTIONS_PARTITION_NONE)
		return REFUSE("--partition: goes without --tee");
	if (bit == RECV && options->from == NULL)
		return REFUSE("--from: is missing");
	if (bit == SEND && options->to == NULL)
		return REFUSE("--to: is missing");
	if (options->resume && options->name == NULL)
		return REFUSE("--resume: needs a --name, of which events were "
			      "taken before");
	return bit & (PEER | WATCH) ? main_names(options) : 0;
}

#define EXITS                                                                  \
	"Exit status: 0 done, 1 failed, 2 usage, or a FILE that is wrong; "    \
	"with "                                                                \
	"a NAME\nalso 3, refused by the pipeline, and 4, it is not there, or " \
	"has died."

int main(int argc, char **argv)
{
	const struct tool sluice = {
		.name = "sluice",
		.version = sluice_version(),
		.about = "Runs pipelines, and sees those that run.",
		.exits = EXITS,
		.command_exits = EXITS,
		.command = commands,
		.commands = sizeof(commands) / sizeof(commands[0]),
		.row = rows,
		.rows = sizeof(rows) / sizeof(rows[0]),
		.options_bytes = sizeof(struct options),
		.finish = main_finish,
	};

	/* It has subcommands of its own. */
	if (argc > 1 && strcmp(argv[1], "tasks") == 0)
		return cmd_tasks(argc - 1, argv + 1);
	return tool_main(&sluice, argc, argv);
}
