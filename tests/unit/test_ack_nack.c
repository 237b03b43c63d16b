/* SPDX-License-Identifier: Apache-2.0 */
/* What is not done is said later, too: it comes again, is given up, or the stage fails
 * or ends; and after a restart older answers mean nothing. */
#include "later.h"

static struct later c;
static struct flow_source a;
static struct sluice_sub sub;

static struct sluice_pipeline *build(uint64_t end, int dead_letter,
				     enum sluice_restart restart)
{
	struct sluice_pipeline *p = flow_open(2);

	memset(&c, 0, sizeof(c));
	a = (struct flow_source){.end = end};
	flow_add_source(p, "a", &a);
	flow_add(p,
		 SLUICE_STAGE(LATER_SINK, .name = "c", .state = &c,
			      .in_hand_max = 16, .restart = restart,
			      .dead_letter = dead_letter ? later_bury : NULL));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	return p;
}

/* The batches that come behind the first four, which are @from and @count. */
static void check_batch(const struct later *later, uint32_t at, uint64_t first,
			uint32_t count, uint32_t deliveries)
{
	const struct later_note *note = &later->note[at];

	assert_int_equal(note->first, first);
	assert_int_equal(note->batch.seq, first);
	assert_int_equal(note->batch.count, count);
	assert_int_equal(note->batch.deliveries, deliveries);
	assert_int_equal(note->batch.flags & SLUICE_BATCH_REDELIVERED,
			 deliveries > 1 ? SLUICE_BATCH_REDELIVERED : 0);
	later_check_bytes(later, at);
}

/* Again, at the front, once more delivered; the last time alone, and then dead. */
static void retry(void **state)
{
	struct sluice_pipeline *p = build(16, 1, SLUICE_RESTART_NONE);

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(
		sluice_nack(sub, c.note[1].batch.ticket + 1, 2, SLUICE_RETRY),
		0);
	later_await(p, &c, 5);
	check_batch(&c, 4, 5, 2, 2);
	/* It is out again. */
	assert_int_equal(later_nack(&c, 4, SLUICE_RETRY), 0);
	later_await(p, &c, 7);
	check_batch(&c, 5, 5, 1, 3);
	check_batch(&c, 6, 6, 1, 3);
	assert_int_equal(later_nack(&c, 5, SLUICE_RETRY), 0);
	later_await_word(p, &c.letters, 1);
	assert_int_equal(c.letter_event[0], 5);
	assert_int_equal(c.letter[0].seq, 5);
	assert_int_equal(c.letter[0].deliveries, 3);
	assert_int_equal(c.letter[0].code, SLUICE_RETRY);
	assert_int_equal(later_ack(&c, 6), 0);
	for (uint32_t i = 0; i < 4; i++)
		if (i != 1)
			assert_int_equal(later_ack(&c, i), 0);
	assert_int_equal(later_ack(&c, 1), -EALREADY);
	assert_int_equal(later_ack_part(&c, 1, 0, 1), 0);
	assert_int_equal(later_ack_part(&c, 1, 3, 1), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 15);
	assert_int_equal(flow_stats(p, "c").dead_letters, 1);
	assert_int_equal(flow_stats(p, "c").redelivered, 4);
	sluice_pipeline_close(p);
}

/* Without a dead_letter the stage fails. */
static void retry_in_vain(void **state)
{
	struct sluice_pipeline *p = build(4, 0, SLUICE_RESTART_NONE);

	(void)state;
	flow_start(p);
	later_await(p, &c, 1);
	assert_int_equal(later_nack(&c, 0, SLUICE_RETRY), 0);
	later_await(p, &c, 2);
	assert_int_equal(later_nack(&c, 1, SLUICE_RETRY), 0);
	later_await(p, &c, 6);
	assert_int_equal(later_nack(&c, 4, SLUICE_RETRY), 0);
	assert_int_equal(flow_join(p), -ELOOP);
	assert_text_has(sluice_last_error(), "event 2 of inlet 0");
	assert_text_has(sluice_last_error(), "3 times");
	sluice_pipeline_close(p);
}

static void skipped(void **state)
{
	struct sluice_pipeline *p = build(16, 1, SLUICE_RESTART_NONE);

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(later_nack(&c, 1, SLUICE_SKIP), 0);
	later_await_word(p, &c.letters, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(c.letter_event[i], 4 + i);
		assert_int_equal(c.letter[i].code, SLUICE_SKIP);
		assert_int_equal(c.letter[i].deliveries, 1);
	}
	assert_int_equal(later_ack(&c, 1), -EALREADY);
	assert_int_equal(later_ack(&c, 0), 0);
	later_await_acked(p, sub, 8);
	assert_int_equal(later_ack_part(&c, 2, 0, 8), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 12);
	assert_int_equal(flow_stats(p, "c").dead_letters, 4);
	sluice_pipeline_close(p);
}

/* All that is in hand comes again, but for what has been answered. */
static void fail_and_restart(void **state)
{
	static const int codes[] = {SLUICE_FAIL, -ENOSPC};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(codes); i++) {
		struct sluice_pipeline *p =
			build(16, 0, SLUICE_RESTART_TRANSIENT);

		flow_start(p);
		later_await(p, &c, 4);
		assert_int_equal(later_ack(&c, 2), 0);
		assert_int_equal(later_nack(&c, 1, codes[i]), 0);
		later_await_word(p, &c.inits, 2);
		later_await(p, &c, 7);
		assert_int_equal(later_ack(&c, 0), -ESTALE);
		assert_text_has(sluice_last_error(), "events 0 to 3");
		assert_int_equal(later_nack(&c, 3, SLUICE_FAIL), -ESTALE);
		check_batch(&c, 4, 0, 4, 2);
		check_batch(&c, 5, 4, 4, 2);
		check_batch(&c, 6, 12, 4, 2);
		for (uint32_t at = 4; at < 7; at++)
			assert_int_equal(later_ack(&c, at), 0);
		assert_int_equal(flow_join(p), 0);
		assert_int_equal(flow_stats(p, "c").restarts, 1);
		assert_int_equal(flow_stats(p, "c").events_in, 16);
		sluice_pipeline_close(p);
	}
}

static void fail_for_good(void **state)
{
	struct sluice_pipeline *p = build(16, 0, SLUICE_RESTART_NONE);

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(later_nack(&c, 1, -ENOSPC), 0);
	assert_int_equal(flow_join(p), -ENOSPC);
	assert_text_has(sluice_last_error(), "'c': sluice_nack of inlet 0");
	flow_check_ended(&c.ended, SLUICE_REASON_ERROR);
	sluice_pipeline_close(p);
}

/* What is said to be the last is done; the rest goes back, to nobody here. */
static void end(void **state)
{
	struct sluice_pipeline *p = build(16, 0, SLUICE_RESTART_NONE);

	(void)state;
	flow_start(p);
	later_await(p, &c, 4);
	assert_int_equal(later_ack(&c, 0), 0);
	assert_int_equal(later_nack(&c, 1, SLUICE_END), 0);
	assert_int_equal(flow_join(p), -EPIPE);
	assert_text_has(sluice_last_error(), "8 events");
	flow_check_ended(&c.ended, SLUICE_REASON_NORMAL);
	assert_int_equal(flow_stats(p, "c").events_in, 8);
	assert_int_equal(later_ack(&c, 2), -ENOENT);
	sluice_pipeline_close(p);
}

/* ---- the handler itself -------------------------------------------------- */

/* It may answer at once for one batch, while others are in hand. */
static void answers_at_once(void **state)
{
	static const struct {
		int rc;
		uint32_t given;
		uint32_t deliveries;
		uint64_t done;
	} rows[] = {
		{SLUICE_OK, 4, 0, 16},
		{SLUICE_SKIP, 4, 0, 12},
		{SLUICE_RETRY, 5, 2, 16},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_pipeline *p = build(16, 1, SLUICE_RESTART_NONE);

		c.rc = rows[i].rc;
		c.rc_at = 2;
		flow_start(p);
		later_await(p, &c, rows[i].given);
		for (uint32_t at = 2; at < rows[i].given; at++)
			assert_int_equal(later_ack(&c, at), 0);
		assert_int_equal(later_ack(&c, 1), -EALREADY);
		assert_int_equal(later_ack(&c, 0), 0);
		assert_int_equal(flow_join(p), 0);
		assert_int_equal(c.given, rows[i].given);
		if (rows[i].deliveries > 0)
			check_batch(&c, 2, 4, 4, rows[i].deliveries);
		assert_int_equal(flow_stats(p, "c").events_in, rows[i].done);
		assert_int_equal(c.letters, 16 - rows[i].done);
		sluice_pipeline_close(p);
	}
}

/* It fails, with batches in hand. */
static void fails_at_once(void **state)
{
	struct sluice_pipeline *p = build(16, 0, SLUICE_RESTART_TRANSIENT);

	(void)state;
	c.rc = -EIO;
	c.rc_at = 3;
	flow_start(p);
	later_await_word(p, &c.inits, 2);
	later_await(p, &c, 6);
	check_batch(&c, 3, 0, 4, 2);
	check_batch(&c, 4, 4, 4, 2);
	check_batch(&c, 5, 8, 4, 2);
	later_await(p, &c, 7);
	check_batch(&c, 6, 12, 4, 1);
	assert_int_equal(later_ack(&c, 1), -ESTALE);
	for (uint32_t at = 3; at < 7; at++)
		assert_int_equal(later_ack(&c, at), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "c").events_in, 16);
	sluice_pipeline_close(p);
}

/* What it ends with goes back, but for this batch. */
static void ends_at_once(void **state)
{
	struct sluice_pipeline *p = build(16, 0, SLUICE_RESTART_NONE);

	(void)state;
	c.rc = SLUICE_END;
	c.rc_at = 1;
	flow_start(p);
	assert_int_equal(flow_join(p), -EPIPE);
	assert_int_equal(flow_stats(p, "c").events_in, 4);
	sluice_pipeline_close(p);
}

/* ---- storms -------------------------------------------------------------- */

/* Restarted again and again, with answers of every incarnation. */
static void restarted_often(void **state)
{
	struct sluice_pipeline *p = NULL;
	uint64_t done = 0;

	(void)state;
	memset(&c, 0, sizeof(c));
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = 2,
							 .max_restarts = 1000,
							 .backoff_ms = 1,
							 .backoff_max_ms = 1)),
		0);
	a = (struct flow_source){.end = 1600};
	flow_add_source(p, "a", &a);
	flow_add(p, SLUICE_STAGE(LATER_SINK, .name = "c", .state = &c,
				 .in_hand_max = 16, .max_deliveries = 1000000,
				 .restart = SLUICE_RESTART_TRANSIENT));
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .min_demand = 12,
					   .sub = &sub));
	flow_start(p);
	for (uint32_t at = 0; done < 1600; at++) {
		int rc;

		later_await(p, &c, at + 1);
		rc = at % 7 == 3 ? later_nack(&c, at, -EIO) : later_ack(&c, at);
		if (rc == 0 && at % 7 != 3)
			done += c.note[at].batch.count;
		else if (rc != 0)
			assert_int_equal(rc, -ESTALE);
		if (at >= 5)
			assert_true(later_ack(&c, at - 5) < 0 || at % 7 == 1);
	}
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(done, 1600);
	assert_int_equal(flow_stats(p, "c").events_in, 1600);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(retry),
		cmocka_unit_test(retry_in_vain),
		cmocka_unit_test(skipped),
		cmocka_unit_test(fail_and_restart),
		cmocka_unit_test(fail_for_good),
		cmocka_unit_test(end),
		cmocka_unit_test(answers_at_once),
		cmocka_unit_test(fails_at_once),
		cmocka_unit_test(ends_at_once),
		cmocka_unit_test(restarted_often),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("ack_nack", tests, NULL, NULL);
}
