/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/snapshot_priv.h"
#include "engine/peer/board_priv.h"
#include "ring/base_priv.h"
#include "ring/seqlock_priv.h"

#include <errno.h>
#include <string.h>

/* Longest row that a later engine may have, bytes. */
#define ROW_BYTES_MAX 4096u
/* How often a reader that is overtaken by the writer tries anew. */
#define TRIES_MAX 4u

/* ---- where things lie -------------------------------------------------------- */

static uint64_t geometry_bytes(const struct board_geometry *g)
{
	return BOARD_FACE_AT + (uint64_t)g->face_bytes +
	       (uint64_t)g->stages_max * g->stage_bytes +
	       (uint64_t)g->subs_max * g->sub_bytes;
}

static struct board_geometry geometry_of(uint32_t stages_max, uint32_t subs_max)
{
	return (struct board_geometry){
		.face_bytes = sizeof(struct board_face),
		.stage_bytes = sizeof(struct board_stage),
		.sub_bytes = sizeof(struct board_sub),
		.stages_max = stages_max,
		.subs_max = subs_max,
	};
}

uint64_t board_bytes(uint32_t stages_max, uint32_t subs_max)
{
	struct board_geometry g = geometry_of(stages_max, subs_max);

	return geometry_bytes(&g);
}

static void board_at(struct board *board, const struct board_geometry *geometry,
		     void *memory)
{
	unsigned char *base = memory;

	board->geometry = *geometry;
	board->version = (sluice_a64 *)(void *)(base + BOARD_VERSION_AT);
	board->words = (sluice_a64 *)(void *)(base + BOARD_FACE_AT);
}

static sluice_a64 *board_stage_at(const struct board *board, uint32_t i)
{
	const struct board_geometry *g = &board->geometry;

	return board->words + (g->face_bytes + (uint64_t)i * g->stage_bytes) /
				      sizeof(uint64_t);
}

static sluice_a64 *board_sub_at(const struct board *board, uint32_t i)
{
	return board_stage_at(board, board->geometry.stages_max) +
	       (uint64_t)i * board->geometry.sub_bytes / sizeof(uint64_t);
}

/* ---- writing --------------------------------------------------------------------- */

static void words_put(sluice_a64 *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
		uint64_t word;

		memcpy(&word, (const char *)from + i * sizeof(word),
		       sizeof(word));
		seqlock_put(&to[i], word);
	}
}

static struct board_stage stage_shown(const struct sluice_stage_snapshot *row)
{
	struct board_stage shown = {
		.kind = (uint32_t)row->kind,
		.phase = (uint32_t)row->phase,
		.port = row->port,
		.blocking = row->blocking,
		.worker = row->worker,
		.cpu = row->cpu,
		.copy_method = row->copy_method,
		.doing = (uint32_t)row->time.doing,
		.held_index = row->held_up_at.pipeline != NULL
				      ? row->held_up_at.index
				      : UINT32_MAX,
		.held_generation = row->held_up_at.generation,
		.serial = row->serial,
		.counts = row->counts,
		.working_ns = row->time.working_ns,
		.idle_ns = row->time.idle_ns,
		.no_credit_ns = row->time.no_credit_ns,
		.blocked_ns = row->time.blocked_ns,
	};

	memcpy(shown.name, row->name, sizeof(shown.name));
	memcpy(shown.dispatcher, row->dispatcher, sizeof(shown.dispatcher));
	memcpy(shown.held_up_by, row->held_up_by, sizeof(shown.held_up_by));
	return shown;
}

static struct board_sub
sub_shown(const struct sluice_subscription_snapshot *row)
{
	struct board_sub shown = {
		.phase = (uint32_t)row->phase,
		.kind = (uint32_t)row->kind,
		.inlet = row->inlet,
		.window = row->window,
		.window_most = row->window_most,
		.manual = row->manual,
		.index = row->sub.index,
		.generation = row->sub.generation,
		.carried = row->carried,
		.counts = row->counts,
		.latency = row->latency,
	};

	memcpy(shown.consumer, row->consumer, sizeof(shown.consumer));
	memcpy(shown.producer, row->producer, sizeof(shown.producer));
	return shown;
}

void board_format(struct board *board, void *memory, uint32_t stages_max,
		  uint32_t subs_max)
{
	struct board_geometry g = geometry_of(stages_max, subs_max);

	memcpy(memory, &g, sizeof(g));
	board_at(board, &g, memory);
}

int board_has_room(const struct board *board, const struct sluice_snapshot *s)
{
	return s->stage_count <= board->geometry.stages_max &&
	       s->subscription_count <= board->geometry.subs_max;
}

void board_write(struct board *board, const struct sluice_snapshot *s)
{
	struct board_face face = {
		.time_ns = s->time_ns,
		.phase = (uint32_t)s->phase,
		.stage_count = s->stage_count,
		.sub_count = s->subscription_count,
	};
	uint64_t begun;

	memcpy(face.name, s->name, sizeof(face.name));
	begun = seqlock_begin(board->version);
	words_put(board->words, &face, sizeof(face));
	for (uint32_t i = 0; i < s->stage_count; i++) {
		struct board_stage row = stage_shown(s->stages[i]);

		words_put(board_stage_at(board, i), &row, sizeof(row));
	}
	for (uint32_t i = 0; i < s->subscription_count; i++) {
		struct board_sub row = sub_shown(s->subscriptions[i]);

		words_put(board_sub_at(board, i), &row, sizeof(row));
	}
	seqlock_end(board->version, begun);
}

/* ---- reading ----------------------------------------------------------------------- */

static int geometry_row_fits(uint32_t bytes, size_t least)
{
	return bytes >= least && bytes <= ROW_BYTES_MAX &&
	       bytes % sizeof(uint64_t) == 0;
}

int board_find(struct board *board, void *memory, uint64_t bytes)
{
	struct board_geometry g;

	if (bytes < BOARD_FACE_AT)
		return sluice_fail(-EPROTO,
				   "board: %llu bytes are too few for one",
				   (unsigned long long)bytes);
	memcpy(&g, memory, sizeof(g)); /* once */
	if (!geometry_row_fits(g.face_bytes, sizeof(struct board_face)) ||
	    !geometry_row_fits(g.stage_bytes, sizeof(struct board_stage)) ||
	    !geometry_row_fits(g.sub_bytes, sizeof(struct board_sub)))
		return sluice_fail(-EPROTO,
				   "board: rows of %u, %u and %u bytes are not "
				   "known here",
				   g.face_bytes, g.stage_bytes, g.sub_bytes);
	if (geometry_bytes(&g) > bytes)
		return sluice_fail(-EPROTO,
				   "board: %u stages and %u subscriptions do "
				   "not fit its %llu bytes",
				   g.stages_max, g.subs_max,
				   (unsigned long long)bytes);
	board_at(board, &g, memory);
	return 0;
}

static void words_take(void *to, const sluice_a64 *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++) {
		uint64_t word = seqlock_take(&from[i]);

		memcpy((char *)to + i * sizeof(word), &word, sizeof(word));
	}
}

/* People see it, on terminals. */
static void name_take(char to[SLUICE_NAME_BYTES],
		      const char from[SLUICE_NAME_BYTES])
{
	memcpy(to, from, SLUICE_NAME_BYTES);
	to[SLUICE_NAME_BYTES - 1] = '\0';
	for (char *c = to; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static uint32_t at_most(uint32_t value, uint32_t most)
{
	return value < most ? value : most;
}

static void stage_take(struct sluice_stage_snapshot *row,
		       const struct board_stage *shown)
{
	struct sluice_times *time = &row->time;

	row->size = sizeof(*row);
	row->kind =
		(enum sluice_stage_kind)at_most(shown->kind, SLUICE_CONSUMER);
	row->phase =
		(enum sluice_phase)at_most(shown->phase, SLUICE_PHASE_ENDED);
	row->port = shown->port;
	row->blocking = shown->blocking;
	row->worker = shown->worker;
	row->cpu = shown->cpu;
	row->copy_method = at_most(shown->copy_method, SLUICE_COPY_METHODS - 1);
	row->serial = shown->serial;
	row->counts = shown->counts;
	time->working_ns = shown->working_ns;
	time->idle_ns = shown->idle_ns;
	time->no_credit_ns = shown->no_credit_ns;
	time->blocked_ns = shown->blocked_ns;
	time->lived_ns = time->working_ns + time->idle_ns + time->no_credit_ns +
			 time->blocked_ns;
	time->doing =
		(enum sluice_doing)at_most(shown->doing, SLUICE_DOING_BLOCKED);
	row->held_up_at.index = shown->held_index;
	row->held_up_at.generation = shown->held_generation;
	name_take(row->name, shown->name);
	name_take(row->dispatcher, shown->dispatcher);
	name_take(row->held_up_by, shown->held_up_by);
}

static void sub_take(struct sluice_subscription_snapshot *row,
		     const struct board_sub *shown)
{
	row->size = sizeof(*row);
	row->phase =
		(enum sluice_sub_phase)at_most(shown->phase, SLUICE_SUB_HELD);
	row->kind =
		(enum sluice_sub_kind)at_most(shown->kind, SLUICE_SUB_CONFLATE);
	row->inlet = shown->inlet;
	row->window = shown->window;
	row->window_most = shown->window_most;
	row->manual = shown->manual;
	row->sub.index = shown->index;
	row->sub.generation = shown->generation;
	row->carried = shown->carried;
	row->counts = shown->counts;
	row->latency = shown->latency;
	name_take(row->consumer, shown->consumer);
	name_take(row->producer, shown->producer);
}

static struct snapshot *board_take(const struct board *board)
{
	const struct board_geometry *g = &board->geometry;
	struct board_face face;
	struct snapshot *s;
	uint32_t stages;
	uint32_t subs;

	words_take(&face, board->words, sizeof(face));
	stages = at_most(face.stage_count, g->stages_max);
	subs = at_most(face.sub_count, g->subs_max);
	s = snapshot_open(stages, subs);
	if (s == NULL)
		return NULL;
	s->face.phase =
		(enum sluice_phase)at_most(face.phase, SLUICE_PHASE_ENDED);
	s->face.time_ns = face.time_ns;
	name_take(s->face.name, face.name);
	for (uint32_t i = 0; i < stages; i++) {
		struct board_stage row;

		words_take(&row, board_stage_at(board, i), sizeof(row));
		stage_take(snapshot_add_stage(s), &row);
	}
	for (uint32_t i = 0; i < subs; i++) {
		struct board_sub row;

		words_take(&row, board_sub_at(board, i), sizeof(row));
		sub_take(snapshot_add_sub(s), &row);
	}
	return s;
}

int board_read(const struct board *board, uint64_t *seen,
	       struct sluice_snapshot **out)
{
	for (uint32_t i = 0; i < TRIES_MAX; i++) {
		uint64_t version = seqlock_look(board->version);
		struct snapshot *s;

		if (version % 2 != 0 || version == *seen)
			return -EAGAIN;
		s = board_take(board);
		if (s == NULL)
			return sluice_fail(-ENOMEM, "board: no memory for what "
						    "stands there");
		if (seqlock_held(board->version, version)) {
			*seen = version;
			*out = &s->face;
			return 0;
		}
		sluice_snapshot_close(&s->face);
	}
	return -EAGAIN;
}
