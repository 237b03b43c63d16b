/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine shows of a pipeline is what an observer reads; and what it shows
 * wrongly is not believed. */
#include "engine/control/snapshot_priv.h"
#include "engine/peer/board_priv.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define STAGES 3u
#define SUBS   2u

static void *memory;
static uint64_t bytes;
static struct board written;
static struct board seen_by;

static int setup(void **state)
{
	(void)state;
	bytes = board_bytes(STAGES, SUBS);
	memory = calloc(1, bytes);
	assert_non_null(memory);
	board_format(&written, memory, STAGES, SUBS);
	assert_int_equal(board_find(&seen_by, memory, bytes), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

/* All of whose numbers are @n, or tell of it. */
static struct sluice_snapshot *snapshot_of(uint32_t stages, uint64_t n)
{
	struct snapshot *s = snapshot_open(stages, SUBS);

	assert_non_null(s);
	s->face.time_ns = n;
	s->face.phase = SLUICE_PHASE_RUNNING;
	(void)strcpy(s->face.name, "shown");
	for (uint32_t i = 0; i < stages; i++) {
		struct sluice_stage_snapshot *row = snapshot_add_stage(s);

		(void)snprintf(row->name, sizeof(row->name), "stage%u", i);
		row->kind = SLUICE_CONSUMER;
		row->phase = SLUICE_PHASE_DOWN;
		row->cpu = SLUICE_CPU_NONE;
		row->serial = n + i;
		row->counts.events_in = n;
		row->counts.stalls_credit = n;
		row->time.working_ns = n;
		row->time.blocked_ns = n;
		row->time.doing = SLUICE_DOING_NO_CREDIT;
		(void)strcpy(row->held_up_by, "stage0");
	}
	for (uint32_t i = 0; i < SUBS; i++) {
		struct sluice_subscription_snapshot *row = snapshot_add_sub(s);

		(void)strcpy(row->consumer, "stage0");
		row->sub.index = i;
		row->sub.generation = 7;
		row->window = 9;
		row->window_most = 16;
		row->carried = n;
		row->counts.high = n;
		row->latency.max_ns = n;
	}
	return &s->face;
}

static void show(uint64_t n)
{
	struct sluice_snapshot *s = snapshot_of(STAGES, n);

	board_write(&written, s);
	sluice_snapshot_close(s);
}

static void what_is_written_is_read(void **state)
{
	const struct sluice_stage_snapshot *stage;
	const struct sluice_subscription_snapshot *sub;
	struct sluice_snapshot *s;
	uint64_t seen = 0;

	(void)state;
	assert_int_equal(board_read(&seen_by, &seen, &s), -EAGAIN);
	show(5);
	assert_int_equal(board_read(&seen_by, &seen, &s), 0);
	assert_string_equal(s->name, "shown");
	assert_int_equal(s->size, sizeof(*s));
	assert_int_equal(s->time_ns, 5);
	assert_int_equal(s->phase, SLUICE_PHASE_RUNNING);
	assert_int_equal(s->stage_count, STAGES);
	assert_int_equal(s->subscription_count, SUBS);
	stage = sluice_snapshot_stage(s, "stage2");
	assert_non_null(stage);
	assert_int_equal(stage->size, sizeof(*stage));
	assert_int_equal(stage->kind, SLUICE_CONSUMER);
	assert_int_equal(stage->phase, SLUICE_PHASE_DOWN);
	assert_int_equal(stage->cpu, SLUICE_CPU_NONE);
	assert_int_equal(stage->serial, 7);
	assert_int_equal(stage->counts.events_in, 5);
	assert_int_equal(stage->counts.stalls_credit, 5);
	assert_int_equal(stage->time.lived_ns, 10);
	assert_int_equal(stage->time.doing, SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage->held_up_by, "stage0");
	assert_int_equal(stage->held_up_at.index, UINT32_MAX);
	sub = sluice_snapshot_subscription(
		s, (struct sluice_sub){.index = 1, .generation = 7});
	assert_non_null(sub);
	assert_int_equal(sub->size, sizeof(*sub));
	assert_int_equal(sub->window, 9);
	assert_int_equal(sub->window_most, 16);
	assert_int_equal(sub->counts.high, 5);
	assert_int_equal(sub->latency.max_ns, 5);
	sluice_snapshot_close(s);
	/* It is not news twice. */
	assert_int_equal(board_read(&seen_by, &seen, &s), -EAGAIN);
	show(6);
	assert_int_equal(board_read(&seen_by, &seen, &s), 0);
	assert_int_equal(s->time_ns, 6);
	sluice_snapshot_close(s);
}

static void there_is_room_or_not(void **state)
{
	struct sluice_snapshot *s = snapshot_of(STAGES, 1);
	struct sluice_snapshot *more = snapshot_of(STAGES + 1, 1);

	(void)state;
	assert_true(board_has_room(&written, s));
	assert_false(board_has_room(&written, more));
	sluice_snapshot_close(s);
	sluice_snapshot_close(more);
}

/* An engine that dies there leaves it so. */
static void what_is_being_written_is_not_read(void **state)
{
	struct sluice_snapshot *s;
	uint64_t seen = 0;

	(void)state;
	show(1);
	sluice_store_release(written.version, 3);
	assert_int_equal(board_read(&seen_by, &seen, &s), -EAGAIN);
}

/* Counts, kinds and names. */
static void nothing_is_believed(void **state)
{
	struct sluice_snapshot *s;
	uint64_t seen = 0;
	unsigned char *face = (unsigned char *)memory + BOARD_FACE_AT;

	(void)state;
	memset(face, 0xff, bytes - BOARD_FACE_AT);
	sluice_store_release(written.version, 2);
	assert_int_equal(board_read(&seen_by, &seen, &s), 0);
	assert_int_equal(s->stage_count, STAGES);
	assert_int_equal(s->subscription_count, SUBS);
	assert_int_equal(s->phase, SLUICE_PHASE_ENDED);
	assert_int_equal(strlen(s->name), SLUICE_NAME_BYTES - 1);
	assert_int_equal(s->stages[2]->kind, SLUICE_CONSUMER);
	assert_int_equal(s->stages[2]->phase, SLUICE_PHASE_ENDED);
	assert_int_equal(s->stages[2]->time.doing, SLUICE_DOING_BLOCKED);
	assert_int_equal(s->subscriptions[1]->phase, SLUICE_SUB_HELD);
	assert_int_equal(s->subscriptions[1]->kind, SLUICE_SUB_CONFLATE);
	sluice_snapshot_close(s);

	memset(face, '\033', bytes - BOARD_FACE_AT);
	sluice_store_release(written.version, 4);
	assert_int_equal(board_read(&seen_by, &seen, &s), 0);
	assert_int_equal(s->name[0], '?');
	assert_int_equal(s->stages[0]->name[62], '?');
	assert_int_equal(s->subscriptions[0]->producer[1], '?');
	sluice_snapshot_close(s);
}

static void a_geometry_that_cannot_be(void **state)
{
	struct board_geometry g = written.geometry;
	const struct board_geometry bad[] = {
		{g.face_bytes - 8, g.stage_bytes, g.sub_bytes, 1, 1, {0}},
		{g.face_bytes, g.stage_bytes - 8, g.sub_bytes, 1, 1, {0}},
		{g.face_bytes, g.stage_bytes + 4, g.sub_bytes, 1, 1, {0}},
		{g.face_bytes, g.stage_bytes, 8192, 1, 1, {0}},
		{g.face_bytes,
		 g.stage_bytes,
		 g.sub_bytes,
		 STAGES + 1,
		 SUBS,
		 {0}},
		{g.face_bytes,
		 g.stage_bytes,
		 g.sub_bytes,
		 UINT32_MAX,
		 UINT32_MAX,
		 {0}},
	};
	struct board board;

	(void)state;
	assert_int_equal(board_find(&board, memory, BOARD_FACE_AT - 1),
			 -EPROTO);
	assert_int_equal(board_find(&board, memory, bytes - 1), -EPROTO);
	for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
		memcpy(memory, &bad[i], sizeof(bad[i]));
		assert_int_equal(board_find(&board, memory, bytes), -EPROTO);
	}
}

/* Rows of a later engine are longer; what is known of them stands in front. */
static void longer_rows_are_read_too(void **state)
{
	struct board_geometry g = written.geometry;
	struct sluice_snapshot *s;
	uint64_t seen = 0;
	void *larger;

	(void)state;
	g.face_bytes += 64;
	g.stage_bytes += 8;
	g.sub_bytes += 64;
	larger = calloc(1, bytes + 1024);
	assert_non_null(larger);
	memcpy(larger, &g, sizeof(g));
	assert_int_equal(board_find(&seen_by, larger, bytes + 1024), 0);
	written = seen_by;
	show(4);
	assert_int_equal(board_read(&seen_by, &seen, &s), 0);
	assert_string_equal(s->stages[2]->name, "stage2");
	assert_int_equal(s->subscriptions[1]->sub.index, 1);
	sluice_snapshot_close(s);
	free(larger);
}

/* ---- while it is being written ---------------------------------------------- */

static sluice_a32 over;

/* Called for the reader's memory, which it needs between the face and the rows. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
static _Thread_local uint64_t shown_meanwhile; /* in the thread that reads */

static void show_meanwhile(void)
{
	uint64_t n = shown_meanwhile;

	shown_meanwhile = 0;
	if (n != 0)
		show(n);
}

void *__wrap_malloc(size_t size)
{
	show_meanwhile();
	return __real_malloc(size);
}

/* Compilers make one of the two calls of the other. */
void *__wrap_calloc(size_t count, size_t size)
{
	show_meanwhile();
	return __real_calloc(count, size);
}

/* What is read is of one version. */
static void it_is_written_in_the_midst_of_a_reading(void **state)
{
	struct sluice_snapshot *s;
	uint64_t seen = 0;

	(void)state;
	show(1);
	shown_meanwhile = 2;
	assert_int_equal(board_read(&seen_by, &seen, &s), 0);
	assert_int_equal(shown_meanwhile, 0);
	assert_int_equal(s->time_ns, 2);
	assert_int_equal(s->stages[0]->counts.events_in, 2);
	sluice_snapshot_close(s);
}

static void *writes(void *arg)
{
	(void)arg;
	for (uint64_t n = 1; !sluice_load_acquire(&over); n++)
		show(n);
	return NULL;
}

/* The same by chance, and for ThreadSanitizer. */
static void nothing_is_torn(void **state)
{
	pthread_t writer;
	uint64_t seen = 0;
	uint32_t read = 0;

	(void)state;
	sluice_store_release(&over, 0);
	assert_int_equal(pthread_create(&writer, NULL, writes, NULL), 0);
	for (uint32_t tries = 0; read < 200 && tries < 10000000; tries++) {
		struct sluice_snapshot *s;

		if (board_read(&seen_by, &seen, &s) < 0)
			continue;
		read++;
		for (uint32_t i = 0; i < STAGES; i++)
			if (s->stages[i]->counts.stalls_credit != s->time_ns)
				fail();
		for (uint32_t i = 0; i < SUBS; i++)
			if (s->subscriptions[i]->latency.max_ns != s->time_ns)
				fail();
		sluice_snapshot_close(s);
	}
	sluice_store_release(&over, 1);
	assert_int_equal(pthread_join(writer, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(there_is_room_or_not, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_is_being_written_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_believed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_geometry_that_cannot_be,
						setup, teardown),
		cmocka_unit_test_setup_teardown(longer_rows_are_read_too, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			it_is_written_in_the_midst_of_a_reading, setup,
			teardown),
		cmocka_unit_test_setup_teardown(nothing_is_torn, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
