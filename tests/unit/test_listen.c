/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline that listens: options, its life with the pipeline's, and more who come
 * than it takes. */
#include "tests/unit/reception.h"

#include <sys/resource.h>

static struct wire_word word;

/* ---- options --------------------------------------------------------------------- */

struct opts_row {
	const char *test;
	struct sluice_listen_opts opts;
	const char *says;
};

static const struct sluice_peer_allow bad_roles = {.roles = 1};
static const struct sluice_peer_allow bad_flags = {.flags = 3};

static struct opts_row opts_rows[] = {
	{"opts_flags", {.flags = 2}, "unknown flags 0x2"},
	{"opts_mode", {.mode = 01000}, "mode 512 is over the limit of 511"},
	{"opts_peers", {.peers_max = 1025}, "peers_max 1025"},
	{"opts_per_uid",
	 {.peers_max = 4, .peers_per_uid = 5},
	 "peers_per_uid 5 is over the limit of 4"},
	{"opts_hello", {.hello_ms = 3600001}, "hello_ms 3600001"},
	{"opts_hold", {.hold_ms = SLUICE_HOLD_MS(3600001)}, "hold_ms 3600001"},
	{"opts_per_peer",
	 {.bytes_max = 100, .bytes_per_peer = 101},
	 "bytes_per_peer 101 is over bytes_max, 100"},
	{"opts_per_peer_alone",
	 {.bytes_per_peer = SLUICE_PEERS_BYTES_DEFAULT + 1},
	 "bytes_per_peer 4294967297 is over bytes_max, 4294967296"},
	{"opts_resv", {.resv = {[3] = 1}}, "resv[3]"},
	{"opts_deliveries_few",
	 {.max_deliveries = 2},
	 "listen: max_deliveries 2 is not in [3, 1000000], nor SLUICE_PEER_"},
	{"opts_deliveries_many",
	 {.max_deliveries = 1000001},
	 "max_deliveries 1000001 is not in"},
	{"opts_on_stall", {.on_stall = 3, .stall_ms = 1}, "on_stall 3"},
	{"opts_stall_never",
	 {.on_stall = SLUICE_STALL_EVICT},
	 "on_stall 2 with stall_ms 0"},
	{"opts_stall_for_nothing",
	 {.stall_ms = 5},
	 "on_stall 0 with stall_ms 5"},
	{"opts_stall_long",
	 {.on_stall = SLUICE_STALL_DETACH, .stall_ms = 3600001},
	 "stall_ms 3600001 is over the limit"},
	{"opts_allow_count", {.allow = &bad_roles}, "allow_count 0"},
	{"opts_allow_null", {.allow_count = 1}, "allow is NULL"},
	{"opts_allow_many",
	 {.allow = &bad_roles, .allow_count = 257},
	 "the limit is 256"},
	{"opts_allow_roles",
	 {.allow = &bad_roles, .allow_count = 1},
	 "allow[0] has roles 0x1"},
	{"opts_allow_flags",
	 {.allow = &bad_flags, .allow_count = 1},
	 "allow[0] has flags 0x2"},
};

static void options(void **state)
{
	const struct opts_row *row = *state;
	struct sluice_listen_opts opts = row->opts;
	int before = fds_count();

	reception_declare("p");
	assert_int_equal(reception_listen(row->opts), -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	/* And so when that is all that is asked. */
	opts.size = sizeof(opts);
	assert_int_equal(sluice_listen_check(pipeline, &opts), -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	reception_close();
	assert_int_equal(fds_count(), before);
}

static void a_name_is_required(void **state)
{
	(void)state;
	reception_declare(NULL);
	assert_int_equal(reception_listen(plain), -EINVAL);
	assert_text_has(sluice_last_error(), "has no name");
	reception_close();
	reception_declare("a b");
	assert_int_equal(reception_listen(plain), -EINVAL);
	assert_text_has(sluice_last_error(), "pipeline 'a b'");
	assert_int_equal(sluice_listen_check(pipeline, NULL), -EINVAL);
	assert_text_has(sluice_last_error(), "pipeline 'a b'");
	reception_close();
}

/* Nothing has been made, and what is in use now may be free later. */
static void a_check_leaves_no_trace(void **state)
{
	char deep[256];
	struct sluice_listen_opts opts = {.size = sizeof(opts), .folder = deep};
	int fds = fds_count();

	(void)state;
	reception_declare("p");
	(void)snprintf(deep, sizeof(deep), "%s/not/there", folder);
	assert_int_equal(sluice_listen_check(pipeline, &opts), 0);
	assert_int_equal(fds_entries(folder), 0);
	(void)snprintf(deep, sizeof(deep), "%s/%0100d", folder, 0);
	assert_int_equal(sluice_listen_check(pipeline, &opts), -ENAMETOOLONG);
	assert_text_has(sluice_last_error(), "over the limit of 107");
	reception_close();
	assert_int_equal(fds_count(), fds);
}

static void stages_say_what_makes_sense(void **state)
{
	(void)state;
	reception_declare("p");
	assert_int_equal(
		sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = "x", .kind = SLUICE_PRODUCER,
				     .out_bytes = 8,
				     .flags = SLUICE_STAGE_PORT |
					      SLUICE_STAGE_PEERS_FEED)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "for stages that consume");
	assert_int_equal(
		sluice_stage_add(
			pipeline,
			SLUICE_STAGE(.name = "x", .kind = SLUICE_CONSUMER,
				     .in_bytes = 8,
				     .flags = SLUICE_STAGE_PORT |
					      SLUICE_STAGE_PEERS_CONSUME)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "for stages that produce");
	reception_close();
}

/* ---- open, close ------------------------------------------------------------------- */

static void it_comes_and_goes_without_a_trace(void **state)
{
	int fds = fds_count();

	(void)state;
	reception_declare("p");
	assert_int_equal(reception_listen(plain), 0);
	assert_int_equal(fds_entries(folder), 2);
	assert_int_equal(reception_listen(plain), -EADDRINUSE);
	reception_close();
	assert_int_equal(fds_count(), fds);
}

static void it_listens_once(void **state)
{
	char first[64];

	(void)state;
	reception_declare("p");
	assert_int_equal(reception_listen(plain), 0);
	(void)strcpy(first, folder);
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(reception_listen(plain), -EALREADY);
	assert_int_equal(fds_entries(folder), 0);
	assert_int_equal(rmdir(folder), 0);
	(void)strcpy(folder, first);
	reception_close();
}

static void two_pipelines_of_one_name_do_not_listen(void **state)
{
	struct sluice_listen_opts opts = {.size = sizeof(opts)};
	struct sluice_pipeline *other;

	(void)state;
	reception_open(plain);
	opts.folder = folder;
	assert_int_equal(
		sluice_pipeline_open(&other, SLUICE_PIPELINE(.name = "p")), 0);
	assert_int_equal(sluice_pipeline_listen(other, &opts), -EADDRINUSE);
	assert_text_has(sluice_last_error(), "is in use by another pipeline");
	sluice_pipeline_close(pipeline);
	assert_int_equal(sluice_pipeline_listen(other, &opts), 0);
	sluice_pipeline_close(other);
	assert_int_equal(rmdir(folder), 0);
}

static void before_the_start_peers_try_again(void **state)
{
	struct attach attach;

	(void)state;
	reception_declare("p");
	assert_int_equal(reception_listen(plain), 0);
	assert_int_equal(visit(&attach, WIRE_CONSUMER), -EAGAIN);
	assert_text_has(sluice_last_error(), "does not run yet");
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
	visit_well(&attach, WIRE_CONSUMER);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_close();
}

/* ---- the end ------------------------------------------------------------------------- */

static void peers_are_told_of_the_end(void **state)
{
	struct attach attach;
	struct attach late;

	(void)state;
	reception_open(plain);
	visit_well(&attach, WIRE_WORKER);
	reception_await(&reception.ready, 1);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, TEST_DEADLINE_MS),
			 -ECANCELED);
	visit_is_told_of_the_end(&attach, "has ended: it was stopped");
	reception_expect_gone(1, PEER_ENDED, SLUICE_REASON_SHUTDOWN,
			      -ECANCELED);
	/* The name comes free a moment later, before the pipeline is closed. */
	while (fds_entries(folder) != 0)
		(void)poll(NULL, 0, 1);
	assert_int_equal(visit(&late, WIRE_WORKER), -ECONNREFUSED);
	assert_text_has(sluice_last_error(), "no pipeline listens at");
	assert_int_equal(reception_listen(plain), -EPIPE);
	reception_close();
}

static void a_close_tells_them_too(void **state)
{
	struct attach attach;
	int silent;

	(void)state;
	reception_open(plain);
	visit_well(&attach, WIRE_CONSUMER);
	silent = visit_raw();
	sluice_pipeline_close(pipeline);
	visit_is_told_of_the_end(&attach, "pipeline 'p' has ended");
	/* It may not have been accepted; else it is told as well. */
	(void)close(silent);
	assert_int_equal(reception_count(&reception.gone), 1);
	assert_int_equal(rmdir(folder), 0);
}

/* ---- floods -------------------------------------------------------------------------- */

static void there_are_so_many_peers_and_no_more(void **state)
{
	struct attach attach[3];

	(void)state;
	reception_open((struct sluice_listen_opts){.peers_max = 3});
	for (int i = 0; i < 3; i++)
		visit_well(&attach[i], WIRE_CONSUMER);
	for (int i = 0; i < 5; i++) {
		struct attach more;

		assert_int_equal(visit(&more, WIRE_CONSUMER), -ENOSPC);
		assert_text_has(sluice_last_error(), "limit of peers_max");
	}
	attach_close(&attach[1], SLUICE_REASON_NORMAL, 0);
	reception_await(&reception.gone, 1);
	visit_well(&attach[1], WIRE_OBSERVER);
	for (int i = 0; i < 3; i++)
		attach_close(&attach[i], SLUICE_REASON_NORMAL, 0);
	reception_await_all();
	reception_close();
}

static void a_user_has_so_many_and_no_more(void **state)
{
	struct attach attach;
	struct attach more;

	(void)state;
	reception_open((struct sluice_listen_opts){.peers_per_uid = 1});
	visit_well(&attach, WIRE_CONSUMER);
	assert_int_equal(visit(&more, WIRE_CONSUMER), -ENOSPC);
	assert_text_has(sluice_last_error(), "limit of peers_per_uid");
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_await(&reception.gone, 1);
	reception_close();
}

/* Those who say nothing are counted, and are gone when their time is over. */
static void a_flood_is_refused_in_words(void **state)
{
	int fds[40];
	uint32_t refused = 0;

	(void)state;
	reception_open(
		(struct sluice_listen_opts){.peers_max = 8, .hello_ms = 100});
	for (uint32_t i = 0; i < UNIT_COUNT(fds); i++) {
		fds[i] = visit_raw();
		assert_true(fds[i] >= 0);
	}
	for (uint32_t i = 0; i < UNIT_COUNT(fds); i++) {
		struct pollfd polled = {.fd = fds[i], .events = POLLIN};

		assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
		assert_int_equal(packet_receive(fds[i], &word, sizeof(word)),
				 sizeof(word));
		assert_int_equal(wire_word_read(&word, &word, sizeof(word),
						WIRE_REFUSAL),
				 0);
		assert_true(word.code == -ENOSPC || word.code == -ETIMEDOUT);
		refused++;
		visit_is_over(fds[i]);
	}
	assert_int_equal(refused, UNIT_COUNT(fds));
	reception_close();
}

static void without_a_descriptor_it_says_so(void **state)
{
	struct rlimit limit;
	struct rlimit low;
	struct attach attach;
	int held[64];
	int count = 0;
	int raw;

	(void)state;
	reception_open(plain);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)fds_count() + 8;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (; count < 64; count++) {
		held[count] = dup(0);
		if (held[count] < 0)
			break;
	}
	assert_in_range(count, 1, 63);
	(void)close(held[--count]); /* for the one that connects */
	raw = visit_raw();
	assert_true(raw >= 0);
	visit_hears(raw, WIRE_REFUSAL, -EMFILE, "no descriptor left", &word);
	visit_is_over(raw);
	while (count > 0)
		(void)close(held[--count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	visit_well(&attach, WIRE_CONSUMER);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_await(&reception.gone, 1);
	reception_close();
}

int main(void)
{
	static const struct CMUnitTest plain_tests[] = {
		cmocka_unit_test(a_name_is_required),
		cmocka_unit_test(a_check_leaves_no_trace),
		cmocka_unit_test(stages_say_what_makes_sense),
		cmocka_unit_test(it_comes_and_goes_without_a_trace),
		cmocka_unit_test(it_listens_once),
		cmocka_unit_test(two_pipelines_of_one_name_do_not_listen),
		cmocka_unit_test(before_the_start_peers_try_again),
		cmocka_unit_test(peers_are_told_of_the_end),
		cmocka_unit_test(a_close_tells_them_too),
		cmocka_unit_test(there_are_so_many_peers_and_no_more),
		cmocka_unit_test(a_user_has_so_many_and_no_more),
		cmocka_unit_test(a_flood_is_refused_in_words),
		cmocka_unit_test(without_a_descriptor_it_says_so),
	};
	struct CMUnitTest
		tests[UNIT_COUNT(opts_rows) + UNIT_COUNT(plain_tests)];
	size_t n = UNIT_ADD_ROWS(tests, 0, options, opts_rows);

	memcpy(tests + n, plain_tests, sizeof(plain_tests));
	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
