/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USDT probes, where <sys/sdt.h> was there when the library was built: a nop, and a
 * note in the file that says where it is and where its arguments lie. A tracer (perf,
 * bpftrace, SystemTap) puts a breakpoint there; while none does the nop is all that
 * it costs. So an argument is something that is at hand. Of this header alone. Not
 * installed.
 *
 * probe        arguments                                    when
 * publish      ring, position, events                       events can be read
 * grant        consumer's words, granted, acked             credit goes back
 * stall        stage's name                                 no room ahead
 * park         pipeline's name, worker                      before a sleep
 * wake         pipeline's name, worker                      after it
 * attach       consumer's name, producer's name, ring,      a subscription opens
 *              consumer's words
 * detach       consumer's name, producer's name             and is left
 * restart      stage's name                                 init was run again
 * dead_letter  stage's name, position, deliveries           an event is given up
 * drain        pipeline's name, timeout in ms               it was called
 *
 * A ring, and a consumer's words, are told by their addresses: `attach` says whose
 * they are. The ring of a pool is its own.
 *
 * Knows      names of probes
 * Knows not  what they stand for
 */
#ifndef SLUICE_RING_PROBE_PRIV_H
#define SLUICE_RING_PROBE_PRIV_H

#if defined(SLUICE_USDT)
#include <sys/sdt.h>
#define PROBE1(name, a)          DTRACE_PROBE1(sluice, name, a)
#define PROBE2(name, a, b)       DTRACE_PROBE2(sluice, name, a, b)
#define PROBE3(name, a, b, c)    DTRACE_PROBE3(sluice, name, a, b, c)
#define PROBE4(name, a, b, c, d) DTRACE_PROBE4(sluice, name, a, b, c, d)
#else
#define PROBE1(name, a)          ((void)(a))
#define PROBE2(name, a, b)       ((void)(a), (void)(b))
#define PROBE3(name, a, b, c)    ((void)(a), (void)(b), (void)(c))
#define PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

#endif
