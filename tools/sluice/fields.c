/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/fields.h"
#include "tools/sluice/frame.h"
#include "tools/sluice/quote.h"
#include "tools/cli/spec.h"
#include "sluice.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Of a number, with its sign and a zero byte. */
#define FIELD_NUMBER_BYTES 32u
/* Of a byte of a text: \xHH. */
#define FIELD_ESCAPE_BYTES 4u

enum field_shown {
	FIELD_UNSIGNED,
	FIELD_SIGNED,
	FIELD_REAL,
	FIELD_TEXT,
	FIELD_HEX,
	FIELD_SKIP,
};

static const struct field_type {
	const char *name;
	enum field_shown shown;
	uint32_t bytes; /* 0: those that follow the name */
} types[] = {
	{"u8", FIELD_UNSIGNED, 1},  {"u16", FIELD_UNSIGNED, 2},
	{"u32", FIELD_UNSIGNED, 4}, {"u64", FIELD_UNSIGNED, 8},
	{"i8", FIELD_SIGNED, 1},    {"i16", FIELD_SIGNED, 2},
	{"i32", FIELD_SIGNED, 4},   {"i64", FIELD_SIGNED, 8},
	{"f32", FIELD_REAL, 4},     {"f64", FIELD_REAL, 8},
	{"text", FIELD_TEXT, 0},    {"hex", FIELD_HEX, 0},
	{"skip", FIELD_SKIP, 0},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

/* ---- read ------------------------------------------------------------------- */

static int field_read(struct field *field, const char *text, size_t length)
{
	static const struct number_form bytes =
		NUMBER_FORM(U32, 1, SLUICE_EVENT_BYTES_MAX);
	size_t name = strcspn(text, ":,");
	uint32_t i = 0;

	while (i < TYPES && (strlen(types[i].name) != name ||
			     strncmp(types[i].name, text, name) != 0))
		i++;
	if (i == TYPES)
		return REFUSE("must be one of u8, u16, u32, u64, i8, i16, i32, "
			      "i64, f32, f64, text:BYTES, hex:BYTES, "
			      "skip:BYTES");
	*field = (struct field){.type = i, .bytes = types[i].bytes};
	if (types[i].bytes > 0)
		return name == length
			       ? 0
			       : REFUSE("%s takes no number", types[i].name);
	if (name == length)
		return REFUSE("%s: BYTES are missing", types[i].name);
	return number_read(&bytes, text + name + 1, length - name - 1,
			   &field->bytes) < 0
		       ? cli_within("BYTES: ")
		       : 0;
}

int fields_read(struct fields *fields, const char *text)
{
	*fields = (struct fields){.count = 0};
	for (;;) {
		size_t length = strcspn(text, ",");
		struct field *field = &fields->field[fields->count];

		if (fields->count == FIELDS_MAX)
			return REFUSE("more than %u fields", FIELDS_MAX);
		fields->count++;
		if (field_read(field, text, length) < 0)
			return cli_within("field %u: ", fields->count);
		fields->bytes += field->bytes;
		if (fields->bytes > SLUICE_EVENT_BYTES_MAX)
			return REFUSE("field %u ends behind byte %u, the limit "
				      "of an event",
				      fields->count, SLUICE_EVENT_BYTES_MAX);
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

/* ---- written ---------------------------------------------------------------- */

static size_t field_bytes(const struct field *field)
{
	switch (types[field->type].shown) {
	case FIELD_TEXT:
		return (size_t)field->bytes * FIELD_ESCAPE_BYTES;
	case FIELD_HEX:
		return (size_t)field->bytes * 2 + 1;
	case FIELD_SKIP:
		return 0;
	case FIELD_UNSIGNED:
	case FIELD_SIGNED:
	case FIELD_REAL:
		break;
	}
	return FIELD_NUMBER_BYTES;
}

size_t fields_line_bytes(const struct fields *fields)
{
	/* A tab, or the end of the line, behind each. */
	size_t bytes = 1;

	for (uint32_t i = 0; i < fields->count; i++)
		bytes += field_bytes(&fields->field[i]) + 1;
	return bytes;
}

static uint64_t unsigned_of(const struct field *field, const void *at)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (field->bytes) {
	case 1:
		memcpy(&u8, at, sizeof(u8));
		return u8;
	case 2:
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case 4:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
}

static int64_t signed_of(const struct field *field, const void *at)
{
	uint32_t above = 64 - 8 * field->bytes;

	return (int64_t)(unsigned_of(field, at) << above) >> above;
}

static double real_of(const struct field *field, const void *at)
{
	float f32;
	double f64;

	if (field->bytes == sizeof(f64)) {
		memcpy(&f64, at, sizeof(f64));
		return f64;
	}
	memcpy(&f32, at, sizeof(f32));
	return (double)f32;
}

/* As many digits as tell it from its neighbours. */
static int real_write(const struct field *field, char *line, const void *at)
{
	return snprintf(line, FIELD_NUMBER_BYTES, "%.*g",
			field->bytes == sizeof(float) ? 9 : 17,
			real_of(field, at));
}

static int escape_write(char *line, const unsigned char *byte)
{
	line[0] = '\\';
	line[1] = 'x';
	return (int)(hex_write(line + 2, byte, 1) - line);
}

static int text_write(const struct field *field, char *line, const void *at)
{
	const unsigned char *byte = at;
	int n = 0;

	for (uint32_t i = 0; i < field->bytes && byte[i] != '\0'; i++)
		if (byte[i] < ' ' || byte[i] == '\\' || byte[i] == 0x7f)
			n += escape_write(line + n, &byte[i]);
		else
			line[n++] = (char)byte[i];
	return n;
}

static int field_write(const struct field *field, char *line, const void *at)
{
	switch (types[field->type].shown) {
	case FIELD_UNSIGNED:
		return snprintf(line, FIELD_NUMBER_BYTES, "%" PRIu64,
				unsigned_of(field, at));
	case FIELD_SIGNED:
		return snprintf(line, FIELD_NUMBER_BYTES, "%" PRId64,
				signed_of(field, at));
	case FIELD_REAL:
		return real_write(field, line, at);
	case FIELD_TEXT:
		return text_write(field, line, at);
	case FIELD_HEX:
		return (int)(hex_write(line, at, field->bytes) - line);
	case FIELD_SKIP:
		break;
	}
	return 0;
}

size_t fields_write(const struct fields *fields, char *line, const void *event)
{
	const char *at = event;
	size_t n = 0;

	for (uint32_t i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (types[field->type].shown != FIELD_SKIP) {
			n += (size_t)field_write(field, line + n, at);
			line[n++] = '\t';
		}
		at += field->bytes;
	}
	/* The last tab; nothing is shown where all is skipped. */
	if (n > 0)
		n--;
	line[n++] = '\n';
	return n;
}

/* ---- as JSON ---------------------------------------------------------------- */

size_t fields_json_bytes(const struct fields *fields)
{
	size_t bytes = 2; /* brackets; and a comma behind each */

	for (uint32_t i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		bytes += 1 + (types[field->type].shown == FIELD_TEXT
				      ? quote_bytes(field->bytes)
				      : field_bytes(field) + 1);
	}
	return bytes;
}

static char *field_json(const struct field *field, char *to, const void *at)
{
	switch (types[field->type].shown) {
	case FIELD_TEXT:
		return quote_write(to, at, strnlen(at, field->bytes));
	case FIELD_HEX:
		*to++ = '"';
		to = hex_write(to, at, field->bytes);
		*to++ = '"';
		return to;
	case FIELD_REAL:
		if (!isfinite(real_of(field, at)))
			return stpcpy(to, "null");
		break;
	case FIELD_UNSIGNED:
	case FIELD_SIGNED:
	case FIELD_SKIP:
		break;
	}
	return to + field_write(field, to, at);
}

size_t fields_json(const struct fields *fields, char *line, const void *event)
{
	const char *at = event;
	char *to = line;

	*to++ = '[';
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (types[field->type].shown != FIELD_SKIP) {
			to = field_json(field, to, at);
			*to++ = ',';
		}
		at += field->bytes;
	}
	if (to[-1] == ',')
		to--;
	*to++ = ']';
	return (size_t)(to - line);
}
