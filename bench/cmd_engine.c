/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice-bench engine: whole pipelines, beside the Disruptor of LMAX where it has the
 * same, in every round. Tables go to stdout, or a document; the rest to stderr.
 */
#include "bench/command.h"
#include "bench/rivals/contests.h"
#include "bench/rivals/disruptor.h"

#include <errno.h>

#define RIVALS_ABSENT "missing"

/* The machine, as reports have it, and the CPUs that are used. */
static json_t *engine_machine(void)
{
	json_t *document = report_document("engine");
	json_t *machine = json_incref(json_object_get(document, "machine"));
	int cpus[2];

	(void)bench_cpus(cpus);
	json_decref(document);
	(void)json_object_set_new(machine, "used",
				  json_pack("[i, i]", cpus[0], cpus[1]));
	return machine;
}

static void engine_head(const json_t *machine, FILE *out)
{
	int cpus[2];

	(void)bench_cpus(cpus);
	(void)fprintf(out, "machine: %s, CPUs %d and %d of %.0f, %s\n",
		      json_string_value(json_object_get(machine, "cpu")),
		      cpus[0], cpus[1],
		      json_number_value(json_object_get(machine, "cpus")),
		      json_string_value(json_object_get(machine, "kernel")));
	(void)fputs("ours: two workers, one on each of these CPUs, that poll "
		    "the stages in turn; the engine places\n"
		    "  stages, and a line says where, when there are more than "
		    "CPUs\n"
		    "lmax: a thread for each producer and handler, on the same "
		    "CPUs\n",
		    out);
}

static int engine_run(struct contests *contests)
{
	json_t *machine = engine_machine();
	int code;

	if (contests->table)
		engine_head(machine, contests->table);
	if (contests->json)
		ring_json_member(contests->json, "machine",
				 json_incref(machine));
	json_decref(machine);
	code = contests_run(contests);
	if (disruptor_version()[0] == '\0')
		return code;
	if (contests->table)
		(void)fprintf(contests->table, "lmax: %s\n",
			      disruptor_version());
	if (contests->json)
		ring_json_member(contests->json, "lmax",
				 json_string(disruptor_version()));
	return code;
}

/* All documents; files are opened before anything is measured. */
static int engine_documents(struct contests *contests,
			    const struct bench_options *options)
{
	FILE *json = options->json ? output_open(options->json) : NULL;
	int code = -EIO;
	int rc;

	contests->csv = options->csv ? output_open(options->csv) : NULL;
	if ((options->json == NULL) == (json == NULL) &&
	    (options->csv == NULL) == (contests->csv == NULL)) {
		if (json)
			contests->json = ring_json_open(contests->absent,
							contests->missing);
		code = engine_run(contests);
	}
	if (contests->json) {
		rc = ring_json_close(contests->json, code ? stderr : json);
		rc = output_close(json, options->json, rc);
		code = code == COMMAND_DONE ? rc : code;
	}
	if (contests->csv) {
		rc = output_close(contests->csv, options->csv, 0);
		code = code == COMMAND_DONE ? rc : code;
	}
	return code;
}

int cmd_engine(const struct command *command, void *of)
{
	const struct bench_options *options = of;
	const char *missing[] = {NULL, NULL};
	struct contests contests = {
		.command = command->name,
		.kind = {&kind_engine, &kind_engine_trip},
		.kinds = 2,
		.cell = options->ring_cell,
		.rounds = options->ring_rounds,
		.run_ns = (int64_t)options->ring_run_ms * 1000000,
		.wakes = 1,
		.absent = RIVALS_ABSENT,
		.missing = missing,
		.table = options->line.to_stdout ? NULL : stdout,
	};
	int cpus[2];

	if (bench_cpus(cpus) < 2) {
		command_complain(command,
				 "takes two CPUs, and this process has one: "
				 "two threads that spin would wait for each "
				 "other's time slices");
		return COMMAND_USAGE;
	}
	disruptor_use(options->engine_jar);
	missing[0] = disruptor_missing();
	return engine_documents(&contests, options);
}
