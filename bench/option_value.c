/* SPDX-License-Identifier: Apache-2.0 */
/* Values of options: each kind read, and written back. */
#include "bench/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- faults -------------------------------------------------------------- */

#define FAULT_TIME_MAX 1e15 /* ns */

static const char *const fault_forms[] = {
	[PLAN_SLOW] = "I:FACTOR, as in 0:10",
	[PLAN_STALL] = "I:AT:FOR, as in 0:1ms:100us",
	[PLAN_KILL] = "I:AT, as in 0:1ms",
	[PLAN_JOIN] = "I:AT, as in 0:1ms",
};

/* The parts of @text between colons: at least one, at most @most. Returns how
 * many numbers there are, 0 when one is none. */
static uint32_t fault_parts(enum plan_fault_kind kind, const char *text,
			    double *part, uint32_t most)
{
	static const struct number_range consumer = {NUMBER_WHOLE, 0,
						     PLAN_CONSUMERS_MAX - 1, 0};
	static const struct number_range factor = {NUMBER_REAL, 1e-6, 1e6, 0};
	static const struct number_range time = {NUMBER_TIME, 0, FAULT_TIME_MAX,
						 0};

	for (uint32_t i = 0; i < most; i++) {
		size_t length = strcspn(text, ":");
		struct number number;

		if (number_read(text, length,
				i == 0              ? &consumer
				: kind == PLAN_SLOW ? &factor
						    : &time,
				&number) < 0)
			return 0;
		part[i] = number.real;
		if (text[length] == '\0')
			return i + 1;
		text += length + 1;
	}
	return 0;
}

/* Slow is what a consumer is; the last word counts. */
static int fault_read(enum plan_fault_kind kind, struct bench_plan *plan,
		      const char *text, char *why, uint32_t why_bytes)
{
	uint32_t parts = kind == PLAN_STALL ? 3 : 2;
	double part[3] = {0, 0, 0};
	uint32_t i = 0;

	if (fault_parts(kind, text, part, parts) != parts)
		return load_refuse(why, why_bytes,
				   "must be %s; I is a consumer, from 0 on, "
				   "FACTOR in [1e-06, 1000000], times at most "
				   "1000000s",
				   fault_forms[kind]);
	while (i < plan->faults &&
	       !(kind == PLAN_SLOW && plan->fault[i].kind == PLAN_SLOW &&
		 plan->fault[i].consumer == (uint32_t)part[0]))
		i++;
	if (i == PLAN_FAULTS_MAX)
		return load_refuse(why, why_bytes,
				   "at most %u faults are taken",
				   PLAN_FAULTS_MAX);
	plan->faults += i == plan->faults;
	plan->fault[i] = (struct plan_fault){
		.kind = kind,
		.consumer = (uint32_t)part[0],
		.factor = kind == PLAN_SLOW ? part[1] : 1,
		.at_ns = kind == PLAN_SLOW ? 0 : (uint64_t)part[1],
		.for_ns = (uint64_t)part[2],
	};
	return 0;
}

static void fault_show(enum plan_fault_kind kind, const struct bench_plan *plan,
		       char *text, uint32_t bytes)
{
	int used = 0;

	for (uint32_t i = 0; i < plan->faults; i++) {
		const struct plan_fault *fault = &plan->fault[i];
		char at[NUMBER_TEXT_BYTES];
		char span[NUMBER_TEXT_BYTES];

		if (fault->kind != kind || (uint32_t)used >= bytes)
			continue;
		(void)number_time_text((double)fault->for_ns, span);
		if (kind == PLAN_SLOW)
			(void)number_text(fault->factor, at);
		else
			(void)number_time_text((double)fault->at_ns, at);
		used += snprintf(text + used, bytes - (uint32_t)used,
				 "%s%u:%s%s%s", used > 0 ? " " : "",
				 fault->consumer, at,
				 kind == PLAN_STALL ? ":" : "",
				 kind == PLAN_STALL ? span : "");
	}
}

/* ---- every kind ---------------------------------------------------------- */

static int word_read(const struct option_row *row, void *at, const char *text,
		     char *why, uint32_t why_bytes)
{
	size_t used = 0;

	for (uint32_t i = 0; row->words[i] != NULL; i++) {
		if (strcmp(row->words[i], text) != 0)
			continue;
		memcpy(at, &i, sizeof(i));
		return 0;
	}
	(void)snprintf(why, why_bytes, "must be one of");
	for (uint32_t i = 0; row->words[i] != NULL; i++) {
		used = strlen(why);
		(void)snprintf(why + used, why_bytes - used, "%s %s",
			       i > 0 ? "," : "", row->words[i]);
	}
	return -EINVAL;
}

static int count_read(const struct option_row *row, void *at, const char *text,
		      char *why, uint32_t why_bytes)
{
	char allowed[NUMBER_TEXT_BYTES];
	struct number number;
	uint32_t small;

	if (number_read(text, strlen(text), &row->range, &number) < 0)
		return load_refuse(why, why_bytes, "must be %s",
				   number_range_text(&row->range, allowed));
	small = (uint32_t)number.whole;
	if (row->kind == OPTION_U32)
		memcpy(at, &small, sizeof(small));
	else if (row->kind == OPTION_U64)
		memcpy(at, &number.whole, sizeof(number.whole));
	else
		memcpy(at, &number.real, sizeof(number.real));
	return 0;
}

int option_read(const struct option_row *row, struct bench_options *options,
		const char *text, char *why, uint32_t why_bytes)
{
	static const uint32_t yes = 1;
	void *at = (char *)options + row->at;

	switch (row->kind) {
	case OPTION_FLAG:
		memcpy(at, &yes, sizeof(yes));
		return 0;
	case OPTION_WORD:
		return word_read(row, at, text, why, why_bytes);
	case OPTION_FILE:
		if (text[0] == '\0')
			return load_refuse(why, why_bytes,
					   "must be the name of a file, or - "
					   "for stdout");
		memcpy(at, &text, sizeof(text));
		return 0;
	case OPTION_TEXT:
		if (strlen(text) >= REPORT_TEXT_BYTES)
			return load_refuse(why, why_bytes,
					   "at most %u characters are taken",
					   REPORT_TEXT_BYTES - 1);
		memcpy(at, &text, sizeof(text));
		return 0;
	case OPTION_LOAD:
		return load_parse(row->spec, at, text, why, why_bytes);
	case OPTION_FAULT:
		return fault_read(row->fault, &options->plan, text, why,
				  why_bytes);
	case OPTION_OWN:
		return row->read(options, text, why, why_bytes);
	case OPTION_U32:
	case OPTION_U64:
	case OPTION_REAL:
	case OPTION_TIME:
	default:
		return count_read(row, at, text, why, why_bytes);
	}
}

void option_show(const struct option_row *row,
		 const struct bench_options *options, char *text,
		 uint32_t bytes)
{
	const void *at = (const char *)options + row->at;
	const char *kept = NULL;
	uint32_t small = 0;
	uint64_t large = 0;
	double real = 0;

	text[0] = '\0';
	switch (row->kind) {
	case OPTION_FLAG:
		return;
	case OPTION_WORD:
		memcpy(&small, at, sizeof(small));
		(void)snprintf(text, bytes, "%s", row->words[small]);
		return;
	case OPTION_U32:
		memcpy(&small, at, sizeof(small));
		(void)snprintf(text, bytes, "%u", small);
		return;
	case OPTION_U64:
		memcpy(&large, at, sizeof(large));
		(void)snprintf(text, bytes, "%" PRIu64, large);
		return;
	case OPTION_REAL:
	case OPTION_TIME:
		memcpy(&real, at, sizeof(real));
		if (real < row->range.low) /* not given, and no default */
			return;
		(void)(row->kind == OPTION_REAL ? number_text(real, text)
						: number_time_text(real, text));
		return;
	case OPTION_TEXT:
	case OPTION_FILE:
		memcpy(&kept, at, sizeof(kept));
		(void)snprintf(text, bytes, "%s", kept != NULL ? kept : "");
		return;
	case OPTION_LOAD:
		load_format(row->spec, at, text, bytes);
		return;
	case OPTION_FAULT:
		fault_show(row->fault, &options->plan, text, bytes);
		return;
	case OPTION_OWN:
	default:
		row->show(options, text, bytes);
		return;
	}
}

int option_given(const struct bench_options *options, const char *name)
{
	for (uint32_t i = 0; i < option_rows_count; i++)
		if (options->given[i] != NULL && option_rows[i].name != NULL &&
		    strcmp(option_rows[i].name, name) == 0)
			return 1;
	return 0;
}
