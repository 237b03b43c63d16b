/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of sluice and what they are told. Of main.c, which has the table
 * of options, and one cmd_*.c for each subcommand. Knows options; not how a
 * command line is read. */
#ifndef SLUICE_TOOLS_SLUICE_OPTIONS_H
#define SLUICE_TOOLS_SLUICE_OPTIONS_H

#include "tools/cli/command.h"
#include "tools/sluice/fields.h"
#include "tools/sluice/frame.h"
#include "sluice.h"

#include <math.h>

/* Of documents. Grows when a member goes away or means something else. */
#define OPTIONS_SCHEMA 1

/* SLUICE_PARTITION() of it is 0. */
#define OPTIONS_PARTITION_NONE UINT32_MAX

struct options {
	struct command_line line;
	const char *json;   /* a file; "-": stdout; NULL: none */
	const char *folder; /* NULL: as the environment says */
	double drain_ns;    /* 0: no deadline */
	double every_ns;    /* between two pictures */
	uint32_t rounds;    /* so many of them; 0: no end */
	uint32_t check;
	uint32_t quiet;
	/* Of one that attaches. */
	const char *from; /* a stage; NULL: not given, as the next two */
	const char *to;
	const char *name;
	double timeout_ns;
	enum frame_format format;
	struct fields fields; /* none: as the format says */
	uint32_t json_lines;  /* an event is a JSON object a line */
	uint32_t count;       /* events; 0: all */
	uint32_t max_demand;  /* 0: the library's */
	uint32_t ring_events; /* likewise */
	uint32_t tee;         /* 0: none */
	uint32_t partition;   /* of recv */
	uint32_t resume;
	uint32_t wait;
};

/* What the library is told of a time: whole ms, and no end for 0. */
static inline uint32_t options_ms(double ns)
{
	return ns > 0 ? (uint32_t)ceil(ns * 1e-6) : SLUICE_FOREVER;
}

int cmd_inspect(const struct command *command, void *of);
int cmd_ls(const struct command *command, void *of);
int cmd_recv(const struct command *command, void *of);
int cmd_run(const struct command *command, void *of);
int cmd_send(const struct command *command, void *of);
int cmd_tasks(int argc, char **argv);
int cmd_stat(const struct command *command, void *of);
int cmd_top(const struct command *command, void *of);
int cmd_export(const struct command *command, void *of);

#endif
