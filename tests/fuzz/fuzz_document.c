/* SPDX-License-Identifier: Apache-2.0 */
/* Files that people write for sluice run: whatever is in one, it is read by the
 * table, or refused with the name of the file in front. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"
#include "tools/sluice/document.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NUMBER_MOST 1000u

struct top {
	const yaml_node_t *map;
	const yaml_node_t *list;
};

struct said {
	const char *name;
	uint32_t number;
	uint32_t less;
	uint32_t word;
	uint32_t truth;
	void *symbol;
};

static const struct key top_key[] = {
	KEY_PLAIN(MAP, "map", top, map),
	KEY(LIST, "list", top, list, .is_required = 1),
};

static const struct key said_key[] = {
	KEY(NUMBER, "name", said, name, KEY_TEXT, .is_required = 1),
	KEY(NUMBER, "number", said, number,
	    .form = NUMBER_FORM(U32, 0, NUMBER_MOST, .word = "most",
				.worth = NUMBER_MOST),
	    KEY_ZERO(NUMBER_MOST)),
	KEY(NUMBER, "less", said, less, .form = NUMBER_FORM(U32, 0, 9),
	    .add = 1),
	KEY(WORD, "word", said, word, .word = {NULL, "this", "that"}),
	KEY(TRUTH, "truth", said, truth, .bits = 4),
	KEY_PLAIN(SYMBOL, "symbol", said, symbol),
};

static const struct keys top_keys = KEYS(top_key);
static const struct keys said_keys = KEYS(said_key);

static int read_one(struct document *document, const yaml_node_t *map,
		    const char *where)
{
	struct said said = {0};
	void *object = NULL;
	int rc = keys_read(&said_keys, document, map, where, &said, &object);

	if (rc < 0)
		return rc;
	MUST(said.name[0] != '\0' && said.number <= NUMBER_MOST);
	MUST(said.less <= 10 && said.word <= 2 && (said.truth & ~4u) == 0);
	MUST(said.symbol == NULL && object == NULL);
	/* As if the library had said so. */
	(void)cli_fail(-EINVAL, "'%.60s' and its number", said.name);
	return document_within_map(document, map, where);
}

static int read_all(struct document *document)
{
	struct top top = {NULL, NULL};
	const yaml_node_t *map;
	void *object = NULL;
	int rc = keys_read(&top_keys, document,
			   yaml_document_get_root_node(&document->yaml), "",
			   &top, &object);

	if (rc == 0 && top.map != NULL)
		(void)read_one(document, top.map, "map");
	for (uint32_t i = 0;
	     rc == 0 && (map = document_item(document, top.list, i)) != NULL;
	     i++)
		rc = read_one(document, map, text_format("list[%u]", i).at);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct document document;
	char path[40];
	int rc;

	MUST(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = document_open(&document, path);
	if (rc == 0)
		rc = read_all(&document);
	MUST(rc == 0 || rc == -EINVAL);
	MUST(rc == 0 || strncmp(cli_error(), path, strlen(path)) == 0);
	document_close(&document);
	(void)close(fd);
	return 0;
}
