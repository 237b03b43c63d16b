/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* asprintf */
#include "tools/sluice/document.h"

#include <ctype.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* libyaml says what was wrong, and where. */
static int document_wrong(const struct document *document,
			  const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return cli_fail(-ENOMEM, "%.200s: no memory", document->file);
	if (parser->error == YAML_READER_ERROR)
		return REFUSE("%.200s: byte %zu: %s", document->file,
			      parser->problem_offset, parser->problem);
	return REFUSE("%.200s:%zu:%zu: %s%s%s", document->file,
		      parser->problem_mark.line + 1,
		      parser->problem_mark.column + 1, parser->problem,
		      parser->context != NULL ? ", " : "",
		      parser->context != NULL ? parser->context : "");
}

/* That nothing follows. */
static int document_last(const struct document *document, yaml_parser_t *parser)
{
	yaml_document_t next;
	const yaml_node_t *root;
	int rc = 0;

	if (!yaml_parser_load(parser, &next))
		return document_wrong(document, parser);
	root = yaml_document_get_root_node(&next);
	if (root != NULL)
		rc = REFUSE_AT(document, root,
			       "a second document; there is to be one");
	yaml_document_delete(&next);
	return rc;
}

static int document_parse(struct document *document, FILE *stream)
{
	yaml_parser_t parser;
	int rc;

	if (!yaml_parser_initialize(&parser))
		return cli_fail(-ENOMEM, "no memory");
	yaml_parser_set_input_file(&parser, stream);
	document->is_open = yaml_parser_load(&parser, &document->yaml);
	if (!document->is_open)
		rc = document_wrong(document, &parser);
	else if (yaml_document_get_root_node(&document->yaml) == NULL)
		rc = REFUSE("%.200s: is empty", document->file);
	else
		rc = document_last(document, &parser);
	yaml_parser_delete(&parser);
	return rc;
}

int document_open(struct document *document, const char *file)
{
	FILE *stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	int rc;

	*document = (struct document){.file = file, .folder = "."};
	if (stream == NULL)
		return cli_fail(-errno, "%.200s: %s", file, strerror(errno));
	if (stream != stdin) {
		document->folder_text = strdup(file);
		if (document->folder_text != NULL)
			document->folder = dirname(document->folder_text);
	}
	rc = document_parse(document, stream);
	/* The parser takes a failed read for the end. */
	if (ferror(stream))
		rc = cli_fail(-EIO, "%.200s: cannot be read", file);
	if (stream != stdin)
		(void)fclose(stream);
	return rc;
}

void document_close(struct document *document)
{
	if (document->is_open)
		yaml_document_delete(&document->yaml);
	free(document->folder_text);
	*document = (struct document){0};
}

/* The library names constants of C; in a file they are words. Of each group what its
 * names begin with, and what stands for all of one name. */
static const struct constant {
	const char *begins;
	const char *word; /* NULL: what follows, in small letters */
} constants[] = {
	{"SLUICE_PEER_DELIVERIES_FOREVER", "0"},
	{"SLUICE_MIN_ZERO", "0"},
	{"SLUICE_DEMAND_", NULL},
	{"SLUICE_IDLE_", NULL},
	{"SLUICE_MIN_", NULL},
	{"SLUICE_ON_END_", NULL},
	{"SLUICE_STAGE_", NULL},
	{"SLUICE_STALL_", NULL},
	{"SLUICE_SUBSCRIBE_", NULL},
	{"SLUICE_TASK_", NULL},
	{"SLUICE_ONE_FOR_", "one_for_"},
	{"SLUICE_REST_FOR_", "rest_for_"},
	{"SLUICE_PRODUCER", "producer"},
	{"SLUICE_CONSUMER", "consumer"},
};

static void sentence_in_words(void)
{
	char text[1024];
	const char *from = cli_error();
	size_t to = 0;

	while (*from != '\0' && to + 32 < sizeof(text)) {
		const struct constant *c = constants;
		const struct constant *end =
			c + sizeof(constants) / sizeof(constants[0]);

		while (c < end &&
		       strncmp(from, c->begins, strlen(c->begins)) != 0)
			c++;
		if (c == end) {
			text[to++] = *from++;
			continue;
		}
		from += strlen(c->begins);
		if (c->word != NULL)
			to += (size_t)snprintf(text + to, sizeof(text) - to,
					       "%s", c->word);
		for (; isupper((unsigned char)*from) || *from == '_'; from++)
			if (to + 1 < sizeof(text))
				text[to++] =
					(char)tolower((unsigned char)*from);
	}
	text[to] = '\0';
	(void)REFUSE("%s", text);
}

static int document_at(const struct document *document, const yaml_node_t *node)
{
	return cli_within("%.200s:%zu:%zu: ", document->file,
			  node->start_mark.line + 1,
			  node->start_mark.column + 1);
}

int document_within(const struct document *document, const yaml_node_t *node)
{
	sentence_in_words();
	return document_at(document, node);
}

/* Where the sentence has these words, with @around on both sides or else with
 * nothing that a word may have; NULL: nowhere. */
static const char *sentence_at(const char *text, int around)
{
	size_t length = strlen(text);
	const char *from = cli_error();
	const char *at = from;

	while (length > 0 && (at = strstr(at, text)) != NULL) {
		int before = at > from ? (unsigned char)at[-1] : ' ';
		int after = (unsigned char)at[length];

		if (around != 0 ? before == around && after == around
				: !isalnum(before) && before != '_' &&
					  !isalnum(after) && after != '_')
			return at;
		at++;
	}
	return NULL;
}

int document_within_map(struct document *document, const yaml_node_t *map,
			const char *where)
{
	const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	const yaml_node_t *about = map;
	const char *first = NULL; /* of the keys that the sentence names */

	/* First, for the keys are looked for in it. */
	sentence_in_words();
	for (; pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key =
			yaml_document_get_node(&document->yaml, pair->key);
		const yaml_node_t *value =
			yaml_document_get_node(&document->yaml, pair->value);
		const char *at =
			sentence_at((const char *)key->data.scalar.value, 0);

		if (at != NULL && (first == NULL || at < first)) {
			first = at;
			about = value;
		}
		if (first == NULL && value->type == YAML_SCALAR_NODE &&
		    sentence_at((const char *)value->data.scalar.value, '\''))
			about = value;
	}
	(void)cli_within("%s: ", where);
	return document_at(document, about);
}

uint32_t document_items(const yaml_node_t *list)
{
	return (uint32_t)(list->data.sequence.items.top -
			  list->data.sequence.items.start);
}

yaml_node_t *document_item(struct document *document, const yaml_node_t *list,
			   uint32_t i)
{
	const yaml_node_item_t *item = list->data.sequence.items.start + i;

	return item < list->data.sequence.items.top
		       ? yaml_document_get_node(&document->yaml, *item)
		       : NULL;
}

char *document_path(const struct document *document, const char *text)
{
	char *path = NULL;

	if (asprintf(&path, "%s%s%s", text[0] == '/' ? "" : document->folder,
		     text[0] == '/' ? "" : "/", text) < 0) {
		(void)cli_fail(-ENOMEM, "no memory");
		return NULL;
	}
	return path;
}
