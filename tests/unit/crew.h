/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks for the tests of spawn stages: they note who ran, how many at once and
 * what was given up, and those that wait do so at a gate. */
#ifndef SLUICE_TESTS_UNIT_CREW_H
#define SLUICE_TESTS_UNIT_CREW_H

#include "stages/spawn.h"
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#define CREW_EVENTS  20000u
#define CREW_LETTERS 64u

/* What the tasks of a test share. */
struct crew {
	struct gate gate; /* for the tasks that wait at it */
	uint32_t runs[CREW_EVENTS];
	uint32_t now; /* tasks that run */
	uint32_t most;
	uint32_t cancelled;
	uint32_t fail_first; /* runs of an event that fail */
	uint32_t letters;
	struct {
		uint64_t event;
		uint32_t attempts;
		int code;
	} letter[CREW_LETTERS];
};

static struct crew crew;

static inline void crew_reset(void)
{
	memset(&crew, 0, sizeof(crew));
	crew.gate = GATE_CLOSED;
}

static inline uint32_t add(uint32_t *word, uint32_t n)
{
	return __atomic_add_fetch(word, n, __ATOMIC_ACQ_REL);
}

static inline uint32_t see(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint64_t event_of(const void *event)
{
	uint64_t value;

	memcpy(&value, event, sizeof(value));
	return value;
}

static inline void crew_enter(const void *event)
{
	uint32_t now = add(&crew.now, 1);
	uint32_t most = see(&crew.most);

	while (now > most &&
	       !__atomic_compare_exchange_n(&crew.most, &most, now, 0,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	(void)add(&crew.runs[event_of(event) % CREW_EVENTS], 1);
}

static inline int task_count(struct sluice_task *task, const void *event)
{
	(void)task;
	crew_enter(event);
	(void)add(&crew.now, UINT32_MAX);
	return 0;
}

/* Fails as often as fail_first says, then does its work. */
static inline int task_fail(struct sluice_task *task, const void *event)
{
	(void)task_count(task, event);
	return sluice_task_attempt(task) <= crew.fail_first ? -EREMOTEIO : 0;
}

static inline int task_wait(struct sluice_task *task, const void *event)
{
	crew_enter(event);
	gate_pass(&crew.gate);
	(void)add(&crew.now, UINT32_MAX);
	if (!sluice_task_cancelled(task))
		return 0;
	(void)add(&crew.cancelled, 1);
	return -EINTR;
}

/* Ends only when nobody wants its work any more. */
static inline int task_until_cancelled(struct sluice_task *task,
				       const void *event)
{
	crew_enter(event);
	gate_arrive(&crew.gate);
	while (!sluice_task_cancelled(task))
		flow_sleep_ms(1);
	(void)add(&crew.now, UINT32_MAX);
	return -EINTR;
}

static inline void keep_letter(void *ctx, const void *event, uint32_t attempts,
			       int code)
{
	uint32_t at = add(&crew.letters, 1) - 1;

	(void)ctx;
	if (at >= CREW_LETTERS)
		return;
	crew.letter[at].event = event_of(event);
	crew.letter[at].attempts = attempts;
	crew.letter[at].code = code;
}

/* ---- building ------------------------------------------------------------ */

static inline struct sluice_spawn *
spawn_make(struct sluice_pipeline *p, const struct sluice_spawn_opts *opts)
{
	struct sluice_spawn *spawn = NULL;

	if (sluice_spawn_add(p,
			     SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
					  .on_idle = SLUICE_IDLE_STAY),
			     opts, &spawn) != 0)
		fail_msg("%s", sluice_last_error());
	return spawn;
}

static inline void spawn_join_source(struct sluice_spawn *spawn,
				     const char *source)
{
	if (sluice_spawn_subscribe(spawn, source, SLUICE_PERMANENT, NULL) != 0)
		fail_msg("%s", sluice_last_error());
}

static inline struct sluice_spawn_stats spawn_stats(struct sluice_spawn *spawn)
{
	struct sluice_spawn_stats stats;

	sluice_spawn_stat(spawn, &stats);
	assert_int_equal(stats.started, stats.done + stats.queued +
						stats.running + stats.waiting);
	return stats;
}

/* Wait until a number of the statistics is what it should be. */
#define spawn_await(spawn, field, value)                                       \
	do {                                                                   \
		uint32_t ms = 0;                                               \
                                                                               \
		while (spawn_stats(spawn).field != (value) &&                  \
		       ms++ < FLOW_DEADLINE_MS)                                \
			flow_sleep_ms(1);                                      \
		assert_int_equal(spawn_stats(spawn).field, (value));           \
	} while (0)

#endif
