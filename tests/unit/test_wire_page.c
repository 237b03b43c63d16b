/* SPDX-License-Identifier: Apache-2.0 */
/* What was written down of the messages: docs/format.md, and the seeds of a fuzzer. */
#include "engine/peer/wire_priv.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <stdio.h>

struct format_row {
	const char *message;
	const char *field;
	size_t offset;
	size_t bytes;
};

#define FIELD(message, field)                                                  \
	{                                                                      \
#message, #field, offsetof(struct wire_##message, field),      \
			sizeof(((struct wire_##message *)0)->field)            \
	}

static const struct format_row format_rows[] = {
	FIELD(head, magic),
	FIELD(head, byte_order),
	FIELD(head, major),
	FIELD(head, minor),
	FIELD(head, kind),
	FIELD(head, bytes),
	FIELD(head, features_required),
	FIELD(head, features_optional),
	FIELD(hello, role),
	FIELD(hello, flags),
	FIELD(hello, pipeline),
	FIELD(hello, peer),
	FIELD(hello, from),
	FIELD(hello, to),
	FIELD(hello, from_bytes),
	FIELD(hello, to_bytes),
	FIELD(hello, max_demand),
	FIELD(hello, min_demand),
	FIELD(hello, refill_events),
	FIELD(hello, weight),
	FIELD(hello, partition),
	FIELD(hello, tee),
	FIELD(hello, conflate_keys),
	FIELD(hello, key_offset),
	FIELD(hello, key_bytes),
	FIELD(hello, ring_events),
	FIELD(hello, resv),
	FIELD(welcome, epoch),
	FIELD(welcome, resume),
	FIELD(welcome, fences),
	FIELD(welcome, page_bytes),
	FIELD(welcome, memory_count),
	FIELD(welcome, object_count),
	FIELD(welcome, ring),
	FIELD(welcome, memory),
	FIELD(welcome, object),
	FIELD(welcome, resv),
	FIELD(ring, event_bytes),
	FIELD(ring, slot_bytes),
	FIELD(ring, capacity),
	FIELD(ring, resv),
	FIELD(ring, start),
	FIELD(memory, kind),
	FIELD(memory, rights),
	FIELD(memory, bytes),
	FIELD(object, kind),
	FIELD(object, memory),
	FIELD(object, side),
	FIELD(object, resv),
	FIELD(object, offset),
	FIELD(object, bytes),
	FIELD(word, code),
	FIELD(word, reason),
	FIELD(word, text),
	FIELD(ready, epoch),
	FIELD(ready, resv),
};

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	static char text[1 << 16];
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	return text;
}

/* "### hello" and, behind it, "| 40 | 64 | `pipeline` |". */
static void the_page_has_every_byte(void **state)
{
	const char *page = file_read(SLUICE_SOURCE_DIR "/docs/format.md");

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(format_rows); i++) {
		const struct format_row *row = &format_rows[i];
		char line[128];
		const char *at;
		const char *end;
		const char *found;

		(void)snprintf(line, sizeof(line), "\n### %s", row->message);
		at = strstr(page, line);
		if (at == NULL)
			fail_msg("docs/format.md: no '%s'", row->message);
		end = strstr(at + 1, "\n### ");
		(void)snprintf(line, sizeof(line), "\n| %zu | %zu | `%s` |",
			       row->offset, row->bytes, row->field);
		found = strstr(at, line);
		if (found == NULL || (end != NULL && found > end))
			fail_msg("docs/format.md: %s has no line '%s'",
				 row->message, line + 1);
	}
}

/* A fuzzer begins with them. */
static void the_seeds_are_messages(void **state)
{
	DIR *dir = opendir(SLUICE_SOURCE_DIR "/tests/fuzz/wire");
	int count = 0;

	(void)state;
	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		struct wire_hello hello;
		struct wire_welcome welcome;
		char path[512];
		const char *seed;

		(void)snprintf(path, sizeof(path), "%s/tests/fuzz/wire/%s",
			       SLUICE_SOURCE_DIR, e->d_name);
		if (strncmp(e->d_name, "hello-", 6) == 0) {
			seed = file_read(path);
			assert_int_equal(wire_hello_read(&hello, seed + 1,
							 sizeof(hello)),
					 0);
			count++;
		} else if (strncmp(e->d_name, "welcome-", 8) == 0) {
			seed = file_read(path);
			assert_int_equal(
				wire_welcome_read(&welcome, seed + 1,
						  sizeof(welcome),
						  (enum wire_role)(*seed - 3)),
				0);
			count++;
		}
	}
	(void)closedir(dir);
	assert_int_equal(count, 8);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_has_every_byte),
		cmocka_unit_test(the_seeds_are_messages),
	};

	return cmocka_run_group_tests_name("wire_page", tests, NULL, NULL);
}
