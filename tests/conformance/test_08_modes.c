/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a subscription means to its consumer: three modes, by every
 * reason and in every way it can end. */
#include "tests/conformance/pipe.h"

/* ---- C02, C03: the three modes ------------------------------------------- */

enum how {
	BY_CANCEL,
	BY_END,
	BY_FAILURE, /* of the source: reason error, code EBADMSG */
};

/* Rows: mode, how, reason, code, does the sink exit. */
static struct mode_row {
	const char *name;
	enum sluice_on_end mode;
	enum how how;
	enum sluice_reason reason;
	uint32_t code;
	int exits;
} mode_rows[] = {
#define ROW(id, mode, how, reason, code, exits)                                \
	{                                                                      \
		id, SLUICE_##mode, BY_##how, SLUICE_REASON_##reason, code,     \
			exits                                                  \
	}
	ROW("C02_permanent_cancel_normal", PERMANENT, CANCEL, NORMAL, 0, 1),
	ROW("C02_permanent_cancel_shutdown", PERMANENT, CANCEL, SHUTDOWN, 0, 1),
	ROW("C02_permanent_cancel_detail", PERMANENT, CANCEL, SHUTDOWN, 7, 1),
	ROW("C02_permanent_cancel_error", PERMANENT, CANCEL, ERROR, 9, 1),
	ROW("C02_permanent_end_normal", PERMANENT, END, NORMAL, 0, 1),
	ROW("C02_permanent_end_shutdown", PERMANENT, END, SHUTDOWN, 0, 1),
	ROW("C02_permanent_end_detail", PERMANENT, END, SHUTDOWN, 7, 1),
	ROW("C02_permanent_end_error", PERMANENT, END, ERROR, 9, 1),
	ROW("C02_permanent_failure", PERMANENT, FAILURE, ERROR, EBADMSG, 1),
	ROW("C02_transient_cancel_normal", TRANSIENT, CANCEL, NORMAL, 0, 0),
	ROW("C02_transient_cancel_shutdown", TRANSIENT, CANCEL, SHUTDOWN, 0, 0),
	ROW("C02_transient_cancel_detail", TRANSIENT, CANCEL, SHUTDOWN, 7, 0),
	ROW("C02_transient_cancel_error", TRANSIENT, CANCEL, ERROR, 9, 1),
	ROW("C02_transient_end_normal", TRANSIENT, END, NORMAL, 0, 0),
	ROW("C02_transient_end_shutdown", TRANSIENT, END, SHUTDOWN, 0, 0),
	ROW("C02_transient_end_detail", TRANSIENT, END, SHUTDOWN, 7, 0),
	ROW("C02_transient_end_error", TRANSIENT, END, ERROR, 9, 1),
	ROW("C02_transient_failure", TRANSIENT, FAILURE, ERROR, EBADMSG, 1),
	ROW("C02_temporary_cancel_normal", TEMPORARY, CANCEL, NORMAL, 0, 0),
	ROW("C02_temporary_cancel_shutdown", TEMPORARY, CANCEL, SHUTDOWN, 0, 0),
	ROW("C02_temporary_cancel_detail", TEMPORARY, CANCEL, SHUTDOWN, 7, 0),
	ROW("C02_temporary_cancel_error", TEMPORARY, CANCEL, ERROR, 9, 0),
	ROW("C02_temporary_end_normal", TEMPORARY, END, NORMAL, 0, 0),
	ROW("C02_temporary_end_shutdown", TEMPORARY, END, SHUTDOWN, 0, 0),
	ROW("C02_temporary_end_detail", TEMPORARY, END, SHUTDOWN, 7, 0),
	ROW("C02_temporary_end_error", TEMPORARY, END, ERROR, 9, 0),
	ROW("C02_temporary_failure", TEMPORARY, FAILURE, ERROR, EBADMSG, 0),
#undef ROW
};

/* The sink's place in the diary where it was told, and where it ended. */
static uint32_t place_of(struct pipe_stage *s, enum pipe_what what)
{
	return (uint32_t)(pipe_wait(s, what, 0) - s->notes);
}

static void c02_mode_decides(void **state)
{
	const struct mode_row *row = *state;
	struct pipe_stage *source, *other, *sink;
	struct sluice_sub sub;

	pipe_open(2);
	source = PIPE_ADD(SLUICE_PRODUCER, "source",
			  .restart = SLUICE_RESTART_TEMPORARY);
	source->silent = 1;
	other = pipe_silent("other");
	sink = pipe_sink("sink");
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 10,
			     .on_end = row->mode);
	(void)PIPE_SUBSCRIBE("sink", "other", .max_demand = 10,
			     .on_end = SLUICE_TEMPORARY);
	pipe_start();
	pipe_emit_row(source, 0, 3);
	if (row->how == BY_CANCEL)
		assert_int_equal(sluice_cancel(sub, row->reason, row->code), 0);
	else if (row->how == BY_END)
		assert_int_equal(sluice_stage_end(pipe_stage_of(source),
						  row->reason, row->code),
				 0);
	else
		pipe_order(source, "f");

	/* C03: the hook runs first, and behind the last event. */
	pipe_check_cancelled(pipe_wait(sink, PIPE_CANCELLED, 0),
			     row->how == BY_CANCEL ? SLUICE_CANCEL
						   : SLUICE_DOWN,
			     row->reason, row->code);
	assert_int_equal(pipe_seen(sink), 3);
	if (row->exits) {
		assert_int_equal(pipe_wait(sink, PIPE_ENDED, 0)->count,
				 row->reason);
		assert_true(place_of(sink, PIPE_CANCELLED) <
			    place_of(sink, PIPE_ENDED));
		/* C03: the other source hears that its sink is gone. */
		pipe_check_cancelled(pipe_wait(other, PIPE_CANCELLED, 0),
				     SLUICE_DOWN, row->reason, row->code);
	} else {
		pipe_emit_row(other, 100, 5);
		pipe_wait_seen(sink, 8);
		assert_null(pipe_find(sink, PIPE_ENDED, 0));
		assert_null(pipe_find(other, PIPE_CANCELLED, 0));
	}
	if (row->how == BY_CANCEL) {
		pipe_check_cancelled(pipe_wait(source, PIPE_CANCELLED, 0),
				     SLUICE_CANCEL, row->reason, row->code);
		assert_null(pipe_find(source, PIPE_ENDED, 0));
	} else {
		assert_int_equal(pipe_wait(source, PIPE_ENDED, 0)->count,
				 row->reason);
	}
	assert_int_equal(pipe_count(sink, PIPE_CANCELLED), 1);
}

/* The same with no second subscription: who stays can be used again. */
static void c02_who_stays_alone_subscribes_again(void **state)
{
	struct pipe_stage *source, *sink;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	sink = pipe_sink("sink");
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 10,
			     .on_end = SLUICE_TRANSIENT);
	pipe_start();
	for (uint32_t i = 0; i < 20; i++) {
		(void)pipe_wait(source, PIPE_SUBSCRIBED, i);
		pipe_emit_row(source, 5 * i, 5);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, i),
				 0);
		pipe_check_cancelled(pipe_wait(sink, PIPE_CANCELLED, i),
				     SLUICE_CANCEL, SLUICE_REASON_NORMAL, i);
		pipe_check_cancelled(pipe_wait(source, PIPE_CANCELLED, i),
				     SLUICE_CANCEL, SLUICE_REASON_NORMAL, i);
		sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 10,
				     .on_end = SLUICE_TRANSIENT);
	}
	/* Cancelled before it had asked, it left some to the next. */
	pipe_wait_seen(sink, 100);
	pipe_check_row(sink, 0, 1);
}

static void c03_source_is_told_that_its_sink_failed(void **state)
{
	struct pipe_stage *source, *sink;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	sink = PIPE_ADD(SLUICE_CONSUMER, "sink",
			.restart = SLUICE_RESTART_TEMPORARY);
	sink->fail_at = 7;
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 10);
	pipe_start();
	pipe_emit_row(source, 7, 1);
	pipe_check_cancelled(pipe_wait(source, PIPE_CANCELLED, 0), SLUICE_DOWN,
			     SLUICE_REASON_ERROR, EBADMSG);
	assert_int_equal(pipe_wait(sink, PIPE_ENDED, 0)->count,
			 SLUICE_REASON_ERROR);
	assert_null(pipe_find(source, PIPE_ENDED, 0));
}

static struct CMUnitTest tests[40] = {
	{.name = "C02_who_stays_alone_subscribes_again",
	 .test_func = c02_who_stays_alone_subscribes_again},
	{.name = "C03_source_is_told_that_its_sink_failed",
	 .test_func = c03_source_is_told_that_its_sink_failed},
};

int main(void)
{
	size_t count = UNIT_ADD_ROWS(tests, 2, c02_mode_decides, mode_rows);

	pipe_watch(tests, count);
	return _cmocka_run_group_tests("modes", tests, count, NULL, NULL);
}
