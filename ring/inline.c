/* SPDX-License-Identifier: Apache-2.0 */
/* Real symbols for every public inline function, for bindings and dlsym. */
#include "ring/broadcast.h"
#include "ring/copy.h"
#include "ring/far.h"
#include "ring/hist.h"
#include "ring/mpmc.h"
#include "ring/wait.h"

/* copy.h */
extern inline void sluice_copy(void *, const void *, size_t);
extern inline void sluice_copy_plain(void *, const void *, size_t);
extern inline void sluice_copy_string(void *, const void *, size_t);
extern inline void sluice_copy_line(unsigned char *, const unsigned char *,
				    int);
extern inline void sluice_copy_stream(unsigned char *, const unsigned char *,
				      size_t, int);
extern inline void sluice_copy_fence(void);
/* copier.h */
extern inline void sluice_copier_count(struct sluice_copier *, uint64_t);
extern inline void sluice_copier_made(struct sluice_copier *, uint64_t);
extern inline void sluice_copier_by(struct sluice_copier *, sluice_slot *,
				    const sluice_private *, uint64_t);
extern inline void sluice_copier_copy(struct sluice_copier *, sluice_slot *,
				      const sluice_private *, uint64_t);
/* credit.h */
extern inline uint64_t sluice_credit_after_ack(const struct sluice_credit *,
					       uint64_t, uint64_t);
extern inline uint64_t sluice_credit_when_idle(const struct sluice_credit *,
					       uint64_t, uint64_t);
extern inline uint64_t sluice_credit_clamp_acked(uint64_t, uint64_t, uint64_t);
extern inline uint64_t sluice_credit_clamp_granted(uint64_t, uint64_t, uint64_t,
						   uint64_t);
/* spsc.h */
extern inline uint64_t sluice_spsc_slots_bytes(uint32_t, uint32_t);
extern inline void sluice_spsc_writer_attach(struct sluice_spsc_writer *,
					     struct sluice_tx_words *,
					     const struct sluice_rx_words *,
					     sluice_slot *, uint32_t, uint32_t);
extern inline void sluice_spsc_reader_attach(struct sluice_spsc_reader *,
					     const struct sluice_tx_words *,
					     struct sluice_rx_words *,
					     const sluice_slot *, uint32_t,
					     uint32_t,
					     const struct sluice_credit *);
extern inline uint64_t sluice_spsc_credit(const struct sluice_spsc_writer *);
extern inline uint64_t sluice_spsc_refresh(struct sluice_spsc_writer *);
extern inline uint32_t sluice_spsc_reserve(struct sluice_spsc_writer *,
					   uint32_t, sluice_slot **);
extern inline void sluice_spsc_publish(struct sluice_spsc_writer *);
extern inline void sluice_spsc_commit(struct sluice_spsc_writer *, uint32_t);
extern inline void sluice_spsc_fetch(const struct sluice_spsc_writer *);
extern inline void sluice_spsc_write(struct sluice_spsc_writer *,
				     const sluice_private *, uint32_t);
extern inline void sluice_spsc_close(struct sluice_spsc_writer *, uint32_t);
extern inline uint64_t sluice_spsc_depth(const struct sluice_spsc_reader *);
extern inline int sluice_spsc_broken(const struct sluice_spsc_reader *);
extern inline uint64_t sluice_spsc_look(struct sluice_spsc_reader *);
extern inline void sluice_spsc_cut(struct sluice_spsc_reader *, uint64_t);
extern inline uint32_t sluice_spsc_peek(struct sluice_spsc_reader *, uint32_t,
					const sluice_slot **);
extern inline int sluice_spsc_grant(struct sluice_spsc_reader *, uint64_t);
extern inline int sluice_spsc_release(struct sluice_spsc_reader *, uint32_t);
extern inline int sluice_spsc_idle(struct sluice_spsc_reader *);
extern inline uint32_t sluice_spsc_ended(struct sluice_spsc_reader *);
/* broadcast.h */
extern inline void sluice_broadcast_writer_attach(
	struct sluice_broadcast_writer *, struct sluice_tx_words *,
	struct sluice_broadcast_cursor *, const struct sluice_rx_words *const *,
	uint32_t, sluice_slot *, uint32_t, uint32_t);
extern inline uint64_t
sluice_broadcast_refresh(struct sluice_broadcast_writer *);
/* mpmc.h */
extern inline void sluice_mpmc_clear(const struct sluice_mpmc *, uint64_t);
extern inline uint32_t sluice_mpmc_claim(const struct sluice_mpmc *,
					 sluice_a64 *, uint64_t, uint32_t,
					 uint64_t *);
extern inline uint32_t sluice_mpmc_push(const struct sluice_mpmc *,
					const sluice_private *, uint32_t);
extern inline void sluice_mpmc_read(const struct sluice_mpmc *, uint64_t,
				    uint32_t, sluice_private *);
extern inline uint32_t sluice_mpmc_pop(const struct sluice_mpmc *,
				       sluice_private *, uint32_t);
extern inline uint64_t sluice_mpmc_depth(const struct sluice_mpmc *);
extern inline uint64_t sluice_mpmc_room(const struct sluice_mpmc *);
extern inline void sluice_mpmc_close(const struct sluice_mpmc *, uint32_t);
extern inline uint32_t sluice_mpmc_closed(const struct sluice_mpmc *);
/* wait.h */
extern inline void sluice_bell_ring(struct sluice_bell *,
				    const struct sluice_wait_ops *);
extern inline uint32_t sluice_bell_show(struct sluice_bell *, uint32_t);
extern inline int sluice_bell_fence(const struct sluice_wait_ops *);
extern inline int sluice_bell_prepare(struct sluice_bell *,
				      const struct sluice_wait_ops *,
				      int (*)(void *), void *, uint32_t *,
				      uint64_t *);
extern inline int sluice_bell_park(struct sluice_bell *,
				   const struct sluice_wait_ops *,
				   int (*)(void *), void *, uint64_t);
/* far.h */
extern inline int sluice_far_ring(struct sluice_far_bell *);
extern inline void sluice_far_signal(const struct sluice_far_bell *);
extern inline int sluice_far_answer(const struct sluice_far_ops *, int,
				    struct sluice_bell *const *, uint32_t,
				    const struct sluice_wait_ops *);
extern inline int sluice_far_park(const struct sluice_far_sleeper *,
				  int (*)(void *), void *, uint64_t);
/* hist.h */
extern inline uint32_t sluice_hist_bucket(uint64_t);
extern inline uint64_t sluice_hist_bucket_top(uint32_t);
extern inline void sluice_hist_add_n(struct sluice_hist *, uint64_t, uint64_t);
extern inline void sluice_hist_add(struct sluice_hist *, uint64_t);
extern inline uint64_t sluice_hist_count(const struct sluice_hist *);
