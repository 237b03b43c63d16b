/* SPDX-License-Identifier: Apache-2.0 */
/* What was written down of the messages: docs/format.md, and the seeds of a fuzzer. */
#include "engine/link/far_words_priv.h"
#include "engine/link/subscription_priv.h"
#include "engine/peer/board_priv.h"
#include "engine/peer/wire_priv.h"
#include "ring/counter.h"
#include "ring/latency.h"
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

/* Of a struct under another heading. */
#define PART(heading, type, field)                                             \
	{                                                                      \
		(heading), #field, offsetof(struct type, field),               \
			sizeof(((struct type *)0)->field)                      \
	}
#define PRODUCERS(field)   PART("words of the producer", sluice_tx_words, field)
#define CONSUMERS(field)   PART("words of the consumer", sluice_rx_words, field)
#define LATENCY(field)     PART("latencies", sluice_latency, field)
#define REGION(field)      PART("region", sluice_region_header, field)
#define DIRECTORY(field)   PART("directory", sluice_region_object, field)
#define BOARD(type, field) PART("board", board_##type, field)

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
	PRODUCERS(published),
	PRODUCERS(closed),
	PRODUCERS(stamped),
	PRODUCERS(stamped_ns),
	PRODUCERS(pad),
	CONSUMERS(granted),
	CONSUMERS(acked),
	CONSUMERS(batches),
	CONSUMERS(high),
	CONSUMERS(pad),
	LATENCY(count),
	LATENCY(highest),
	LATENCY(bucket),
	LATENCY(pad),
	REGION(magic),
	REGION(byte_order),
	REGION(format_major),
	REGION(format_minor),
	REGION(features_required),
	REGION(features_optional),
	REGION(header_bytes),
	REGION(page_bytes),
	REGION(line_bytes),
	REGION(object_count),
	REGION(region_bytes),
	REGION(owner),
	REGION(resv),
	DIRECTORY(name),
	DIRECTORY(kind),
	DIRECTORY(unit),
	DIRECTORY(offset),
	DIRECTORY(bytes),
	DIRECTORY(resv),
	PART("bells and fences", sluice_bell, parked),
	PART("bells and fences", sluice_fences, kind),
	PART("marks", notes, filled),
	PART("stream", far_stream, begun),
	PART("stream", far_stream, closed),
	PART("stream", far_stream, start),
	PART("stream", far_stream, end),
	BOARD(geometry, face_bytes),
	BOARD(geometry, stage_bytes),
	BOARD(geometry, sub_bytes),
	BOARD(geometry, stages_max),
	BOARD(geometry, subs_max),
	BOARD(geometry, resv),
	BOARD(face, name),
	BOARD(face, time_ns),
	BOARD(face, phase),
	BOARD(face, stage_count),
	BOARD(face, sub_count),
	BOARD(stage, name),
	BOARD(stage, dispatcher),
	BOARD(stage, held_up_by),
	BOARD(stage, held_index),
	BOARD(stage, held_generation),
	BOARD(stage, serial),
	BOARD(stage, counts),
	BOARD(stage, resv),
	BOARD(sub, consumer),
	BOARD(sub, producer),
	BOARD(sub, carried),
	BOARD(sub, counts),
	BOARD(sub, latency),
	BOARD(sub, resv),
};

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	static char text[1 << 17];
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	return text;
}

/* Behind "### hello" there is the line "| 40 | 64 | `pipeline` |", or such a beginning. */
static void expect_line(const char *page, const char *heading, const char *row)
{
	char line[128];
	const char *at;
	const char *end;
	const char *found;

	(void)snprintf(line, sizeof(line), "\n### %s\n", heading);
	at = strstr(page, line);
	if (at == NULL)
		fail_msg("docs/format.md: no '%s'", heading);
	end = strstr(at + 1, "\n### ");
	(void)snprintf(line, sizeof(line), "\n%s", row);
	found = strstr(at, line);
	if (found == NULL || (end != NULL && found > end))
		fail_msg("docs/format.md: %s has no line '%s'", heading, row);
}

static void expect_field(const char *page, const struct format_row *row)
{
	char line[96];

	(void)snprintf(line, sizeof(line), "| %zu | %zu | `%s` |", row->offset,
		       row->bytes, row->field);
	expect_line(page, row->message, line);
}

static void the_page_has_every_byte(void **state)
{
	const char *page = file_read(SLUICE_SOURCE_DIR "/docs/format.md");

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(format_rows); i++)
		expect_field(page, &format_rows[i]);
}

/* Tables whose rows are elements of an array. */
static void the_page_has_every_element(void **state)
{
	const char *page = file_read(SLUICE_SOURCE_DIR "/docs/format.md");
	static const struct format_row note[] = {
		PART("marks", note, from),
		PART("marks", note, to),
		PART("marks", note, deliveries),
	};
	char line[64];

	(void)state;
	for (uint32_t i = 0; i < SLUICE_COUNTER_COUNT; i++) {
		const struct format_row row = {
			"counters", sluice_counter_label(i),
			i * sizeof(sluice_a64), sizeof(sluice_a64)};

		expect_field(page, &row);
	}
	for (size_t i = 0; i < UNIT_COUNT(note); i++) {
		(void)snprintf(
			line, sizeof(line), "| %zu + %zu n | %zu | `%s` |",
			offsetof(struct notes, note) + note[i].offset,
			sizeof(struct note), note[i].bytes, note[i].field);
		expect_line(page, "marks", line);
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
		cmocka_unit_test(the_page_has_every_element),
		cmocka_unit_test(the_seeds_are_messages),
	};

	return cmocka_run_group_tests_name("wire_page", tests, NULL, NULL);
}
