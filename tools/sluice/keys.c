/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/document.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* So many are named to somebody who has written another one. */
#define KEYS_NAMED_MAX 12u

/* The text of a scalar; NULL: it is none, or has a zero byte. */
static const char *node_text(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* ---- one value ----------------------------------------------------------- */

static int value_number(const struct key *key, const char *text, void *at)
{
	uint32_t *number = at;

	if (number_read(&key->form, text, strlen(text), at) < 0)
		return -EINVAL;
	if (key->has_zero && *number == 0)
		*number = key->zero;
	if (key->add > 0)
		*number += key->add;
	return 0;
}

static int value_word(const struct key *key, const char *text, uint32_t *at)
{
	struct text allowed = TEXT_NONE;

	for (uint32_t i = 0; i < KEY_WORDS_MAX; i++) {
		if (key->word[i] == NULL)
			continue;
		if (strcmp(key->word[i], text) == 0) {
			*at = i;
			return 0;
		}
		allowed = text_format("%s%s%s", allowed.at,
				      allowed.at[0] ? ", " : "", key->word[i]);
	}
	return REFUSE("must be one of %s", allowed.at);
}

static int value_truth(const struct key *key, const char *text, uint32_t *at)
{
	if (strcmp(text, "true") == 0)
		*at |= key->bits;
	else if (strcmp(text, "false") != 0)
		return REFUSE("must be true or false");
	return 0;
}

/* POSIX has it that the address of a function fits there, too. */
static int value_symbol(const char *text, void *object, void *at)
{
	void *address;

	if (object == NULL)
		return REFUSE("names a symbol, and there is no object: to look "
			      "for it in");
	address = dlsym(object, text);
	if (address == NULL)
		return REFUSE("the object has no symbol '%.100s'", text);
	memcpy(at, &address, sizeof(address));
	return 0;
}

static int value_read(const struct key *key, const yaml_node_t *value,
		      void *into, void *object)
{
	void *at = (char *)into + key->at;
	const char *text = node_text(value);
	int is_list = key->kind == KEY_LIST;

	if (is_list || key->kind == KEY_MAP) {
		if (value->type !=
		    (is_list ? YAML_SEQUENCE_NODE : YAML_MAPPING_NODE))
			return REFUSE("must be a %s",
				      is_list ? "list" : "mapping");
		*(const yaml_node_t **)at = value;
		return 0;
	}
	if (text == NULL)
		return REFUSE("must be one value, without zero bytes");
	if (key->kind == KEY_NUMBER)
		return value_number(key, text, at);
	if (key->kind == KEY_WORD)
		return value_word(key, text, at);
	if (key->kind == KEY_TRUTH)
		return value_truth(key, text, at);
	return key->kind == KEY_SYMBOL ? value_symbol(text, object, at) : 0;
}

/* ---- a mapping ----------------------------------------------------------- */

static struct text keys_path(const char *where, const struct key *key)
{
	return text_format("%s%s%s", where, where[0] ? "." : "", key->name);
}

static const struct key *keys_find(const struct keys *keys, const char *name)
{
	for (uint32_t i = 0; name != NULL && i < keys->count; i++)
		if (strcmp(keys->key[i].name, name) == 0)
			return &keys->key[i];
	return NULL;
}

static int keys_unknown(const struct keys *keys, const char *name,
			const char *where)
{
	const char *colon = where[0] ? ": " : "";
	struct text all = TEXT_NONE;

	if (name == NULL)
		return REFUSE("%s%sa key must be one value", where, colon);
	if (keys->count > KEYS_NAMED_MAX)
		return REFUSE("%s%sthere is no key '%.60s'; sluice(1) has all",
			      where, colon, name);
	for (uint32_t i = 0; i < keys->count; i++)
		all = text_format("%s%s%s", all.at, i > 0 ? ", " : "",
				  keys->key[i].name);
	return REFUSE("%s%sthere is no key '%.60s'; there are: %s", where,
		      colon, name, all.at);
}

/* The object of this mapping is there before its symbols are looked for. */
static int keys_object(struct document *document, const char *text,
		       void **object)
{
	char *path;

	if (text == NULL || text[0] == '\0')
		return REFUSE("must be the path of a shared object");
	path = document_path(document, text);
	if (path == NULL)
		return -ENOMEM;
	*object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	free(path);
	return *object != NULL ? 0 : REFUSE("%.400s", dlerror());
}

/* The pair that says @key, and that no other does. */
static int keys_pair(const struct key *key, struct document *document,
		     const yaml_node_t *map, const char *where,
		     const yaml_node_t **value)
{
	const yaml_node_pair_t *pair = map->data.mapping.pairs.start;

	*value = NULL;
	for (; pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name =
			yaml_document_get_node(&document->yaml, pair->key);
		const char *text = node_text(name);

		if (text == NULL || strcmp(text, key->name) != 0)
			continue;
		if (*value != NULL)
			return REFUSE_AT(document, name, "%s: is there twice",
					 keys_path(where, key).at);
		*value = yaml_document_get_node(&document->yaml, pair->value);
	}
	if (*value == NULL && key->is_required)
		return REFUSE_AT(document, map, "%s: is missing",
				 keys_path(where, key).at);
	return 0;
}

/* All that are there are known. */
static int keys_known(const struct keys *keys, struct document *document,
		      const yaml_node_t *map, const char *where)
{
	const yaml_node_pair_t *pair = map->data.mapping.pairs.start;

	for (; pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name =
			yaml_document_get_node(&document->yaml, pair->key);

		if (keys_find(keys, node_text(name)) == NULL) {
			(void)keys_unknown(keys, node_text(name), where);
			return document_within(document, name);
		}
	}
	return 0;
}

int keys_read(const struct keys *keys, struct document *document,
	      const yaml_node_t *map, const char *where, void *into,
	      void **object)
{
	int rc;

	if (map->type != YAML_MAPPING_NODE)
		return REFUSE_AT(document, map, "%s%smust be a mapping", where,
				 where[0] ? ": " : "");
	rc = keys_known(keys, document, map, where);
	/* The table has the object before the symbols. */
	for (uint32_t i = 0; rc == 0 && i < keys->count; i++) {
		const struct key *key = &keys->key[i];
		const yaml_node_t *value;

		rc = keys_pair(key, document, map, where, &value);
		if (rc < 0 || value == NULL)
			continue;
		rc = key->kind == KEY_OBJECT
			     ? keys_object(document, node_text(value), object)
			     : value_read(key, value, into, *object);
		if (rc == 0)
			continue;
		(void)cli_within("%s: ", keys_path(where, key).at);
		rc = document_within(document, value);
	}
	return rc;
}
