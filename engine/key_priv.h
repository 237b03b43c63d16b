/* SPDX-License-Identifier: Apache-2.0 */
/* The default key of an event: a hash of its declared key field, or of all its
 * bytes. Not installed. */
#ifndef SLUICE_ENGINE_KEY_PRIV_H
#define SLUICE_ENGINE_KEY_PRIV_H

#include "../dispatch/dispatch.h"

struct key_field {
	uint32_t offset;
	uint32_t bytes; /* 0: the whole event */
};

/* A sluice_key_fn; @ctx is a struct key_field. */
uint64_t key_of_bytes(const void *event, uint32_t bytes, void *ctx);

#endif
