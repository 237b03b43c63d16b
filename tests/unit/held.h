/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers of "source" in other processes, whose places are kept for `hold_ms`: "reader",
 * who dies, and "other". Which keys they have seen stands in visited->sent. */
#ifndef SLUICE_TESTS_UNIT_HELD_H
#define SLUICE_TESTS_UNIT_HELD_H

#include "visitor.h"

#include "engine/peer/attach_priv.h"

#define KEYS    16u
#define LONG_MS 3600000u

static inline void open_plain(uint32_t hold_ms)
{
	visitor_open(SLUICE_STAGE_PEERS_CONSUME, 0);
	visitor_listen_holding(hold_ms);
	flow_start(pipeline);
}

/* ---- who reads ------------------------------------------------------------------- */

static inline struct sluice_stage *attach(const char *name, uint32_t window)
{
	return visitor_attach(SLUICE_ATTACH(.name = name, .from = "source",
					    .max_demand = window,
					    .timeout_ms = TEST_DEADLINE_MS));
}

static inline void note_key(uint64_t event, uint32_t shift)
{
	uint32_t keys = sluice_load_acquire(&visited->sent);

	while (!sluice_compare_exchange(
		&visited->sent, &keys,
		keys | 1u << (shift + (uint32_t)(event % KEYS))))
		;
}

/* As visitor_reads_all(), and which keys it has seen stands at @shift. */
static inline void reads_keys(const char *name, uint32_t shift, uint32_t most)
{
	struct sluice_stage *port = attach(name, 64);
	struct sluice_batch batch;
	int rc;

	/* Who is to have something in hand comes first. */
	if (shift > 0)
		child_await(&visited->stage, 1);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		VISITOR_MUST((batch.flags & SLUICE_BATCH_REDELIVERED) == 0 ||
			     batch.deliveries == 2);
		for (uint32_t i = 0; i < batch.count; i++)
			note_key(SLUICE_EVENTS(&batch, uint64_t)[i], shift);
		visitor_count(&batch);
		while (sluice_load_acquire(&visited->count) >= most)
			visitor_stays(1);
	}
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static inline void first_reads(void)
{
	reads_keys("reader", 0, 500);
}

static inline void other_reads(void)
{
	reads_keys("other", KEYS, UINT32_MAX);
}

static inline void dies_welcomed(void)
{
	struct attach attach = ATTACH_NONE;
	struct wire_hello hello;
	int rc;

	wire_init(&hello, WIRE_HELLO, sizeof(hello));
	hello.role = WIRE_CONSUMER;
	hello.max_demand = 64;
	(void)strcpy(hello.pipeline, "test");
	(void)strcpy(hello.peer, "reader");
	(void)strcpy(hello.from, "source");
	/* What the first had in hand has to be settled. */
	do
		rc = attach_open(&attach, &hello, visitor_folder,
				 attach_due(TEST_DEADLINE_MS));
	while (rc == -EAGAIN);
	VISITOR_MUST(rc == 0);
	visitor_stays(2);
}

/* ---- one dies ----------------------------------------------------------------------- */

static inline void await_phase(enum sluice_sub_phase phase)
{
	visitor_await_phase("reader", phase);
}

/* It has something in hand. */
static inline void first_goes(struct visitor *first)
{
	visitor_go(first);
	child_await(&visited->stage, 1);
}

/* And dies, and its place is kept. */
static inline void first_goes_away(struct visitor *first)
{
	first_goes(first);
	visitor_kill(first);
	await_phase(SLUICE_SUB_HELD);
}

#endif
