/* SPDX-License-Identifier: Apache-2.0 */
/* Ports whose user writes in place. */
#ifndef SLUICE_TESTS_UNIT_SPANS_H
#define SLUICE_TESTS_UNIT_SPANS_H

#include "ports.h"

/* Reserve room for @n, and get just that. */
static inline struct sluice_span reserve(struct sluice_stage *port, uint32_t n)
{
	struct sluice_span span = {0};
	int rc = sluice_send_reserve(port, &span, n, FLOW_DEADLINE_MS);

	if (rc < 0)
		fail_msg("reserve: %s", sluice_last_error());
	assert_int_equal(rc, n);
	assert_int_equal(span.count, n);
	assert_non_null(span.events);
	assert_int_equal(span.resv[0], 0);
	return span;
}

/* The first @n events of it count up from @first. */
static inline void write_row(const struct sluice_span *span, uint64_t first,
			     uint32_t n)
{
	unsigned char *at = span->events;

	assert_true(n <= span->count);
	for (uint32_t i = 0; i < n; i++, first++)
		memcpy(at + (size_t)i * sizeof(first), &first, sizeof(first));
}

static inline void commit(struct sluice_stage *port, uint32_t n)
{
	int rc = sluice_send_commit(port, n);

	if (rc < 0)
		fail_msg("commit: %s", sluice_last_error());
	assert_int_equal(rc, n);
}

/* Reserve, write and commit. */
static inline void put(struct sluice_stage *port, uint64_t first, uint32_t n)
{
	struct sluice_span span = reserve(port, n);

	write_row(&span, first, n);
	commit(port, n);
}

/* Nothing comes. */
static inline void assert_empty(struct sluice_stage *port)
{
	struct sluice_batch batch;

	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
}

static inline struct sluice_stage *
add_stay(const char *name, enum sluice_stage_kind kind, const char *dispatcher)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = kind,
			      .flags = SLUICE_STAGE_PORT,
			      .in_bytes = kind == SLUICE_CONSUMER ? 8 : 0,
			      .out_bytes = kind == SLUICE_PRODUCER ? 8 : 0,
			      .dispatcher = dispatcher,
			      .on_idle = SLUICE_IDLE_STAY));
	return sluice_stage_find(pipeline, name);
}

#endif
