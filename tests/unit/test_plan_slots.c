/* SPDX-License-Identifier: Apache-2.0 */
/* Where the rings of a stage lie: not all on the same lines of their pages. */
#include "engine/graph/plan_priv.h"
#include "tests/support/unit.h"

#define PAGE   UINT64_C(4096)
#define PLACES ((uint32_t)(PAGE / SLUICE_LINE_BYTES))
#define SLOTS  64u
#define BYTES  24u

static struct sluice_region region;
static struct sluice_stage stage = {.opts = {.out_bytes = BYTES}};

static int tear_down(void **state)
{
	(void)state;
	sluice_region_close(&region);
	return 0;
}

/* As many as @rings fit what they are said to take. */
static void open_for(uint32_t rings)
{
	assert_int_equal(
		sluice_region_open(
			&region, "stage",
			sluice_region_footprint(rings) +
				rings * plan_slots_bytes(&stage, SLOTS),
			rings),
		0);
}

static void each_begins_elsewhere(void **state)
{
	uint8_t begun[PLACES] = {0};

	(void)state;
	open_for(2 * PLACES);
	for (uint32_t i = 0; i < 2 * PLACES; i++) {
		sluice_slot *slots;
		uint64_t at;

		assert_int_equal(plan_slots(&region, i, SLOTS, BYTES, &slots),
				 0);
		at = (uint64_t)(uintptr_t)slots % PAGE;
		assert_int_equal(at % SLUICE_LINE_BYTES, 0);
		/* All places have had one before one has its second. */
		assert_int_equal(begun[at / SLUICE_LINE_BYTES]++, i / PLACES);
	}
}

static void the_region_is_full(void **state)
{
	sluice_slot *slots = NULL;

	(void)state;
	open_for(1);
	assert_int_equal(plan_slots(&region, 1, SLOTS, BYTES, &slots), 0);
	slots = NULL;
	assert_int_equal(plan_slots(&region, 2, SLOTS, BYTES, &slots), -ENOSPC);
	assert_null(slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_begins_elsewhere, tear_down),
		cmocka_unit_test_teardown(the_region_is_full, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
