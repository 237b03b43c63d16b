/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this folder. */
#ifndef SLUICE_BENCH_LOAD_TRACE_PRIV_H
#define SLUICE_BENCH_LOAD_TRACE_PRIV_H

#include "bench/load/trace.h"
#include "ring/base.h"

/* Say why; returns -EINVAL. */
int load_refuse(char *why, uint32_t why_bytes, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);

/* The events and the count of a file. Returns 0 or a negative errno. */
int trace_read(struct trace *trace, const char *file, char *why,
	       uint32_t why_bytes);

#endif
