# SPDX-License-Identifier: Apache-2.0
# Tests of the tests: each plants one mistake in a copy of one file, and the test
# that is named must fail, crash or hang. One file, one line, by a sed expression.
#
# That each still changes one line of the code, and that its test is there, is
# looked at in every run; built and run they are with SLUICE_LONG_TESTS.
#
# A mistake that no test can see is none. Of those that were tried:
#   outlet_member.c, orphan_noted(): a mark that lies behind the next event has
#     been read, for no batch goes past the beginning of one.
#   cgroup.c: the group "/" is a path as well.
#   aside.c: what waits for nobody any more, and still counts as waiting, costs a
#     look at each emission, and no event.
#   attend.c, stage_let_go(): the end of a stage that is due rings the supervisor, which
#   looks by itself ten times a second.
#   hold.c: nothing is dropped while a callback has staged something.
#   life.c: what an init that fails has emitted is forgotten with the whole start.
set(UNIT_MUTANT_SH ${CMAKE_CURRENT_SOURCE_DIR}/../support/mutant.sh)
set(UNIT_MUTANT_TABLE ${CMAKE_CURRENT_BINARY_DIR}/mutants.txt)
set(UNIT_MUTANTS "")
set(UNIT_PARTS sluice.h ring dispatch engine stages tests/unit tests/support)
file(GLOB UNIT_HEADERS CONFIGURE_DEPENDS *.h ../support/*.h
	${PROJECT_SOURCE_DIR}/*/*.h ${PROJECT_SOURCE_DIR}/engine/*/*.h
	${PROJECT_SOURCE_DIR}/dispatch/*)

# What each file of the library includes, seen from the top.
file(GLOB UNIT_LIBRARY RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
	${PROJECT_SOURCE_DIR}/ring/* ${PROJECT_SOURCE_DIR}/dispatch/*
	${PROJECT_SOURCE_DIR}/engine/*.h ${PROJECT_SOURCE_DIR}/engine/*/*
	${PROJECT_SOURCE_DIR}/stages/*)
foreach(path IN LISTS UNIT_LIBRARY)
	get_filename_component(folder ${path} DIRECTORY)
	file(STRINGS ${PROJECT_SOURCE_DIR}/${path} lines REGEX "^#include \"")
	string(REGEX REPLACE "#include \"([^\"]+)\"" "\\1" names "${lines}")
	list(TRANSFORM names REPLACE "^[.][.]/" "")
	list(TRANSFORM names REPLACE "^([^/]+)$" "${folder}/\\1")
	set(UNIT_INCLUDES_${path} "${names}")
endforeach()

# The sources that see @file.
function(sluice_unit_seen_by file out)
	set(seen ${file})
	set(before "")
	while(NOT seen STREQUAL before)
		set(before ${seen})
		foreach(path IN LISTS UNIT_LIBRARY)
			foreach(header IN LISTS before)
				if(header IN_LIST UNIT_INCLUDES_${path})
					list(APPEND seen ${path})
				endif()
			endforeach()
		endforeach()
		list(REMOVE_DUPLICATES seen)
	endwhile()
	list(FILTER seen INCLUDE REGEX "[.]c$")
	set(${out} ${seen} PARENT_SCOPE)
endfunction()

# What a mutant changes stands before the library's own in the link.
function(sluice_unit_mutant_program name file program expression)
	set(dir ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
	set(test test_${program})
	if(file MATCHES "[.]c$")
		set(parts ${file})
		set(planted ${dir}/${file})
		set(sources ${planted} $<TARGET_OBJECTS:${test}>)
		set(depends ${PROJECT_SOURCE_DIR}/${file})
	else()
		set(parts ${UNIT_PARTS})
		sluice_unit_seen_by(${file} planted)
		list(APPEND planted tests/unit/${test}.c)
		list(TRANSFORM planted PREPEND ${dir}/)
		set(sources ${planted})
		set(depends ${UNIT_HEADERS} ${SLUICE_SOURCE_FILES}
			${CMAKE_CURRENT_SOURCE_DIR}/${test}.c)
	endif()
	add_custom_command(OUTPUT ${planted}
		COMMAND sh ${UNIT_MUTANT_SH} plant ${PROJECT_SOURCE_DIR} ${dir}
			${file} "${expression}" ${parts}
		DEPENDS ${UNIT_MUTANT_SH} ${depends}
		COMMENT "Planting unit mutant ${name}" VERBATIM)
	add_executable(unit_mutant_${name} ${sources})
	target_include_directories(unit_mutant_${name} PRIVATE ${dir}
		$<TARGET_PROPERTY:sluice_objects,INCLUDE_DIRECTORIES>)
	target_compile_options(unit_mutant_${name} PRIVATE -O1 -w)
	get_target_property(options ${test} LINK_OPTIONS)
	if(options)
		target_link_options(unit_mutant_${name} PRIVATE ${options})
	endif()
	target_link_libraries(unit_mutant_${name} PRIVATE
		sluice_private PkgConfig::CMOCKA Threads::Threads m)
endfunction()

function(sluice_unit_mutant name file program verdict expression)
	string(APPEND UNIT_MUTANTS "${name}\t${file}\ttests/unit/test_${program}.c"
		"\t${verdict}\t${expression}\n")
	set(UNIT_MUTANTS "${UNIT_MUTANTS}" PARENT_SCOPE)
	if(NOT SLUICE_LONG_TESTS OR SLUICE_SANITIZE)
		return()
	endif()
	sluice_unit_mutant_program(${name} ${file} ${program} "${expression}")
	add_test(NAME unit/mutant-${name} COMMAND sh ${UNIT_MUTANT_SH} fails
		"${verdict}" $<TARGET_FILE:unit_mutant_${name}>)
	set_tests_properties(unit/mutant-${name} PROPERTIES LABELS unit TIMEOUT ${SLUICE_TEST_TIMEOUT})
endfunction()

# ---- ring/ -------------------------------------------------------------------
sluice_unit_mutant(producer-is-believed ring/spsc.h spsc_peer "claim_32_bits_more"
	[[s/if (SLUICE_UNLIKELY(published - r->acked > r->ahead_max))/if (0)/]])
sluice_unit_mutant(producer-a-ring-and-one-ahead ring/spsc.h spsc_peer "claim_one_more"
	[[s/published - r->acked > r->ahead_max/published - r->acked > r->ahead_max + 1/]])
sluice_unit_mutant(producer-is-believed-again ring/spsc.h spsc_peer "claim_one_more"
	[[/sluice_spsc_look(struct/,/^}/s/r->ahead_max = 0;/(void)0;/]])
sluice_unit_mutant(end-is-believed ring/spsc.h spsc_peer "cut_in_the_past"
	[[s/if (SLUICE_UNLIKELY(end - r->acked > r->ahead_max))/if (0)/]])
sluice_unit_mutant(wild-end-is-forgotten ring/spsc.h spsc_peer "producer_that_ends_is_not_believed_either"
	[[/sluice_spsc_ended(struct/,/^}/s/r->ahead_max = 0;/(void)0;/]])

# ---- dispatch/ ---------------------------------------------------------------
sluice_unit_mutant(dealt-to-the-newest dispatch/demand.h demand "ties_go_to_the_longest_waiting"
	[[s/lane\[i\].since < lane\[best\].since))/lane[i].since > lane[best].since))/]])
sluice_unit_mutant(drawn-without-credit dispatch/demand.h demand "shuffle_fills_by_chance_once"
	[[/^static inline uint32_t sluice_demand_drawn/,/^}/s/if (lanes->lane\[i\].credit == 0)/if (0)/]])
sluice_unit_mutant(shuffled-for-ever dispatch/demand.h demand_even "shuffle_draws_the_first_turn"
	[[/^sluice_demand_evenly/,/^}/s/\ts->shuffle = 0;/\t(void)0;/]])
sluice_unit_mutant(large-emission-in-pieces dispatch/demand.h demand_even "a_large_emission_goes_to_a_few"
	[[s/if (idle && large)/if (0)/]])
sluice_unit_mutant(rest-always-to-the-first dispatch/demand.h demand_even "equals_take_turns"
	[[s/\t\t\t\ts->turn = after;/\t\t\t\t(void)after;/]])
sluice_unit_mutant(credit-without-a-stamp dispatch/dispatch.h demand "ties_go_to_the_longest_waiting"
	[[/^static inline void sluice_lane_set/,/^}/s/lanes->lane\[index\].since = ++lanes->stamp;/(void)0;/]])
sluice_unit_mutant(receipt-with-credit-only dispatch/dispatch.h jbsq "receipts_make_room"
	[[s/\tlanes->lane\[index\].acked = acked;/\tif (lanes->lane[index].credit != credit) lanes->lane[index].acked = acked;/]])
sluice_unit_mutant(leaver-has-had-its-turn dispatch/rr.h rr "joiner_in_the_place_of_a_leaver_has_had_nothing"
	[[/^static inline void sluice_rr_leave/,/^}/s/if (s->turn == i)/if (0)/]])
sluice_unit_mutant(turn-is-whole-again dispatch/rr.h rr "random_scripts_strict"
	[[s/first = s->had < first ? first - s->had : 0;/first = first;/]])
sluice_unit_mutant(rounds-begin-again dispatch/rr.h rr "random_scripts_strict"
	[[s/first = s->had > 0 ? s->turn + 1 : s->turn;/first = s->turn;/]])
sluice_unit_mutant(rounds-past-the-credit dispatch/rr.h rr "random_scripts_strict"
	[[s/rounds = rounds < lane->credit ? rounds : lane->credit;/(void)lane->credit;/]])
sluice_unit_mutant(keys-of-the-same-row dispatch/keys.h key "one_after_the_other"
	[[s/row->event += (size_t)n \* row->bytes;/(void)0;/]])
sluice_unit_mutant(first-comes-not-again dispatch/rr.h rr "all_to_one"
	[[s/k <= lanes->count && i < lanes->count/k < lanes->count \&\& i < lanes->count/]])
sluice_unit_mutant(tied-lane-left-out dispatch/jbsq.h jbsq "many_lanes"
	[[s/level->next = level->in_flight + 1;/level->next = s->most;/]])
sluice_unit_mutant(row-past-the-next-level dispatch/jbsq.h jbsq "many_lanes"
	[[s/if (each > level->next - level->in_flight)/if (0)/]])
sluice_unit_mutant(row-past-what-is-left dispatch/jbsq.h jbsq "rows_of_a_large_emission"
	[[s/uint32_t each = left \/ level->count;/uint32_t each = row;/]])
sluice_unit_mutant(tied-newest-first dispatch/jbsq.h jbsq "level_then_in_turn"
	[=[s/lanes->lane\[level->lane\[at - 1\]\].since > since; at--)/lanes->lane[level->lane[at - 1]].since < since; at--)/]=])
sluice_unit_mutant(least-loaded-last-of-equals dispatch/jbsq.h sticky "random_script"
	[[s/(in_flight == least && lane->since >= since))/(in_flight == least))/]])
sluice_unit_mutant(drawn-twice-the-same dispatch/p2c.h p2c "the_better_of_two"
	[[s/b += b >= a; .*another one.*/(void)0;/]])
sluice_unit_mutant(drawn-from-the-first-on dispatch/p2c.h p2c "many_lanes_are_drawn_alike"
	[[s/if (lanes->count > SLUICE_P2C_DRAWN)/if (0)/]])
sluice_unit_mutant(home-on-its-way-out dispatch/pkg.h pkg "random_script"
	[[s/ | waits << 62 | leaves << 63;/ | waits << 62 | (leaves \& 0);/]])
sluice_unit_mutant(home-of-no-joiner dispatch/pkg.h pkg "homes_are_who_is_there"
	[[/^static inline void sluice_pkg_join/,/^}/s/sluice_pkg_settle(s, lanes);/(void)lanes;/]])
sluice_unit_mutant(held-without-new-events dispatch/sticky.h sticky "random_script"
	[[s/\t\tload.total++;/\t\t(void)load;/]])
sluice_unit_mutant(flow-of-a-leaver-kept dispatch/atomic.h atomic "leaver_frees_its_keys"
	[[/^static inline void sluice_atomic_leave/,/^}/s/s->flow\[flow\].lane = SLUICE_LANE_NONE;/(void)0;/]])
sluice_unit_mutant(flow-at-rest-too-early dispatch/atomic.h atomic "key_waits_where_it_is"
	[[s/flow->lane == SLUICE_LANE_NONE ||$/flow->lane == SLUICE_LANE_NONE || lanes->lane[flow->lane].acked + 1 == flow->position ||/]])
sluice_unit_mutant(flow-forgets-the-spill dispatch/atomic.h atomic "key_waits_where_it_is"
	[[s/flow->position = lane->sent + lane->spilled;/flow->position = lane->sent;/]])
sluice_unit_mutant(ranked-by-an-old-stamp dispatch/ranks.h atomic "many_lanes_take_turns"
	[[s/if ((int64_t)since < 0)/if (0)/]])
sluice_unit_mutant(key-not-spread dispatch/mix.h atomic "random_script"
	[[s/return (uint32_t)((key \* SLUICE_MIX_STEP) >> 40);/return (uint32_t)key;/]])
sluice_unit_mutant(absent-lane-has-credit dispatch/spill.h partition "vacant_partition_stops_at_the_room"
	[[s/if (view->absent == 0)/if (1)/]])
sluice_unit_mutant(hash-of-powers-of-two dispatch/hash.h partition "key_is_spread_over_the_partitions"
	[[s/key %= s->partitions;/key \&= s->partitions - 1;/]])
sluice_unit_mutant(hash-takes-any-key dispatch/hash.h partition "unknown_partition_is_an_error"
	[[s/if (SLUICE_UNLIKELY(key >= s->partitions)) {/if (0) {/]])
sluice_unit_mutant(spill-overtaken dispatch/spill.h partition "credit_does_not_pass_what_waits"
	[[s/if (SLUICE_LIKELY(lane->spilled == 0 && lane->credit > 0)) {/if (lane->credit > 0) {/]])
sluice_unit_mutant(barrier-without-the-spill dispatch/partition.h partition_owners "joiner_waits_for_what_was_sent_and_spilled"
	[[s/lane->barrier = lane->sent + lane->spilled;/lane->barrier = lane->sent;/]])
sluice_unit_mutant(taken-from-one-that-waits dispatch/partition.h partition_owners "joiners_in_a_row"
	[[s/(lane->state == SLUICE_LANE_JOINING && lane->spilled == 0);/lane->state == SLUICE_LANE_JOINING;/]])
sluice_unit_mutant(heir-of-most dispatch/partition.h partition_owners "shares_stay_even"
	[[s/s->groups\[i\] < s->groups\[heir\])$/s->groups[i] > s->groups[heir])/]])
sluice_unit_mutant(taker-keeps-its-credit dispatch/partition.h partition_owners "groups_move_when_it_is_time"
	[[/lane\[to\].state = SLUICE_LANE_JOINING;/{n;s/lanes->lane\[to\].credit = 0;/(void)to;/}]])
sluice_unit_mutant(groups-move-at-any-time dispatch/partition.h partition_owners "groups_move_when_it_is_time"
	[[s/if (s->seen < SLUICE_REBALANCE_EVENTS/if (s->seen > SLUICE_REBALANCE_EVENTS/]])
sluice_unit_mutant(coldest-group-moves dispatch/rebalance.h rebalance "the_hottest_that_helps"
	[[s/r->heat\[i\] > r->heat\[best\]))/r->heat[i] < r->heat[best]))/]])
sluice_unit_mutant(heat-for-ever dispatch/partition.h rebalance "a_look_halves_the_heat"
	[[s/s->heat\[group\] \/= 2;/(void)s;/]])
sluice_unit_mutant(window-one-too-far dispatch/reorder.h reorder "all_slots_are_used"
	[[s/if (seq - r->first >= r->window)/if (seq - r->first > r->window)/]])
sluice_unit_mutant(taken-back-is-the-newest dispatch/ordered.h ordered_pick "an_event_taken_back_has_its_room"
	[[s/if ((int64_t)(last + 1 - s->next) > 0)/if (1)/]])
sluice_unit_mutant(window-of-the-join-passed dispatch/ordered.h ordered_pick "no_more_than_the_join_has_room_for"
	[[/^static inline uint32_t sluice_ordered_fit/,/^}/s/s->window)$/s->window + 1)/]])
sluice_unit_mutant(joining-reader-charged dispatch/broadcast.h strategy "broadcast_to_the_active_only"
	[[/^static inline uint32_t sluice_broadcast_pick/,/^}/s/if (lanes->lane\[i\].state == SLUICE_LANE_ACTIVE)/if (1)/]])
sluice_unit_mutant(one-in-one-more dispatch/tee.h modifiers "tee_is_one_in_so_many"
	[[s/s->left = s->every - 1;/s->left = s->every;/]])
sluice_unit_mutant(key-lost-by-a-removal dispatch/conflate.h modifiers "conflate_keeps_the_latest"
	[[s/if (((at - home) & mask) < ((at - hole) & mask))/if (((at - home) \& mask) <= ((at - hole) \& mask))/]])
sluice_unit_mutant(key-kept-in-an-old-entry dispatch/conflate.h modifiers "conflate_keeps_the_latest"
	[[/s->dropped++/{n;s/at = sluice_conflate_find(s, key);/(void)0;/}]])
sluice_unit_mutant(lane-saves-its-turn dispatch/lanes.h modifiers "a_turn_is_a_turn"
	[[s/s->left = s->weight \* quantum;/s->left += s->weight * quantum;/]])

# ---- where threads run -------------------------------------------------------
sluice_unit_mutant(port-takes-a-cpu engine/graph/affinity.c affinity "ports_take_no_worker"
	[[s/polling += !p->workers\[i\].blocking && !p->workers\[i\].foreign &&/polling += !p->workers[i].blocking \&\&/]])
sluice_unit_mutant(stage-on-a-ports-thread engine/graph/affinity.c affinity "ports_take_no_worker"
	[[s/if (!worker->blocking && !worker->foreign &&/if (!worker->blocking \&\&/]])
sluice_unit_mutant(turns-of-stages engine/graph/affinity.c affinity "workers_take_turns_not_stages"
	[[s/\tif (workers > placing->slots)$/\tif (0)/]])
sluice_unit_mutant(one-turn-for-all engine/run/platform.c pin "turns_are_taken_by_as_many"
	[[s/__atomic_fetch_add(&taken, n, __ATOMIC_RELAXED);/__atomic_fetch_add(\&taken, 1, __ATOMIC_RELAXED);/]])
sluice_unit_mutant(cpu-named-twice engine/graph/pin.c affinity "pin_twice"
	[[s/if (pin->cpus\[i\] == cpu)/if (0)/]])
sluice_unit_mutant(list-ends-anyhow engine/graph/pin.c affinity "pin_ends_in_a_letter"
	[[s/return rc == 0 && \*at != .*/return rc;/]])
sluice_unit_mutant(quota-of-the-largest engine/run/cgroup.c cgroup "v2_least_counts"
	[[/^static uint64_t cgroup_least_share/,/^}/s/share < least))/share > least))/]])
sluice_unit_mutant(quota-rounded-up engine/run/cgroup.c cgroup "v2_rounds_down"
	[[s/return least < 100 ? 1 : (uint32_t)(least \/ 100);/return (uint32_t)((least + 99) \/ 100);/]])
sluice_unit_mutant(quota-ignored engine/run/cpus.c pin "a_quota_of_time_counts"
	[[s/if (quota > 0 && quota < cpus->time)/if (0)/]])
sluice_unit_mutant(worker-sleeps-past-a-timer engine/run/worker.c worker "earliest_first"
	[[s/if (due < deadline)/if (1)/]])

# ---- letters and timers ------------------------------------------------------
sluice_unit_mutant(refused-letter-counts engine/stage/mailbox.c mailbox "the_limit_counts_what_is_not_handled"
	[[/>= limit) {/{n;s/UINT32_MAX/0/}]])
sluice_unit_mutant(closed-box-is-full engine/stage/mailbox.c mailbox "a_closed_box_takes_nothing"
	[[s/return seen == CLOSED ? -EPIPE : -EAGAIN;/return -EAGAIN;/]])
sluice_unit_mutant(answer-overwritten engine/stage/mailbox.c mailbox "answered_at_once"
	[[s/if (!letter->replied)$/if (1)/]])
sluice_unit_mutant(answered-twice engine/control/control.c control "a_call_is_answered_once"
	[[s/\tif (letter->replied)$/\tif (0)/]])
sluice_unit_mutant(letters-before-events engine/stage/mail.c control "letters_leave_a_turn_to_events"
	[[s/read < LETTERS_PER_ROUND; read++/read < UINT32_MAX; read++/]])
sluice_unit_mutant(timer-drifts engine/stage/timer.c timer "period_missed_is_skipped"
	[[s/due = timer_after(now_ns - (now_ns - due) % period, period);/due = timer_after(now_ns, period);/]])
sluice_unit_mutant(timer-too-late engine/stage/timer.c timer "once"
	[[s/t->slot\[first\].due_ns > now_ns)/t->slot[first].due_ns >= now_ns)/]])
sluice_unit_mutant(watch-of-a-file-that-lives-on engine/run/watches.c stage_watch "a_file_that_lives_on"
	[[s/watches_renew(worker);/(void)watches_renew;/]])
sluice_unit_mutant(watch-of-a-number-before engine/run/watches.c stage_watch "a_number_that_is_used_again"
	[[s/^\tif (before != NULL)$/\tif (0)/]])
sluice_unit_mutant(watch-tells-an-error-alone engine/run/watches.c stage_watch "an_error_alone"
	[[s/? r->events | w->row\[index\].events/? r->events/]])
sluice_unit_mutant(watch-of-another-turn engine/run/watches.c stage_watch "what_was_unwatched_is_not_told"
	[[s/watch_mark(w, index) != r->mark)/0)/]])
sluice_unit_mutant(watches-of-all-end-with-one engine/run/watches.c stage_watch_life "stages_share_a_worker"
	[[s/if (w->row\[i\].stage != stage)/if (0)/]])
sluice_unit_mutant(watches-wait-for-a-rest engine/run/watches.c stage_watch_life "a_busy_worker_looks"
	[[s/(w->busy && ++w->rounds < WATCHES_ROUNDS)/w->busy/]])
sluice_unit_mutant(watching-stage-is-helped engine/run/help.c stage_watch_life "nobody_helps_it"
	[[s/worker->stages\[i\]->opts.handle_io != NULL/0/]])
sluice_unit_mutant(timer-after-the-end engine/stage/step.c stage_timer "timers_end_with_the_stage"
	[[s/while (stage->run.phase == STAGE_RUNNING &&$/while (/]])
sluice_unit_mutant(timer-of-a-failed-stage engine/stage/fault.c stage_timer "timers_end_with_a_failure"
	[[s/\tstage->post.timers.armed = 0;/\t(void)0;/]])

# ---- buffers -----------------------------------------------------------------
sluice_unit_mutant(row-begins-anew engine/stage/hold.c hold "a_longer_row_is_the_same_row"
	[[s/\tmore.at = hold->at;/\t(void)0;/]])
sluice_unit_mutant(spill-put-back-alone engine/link/spill.c spill "what_is_put_back_comes_first"
	[[/^void spill_unpop/,/^}/s/if (queue->count++ == 0)/if (queue->count++ == 1)/]])
sluice_unit_mutant(spill-put-back-moves-on engine/link/spill.c spill "what_is_put_back_comes_first"
	[[s/queue->popped--;/(void)0;/]])
sluice_unit_mutant(spill-appended-stands-still engine/link/spill.c spill "one_queue_goes_behind_another"
	[[s/from->popped += from->count;/(void)0;/]])
sluice_unit_mutant(dropped-output-awaited engine/stage/emit.c overflow "what_was_dropped_is_not_waited_for"
	[[s/\t\t\tstage->hand.end = hold_end(hold);/\t\t\t(void)0;/]])
sluice_unit_mutant(held-back-is-buffered engine/stage/emit.c orders "events_are_held_back_and_given_out"
	[[s/held ? dealt : dealt + waits);/dealt + waits);/]])
sluice_unit_mutant(answered-before-it-is-told engine/stage/callback_priv.h gauges "its_own_wait"
	[[/\[CALLBACK_INFO\]/,/},/s/LEAVES_LOOK/LEAVES_LATER/]])
sluice_unit_mutant(fan-out-over-a-batch engine/graph/declare.c overflow "one_makes_more_than_there_is_room_for"
	[[s/return n < o->fan_out_max ? o->fan_out_max : n;/return n;/]])
sluice_unit_mutant(fan-out-over-the-room engine/stage/step.c overflow "one_makes_more_than_there_is_room_for"
	[[s/return room < fan_out ? 1 : (uint32_t)(room \/ fan_out);/return room < fan_out ? 0 : (uint32_t)(room \/ fan_out);/]])
sluice_unit_mutant(empty-is-no-credit engine/stage/step.c overflow "rounds_in_vain_are_told_apart"
	[[/^static int consumer_step(/,/^}/s/SLUICE_COUNTER_STALLS_EMPTY, 1);/SLUICE_COUNTER_STALLS_CREDIT, 1);/]])
sluice_unit_mutant(emits-nothing-at-all engine/stage/stage.c step "emit_within_limits"
	[[s/if (self == NULL || n == 0 || n > self->run.emit_left)/if (self == NULL || n > self->run.emit_left)/]])

# ---- batches, and what comes again -------------------------------------------
sluice_unit_mutant(batch-end-one-early engine/link/inlet.c verdicts "batch_end_at_its_border"
	[[s/if (batch->depth == 0)/if (batch->depth <= 1)/]])
sluice_unit_mutant(exact-batch-cut-by-the-room engine/stage/step.c batches "borders_in_the_middle"
	[[s/room += stage->buffer_max;/room += 0;/]])
sluice_unit_mutant(gathered-without-credit engine/link/gather.c gather "min_zero"
	[[/^static void gather_ask/,/^}/s/if (sluice_spsc_grant(/if (0 \&\& sluice_spsc_grant(/]])
sluice_unit_mutant(gathered-while-it-drains engine/link/gather.c gather "a_producer_that_blocks_keeps_nothing"
	[[s/sluice_load_acquire(in->command) != 0/0/]])
sluice_unit_mutant(gathered-though-cancelled engine/link/gather.c gather "a_producer_that_blocks_keeps_nothing"
	[[s/sluice_load_acquire(&sub->by_control.cancel) != 0/0/]])
sluice_unit_mutant(gathered-once-more engine/link/gather.c gather "comes_again"
	[[s/handed_at(&link->handed, link->reader.acked, &alike) > 0;/alike == 0;/]])
sluice_unit_mutant(gathered-as-far-as-the-ring-goes engine/link/gather.c gather "whole"
	[[s/^\tcredit->exact = 1;/\tcredit->exact = credit->exact;/]])
sluice_unit_mutant(gathered-beyond-what-was-asked-for engine/link/gather.c gather "no_more_is_asked_for"
	[[s/return link->pool == NULL/return 0/]])
sluice_unit_mutant(gathered-beyond-the-pool engine/link/rings_pool.c gather "shared_of_8"
	[[s/ < enough \&\& there < ring->capacity)/ < enough)/]])
sluice_unit_mutant(gathered-from-the-pool-in-one engine/link/rings_pool.c gather "shared"
	[[s/^\t\tthere = sluice_mpmc_depth(ring);/\t\tthere = 0;/]])
sluice_unit_mutant(gathered-in-short-turns engine/link/gather.c gather_with "a_turn_is_as_long_as_a_batch"
	[[s/left < link->sub->gather.events/0/]])
sluice_unit_mutant(gathered-at-the-end engine/stage/life.c gather "whole"
	[[s/moved |= outlet_hurry(&stage->out);/(void)0;/]])
sluice_unit_mutant(claim-without-a-limit engine/link/pool_priv.h shared "what_was_only_taken_keeps_its_count"
	[[/^static inline uint32_t pool_claim/,/^}/s/if (n > limit)$/if (0)/]])
sluice_unit_mutant(larger-window-is-not-granted engine/link/inlet.c ask "a_larger_window_is_granted_at_once"
	[[/^void inlet_resize/,/^}/s/if (link->open)/if (0)/]])
sluice_unit_mutant(weight-of-two-is-one engine/link/inlet.c outlet_leave "a_link_has_its_weight"
	[[s/if (sub->opts.weight > 1)/if (sub->opts.weight > 2)/]])
sluice_unit_mutant(weight-does-not-reach-the-lane engine/link/outlet_member.c grants "turns_have_weights"
	[[s/.weight = sub->opts.weight,/.weight = 0,/]])
sluice_unit_mutant(place-of-a-thinned-batch engine/link/inlet.c positions "what_comes_again_lies_where_it_lay: broadcast"
	[[s/batch->seq = inlet_seq(in, batch, 0);/(void)0;/]])
sluice_unit_mutant(refused-counts-again engine/link/inlet.c verdicts "refused_counts_once"
	[[/^void inlet_return/,/^}/s/link->refusing = 0;/(void)0;/]])
sluice_unit_mutant(refused-survives-its-link engine/link/inlet.c ask "refused_events_are_no_demand_of_the_next"
	[[/^void inlet_attach/,/^}/s/link->refused = 0;//]])
sluice_unit_mutant(counts-survive-their-link engine/link/inlet.c outlet_leave "a_link_forgets_the_one_before"
	[[/^void inlet_attach/,/^}/s/link->counted = 0;/(void)0;/]])
sluice_unit_mutant(whole-batch-given-up engine/stage/fault.c verdicts "one_delivery_among_others"
	[[s/int spent = taken == 1 \&\& /int spent = /]])
sluice_unit_mutant(last-time-in-company engine/link/inlet.c verdicts "the_last_time_alone"
	[[s/return batch->deliveries >= in->tries_max ? 1/return batch->deliveries > in->tries_max ? 1/]])
sluice_unit_mutant(second-time-not-counted engine/stage/step.c verdicts "the_last_time_alone"
	[[s/if (\(.*\)batch.deliveries > 1/if (\1batch.deliveries > 2/]])
sluice_unit_mutant(letter-without-its-code engine/stage/fault.c verdicts "one_delivery_among_others"
	[[s/\t\t\t.code = code,/\t\t\t.code = -EIO,/]])
sluice_unit_mutant(letter-counts-as-discarded engine/stage/fault.c verdicts "refused_counts_once"
	[[s/SLUICE_COUNTER_DEAD_LETTERS, batch/SLUICE_COUNTER_DISCARDED, batch/]])
sluice_unit_mutant(handed-rows-overflow engine/link/handed_priv.h handed "rows_run_out"
	[[s/handed->count == HANDED_ROWS)) {/0)) {/]])
sluice_unit_mutant(handed-count-too-far engine/link/handed_priv.h handed "against_a_count_for_each"
	[[s/if (until - at < \*limit)/if (0)/]])
sluice_unit_mutant(position-without-wrap engine/link/position_priv.h handed "rows_lie_across_the_wrap"
	[[s/return at - position < UINT64_MAX \/ 2;/return at >= position;/]])
sluice_unit_mutant(shared-count-unmarked engine/link/rings_pool.c shared "what_was_only_taken_keeps_its_count"
	[[s/sluice_store_relaxed(&ring->marked, end);/sluice_store_relaxed(\&ring->marked, end - 1);/]])
sluice_unit_mutant(cancelled-onlooker-awaited engine/link/aside.c aside_latest "who_is_cancelled_holds_up_no_end"
	[[/^int asides_busy/,/^}/s/if (aside->ended || /if (/]])

# ---- those who come, ask and go ----------------------------------------------
sluice_unit_mutant(mark-without-room engine/link/rings_separate.c outlet "what_spilled_waits_for_room_for_its_mark"
	[[s/if (!outlet_note_room(out->subs\[index\]))/if (0)/]])
sluice_unit_mutant(marks-of-two-counts-in-one engine/link/rings_separate.c outlet_leave "each_keeps_its_own_count"
	[[s/last->to == position && last->deliveries == deliveries) {/last->to == position) {/]])
sluice_unit_mutant(slots-of-a-leaver engine/link/rings_common.c outlet "joiner_waits_for_a_leaver"
	[[/^static uint64_t common_room/,/^}/s/if (w->cursors\[i\].rx != NULL \&\& credit < room \&\&/if (w->cursors[i].rx != NULL \&\& credit < room \&\& !w->cursors[i].leaving \&\&/]])
sluice_unit_mutant(taker-is-never-let-in engine/link/outlet.c outlet_leave "who_takes_over_begins_anew"
	[[/^static void outlet_rejoin/,/^}/s/out->joining = 1;/(void)0;/]])
sluice_unit_mutant(taker-has-begun engine/link/outlet.c outlet_leave "who_takes_over_begins_anew"
	[[s/\t\t\tout->subs\[i\]->began = 0;/\t\t\t(void)0;/]])
sluice_unit_mutant(vain-batch-counted engine/link/outlet.c outlet_leave "only_what_goes_out_is_counted"
	[[s/\tif (placed > 0) {$/\tif (1) {/]])
sluice_unit_mutant(leaver-holds-up-the-end engine/link/rings_common.c outlet_leave "a_leaver_holds_up_no_end"
	[[s/!c->leaving && c->acked/c->acked/]])
sluice_unit_mutant(leaver-told-another-reason engine/link/rings_separate.c outlet_leave "a_leaver_keeps_its_reason"
	[[s/if (sluice_lane_stays(&out->lanes.lane\[i\]))/if (out->lanes.lane[i].state != SLUICE_LANE_VACANT)/]])
sluice_unit_mutant(gauge-stays-up engine/link/outlet.c outlet_leave "a_gauge_goes_down_again"
	[[s/if (out->subs\[i\] != NULL)$/if (out->subs[i] != NULL \&\& out->lanes.lane[i].spilled)/]])
sluice_unit_mutant(room-for-what-found-nobody engine/link/outlet_member.c outlet_leave "what_finds_nobody_takes_no_room"
	[[/^static uint32_t orphan_deal_queue/,/^}/s/out->lanes.spill_free--;/(void)0;/]])
sluice_unit_mutant(read-counts-as-unread engine/link/rings_common.c outlet_leave "one_reader_is_enough"
	[[s/\t\tout->read\[from & mask\] = 1;/\t\t(void)0;/]])
sluice_unit_mutant(read-before-it-came engine/link/rings_common.c outlet_leave "what_was_before_a_reader_is_unread"
	[[s/sluice_load_acquire(&sub->by_producer.start), at);/0, at);/]])
sluice_unit_mutant(read-a-round-ago engine/link/rings_common.c outlet_leave "what_was_read_was_another_event"
	[[s/\t\tout->read\[out->read_to & mask\] = 0;/\t\t(void)0;/]])
sluice_unit_mutant(unread-before-it-came engine/link/rings_common.c outlet_leave "who_never_opened_left_nothing"
	[[/^static void common_leave/,/^}/s/c->acked,/0,/]])
sluice_unit_mutant(dropped-and-kept engine/link/outlet_member.c outlet_leave "what_a_vacant_partition_has_is_dropped"
	[[/^uint64_t outlet_drop_vacant/,/^}/s/\*link = sub->orphan.next;/link = \&sub->orphan.next;/]])
sluice_unit_mutant(ask-reaches-a-successor engine/control/subscription.c ask "an_ask_on_its_way_does_not_reach_the_successor"
	[[s/if (ASKED_GENERATION(asked) != (id.generation \& 0xffff))/if (0)/]])
sluice_unit_mutant(asks-beyond-their-bits engine/link/inlet.c ask "asks_are_full_both_times"
	[[s/sub->ask_seen -= granted - r->acked - ASKED_MOST;/(void)0;/]])
sluice_unit_mutant(window-without-its-minimum engine/link/window_priv.h ask "window_exact"
	[[s/.min_events = (uint32_t)(word >> WINDOW_BITS & WINDOW_MASK),/.min_events = (uint32_t)(word \& WINDOW_MASK),/]])
sluice_unit_mutant(window-not-exact engine/link/window_priv.h ask "window_exact"
	[[s/.exact = (uint32_t)(word >> (3 \* WINDOW_BITS)),/.exact = 0,/]])
sluice_unit_mutant(resubscribe-with-other-flags engine/control/subscription.c subscription "resubscribe_changes_nothing_else"
	[[s/FIXED(flags), *FIXED(on_end),/FIXED(flags),/]])
sluice_unit_mutant(places-beyond-the-most engine/graph/plan.c subscription "refuses_over_subscriptions_max"
	[[s/return most ? most : declared + PLACES_MORE;/return declared + PLACES_MORE;/]])
sluice_unit_mutant(depth-is-what-was-granted engine/link/subscription.c subscription_stat "what_lies_there_is_told"
	[[s/stat->depth = now.published - now.acked;/stat->depth = now.granted - now.acked;/]])
sluice_unit_mutant(carried-from-the-beginning engine/link/subscription.c snapshot_ended "a_reader_of_a_broadcast_has_carried_its_own"
	[[s/now.acked - start : 0/now.acked : start - start/]])
sluice_unit_mutant(sent-what-the-others-were engine/link/subscription.c snapshot_ended "a_reader_of_a_broadcast_has_carried_its_own"
	[[s/published = end;/(void)end;/]])
sluice_unit_mutant(left-without-its-counts engine/stage/attend_in.c snapshot_ended "what_it_carried_can_be_read_after_its_end"
	[[s/subscription_note_left(sub, link->reader.granted, at);/(void)0;/]])
sluice_unit_mutant(peer-leaves-its-counts engine/stage/attend_in.c stand_in "what_nobody_has_looked_at_is_told_later"
	[[s/stage_count_far(stage, sub, SLUICE_SIDE_CONSUMER,/stage_count_far(stage, sub, SLUICE_SIDE_PRODUCER,/]])
sluice_unit_mutant(feeder-leaves-its-counts engine/stage/attend.c stand_in "what_nobody_has_looked_at_is_told_later"
	[[s/stage_count_far(stage, sub, SLUICE_SIDE_PRODUCER, until,/stage_count_far(stage, sub, SLUICE_SIDE_CONSUMER, until,/]])
sluice_unit_mutant(peer-batches-are-believed engine/control/far_stats.c stand_in "what_it_has_handled_is_told"
	[[s/seen.batches = stat.batches < n ? stat.batches : n;/seen.batches = stat.batches | (n \& 0);/]])
sluice_unit_mutant(peer-is-idle-with-events engine/control/far_stats.c stand_in "what_it_has_handled_is_told"
	[[s/stage_consumes(stage) && !far_has_some(stage, rows)/stage_consumes(stage)/]])
sluice_unit_mutant(ended-is-not-listed engine/control/snapshot.c snapshot_ended "what_it_carried_can_be_read_after_its_end"
	[[s/subscription_consumer(sub) == CONSUMER_LEFT;/0;/]])
sluice_unit_mutant(worker-of-one-that-ended engine/control/snapshot.c snapshot_ended "a_pipeline_ends_in_steps"
	[[s/if (row->port || row->phase == SLUICE_PHASE_ENDED)/if (row->port)/]])
sluice_unit_mutant(cancelled-is-open engine/control/snapshot.c snapshot "what_lies_there_is_told"
	[[s|return SLUICE_SUB_CANCELLED;|return SLUICE_SUB_OPEN;|]])
sluice_unit_mutant(list-too-short engine/control/snapshot.c snapshot "the_list_grows_meanwhile"
	[[s/s->stages_max < \*stages_max ||/0 ||/]])
sluice_unit_mutant(as-full-as-last engine/link/inlet.c snapshot_ended "the_fullest_is_remembered"
	[[s/if (depth > link->high) {/if (depth != link->high) {/]])
sluice_unit_mutant(batches-never-counted engine/link/inlet.c snapshot_ended "the_fullest_is_remembered"
	[[s/sluice_store_stale(&link->reader.rx->batches, ++link->batches);/(void)0;/]])
sluice_unit_mutant(fullest-is-forgotten engine/link/subscription.c snapshot_ended "the_fullest_is_remembered"
	[[s/.high = sluice_load_stale(&rx->high),/.high = subscription_consumer(sub) == CONSUMER_OPEN,/]])
sluice_unit_mutant(latency-in-the-next-bucket ring/latency.c latency "each_bucket_holds_what_it_says"
	[[s/uint64_t part = bucket - (cut << SLUICE_LATENCY_PART_BITS);/uint64_t part = bucket - (cut << SLUICE_LATENCY_PART_BITS) + 1;/]])
sluice_unit_mutant(places-rounded-down ring/latency.c latency "a_share_is_what_it_does_not_exceed"
	[[s/(total % 1000 \* q + 999) \/ 1000;/total % 1000 * q \/ 1000;/]])
sluice_unit_mutant(no-more-than-the-most ring/latency.c latency "a_share_is_what_it_does_not_exceed"
	[[s/top < stat->max_ns ? top : stat->max_ns;/top;/]])
sluice_unit_mutant(stamps-at-full-speed engine/link/stamp_priv.h stamp "stamps_are_some_thousand_a_second"
	[[s/s->bits++;/(void)0;/]])
sluice_unit_mutant(stamps-stay-rare engine/link/stamp_priv.h stamp "when_it_slows_down_each_is_stamped_again"
	[[s/s->bits--;/(void)0;/]])
sluice_unit_mutant(stamps-of-others engine/link/stamp_priv.h stamp "only_what_lies_there_is_taken"
	[[s/if (ns == 0 || at - first >= n ||/if (ns == 0 ||/]])
sluice_unit_mutant(latency-is-forgotten engine/link/subscription.c snapshot_latency "each_of_a_few_is_looked_at"
	[[s/\*stat = sub->by_consumer.left.latency;/*stat = (struct sluice_latency_stats){0};/]])
sluice_unit_mutant(pool-without-stamps engine/link/rings_pool.c snapshot_latency "of_a_pool"
	[[s/link->stamp.ns = stamp.ns;/(void)0;/]])
sluice_unit_mutant(common-ring-without-stamps engine/link/rings_common.c snapshot_latency "of_a_common_ring"
	[[s/stamp_publish(&out->stamper, w, out->ops);/(void)0;/]])
sluice_unit_mutant(blocked-is-work ring/times.h times "a_step_that_lasts_is_work_and_then_blocked"
	[[s/spent_ns\[SLUICE_DOING_BLOCKED\] += span_ns - work_ns;/spent_ns[SLUICE_DOING_WORK] += span_ns - work_ns;/]])
sluice_unit_mutant(work-without-a-thread ring/times.c times "work_that_is_not_done_is_not_told"
	[[s/more_ns = SLUICE_TIMES_LONG_NS;/(void)0;/]])
sluice_unit_mutant(old-words-and-a-new-clock ring/times.c times "what_changes_meanwhile_is_read_anew"
	[[/First of all the writer/,/^}/s/return times_same(counters, r);/return 1;/]])
sluice_unit_mutant(told-otherwise-each-time ring/times.c times "what_others_were_told_is_told_again"
	[[s/if (told == SLUICE_DOING_NOTHING \&\& !inside)/if (!inside)/]])
sluice_unit_mutant(claims-for-ever ring/times.h times "what_others_were_told_is_told_again"
	[[s/claim >> SLUICE_TIMES_DOING_BITS == w->changes/1/]])
sluice_unit_mutant(never-blocked ring/times.h worker_clock "a_callback_that_blocks_is_found_at_once"
	[[s/spent_ns\[SLUICE_DOING_BLOCKED\] += span_ns - work_ns;/spent_ns[SLUICE_DOING_WORK] += span_ns - work_ns;/]])
sluice_unit_mutant(all-of-a-window engine/stage/time.c worker_clock "several_share_a_window_by_rounds"
	[[s/work_ns = span_ns \* moved->worked \/ window->rounds;/(void)0;/]])
sluice_unit_mutant(told-in-vain engine/stage/time.c worker_clock "what_was_told_is_so"
	[[s/if (moved->claimed != SLUICE_DOING_NOTHING ||/if (/]])
sluice_unit_mutant(never-told-anew engine/stage/time.c worker_clock "while_nothing_changes_it_is_told_now_and_then"
	[[s/now_ns - t->told.since_ns < TIME_FRESH_NS;/1;/]])
sluice_unit_mutant(last-callback-was-idle engine/stage/time.c worker_clock "its_last_callback_counts"
	[[s/} else if (t->worked > 0) {/} else if (0) {/]])
sluice_unit_mutant(no-room-is-idle engine/stage/time.c snapshot_time "who_has_no_room_is_named"
	[[s/outlet_room(&stage->out) == 0/0/]])
sluice_unit_mutant(rings-page-by-page engine/graph/plan_slots.c plan_slots "each_begins_elsewhere"
	[[s/return (uint64_t)ring \* SKEW_LINES/return 0 * (uint64_t)ring * SKEW_LINES/]])
sluice_unit_mutant(rings-on-half-the-lines engine/graph/plan_slots.c plan_slots "each_begins_elsewhere"
	[[s/define SKEW_LINES 9u/define SKEW_LINES 8u/]])
sluice_unit_mutant(user-spins-on-its-worker engine/run/port.c crowd "who_receives_there_sleeps"
	[[s/worker->spin.rounds == 0 \&\& crowd_on(port)/worker->spin.rounds == 0 \&\& crowd_on(port) < 0/]])
sluice_unit_mutant(sender-spins-on-its-worker engine/run/crowd.c crowd "who_sends_there_sleeps"
	[[s/found |= crowd_by(port->out.subs\[i\]->consumer, cpu);/(void)0;/]])
sluice_unit_mutant(nowhere-is-a-place engine/run/crowd.c crowd "who_is_nowhere_spins"
	[[s/if (cpu == PLATFORM_CPU_ANY)/if (0)/]])
sluice_unit_mutant(worker-spins-on-its-user engine/run/crowd_priv.h crowd "a_worker_makes_way"
	[[/^static inline int crowd_makes_way/,/^}/s/return 1;/return 0;/]])
sluice_unit_mutant(crowded-for-ever engine/run/crowd_priv.h crowd "a_worker_makes_way"
	[[s/sluice_store_relaxed(&worker->crowded, 0);/(void)0;/]])
sluice_unit_mutant(helper-without-bound engine/run/help.c help "the_rest_is_the_workers"
	[[s/ \&\& now_ns < bound->until_ns;/;/]])
sluice_unit_mutant(helper-sets-a-timer-for-nobody engine/run/help.c help "what_is_due_earlier_wakes_the_worker"
	[[s/ \&\& !help_is_due(worker);/;/]])
sluice_unit_mutant(own-thread-unheeded engine/run/help.c help "nobody_helps_who_wants_its_own_thread"
	[[s/opts.flags & SLUICE_STAGE_OWN_THREAD ||/opts.flags == UINT32_MAX ||/]])
sluice_unit_mutant(receiver-does-not-look engine/run/help.c help "a_waiting_receiver_helps"
	[[/^static void help_look/,/^}/s/(void)help_owe(help, worker);/(void)help;/]])
sluice_unit_mutant(helper-is-nobody-inside engine/run/help.c help_ends "a_callback_does_not_wait_for_its_pipeline"
	[[s/sluice_store_release(&worker->self, port_self(help->port));/(void)self;/]])
sluice_unit_mutant(helpers-in-callbacks engine/run/help.c help_ends "a_callback_that_sends_does_not_help"
	[[s/? HELP_MAY_NOT$/? HELP_MAY/]])
sluice_unit_mutant(helper-uncounted engine/run/port_held.c help_ends "a_port_is_not_removed_under_a_helper"
	[[/^int port_has_helpers/,/^}/s/>= PORT_HELPER/== 1/]])
sluice_unit_mutant(spin-in-vain-is-free engine/run/spin.c spin "an_idle_thread_sleeps"
	[[s/spun_ns < spin->afford_ns ? spun_ns : spin->afford_ns/spun_ns > 0 ? 0 : spin->afford_ns/]])
sluice_unit_mutant(spin-never-tries-again engine/run/spin.c spin "short_gaps_are_found_again"
	[[s,spin_earn(spin\, (now_ns - spin->until_ns) / SPIN_PART_TIME),(void)now_ns,]])
sluice_unit_mutant(spins-a-little-each-time engine/run/spin.c spin "an_idle_thread_sleeps"
	[[s/spin->afford_ns >= spin->most_ns;/spin->afford_ns > 0;/]])
sluice_unit_mutant(spin-beyond-the-bound engine/run/spin.c spin "nobody_spins_beyond_the_bound"
	[[s/ || spun_ns >= spin->most_ns//]])
sluice_unit_mutant(spin-stores-for-ever engine/run/spin.c spin "old_times_do_not_count"
	[[s/most_ns - spin->afford_ns > ns/ns >= 0/]])
sluice_unit_mutant(long-gaps-earn engine/run/spin.c spin "long_gaps_earn_nothing"
	[[s/gap_ns <= spin->most_ns \&\&/gap_ns > 0 \&\&/]])
sluice_unit_mutant(spin-of-too-many engine/run/spin.c spin "no_more_spin_than_there_are_cpus"
	[[s/>= p->cpu_time/> p->cpu_time/]])
sluice_unit_mutant(refused-is-counted engine/run/spin.c spin "no_more_spin_than_there_are_cpus"
	[[/^static int spin_counts_in/,/^}/s/UINT32_MAX/0/]])
sluice_unit_mutant(sleeper-is-counted engine/run/spin.c spin "who_sleeps_is_not_counted"
	[[/^void spin_stop/,/^}/s/spin_counts_out(worker);/(void)0;/]])
sluice_unit_mutant(worker-is-counted engine/run/spin.c spin "who_works_is_not_counted"
	[[/^void spin_learn/,/^}/s/spin_counts_out(worker);/(void)0;/]])
sluice_unit_mutant(never-spins-a-little engine/run/spin.c spin "never_is_never"
	[[s/worker->spin.most_ns == 0 || worker->spin.over/worker->spin.over/]])
sluice_unit_mutant(forever-is-a-bound engine/run/spin.c spin "forever_is_for_ever"
	[[s/spin->afford_ns = SPIN_NS_FOREVER;/spin->afford_ns = 0;/]])
sluice_unit_mutant(spin-limit-unchecked engine/run/pipeline.c new_opts "spin_over"
	[[s/o->spin_us > SLUICE_SPIN_US_MAX/0/]])
sluice_unit_mutant(too-many-spin-for-ever engine/graph/affinity.c affinity "none_of_too_many_spins"
	[[s/!sleeps \&\& polling <= p->placing->alone/!sleeps/]])
sluice_unit_mutant(looks-each-round engine/run/clock.c worker_clock "it_looks_about_every_25_us"
	[[s/clock->every \*= 2;/(void)0;/]])
sluice_unit_mutant(never-exact engine/run/clock.c worker_clock "of_several_the_slow_one_is_told"
	[[s/clock->exact = stages > 1 \&\&/clock->exact = 0 \&\&/]])
sluice_unit_mutant(in-hand-is-idle engine/run/clock.c snapshot_time "a_port_does_what_its_user_lets_it"
	[[s/stage_parked(port) ? SLUICE_DOING_WORK/0 ? SLUICE_DOING_WORK/]])
sluice_unit_mutant(most-credit-holds-up engine/control/snapshot.c snapshot_time "the_slowest_reader_of_a_broadcast_is_named"
	[[s/return a->credit < b->credit;/return a->credit > b->credit;/]])
sluice_unit_mutant(who-has-none-waiting-holds-up engine/control/snapshot.c snapshot_time "who_has_events_waiting_for_it_is_named"
	[[s/return a->waiting > b->waiting;/return a->waiting < b->waiting;/]])
sluice_unit_mutant(onlookers-hold-up engine/control/snapshot.c snapshot_time "an_onlooker_holds_up_nobody"
	[[s/sub->kind == SLUICE_SUB_DISPATCHED \&\&/1 \&\&/]])
sluice_unit_mutant(nobody-restores engine/control/snapshot.c snapshot_time "who_restores_its_order_is_named"
	[[s/if (restorer != NULL \&\& worst != NULL \&\& worst->counts.credit > 0) {/if (0) {/]])
sluice_unit_mutant(rates-by-name engine/control/rates.c rates "rows_are_matched_by_identity"
	[[s/if (in->stages\[i\]->serial == row->serial \&\&/if (1 \&\&/]])
sluice_unit_mutant(rates-by-place engine/control/rates.c rates "a_place_that_is_used_again_is_another_subscription"
	[[s/sub->generation == row->sub.generation \&\&/1 \&\&/]])
sluice_unit_mutant(rates-of-what-went-back engine/control/rates.c rates "events out"
	[[s/if (now < before || span_ns == 0)/if (span_ns == 0)/]])
sluice_unit_mutant(went-back-in-silence engine/control/rates.c rates "batches in"
	[[s/if (now < before)$/if (0)/]])
sluice_unit_mutant(shares-of-the-whole-life engine/control/rates.c rates "its_time_is_what_it_lived_in_between"
	[[s/row->lived_ns = now->lived_ns - before->lived_ns;/row->lived_ns = now->lived_ns;/]])
sluice_unit_mutant(who-went-is-forgotten engine/control/rates.c rates "all_may_have_gone"
	[[s/stage_went(rates_add_stage(r, before->stages\[i\]));/(void)stage_went;/]])
sluice_unit_mutant(code-of-an-end-is-an-errno engine/peer/wire.c wire "a_refusal_has_a_code_and_an_end_a_reason"
	[[s/int most = kind == WIRE_REFUSAL ? /int most = 1 ? /]])
sluice_unit_mutant(code-of-an-end-is-cut engine/peer/seats_look.c peers "the_code_of_its_end_is_told"
	[[s/-(int)SLUICE_CLOSED_CODE(closed), text/-(int)(SLUICE_CLOSED_CODE(closed) % 4096), text/]])
sluice_unit_mutant(attached-is-not-counted engine/peer/guest.c process "what_it_sent_counts"
	[[s/process_attached(guest->process);/(void)0;/]])
sluice_unit_mutant(named-folder-is-not-made engine/peer/address.c address "a_folder_that_is_named_is_made"
	[[s/if (rc == 0 \&\& make)/if (rc == 0 \&\& make \&\& given == NULL)/]])
sluice_unit_mutant(batches-from-the-beginning engine/link/inlet.c peers_held "counts_go_on"
	[[s/link->batches = sluice_load_stale(&sub->rx->batches);/link->batches = 0;/]])
sluice_unit_mutant(all-stages-are-the-first engine/run/arrive.c snapshot_ended "what_it_carried_can_be_read_after_its_end"
	[[s/stage->serial = ++p->serials;/stage->serial = 1;/]])
sluice_unit_mutant(second-cancel-is-busy engine/control/subscription.c subscription_stat "it_is_cancelled_once"
	[[s/return SUBSCRIPTION_FAIL(sub, -EALREADY, "%s",/return SUBSCRIPTION_FAIL(sub, -EBUSY, "%s",/]])
sluice_unit_mutant(last-reason-counts engine/stage/attend_in.c subscription_end "the_worst_reason_counts"
	[[s/if (reason > SLUICE_CLOSED_REASON(stage->run.worst)) {/if (1) {/]])
sluice_unit_mutant(hooks-of-one-that-is-down engine/stage/attend.c cancel_ending "it_could_not_come_up"
	[[s/if (hook == NULL || !stage->run.initialised)/if (hook == NULL)/]])
sluice_unit_mutant(letters-to-one-that-is-down engine/stage/attend.c cancel_ending "it_could_not_come_up"
	[[s/if (stage->run.phase == STAGE_ENDING \&\& !stage->run.initialised)/if (0)/]])
sluice_unit_mutant(ending-keeps-its-inputs engine/stage/life.c cancel_ending "what_is_in_hand_is_cancelled"
	[[s/if (stage_consumes(stage) \&\& stage_give_back(stage))/if (0)/]])
sluice_unit_mutant(ending-keeps-what-is-in-hand engine/stage/attend_in.c cancel_ending "what_is_in_hand_is_cancelled"
	[[s/if (sluice_load_acquire(&sub->by_control.cancel) == 0 ||/if (1 ||/]])
sluice_unit_mutant(ending-acknowledges-what-is-over engine/stage/attend_in.c cancel_ending "a_stop_takes_its_output"
	[[s/if (sluice_load_acquire(&sub->by_control.cancel) == 0 ||/if (consumer_told(stage, sub) == 0 ||/]])
sluice_unit_mutant(deserted-waits engine/run/supervisor.c stage_alone "nobody_feeds_it"
	[[s/deserted = p->arrivals == 0 \&\& supervisor_deserted(p);/deserted = 0;/]])
sluice_unit_mutant(deserted-though-one-stays engine/run/supervisor.c stage_alone "it_is_to_wait_for_somebody"
	[[s/stage_awaits(stage) ||/0 ||/]])
sluice_unit_mutant(deserted-though-it-was-fed engine/run/supervisor.c subscription_end "idle_temporary_stays_all_the_same"
	[[s/^\treturn stage->declared_in == 0 \&\& stage->declared_out == 0 \&\&$/\treturn/]])
sluice_unit_mutant(ending-subscribes engine/control/subscribe.c cancel_ending "it_reads_from_nobody_else"
	[[s/^\t    STAGE_ENDING)$/\t    STAGE_ENDED)/]])

# ---- failing, starting, ending -----------------------------------------------
sluice_unit_mutant(failures-never-forgotten engine/run/restart.c restart "stable_again_and_again"
	[[s/now_ns - last >= policy->stable_ns/(&) \&\& now_ns - last >= 1000 * policy->stable_ns/]])
sluice_unit_mutant(delay-over-the-longest engine/run/restart.c restart "delay_first_over_the_longest"
	[[s/uint64_t above = max - delay < below ? max - delay : below;/uint64_t above = below;/]])
sluice_unit_mutant(burst-of-one-more engine/run/restart.c restart "window_counts_through_stable_periods"
	[[s/if (h->count >= most)/if (h->count > most)/]])
sluice_unit_mutant(failure-without-its-code engine/stage/fault.c verdicts "a_failure_has_a_code"
	[[s/stage_finish(stage, SLUICE_REASON_ERROR, (uint32_t)-rc);/stage_finish(stage, SLUICE_REASON_ERROR, 0);/]])
sluice_unit_mutant(starved-through-a-restart engine/stage/fault.c producer_asks "a_restart_asks_again"
	[[/^static int stage_restart/,/^}/s/stage_ask_anew(stage);//]])
sluice_unit_mutant(retries-add-up engine/stage/produce.c producer_asks "retries_are_counted_in_a_row"
	[[/if (SLUICE_UNLIKELY(rc == SLUICE_RETRY)) {/,/stage_answer/s/\tstage->run.retries = 0;/\t(void)0;/]])
sluice_unit_mutant(rows-of-the-slow engine/stage/produce.c producer_row "calls_that_grow_long_wait_for_few"
	[[/^static int producer_row_over/,/^}/s/stage->run.quick = 0;/(void)0;/]])
sluice_unit_mutant(rows-without-end engine/stage/produce.c producer_row "a_row_is_over_in_time"
	[[s/ || now_ns - row->begun_ns > ROW_NS//]])
sluice_unit_mutant(rows-of-retries engine/stage/produce.c producer_row "what_is_tried_again_is_not_given_up"
	[[/^static int producer_row_over/,/^}/s/stage->run.retries = 0;/(void)0;/]])
sluice_unit_mutant(rows-keep-what-failed engine/stage/callback_priv.h producer_row "a_failure_keeps_what_was_emitted"
	[[s/lent->emitted = lent->kept;/(void)0;/]])
sluice_unit_mutant(rows-are-one-emission engine/stage/emit.c producer_row "each_emission_is_counted"
	[[/^void stage_row_end/,/^}/s/if (lent.emissions > 1)/if (0)/]])
sluice_unit_mutant(rows-forget-what-waits engine/stage/produce.c producer_row "a_row_meets_the_rings_end"
	[[s/AHEAD_HELD | AHEAD_MARKERS/AHEAD_MARKERS/]])
sluice_unit_mutant(all-are-quick engine/stage/produce.c producer_row "long_calls_publish_each_its_own"
	[[/^static void producer_ask_slow/,/^}/s/< ROW_CALL_NS/< UINT64_MAX/]])
sluice_unit_mutant(rows-of-who-blocks engine/stage/produce.c producer_row "who_may_block_keeps_nothing_back"
	[[s/stage->opts.blocking || stage_ahead/stage_ahead/]])
sluice_unit_mutant(corked-for-ever engine/link/outlet.c producer_row "a_row_may_end_early"
	[[/^void outlet_uncork/,/^}/s/outlet_publish(out, 0);//]])
sluice_unit_mutant(worse-is-better ring/copier.c copier "equals_are_left_alone"
	[[s/^#define BETTER       90u/#define BETTER       103u/]])
sluice_unit_mutant(one-win-is-enough ring/copier.c copier "equals_are_left_alone"
	[[s/if (++copier->wins == 2)/if (++copier->wins == 1)/]])
sluice_unit_mutant(no-hurry ring/copier.c copier "the_best_is_found"
	[[/^static void copier_hurry/,/^}/s/copier->hurry = .*;/(void)0;/]])
sluice_unit_mutant(tries-for-ever ring/copier.c copier "tries_cost_little"
	[[s/copier->hurry > 0 || copier->wins > 0 || now_ns >= copier->next_ns/1/]])
sluice_unit_mutant(slow-tries-to-the-end ring/copier.c copier "tries_cost_little"
	[[/^static int copier_too_slow/,/^}/s/return .*/return 0 \&\&/]])
sluice_unit_mutant(never-light ring/copier.c copier "light_load_is_plain"
	[[s/^#define LIGHT_NS .*/#define LIGHT_NS UINT64_MAX/]])
sluice_unit_mutant(tail-not-copied ring/copy.h copier "each_method_copies_all_and_no_more"
	[[/^SLUICE_API inline void sluice_copy_stream/,/^}/s/memcpy(to + head, from + head, bytes - head);//]])
sluice_unit_mutant(run-not-forgotten engine/stage/stage.c start_again "a_stage_forgets_a_run"
	[[/^void stage_reset/,/^}/s/(void)sluice_exchange(\&words->downs, 0);//]])
sluice_unit_mutant(asks-of-a-failed-start engine/graph/undo.c start_again "what_was_done_is_undone"
	[[s/sluice_store_release(&sub->by_control.asked, before->asked);/(void)0;/]])
sluice_unit_mutant(id-of-a-failed-start engine/graph/undo.c start_again "old_ids_stay_old"
	[[s/(void)sluice_fetch_add(&sub->by_control.generation, 1);/(void)0;/]])
sluice_unit_mutant(stop-taken-back engine/run/host.c stop "a_stop_is_not_taken_back"
	[[s/while (seen < (uint32_t)command)/while (seen != (uint32_t)command)/]])
sluice_unit_mutant(stopped-is-ended engine/run/worker.c stop "in_a_signal_handler"
	[[s/(void)sluice_exchange(&worker->pipeline->host.aborted, 1);/(void)0;/]])
sluice_unit_mutant(left-as-a-removed-one-says engine/run/run.c drain "one_who_read_has_gone"
	[[/^static uint64_t subscription_finished/,/^}/s/subscription_consumer(sub) == CONSUMER_LEFT$/0/]])
sluice_unit_mutant(least-stranded-named engine/run/run.c stranded "consumer_ends_broadcast"
	[[s|stage->run.stranded > (most|stage->run.stranded < (most|]])
sluice_unit_mutant(name-one-too-long engine/run/pipeline.c pipeline "limits_are_kept"
	[[s/if (strnlen(o->name, SLUICE_NAME_BYTES) >= SLUICE_NAME_BYTES)/if (strnlen(o->name, SLUICE_NAME_BYTES + 1) > SLUICE_NAME_BYTES)/]])
sluice_unit_mutant(one-stage-too-many engine/run/arrive.c pipeline "limits_are_kept"
	[[s/if (count == SLUICE_STAGES_MAX)/if (count > SLUICE_STAGES_MAX)/]])
sluice_unit_mutant(last-reserved-word ring/base.c new_opts "resv_last"
	[[/^int opts_check_resv/,/^}/s/for (uint32_t i = 0; i < count; i++)/for (uint32_t i = 0; i + 1 < count; i++)/]])
sluice_unit_mutant(port-stop-is-an-end engine/run/port.c port_closed "recv_stopped"
	[[s/\tif (end->stopped)$/\tif (0)/]])
sluice_unit_mutant(port-gives-up-early engine/run/port.c port_links "one_in_many_is_found"
	[[s/rounds >= port_rounds_enough(port) &&/rounds >= 1 \&\&/]])

# ---- a port's descriptor -----------------------------------------------------
sluice_unit_mutant(readable-and-not-cleared engine/run/port_poll.c port_poll "an_event_wakes"
	[[s/if (poll->told)/if (0)/]])
sluice_unit_mutant(late-ringer-forgotten engine/run/port_poll.c port_poll "a_ringer_is_late"
	[[s/rung = sluice_bell_disarm(.*)/poll->told = (uint32_t)(&)/]])
sluice_unit_mutant(told-by-himself engine/run/port_poll.c port_poll "nobody_sleeps"
	[[s/if (!poll_take_back(port) && port->poll.thread != port_self(port))/if (!poll_take_back(port))/]])
sluice_unit_mutant(descriptor-left-open engine/run/depart.c port_poll "it_goes_with_its_port"
	[[s/port_close_poll(stage);/(void)0;/]])
sluice_unit_mutant(descriptors-left-open engine/run/run.c port_poll "an_event_wakes"
	[[s/port_close_poll(p->stages\[i\]);/(void)0;/]])

# ---- several threads at a port -----------------------------------------------
sluice_unit_mutant(behind-others-not-at-all engine/run/port_held.c port_many "each_in_its_order"
	[[s/if (vain && port_late(port, deadline_ns))/if (vain)/]])
sluice_unit_mutant(ended-over-his-head engine/run/port.c port_many "each_waits_as_long_as_it_likes"
	[[/^int port_end_as/,/^}/s/if (rc == -EAGAIN)/if (0)/]])
sluice_unit_mutant(ring-not-shown-to-who-is-due engine/graph/plan.c process_worker "one_reads_a_broadcast"
	[[s/ stage_reader_is_due(stage));/ 0);/]])
sluice_unit_mutant(none-is-sent-in-vain engine/run/port_send.c port_many "each_waits_as_long_as_it_likes"
	[[s/return n == 0 && rc == -EAGAIN ? 0 : rc;/return rc;/]])

# ---- what is written in place ------------------------------------------------
sluice_unit_mutant(lent-whatever-the-key engine/link/lent.c port_span "a_key_is_looked_at"
	[[s/SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS |/0u |/]])
sluice_unit_mutant(lent-whatever-the-strategy engine/link/lent.c port_span "a_strategy_of_ones_own"
	[[s/sluice_strategy_find(strategy->name) == strategy/1/]])
sluice_unit_mutant(lent-of-one-of-two engine/link/lent.c port_span "two_consumers_share"
	[[s/if (out->joined != 1)/if (out->joined == 0)/]])
sluice_unit_mutant(lent-past-the-end engine/link/lent.c port_span "round_the_ring"
	[[/^uint32_t outlet_lend(/,/^}/s/row = w->capacity - .*;/row = w->capacity;/]])
sluice_unit_mutant(lent-past-the-credit engine/link/lent.c port_span "as_much_as_there_is_credit"
	[[s/if (room < row)/if (0)/]])
sluice_unit_mutant(lent-and-released engine/link/outlet_member.c port_span_meanwhile "its_memory_stays"
	[[s/out->lent.sub == sub ? PRODUCER_PARTED/0 ? PRODUCER_PARTED/]])
sluice_unit_mutant(lent-and-never-released engine/link/lent.c port_span_meanwhile "its_memory_stays"
	[[s/if (lent.released)/if (0)/]])
sluice_unit_mutant(emitted-past-what-is-lent engine/link/lent_priv.h emit_in_place "round_the_ring"
	[[s/if (n > lent->left) {/if (0) {/]])
sluice_unit_mutant(emitted-whatever-it-answers engine/stage/emit_priv.h emit_in_place "what_fails_was_never_there"
	[[s/in_place = keep ? stage->out.lent.emitted : 0;/in_place = stage->out.lent.emitted;/]])
sluice_unit_mutant(in-place-whatever-is-wanted engine/link/lent.c emit_in_place "unless_copies_are_wanted"
	[[s/w->copier->method != SLUICE_COPY_IN_PLACE/0/]])
sluice_unit_mutant(never-in-place-elsewhere engine/link/outlet_member.c emit_in_place "so_does_one_elsewhere"
	[[/^static uint64_t outlet_set_lane/,/^}/s/outlet_offer(out);//]])
sluice_unit_mutant(span-passed-by-a-row engine/run/port_send.c port_span "one_at_a_time"
	[[s/if (rc < 0 || port->span.count == 0)/if (rc <= 0)/]])
sluice_unit_mutant(span-one-too-many engine/run/port_send.c port_span "one_at_a_time"
	[[s/n > port->span.count)/0)/]])
sluice_unit_mutant(span-without-a-limit engine/run/port_send.c port_span "a_span_has_a_limit"
	[[s/if (n > port->emit_max)/if (0)/]])
sluice_unit_mutant(span-not-held-back engine/run/port_send.c port_span_meanwhile "it_holds_back"
	[[/^static void port_commit/,/^}/s/if (!port->run.accumulate \&\&/if (1 \&\&/]])
sluice_unit_mutant(span-fits-no-buffer engine/graph/declare.c port_span_meanwhile "the_room_is_gone"
	[[s/if (o->flags & SLUICE_STAGE_PORT)/if (0)/]])

# ---- an order restored -------------------------------------------------------
sluice_unit_mutant(being-made-is-not-there engine/graph/sequence_check.c ordered_meanwhile "who_is_about_to_be_read_reads_nobody_else"
	[[s/sub->made != SUBSCRIPTION_FREE &&/sub->made == SUBSCRIPTION_MADE \&\&/]])
sluice_unit_mutant(cancelled-is-over engine/graph/sequence_check.c ordered_meanwhile "who_has_anothers_events_is_not_read"
	[[s/worker, NULL, sequence_under_way) ==/worker, NULL, sequence_coming) ==/]])
sluice_unit_mutant(reader-of-a-worker-is-read engine/graph/sequence_check.c ordered_graph "who_reads_a_worker_need_not_be_read"
	[[s/worker, from, sequence_dealt) == 0)/worker, NULL, sequence_dealt) == 0)/]])
sluice_unit_mutant(ended-join-reads-on engine/graph/sequence_check.c ordered_graph "an_ended_join_binds_nobody"
	[[/^static int sequence_under_way/,/^}/s/subscription_consumer(sub) != CONSUMER_LEFT/subscription_consumer(sub) != 77/]])
sluice_unit_mutant(leaver-has-answered-all engine/link/sequence.c ordered_answers "what_a_worker_leaves_is_handled_by_others"
	[[/^void sequence_lane_left/,/^}/s/entry->position + 1)/entry->position)/]])
sluice_unit_mutant(count-below-the-counted engine/stage/resequencer.c ordered_answers "counts_come_in_any_order"
	[[s/^\tcounts\[number & mask\] = deliveries;/\tif (link->counted == number + 1) counts[number \& mask] = deliveries;/]])
sluice_unit_mutant(second-answer-not-counted engine/stage/resequencer.c ordered_answers "a_second_answer_is_dropped_and_counted"
	[[/case SLUICE_REORDER_DUPLICATE:/,/break;/s/SLUICE_COUNTER_DISCARDED, 1);/SLUICE_COUNTER_DISCARDED, 0);/]])
sluice_unit_mutant(missed-is-answered engine/link/outlet_write.c ordered_end "nobody_answers_one"
	[[s/^\tout->unread += missed;/\t(void)missed;/]])
sluice_unit_mutant(missed-is-not-noted engine/stage/resequencer.c ordered_end "nobody_answers_one"
	[[s/^\tresequencer_miss(.*/\t(void)resequencer_miss;/]])
sluice_unit_mutant(window-not-stranded engine/stage/life.c ordered_end "join_is_forsaken_in_a_drain"
	[[s/left += resequencer_leave(stage);/(void)resequencer_leave(stage);/]])
sluice_unit_mutant(out-of-order-not-stranded engine/stage/resequencer.c ordered_answers "what_a_join_leaves_is_stranded"
	[[s/dropped += w->come\[i\];/(void)w;/]])
sluice_unit_mutant(answered-before-its-spill engine/link/sequence_between.c ordered_between "what_a_link_leaves_is_waited_for"
	[[s/AHEAD_ORPHANS | AHEAD_SPILLED/AHEAD_ORPHANS/]])

# ---- other processes -----------------------------------------------------------
sluice_unit_mutant(path-one-too-long engine/peer/address.c address "a_path_has_107_bytes_at_most"
	[[s/(unsigned)length < ADDRESS_PATH_BYTES/(unsigned)length <= ADDRESS_PATH_BYTES/]])
sluice_unit_mutant(folder-by-a-link engine/peer/address.c address "a_link_is_refused"
	[[s/int links = folder->own ? O_NOFOLLOW : 0;/int links = 0;/]])
sluice_unit_mutant(folder-of-anybody engine/peer/address.c address "a_strangers_folder_is_refused"
	[[/^static int folder_check/,/^}/s/if (is.uid != geteuid())/if (0)/]])
sluice_unit_mutant(folder-for-all engine/peer/address.c address "a_folder_for_all_is_refused"
	[[s/if (is.mode & folder->others)/if (0)/]])
sluice_unit_mutant(taken-with-no-lock engine/peer/address.c address "a_name_is_taken_once"
	[[s/if (flock(fd, LOCK_EX | LOCK_NB) == 0)/if (1)/]])
sluice_unit_mutant(left-what-is-not-ours engine/peer/address.c address "what_is_no_socket_stays"
	[[s/if (address->bound)/if (1)/]])
sluice_unit_mutant(another-major engine/peer/wire.c wire "hello_major"
	[[s/if (head->major != WIRE_MAJOR)/if (head->major < WIRE_MAJOR)/]])
sluice_unit_mutant(name-without-an-end engine/peer/wire.c wire "hello_pipeline_long"
	[[s/if (length == SLUICE_NAME_BYTES)/if (length > SLUICE_NAME_BYTES)/]])
sluice_unit_mutant(bytes-behind-a-name engine/peer/wire.c wire "hello_peer_behind"
	[[s/if (memcmp(name + length, zero, SLUICE_NAME_BYTES - length) != 0)/if (0)/]])
sluice_unit_mutant(field-of-another-role engine/peer/wire.c wire "hello_ring_events_set"
	[[s/if (value != 0 \&\& (rows/if (0 \&\& (rows/]])
sluice_unit_mutant(number-over-its-limit engine/peer/wire.c wire "hello_weight"
	[[s/if (value > rows\[i\].most)/if (value > rows[i].most + 1)/]])
sluice_unit_mutant(peers-may-write-it engine/peer/welcome.c welcome "welcome_may_write"
	[[s/writes == wire_object_is_peers(/writes >= wire_object_is_peers(/]])
sluice_unit_mutant(object-past-the-end engine/peer/welcome.c welcome "welcome_outside"
	[[s/object->offset > memory->bytes - object->bytes ||/object->offset > memory->bytes ||/]])
sluice_unit_mutant(descriptor-as-it-is engine/peer/memory.c peer_memory "each_descriptor_has_the_rights_of_a_peer"
	[[s/open(path, O_RDONLY | O_CLOEXEC)/open(path, O_RDWR | O_CLOEXEC)/]])
sluice_unit_mutant(writable-from-now-on ring/region.c peer_memory "a_hostile_peer_of_another_user"
	[[s/(region->foreign ? 0 : F_SEAL_FUTURE_WRITE)/0/]])
sluice_unit_mutant(size-can-change engine/peer/memory.c peer_memory "what_can_shrink_is_not_mapped"
	[[s/if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) !=/if ((seals \& (F_SEAL_SHRINK | F_SEAL_GROW)) == 77 + /]])
sluice_unit_mutant(foreign-stays-writable ring/region.c peer_memory "what_is_the_peers_the_engine_only_reads"
	[[s/return region->foreign ? region_leave(region) : 0;/return 0;/]])
sluice_unit_mutant(inherited-by-a-child engine/peer/memory.c peer_memory "a_child_of_a_peer_has_none"
	[[s/(void)madvise(base, told->bytes, MADV_DONTFORK);/(void)0;/]])
sluice_unit_mutant(descriptors-are-kept engine/peer/packet.c packet "more_than_fit_are_all_closed"
	[[s/^\t\t\t(void)close(came\[i\]);/\t\t\t(void)0;/]])
sluice_unit_mutant(descriptors-pass engine/peer/packet.c packet "descriptors_are_not_taken"
	[[/^int packet_receive(/,/^}/s/if (packet.msg_flags & MSG_CTRUNC)/if (0)/]])
sluice_unit_mutant(peer-of-any-pipeline engine/peer/judge.c guest "other_versions_are_refused_in_words"
	[[s/if (strcmp(hello->pipeline, p->name) != 0)/if (0)/]])
sluice_unit_mutant(stage-that-said-nothing engine/peer/judge.c guest "refused_closed"
	[[s/if (consumes && wish->flags & SLUICE_STAGE_PEERS_CONSUME)/if (consumes)/]])
sluice_unit_mutant(events-of-another-size engine/peer/wish.c guest "refused_size_to"
	[[s/wish->bytes != wish->event_bytes)/wish->bytes < wish->event_bytes)/]])
sluice_unit_mutant(row-without-its-roles engine/peer/allow.c allow "others_may_not_unless_they_are_listed"
	[[s/(row->roles == 0 || row->roles & roles) &&/1 \&\&/]])
sluice_unit_mutant(first-group-only engine/peer/allow.c allow "others_may_not_unless_they_are_listed"
	[[s/if (guest->groups\[i\] == gid)/if (0)/]])
sluice_unit_mutant(row-without-its-stages engine/peer/allow.c allow "others_may_not_unless_they_are_listed"
	[[s/if (strcmp(\*stage, name) == 0)/if (1)/]])
sluice_unit_mutant(text-over-itself ring/base.c attach "too_long"
	[[s/char text\[sizeof(last_error)\];/char *text = last_error;/]])
sluice_unit_mutant(signal-is-an-answer engine/peer/attach.c attach "refusal_after_signals"
	[[s/while (n < 0 && errno == EINTR);/while (0);/]])
sluice_unit_mutant(late-for-ever engine/peer/attach.c attach "who_is_late_does_not_wait"
	[[s/if (left_ms == 0)/if (0)/]])
sluice_unit_mutant(no-place-to-wait engine/peer/attach.c attach "who_waits_in_vain_is_told_so"
	[[s/if (rc == -EAGAIN)/if (0)/]])
sluice_unit_mutant(ready-of-any-epoch engine/peer/guest.c guest "another_epoch_is_no_ready"
	[[s/if (rc == 0 && ready.epoch != guest->peer.epoch)/if (0)/]])
sluice_unit_mutant(dead-before-it-was-heard engine/peer/guest.c guest_gone "who_says_so_and_exits_has_left"
	[[s/for (uint32_t i = 0; more && i < MESSAGES_MAX; i++)/for (uint32_t i = 0; more \&\& !pidfd \&\& i < 1; i++)/]])
sluice_unit_mutant(hung-is-lost engine/peer/guest.c guest_gone "who_is_killed_has_died"
	[[s/listener_in_ms(l, HUNG_MS);/0;/]])
sluice_unit_mutant(dismissed-twice engine/peer/guest.c guest "one_may_be_sent_away"
	[[s/if (!sluice_compare_exchange(&peer->dismissed, &stays, PEER_FILLING))/if (stays)/]])
sluice_unit_mutant(lock-kept-by-a-child engine/peer/kin.c kin "a_killed_engines_child_holds_nothing"
	[[s/\t\taddress_drop(&l->address);/\t\t(void)0;/]])
sluice_unit_mutant(connection-kept-by-a-child engine/peer/kin.c kin "a_child_that_lives_on_holds_nothing"
	[[s/kin_shut(&l->guests\[i\].socket);/(void)0;/]])
sluice_unit_mutant(dead-after-who-comes engine/peer/peers.c guest_gone "who_has_died_makes_room"
	[[s/if ((guest->state == GUEST_HELLO) == coming)/if (coming)/]])
sluice_unit_mutant(user-without-a-limit engine/peer/peers.c listen "a_user_has_so_many_and_no_more"
	[[s/else if (peers_of_uid(l, identity.uid) >= l->opts.peers_per_uid)/else if (0)/]])
sluice_unit_mutant(no-descriptor-no-word engine/peer/peers.c listen "without_a_descriptor_it_says_so"
	[[s/(void)close(l->spare);/(void)0;/]])
sluice_unit_mutant(process-may-be-anybody engine/peer/process.c process_start "what_it_says_is_judged"
	[[s/strcmp(hello->peer, own->peer) == 0 &&/1 \&\&/]])
sluice_unit_mutant(process-is-over-though-it-failed engine/peer/process.c process "without_a_restart_the_pipeline_ends"
	[[s/else if (end.known && end.status != 0)/else if (0)/]])
sluice_unit_mutant(process-comes-back-though-it-is-over engine/peer/process.c process "one_is_ended"
	[[s/else if (!process->told &&/else if (1 \&\&/]])
sluice_unit_mutant(process-is-never-killed engine/peer/process.c process_start "what_makes_no_sense_is_refused"
	[[s/^\texec_kill(process->pidfd);/\t(void)0;/]])
sluice_unit_mutant(program-not-found-and-no-reason engine/peer/exec.c process_start "one_is_found_by_the_path"
	[[s/if (\*rc == -ENOENT && errno == EACCES)/if (0)/]])
sluice_unit_mutant(any-socket-is-the-engines engine/peer/inherit.c inherit "another_socket_is_none_of_its_own"
	[[s/type == SOCK_SEQPACKET/1/]])
sluice_unit_mutant(what-is-given-is-overwritten engine/peer/inherit.c inherit "what_is_given_stays"
	[[s/if (o->number == 0) /if (1) /]])
sluice_unit_mutant(stage-ends-while-its-process-is-away engine/peer/due.c process "what_it_had_comes_again"
	[[s/(void)sluice_fetch_add(due_word(due, stage), 1);/(void)0;/]])
sluice_unit_mutant(any-stage-of-that-name engine/peer/due.c due "one_that_comes_later_is_another"
	[[s/return stage != NULL && stage->serial == due->serial/return stage != NULL/]])
sluice_unit_mutant(ended-with-the-first engine/peer/due.c due "nobody_is_to_read"
	[[s/return !stage_awaits_readers(stage) &&/return/]])
sluice_unit_mutant(ended-under-others engine/peer/due.c due "others_are_there"
	[[s/!places_in_use(stage->out.places, stage->out.places_max);/1;/]])
sluice_unit_mutant(stage-waits-for-one-that-is-over engine/peer/due.c process "one_feeds"
	[[s/due_is_deserted(due, stage);/0;/]])
sluice_unit_mutant(program-with-all-descriptors engine/peer/exec.c process_start "it_has_what_it_was_given"
	[[s/child_close_from(EXEC_SOCKET + 1);/(void)0;/]])
sluice_unit_mutant(let-in-without-a-thread engine/peer/listen.c listen_meanwhile "who_comes_meanwhile_listens"
	[[/^static int listener_run/,/^}/s/int rc = listener_spawn(l);/int rc = pipeline_let(p, \&l->tenant) + listener_spawn(l);/]])
sluice_unit_mutant(end-of-no-port-is-not-told engine/run/supervisor.c process_away "what_it_reads_ends"
	[[s/if (!stage_is_port(stage) && !stage_is_due(stage))/if (!stage_is_port(stage))/]])
sluice_unit_mutant(end-while-up-is-forgotten engine/peer/process.c process_away "its_stage_ends_before_it_is_away"
	[[/^int process_look(/,/^}/{/nobody tells/,/break;/s/process_look_due(l, process);/(void)0;/}]])
sluice_unit_mutant(program-with-the-hosts-mask engine/peer/exec.c process_start "it_has_what_it_was_given"
	[[s/(void)sigprocmask(SIG_SETMASK, &none, NULL);/(void)0;/]])
sluice_unit_mutant(program-outlives-its-engine engine/peer/exec.c process_start "a_killed_engine_takes_its_processes_with_it"
	[[s/(void)prctl(PR_SET_PDEATHSIG, SIGKILL);/(void)0;/]])
sluice_unit_mutant(last-words-are-lost engine/peer/exec.c process_start "one_that_cannot_be_executed_fails"
	[[s/(void)send(socket, exec->message, exec->bytes, MSG_NOSIGNAL);/(void)0;/]])
sluice_unit_mutant(said-over-anothers-socket engine/peer/exec.c exec "the_socket_cannot_be_moved"
	[[s/(void)send(socket, exec->message,/(void)send(EXEC_SOCKET, exec->message,/]])
sluice_unit_mutant(heard-from-anothers-socket engine/peer/exec.c exec "the_socket_cannot_be_moved"
	[[s/(void)recv(socket, &byte, 1, MSG_DONTWAIT);/(void)recv(EXEC_SOCKET, \&byte, 1, MSG_DONTWAIT);/]])
sluice_unit_mutant(folder-is-a-program engine/peer/exec.c exec "a_folder_is_no_program"
	[[/^static int find_may_run/,/^}/s/if (fd < 0)/if (1)/]])
sluice_unit_mutant(descriptors-stay-open engine/peer/exec.c exec "descriptors_are_closed_one_by_one"
	[[s/for (int fd = first; fd < limit; fd++)/for (int fd = first; fd < first; fd++)/]])
sluice_unit_mutant(program-without-a-host engine/peer/exec.c exec "one_without_a_host_does_not_begin"
	[[s/if (getppid() != parent || /if (/]])
sluice_unit_mutant(child-is-left engine/peer/exec.c exec "no_pidfd"
	[[s/^\t\tstart_forget(pid);/\t\t(void)0;/]])
sluice_unit_mutant(ended-while-it-runs engine/peer/exec.c exec "one_has_not_ended"
	[[s/^\t    info.si_pid == 0)/\t    0)/]])
sluice_unit_mutant(children-outlive-the-program engine/peer/exec.c exec_group "one_ends"
	[[/^int exec_reap/,/^}/s/kill_group(pidfd, info.si_pid);/(void)0;/]])
sluice_unit_mutant(children-outlive-it-on-an-old-kernel engine/peer/exec.c exec_group "one_ends_on_linux_5_15"
	[[/^int exec_reap/,/^}/s/kill_group(pidfd, info.si_pid);/kill_group(pidfd, 0);/]])
sluice_unit_mutant(children-wait-until-it-is-dead engine/peer/exec.c exec_group "its_group_does_not_wait_for_it"
	[[/^void exec_kill/,/^}/s/kill_group(pidfd, 0);/(void)0;/]])
sluice_unit_mutant(program-in-its-hosts-group engine/peer/exec.c process_group "exits_with_3"
	[[s/(void)setpgid(0, 0);/(void)0;/]])
sluice_unit_mutant(room-for-all-but-one-byte engine/peer/budget.c budget "all_of_it_is_taken_and_no_more"
	[[s/bytes <= most - used &&/bytes <= most - used + 1 \&\&/]])
sluice_unit_mutant(budget-is-not-used-up engine/peer/budget.c peers_memory "of_many_at_once_as_many_as_there_is_room"
	[[s/(void)sluice_fetch_add(&budget->used, bytes);/(void)0;/]])
sluice_unit_mutant(budget-without-a-limit-for-one engine/peer/budget.c budget "one_has_its_own_limit"
	[[s/if (!budget_has(budget->bytes_per_peer, had, bytes))/if (0)/]])
sluice_unit_mutant(second-ring-of-a-worker-is-free engine/peer/share.c peers_memory "a_worker_has_two_rings"
	[[s/share->first != NULL ? share->first->bytes : 0, what/0, what/]])
sluice_unit_mutant(memory-is-never-given-back engine/peer/share.c share "its_memory_counts_until_it_is_unmapped"
	[[s/budget_give(share->budget, share->bytes);/(void)0;/]])
sluice_unit_mutant(readers-of-a-broadcast-pay-for-it engine/peer/share.c peers_memory "a_reader_of_a_broadcast_takes_no_ring"
	[[/^static uint64_t share_part_bytes/,/^}/s/if (share_part_has(share, writer, i))/if (1 || writer)/]])
sluice_unit_mutant(limits-are-not-heeded engine/peer/seats.c peers_memory "who_leaves_makes_room"
	[[s/^\tbudget_limit(seats->budget, .*/\t(void)0;/]])
sluice_unit_mutant(nobody-is-trusted engine/peer/judge.c peers_trust "by_a_row_that_trusts"
	[[s/: allow_trusts(l, guest, hello);/: 0;/]])
sluice_unit_mutant(trusted-by-any-row engine/peer/allow.c peers_trust "by_rows_that_are_not_its"
	[[/^int allow_trusts/,/^}/s/allow_row(&l->allow\[i\], guest, hello))/(guest \&\& hello))/]])
sluice_unit_mutant(order-of-the-trusted engine/peer/stand_in.c peers_trust "what_is_put_in_order_is_copied"
	[[s/in->terms.trusted && !wish->resequences;/in->terms.trusted;/]])
sluice_unit_mutant(processes-are-trusted engine/peer/process_opts.c process_trust "one_is_not_trusted"
	[[s/process->trusted = (o->flags & SLUICE_PROCESS_TRUSTED) != 0;/process->trusted = 1;/]])
sluice_unit_mutant(end-waits-for-a-watcher engine/link/aside.c onlookers "jbsq"
	[[s/if (aside->ended || aside->sub->far.unawaited)/if (aside->ended)/]])
sluice_unit_mutant(watcher-leaves-when-it-has-read-all engine/link/far.c onlookers "jbsq"
	[[s/return link->sub->far.unawaited ||/return 0 ||/]])
sluice_unit_mutant(who-may-watch-consumes engine/peer/judge.c judge "who_may_look_on"
	[[s/if (looks_on && wish->flags & SLUICE_STAGE_PEERS_WATCH)/if (wish->flags \& SLUICE_STAGE_PEERS_WATCH)/]])
sluice_unit_mutant(observer-looks-on-everywhere engine/peer/judge.c judge "an_observer_looks_on_where_it_is_shown"
	[[s/if (consumes && wish->flags & SLUICE_STAGE_PEERS_CONSUME)/if (wish->flags \& SLUICE_STAGE_PEERS_CONSUME)/]])
sluice_unit_mutant(onlooker-takes-a-partition engine/control/subscribe.c aside "onlookers_see_all_partitions"
	[[s/else if (!place_free(out->places, wish->producer->opts.partitions,/else if (!place_free(out->places, 0,/]])
sluice_unit_mutant(declared-onlooker-takes-a-partition engine/control/subscribe.c aside "onlookers_see_all_partitions"
	[[s/^\t\t       ? producer->opts.partitions +$/\t\t       ? 0 +/]])
sluice_unit_mutant(late-listener-does-not-look engine/peer/listen.c process_gone "one_that_has_stood_still_for_long_is_killed"
	[[s/l->look_ns = 0; .* who was of no concern.*/(void)0;/]])
sluice_unit_mutant(old-kernel-is-believed engine/peer/exec.c exec_end "linux_6_13"
	[[s/(info.mask & PIDFD_HAS_EXIT) == 0)/0)/]])
sluice_unit_mutant(left-and-failed engine/peer/process.c process_fault "one_that_has_left_has_ended"
	[[s/else if (!end.known && !process->left &&/else if (!end.known \&\&/]])
sluice_unit_mutant(told-and-failed engine/peer/process.c process_fault "one_that_was_told_has_ended"
	[[s/!process->left && !process->told)/!process->left)/]])
sluice_unit_mutant(process-may-read-anything engine/peer/process.c process_gone "reads_another"
	[[s/strcmp(hello->from, own->from) == 0 &&/1 \&\&/]])
sluice_unit_mutant(started-again-in-a-drain engine/peer/process.c process_gone "one_leaves_in_a_drain"
	[[/^static void process_decide/,/^}/s/if (host_command(host) != PIPELINE_RUN) {/if (0) {/]])
sluice_unit_mutant(back-before-it-may engine/peer/seats.c process_gone "one_comes_back_when_that_is_settled"
	[[s/return again && stand_in_settled(&seat->in);/return again;/]])
sluice_unit_mutant(socket-is-taken-twice engine/peer/inherit.c process_start "it_has_what_it_was_given"
	[[s/(void)unsetenv(EXEC_FD);/(void)0;/]])
sluice_unit_mutant(not-told-of-the-start engine/run/run.c process "one_consumes"
	[[s/pipeline_tell_tenant(p);/(void)0;/]])
sluice_unit_mutant(not-told-of-a-stop engine/run/supervisor.c process "one_that_has_not_attached_is_killed_in_a_stop"
	[[s/pipeline_tell_tenant(p);/(void)0;/]])
sluice_unit_mutant(not-told-of-the-end engine/run/supervisor.c listen "peers_are_told_of_the_end"
	[[/PIPELINE_FINISHED);$/{n;s/pipeline_stir_tenant(p);/(void)0;/}]])

# ---- stages that go ---------------------------------------------------------------
sluice_unit_mutant(released-by-both-ends engine/run/depart.c remove_both "both_ends_go_at_one_time"
	[[s/if (sub->made != SUBSCRIPTION_MADE ||/if (/]])
sluice_unit_mutant(taken-though-it-is-closed engine/run/port_held.c port_gone "one_that_is_closed_is_let_be"
	[[/^static int supervisor_take/,/^}/s/if ((seen & PORT_HOLDER) == PORT_CLOSED)/if (0)/]])

# ---- on_stop ------------------------------------------------------------------
sluice_unit_mutant(due-only-while-wanted engine/run/stopping.c on_stop_due "another_consumer_comes"
	[[s/if (state != STOP_DUE \&\& /if (/]])

# ---- another process has one end ----------------------------------------------
sluice_unit_mutant(far-leaves-without-a-look engine/stage/attend_in.c far "it_dies"
	[[s/^\t\tfar_settle(link);$/\t\t(void)0;/]])
sluice_unit_mutant(far-unflagged engine/link/outlet_member.c far "it_dies"
	[[s/^\t\tfar_handed(sub, .*$/\t\t(void)0;/]])
sluice_unit_mutant(far-believed-at-first engine/link/rings_separate.c far "it_lies_before_it_has_any"
	[[/^uint64_t separate_attach/,/^}/s/sub->far.side != FAR_NONE/0/]])
sluice_unit_mutant(far-never-over engine/run/port_held.c far "it_reads_all"
	[[/^static void supervisor_heed/,/^}/s/^\tstage_look_far(port);$//]])
sluice_unit_mutant(far-notes-believed engine/link/far.c far_words "it_lies_about_notes"
	[[s/return made - read <= NOTES_MAX ? read/return 1 ? read/]])
sluice_unit_mutant(far-notes-counted-here engine/link/far.c far_words "it_makes_the_notes"
	[[/^uint32_t far_notes_made/,/^}/s/sub->far.side == FAR_PRODUCER/0/]])
sluice_unit_mutant(far-asks-for-another engine/stage/attend_in.c far "it_reads_all"
	[[s/if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER)) {/if (0) {/]])
sluice_unit_mutant(far-published-believed engine/link/far.c far_feeds "it_publishes_nonsense"
	[[s/if (published - acked <= w->capacity)/if (1)/]])
sluice_unit_mutant(far-goes-on-after-the-end engine/link/far.c far_feeds "it_dies_while_it_writes"
	[[s/^\t(void)far_told_end(sub, &published);$/\t(void)0;/]])
sluice_unit_mutant(far-read-past-its-end ring/closing_priv.h far_feeds "it_writes_on_though_it_died"
	[[s/if (SLUICE_LIKELY(sluice_load_relaxed(closing) == 0))/if (1)/]])
sluice_unit_mutant(far-left-at-a-glance engine/link/outlet_member.c far_feeds "it_is_looked_at_in_between"
	[[s/^\t\tfar_refresh(out, sub->lane);$/\t\t(void)0;/]])
sluice_unit_mutant(far-does-not-stop engine/stage/life.c far_feeds "it_dies_while_it_writes"
	[[/^void stage_finish/,/^}/s/far_stop(&stage->out, .*);/(void)0;/]])
sluice_unit_mutant(far-not-copied engine/link/inlet.c far_words "it_writes_after_it_has_published"
	[[s/SLUICE_UNLIKELY(link->copied)/0/]])
sluice_unit_mutant(far-memory-kept engine/link/subscription.c far "it_reads_all"
	[[s/^\t\tsub->far.release(sub->far.ctx);$/\t\t(void)0;/]])
sluice_unit_mutant(far-held-without-a-look engine/link/far_held.c far_held "it_writes_on"
	[[s/(void)sluice_spsc_refresh(w);/(void)0;/]])
sluice_unit_mutant(far-held-and-believed engine/link/far_held.c far_held "it_writes_on"
	[[s/w->rx = far_keep(/(void)far_keep(/]])
sluice_unit_mutant(far-held-marks-of-before engine/link/far_held.c far_held "it_goes_again_and_again"
	[[s/notes->note\[i\] = (struct note){at, at, 0};/(void)0;/]])
sluice_unit_mutant(far-held-in-one-go engine/link/far_held.c far_held "it_writes_on"
	[[s/if (held % 2 != 0)/if (0)/]])
sluice_unit_mutant(far-given-up-counts engine/link/outlet_member.c peers_given_up "nobody_comes_in_time"
	[[s/!subscription_held(sub))/1)/]])

# ---- what processes die of -----------------------------------------------------------
sluice_unit_mutant(fatal-for-ever engine/link/far_died.c far_held "it_dies_of_one"
	[[s/count < sub->far.deliveries_max) {/1) {/]])
sluice_unit_mutant(fatal-though-never engine/link/far_died.c peers_fatal "it_is_never_given_up"
	[[s/sub->far.deliveries_max == 0 ||/0 ||/]])
sluice_unit_mutant(fatal-and-never-taken engine/link/far_died.c far_held "it_never_came_to_them"
	[[s/\*sure = died_taken(sub, read, i - 1);/*sure = died_taken(sub, read, i - 1) || 1;/]])
sluice_unit_mutant(fatal-for-those-behind engine/link/far_died.c far_held "it_goes_again_and_again"
	[[s/note->deliveries < HANDED_TOGETHER;/1;/]])
sluice_unit_mutant(fatal-and-dealt-again engine/link/far_died.c far_held "it_dies_of_one"
	[[s/^\t++\*acked;/\t(void)acked;/]])
sluice_unit_mutant(fatal-and-not-counted engine/link/far_died.c far_held "it_dies_of_one"
	[[s/if (first > 0)$/if (0)/]])
sluice_unit_mutant(fatal-as-what-comes-before engine/link/far_died.c far_words "marks_of_what_it_had"
	[[s/if (!position_reached(at, note->from))$/if (0)/]])
sluice_unit_mutant(fatal-and-acknowledged engine/run/port.c peers_fatal "demand, and it fails"
	[[s/return reason == SLUICE_REASON_ERROR \&\& stage_parked/return 0 \&\& stage_parked/]])
sluice_unit_mutant(trim-leaves-the-lent engine/link/lent_priv.h emit_in_place "what_is_trimmed_was_never_there"
	[[s/lent->emitted -= n;/(void)n;/]])
sluice_unit_mutant(trim-leaves-the-staged engine/stage/hold_priv.h emit_in_place "trimmed_across_the_lent_slots"
	[[s/hold->staged -= n;/(void)n;/]])
sluice_unit_mutant(attach-late-for-good engine/peer/client.c attach "who_waits_asks_the_next_one"
	[[s/rc == -EAGAIN || rc == -ETIMEDOUT ||/rc == -EAGAIN ||/]])
sluice_unit_mutant(attach-ready-unheard engine/peer/attach.c attach "who_was_welcomed_is_told"
	[[s/if (attach_ended(a, \&end) <= 0)/if (1)/]])
sluice_unit_mutant(check-of-nothing engine/run/run.c graph "behind_a_ring"
	[[/^int sluice_pipeline_check/,/^}/s/? check_graph(p)/? 0/]])
sluice_unit_mutant(listen-check-without-a-path engine/peer/listen.c listen "a_check_leaves_no_trace"
	[[s/rc = address_paths(&address, p->name, l->opts.folder)/rc = 0/]])
sluice_unit_mutant(attach-waits-for-no-other engine/peer/client.c attach "who_waits_asks_the_next_one"
	[[s/rc == -ECONNREFUSED || rc == -EPIPE/rc == -ECONNREFUSED/]])
sluice_unit_mutant(fatal-for-one-of-all engine/link/rings_common.c peers_fatal "broadcast, and the place is kept"
	[[s/\.last = common_last,/.last = NULL,/]])
sluice_unit_mutant(fatal-out-of-a-pool engine/link/rings_pool.c peers_fatal "shared"
	[[s/\.last = separate_last,/.last = NULL,/]])
sluice_unit_mutant(fatal-not-to-who-stands-still engine/peer/seats_look.c peers_fatal "who_stands_still"
	[[/^static void seat_send_away/,/^}/s/seat->stalled = 1;/seat->stalled = 0;/]])
sluice_unit_mutant(fatal-as-the-listener-says engine/peer/seats.c process_fatal "as_its_own_options_say"
	[[s/peer->own.deliveries_max != 0/0/]])
sluice_unit_mutant(fatal-and-unheard engine/stage/fault.c process_fatal "it_is_given_up"
	[[/^void stage_give_up/,/^}/s/stage_count(stage, SLUICE_COUNTER_DEAD_LETTERS, 1);/(void)0;/]])
sluice_unit_mutant(fatal-in-a-kept-place engine/stage/attend.c far_held "it_dies_of_one"
	[[s/if (far_goes_away(sub, wanted))/if (0)/]])
sluice_unit_mutant(fatal-and-left engine/stage/attend.c peers_fatal "demand"
	[[s/if (far_has_died(&stage->out, sub))/if (0)/]])
sluice_unit_mutant(still-as-the-listener-says engine/peer/process_opts.c process_stall "one_is_waited_for"
	[[s/\.on_stall = o->on_stall,/.on_stall = o->on_stall % SLUICE_STALL_NEVER,/]])
sluice_unit_mutant(still-for-no-time engine/peer/process_opts.c process_add "what_is_wrong_is_refused"
	[[s/if (ends != (o->stall_ms != 0))/if (0 \&\& ends)/]])
sluice_unit_mutant(sent-by-a-receipt-from-before engine/peer/stand_in.c attached_feeds "it_ends_while_it_is_counted"
	[[s/taker = share->words.rx;/taker = \&(struct sluice_rx_words){.acked = {sluice_load_acquire(\&share->words.rx->acked)}};/]])
sluice_unit_mutant(away-and-asks-in-its-words engine/link/rings_separate.c far_words "what_one_that_is_away_asks_for"
	[[s/&out->writers\[i\].rx->granted)/\&out->subs[i]->rx->granted)/]])

# ---- and a ring for all ---------------------------------------------------------
sluice_unit_mutant(common-held-and-believed engine/link/rings_common.c far_common "it_goes_and_comes_back"
	[[s/^\tc->rx = far_keep(/\t(void)far_keep(/]])
sluice_unit_mutant(common-held-for-good engine/link/rings_common.c far_common "it_goes_and_comes_back"
	[[/^static void common_resume/,/^}/s/= sub->rx;/= \&sub->far.held->rx;/]])
sluice_unit_mutant(common-held-without-a-look engine/link/rings_common.c far_common "it_goes_and_comes_back"
	[[/^static uint64_t \*common_last/,/^}/s/(void)common_refresh(out);/(void)0;/]])
sluice_unit_mutant(common-back-to-the-beginning engine/link/inlet.c peers_held_common "one_comes_back"
	[[s/if (position > 0 \&\& sub->far.granted == 0)/if (position > 0)/]])
sluice_unit_mutant(common-back-to-another-ring engine/peer/stand_in.c peers_held_common "one_comes_back"
	[[s/^\t\trc = stand_in_tell(in, in->share, &ring, welcome, fds);/\t\trc = stand_in_tell(in, in->share, \&(struct wish_ring){.region = {.fd = -1}}, welcome, fds);/]])
sluice_unit_mutant(demand-from-the-start engine/link/inlet.c peers_held_common "demand_stands_in_a_ring_of_its_own"
	[[s/return sub->far.granted != 0$/return 0/]])
sluice_unit_mutant(demand-of-before-unheard engine/link/subscription_priv.h peers_held_common "demand_stands_in_a_broadcast"
	[[s/^\t       sub->far.granted == 0;/\t       1;/]])
sluice_unit_mutant(demand-of-before-told-anew engine/link/far.c peers_held_common "demand_stands_in_a_broadcast"
	[[s/sub->far.granted != 0 || !subscription_manual(sub))/!subscription_manual(sub))/]])
sluice_unit_mutant(stream-of-a-leaver-goes-on engine/link/rings_common.c far_common "it_dies"
	[[/^static void common_leave/,/^}/s/far_finish(/if (0) far_finish(/]])
sluice_unit_mutant(stream-of-a-leaver-complete engine/link/rings_common.c peers_common "one_is_ended"
	[[/^static void common_leave/,/^}/s/subscription_parted(sub));/SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0));/]])
sluice_unit_mutant(sent-away-without-a-code engine/peer/seats.c peers_stall "one_of_all_is_detached"
	[[s/return why == PEER_DISMISSED || /return /]])
sluice_unit_mutant(stream-is-not-cancelled engine/link/rings_common.c far_common "it_is_cancelled"
	[[/^static void common_cancel/,/^}/s/far_finish(sub, .*);/(void)0;/]])
sluice_unit_mutant(stream-never-ends engine/link/rings_common.c far_common "it_reads_all"
	[[/^static void common_end/,/^}/s/if (out->subs\[i\] != NULL)/if (0)/]])
sluice_unit_mutant(far-asks-for-all engine/link/rings_common.c far_common "it_asks_later"
	[[s/? sluice_load_acquire(&sub->rx->granted)/? capacity/]])
sluice_unit_mutant(far-behind-its-end engine/link/far.c far_words "it_reads_behind_its_end"
	[[s/return position_reached(published, end) ? end : published;/return published;/]])
sluice_unit_mutant(ring-of-any-stage engine/control/subscribe.c far_common "of_another_stage"
	[[s/if (far->serial != 0 \&\& far->serial != wish->producer->serial)/if (0)/]])
sluice_unit_mutant(joined-before-it-began engine/stage/attend.c far_common_feeds "it_begins_where_it_is_let_in"
	[[s/if (SLUICE_UNLIKELY(far_unbegun(sub)))/if (0)/]])
sluice_unit_mutant(far-reads-the-others engine/link/far.c far_common_feeds "it_ends_before_the_others"
	[[/^static int far_common_fetch/,/^}/s/sluice_spsc_cut(r, end);/(void)0;/]])
sluice_unit_mutant(far-place-is-kept engine/link/far.c far_common_feeds "its_place_is_given_up"
	[[/^static uint32_t far_common_ended/,/^}/s/position_reached(r->acked, end))/r->acked == end)/]])
sluice_unit_mutant(far-wishes-in-silence engine/stage/attend_in.c far_common_feeds "it_asks"
	[[s/^\t\tfar_want(sub);/\t\t(void)0;/]])
sluice_unit_mutant(ends-as-nobody engine/stage/attend.c far_common_feeds "its_engine_dies_before"
	[[s/sub->far.side == FAR_PRODUCER$/0/]])
sluice_unit_mutant(asked-and-unheard engine/peer/stand_in.c peers_common "one_asks_by_itself"
	[[s/^\t\tstage_signal(in->stage, SIGNAL_SUBS);/\t\t(void)0;/]])
sluice_unit_mutant(let-in-and-unheard engine/peer/attached.c peers_common "each_gets_all"
	[[s/if (a->unbegun == NULL ||/if (1 ||/]])

# ---- and a pool ------------------------------------------------------------------
sluice_unit_mutant(piece-beyond-credit engine/link/far_pool.c far_pool "it_is_alone"
	[[s/^\t\tsluice_spsc_credit(w),/\t\tw->capacity,/]])
sluice_unit_mutant(piece-of-all engine/link/far_pool.c far_pool "it_has_its_share"
	[[s/return there \/ out->joined;/return there;/]])
sluice_unit_mutant(piece-rounded-down engine/link/far_pool.c far_pool "it_has_its_share"
	[[s/^\t\tthere += others;/\t\t(void)others;/]])
sluice_unit_mutant(pieces-without-end engine/link/far_pool.c far_pool "it_has_its_share"
	[[s/if (!position_reached(w->acked, piece))/if (0)/]])
sluice_unit_mutant(piece-without-marks engine/link/far_pool.c far_pool "each_has_its_mark"
	[[s/^\tpiece_note(out, sub, first, n);/\toutlet_show_notes(sub);/]])
sluice_unit_mutant(piece-of-more-marks engine/link/far_pool.c far_pool "each_has_its_mark"
	[[s/return far_notes_room(sub);/return UINT64_MAX;/]])
sluice_unit_mutant(piece-and-no-bell engine/link/far_pool.c far_pool "it_is_woken"
	[[s/^\tsubscription_ring_far(sub);/\t(void)0;/]])
sluice_unit_mutant(piece-for-the-cancelled engine/link/far_pool.c far_pool_gone "it_is_cancelled"
	[[s/out->lanes.lane\[i\].state != SLUICE_LANE_ACTIVE/out->lanes.lane[i].state == SLUICE_LANE_VACANT/]])
sluice_unit_mutant(piece-for-who-is-away engine/link/far_pool.c far_pool_gone "it_is_away"
	[[s/|| subscription_held(sub) ||/||/]])
sluice_unit_mutant(liar-is-told-of engine/link/subscription.c far_pool_told "one_that_lies"
	[[s/if (sub->far.side != FAR_CONSUMER)/if (1)/]])
sluice_unit_mutant(liar-is-told-of-before-it-began engine/link/subscription.c far_pool_told "one_that_lies"
	[[s/if (!position_reached(now->acked, start))/if (0)/]])
sluice_unit_mutant(liar-asks-beyond-its-ring engine/link/subscription.c far_pool_told "one_that_lies"
	[[s/^\t\tnow->granted = now->acked + capacity;/\t\t(void)0;/]])
sluice_unit_mutant(breaker-is-believed engine/link/outlet_member.c far_feeds "it_breaks_its_stream"
	[[s/^\t    sub->by_consumer.left_complete)/\t    0)/]])
sluice_unit_mutant(liar-feeds-and-is-told-of engine/link/subscription.c far_feeds "its_nonsense_is_not_told"
	[[s/^\t\tnow->published = now->acked;/\t\t(void)0;/]])
sluice_unit_mutant(away-and-told-of engine/link/subscription_priv.h far_pool_told "one_that_is_away"
	[[/^subscription_rx/,/^}/s/subscription_away(sub)/0/]])
sluice_unit_mutant(left-as-it-says-then engine/link/far.c far_pool_told "one_that_is_away"
	[[s/\*rx = subscription_rx(link->sub);/*rx = link->sub->rx;/]])
sluice_unit_mutant(bell-for-others engine/link/rings_pool.c far_pool "it_is_woken"
	[[/^static void pool_write/,/^}/s/if (out->bells\[i\] != NULL)$/if (outlet_ring(out, i), 0)/]])
sluice_unit_mutant(pool-left-by-a-port engine/link/outlet_priv.h far_pool "its_source_is_a_port"
	[[s/AHEAD_ASIDE | AHEAD_FAR)/AHEAD_ASIDE)/]])
sluice_unit_mutant(pool-held-back engine/stage/emit.c far_pool "its_source_accumulates"
	[[s/if (SLUICE_UNLIKELY(stage_ahead(stage, AHEAD_FAR)))/if (!held \&\& stage_ahead(stage, AHEAD_FAR))/]])
sluice_unit_mutant(far-leaves-the-pool engine/link/rings_pool.c far_pool_gone "it_dies"
	[[/^static void pool_leave/,/^}/s/if (SLUICE_UNLIKELY(sub->far.side == FAR_CONSUMER))/if (0)/]])
sluice_unit_mutant(far-quiet-as-it-says engine/link/rings_pool.c far_pool_gone "it_lies_at_the_end"
	[[/^static uint64_t pool_finished/,/^}/s/if (SLUICE_LIKELY(.*$/if (1)/]])

# ---- stand-ins, and a peer's port -----------------------------------------------
sluice_unit_mutant(stand-in-bytes-unchecked engine/peer/wish.c attached_refused "what_is_refused"
	[[s/if (wish->bytes != 0 \&\& wish->bytes != wish->event_bytes)/if (0)/]])
sluice_unit_mutant(ring-of-any-length engine/peer/wish.c attached_refused "a_ring_up_to_the_limit"
	[[s/if (bytes <= SLUICE_RING_BYTES_MAX)/if (1)/]])
sluice_unit_mutant(stand-in-left-behind engine/peer/stand_in.c attached_refused "what_is_refused"
	[[/^int stand_in_open/,/^}/s/stand_in_end(in, SLUICE_REASON_NORMAL, 0);/(void)0;/]])
sluice_unit_mutant(far-demand-unseen engine/link/subscription_priv.h attached "ask_for_more"
	[[s/^\tif (sub->far.side == FAR_CONSUMER)$/\tif (0)/]])
sluice_unit_mutant(end-that-no-program-gives engine/peer/attached.c attached "there_is_nothing_to_read_any_more"
	[[s/stage_end_as(engine, closed);/sluice_stage_end(engine, SLUICE_CLOSED_REASON(closed), SLUICE_CLOSED_CODE(closed));/]])
sluice_unit_mutant(told-of-what-is-not-read engine/peer/stand_in.c attached_feeds "it_feeds_behind_its_end"
	[[s/: sluice_load_acquire(&sub->by_producer.end);/: sluice_load_acquire(\&in->share->words.tx->published);/]])
sluice_unit_mutant(share-told-twice engine/peer/share_tell.c attached "a_peer_reads"
	[[s/first + writer,$/first,/]])
sluice_unit_mutant(far-rung-on-a-word-of-nobody ring/far.h far_wait "a_relayed_bell_is_rung_by_a_signal"
	[[s/(parked & SLUICE_BELL_STATE) != SLUICE_BELL_PARKED) {/0) {/]])
sluice_unit_mutant(far-signal-waits ring/far.c far_linux "signal_does_not_block_on_a_socket"
	[[s/MSG_DONTWAIT | MSG_NOSIGNAL) < 0 \&\&/MSG_NOSIGNAL) < 0 \&\&/]])
sluice_unit_mutant(far-signal-kills ring/far.c far_linux "signal_does_not_block_on_a_socket"
	[[s/MSG_DONTWAIT | MSG_NOSIGNAL) < 0 \&\&/MSG_DONTWAIT) < 0 \&\&/]])
sluice_unit_mutant(share-flags-of-both engine/peer/share_tell.c attached "it_changes_its_descriptors"
	[[s/tell_signal(welcome, fds, share->signal_peers, WIRE_READ)/tell_signal(welcome, fds, share->signal, WIRE_READ)/]])
# A worker's output is cut off where its input ends.
sluice_unit_mutant(worker-cut-short engine/stage/life.c peer_worker "the_end_passes_through"
	[[/^int stage_dry/,/^}/s/!far_writes(&stage->out)/1/]])
# It acknowledges what it could not send.
sluice_unit_mutant(worker-acks-unsent engine/run/port.c peer_worker_gone "one_gives_up"
	[[/^static int port_check_sender/,/^}/s/if (!port_serves(&end))/if (0)/]])
sluice_unit_mutant(worker-never-let-in engine/stage/attend_in.c peer_worker_gone "one_was_never_let_in"
	[[s/int unseen = stage_is_far_worker(stage)/int unseen = 0 \&\& stage_is_far_worker(stage)/]])
# Any number is taken from it.
sluice_unit_mutant(worker-believed engine/stage/resequencer.c peer_worker_refused "one_invents_a_number"
	[[/^static int resequencer_believes/,/^}/s/SLUICE_LIKELY(sub->far.side != FAR_PRODUCER)/1/]])
sluice_unit_mutant(order-passes-orphans engine/stage/resequencer.c peer_worker_gone "one_leaves_a_hole_in_the_order"
	[[s/^\tif (stage_stays_for_feeders(stage))$/\tif (stage_stays_for_feeders(stage) \&\& !sluice_reorder_holds(\&rs->window))/]])
sluice_unit_mutant(told-by-nobody engine/run/supervisor.c peers "one_dies_that_feeds"
	[[/^\tif (ended)$/{n;s/pipeline_stir_tenant(p);/(void)0;/}]])
sluice_unit_mutant(stop-takes-its-reason engine/stage/life.c stop "who_was_ending_keeps_its_reason"
	[[s/if (stage->run.phase != STAGE_ENDING ||/if (1 ||/]])
sluice_unit_mutant(stop-leaves-a-reason engine/stage/life.c stop "unless_events_were_left"
	[[s/stage_ahead(stage, AHEAD_PLACED | AHEAD_HELD | AHEAD_ASIDE)) {/0) {/]])
sluice_unit_mutant(due-on-one-side engine/peer/process_opts.c process_worker "one_works"
	[[/^static int process_due(/,/^}/s/side < 2/side < 1/]])
sluice_unit_mutant(seat-that-does-not-count engine/peer/seats.c peers "one_feeds_and_comes_back"
	[[s/seat->counts = wire_feeds(peer->hello.role);/(void)0;/]])
sluice_unit_mutant(far-end-seen-too-early engine/link/far.c far_words "it_ends_itself_and_is_ended"
	[[/^static uint32_t far_ended_itself/,/^}/s/r->published = r->acked;/(void)0;/]])
sluice_unit_mutant(far-end-not-fixed-yet engine/link/far.c far_words "its_end_is_being_fixed"
	[[/^static uint32_t far_ended(/,/^}/s/if (closed == SLUICE_REASON_OPEN)/if (0)/]])
sluice_unit_mutant(seat-kept-for-ever engine/peer/seats.c peers "one_feeds_and_comes_back"
	[[s/^\t\t    seat_close(seats, seat) == 0) {/\t\t    0) {/]])
sluice_unit_mutant(stays-though-it-stops engine/run/tenant.c stay "a_pipeline_does_not_end_while_somebody_stays"
	[[s/host_command(&p->host) == PIPELINE_RUN) {/1) {/]])
sluice_unit_mutant(sent-of-the-last-name engine/peer/sent.c sent "the_first_name_makes_room"
	[[s/while ((\*link)->next != NULL)/while (0)/]])
sluice_unit_mutant(sent-forgotten engine/peer/sent.c peers "one_feeds_and_comes_back"
	[[s/^\tat->events += events;$/\t(void)0;/]])
sluice_unit_mutant(back-to-the-beginning engine/peer/share.c peers_held "one_comes_back"
	[[s/sluice_store_relaxed(&rx->acked, at->acked);/(void)0;/]])
sluice_unit_mutant(back-with-any-options engine/peer/seats.c peers_given_up "it_comes_with_other_options"
	[[s/return memcmp(&a, &b, sizeof(a)) == 0;/return 1;/]])
sluice_unit_mutant(still-without-events engine/peer/stall_priv.h peers_stall "by_words_that_stand"
	[[s/if (!waited ||/if (/]])
sluice_unit_mutant(still-though-it-moves engine/peer/stall_priv.h peers_stall "by_words_that_stand"
	[[s/ || said != stall->said)/)/]])
sluice_unit_mutant(still-and-never-asked engine/control/subscription.c peers_stall "one_never_asks"
	[[s/(stat.credit == 0 \&\& subscription_stops/(0 \&\& subscription_stops/]])
sluice_unit_mutant(still-with-events engine/control/subscription.c peers_stall "one_is_detached"
	[[s/return stat.depth > 0 ||/return stat.depth == 0 \&\&/]])
sluice_unit_mutant(over-behind-how engine/peer/stand_in.c stand_in "one_ends_while_it_is_looked_at"
	[[/^int stand_in_over/,/^}/s/return over;/return over || sluice_load_acquire(\&in->stage->words.phase_seen) == STAGE_ENDED;/]])
sluice_unit_mutant(still-where-it-need-not-ask engine/control/subscription.c peers_stall "who_has_no_events"
	[[s/(!subscription_manual(sub) || another_has_credit(sub))/1/]])
sluice_unit_mutant(back-and-not-looked-at engine/peer/guest.c peers_held "it_comes_back_and_stops"
	[[/^static void guest_ready/,/^}/s/l->look_ns = 0;/(void)0;/]])
sluice_unit_mutant(back-and-asks-from-the-first engine/link/inlet.c peers_held "it_asks_as_before"
	[[/^static uint64_t inlet_asked_from/,/^}/s/sub->far.granted != 0$/0/]])
sluice_unit_mutant(back-and-told-before engine/link/far_held.c far_words "it_sleeps_as_the_one_before"
	[[/^void far_heed(/,/^}/s/sub->far.bell.told = 0;/(void)0;/]])
sluice_unit_mutant(back-and-not-rung engine/link/far_held.c far_words "it_sleeps_as_the_one_before"
	[[/^void far_heed/,/^}/s/subscription_ring_far(sub);/(void)0;/]])
sluice_unit_mutant(back-and-not-counted engine/link/far_held.c far_held "its_last_words_were_not_heard"
	[[/^void far_heed/,/^}/s/out->joining = 1;/(void)0;/]])
sluice_unit_mutant(rung-while-away engine/link/subscription_priv.h far_words "it_sleeps_as_the_one_before"
	[[s/ != NULL && !subscription_held(sub))/ != NULL)/]])
sluice_unit_mutant(worker-held-and-told-before engine/link/far_held.c far_words "it_feeds_as_the_one_before"
	[[/^void far_feeder_heed/,/^}/s/if (subscription_held(sub))/if (0)/]])
sluice_unit_mutant(worker-away-and-read engine/link/far.c far_words "it_is_away"
	[[/^static int far_away/,/^}/s/return subscription_away(sub)/return 0/]])
sluice_unit_mutant(worker-there-and-not-read engine/link/subscription_priv.h far_words "it_is_away"
	[[/^static inline int subscription_away/,/^}/s/held == sluice_load_acquire(&sub->by_control.hold)/1/]])
sluice_unit_mutant(worker-given-up-and-not-read engine/link/far.c peer_worker_held "nobody_comes_in_time"
	[[/^static int far_away/,/^}/s/sluice_load_acquire(&sub->by_producer.closed) ==/sluice_load_acquire(\&(sluice_a32){SLUICE_REASON_OPEN}) ==/]])
sluice_unit_mutant(worker-away-and-over engine/link/far.c far_words "it_is_away"
	[[/^static uint32_t far_ended(/,/^}/s/if (far_away(link->sub))/if (0)/]])
sluice_unit_mutant(worker-back-and-not-rung engine/link/far_held.c far_words "it_feeds_as_the_one_before"
	[[/^void far_feeder_heed/,/^}/s/subscription_ring_far(sub);/(void)0;/]])
sluice_unit_mutant(worker-loses-its-slots engine/peer/share.c share "what_was_published_is_read_on"
	[[/^static void share_go_on/,/^}/s/sluice_slot_copy(share->words.slots/if (0) sluice_slot_copy(share->words.slots/]])
sluice_unit_mutant(worker-begins-anew engine/peer/share.c share "what_was_published_is_read_on"
	[[s/sluice_store_relaxed(&share->words.tx->published, at->published);/(void)at;/]])
sluice_unit_mutant(worker-writes-over-it engine/link/rings_separate.c peer_worker_held "one_had_sent_nothing"
	[[s/: sub->far.published;/: 0;/]])
sluice_unit_mutant(worker-answers-are-known engine/stage/attend_in.c peer_worker_held "one_answers_backwards"
	[[s/^\t\tcut = resequencer_forget(stage, sub->inlet);/\t\t(void)0;/]])
sluice_unit_mutant(worker-counted-at-each-death engine/peer/seats.c peer_worker_held "nothing_is_counted_twice"
	[[s/^\tif (seat_hold(seats, seat, why))/\tif ((sent_add(\&seats->sent, seat->in.name, stand_in_sent(\&seat->in)), seat_hold(seats, seat, why)))/]])
sluice_unit_mutant(worker-not-counted-yet engine/peer/seats.c peer_worker_held "nothing_is_counted_twice"
	[[s/grant->welcome.resume += stand_in_sent(&seat->in);/(void)0;/]])
sluice_unit_mutant(worker-cut-off-at-once engine/peer/stand_in.c peer_worker_lost "one_writes_on"
	[[/^int stand_in_hold/,/^}/s/^\tin->cut = 0;/\tin->cut = in->output != NULL \&\& subscription_hold(in->fed) == 0;/]])
sluice_unit_mutant(worker-never-cut-off engine/peer/seats_look.c peer_worker_lost "one_writes_on"
	[[s/if (stand_in_cut(&seat->in) < 0/if (0/]])
sluice_unit_mutant(worker-lost-and-not-held engine/peer/seats.c peer_worker_lost "its_place_is_kept"
	[[s/if (why != PEER_DIED && why != PEER_LOST)/if (why != PEER_DIED)/]])
sluice_unit_mutant(worker-cut-where-it-says engine/link/far_held.c far_words "one_is_cut_off"
	[[s/^\treturn published - r->acked <= r->capacity &&/\treturn 1 ||/]])
sluice_unit_mutant(worker-cut-behind-what-was-seen engine/link/far_held.c far_words "one_is_cut_off"
	[[s/position_reached(published, r->published)$/1/]])
sluice_unit_mutant(held-for-a-stream-that-is-over engine/peer/seats_look.c peer_worker_held "its_stream_ends_while_it_is_away"
	[[s/ || stand_in_lapsed(&seat->in))/)/]])
sluice_unit_mutant(held-though-never-ready engine/peer/seats.c peers_given_up "one_was_never_ready"
	[[s/!seat->named || !seat->begun ||/!seat->named ||/]])
sluice_unit_mutant(hidden-unasked engine/peer/client.c peers_stall "both_hide"
	[[s/if (rc == 0 \&\& o->flags & SLUICE_ATTACH_UNDUMPABLE)/if (rc == 0)/]])
sluice_unit_mutant(not-hidden engine/peer/listen.c peers_stall "both_hide"
	[[s/rc = memory_hide("listen");/rc = 0;/]])
sluice_unit_mutant(port-of-another-process engine/run/port.c peers "a_stage_stands_for_it"
	[[s/return !port->stands_in$/return 1/]])
sluice_unit_mutant(death-unheard engine/peer/client.c peers "the_engine_dies"
	[[s/SLUICE_REASON_ERROR, EOWNERDEAD);/SLUICE_REASON_NORMAL, 0);/]])

# ---- what the system refuses ------------------------------------------------------
sluice_unit_mutant(refused-and-listening engine/peer/listen.c listen_fault "bind"
	[[/^static void listener_undo/,/^}/s/address_leave(&l->address);/(void)0;/]])
sluice_unit_mutant(refused-and-named engine/run/arrive.c attach_fault "let_read_aligned"
	[[/^int stage_arrive/,/^}/s/\*out = NULL;/(void)0;/]])
sluice_unit_mutant(refused-and-seated engine/peer/seats.c attach_fault "let_read_calloc"
	[[/^static int seat_open/,/^}/s/seat_add(seats, seat);/if (rc == 0) seat_add(seats, seat);/]])
sluice_unit_mutant(refused-and-not-cleared-away engine/peer/guest.c attach_fault "let_read_calloc"
	[[/^static void guest_admit/,/^}/s/l->look_ns = 0;/(void)0;/]])
sluice_unit_mutant(refused-and-held engine/peer/seats.c attach_fault "let_read_calloc"
	[[/^static void grant_undo/,/^}/s/(void)close(grant->fds.i.);/(void)0;/]])
sluice_unit_mutant(refused-and-shared engine/peer/stand_in.c attach_fault "let_read_calloc"
	[[/^static int stand_in_subscribe/,/^}/s/share_release(share);/(void)0;/]])
sluice_unit_mutant(refused-and-late engine/peer/attach.c attach_fault "reads_poll"
	[[/^static int attach_wait/,/^}/s/if (n < 0)/if (0)/]])
sluice_unit_mutant(refused-without-a-word engine/peer/attach.c attach_fault "reads_sendmsg"
	[[/^static int attach_hello/,/^}/s/return rc < 0 .*$/return rc;/]])
sluice_unit_mutant(refused-and-deaf engine/peer/packet.c attach_fault "the_engine_may_not_poll"
	[[s/polled.i.[.]revents = polled.i.[.]fd >= 0 . POLLIN : 0;/(void)0;/]])
sluice_unit_mutant(refused-and-dead engine/peer/peers.c attach_fault "the_engine_may_not_poll"
	[[/^static void guest_was_not_polled/,/^}/s/revents = 0;/revents |= 0;/]])
sluice_unit_mutant(refused-and-outgrown engine/peer/observers.c attach_fault "who_watches_sees_on"
	[[/^int observers_admit/,/^}/s/if (o->first == NULL)/if (1)/]])
sluice_unit_mutant(sent-is-believed engine/peer/stand_in.c attached_feeds "what_it_says_it_has_sent_is_not_believed"
	[[s/published - acked > share->ring.capacity ?/0 ?/]])
sluice_unit_mutant(grant-of-another-size engine/peer/attached.c attached_refused "a_grant_that_cannot_be_used"
	[[s/sluice_pow2_at_least(s->wish.opts.max_demand) == s->ring->capacity)/1)/]])
sluice_unit_mutant(ending-is-running engine/peer/judge.c judge "by_what_the_pipeline_is_doing"
	[[s/host_command(&p->host) != PIPELINE_RUN)/0)/]])
sluice_unit_mutant(fed-out-of-order engine/peer/judge.c judge "by_its_stages"
	[[s/if (rc == 0 && wish.resequences && /if (0 \&\& /]])

# ---- observers, and what is shown them -------------------------------------------
sluice_unit_mutant(board-half-written engine/peer/board.c board "what_is_being_written_is_not_read"
	[[s/if (version % 2 != 0 || version == \*seen)/if (version == *seen)/]])
sluice_unit_mutant(board-news-twice engine/peer/board.c board "what_is_written_is_read"
	[[s/if (version % 2 != 0 || version == \*seen)/if (version % 2 != 0 || version == 0)/]])
sluice_unit_mutant(board-torn engine/peer/board.c board "it_is_written_in_the_midst_of_a_reading"
	[[s/if (seqlock_held(board->version, version)) {/if (1) {/]])
sluice_unit_mutant(board-count-believed engine/peer/board.c board "nothing_is_believed"
	[[s/subs = at_most(face.sub_count, g->subs_max);/subs = at_most(face.sub_count, 1000);/]])
sluice_unit_mutant(board-names-believed engine/peer/board.c board "nothing_is_believed"
	[[s/if ((unsigned char)\*c < ' ' || .*$/if (0)/]])
sluice_unit_mutant(board-past-its-memory engine/peer/board.c board "a_geometry_that_cannot_be"
	[[s/if (geometry_bytes(&g) > bytes)/if (geometry_bytes(\&g) > bytes + 4096)/]])
sluice_unit_mutant(board-outgrown engine/peer/observers.c watch "a_pipeline_outgrows_its_board"
	[[s/board_has_room(&o->board, now))/board_has_room(\&o->board, now) \&\& 0)/]])
sluice_unit_mutant(board-not-of-the-end engine/peer/seats.c watch "one_sees_it_from_before_the_start_to_the_end"
	[[s/^\tobservers_over(&seats->observers);$/\t(void)0;/]])
sluice_unit_mutant(board-shown-once engine/peer/seats_look.c watch "one_sees_it_from_before_the_start_to_the_end"
	[[s/uint64_t look_ns = observers_look(&seats->observers);/uint64_t look_ns = UINT64_MAX;/]])
sluice_unit_mutant(watches-by-a-row-of-stages engine/peer/allow.c watch "the_allow_list_says_who_may_watch"
	[[s/return row->stages == NULL;/return 1;/]])
sluice_unit_mutant(watches-when-it-runs engine/peer/judge.c watch "one_sees_it_from_before_the_start_to_the_end"
	[[s/if (wire_watches(hello) \&\& phase != PIPELINE_FINISHED)/if (0)/]])
sluice_unit_mutant(watch-of-a-child engine/peer/watch.c watch "the_engine_stands_still_and_dies"
	[[s/if (!watch_here(watch))/if (0)/]])
sluice_unit_mutant(watch-unheard engine/peer/watch.c watch "the_engine_stands_still_and_dies"
	[[s/watch_end(w, -EOWNERDEAD,/watch_end(w, -EPIPE,/]])

# ---- windows that follow their links --------------------------------------------------
sluice_unit_mutant(window-never-widens engine/link/window.c window "grows_while_credit_comes_late"
	[[s/w->events < w->rule.most/0/]])
sluice_unit_mutant(window-beyond-its-ring engine/link/window.c window "grows_within_its_ring"
	[[s/if (w->rule.most > capacity)/if (0)/]])
sluice_unit_mutant(window-never-narrows engine/link/window.c window "shrinks_to_what_may_wait"
	[[s/w->events > w->least/0/]])
sluice_unit_mutant(window-as-wide-as-may-wait engine/link/window.c window "grows_no_further_than_may_wait"
	[[s/if (2 \* wait_ns <=/if (wait_ns <=/]])
sluice_unit_mutant(window-for-a-slow-producer engine/link/window.c window "light_load_is_not_measured"
	[[s/if (cut)$/if (1)/]])
sluice_unit_mutant(window-waits-in-silence engine/link/window.c window "silence_is_no_wait"
	[[s/w->since_ns += idle_ns - w->idle_own_ns;/(void)0;/]])
sluice_unit_mutant(window-that-does-not-pay engine/link/window.c window "keeps_a_window_that_pays"
	[[s/w->pace - w->pace \/ 8 > w->before_pace/0/]])
sluice_unit_mutant(window-by-the-worst-epoch engine/link/window.c window "pauses_are_no_pace"
	[[s/if (pace < w->pace)/if (pace > w->pace || w->pace == UINT64_MAX)/]])
sluice_unit_mutant(window-swings engine/link/window.c window "equals_do_not_swing"
	[[s/w->until_ns\[!w->way\] = now_ns + (WINDOW_BACK_NS << w->swings)/(void)now_ns/]])
sluice_unit_mutant(window-kept-by-a-restart engine/stage/fault.c auto "it_begins_again_with_its_stage"
	[[s/inlet_begin_windows(&stage->in)/(void)0/]])
sluice_unit_mutant(window-not-shown engine/link/inlet.c auto "it_shrinks_behind_a_slow_consumer"
	[[s/sluice_store_stale(&link->sub->by_consumer.window, w->events)/(void)w/]])

# ---- answers that come later --------------------------------------------------
sluice_unit_mutant(answer-of-another-turn engine/link/answers.c answers "another_subscription"
	[[s/(uint64_t)(turn & ((1u << TAG_TURN_BITS) - 1))/(uint64_t)(turn \& 0)/]])
sluice_unit_mutant(answer-of-another-lap engine/link/answers.c answers "at_any_position"
	[[s/(lap & ((1u << TAG_LAP_BITS) - 1))/(lap \& 0)/]])
sluice_unit_mutant(answer-of-another-delivery engine/link/answers.c answers "another_delivery"
	[[s/return ANSWER_OUT + deliveries % ANSWER_DELIVERIES;/return ANSWER_OUT + 0 * deliveries;/]])
sluice_unit_mutant(answer-taken-in-part engine/link/answers.c answers "at_any_position"
	[[/All or nothing/,/^\t}/s/!= s.each \* t.out)/!= s.each * t.out \&\& 0)/]])
sluice_unit_mutant(what-was-done-comes-again engine/link/answers.c answers "another_turn"
	[[s/one == ANSWER_AGAIN || one >= ANSWER_OUT)/one != ANSWER_SKIP)/]])
sluice_unit_mutant(receipt-passes-what-is-out engine/link/answers.c ack "out_of_order"
	[[s/\t\t\treturn settled;/\t\t\tbreak;/]])
sluice_unit_mutant(more-in-hand-than-may-be engine/link/inlet_later.c ack "no_more_than_in_hand_max"
	[[s/if (room > in->in_hand_max - in->in_hand)/if (0)/]])
sluice_unit_mutant(acknowledged-before-its-output engine/stage/answer.c ack_links "output_waits"
	[[/^void stage_settle(/,/^}/s/if (stage->hand.unacked == 0)/if (1)/]])
sluice_unit_mutant(later-never-alone engine/link/inlet_later.c ack_nack "retry"
	[[s/if (n == 1)$/if (0)/]])
sluice_unit_mutant(later-without-its-count engine/link/inlet_later.c ack_nack "retry"
	[[s/uint32_t deliveries = later_deliveries(link, at) + 1;/uint32_t deliveries = later_deliveries(link, at);/]])
sluice_unit_mutant(left-without-its-count engine/stage/attend_in.c ack_links "left_to_another"
	[[s/inlet_later_left(&stage->in, sub->inlet);/(void)0;/]])
sluice_unit_mutant(marker-before-the-answers engine/link/inlet_priv.h ack_links "a_marker"
	[[/^static inline int inlet_past/,/^}/s/link->reader.acked, position)/inlet_next(link), position)/]])
sluice_unit_mutant(async-without-the-option engine/stage/step.c ack "not_without_the_option"
	[[s/return SLUICE_UNLIKELY(rc == SLUICE_ASYNC) && stage->in.in_hand_max == 0/return 0/]])
sluice_unit_mutant(failed-without-its-code engine/control/ack.c ack_nack "fail_for_good"
	[[s/uint32_t code = (uint32_t)verdict;/uint32_t code = SLUICE_FAIL + 0 * (uint32_t)verdict;/]])
sluice_unit_mutant(ended-and-not-done engine/control/ack.c ack_nack "end"
	[[/case SLUICE_END:/,/return rc;/s/ANSWER_OK/ANSWER_RETRY/]])

# Of all that stand above.
file(WRITE ${UNIT_MUTANT_TABLE} "${UNIT_MUTANTS}")
add_test(NAME unit/mutants-apply COMMAND sh ${UNIT_MUTANT_SH} applies
	${PROJECT_SOURCE_DIR} ${UNIT_MUTANT_TABLE})
set_tests_properties(unit/mutants-apply PROPERTIES LABELS unit TIMEOUT ${SLUICE_TEST_TIMEOUT})
