/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lesson 5: count the words of a file.
 *
 *     05_wordcount [FILE [COUNTERS]]
 *
 *     reader ──demand──> splitter ──partition by word──> counter-0 .. counter-N
 *
 * A word is a run of letters A-Z a-z, in lower case. Equal words meet at one
 * counter, so each keeps a table of its own and no lock. Prints what
 *
 *     tr -cs A-Za-z '\n' < FILE | tr A-Z a-z | grep . | sort | uniq -c
 *
 * prints, in the C locale.
 */
#include <sluice/sluice.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_DEFAULT                                                           \
	"/usr/share/common-licenses/GPL-3" /* Debian's base-files */
#define WORD_BYTES   128
#define CHUNK_BYTES  1024
#define COUNTERS_MAX 64

/* A piece of text that begins and ends between words. */
struct chunk {
	uint32_t bytes;
	char text[CHUNK_BYTES - sizeof(uint32_t)];
};

/* A word, padded with zeros: the whole event is its key. */
struct word {
	char text[WORD_BYTES];
};

struct reader {
	const char *path;
	FILE *file;
	char rest[WORD_BYTES]; /* the word that the last read cut in two */
	uint32_t rest_bytes;
};

struct entry {
	struct word word;
	uint64_t count;
};

/* Open addressing; capacity is a power of two. */
struct table {
	struct entry *entries;
	uint64_t capacity;
	uint64_t used;
};

static int is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* ---- reader ---- */

static int too_long(void)
{
	(void)fprintf(stderr,
		      "05_wordcount: a word is over the limit of %d letters\n",
		      WORD_BYTES - 1);
	return -EINVAL;
}

static int cannot_read(const struct reader *reader)
{
	int code = errno;

	(void)fprintf(stderr, "05_wordcount: %s: %s\n", reader->path,
		      strerror(code));
	return -code;
}

/* Fill one chunk; keep back the word that its end may have cut. */
static int read_chunk(struct reader *reader, struct chunk *chunk)
{
	size_t end;
	size_t n;

	memset(chunk, 0, sizeof(*chunk));
	memcpy(chunk->text, reader->rest, reader->rest_bytes);
	n = fread(chunk->text + reader->rest_bytes, 1,
		  sizeof(chunk->text) - reader->rest_bytes, reader->file);
	if (ferror(reader->file))
		return cannot_read(reader);
	end = reader->rest_bytes + n;
	reader->rest_bytes = 0;
	chunk->bytes = (uint32_t)end;
	if (feof(reader->file))
		return 0;
	while (end > 0 && is_letter(chunk->text[end - 1]))
		end--;
	reader->rest_bytes = chunk->bytes - (uint32_t)end;
	if (reader->rest_bytes >= WORD_BYTES)
		return too_long();
	memcpy(reader->rest, chunk->text + end, reader->rest_bytes);
	chunk->bytes = (uint32_t)end;
	return 0;
}

static int read_file(struct sluice_stage *self, uint32_t demand)
{
	struct reader *reader = sluice_stage_state(self);

	for (uint32_t i = 0; i < demand; i++) {
		int rc = read_chunk(reader, sluice_emit(self, 1));

		if (rc < 0)
			return rc;
		if (feof(reader->file))
			return SLUICE_END;
	}
	return SLUICE_OK;
}

/* ---- splitter ---- */

static int split_chunk(struct sluice_stage *self, const struct chunk *chunk)
{
	uint32_t at = 0;

	while (at < chunk->bytes) {
		struct word *word;
		uint32_t n = 0;

		while (at < chunk->bytes && !is_letter(chunk->text[at]))
			at++;
		while (at + n < chunk->bytes && is_letter(chunk->text[at + n]))
			n++;
		if (n == 0)
			break;
		if (n >= WORD_BYTES)
			return too_long();
		word = sluice_emit(self, 1);
		memset(word, 0, sizeof(*word));
		for (uint32_t i = 0; i < n; i++)
			word->text[i] = (char)(chunk->text[at + i] | 0x20);
		at += n;
	}
	return SLUICE_OK;
}

static int split(struct sluice_stage *self, const struct sluice_batch *batch)
{
	int rc = SLUICE_OK;

	for (uint32_t i = 0; rc == 0 && i < batch->count; i++)
		rc = split_chunk(self, &SLUICE_EVENTS(batch, struct chunk)[i]);
	return rc;
}

/* ---- counters ---- */

static uint64_t hash_word(const struct word *word)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (const char *c = word->text; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return hash ^ (hash >> 32);
}

static struct entry *table_find(const struct table *table,
				const struct word *word)
{
	uint64_t at = hash_word(word) & (table->capacity - 1);

	while (table->entries[at].count > 0 &&
	       strcmp(table->entries[at].word.text, word->text) != 0)
		at = (at + 1) & (table->capacity - 1);
	return &table->entries[at];
}

static int table_grow(struct table *table)
{
	struct table bigger = {
		.capacity = table->capacity ? 2 * table->capacity : 1024,
		.used = table->used,
	};

	bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
	if (bigger.entries == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < table->capacity; i++)
		if (table->entries[i].count > 0)
			*table_find(&bigger, &table->entries[i].word) =
				table->entries[i];
	free(table->entries);
	*table = bigger;
	return 0;
}

static int count(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct table *table = sluice_stage_state(self);
	const struct word *words = SLUICE_EVENTS(batch, struct word);

	for (uint32_t i = 0; i < batch->count; i++) {
		struct entry *entry;

		if (2 * table->used >= table->capacity) {
			int rc = table_grow(table);

			if (rc < 0)
				return rc;
		}
		entry = table_find(table, &words[i]);
		if (entry->count++ == 0) {
			entry->word = words[i];
			table->used++;
		}
	}
	return SLUICE_OK;
}

/* ---- the pipeline ---- */

static int declare(struct sluice_pipeline *p, struct reader *reader,
		   struct table *tables, uint32_t counters)
{
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "reader", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(struct chunk),
				.handle_demand = read_file, .state = reader,
				.blocking = 1));

	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "splitter",
					.kind = SLUICE_PRODUCER_CONSUMER,
					.in_bytes = sizeof(struct chunk),
					.out_bytes = sizeof(struct word),
					.handle_events = split,
					.fan_out_max = CHUNK_BYTES / 2,
					.batch_events = 4 * CHUNK_BYTES,
					.dispatcher = "partition"));
	if (rc == 0)
		rc = sluice_subscribe(p, "splitter", "reader",
				      SLUICE_SUBSCRIPTION(.max_demand = 64));
	for (uint32_t i = 0; rc == 0 && i < counters; i++) {
		char name[SLUICE_NAME_BYTES];

		(void)snprintf(name, sizeof(name), "counter-%u", i);
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(struct word),
					.handle_events = count,
					.state = &tables[i]));
		if (rc == 0)
			rc = sluice_subscribe(p, name, "splitter", NULL);
	}
	return rc;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->word.text,
		      ((const struct entry *)b)->word.text);
}

static int print_totals(const struct table *tables, uint32_t counters)
{
	struct entry *all;
	uint64_t used = 0;
	uint64_t n = 0;

	for (uint32_t i = 0; i < counters; i++)
		used += tables[i].used;
	all = calloc(used ? used : 1, sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < counters; i++)
		for (uint64_t at = 0; at < tables[i].capacity; at++)
			if (tables[i].entries[at].count > 0)
				all[n++] = tables[i].entries[at];
	qsort(all, n, sizeof(*all), compare_entries);
	for (uint64_t i = 0; i < n; i++)
		(void)printf("%7" PRIu64 " %s\n", all[i].count,
			     all[i].word.text);
	free(all);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int run(struct reader *reader, uint32_t counters)
{
	struct table tables[COUNTERS_MAX] = {0};
	struct sluice_pipeline *p = NULL;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = declare(p, reader, tables, counters);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		(void)fprintf(stderr, "05_wordcount: %s\n",
			      sluice_last_error());
	else
		rc = print_totals(tables, counters);
	sluice_pipeline_close(p);
	for (uint32_t i = 0; i < COUNTERS_MAX; i++)
		free(tables[i].entries);
	return rc < 0;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : FILE_DEFAULT;
	const char *number = argc > 2 ? argv[2] : "4";
	char *end;
	long counters = strtol(number, &end, 10);
	struct reader reader = {0};
	int rc;

	if (argc > 3 || end == number || *end != '\0' || counters < 1 ||
	    counters > COUNTERS_MAX) {
		(void)fprintf(stderr,
			      "05_wordcount: COUNTERS is a number in [1, %d]\n"
			      "usage: 05_wordcount [FILE [COUNTERS]]\n",
			      COUNTERS_MAX);
		return 2;
	}
	reader.path = path;
	reader.file = fopen(path, "r");
	if (reader.file == NULL) {
		(void)fprintf(stderr, "05_wordcount: %s: %s\n", path,
			      strerror(errno));
		return 1;
	}
	rc = run(&reader, (uint32_t)counters);
	(void)fclose(reader.file);
	return rc;
}
