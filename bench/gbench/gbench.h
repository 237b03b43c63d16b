/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Benchmark for a C program. The cases have threads of their own, so
 * every time is measured inside them and handed over: manual time, never the
 * library's threads.
 *
 * Of gbench.cc. Knows the library; not what a case does.
 */
#ifndef SLUICE_BENCH_GBENCH_H
#define SLUICE_BENCH_GBENCH_H

#include "bench/rivals/case.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Register a case; it is copied. Call before bench_main(). */
void bench_add(const struct bench_case *bench);

/* A line of the report's header and of its JSON. */
void bench_context(const char *key, const char *value);

/*
 * Run what the --benchmark_... arguments select.
 * Returns the program's exit code: 0; 1 when a case failed; 2 for an unknown
 * argument or a filter that matches nothing.
 */
int bench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
