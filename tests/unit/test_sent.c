/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/listen.h"
#include "engine/peer/sent_priv.h"
#include "tests/support/unit.h"

#include <stdio.h>

static void a_name_has_what_all_of_that_name_have_sent(void **state)
{
	struct sent sent = {.count = 0};

	(void)state;
	assert_int_equal(sent_of(&sent, "a"), 0);
	sent_add(&sent, "a", 3);
	sent_add(&sent, "b", 5);
	sent_add(&sent, "a", 4);
	assert_int_equal(sent_of(&sent, "a"), 7);
	assert_int_equal(sent_of(&sent, "b"), 5);
	assert_int_equal(sent_of(&sent, "c"), 0);
	sent_forget(&sent);
	assert_int_equal(sent_of(&sent, "a"), 0);
	sent_forget(&sent);
}

/* And none but that one. */
static void the_first_name_makes_room(void **state)
{
	struct sent sent = {.count = 0};
	char name[16];

	(void)state;
	for (uint32_t i = 0; i <= SLUICE_PEERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "peer-%u", i);
		sent_add(&sent, name, i + 1);
	}
	assert_int_equal(sent_of(&sent, "peer-0"), 0);
	for (uint32_t i = 1; i <= SLUICE_PEERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "peer-%u", i);
		assert_int_equal(sent_of(&sent, name), i + 1);
	}
	sent_forget(&sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_what_all_of_that_name_have_sent),
		cmocka_unit_test(the_first_name_makes_room),
	};

	return cmocka_run_group_tests_name("sent", tests, NULL, NULL);
}
