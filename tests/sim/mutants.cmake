# SPDX-License-Identifier: Apache-2.0
# Each plants one bug in a copy of the engine or the rings,
# and some seed must find it. One file, one line, by a sed expression.
set(SIM_MUTANT_SH ${CMAKE_CURRENT_SOURCE_DIR}/../support/mutant.sh)
set(SIM_MUTANT_SEEDS 20000)
set(SIM_PARTS sluice.h ring dispatch engine stages tests/sim)
file(GLOB SIM_HEADERS CONFIGURE_DEPENDS *.[ch] */*.[ch]
	${PROJECT_SOURCE_DIR}/*/*.h ${PROJECT_SOURCE_DIR}/engine/*/*.h
	${PROJECT_SOURCE_DIR}/dispatch/*)

# A mutant of a .c file stands before the library's own in the link; one of a
# header needs all that includes it. A fifth argument is the first seed, where the
# ones below it are long in finding it, or find it by another check; a sixth are
# features that every scenario has, where one in many thousands would find it. The
# seeds are those of SIM_MUTANT_GENERATOR.
set(SIM_MUTANT_GENERATOR 2)
function(sluice_sim_mutant name file verdict expression)
	set(from 0)
	if(ARGC GREATER 4)
		set(from ${ARGV4})
	endif()
	set(with "")
	if(ARGC GREATER 5)
		set(with --with ${ARGV5})
	endif()
	set(dir ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
	if(file MATCHES "[.]c$")
		set(parts ${file})
		set(planted ${dir}/${file})
		set(sources ${planted} test_sim.c)
		set(depends ${PROJECT_SOURCE_DIR}/${file})
	else()
		set(parts ${SIM_PARTS})
		list(TRANSFORM SLUICE_SOURCES PREPEND ${dir}/ OUTPUT_VARIABLE library)
		list(TRANSFORM SIM_SCENARIO PREPEND ${dir}/tests/sim/
			OUTPUT_VARIABLE scenario)
		set(planted ${library} ${scenario} ${dir}/tests/sim/test_sim.c)
		set(sources ${planted})
		set(depends ${SIM_HEADERS} ${SLUICE_SOURCE_FILES})
	endif()
	add_custom_command(OUTPUT ${planted}
		COMMAND sh ${SIM_MUTANT_SH} plant ${PROJECT_SOURCE_DIR} ${dir}
			${file} "${expression}" ${parts}
		DEPENDS ${SIM_MUTANT_SH} ${depends}
		COMMENT "Planting simulator mutant ${name}" VERBATIM)
	add_executable(sim_mutant_${name} ${sources})
	target_include_directories(sim_mutant_${name} PRIVATE ${dir})
	sluice_sim_target(sim_mutant_${name})
	target_compile_options(sim_mutant_${name} PRIVATE -O1 -w)
	if(file MATCHES "[.]c$")
		target_link_libraries(sim_mutant_${name} PRIVATE sluice_sim)
	endif()
	add_test(NAME sim/mutant-${name} COMMAND sh ${SIM_MUTANT_SH} expect 1
		"^seed [0-9]+: .*(${verdict})" $<TARGET_FILE:sim_mutant_${name}>
		--generator ${SIM_MUTANT_GENERATOR} ${with}
		--from ${from} --count ${SIM_MUTANT_SEEDS})
	set_tests_properties(sim/mutant-${name} PROPERTIES LABELS sim TIMEOUT ${SLUICE_TEST_TIMEOUT})
endfunction()

set(LOST "delivered 0 times|stall")
set(TWICE "delivered 2 times")
set(STUCK "stall|livelock")

# ---- waking ------------------------------------------------------------------
sluice_sim_mutant(ack-without-bell engine/link/inlet.c "${STUCK}"
	[[/^void inlet_ack/,/^}/s/inlet_ring(in, link)/(void)0/]])
sluice_sim_mutant(trimmed-and-sent engine/stage/hold_priv.h "without its flag"
	[[s/hold->staged -= n;/(void)n;/]])
sluice_sim_mutant(publish-without-bell engine/link/rings_separate.c "${STUCK}|${LOST}"
	[[/^static void separate_publish_lane/,/^}/s/outlet_ring(out, index)/(void)0/]])
sluice_sim_mutant(wake-forgotten engine/control/control.c "${STUCK}"
	[[/^void sluice_wake/,/^}/s/stage_signal(stage, SIGNAL_WAKE)/(void)0/]])
sluice_sim_mutant(recheck-dropped ring/wait.h "${STUCK}"
	[[s/return ready(ready_ctx);/return 0;/]])
sluice_sim_mutant(restart-forgotten engine/run/supervisor.c "${STUCK}|${LOST}"
	[[s/supervisor_tell(stage, RESTART_UP)/(void)0/]])

# ---- batches by size or time ---------------------------------------------------
set(EARLY "a batch of [0-9]+ after")
set(LATE "events wait for [0-9]+ ns")
sluice_sim_mutant(batch-waits-unknown engine/link/gather.c "${LATE}|${STUCK}"
	[[s/in->stirred |= !g->waits;/(void)in;/]] 0 gather)
sluice_sim_mutant(batch-deadline-forgotten engine/stage/step.c "${LATE}|${STUCK}"
	[[s/if (batch_ns < due)/if (0)/]] 0 gather)
sluice_sim_mutant(batch-without-room-is-due engine/link/gather.c "${STUCK}"
	[[/^void gather_rest/,/^}/s/link->sub->gather.waits = 0;/(void)link;/]] 0 gather)
sluice_sim_mutant(batch-too-early engine/link/gather.c "${EARLY}"
	[[s/now_ns < g->due_ns) {/now_ns == 0) {/]] 0 gather)
sluice_sim_mutant(batch-dated-once engine/link/gather.c "${EARLY}"
	[[/^static void gather_date/,/^}/s/position_reached(acked, g->seen)/0/]] 0 gather)

# ---- descriptors that stages wait for --------------------------------------------
sluice_sim_mutant(watch-recheck-dropped engine/run/watches.c "${STUCK}|${LOST}"
	[[/^int watches_park/,/^}/s/found = ready(worker);/found = 0;/]] 0 watches)
sluice_sim_mutant(watch-bell-never-cleared engine/run/watches.c "livelock"
	[[s/platform->event_clear(platform->ctx, w->bell);/(void)0;/]] 0 watches)
sluice_sim_mutant(watch-bell-rung-unseen engine/run/watches.c "livelock"
	[[/^int watches_round/,/^}/s/w->told = 1;/(void)0;/]] 18000 watches)
sluice_sim_mutant(watch-without-deadline engine/run/watches.c "${STUCK}|${LATE}"
	[[s/platform->set_wait(platform->ctx, w->set, deadline_ns);/platform->set_wait(platform->ctx, w->set, UINT64_MAX);/]] 0 watches)
sluice_sim_mutant(watch-outlives-its-stage engine/stage/stop.c "watch: -17|told of|not initialised"
	[[/^void stage_fini/{n;n;s/stage_unwatch_all(stage);/(void)0;/}]] 0 watches)
sluice_sim_mutant(watch-while-it-ends engine/stage/life.c "livelock|told of"
	[[s/stage_unwatch_all(stage);/(void)0;/]] 0 watches)

# ---- credit ------------------------------------------------------------------
sluice_sim_mutant(window-too-wide ring/credit.h "in flight|beyond what is finished"
	[[/^sluice_credit_after_ack/,/^}/s/acked + credit->max_events/& + 1/]])
sluice_sim_mutant(window-beyond-its-most engine/link/window.c "in flight|batch of|beyond what is finished"
	[[s/w->events < w->rule.most/1/]] 0 auto)
sluice_sim_mutant(window-takes-back engine/link/inlet.c "and had granted to"
	[[/^static INLET_AUTO uint32_t inlet_follow/,/^}/s/inlet_use_window(link)/(&, (void)sluice_spsc_grant(\&link->reader, r->acked + r->credit.max_events))/]] 0 auto)
sluice_sim_mutant(slowest-reader-ignored ring/broadcast.h "${STUCK}|in flight|torn"
	[[/^sluice_broadcast_refresh/,/^}/s/i < w->count; i++) {$/i + 1 < w->count; i++) {/]])
sluice_sim_mutant(asked-one-more engine/link/inlet.c "asked for|returned -71"
	[[/^void inlet_grant_asked/,/^}/s/link->refused;/link->refused + 1;/]])
sluice_sim_mutant(refused-costs-spill engine/link/outlet_write.c "${STUCK}|${LOST}"
	[[s/sluice_counter_add(out->counters, SLUICE_COUNTER_DISCARDED,/out->lanes.spill_free -= out->lanes.spill_free > 0; &/]])
sluice_sim_mutant(refused-costs-credit engine/stage/step.c
	"${STUCK}|in flight|have carried|beyond what is finished"
	[[/The selector wanted none/,/^}/s/inlet_ack(&stage->in, index, taken)/stage->in.links[index].reader.acked += taken/]])

# ---- the spill and the buffer --------------------------------------------------
sluice_sim_mutant(spill-kept engine/link/rings_separate.c "${STUCK}|${LOST}"
	[[/^static int separate_unspill/,/^}/s/lane->spilled == 0 || lane->credit == 0/1/]])
sluice_sim_mutant(spill-reversed engine/link/spill.c "event [0-9]+ after"
	[[/^void spill_push/,/^}/s/spill->next\[queue->tail\] = cell/(spill->next[cell] = queue->head, queue->head = cell, cell = queue->tail)/]])
sluice_sim_mutant(buffer-passed engine/stage/emit.c
	"event [0-9]+ after|again, without its flag|of one in|${TWICE}"
	[[/^static int stage_place/,/^}/s/outlet_place(out, hold_front(hold)/outlet_place(out, hold_cell(hold, hold->tail - (uint32_t)n)/]] 200)
sluice_sim_mutant(spill-dropped-at-end engine/stage/life.c "stranded [0-9]+, and its|${STUCK}"
	[[/^int stage_step_ending/,/^}/s/AHEAD_HELD | AHEAD_PLACED/AHEAD_HELD/]])
sluice_sim_mutant(overflow-uncounted engine/stage/emit.c
	"overflowed|of its output are out"
	[[s/stage_count(stage, SLUICE_COUNTER_OVERFLOWED, n)/stage_count(stage, SLUICE_COUNTER_OVERFLOWED, n - 1)/]])
sluice_sim_mutant(marker-early engine/stage/mail.c "marker behind"
	[[/^static void marker_place/,/^}/s/hold_end(&stage->hold)/stage->hold.at/]])

# ---- receipts ------------------------------------------------------------------
sluice_sim_mutant(ack-before-handler engine/stage/step.c "in its hands|${LOST}"
	[[s/rc = STAGE_CALL(stage, CALLBACK_EVENTS, wanted,$/inlet_ack(\&stage->in, batch->inlet, taken); taken = 0; &/]])
sluice_sim_mutant(ack-before-output engine/stage/emit.c "of its output are out|${LOST}"
	[[/^static int stage_answered/,/^}/s/position_reached(stage->hold.at, stage->hand.end)/1/]])
sluice_sim_mutant(end-before-ack engine/stage/step.c "${TWICE}|${LOST}|batch at [0-9]+, expected|have carried"
	[[/^static void consumer_handle/,/^}/s/inlet_ack(&stage->in, batch->inlet, taken)/(void)(rc == SLUICE_END || (&, 1))/]])
sluice_sim_mutant(port-end-without-ack engine/run/port.c "${TWICE}|${LOST}"
	[[/^int port_end_as/,/^}/s/port_acknowledge(port)/(void)0/]])

# ---- coming and going ------------------------------------------------------------
sluice_sim_mutant(orphans-dropped engine/link/outlet_member.c "${LOST}"
	[[/^void outlet_orphan/,/^}/s/\.at = w->acked/.at = w->published/]])
sluice_sim_mutant(orphans-reversed engine/link/outlet_member.c "event [0-9]+ after"
	[[/^int outlet_deal_orphans/,/^}/s/if (orphan->at != orphan->to)/if (orphan->queue.count == 0)/]])
sluice_sim_mutant(lane-kept engine/stage/attend.c "${STUCK}|${LOST}"
	[[/^static void producer_part/,/^}/s/outlet_leave(&stage->out, sub)/(void)0/]])
sluice_sim_mutant(ending-keeps-inputs engine/stage/life.c "and keeps edge"
	[[s/if (stage_consumes(stage) \&\& stage_give_back(stage))/if (0)/]])
sluice_sim_mutant(join-too-late engine/link/rings_common.c "in flight|${STUCK}|${LOST}|expected|ended with"
	[[/^static uint64_t common_attach/,/^}/s/position = w->base.published;/position = w->base.published + 1;/]])
sluice_sim_mutant(cancel-too-late engine/link/rings_common.c "${STUCK}|${TWICE}|in flight|that nobody emitted|of a call that failed|on_cancel was not called"
	[[/^static void common_cancel/,/^}/s/out->common.base.published);/out->common.base.published + 1);/]])

# ---- failing ---------------------------------------------------------------------
sluice_sim_mutant(flag-forgotten engine/link/inlet.c "without its flag"
	[[s/batch->flags = SLUICE_BATCH_REDELIVERED/batch->flags = 0/]])
sluice_sim_mutant(deliveries-forgotten engine/link/inlet.c "deliveries|without its flag"
	[[/^void inlet_return/,/^}/s/handed_note(&link->handed, at, at + n, deliveries)/(void)deliveries/]])
sluice_sim_mutant(output-of-a-failure engine/stage/emit_priv.h "that nobody emitted|of a call that failed|${TWICE}"
	[[/^static inline void stage_emit_end/,/^}/s/if (keep)/if (1)/]] 3)
sluice_sim_mutant(restart-drops-output engine/stage/fault.c "${LOST}|of its output are out|have left"
	[[/^static void stage_go_down/,/^}/s/stage->post.timers.armed = 0/&, hold_reset(\&stage->hold)/]] 735)
sluice_sim_mutant(restart-drops-inputs engine/stage/fault.c "${STUCK}|${LOST}"
	[[/^static int stage_restart/,/^}/s/stage->run.initialised = 1/&, stage->in.count = 0/]])

# ---- an order restored -------------------------------------------------------------
sluice_sim_mutant(settled-too-early engine/link/sequence.c "${LOST}"
	[[/^void sequence_refresh/,/^}/s/sequence_finished(out, &sequence->log\[done & sequence->mask\])/1/]])
sluice_sim_mutant(noted-too-low engine/link/sequence.c "${LOST}"
	[[/^void sequence_note/,/^}/s/position + i,/position,/]])
sluice_sim_mutant(settled-looked-at-late engine/stage/resequencer.c "${LOST}"
	[[/^int resequencer_step/,/^}/{/inlet_deserted/{n;s/rs->settled/sluice_load_acquire(\&rs->sequence->settled)/}}]])
sluice_sim_mutant(window-uncounted engine/stage/resequencer.c "missing"
	[[/^uint64_t resequencer_leave/,/^}/s/dropped += w->come\[i\]/(void)w->come[i]/]])
sluice_sim_mutant(number-unchecked engine/stage/resequencer.c "${STUCK}|${LOST}"
	[[/case SLUICE_REORDER_WRONG:/,/return/s/resequencer_refuse(stage, event)/break/]])

sluice_sim_mutant(anybody-works engine/graph/sequence_check.c "an order is restored there|${STUCK}|${LOST}"
	[[/^static int sequence_check_worker/,/^}/s/if (resequencer == NULL/if (1 || resequencer == NULL/]])
sluice_sim_mutant(anybody-is-read engine/graph/sequence_check.c "an order is restored there|${STUCK}|${LOST}"
	[[/^static int sequence_check_reader/,/^}/s/if (from == NULL)/if (1)/]])
sluice_sim_mutant(source-comes-late engine/graph/sequence_check.c "an order is restored there"
	[[/^static int sequence_check_source/,/^}/s/from == wish->producer ||/1 ||/]] 0 ordered,workers,members)

# ---- onlookers ------------------------------------------------------------------------
sluice_sim_mutant(tee-uncounted engine/link/aside.c "onlookers were due"
	[[/^static void aside_tee/,/^}/s/missed++/(void)missed/]])
sluice_sim_mutant(onlooker-without-credit engine/link/aside.c "in flight|beyond what is finished|torn|asked for|looking on|${TWICE}"
	[[/^static void aside_tee/,/^}/s/aside_credit(aside) == 0/aside_credit(aside) == 77/]])
sluice_sim_mutant(conflate-unflushed engine/link/aside.c "the latest of its key|${STUCK}"
	[[/^uint32_t asides_flush/,/^}/s/sent += aside_send(aside)/(void)0/]])
sluice_sim_mutant(conflate-the-oldest engine/link/aside.c "the latest of its key|looking on"
	[[/^static void aside_latest/,/^}/s/sluice_conflate_put(c, key, events)/sluice_conflate_put(c, key >> 1, events)/]])

# ---- the strategies ---------------------------------------------------------------------
sluice_sim_mutant(shared-left-uncounted engine/link/rings_pool.c "${STUCK}|${LOST}"
	[[/^static void pool_leave/,/^}/s/out->pool.left += out->writers\[sub->lane\].published/(void)0/]])
sluice_sim_mutant(shared-count-forgotten engine/link/rings_pool.c
	"without its flag|deliveries"
	[[s/ring->counts\[at & mask\] = deliveries/(void)deliveries/]] 30000)
sluice_sim_mutant(one-more-in-flight engine/graph/dispatch_opts.c "in_flight_max"
	[[/^void dispatch_opts/,/^}/s/\.in_flight_max = o->in_flight_max/& + (o->in_flight_max > 0)/]])
sluice_sim_mutant(rejoined-at-once engine/link/outlet.c
	"two hands|event [0-9]+ after|${STUCK}"
	[[/^uint32_t outlet_deal/,/^}/s/outlet_rejoin(out)/(out->lanes.rejoined = 0)/]])
sluice_sim_mutant(turn-not-begun engine/stage/step.c "${STUCK}"
	[[s/sluice_share_begin(share, in->quantum)/(void)0/]])
sluice_sim_mutant(selected-one-more engine/link/inlet.c "which it refused|${TWICE}|torn|of a call that failed|nobody emitted"
	[[/^static void inlet_select/,/^}/s/batch->count = kept/& + 1/]])

sluice_sim_mutant(own-without-ctx engine/graph/dispatch_opts.c "another strategy_ctx"
	[[s/\.own = o->strategy_ctx/.own = NULL/]])

# ---- verdicts -----------------------------------------------------------------------------
sluice_sim_mutant(hook-always-keeps engine/stage/attend.c
	"that nobody emitted|of a call that failed|of its output are out|again|${LOST}"
	[[s/rc = STAGE_CALL(stage, which, 0, hook(stage, &event))/(void)STAGE_CALL(stage, which, 0, (rc = hook(stage, \&event), SLUICE_OK))/]] 10)
sluice_sim_mutant(nonsense-is-fine engine/stage/fault.c "a stage has failed"
	[[/^void stage_answer/,/^}/s/rc == SLUICE_OK ||/rc == SLUICE_OK || rc > SLUICE_FAIL ||/]])
sluice_sim_mutant(gone-astray-unsaid engine/stage/emit.c "a stage has failed|stranded"
	[[/^void stage_misrouted/,/^}/s/host_fail(stage->host, -ERANGE,/host_log(stage->host,/]])

sluice_sim_mutant(skip-is-no-refusal engine/stage/attend.c "of what it refused"
	[[/^static void producer_meet/,/^}/s/if (rc != SLUICE_OK)/if (rc < 0)/]])

# ---- beginning and ending -------------------------------------------------------------------
sluice_sim_mutant(refusal-remembered engine/run/run.c "not started|not been started|does not start|start that was refused says 0"
	[[/^static void pipeline_reset/,/^}/s/(void)sluice_exchange(&p->failed, 0)/(void)0/]])
sluice_sim_mutant(no-supervisor-no-start engine/run/run.c
	"not started|does not start|after a start that failed|${STUCK}"
	[[/no thread for its/,/return rc/s/pipeline_reset(p)/(void)0/]])
sluice_sim_mutant(stop-forgets-one engine/run/worker.c "no fini|${STUCK}"
	[[/^static void worker_stop/,/^}/s/stage_abort(stage, SLUICE_REASON_SHUTDOWN, told);/if (worker->count != 3) &/]])
sluice_sim_mutant(end-not-heeded engine/stage/mail.c "is to end, and has not"
	[[/^static void mail_end/,/^}/s/stage_finish(stage, SLUICE_CLOSED_REASON(closed),/(void)(stage->run.phase, SLUICE_CLOSED_REASON(closed),/]])
sluice_sim_mutant(permanent-goes-on engine/stage/attend_in.c "is to end, and has not|${STUCK}"
	[[/^void stage_heed_end/,/^}/{/case SLUICE_PERMANENT:/{n;s/break/return/}}]])
sluice_sim_mutant(answer-unheard engine/stage/mailbox.c "${STUCK}"
	[[/^void letter_done/,/^}/s/ops->wake(ops->ctx, &letter->state)/(void)0/]])
sluice_sim_mutant(task-without-a-thread stages/spawn_pool.c "${STUCK}"
	[[/^static void pool_push/,/^}/s/(void)pthread_cond_signal(&spawn->work)/(void)0/]])

# ---- being told to stop ---------------------------------------------------------------------
sluice_sim_mutant(never-told engine/run/stopping.c "${STUCK}"
	[[s/stage->opts.on_stop(stage);/(void)0;/]])
sluice_sim_mutant(told-twice engine/run/stopping.c "on_stop twice"
	[[s/stop_set(stage, STOP_TOLD)/stop_set(stage, STOP_OPEN)/]])
sluice_sim_mutant(told-without-need engine/run/stopping.c "it is not to stop"
	[[s/(state != STOP_OPEN || !stop_wanted(stage))/state != STOP_OPEN/]])
sluice_sim_mutant(told-beside-fini engine/stage/stop.c "fini beside on_stop"
	[[/^static void stop_shut/,/^}/s/stop_await(stage, STOP_TELLING)/(void)0/]])
sluice_sim_mutant(told-and-forgotten engine/control/control.c "and not stopping"
	[[s/sluice_load_acquire(&stage->words.stop) >= STOP_TELLING/0/]])

# ---- what is written in place -------------------------------------------------------------------
sluice_sim_mutant(sent-all-that-was-reserved engine/run/port_send.c "nobody emitted"
	[[s/placed = port_place(port, events, n)/placed = port_place(port, events, port->span.count)/]] 0 spans,ports)
sluice_sim_mutant(lent-what-others-get engine/link/lent.c "event [0-9]+ after|${TWICE}|that nobody emitted"
	[[s/if (out->joined != 1)/if (out->joined == 0)/]] 0 spans,ports,members)

# ---- who helps ------------------------------------------------------------------------------------
sluice_sim_mutant(helper-leaves-without-a-ring engine/run/help.c "${STUCK}|${LOST}"
	[[/^int help_run/,/^}/s/sluice_bell_ring(worker->bell, ops);/(void)ops;/]] 0 help,ports)
sluice_sim_mutant(helper-keeps-who-has-ended engine/run/help.c "${STUCK}|livelock"
	[[/^static int help_is_plain/,/^}/s/run.phase == STAGE_ENDED/run.phase > STAGE_ENDED/]] 39000 help,ports)
sluice_sim_mutant(helper-owes-and-sleeps engine/run/help.c "${STUCK}|${LOST}"
	[[/^int help_in_wait/,/^}/s/help->count > 0 \&\& help_run(help)/0/]] 0 help,ports)

# ---- several threads at a port -------------------------------------------------------------------
sluice_sim_mutant(left-without-a-word engine/run/port_held.c "${STUCK}"
	[[/^static void port_leave_as/,/^}/s/port_ops(port)->wake(port_ops(port)->ctx,/(void)(port_ops(port)->ctx,/]] 0 crowds,ports)
sluice_sim_mutant(two-at-once engine/run/port_held.c "torn|nobody emitted|delivered|${STUCK}|committed|EBUSY|reserved|event [0-9]+ after|a second span"
	[[/^int port_enter/,/^}/s/case PORT_USER:/case PORT_USER: if ((seen \& PORT_VAIN) != 0) return 0;/]] 0 crowds,ports)

# ---- users who sleep on a descriptor --------------------------------------------------------------
sluice_sim_mutant(armed-without-a-second-look engine/run/port_poll.c "${STUCK}"
	[[/^static int port_arm/,/^}/{/poll->thread = /{n;s/if (!port_has_some(port))/if (1)/}}]] 300 polls,ports)
sluice_sim_mutant(supervisor-does-not-tell engine/run/port_poll.c "${STUCK}"
	[[s/if (port_has_some(port) && !poll_take_back(port))/if (0)/]] 0 polls,ports,asides)
sluice_sim_mutant(bell-not-given-back engine/run/port_poll.c "${STUCK}"
	[[s/if (!relayed && (taken || poll->relayed)) {/if (0) {/]] 0 polls,ports,asides)
sluice_sim_mutant(readable-for-ever engine/run/port_poll.c "livelock"
	[[s/rung = sluice_bell_disarm(.*)/poll->told = (uint32_t)(&)/]] 0 polls,ports,asides)

# ---- stages that come and go ------------------------------------------------------------------
sluice_sim_mutant(comer-overlooked engine/run/worker.c "${STUCK}|${LOST}"
	[[/^static int worker_round/,/^}/s/sluice_load_relaxed(&worker->arriving) != 0/0/]])
sluice_sim_mutant(shut-before-one engine/run/worker.c "${STUCK}|no fini"
	[[/^static int worker_shut/,/^}/s/return sluice_compare_exchange(&worker->arriving, &none, WORKER_SHUT)/return (sluice_exchange(\&worker->arriving, WORKER_SHUT), 1)/]] 57000 late-stages)
sluice_sim_mutant(ended-in-init-unseen engine/run/worker.c "${STUCK}"
	[[/^static int worker_round/,/^}/{/worker_lose/{n;s/worked = 1/(void)0/}}]] 77000 late-stages,heed)
sluice_sim_mutant(ended-still-counted engine/run/worker.c "stages, and counts"
	[[/^static void worker_lose/,/^}/s/(void)sluice_fetch_add(&worker->load, UINT32_MAX)/(void)0/]])
sluice_sim_mutant(worker-not-joined engine/run/worker.c "was not joined"
	[[/^void worker_run/,/^}/s/host_alarm(&p->host)/sluice_bell_ring(p->supervisor_bell, p->host.wait)/]])
sluice_sim_mutant(comes-with-its-gate-shut engine/run/arrive.c "${STUCK}|${LOST}"
	[[/^static void arrive_at/,/^}/s/stage_open_gate(stage)/(void)0/]])
sluice_sim_mutant(thread-refused-but-counted engine/run/worker.c "${STUCK}"
	[[s/(void)sluice_fetch_add(&p->workers_spawned, UINT32_MAX)/(void)0/]])
sluice_sim_mutant(refused-keeps-its-place engine/run/arrive.c "is kept for nobody|name is in use"
	[[/^static int arrive_late/,/^}/s/(void)sluice_exchange(&stage->words.berth, BERTH_LEAVING)/(void)0/]])
sluice_sim_mutant(refused-is-released engine/run/arrive.c "its state (was|is) released"
	[[/^static int arrive_late/,/^}/s/stage->opts.state_free = NULL/(void)0/]])
sluice_sim_mutant(over-before-one engine/run/supervisor.c "${STUCK}|stage_add|no fini"
	[[/^static int supervisor_over/,/^}/s/p->arrivals == 0 \&\&/1 \&\&/]])
sluice_sim_mutant(told-without-a-consumer-yet engine/stage/stop.c "it is not to stop"
	[[/^static int stop_deserted/,/^}/s/!sluice_load_acquire(&stage->words.wanted)/0/]])

# ---- processes that attach, and die ------------------------------------------------------------
set(SIM_MUTANT_GENERATOR 3)
set(GONE "lost: ")

sluice_sim_mutant(peer-acks-what-it-is-given engine/run/port.c "${GONE}"
	[[s/\*batch = port->hand.batch;/& port_acknowledge(port);/]])
sluice_sim_mutant(peer-last-receipt-unheard engine/link/outlet_member.c "twice: |no consumer left"
	[[/^void outlet_orphan/,/^}/s/(void)sluice_spsc_refresh(w)/(void)0/]])
sluice_sim_mutant(peer-had-it-unsaid engine/link/outlet_member.c "again, without its flag"
	[[/^void outlet_orphan/,/^}/s/far_handed(sub, orphan->at, orphan->to, &orphan->handed)/(void)0/]])
sluice_sim_mutant(peer-end-at-a-glance engine/link/far.c "${GONE}|${STUCK}|were taken before"
	[[/^void far_close/,/^}/s/far_refresh(out, lane)/(void)0/]] 98)
sluice_sim_mutant(peer-end-too-late engine/link/far.c "${STUCK}|torn|was handled"
	[[/^void far_close/,/^}/s/out->writers\[lane\].published,/out->writers[lane].published + 1,/]])
sluice_sim_mutant(peer-death-unheeded engine/peer/stand_in.c "${STUCK}|${GONE}"
	[[/^void stand_in_end/,/^}/s/(void)port_end_as(in->stage, reason, code)/(void)0/]])
sluice_sim_mutant(peer-told-of-less engine/peer/seats.c "were taken before"
	[[s/sent_add(&seats->sent, seat->in.name, sent);/sent_add(\&seats->sent, seat->in.name, sent - (sent > 0));/]])
sluice_sim_mutant(peer-end-refused engine/peer/attached.c "${STUCK}"
	[[s/stage_end_as(engine, closed);/sluice_stage_end(engine, SLUICE_CLOSED_REASON(closed), SLUICE_CLOSED_CODE(closed));/]] 37670)
sluice_sim_mutant(peer-words-believed-at-first engine/link/rings_separate.c "torn"
	[[/^uint64_t separate_attach/,/^}/s/if (SLUICE_UNLIKELY(sub->far.side != FAR_NONE))/if (0)/]])
sluice_sim_mutant(peer-sleeps-elsewhere engine/peer/attached.c "${STUCK}"
	[[s/(\*port)->worker->rung = rung;/(void)rung;/]])
sluice_sim_mutant(fatal-for-ever engine/link/far_died.c "again: "
	[[s/count < sub->far.deliveries_max) {/1) {/]])
sluice_sim_mutant(fatal-for-those-behind engine/link/far_died.c "lost: .* is given up"
	[[s/note->deliveries < HANDED_TOGETHER;/1;/]])
sluice_sim_mutant(fatal-and-dealt-again engine/link/far_died.c "twice: "
	[[s/^\t++\*acked;/\t(void)acked;/]])
sluice_sim_mutant(kept-and-unmarked engine/link/far_held.c "again, without its flag"
	[[/^const struct sluice_rx_words .far_keep/,/^}/s/far_mark(sub, acked, end);/(void)far_mark, (void)end;/]])
sluice_sim_mutant(kept-from-the-beginning engine/peer/share.c "twice: "
	[[s/sluice_store_relaxed(&rx->acked, at->acked);/(void)0;/]] 2100)
sluice_sim_mutant(kept-and-still-ours engine/link/far_held.c "twice: |${GONE}|${STUCK}"
	[[s/out->writers\[sub->lane\].rx = sub->rx;/(void)out;/]] 1)
sluice_sim_mutant(kept-for-ever engine/peer/seats_look.c "${STUCK}|livelock"
	[[s/return now_ns >= seat->due_ns ? "nobody has come back in time" : NULL;/return now_ns == 1 ? "never" : NULL;/]])
sluice_sim_mutant(kept-and-asks-from-the-first engine/link/inlet.c "has got .*, and asked for"
	[[/^static uint64_t inlet_asked_from/,/^}/s/sub->far.granted != 0$/0/]])

# ---- readers of what all get, and workers, in other processes -----------------------------------
sluice_sim_mutant(all-kept-at-what-was-published engine/link/rings_common.c "lost: "
	[[/^static void common_hold/,/^}/s/far_keep(sub, c->acked,/far_keep(sub, out->common.base.published,/]])
sluice_sim_mutant(all-given-up-and-waited-for engine/link/rings_common.c "${STUCK}|livelock"
	[[/^static void common_leave/,/^}/s/out->common.cursors\[sub->lane\] = (struct sluice_broadcast_cursor){0};/{ static struct sluice_rx_words none; out->common.cursors[sub->lane].rx = \&none; }/]])
sluice_sim_mutant(all-begin-too-late engine/link/rings_common.c "lost: |torn: "
	[[/^static uint64_t common_attach/,/^}/s/far_begin(sub, position);/far_begin(sub, position + 1);/]])
sluice_sim_mutant(all-read-before-they-came engine/link/rings_common.c "lost: "
	[[/^static void common_note_read/,/^}/s/if (!position_reached(from, behind))/from = behind; if (0)/]])
sluice_sim_mutant(worker-output-stays-away engine/peer/stand_in.c "${STUCK}|were taken before|no result"
	[[s/int rc = in->output != NULL ? subscription_resume(in->fed) : 0;/int rc = 0;/]] 3046)
sluice_sim_mutant(worker-results-read-again engine/peer/share.c "twice: |in two hands"
	[[s/sluice_store_relaxed(&share->words.tx->published, at->published);/(void)at;/]] 28534)
sluice_sim_mutant(worker-never-let-in engine/stage/attend_in.c "${STUCK}"
	[[s/int unseen = stage_is_far_worker(stage)/int unseen = 0 \&\& stage_is_far_worker(stage)/]])
sluice_sim_mutant(peer-end-before-its-reason engine/peer/stand_in.c "reason 0 is not possible"
	[[/^int stand_in_over/,/^}/s/return over;/return over || sluice_load_acquire(\&in->stage->words.phase_seen) == STAGE_ENDED;/]])

# ---- answers that come later ----------------------------------------------------------------------
set(SIM_MUTANT_GENERATOR 4)
sluice_sim_mutant(answer-nobody-hears engine/control/ack.c "${LOST}"
	[[/^int sluice_ack/,/^}/s/\tif (some)$/\tif (0)/]])
sluice_sim_mutant(answer-halfway-and-unheard engine/control/ack.c "${LOST}"
	[[/^int sluice_nack/,/^}/s/\tif (!some)$/\tif (rc < 0)/]])
sluice_sim_mutant(answer-a-delivery-late engine/link/answers.c "delivered 2 times|is out, and comes again|refused with"
	[[s/return ANSWER_OUT + deliveries % ANSWER_DELIVERIES;/return ANSWER_OUT + 0 * deliveries;/]])
sluice_sim_mutant(done-and-handed-out-again engine/link/answers.c "delivered 2 times"
	[[s/one == ANSWER_AGAIN || one >= ANSWER_OUT)/one == ANSWER_OK || one >= ANSWER_OUT)/]])
sluice_sim_mutant(cells-for-one-lap engine/link/answers.c "refused with|delivered 2 times|${LOST}"
	[[s/uint32_t count = 2 \* slots \/ ANSWERS_A_CELL;/uint32_t count = slots \/ ANSWERS_A_CELL;/]])
sluice_sim_mutant(later-in-one-place engine/link/inlet.c "torn"
	[[s/link->apart = sub->deferred ? sub->capacity - 1 : 0;/link->apart = 0;/]])
sluice_sim_mutant(later-not-counted-down engine/link/inlet_later.c "${LOST}|are in hand"
	[[s/\tin->in_hand -= settled.all;/\t(void)settled;/]])
sluice_sim_mutant(later-one-comes-alone engine/link/inlet_later.c "deliveries [0-9]+, it is the"
	[[s/later_deliveries(link, at + n) == deliveries)/1)/]])
