/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default key of an event: a hash of its declared key field, or of all its
 * bytes. Of key.c. Not installed.
 *
 * Knows      bytes of one event
 * Knows not  what strategies do with keys
 */
#ifndef SLUICE_ENGINE_KEY_PRIV_H
#define SLUICE_ENGINE_KEY_PRIV_H

#include "dispatch/dispatch.h"

#include <stddef.h>

struct key_field {
	uint32_t offset;
	uint32_t bytes; /* 0: the whole event */
};

/* Does the field lie in an event of @event_bytes, and is it the one thing that
 * says what the key is? Returns 0, or -EINVAL with the sentence in @why. */
int key_field_check(const struct key_field *field, sluice_key_fn key_of,
		    uint32_t event_bytes, char *why, size_t why_bytes);

/* What tells the key of an event, and the keys of many. */
struct key_fns {
	sluice_key_fn one;
	sluice_keys_fn many;
};

/* Those of events of @event_bytes, with @field as their context. */
struct key_fns key_fns_of(const struct key_field *field, uint32_t event_bytes);

#endif
