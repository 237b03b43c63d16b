/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/report.h"

#include <errno.h>

#if defined(BENCH_HAVE_JANSSON)

#include <jansson.h>

/* Whatever lacks memory on the way shows when the document is written: each
 * call below refuses NULL, and leaves `whole` at 0. */
struct ring_json {
	json_t *root;
	json_t *contests;
	int whole;
};

int ring_json_built(void)
{
	return 1;
}

static void json_keep(struct ring_json *json, int rc)
{
	if (rc < 0)
		json->whole = 0;
}

/* The name of a member for what people are told by @text. */
static void json_name(char name[32], const char *text, const char *more)
{
	(void)snprintf(name, 32, "%s%s%s", text, more[0] != '\0' ? "_" : "",
		       more);
	for (char *at = name; *at != '\0'; at++)
		if (*at == ' ' || *at == '-')
			*at = '_';
}

struct ring_json *ring_json_open(const char *absent, const char *const *missing)
{
	static struct ring_json json;
	json_t *list = json_array();
	char name[32];

	json = (struct ring_json){json_object(), json_array(), 1};
	json_name(name, absent, "");
	for (uint32_t i = 0; missing[i] != NULL; i++)
		json_keep(&json,
			  json_array_append_new(list, json_string(missing[i])));
	json_keep(&json,
		  json_object_set_new(json.root, "schema", json_integer(1)));
	json_keep(&json, json_object_set_new(json.root, name, list));
	json_keep(&json, json_object_set(json.root, "contests", json.contests));
	return &json;
}

void ring_json_member(struct ring_json *json, const char *name,
		      struct json_t *value)
{
	json_keep(json, json_object_set_new(json->root, name, value));
}

void ring_json_floor(struct ring_json *json, const char *name, const char *when,
		     const struct bench_floor *floor)
{
	char member[32];

	json_name(member, name, when);
	json_keep(json,
		  json_object_set_new(json->root, member,
				      json_pack("{s:f, s:f, s:f}", "median_ns",
						floor->median_ns, "low_ns",
						floor->low_ns, "high_ns",
						floor->high_ns)));
}

static json_t *json_values(const double *values, uint32_t n)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < n; i++)
		(void)json_array_append_new(array, json_real(values[i]));
	return array;
}

static json_t *json_entry(const struct contest_entry *entry, uint32_t rounds)
{
	json_t *object =
		json_pack("{s:s, s:s, s:f, s:i, s:o}", "way", entry->way.name,
			  "family", entry->way.family, "median", entry->median,
			  "disturbed", (int)entry->disturbed, "rounds",
			  json_values(entry->value, rounds));

	if (entry->tail_median > 0)
		(void)json_object_set_new(object, "p99",
					  json_real(entry->tail_median));
	return object;
}

static json_t *json_ratio(const struct contest_ratio *ratio)
{
	return json_pack("{s:f, s:f, s:f}", "median", ratio->median, "low",
			 ratio->low, "high", ratio->high);
}

void ring_json_contest(struct ring_json *json, const struct contest *contest)
{
	json_t *ways = json_array();
	json_t *object;

	for (uint32_t i = 0; i < contest->count; i++)
		json_keep(json, json_array_append_new(
					ways, json_entry(&contest->entry[i],
							 contest->rounds)));
	object = json_pack("{s:s, s:s, s:s, s:f, s:o}", "kind",
			   contest->kind->name, "cell", contest->cell, "unit",
			   contest->kind->unit, "disturbed", contest->disturbed,
			   "ways", ways);
	if (contest->ours && contest->best)
		json_keep(
			json,
			json_object_update_new(
				object,
				json_pack("{s:s, s:s, s:o}", "ours",
					  contest->ours->way.name, "best_rival",
					  contest->best->way.name, "ratio",
					  json_ratio(&contest->ratio))));
	if (contest->tail_ratio.median > 0)
		json_keep(json, json_object_set_new(
					object, "ratio_p99",
					json_ratio(&contest->tail_ratio)));
	if (contest->note && contest->note[0] != '\0')
		json_keep(json,
			  json_object_set_new(object, "note",
					      json_string(contest->note)));
	json_keep(json, json_array_append_new(json->contests, object));
}

void ring_json_mean(struct ring_json *json, const char *kind, double mean)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "geometric_mean_%s", kind);
	json_keep(json, json_object_set_new(json->root, name, json_real(mean)));
}

int ring_json_close(struct ring_json *json, FILE *out)
{
	int rc = json->whole ? 0 : -ENOMEM;

	if (rc == 0 && json_dumpf(json->root, out,
				  JSON_INDENT(1) | JSON_REAL_PRECISION(6)))
		rc = -EIO;
	if (rc == 0 && (fputc('\n', out) == EOF || fflush(out) != 0))
		rc = -EIO;
	json_decref(json->contests);
	json_decref(json->root);
	return rc;
}

#else

int ring_json_built(void)
{
	return 0;
}

struct ring_json *ring_json_open(const char *absent, const char *const *missing)
{
	(void)absent;
	(void)missing;
	return NULL;
}

void ring_json_floor(struct ring_json *json, const char *name, const char *when,
		     const struct bench_floor *floor)
{
	(void)json;
	(void)name;
	(void)when;
	(void)floor;
}

void ring_json_member(struct ring_json *json, const char *name,
		      struct json_t *value)
{
	(void)json;
	(void)name;
	(void)value;
}

void ring_json_contest(struct ring_json *json, const struct contest *contest)
{
	(void)json;
	(void)contest;
}

void ring_json_mean(struct ring_json *json, const char *kind, double mean)
{
	(void)json;
	(void)kind;
	(void)mean;
}

int ring_json_close(struct ring_json *json, FILE *out)
{
	(void)json;
	(void)out;
	return -ENOTSUP;
}

#endif
