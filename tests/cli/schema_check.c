/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_check SCHEMA DOCUMENT [lines]: does the document keep to the schema? With
 * "lines" each line is a document, and there is at least one.
 *
 * The words of JSON Schema that docs/ uses, and no others: one that is not known
 * here fails, so that no rule goes unchecked. Exit status: 0 it does, 1 it does
 * not, 2 the schema or the call is wrong.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BYTES 256u

struct check {
	json_t *schema;   /* the whole one, for $ref */
	const char *file; /* where it is from, as another one may be */
	char place[PLACE_BYTES];
	int failures;
};

static void check_value(struct check *check, json_t *schema, json_t *value);

static void check_fail(struct check *check, const char *what, const char *name)
{
	(void)fprintf(stderr, "%s: %s%s%s\n",
		      check->place[0] ? check->place : "document", what,
		      name[0] ? " " : "", name);
	check->failures++;
}

/* Go into a member and come back. */
static void check_inside(struct check *check, json_t *schema, json_t *value,
			 const char *name)
{
	size_t length = strlen(check->place);

	(void)snprintf(check->place + length, PLACE_BYTES - length, "/%s",
		       name);
	check_value(check, schema, value);
	check->place[length] = '\0';
}

static int type_is(const json_t *value, const char *type)
{
	return (strcmp(type, "object") == 0 && json_is_object(value)) ||
	       (strcmp(type, "array") == 0 && json_is_array(value)) ||
	       (strcmp(type, "string") == 0 && json_is_string(value)) ||
	       (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
	       (strcmp(type, "number") == 0 && json_is_number(value)) ||
	       (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
	       (strcmp(type, "null") == 0 && json_is_null(value));
}

static void check_type(struct check *check, json_t *types, json_t *value)
{
	if (json_is_string(types)) {
		if (!type_is(value, json_string_value(types)))
			check_fail(check, "is not of type",
				   json_string_value(types));
		return;
	}
	for (size_t i = 0; i < json_array_size(types); i++)
		if (type_is(value, json_string_value(json_array_get(types, i))))
			return;
	check_fail(check, "has none of its types", "");
}

static void check_enum(struct check *check, json_t *words, json_t *value)
{
	for (size_t i = 0; i < json_array_size(words); i++)
		if (json_equal(json_array_get(words, i), value))
			return;
	check_fail(check, "is none of the values allowed", "");
}

static void check_required(struct check *check, json_t *names, json_t *value)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (json_is_object(value) &&
		    json_object_get(value, name) == NULL)
			check_fail(check, "lacks", name);
	}
}

static void check_properties(struct check *check, json_t *schema, json_t *value)
{
	json_t *known = json_object_get(schema, "properties");
	json_t *others = json_object_get(schema, "additionalProperties");
	const char *name;
	json_t *member;

	if (!json_is_object(value))
		return;
	json_object_foreach(value, name, member) {
		json_t *rule = json_object_get(known, name);

		if (rule != NULL)
			check_inside(check, rule, member, name);
		else if (json_is_false(others))
			check_fail(check, "may not have", name);
		else if (others != NULL)
			check_inside(check, others, member, name);
	}
}

static void check_items(struct check *check, json_t *rule, json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%zu", i);
		check_inside(check, rule, json_array_get(value, i), name);
	}
}

static json_t *check_load(const char *file, int code)
{
	json_error_t error;
	json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL) {
		(void)fprintf(stderr, "%s:%d: %s\n", file, error.line,
			      error.text);
		exit(code);
	}
	return root;
}

/* Another file, beside this one. */
static void check_file(struct check *check, const char *name, json_t *value)
{
	const char *slash = strrchr(check->file, '/');
	json_t *schema = check->schema;
	const char *file = check->file;
	char other[4096];

	(void)snprintf(other, sizeof(other), "%.*s%s",
		       slash != NULL ? (int)(slash + 1 - file) : 0, file, name);
	check->file = other;
	check->schema = check_load(other, 2);
	check_value(check, check->schema, value);
	json_decref(check->schema);
	check->schema = schema;
	check->file = file;
}

static void check_ref(struct check *check, const char *ref, json_t *value)
{
	static const char local[] = "#/$defs/";
	json_t *rule = NULL;

	if (ref != NULL && ref[0] != '#') {
		check_file(check, ref, value);
		return;
	}
	if (ref != NULL && strncmp(ref, local, strlen(local)) == 0)
		rule = json_object_get(json_object_get(check->schema, "$defs"),
				       ref + strlen(local));
	if (rule == NULL) {
		(void)fprintf(stderr, "schema: no %s\n", ref ? ref : "$ref");
		exit(2);
	}
	check_value(check, rule, value);
}

/* One word of the schema. Returns 0 when it is not known. */
static int check_word(struct check *check, json_t *schema, const char *word,
		      json_t *rule, json_t *value)
{
	double number = json_number_value(value);

	if (strcmp(word, "type") == 0)
		check_type(check, rule, value);
	else if (strcmp(word, "enum") == 0)
		check_enum(check, rule, value);
	else if (strcmp(word, "const") == 0) {
		if (!json_equal(rule, value))
			check_fail(check, "is not the one value", "");
	} else if (strcmp(word, "required") == 0)
		check_required(check, rule, value);
	else if (strcmp(word, "properties") == 0)
		check_properties(check, schema, value);
	else if (strcmp(word, "additionalProperties") == 0) {
		if (json_object_get(schema, "properties") == NULL)
			check_properties(check, schema, value);
	} else if (strcmp(word, "items") == 0)
		check_items(check, rule, value);
	else if (strcmp(word, "$ref") == 0)
		check_ref(check, json_string_value(rule), value);
	else if (strcmp(word, "minimum") == 0) {
		if (json_is_number(value) && number < json_number_value(rule))
			check_fail(check, "is below its minimum", "");
	} else if (strcmp(word, "maximum") == 0) {
		if (json_is_number(value) && number > json_number_value(rule))
			check_fail(check, "is above its maximum", "");
	} else if (strcmp(word, "minItems") == 0) {
		if (json_is_array(value) && (json_int_t)json_array_size(value) <
						    json_integer_value(rule))
			check_fail(check, "has too few items", "");
	} else if (strcmp(word, "maxItems") == 0) {
		if (json_is_array(value) && (json_int_t)json_array_size(value) >
						    json_integer_value(rule))
			check_fail(check, "has too many items", "");
	} else {
		return strcmp(word, "description") == 0 ||
		       strcmp(word, "title") == 0 ||
		       strcmp(word, "$schema") == 0 ||
		       strcmp(word, "$defs") == 0;
	}
	return 1;
}

static void check_value(struct check *check, json_t *schema, json_t *value)
{
	const char *word;
	json_t *rule;

	json_object_foreach(schema, word, rule) {
		if (check_word(check, schema, word, rule, value))
			continue;
		(void)fprintf(stderr, "schema: '%s' is not known\n", word);
		exit(2);
	}
}

static void check_lines(struct check *check, const char *name)
{
	FILE *file = fopen(name, "r");
	char *line = NULL;
	size_t room = 0;
	unsigned lines = 0;

	while (file != NULL && getline(&line, &room, file) > 0) {
		json_t *document =
			json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		(void)snprintf(check->place, PLACE_BYTES, "line %u", ++lines);
		if (document == NULL)
			check_fail(check, "is no document:", line);
		check_value(check, check->schema, document);
		json_decref(document);
	}
	check->place[0] = '\0';
	if (lines == 0)
		check_fail(check, "has no lines", "");
	free(line);
	if (file != NULL)
		(void)fclose(file);
}

int main(int argc, char **argv)
{
	struct check check = {0};
	json_t *document;

	if (argc < 3 || (argc > 3 && strcmp(argv[3], "lines") != 0)) {
		(void)fprintf(stderr,
			      "usage: schema_check SCHEMA DOCUMENT [lines]\n");
		return 2;
	}
	check.file = argv[1];
	check.schema = check_load(argv[1], 2);
	if (argc > 3) {
		check_lines(&check, argv[2]);
	} else {
		document = check_load(argv[2], 1);
		check_value(&check, check.schema, document);
		json_decref(document);
	}
	json_decref(check.schema);
	return check.failures > 0;
}
