/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file keys.h
 * The keys of the events that a strategy decides for, one after the other. A key that
 * is a field of its event is found out together with those that follow, which is
 * cheaper; a user's function is called for each event when its turn comes.
 */
#ifndef SLUICE_DISPATCH_KEYS_H
#define SLUICE_DISPATCH_KEYS_H

#include "dispatch.h"

/** Keys that are found out at once. */
#define SLUICE_KEYS_ROW 64u

/** Where keys come from. */
struct sluice_keys {
	sluice_key_fn key_of;
	sluice_keys_fn keys_of; /* NULL: there is only the other */
	void *ctx;
};

/** The keys of a row of events, as far as they are known. */
struct sluice_key_row {
	const unsigned char *event; /* the first whose key is not */
	uint32_t bytes;             /* of an event */
	uint32_t left;              /* events from there on */
	uint32_t at;                /* the key that is next */
	uint32_t count;
	uint64_t key[SLUICE_KEYS_ROW];
};

static inline struct sluice_keys
sluice_keys_from(const struct sluice_dispatch_opts *opts)
{
	struct sluice_keys keys;

	keys.key_of = opts->key_of;
	keys.keys_of = opts->keys_of;
	keys.ctx = opts->key_ctx;
	return keys;
}

static inline void sluice_key_row_begin(struct sluice_key_row *row,
					const struct sluice_events *events)
{
	row->event = events->first;
	row->bytes = events->bytes;
	row->left = events->count;
	row->at = 0;
	row->count = 0;
}

static inline uint64_t sluice_key_row_next(struct sluice_key_row *row,
					   const struct sluice_keys *keys)
{
	uint32_t n;

	if (SLUICE_LIKELY(row->at < row->count))
		return row->key[row->at++];
	if (keys->keys_of == NULL) {
		const unsigned char *event = row->event;

		row->event += row->bytes;
		return keys->key_of(event, row->bytes, keys->ctx);
	}
	n = row->left < SLUICE_KEYS_ROW ? row->left : SLUICE_KEYS_ROW;
	keys->keys_of(row->event, row->bytes, n, keys->ctx, row->key);
	row->event += (size_t)n * row->bytes;
	row->left -= n;
	row->count = n;
	row->at = 1;
	return row->key[0];
}

#endif
