/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options: the command line, its help and the record of a run are
 * all made from it. */
#ifndef SLUICE_BENCH_OPTION_H
#define SLUICE_BENCH_OPTION_H

#include "bench/options.h"
#include "bench/value.h"

#define OPTION_SPECS_MAX 48u

enum option_kind {
	OPTION_OWN, /* has functions of its own */
	OPTION_COUNT32,
	OPTION_COUNT64,
	OPTION_REAL,
};

struct option_spec {
	const char *name;     /* NULL: a heading, which is the help */
	const char *argument; /* NULL: takes none; in []: may be left out */
	const char *help;     /* NULL: another name of the one before */
	enum option_kind kind;
	uint32_t recorded; /* non-zero: it shapes the run */
	size_t at;         /* in struct bench_options; kinds but OWN */
	uint64_t low;
	uint64_t high;
	int (*read)(struct bench_options *options, const struct value *value);
	void (*show)(const struct bench_options *options, char *text,
		     uint32_t bytes);
};

extern const struct option_spec option_specs[];
extern const uint32_t option_specs_count;

#endif
