/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/key_priv.h"

uint64_t key_of_bytes(const void *event, uint32_t bytes, void *ctx)
{
	const struct key_field *field = ctx;
	uint64_t key;

	if (field->bytes == 0)
		key = XXH3_64bits(event, bytes);
	else
		key = XXH3_64bits((const unsigned char *)event + field->offset,
				  field->bytes);
	/* SLUICE_KEY_NONE is an answer only a user's function may give. */
	return key == SLUICE_KEY_NONE ? 0 : key;
}
