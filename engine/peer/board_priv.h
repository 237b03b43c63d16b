/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A board: what sluice_pipeline_stat() says of a pipeline, in memory that its engine
 * writes and other processes only read. docs/format.md has every byte. Of board.c. Not
 * installed.
 *
 *     geometry   how large the rest is; written before anybody is given it
 *     version    odd while the rest is being written, and how often it was
 *     face       the pipeline, and how many rows there are
 *     stages     rows
 *     subscriptions
 *
 * It is under a sequence lock (ring/seqlock_priv.h): the listener's thread writes, and
 * observers read. One that is late has what was true then, and its time beside it.
 *
 * Nothing that is read is believed: counts are cut to the geometry, which is looked at
 * once and must fit the memory; names are ended, and hold nothing that a terminal
 * would heed; a number that is no kind or phase is the highest there is.
 *
 * Knows      snapshots, words
 * Knows not  who reads or writes them when
 */
#ifndef SLUICE_ENGINE_PEER_BOARD_PRIV_H
#define SLUICE_ENGINE_PEER_BOARD_PRIV_H

#include "engine/snapshot.h"

/* About how often it is written. */
#define BOARD_NS UINT64_C(100000000)

struct board_geometry {
	uint32_t face_bytes;
	uint32_t stage_bytes; /* of a row */
	uint32_t sub_bytes;
	uint32_t stages_max; /* rows there is room for */
	uint32_t subs_max;
	uint32_t resv[27]; /* zero */
};

struct board_face {
	char name[SLUICE_NAME_BYTES];
	uint64_t time_ns;
	uint32_t phase;
	uint32_t stage_count;
	uint32_t sub_count;
	uint32_t resv32;
	uint64_t resv[5];
};

struct board_stage {
	char name[SLUICE_NAME_BYTES];
	char dispatcher[SLUICE_NAME_BYTES];
	char held_up_by[SLUICE_NAME_BYTES];
	uint32_t kind;
	uint32_t phase;
	uint32_t port;
	uint32_t blocking;
	uint32_t worker;
	int32_t cpu;
	uint32_t doing;
	uint32_t held_index; /* UINT32_MAX: no subscription */
	uint32_t held_generation;
	uint32_t copy_method;
	uint64_t serial;
	struct sluice_stage_stats counts;
	uint64_t working_ns;
	uint64_t idle_ns;
	uint64_t no_credit_ns;
	uint64_t blocked_ns;
	uint64_t resv[6];
};

struct board_sub {
	char consumer[SLUICE_NAME_BYTES];
	char producer[SLUICE_NAME_BYTES];
	uint32_t phase;
	uint32_t kind;
	uint32_t inlet;
	uint32_t window;
	uint32_t manual;
	uint32_t index;
	uint32_t generation;
	uint32_t window_most;
	uint64_t carried;
	struct sluice_subscription_stats counts;
	struct sluice_latency_stats latency;
	uint64_t resv[5];
};

SLUICE_STATIC_ASSERT(sizeof(struct board_geometry) == 128 &&
			     sizeof(struct board_face) == 128 &&
			     sizeof(struct sluice_stage_stats) == 192 &&
			     sizeof(struct board_stage) == 512 &&
			     sizeof(struct sluice_subscription_stats) == 64 &&
			     sizeof(struct sluice_latency_stats) == 48 &&
			     sizeof(struct board_sub) == 320,
		     "a board is part of the format");

/* Where it lies; rows may be longer than those above. */
struct board {
	struct board_geometry geometry;
	sluice_a64 *version;
	sluice_a64 *words; /* of the face, and of all behind it */
};

#define BOARD_VERSION_AT sizeof(struct board_geometry)
#define BOARD_FACE_AT    (BOARD_VERSION_AT + SLUICE_LINE_BYTES)

/* With room for so many. */
uint64_t board_bytes(uint32_t stages_max, uint32_t subs_max);

/* ---- the engine ------------------------------------------------------------ */

/* Put one there, in zeroed memory of board_bytes(). */
void board_format(struct board *board, void *memory, uint32_t stages_max,
		  uint32_t subs_max);
int board_has_room(const struct board *board,
		   const struct sluice_snapshot *snapshot);
/* Needs room. Threads: one. */
void board_write(struct board *board, const struct sluice_snapshot *snapshot);

/* ---- an observer ------------------------------------------------------------ */

/* Look at the geometry of one in @bytes of memory. Returns 0 or -EPROTO. */
int board_find(struct board *board, void *memory, uint64_t bytes);
/* What stands there, if that is newer than version *@seen, which goes on. Returns 0;
 * -EAGAIN when it is not, or is just being written; -ENOMEM. */
int board_read(const struct board *board, uint64_t *seen,
	       struct sluice_snapshot **out);

#endif
