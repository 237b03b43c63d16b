/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox: order, limit, closing, and who frees a letter. Allocations of
 * this program and the library pass through here and are counted: a letter that
 * is left, or freed twice, shows without a sanitizer as well. */
#include "engine/stage/mailbox_priv.h"
#include "tests/support/gate.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define POSTERS 4u
#define LETTERS 4000u /* of each */
#define LIMIT   64u

void *__real_malloc(size_t bytes);
void __real_free(void *mem);
void *__wrap_malloc(size_t bytes);
void __wrap_free(void *mem);

static int live; /* allocations not freed */

void *__wrap_malloc(size_t bytes)
{
	void *mem = __real_malloc(bytes);

	if (mem != NULL)
		(void)__atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
	return mem;
}

void __wrap_free(void *mem)
{
	if (mem != NULL)
		(void)__atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
	__real_free(mem);
}

/* Nothing else here allocates. */
static int count_teardown(void **state)
{
	(void)state;
	assert_int_equal(__atomic_load_n(&live, __ATOMIC_RELAXED), 0);
	return 0;
}

static const struct sluice_wait_ops *ops(void)
{
	return sluice_wait_linux();
}

/* A letter that holds two numbers, and nobody waits for. */
static struct letter *cast_letter(uint32_t from, uint32_t number)
{
	const uint32_t data[2] = {from, number};
	struct letter *letter =
		letter_new(LETTER_CAST, data, sizeof(data), 0, 0);

	assert_non_null(letter);
	sluice_store_relaxed(&letter->state, LETTER_ABANDONED);
	return letter;
}

static uint32_t letter_number(const struct letter *letter, uint32_t which)
{
	uint32_t data[2];

	memcpy(data, letter->data, sizeof(data));
	return data[which];
}

static void post(struct mailbox *box, uint32_t from, uint32_t number)
{
	assert_int_equal(mailbox_post(box, cast_letter(from, number), LIMIT),
			 0);
}

/* Take the next of @queue, which must be @number, and be done with it. */
static void done_with(struct mailbox *box, struct letters *queue,
		      uint32_t number)
{
	struct letter *letter = letters_pop(queue);

	assert_non_null(letter);
	assert_int_equal(letter_number(letter, 1), number);
	letter_done(letter, box, 0, ops());
}

/* ---- letters and queues -------------------------------------------------- */

static void a_letter_has_room_for_all_its_parts(void **state)
{
	static const uint32_t sizes[] = {0, 1, 3, 8, 100, 4096};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(sizes); i++)
		for (size_t j = 0; j < UNIT_COUNT(sizes); j++) {
			unsigned char data[4096];
			struct letter *letter;

			memset(data, 0x5a, sizeof(data));
			letter = letter_new(LETTER_CALL, data, sizes[i],
					    sizes[j], 7);
			assert_non_null(letter);
			/* Each part to its end: a sanitizer sees an overlap
			 * with what lies behind, these with one another. */
			memset(letter_reply(letter), 0xa5, sizes[j]);
			for (uint64_t t = 0; t < 7; t++)
				letter->targets[t] = t;
			assert_memory_equal(letter->data, data, sizes[i]);
			for (uint64_t t = 0; t < 7; t++)
				assert_int_equal(letter->targets[t], t);
			assert_int_equal(sluice_load_acquire(&letter->state),
					 LETTER_WAITING);
			free(letter);
		}
}

/* A handler stores numbers and structs in its answer, and reads them from its
 * request, through pointers to them. */
static void request_and_reply_are_aligned(void **state)
{
	(void)state;
	for (uint32_t bytes = 0; bytes < 40; bytes++) {
		unsigned char data[40] = {0};
		struct letter *letter =
			letter_new(LETTER_CALL, data, bytes, 16, 1);

		assert_non_null(letter);
		assert_int_equal((uintptr_t)letter->data % 8, 0);
		assert_int_equal((uintptr_t)letter_reply(letter) % 8, 0);
		assert_int_equal((uintptr_t)letter->targets % 8, 0);
		free(letter);
	}
}

/* ---- the box, one thread ------------------------------------------------- */

static void letters_come_in_order(void **state)
{
	struct mailbox box = {0};
	struct letters queue = {0};
	uint32_t next = 0;

	(void)state;
	assert_null(letters_pop(&queue));
	mailbox_take(&box, &queue, 0);
	assert_null(queue.first);
	for (uint32_t i = 0; i < 5; i++)
		post(&box, 0, i);
	mailbox_take(&box, &queue, 0);
	done_with(&box, &queue, next++);
	for (uint32_t i = 5; i < 8; i++)
		post(&box, 0, i);
	mailbox_take(&box, &queue, 0); /* behind the four that are left */
	mailbox_take(&box, &queue, 0);
	while (next < 8)
		done_with(&box, &queue, next++);
	assert_int_equal(sluice_load_acquire(&box.count), 0);
}

/* A letter counts until it has been handled, not until it is taken. */
static void the_limit_counts_what_is_not_handled(void **state)
{
	struct mailbox box = {0};
	struct letters queue = {0};
	struct letter *more = cast_letter(0, 3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(mailbox_post(&box, cast_letter(0, i), 3), 0);
	assert_int_equal(mailbox_post(&box, more, 3), -EAGAIN);
	mailbox_take(&box, &queue, 0);
	assert_int_equal(mailbox_post(&box, more, 3), -EAGAIN);
	done_with(&box, &queue, 0);
	assert_int_equal(mailbox_post(&box, more, 3), 0);
	mailbox_take(&box, &queue, 0);
	for (uint32_t i = 1; i < 4; i++)
		done_with(&box, &queue, i);
	assert_int_equal(sluice_load_acquire(&box.count), 0);
}

static void a_closed_box_takes_nothing(void **state)
{
	struct mailbox box = {0};
	struct letters queue = {0};
	struct letter *late = cast_letter(0, 2);

	(void)state;
	post(&box, 0, 0);
	post(&box, 0, 1);
	mailbox_take(&box, &queue, 1);
	assert_int_equal(mailbox_post(&box, late, LIMIT), -EPIPE);
	/* Full or not: that it will never be read is what matters. */
	assert_int_equal(mailbox_post(&box, late, 2), -EPIPE);
	done_with(&box, &queue, 0);
	done_with(&box, &queue, 1);
	mailbox_take(&box, &queue, 1); /* closing twice is closing */
	assert_null(queue.first);
	assert_int_equal(mailbox_post(&box, late, LIMIT), -EPIPE);
	assert_int_equal(sluice_load_acquire(&box.count), 0);
	mailbox_reopen(&box);
	assert_int_equal(mailbox_post(&box, late, LIMIT), 0);
	mailbox_take(&box, &queue, 0);
	done_with(&box, &queue, 2);
}

/* ---- who frees a letter, step by step ------------------------------------ */

static struct letter *call_letter(struct mailbox *box, struct letters *queue)
{
	struct letter *letter = letter_new(LETTER_CALL, "ask", 3, 8, 0);

	assert_non_null(letter);
	assert_int_equal(mailbox_post(box, letter, LIMIT), 0);
	mailbox_take(box, queue, 0);
	assert_ptr_equal(letters_pop(queue), letter);
	return letter;
}

static void answered_at_the_end(void **state)
{
	struct mailbox box = {0};
	struct letters queue = {0};
	struct letter *letter = call_letter(&box, &queue);

	(void)state;
	memcpy(letter_reply(letter), "yes", 3);
	letter_done(letter, &box, 3, ops());
	assert_int_equal(letter_wait(letter, ops(), 0), 0);
	assert_int_equal(letter->result, 3);
	assert_memory_equal(letter_reply(letter), "yes", 3);
	letter_drop(letter);
}

/* The answer given first stands, whatever the call comes to; and the poster may
 * let go before or after the stage. */
static void answered_at_once(void **state)
{
	(void)state;
	for (int stage_first = 0; stage_first < 2; stage_first++) {
		struct mailbox box = {0};
		struct letters queue = {0};
		struct letter *letter = call_letter(&box, &queue);

		letter->result = 2;
		letter_answer(letter, ops());
		assert_int_equal(letter_wait(letter, ops(), 0), 0);
		if (stage_first)
			letter_done(letter, &box, -EIO, ops());
		assert_int_equal(letter->result, 2);
		letter_drop(letter);
		if (!stage_first) {
			/* The request can still be read. */
			assert_memory_equal(letter->data, "ask", 3);
			letter_done(letter, &box, -EIO, ops());
		}
		assert_int_equal(sluice_load_acquire(&box.count), 0);
	}
}

static void answered_after_the_deadline(void **state)
{
	(void)state;
	for (int at_once = 0; at_once < 2; at_once++) {
		struct mailbox box = {0};
		struct letters queue = {0};
		struct letter *letter = call_letter(&box, &queue);

		assert_int_equal(letter_wait(letter, ops(), 0), -ETIMEDOUT);
		if (at_once)
			letter_answer(letter, ops());
		memcpy(letter_reply(letter), "too late", 8);
		letter_done(letter, &box, 8, ops());
		assert_int_equal(sluice_load_acquire(&box.count), 0);
	}
}

/* ---- threads ------------------------------------------------------------- */

static struct {
	struct mailbox box;
	pthread_t thread[POSTERS];
	uint32_t index[POSTERS];
	uint32_t refused;
	uint32_t answered;
	uint32_t late;
	uint32_t wrong;
	uint32_t done; /* posters that are */
} town;

static uint32_t town_see(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void town_add(uint32_t *word)
{
	(void)__atomic_add_fetch(word, 1, __ATOMIC_ACQ_REL);
}

static void town_start(void *(*run)(void *))
{
	memset(&town, 0, sizeof(town));
	for (uint32_t i = 0; i < POSTERS; i++) {
		town.index[i] = i;
		assert_int_equal(pthread_create(&town.thread[i], NULL, run,
						&town.index[i]),
				 0);
	}
}

static void town_join(void)
{
	for (uint32_t i = 0; i < POSTERS; i++)
		(void)pthread_join(town.thread[i], NULL);
}

/* Post them all, in order; a full box is tried again, a closed one is not. */
static void *poster_run(void *arg)
{
	uint32_t self = *(uint32_t *)arg;

	for (uint32_t i = 0; i < LETTERS; i++) {
		const uint32_t data[2] = {self, i};
		struct letter *letter =
			letter_new(LETTER_CAST, data, sizeof(data), 0, 0);
		int rc;

		if (letter == NULL)
			break;
		sluice_store_relaxed(&letter->state, LETTER_ABANDONED);
		while ((rc = mailbox_post(&town.box, letter, LIMIT)) ==
		       -EAGAIN) {
			(void)sched_yield();
		}
		if (rc != 0) {
			free(letter);
			town_add(&town.refused);
		}
	}
	town_add(&town.done);
	return NULL;
}

/* Take what there is; each poster's letters in the order it posted them. Returns
 * how many. */
static uint32_t town_read(struct letters *queue, uint32_t *next, int close)
{
	struct letter *letter;
	uint32_t n = 0;

	mailbox_take(&town.box, queue, close);
	while ((letter = letters_pop(queue)) != NULL) {
		uint32_t from = letter_number(letter, 0);

		town.wrong += letter_number(letter, 1) != next[from];
		next[from] = letter_number(letter, 1) + 1;
		letter_done(letter, &town.box, 0, ops());
		n++;
	}
	return n;
}

static void many_posters_each_in_order(void **state)
{
	uint32_t next[POSTERS] = {0};
	struct letters queue = {0};
	uint32_t read = 0;

	(void)state;
	town_start(poster_run);
	while (read < POSTERS * LETTERS) {
		uint32_t n = town_read(&queue, next, 0);

		assert_true(n <= LIMIT);
		if (n == 0 && town_see(&town.done) == POSTERS &&
		    sluice_load_acquire(&town.box.newest) == 0)
			break;
		read += n;
	}
	town_join();
	assert_int_equal(read, POSTERS * LETTERS);
	assert_int_equal(town.wrong, 0);
	assert_int_equal(town.refused, 0);
	assert_int_equal(sluice_load_acquire(&town.box.count), 0);
}

/* What was posted is read; what came after the closing was refused: no letter is
 * in between. */
static void closing_while_they_post(void **state)
{
	struct rng rng = rng_start("mailbox closing_while_they_post");

	(void)state;
	for (uint32_t round = 0; round < 20; round++) {
		uint32_t until = (uint32_t)rng_below(&rng, 2 * LETTERS);
		uint32_t next[POSTERS] = {0};
		struct letters queue = {0};
		uint32_t read = 0;

		town_start(poster_run);
		while (read < until)
			read += town_read(&queue, next, 0);
		read += town_read(&queue, next, 1);
		town_join();
		assert_int_equal(read + town.refused, POSTERS * LETTERS);
		assert_int_equal(town.wrong, 0);
		assert_int_equal(sluice_load_acquire(&town.box.count), 0);
	}
}

/* Callers whose patience is short, or not. */
static void *caller_run(void *arg)
{
	uint32_t self = *(uint32_t *)arg;

	for (uint32_t i = 0; i < LETTERS; i++) {
		struct letter *letter =
			letter_new(LETTER_CALL, &i, sizeof(i), 4, 0);
		uint64_t patience = (uint64_t)(i * 7 + self) % 50 * 1000;
		uint32_t answer;

		if (letter == NULL)
			break;
		while (mailbox_post(&town.box, letter, LIMIT) == -EAGAIN)
			(void)sched_yield();
		if (letter_wait(letter, ops(),
				i % 3 ? ops()->now_ns(ops()->ctx) + patience
				      : UINT64_MAX) < 0) {
			town_add(&town.late);
			continue;
		}
		memcpy(&answer, letter_reply(letter), sizeof(answer));
		if (letter->result != 4 || answer != ~i)
			town_add(&town.wrong);
		town_add(&town.answered);
		letter_drop(letter);
	}
	town_add(&town.done);
	return NULL;
}

static void answers_race_with_deadlines(void **state)
{
	struct letters queue = {0};
	uint32_t handled = 0;

	(void)state;
	town_start(caller_run);
	while (town_see(&town.done) < POSTERS ||
	       sluice_load_acquire(&town.box.newest) != 0) {
		struct letter *letter;

		mailbox_take(&town.box, &queue, 0);
		while ((letter = letters_pop(&queue)) != NULL) {
			uint32_t ask;

			memcpy(&ask, letter->data, sizeof(ask));
			ask = ~ask;
			memcpy(letter_reply(letter), &ask, sizeof(ask));
			if (handled++ % 2) {
				letter->result = 4;
				letter_answer(letter, ops());
				letter_done(letter, &town.box, -EIO, ops());
			} else {
				letter_done(letter, &town.box, 4, ops());
			}
		}
	}
	town_join();
	assert_int_equal(handled, POSTERS * LETTERS);
	assert_int_equal(town.answered + town.late, handled);
	assert_int_equal(town.wrong, 0);
	assert_true(town.answered >= POSTERS * (LETTERS / 3)); /* who wait */
	assert_int_equal(sluice_load_acquire(&town.box.count), 0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_letter_has_room_for_all_its_parts),
		cmocka_unit_test(request_and_reply_are_aligned),
		cmocka_unit_test(letters_come_in_order),
		cmocka_unit_test(the_limit_counts_what_is_not_handled),
		cmocka_unit_test(a_closed_box_takes_nothing),
		cmocka_unit_test(answered_at_the_end),
		cmocka_unit_test(answered_at_once),
		cmocka_unit_test(answered_after_the_deadline),
		cmocka_unit_test(many_posters_each_in_order),
		cmocka_unit_test(closing_while_they_post),
		cmocka_unit_test(answers_race_with_deadlines),
	};

	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].teardown_func = count_teardown;
	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
