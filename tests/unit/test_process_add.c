/* SPDX-License-Identifier: Apache-2.0 */
/* How a process stage is added to its pipeline: what is refused, and who may listen for
 * peers as well. */
#include "program.h"

static const struct program_part parts[] = {
	{"hangs", program_hangs},
};

/* ---- what is refused ----------------------------------------------------------- */

#define ARGV                                                                   \
	.argv = (const char *const[])                                          \
	{                                                                      \
		"/bin/true", NULL                                              \
	}
#define LONG                                                                   \
	"a-name-that-is-longer-than-the-sixty-three-bytes-that-names-may-have"

static const struct refused_row {
	struct sluice_process_opts opts;
	int code;
	const char *says;
} refused_rows[] = {
	{{.name = NULL}, -EINVAL, "process: name is NULL"},
	{{.name = "a b"}, -EINVAL, "name 'a b' is not 1 to 63 of"},
	{{.name = ""}, -EINVAL, "name '' is not"},
	{{.name = LONG}, -EINVAL, "is not 1 to 63 of"},
	{{.name = "x", .flags = 3}, -EINVAL, "stage 'x': unknown flags 0x3"},
	{{.name = "x", .resv = {1}}, -EINVAL, "process options: resv[0]"},
	{{.name = "x", ARGV, .from = "source", .on_stall = 4, .stall_ms = 1},
	 -EINVAL,
	 "stage 'x': on_stall 4 is over the limit of 3, SLUICE_STALL_NEVER"},
	{{.name = "x", ARGV, .from = "source", .on_stall = SLUICE_STALL_EVICT},
	 -EINVAL,
	 "stage 'x': on_stall 2 with stall_ms 0"},
	{{.name = "x", ARGV, .from = "source", .stall_ms = 5},
	 -EINVAL,
	 "stage 'x': on_stall 0 with stall_ms 5"},
	{{.name = "x",
	  ARGV,
	  .from = "source",
	  .on_stall = SLUICE_STALL_NEVER,
	  .stall_ms = 5},
	 -EINVAL,
	 "stage 'x': on_stall 3 with stall_ms 5"},
	{{.name = "x",
	  ARGV,
	  .from = "source",
	  .on_stall = SLUICE_STALL_DETACH,
	  .stall_ms = 3600001},
	 -EINVAL,
	 "stage 'x': stall_ms 3600001 is over the limit of 3600000"},
	{{.name = "x", ARGV, .to = "sink", .on_stall = 1, .stall_ms = 1},
	 -EINVAL,
	 "stage 'x': on_stall 1, and from is NULL"},
	{{.name = "x", ARGV, .from = "source", .max_deliveries = 2},
	 -EINVAL,
	 "stage 'x': max_deliveries 2 is not in [3, 1000000], nor SLUICE_"},
	{{.name = "x", ARGV, .from = "source", .max_deliveries = 1000001},
	 -EINVAL,
	 "max_deliveries 1000001 is not in"},
	{{.name = "x"}, -EINVAL, "stage 'x': argv names no program"},
	{{.name = "x", ARGV}, -EINVAL, "from and to are NULL"},
	{{.name = "x", ARGV, .from = "source", .to_bytes = 8},
	 -EINVAL,
	 "to_bytes 8 is set, and from and to are not both"},
	{{.name = "x", ARGV, .from = "source", .to = "none"},
	 -ENOENT,
	 "no stage 'none'"},
	{{.name = "x", ARGV, .from = LONG}, -EINVAL, "from 'a-name-that"},
	{{.name = "x", ARGV, .from = "none"}, -ENOENT, "no stage 'none'"},
	{{.name = "x", ARGV, .from = "sink"},
	 -EINVAL,
	 "stage 'x': stage 'sink' produces nothing to read"},
	{{.name = "x", ARGV, .to = "source"}, -EINVAL, "consumes nothing"},
	{{.name = "x", ARGV, .to = LONG}, -EINVAL, "to 'a-name-that"},
	{{.name = "x", ARGV, .from = "source", .event_bytes = 16},
	 -EINVAL,
	 "from_bytes 16 does not match"},
	{{.name = "x", ARGV, .from = "source", .max_demand = 1u << 21},
	 -EINVAL,
	 "max_demand 2097152 is over the limit"},
	{{.name = "x", ARGV, .from = "source", .restart = 4},
	 -EINVAL,
	 "restart 4 is none of"},
	{{.name = "x", ARGV, .from = "source", .attach_ms = 3600001},
	 -EINVAL,
	 "attach_ms 3600001 is over the limit of 3600000"},
	{{.name = "x", ARGV, .from = "source", .end_ms = 3600001},
	 -EINVAL,
	 "end_ms 3600001 is over"},
	{{.name = "sink", ARGV, .from = "source"},
	 -EEXIST,
	 "is in use already"},
	{{.name = "twice", ARGV, .from = "source"}, -EEXIST, "in use already"},
};

static void what_is_wrong_is_refused(void **state)
{
	struct sluice_process_opts opts;

	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	sluice_process_opts_init(NULL);
	sluice_process_opts_init(&opts);
	opts.name = "twice";
	opts.from = "source";
	program_add(&opts, "hangs");
	for (size_t i = 0; i < UNIT_COUNT(refused_rows); i++) {
		opts = refused_rows[i].opts;
		opts.size = sizeof(opts);
		assert_int_equal(sluice_process_add(pipeline, &opts),
				 refused_rows[i].code);
		assert_text_has(sluice_last_error(), refused_rows[i].says);
	}
	assert_int_equal(sluice_process_add(pipeline, NULL), -EINVAL);
	assert_int_equal(sluice_process_add(NULL, &opts), -EINVAL);
	program_close();
}

static void words_have_a_limit(void **state)
{
	const char **argv = calloc(SLUICE_PROCESS_ARGS_MAX + 2, sizeof(*argv));

	(void)state;
	assert_non_null(argv);
	for (uint32_t i = 0; i <= SLUICE_PROCESS_ARGS_MAX; i++)
		argv[i] = "/bin/true";
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	assert_int_equal(
		sluice_process_add(pipeline,
				   SLUICE_PROCESS(.name = "x", .argv = argv,
						  .from = "source")),
		-EINVAL);
	assert_text_has(sluice_last_error(), "argv is over the limit of 4096");
	argv[1] = NULL;
	assert_int_equal(
		sluice_process_add(pipeline,
				   SLUICE_PROCESS(.name = "x", .argv = argv,
						  .env = argv + 2,
						  .from = "source")),
		0);
	program_close();
	free(argv);
}

static void stages_have_a_limit(void **state)
{
	char name[16];

	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	for (uint32_t i = 0; i <= SLUICE_PROCESSES_MAX; i++) {
		int rc;

		(void)snprintf(name, sizeof(name), "x%u", i);
		rc = program_try(SLUICE_PROCESS(.name = name, .from = "source"),
				 "hangs");
		assert_int_equal(rc, i < SLUICE_PROCESSES_MAX ? 0 : -ENOSPC);
	}
	assert_text_has(sluice_last_error(), "limit of 256 process stages");
	program_close();
}

/* Its bells would have to be where others see them. */
static void one_without_a_name_takes_none_while_it_runs(void **state)
{
	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = NULL));
	flow_start(pipeline);
	assert_int_equal(
		program_try(SLUICE_PROCESS(.name = "x", .from = "source"),
			    "hangs"),
		-EINVAL);
	assert_text_has(sluice_last_error(), "a pipeline without a name");
	program_drain();
}

static void one_that_has_ended_takes_none(void **state)
{
	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	source.end = 10;
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(
		program_try(SLUICE_PROCESS(.name = "x", .from = "source"),
			    "hangs"),
		-EPIPE);
	program_close();
}

/* ---- who listens as well ------------------------------------------------------- */

static char folder[64];

static int listens(void)
{
	return sluice_pipeline_listen(pipeline,
				      SLUICE_LISTEN(.folder = folder));
}

/* Before or after: peers find it, once. */
static void it_may_listen_too(int first)
{
	struct sluice_stage *port = NULL;

	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	program_open(SLUICE_PIPELINE(.name = "test"));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .flags = SLUICE_STAGE_PEERS_CONSUME,
			      .state = &source));
	source = (struct flow_source){.end = PROGRAM_EVENTS};
	if (first)
		assert_int_equal(listens(), 0);
	program_add(
		SLUICE_PROCESS(.name = "reader", .from = "source", .end_ms = 1),
		"hangs");
	flow_start(pipeline);
	child_await(&programs->starts, 1);
	if (!first)
		assert_int_equal(listens(), 0);
	assert_int_equal(listens(), -EADDRINUSE);
	assert_int_equal(
		sluice_attach(&port,
			      SLUICE_ATTACH(.pipeline = "test",
					    .folder = folder, .from = "source",
					    .timeout_ms = TEST_DEADLINE_MS)),
		0);
	assert_int_equal(sluice_detach(port, 0), 0);
	sluice_pipeline_stop(pipeline);
	program_close();
	assert_int_equal(rmdir(folder), 0);
}

static void it_listens_before(void **state)
{
	(void)state;
	it_may_listen_too(1);
}

static void it_listens_later(void **state)
{
	(void)state;
	it_may_listen_too(0);
}

/* In two folders it would be found twice; and nobody has taken over what came last. */
static void it_listens_once(void **state)
{
	char other[64] = "/tmp/sluice-test-XXXXXX";

	(void)state;
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_non_null(mkdtemp(other));
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source"),
		    "hangs");
	assert_int_equal(listens(), 0);
	assert_int_equal(sluice_pipeline_listen(pipeline,
						SLUICE_LISTEN(.folder = other)),
			 -EALREADY);
	program_close();
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(other), 0);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(words_have_a_limit),
		cmocka_unit_test(stages_have_a_limit),
		cmocka_unit_test(one_without_a_name_takes_none_while_it_runs),
		cmocka_unit_test(one_that_has_ended_takes_none),
		cmocka_unit_test(it_listens_before),
		cmocka_unit_test(it_listens_later),
		cmocka_unit_test(it_listens_once),
	};

	if (argc > 2)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("process_add", tests, NULL, NULL);
}
