# SPDX-License-Identifier: Apache-2.0
# Tests of `sluice-bench verify`: each plants one mistake in a copy of a strategy
# or a modifier, and the cells of that one must fail. One file, one line, by a sed
# expression, as in unit/mutants.cmake.
#
# sluice_verify_mutant(NAME FILE STRATEGY EXPRESSION [QUICK])
#
# That each still changes one line, and that its strategy has cells, is looked at in
# every run; QUICK ones are built and run too, the others with SLUICE_LONG_TESTS.
# A mutant is the tool that stands in build/bench, linked with what was compiled
# from the copy.
#
# A mistake that no load can see is none. Of those that were tried:
#   shared.h: how many of an emission go into the ring at once.
#   ordered.h: how many events fit the window, which bounds what is placeable.
#   ranks.h: who is first, when the fallback finds the same.
#   jbsq.h: one event a look, where a lane alone at its level may have several;
#     that is slower, and nothing else. What is left out of a level: of 65 lanes.
#   p2c.h: which of two that have as much. rr.h: what a lane that left had of its
#     turn, which tells with weights only. rebalance.h: that no lane both gives and
#     gets, which keeps two from waiting for each other.
#   pkg.h: that a home without credit is the worse one: it has more in hand as well.
#   sticky.h: whether points of one lane are walked or leapt over; which of two lanes
#     has a point that both claim, or takes what all have too much for.
set(VERIFY_MUTANT_SH ${CMAKE_CURRENT_SOURCE_DIR}/../support/mutant.sh)
set(VERIFY_MUTANT_TABLE ${CMAKE_CURRENT_BINARY_DIR}/mutants.txt)
set(VERIFY_MUTANTS "")
set(VERIFY_PARTS sluice.h ring dispatch bench/verify.h bench/verify_alone.c)
set(VERIFY_PLANTED dispatch/strategy.c bench/verify_alone.c)
file(GLOB VERIFY_HEADERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ring/*.h
	${PROJECT_SOURCE_DIR}/dispatch/*)

function(sluice_verify_mutant name file strategy expression)
	string(APPEND VERIFY_MUTANTS "${name}\t${file}\tbench/verify.def"
		"\t${strategy}\t${expression}\n")
	set(VERIFY_MUTANTS "${VERIFY_MUTANTS}" PARENT_SCOPE)
	if(SLUICE_SANITIZE OR NOT TARGET sluice-bench OR
	   NOT (SLUICE_LONG_TESTS OR "QUICK" IN_LIST ARGN))
		return()
	endif()
	set(dir ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
	list(TRANSFORM VERIFY_PLANTED PREPEND ${dir}/ OUTPUT_VARIABLE planted)
	add_custom_command(OUTPUT ${planted}
		COMMAND sh ${VERIFY_MUTANT_SH} plant ${PROJECT_SOURCE_DIR}
			${dir} ${file} "${expression}" ${VERIFY_PARTS}
		DEPENDS ${VERIFY_MUTANT_SH} ${VERIFY_HEADERS}
			${PROJECT_SOURCE_DIR}/bench/verify.h
			${PROJECT_SOURCE_DIR}/bench/verify_alone.c
		COMMENT "Planting verify mutant ${name}" VERBATIM)
	add_executable(verify_mutant_${name} ${planted}
		$<TARGET_OBJECTS:sluice-bench>)
	target_include_directories(verify_mutant_${name} PRIVATE ${dir}
		$<TARGET_PROPERTY:sluice_objects,INCLUDE_DIRECTORIES>)
	target_compile_options(verify_mutant_${name} PRIVATE -O1 -w)
	target_link_libraries(verify_mutant_${name} PRIVATE bench_verify
		bench_report bench_run bench_common bench_rivals)
	add_test(NAME bench/mutant-${name} COMMAND sh ${VERIFY_MUTANT_SH}
		expect 1 "(FAIL  |verify: )${strategy}"
		$<TARGET_FILE:verify_mutant_${name}> verify
		--strategy=${strategy})
	set_tests_properties(bench/mutant-${name} PROPERTIES LABELS bench
		TIMEOUT ${SLUICE_TEST_TIMEOUT})
endfunction()

# ---- rr ----------------------------------------------------------------------
sluice_verify_mutant(rr-steals-turns dispatch/rr.h rr
	[[s/int had = k == 0 \&\& s->had >= sluice_rr_weight(lane);/int had = 0;/]] QUICK)
sluice_verify_mutant(rr-turns-of-two dispatch/rr.h rr
	[[s/return lane->weight ? lane->weight : 1;/return lane->weight ? lane->weight : 2;/]])
sluice_verify_mutant(rr-weight-ignored dispatch/rr.h rr
	[[s/return lane->weight ? lane->weight : 1;/return lane->weight ? 1 : 1;/]])
sluice_verify_mutant(rr-skip-waits dispatch/rr.h rr
	[[s/s->skip = opts->skip;/s->skip = 0;/]])
sluice_verify_mutant(rr-skip-busy-too dispatch/rr.h rr
	[[s/if (s->skip \&\& left < SLUICE_EVENTS_LARGE)/if (0)/]])
sluice_verify_mutant(rr-skips-unasked dispatch/rr.h rr
	[[s/s->skip = opts->skip;/s->skip = 1;/]])

# ---- jbsq, p2c, ordered ------------------------------------------------------
sluice_verify_mutant(jbsq-holds-one-more dispatch/jbsq.h jbsq
	[[s/s->most = opts->in_flight_max ? opts->in_flight_max : UINT64_MAX;/s->most = opts->in_flight_max ? opts->in_flight_max + 1 : UINT64_MAX;/]] QUICK)
sluice_verify_mutant(jbsq-without-bound dispatch/jbsq.h jbsq
	[[s/s->most = opts->in_flight_max ? opts->in_flight_max : UINT64_MAX;/s->most = UINT64_MAX;/]])
sluice_verify_mutant(jbsq-ties-to-the-lowest dispatch/jbsq.h jbsq
	[=[s/lanes->lane\[level->lane\[at - 1\]\].since > since; at--)/0; at--)/]=])
sluice_verify_mutant(jbsq-ties-to-the-newest dispatch/jbsq.h jbsq
	[=[s/lanes->lane\[level->lane\[at - 1\]\].since > since; at--)/lanes->lane[level->lane[at - 1]].since < since; at--)/]=])
sluice_verify_mutant(jbsq-any-lane dispatch/jbsq.h jbsq
	[[s/\t\tuint64_t in_flight = sluice_lane_in_flight(&lanes->lane\[i\]);$/\t\tuint64_t in_flight = 0;/]])
sluice_verify_mutant(jbsq-next-level-is-the-bound dispatch/jbsq.h jbsq
	[[s/level->next = level->in_flight;/level->next = s->most;/]])
sluice_verify_mutant(jbsq-next-level-never-lowered dispatch/jbsq.h jbsq
	[[s/if (in_flight < level->next)/if (0)/]])
sluice_verify_mutant(jbsq-rounds-past-the-next-level dispatch/jbsq.h jbsq
	[[s/level.in_flight < level.next)$/1)/]])
sluice_verify_mutant(p2c-draws-the-same-twice dispatch/p2c.h p2c
	[[s/b += b >= a; .*another one.*/b = a;/]] QUICK)
sluice_verify_mutant(p2c-one-may-be-both dispatch/p2c.h p2c
	[[s/b += b >= a; .*another one.*/(void)0;/]])
sluice_verify_mutant(p2c-takes-the-worse dispatch/p2c.h p2c
	[=[s/return sluice_lane_in_flight(&lanes->lane\[drum->lane\[b\]\]) <$/return sluice_lane_in_flight(\&lanes->lane[drum->lane[b]]) >/]=])
sluice_verify_mutant(p2c-without-bound dispatch/p2c.h p2c
	[[s/return lane->credit > 0 \&\& .*/return lane->credit > 0;/]])
sluice_verify_mutant(ordered-half-a-window dispatch/ordered.h ordered
	[[s/uint64_t room = s->window - (s->next - lanes->restored);/uint64_t room = s->window \/ 2 - (s->next - lanes->restored);/]])

# ---- demand ------------------------------------------------------------------
sluice_verify_mutant(demand-to-busy-ones-too dispatch/demand.h demand
	[[s/return lane->credit > level \&\& idle == group->idle/return lane->credit > level/]] QUICK)
sluice_verify_mutant(demand-always-from-the-first dispatch/demand.h demand
	[[s/\t\ts->turn < lanes->count ? s->turn : 0, lanes->count,/\t\t0, lanes->count,/]])
sluice_verify_mutant(demand-fewer-pieces dispatch/demand.h demand
	[[s/SLUICE_DEMAND_PIECES 8u/SLUICE_DEMAND_PIECES 4u/]])
sluice_verify_mutant(demand-more-pieces dispatch/demand.h demand
	[[s/SLUICE_DEMAND_PIECES 8u/SLUICE_DEMAND_PIECES 24u/]])
sluice_verify_mutant(demand-large-is-larger dispatch/demand.h demand
	[[s/SLUICE_DEMAND_LARGE  1024u/SLUICE_DEMAND_LARGE  2048u/]])
sluice_verify_mutant(demand-pieces-of-the-busy dispatch/demand.h demand
	[[s/some += sluice_demand_above(group, &lanes->lane\[i\], 0) > 0;/some++;/]])
sluice_verify_mutant(demand-turn-stays-behind-pieces dispatch/demand.h demand
	[[s/if (group->count < lanes->count)$/if (0)/]])
sluice_verify_mutant(demand-least-credit dispatch/demand.h demand
	[[s/if (lane\[i\].credit > lane\[best\].credit ||/if (lane[i].credit < lane[best].credit ||/]])
sluice_verify_mutant(demand-ties-to-the-newest dispatch/demand.h demand
	[[s/lane\[i\].since < lane\[best\].since))/lane[i].since > lane[best].since))/]])
sluice_verify_mutant(demand-one-by-one dispatch/demand.h demand
	[[s/uint32_t n = left < s->chunk ? left : s->chunk;/uint32_t n = 1;/]])

# ---- by key ------------------------------------------------------------------
sluice_verify_mutant(spill-never-when-hungry dispatch/spill.h partition
	[[s/if (fair < SLUICE_SPILL_QUANTUM \&\& view->hungry)/if (0)/]])
sluice_verify_mutant(spill-when-nobody-is-hungry dispatch/spill.h partition
	[[s/if (fair < SLUICE_SPILL_QUANTUM \&\& view->hungry)/if (fair < SLUICE_SPILL_QUANTUM)/]])
sluice_verify_mutant(spill-a-few-when-hungry dispatch/spill.h partition
	[[s/SLUICE_SPILL_QUANTUM 64u/SLUICE_SPILL_QUANTUM 8u/]])
sluice_verify_mutant(spill-many-when-hungry dispatch/spill.h hash
	[[s/SLUICE_SPILL_QUANTUM 64u/SLUICE_SPILL_QUANTUM 256u/]])
sluice_verify_mutant(spill-fair-share-of-one dispatch/spill.h atomic
	[[s/fair = view->lowest \* view->active;/fair = view->lowest;/]])
sluice_verify_mutant(partition-joiner-takes-more dispatch/partition.h partition
	[[s/sluice_partition_take(s, lanes, i, low, low);/sluice_partition_take(s, lanes, i, low \/ 2, 2 * low);/]])
sluice_verify_mutant(partition-joiner-takes-no-rest dispatch/partition.h partition
	[[s/if (low > 0)$/if (0)/]])
sluice_verify_mutant(partition-heir-has-most dispatch/partition.h partition
	[[s/s->groups\[i\] < s->groups\[heir\])/s->groups[i] > s->groups[heir])/]])
sluice_verify_mutant(pkg-joiner-is-no-home dispatch/pkg.h pkg
	[[/^static inline void sluice_pkg_join/,/^}/s/sluice_pkg_settle(s, lanes);/;/]])
sluice_verify_mutant(sticky-joiner-has-no-points dispatch/sticky.h sticky
	[[/^static inline void sluice_sticky_join/,/^}/s/sluice_sticky_settle(s, lanes);/;/]])
sluice_verify_mutant(hash-ignores-bytes dispatch/hash.h hash
	[[s/key %= s->partitions;/key = (key \& 15) % s->partitions;/]])
sluice_verify_mutant(hash-of-one-less dispatch/hash.h hash
	[[s/key %= s->partitions;/key %= s->partitions - 1;/]])
sluice_verify_mutant(partition-without-a-hash dispatch/partition.h partition
	[[s/return sluice_key_spread(key) & s->group_mask;/return (uint32_t)key \& s->group_mask;/]] QUICK)
sluice_verify_mutant(partition-never-moves dispatch/partition.h partition
	[[s/s->rebalance = opts->rebalance_percent;/s->rebalance = 0;/]])
sluice_verify_mutant(partition-moves-anyhow dispatch/partition.h partition
	[[s/s->rebalance = opts->rebalance_percent;/s->rebalance = 10;/]])
sluice_verify_mutant(partition-moves-the-coldest dispatch/rebalance.h partition
	[[s/r->heat\[i\] > r->heat\[best\]))/r->heat[i] < r->heat[best]))/]])
sluice_verify_mutant(partition-does-not-wait dispatch/partition.h partition
	[[s/return (int64_t)(lane->acked - lane->barrier) >= 0;/return 1;/]])
sluice_verify_mutant(key-ignores-bytes dispatch/mix.h atomic
	[[s/return (uint32_t)((key \* SLUICE_MIX_STEP) >> 40);/return (uint32_t)(((key \& 15) * SLUICE_MIX_STEP) >> 40);/]])
sluice_verify_mutant(atomic-lets-go-early dispatch/atomic.h atomic
	[[s/flow->lane == SLUICE_LANE_NONE ||$/flow->lane == SLUICE_LANE_NONE || lanes->lane[flow->lane].acked + 1 == flow->position ||/]] QUICK)
sluice_verify_mutant(atomic-never-lets-go dispatch/atomic.h atomic
	[[s/(int64_t)(lanes->lane\[flow->lane\].acked - flow->position) >= 0;/0;/]])
sluice_verify_mutant(atomic-ties-to-stale-stamps dispatch/atomic.h atomic
	[[s/lane->since = ++lanes->stamp;/++lanes->stamp;/]])
sluice_verify_mutant(atomic-ties-to-the-lowest dispatch/ranks.h atomic
	[[s/since << SLUICE_RANK_SINCE_BIT | i$/0 | i/]])
sluice_verify_mutant(atomic-ties-to-the-raised dispatch/ranks.h atomic
	[[s/since << SLUICE_RANK_SINCE_BIT | lane;/0 | lane;/]])
sluice_verify_mutant(atomic-forgets-what-spilled dispatch/atomic.h atomic
	[[s/flow->position = lane->sent + lane->spilled;/flow->position = lane->sent;/]])
sluice_verify_mutant(atomic-any-lane dispatch/ranks.h atomic
	[[s/? sluice_spill_load(lane)$/? (uint64_t)0/]])
sluice_verify_mutant(pkg-worse-home dispatch/pkg.h pkg
	[[s/other = 0 - (uint32_t)(sluice_pkg_burden(&lanes->lane\[b\]) <$/other = 0 - (uint32_t)(sluice_pkg_burden(\&lanes->lane[b]) >/]] QUICK)
sluice_verify_mutant(pkg-one-home dispatch/pkg.h pkg
	[[s/return a ^ ((a ^ b) & other);/return a;/]])
sluice_verify_mutant(pkg-homes-of-a-byte dispatch/pkg.h pkg
	[[s/uint64_t z = sluice_mix64(key + SLUICE_MIX_STEP);/uint64_t z = sluice_mix64((key \& 15) + SLUICE_MIX_STEP);/]])
sluice_verify_mutant(sticky-without-its-bound dispatch/sticky.h sticky
	[[s/s->percent \* (load->total + 1);/UINT64_MAX;/]] QUICK)
sluice_verify_mutant(sticky-bound-of-the-average dispatch/sticky.h sticky
	[[s/s->percent = opts->load_percent ? opts->load_percent$/s->percent = opts->load_percent ? 100/]])
sluice_verify_mutant(sticky-one-point-each dispatch/sticky.h sticky
	[[s/for (uint32_t r = 0; r < SLUICE_STICKY_REPLICAS; r++) {/for (uint32_t r = 0; r < 1; r++) {/]])

# ---- nobody's choice, and modifiers ------------------------------------------
sluice_verify_mutant(shared-keeps-the-last dispatch/shared.h shared
	[[s/uint32_t n = events->count < room ? events->count : (uint32_t)room;/uint32_t n = events->count < room ? events->count - 1 : (uint32_t)room;/]])
sluice_verify_mutant(broadcast-charges-joiners dispatch/broadcast.h broadcast
	[[/^static inline uint32_t sluice_broadcast_pick/,/^}/s/if (lanes->lane\[i\].state == SLUICE_LANE_ACTIVE)/if (1)/]])
sluice_verify_mutant(tee-one-in-one-more dispatch/tee.h tee
	[[s/s->left = s->every - 1;/s->left = s->every;/]] QUICK)
sluice_verify_mutant(conflate-keeps-the-first dispatch/conflate.h conflate
	[[s/^\t\ts->replaced++;/\t\treturn;/]])
sluice_verify_mutant(weight-of-one dispatch/lanes.h weight
	[[s/s->weight = weight ? weight : 1;/s->weight = 1;/]])

file(WRITE ${VERIFY_MUTANT_TABLE} "${VERIFY_MUTANTS}")
add_test(NAME bench/mutants-apply COMMAND sh ${VERIFY_MUTANT_SH} applies
	${PROJECT_SOURCE_DIR} ${VERIFY_MUTANT_TABLE})
set_tests_properties(bench/mutants-apply PROPERTIES LABELS bench)
