/* SPDX-License-Identifier: Apache-2.0 */
/* Which rivals this machine had when the benchmarks were built. */
#include "bench/rivals/mpmc.h"

static const struct ring_rival *const rivals[] = {
	&ring_in_place,   &ring_in_place_eager,
	&ring_staged,     &ring_staged_eager,
#if defined(BENCH_HAVE_CK)
	&ring_ck_enqueue, &ring_ck_enqueue_patient,
	&ring_ck_reserve, &ring_ck_reserve_patient,
#endif
#if defined(BENCH_HAVE_RTE)
	&ring_rte,        &ring_rte_patient,
	&ring_rte_zc,     &ring_rte_zc_patient,
#endif
#if defined(BENCH_HAVE_BOOST)
	&ring_boost,      &ring_boost_patient,
#endif
#if defined(BENCH_HAVE_RWQ)
	&ring_rwq,        &ring_rwq_patient,
#endif
#if defined(BENCH_HAVE_CQ)
	&ring_cq,         &ring_cq_patient,
#endif
#if defined(BENCH_HAVE_AQ)
	&ring_aq,         &ring_aq_patient,
#endif
	&ring_pipe,       &ring_mutex,
};

static const struct mpmc_rival *const many[] = {
#if defined(BENCH_HAVE_MPMC)
	&mpmc_sluice,
#endif
#if defined(BENCH_HAVE_CK)
	&mpmc_ck,
#endif
#if defined(BENCH_HAVE_RTE)
	&mpmc_rte,    &mpmc_rte_rts, &mpmc_rte_hts,
#endif
#if defined(BENCH_HAVE_BOOST)
	&mpmc_boost,
#endif
#if defined(BENCH_HAVE_CQ)
	&mpmc_cq,
#endif
#if defined(BENCH_HAVE_AQ)
	&mpmc_aq,     &mpmc_aq2,
#endif
	NULL, /* there may be none */
};

const char *const ring_missing[] = {
#if !defined(BENCH_HAVE_CK)
	"ck_ring (libck-dev)",
#endif
#if !defined(BENCH_HAVE_RTE)
	"rte_ring (libdpdk-dev)",
#endif
#if !defined(BENCH_HAVE_BOOST)
	"boost::lockfree (libboost-dev)",
#endif
#if !defined(BENCH_HAVE_RWQ)
	"ReaderWriterQueue (libreaderwriterqueue-dev)",
#endif
#if !defined(BENCH_HAVE_CQ)
	"ConcurrentQueue (libconcurrentqueue-dev)",
#endif
#if !defined(BENCH_HAVE_AQ)
	"atomic_queue (libatomic-queue-dev)",
#endif
	NULL,
};

uint32_t ring_rivals(const struct ring_rival *const **list)
{
	*list = rivals;
	return sizeof(rivals) / sizeof(rivals[0]);
}

uint32_t mpmc_rivals(const struct mpmc_rival *const **list)
{
	*list = many;
	return sizeof(many) / sizeof(many[0]) - 1;
}
