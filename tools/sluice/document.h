/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in YAML, and what its mappings say: a table of keys says what may stand
 * there, how a value is written and where it goes. Whatever is refused is refused
 * with file, line, column and key.
 *
 * Of document.c and keys.c. Knows YAML and tables; not what a key means.
 */
#ifndef SLUICE_TOOLS_SLUICE_DOCUMENT_H
#define SLUICE_TOOLS_SLUICE_DOCUMENT_H

#include "tools/cli/spec.h"
#include "tools/cli/text.h"

#include <yaml.h>

/* ---- document.c ----------------------------------------------------------- */

struct document {
	const char *file;   /* as it was given; "-": stdin */
	const char *folder; /* paths in the file are relative to it */
	char *folder_text;
	yaml_document_t yaml;
	int is_open;
};

/* Returns 0; -EINVAL, it is no YAML, or more than one document; or why it cannot be
 * read; with a sentence in cli_error(). Closed in any case. */
int document_open(struct document *document, const char *file);
void document_close(struct document *document);

/* "FILE:LINE:COLUMN: " in front of the last sentence. Returns -EINVAL. */
int document_within(const struct document *document, const yaml_node_t *node);
#define REFUSE_AT(document, node, ...)                                         \
	(REFUSE(__VA_ARGS__), document_within((document), (node)))

/* The same and "@where: ", of what the sentence is about in mapping @map: the value
 * of the first key that it names, or what it has between quotes, or all of it. */
int document_within_map(struct document *document, const yaml_node_t *map,
			const char *where);

/* How many items a list has; and item @i, or NULL: there are no more. */
uint32_t document_items(const yaml_node_t *list);
yaml_node_t *document_item(struct document *document, const yaml_node_t *list,
			   uint32_t i);
/* The path of what @text names in the file, to be freed; NULL: no memory, with a
 * sentence in cli_error(). */
char *document_path(const struct document *document, const char *text);

/* ---- keys.c ----------------------------------------------------------------- */

enum key_kind {
	KEY_NUMBER, /* as its form says; a text as well */
	KEY_WORD,   /* one of its words: a uint32_t, their place */
	KEY_TRUTH,  /* true or false: sets its bits in a uint32_t */
	KEY_SYMBOL, /* the name of what is in the object: its address */
	KEY_OBJECT, /* a shared object: where symbols are looked for */
	KEY_LIST,   /* a yaml_node_t *, a list */
	KEY_MAP,    /* a yaml_node_t *, a mapping */
};

#define KEY_WORDS_MAX 6u

struct key {
	const char *name;
	enum key_kind kind;
	size_t at; /* in the struct */
	struct number_form form;
	const char *word[KEY_WORDS_MAX]; /* NULL: has no word */
	uint32_t bits;
	uint32_t add;  /* to a U32: where 0 is left for "not given" */
	uint32_t zero; /* what a U32 of 0 stands for, if @is_zero */
	int has_zero;
	int is_required;
};

/* KIND, its name, where it goes; and what more there is to say. */
#define KEY(kind_, name_, type_, member_, ...)                                 \
	{                                                                      \
		.kind = KEY_##kind_, .name = (name_),                          \
		.at = offsetof(struct type_, member_), __VA_ARGS__             \
	}
#define KEY_PLAIN(kind_, name_, type_, member_)                                \
	{                                                                      \
		.kind = KEY_##kind_, .name = (name_),                          \
		.at = offsetof(struct type_, member_)                          \
	}
/* What some kinds have behind that. */
#define KEY_TEXT         .form = NUMBER_FORM(TEXT, 0, 0)
#define KEY_FROM(low_)   .form = NUMBER_FORM(U32, (low_), UINT32_MAX)
#define KEY_ZERO(worth_) .zero = (uint32_t)(worth_), .has_zero = 1

struct keys {
	const struct key *key;
	uint32_t count;
};

#define KEYS(keys_)                                                            \
	{                                                                      \
		(keys_), sizeof(keys_) / sizeof((keys_)[0])                    \
	}

/*
 * Read mapping @map, which @where names in refusals ("": the whole file), into a
 * struct.
 *
 * @object  in: what symbols are looked for in, unless the mapping names an object
 *          of its own; out: that. NULL: there is none. It stays open
 *
 * Returns 0, or -EINVAL; parts of the struct may be changed then. Texts are the
 * document's.
 */
int keys_read(const struct keys *keys, struct document *document,
	      const yaml_node_t *map, const char *where, void *into,
	      void **object);

#endif
