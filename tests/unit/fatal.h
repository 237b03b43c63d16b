/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that kill every process that gets them, a few of those that "source" emits; and
 * what becomes of them, which its dead_letter writes down. A process has many lives: each
 * is forked when the one before it has died.
 */
#ifndef SLUICE_TESTS_UNIT_FATAL_H
#define SLUICE_TESTS_UNIT_FATAL_H

#include "visitor.h"

#include <errno.h>

#define EVENTS    1000u
#define LETTERS   16u
#define LIVES_MAX 64u

struct item {
	uint64_t value;
	uint64_t number; /* of `ordered`; else 0 */
};

static const uint64_t fatal[] = {50, 51, 300};

static inline int is_fatal(uint64_t value)
{
	for (size_t i = 0; i < UNIT_COUNT(fatal); i++)
		if (fatal[i] == value)
			return 1;
	return 0;
}

/* ---- the engine --------------------------------------------------------------- */

/* The source's thread's. */
static struct {
	uint64_t counted;
	uint32_t count;
	struct {
		uint64_t value;
		uint32_t deliveries;
		int32_t code;
		char consumer[SLUICE_NAME_BYTES];
	} letter[LETTERS];
} post;

/* It emits nothing before `begun`, and does not end by itself. */
static int source_stays;
static sluice_a32 begun;

static inline int count_items(struct sluice_stage *self, uint32_t demand)
{
	uint32_t n = EVENTS - post.counted < demand
			     ? (uint32_t)(EVENTS - post.counted)
			     : demand;
	struct item *items;

	if (n == 0 || (source_stays && !sluice_load_acquire(&begun)))
		return SLUICE_OK;
	items = sluice_emit(self, n);
	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = post.counted++};
	return post.counted == EVENTS && !source_stays ? SLUICE_END : SLUICE_OK;
}

static inline void bury(struct sluice_stage *self,
			const struct sluice_dead_letter *letter)
{
	uint32_t i = post.count++;

	(void)self;
	if (i >= LETTERS)
		return;
	post.letter[i].value = ((const struct item *)letter->event)->value;
	post.letter[i].deliveries = letter->deliveries;
	post.letter[i].code = letter->code;
	(void)snprintf(post.letter[i].consumer, sizeof(post.letter[i].consumer),
		       "%s", letter->consumer != NULL ? letter->consumer : "");
}

/* Few keys; all of them one reader's. */
static inline uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	struct item item;

	(void)bytes;
	(void)ctx;
	memcpy(&item, event, sizeof(item));
	return item.value % 13;
}

static inline struct sluice_stage_opts fatal_source(const char *dispatcher)
{
	struct sluice_stage_opts o = {
		.size = sizeof(o),
		.name = "source",
		.kind = SLUICE_PRODUCER,
		.out_bytes = sizeof(struct item),
		.handle_demand = count_items,
		.dispatcher = dispatcher,
		.dead_letter = bury,
		.flags = SLUICE_STAGE_PEERS_CONSUME,
		.on_idle = SLUICE_IDLE_STAY,
	};

	memset(&post, 0, sizeof(post));
	if (strcmp(dispatcher, "partition") == 0)
		o.key_of = key_of;
	if (strcmp(dispatcher, "ordered") == 0)
		o.order_offset =
			SLUICE_ORDER_OFFSET(offsetof(struct item, number));
	return o;
}

/* Those and no others, each when @limit processes had died of it; but for those behind
 * another of them, which may have been in a batch with it. */
static inline void check_letters(uint32_t limit, const char *consumer)
{
	assert_int_equal(post.count, UNIT_COUNT(fatal));
	for (uint32_t i = 0; i < post.count; i++) {
		uint64_t value = post.letter[i].value;

		assert_true(is_fatal(value));
		for (uint32_t k = 0; k < i; k++)
			assert_true(post.letter[k].value != value);
		assert_int_equal(post.letter[i].deliveries, limit);
		assert_int_equal(post.letter[i].code, -EOWNERDEAD);
		if (consumer != NULL)
			assert_string_equal(post.letter[i].consumer, consumer);
		assert_in_range(sluice_load_acquire(&visited->given[value]),
				limit - 2, limit);
	}
	assert_int_equal(sluice_load_acquire(&visited->given[fatal[0]]), limit);
}

/* All others were handled; what came again had a mark, as has what lay there only. */
static inline void check_handled(void)
{
	for (uint32_t i = 0; i < EVENTS; i++) {
		uint32_t times = sluice_load_acquire(&visited->handled[i]);

		if (is_fatal(i)) {
			assert_int_equal(times, 0);
			continue;
		}
		assert_in_range(times, 1, 3);
		assert_in_range(sluice_load_acquire(&visited->again[i]),
				times - 1, times);
	}
}

/* ---- who dies ------------------------------------------------------------------ */

/* It handles one event, or dies of it. */
static inline void handle(const struct sluice_batch *batch, uint32_t i)
{
	const struct item *item = &SLUICE_EVENTS(batch, struct item)[i];

	VISITOR_MUST(item->value < EVENTS);
	if (is_fatal(item->value)) {
		(void)sluice_fetch_add(&visited->given[item->value], 1);
		(void)raise(SIGKILL);
	}
	(void)sluice_fetch_add(&visited->handled[item->value], 1);
	if (batch->flags & SLUICE_BATCH_REDELIVERED)
		(void)sluice_fetch_add(&visited->again[item->value], 1);
}

static inline struct sluice_stage *reader_attach(const char *name)
{
	return visitor_attach(SLUICE_ATTACH(.name = name, .from = "source",
					    .max_demand = 64,
					    .timeout_ms = TEST_DEADLINE_MS));
}

static inline void reads(const char *name)
{
	struct sluice_stage *port = reader_attach(name);
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++)
			handle(&batch, i);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* Life after life, until one ends cleanly. Returns how many did not. */
static inline uint32_t lives(void (*life)(void))
{
	uint32_t died;

	for (died = 0; died < LIVES_MAX; died++) {
		int status = -1;
		pid_t pid = fork();

		VISITOR_MUST(pid >= 0);
		if (pid == 0) {
			(void)alarm(TEST_DEADLINE_S);
			life();
			_exit(0);
		}
		VISITOR_MUST(waitpid(pid, &status, 0) == pid);
		if (status == 0)
			return died;
		VISITOR_MUST(WIFSIGNALED(status) &&
			     WTERMSIG(status) == SIGKILL);
	}
	VISITOR_MUST(died < LIVES_MAX); /* it ends */
	return died;
}

#endif
