/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads as text: from the command line, and back. */
#ifndef SLUICE_BENCH_LOAD_SPEC_H
#define SLUICE_BENCH_LOAD_SPEC_H

#include "bench/load/trace.h"

/*
 * Into a struct arrival, service or keys. Returns 0, or -EINVAL with a sentence
 * in @why that says what is wrong and what is allowed; nothing has changed then.
 *
 *   arrivals  closed:DEPTH  poisson  uniform  burst:N  trace:FILE
 *   service   fixed  exp  lognormal[:SIGMA]  bimodal[:SHARE:FACTOR]
 *             extreme[:SHARE:FACTOR]
 *   keys      uniform[:N]  zipf:THETA:N
 *
 * Left out: lognormal:1, bimodal:0.1:10, extreme:0.005:1000, uniform:1024. The
 * mean of a service is not part of the text and stays as it is.
 */
struct load_spec;
extern const struct load_spec load_arrivals;
extern const struct load_spec load_service;
extern const struct load_spec load_keys;
int load_parse(const struct load_spec *spec, void *into, const char *text,
	       char *why, uint32_t why_bytes);
/* Back to text, with all that was left out filled in. */
void load_format(const struct load_spec *spec, const void *from, char *text,
		 uint32_t bytes);

#endif
