/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of an event is XXH3 of its field, or of the whole event, whatever the
 * length: pipelines of several processes and versions deal by it.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/link/key_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EVENT_MAX 300u
#define OFFSET    3u

static unsigned char event[EVENT_MAX + OFFSET];

static void fill(void)
{
	for (uint32_t i = 0; i < sizeof(event); i++)
		event[i] = (unsigned char)(i * 37 + 11);
}

static void of_a_field(void **state)
{
	(void)state;
	fill();
	for (uint32_t n = 1; n <= EVENT_MAX; n++) {
		struct key_field field = {OFFSET, n};
		sluice_key_fn key_of = key_of_field(&field, sizeof(event));

		assert_int_equal(key_of(event, sizeof(event), &field),
				 XXH3_64bits(event + OFFSET, n));
	}
}

static void of_a_whole_event(void **state)
{
	(void)state;
	fill();
	for (uint32_t n = 1; n <= EVENT_MAX; n++) {
		struct key_field field = {0, 0};
		sluice_key_fn key_of = key_of_field(&field, n);

		assert_int_equal(key_of(event, n, &field),
				 XXH3_64bits(event, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_field),
		cmocka_unit_test(of_a_whole_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
