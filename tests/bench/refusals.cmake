# SPDX-License-Identifier: Apache-2.0
# Tests of what `sluice-bench` refuses: each plants one mistake where a refusal is
# decided, and the part of tests/cli/bench.sh or bench_told.sh that is named must fail,
# in a sentence that has the option. One file, one line, by a sed expression, as in
# mutants.cmake.
#
# sluice_refusal_mutant(NAME FILE SCRIPT/PART OPTION EXPRESSION [QUICK])
#
# That each still changes one line is looked at in every run; QUICK ones are built and
# run too, the others with SLUICE_LONG_TESTS.
set(REFUSAL_TABLE ${CMAKE_CURRENT_BINARY_DIR}/refusals.txt)
set(REFUSALS "")

function(sluice_refusal_mutant name file net option expression)
	get_filename_component(script ${net} DIRECTORY)
	get_filename_component(part ${net} NAME)
	string(APPEND REFUSALS "${name}\t${file}\ttests/cli/${script}.sh"
		"\tcheck_${part}\t${expression}\n")
	set(REFUSALS "${REFUSALS}" PARENT_SCOPE)
	if(SLUICE_SANITIZE OR NOT TARGET sluice-bench OR
	   NOT (SLUICE_LONG_TESTS OR "QUICK" IN_LIST ARGN))
		return()
	endif()
	set(dir ${CMAKE_CURRENT_BINARY_DIR}/refusals/${name})
	add_custom_command(OUTPUT ${dir}/${file}
		COMMAND sh ${VERIFY_MUTANT_SH} plant ${PROJECT_SOURCE_DIR}
			${dir} ${file} "${expression}" ${file}
		DEPENDS ${VERIFY_MUTANT_SH} ${PROJECT_SOURCE_DIR}/${file}
		COMMENT "Planting refusal mutant ${name}" VERBATIM)
	# What is planted takes the place of the tool's own object, or of an archive's.
	get_filename_component(object ${file} NAME)
	string(REPLACE "." "[.]" object "/${object}.o")
	add_executable(refusal_mutant_${name} ${dir}/${file}
		$<FILTER:$<TARGET_OBJECTS:sluice-bench>,EXCLUDE,${object}>)
	target_include_directories(refusal_mutant_${name} PRIVATE
		$<TARGET_PROPERTY:sluice_objects,INCLUDE_DIRECTORIES>)
	target_compile_options(refusal_mutant_${name} PRIVATE -O1 -w)
	target_link_libraries(refusal_mutant_${name} PRIVATE bench_verify
		bench_report bench_run bench_common bench_rivals)
	add_test(NAME bench/refusal-${name} COMMAND sh ${VERIFY_MUTANT_SH}
		expect 1 ${option} sh
		${PROJECT_SOURCE_DIR}/tests/cli/${script}.sh ${part}
		$<TARGET_FILE:refusal_mutant_${name}>
		$<TARGET_FILE:schema_check> ${PROJECT_SOURCE_DIR})
	set_tests_properties(bench/refusal-${name} PROPERTIES LABELS bench
		TIMEOUT ${SLUICE_TEST_TIMEOUT})
endfunction()

# ---- an option without effect ------------------------------------------------
# A row of the table: the option, and the condition under which it is idle.
function(sluice_idle_mutant name net option row condition)
	sluice_refusal_mutant(${name} bench/options_finish.c ${net} "${option}"
		"s/{\"${row}\", ${condition},/{\"${row}\", 0,/" ${ARGN})
	set(REFUSALS "${REFUSALS}" PARENT_SCOPE)
endfunction()

sluice_idle_mutant(repeats-of-what-is-the-same bench/idle repeats=3
	repeats [[sim \&\& !plan_draws(plan)]] QUICK)
sluice_idle_mutant(rate-beside-a-trace bench/size rate=5 rate [[file]])
sluice_idle_mutant(load-of-closed-arrivals bench/bad load=0.1 load [[closed]])
sluice_idle_mutant(load-beside-speed bench/idle load=1
	load [[option_given(&options->line, "speed") != NULL]])
sluice_idle_mutant(speed-beside-a-rate bench/idle "rate sets that"
	speed [[!file \&\& size]])
sluice_idle_mutant(speed-without-a-trace bench/idle speed=2 speed [[!file]])
sluice_idle_mutant(service-beside-the-trace-s bench/idle service=exp
	service [[(int)facts->has_service]])
sluice_idle_mutant(mean-beside-the-trace-s bench/idle service-mean=5us
	service-mean [[(int)facts->has_service]])
sluice_idle_mutant(keys-beside-the-trace-s bench/idle keys=uniform:9
	keys [[(int)facts->has_keys]])
sluice_idle_mutant(keys-that-nobody-reads bench/idle keys=uniform:9
	keys [[throughput \&\& !(needs & SLUICE_NEEDS_KEYS)]])
sluice_idle_mutant(events-beside-the-trace-s bench/idle events=9
	events [[file]])
sluice_idle_mutant(seed-of-nothing bench/idle seed=9 seed [[!plan_draws(plan)]])
sluice_idle_mutant(trace-of-closed-arrivals bench/idle save-trace
	save-trace [[closed]])
sluice_idle_mutant(trace-of-several-loads bench/idle save-trace
	save-trace [[plan->loads > 1]])
sluice_idle_mutant(window-of-nobody bench/idle window=5 window [[!windows]])
sluice_idle_mutant(refill-of-nobody bench/idle refill=5 refill [[!refills]])
sluice_idle_mutant(capacity-of-nothing bench/idle capacity=64
	capacity [[!pool \&\& !(needs & SLUICE_NEEDS_SPILL)]])
sluice_idle_mutant(bytes-in-sim bench/idle event-bytes event-bytes [[sim]])
sluice_idle_mutant(hop-out-of-sim bench/idle hop=1 hop [[!sim]])
sluice_idle_mutant(claim-in-threads bench/idle claim=1
	claim [[plan->mode == PLAN_THREADS]])
sluice_idle_mutant(claim-of-nobody bench/size claim=0.2 claim [[!pool]])
sluice_idle_mutant(slow-without-services bench/idle slow=0 slow [[throughput]])
sluice_idle_mutant(stall-without-services bench/idle stall=0
	stall [[throughput]])
sluice_idle_mutant(slo-of-closed-arrivals bench/idle slo=5 slo [[closed]])
sluice_idle_mutant(slo-without-services bench/idle slo=5 slo [[throughput]])
sluice_idle_mutant(hgrm-without-services bench/idle hgrm= hgrm [[throughput]])
sluice_idle_mutant(color-of-no-table bench/idle color=always
	color [[(int)options->line.to_stdout]])
# Whether a strategy has any use for it.
sluice_refusal_mutant(window-of-the-strategies-own bench/options_finish.c
	bench/idle window=5 [[s/windows |= one->window == 0;/windows |= 1;/]])
sluice_refusal_mutant(refill-of-the-strategies-own bench/options_finish.c
	bench/idle refill=5
	[[s/refills |= !pooled \&\& one->refill == 0 \&\& one->min == 0;/refills |= !pooled;/]])
sluice_refusal_mutant(refill-of-a-pool bench/options_finish.c bench/idle refill=5
	[[s/refills |= !pooled \&\& /refills |= /]])

# ---- faults ------------------------------------------------------------------
sluice_refusal_mutant(slow-by-nothing bench/options.c bench/idle slow=1:1
	[[s/if (i == plan->faults \&\& fault.factor == 1 .*/if (0)/]] QUICK)
sluice_refusal_mutant(stall-of-no-time bench/options.c bench/idle stall=1:5us
	[[s/if (fault.kind == PLAN_STALL \&\& fault.for_ns == 0)/if (0)/]])
sluice_refusal_mutant(join-from-the-start bench/options.c bench/idle join=1:0s
	[[s/if (fault.kind == PLAN_JOIN \&\& fault.at_ns == 0)/if (0)/]])
sluice_refusal_mutant(stall-a-second-time bench/options.c bench/idle stall=1:9us
	[[s/if (i < plan->faults \&\& fault.kind == PLAN_STALL)/if (0)/]])
sluice_refusal_mutant(one-fault-more bench/options.c bench/idle 16
	[[s/if (i == PLAN_FAULTS_MAX)/if (i > PLAN_FAULTS_MAX)/]])
sluice_refusal_mutant(fault-of-nobody bench/plan.c bench/bad kill=9
	[[s/if (fault->consumer >= plan->consumers)/if (0)/]])
sluice_refusal_mutant(kill-of-who-is-gone bench/plan.c bench/idle kill=1
	[[s/plan_there(plan, i) == (fault->kind == PLAN_JOIN))/plan_there(plan, i) \&\& fault->kind == PLAN_JOIN)/]] QUICK)
sluice_refusal_mutant(join-of-who-is-there bench/plan.c bench/idle join=1
	[[s/plan_there(plan, i) == (fault->kind == PLAN_JOIN))/!plan_there(plan, i) \&\& fault->kind == PLAN_KILL)/]] QUICK)
sluice_refusal_mutant(joiners-are-there-before bench/plan.c bench/idle join=1
	[[s/there &= one->kind != PLAN_JOIN;/(void)0;/]])
sluice_refusal_mutant(faults-as-they-are-given bench/plan.c bench/idle join=1:3ms
	[[s/(last == NULL || one->at_ns >= last->at_ns))/one->at_ns)/]])
sluice_refusal_mutant(of-one-instant-the-first-too bench/plan.c bench/idle kill=2
	[[s/uint64_t until_ns = plan->fault\[at\].at_ns + (i < at);/uint64_t until_ns = plan->fault[at].at_ns;/]])
sluice_refusal_mutant(faults-of-others-count bench/plan.c bench/idle kill=2
	[[s/one->consumer != plan->fault\[at\].consumer)/0)/]])

# ---- strategies --------------------------------------------------------------
sluice_refusal_mutant(partitions-without-a-consumer bench/plan.c bench/bad hash:99
	[[s/if (o->partitions > plan->consumers)/if (0)/]])
sluice_refusal_mutant(refill-of-those-who-take bench/plan.c bench/idle
	shared@refill=5 [[s/if (strategy->refill > 0 \&\&/if (0 \&\&/]])
sluice_refusal_mutant(rebalance-of-what-stays bench/plan.c bench/bad
	jbsq@rebalance=5
	[[s/strcmp(strategy->strategy->name, "partition") != 0)/0)/]])
sluice_refusal_mutant(setting-a-second-time bench/plan.c bench/bad window=3
	[[s/if (\*seen & 1u << form)/if (0)/]])
sluice_refusal_mutant(strategy-a-second-time bench/plan.c bench/bad rr,rr
	[[s/if (strcmp(plan->strategy\[i\].name, one->name) == 0)/if (0)/]])
sluice_refusal_mutant(several-of-run bench/options_finish.c bench/bad rr,jbsq
	[[s/if (rc == 0 \&\& plan->strategies > command->most)/if (0)/]])

# ---- what is read, and what is written ---------------------------------------
sluice_refusal_mutant(writes-over-what-it-reads bench/options_finish.c bench/trace
	saved [[s/if (read == NULL || file == NULL || !output_spoils(file, read))/if (1)/]] QUICK)
sluice_refusal_mutant(plots-over-what-it-reads bench/options_finish.c
	bench_told/plot report
	[[s/if (read == NULL || file == NULL || !output_spoils(file, read))/if (1)/]])
sluice_refusal_mutant(writes-over-it-by-a-prefix bench/command.c bench/trace
	saved [[s/rc = options_spare(options, plots ? "svg" : "hgrm", file);/rc = 0;/]])
sluice_refusal_mutant(two-documents-in-one tools/cli/option.c bench/bad
	html=- [[s/if (other != NULL \&\& strcmp(other, text) == 0)/if (0)/]])
sluice_refusal_mutant(an-option-a-second-time tools/cli/option.c bench/bad
	seed=2 [[s/if (line->given\[place\] != NULL \&\& !row->adds_up)/if (0)/]])
sluice_refusal_mutant(trace-without-services bench/options_finish.c bench/idle bare
	[[s/if (!options->own.facts.has_service \&\&/if (0 \&\&/]])
sluice_refusal_mutant(trace-without-keys bench/options_finish.c bench/idle bare
	[[s/if (n < plan->strategies \&\&/if (0 \&\&/]])
sluice_refusal_mutant(keys-missed-by-name bench/options_finish.c bench/size nokeys
	[[s/option_given(&options->line, "strategies")))/0))/]])

# ---- what cannot be ----------------------------------------------------------
sluice_refusal_mutant(size-without-a-rate bench/options_finish.c bench/size size
	[[s/if (arrival->kind != ARRIVAL_TRACE \&\& !(options->rate > 0))/if (0)/]])
sluice_refusal_mutant(size-of-closed-arrivals bench/options_finish.c bench/size
	closed:4 [[s/if (arrival->kind == ARRIVAL_CLOSED)/if (0)/]])
sluice_refusal_mutant(size-at-several-speeds bench/options_finish.c bench/size
	speed=1 [[s/if (options->plan.loads > 1)/if (0)/]])
sluice_refusal_mutant(threads-without-cpus bench/run/run.c bench_told/json
	consumers=64 [[s/if (plan->mode == PLAN_SIM || busy <= cpus.count ||/if (1 ||/]])

file(WRITE ${REFUSAL_TABLE} "${REFUSALS}")
add_test(NAME bench/refusals-apply COMMAND sh ${VERIFY_MUTANT_SH} applies
	${PROJECT_SOURCE_DIR} ${REFUSAL_TABLE})
set_tests_properties(bench/refusals-apply PROPERTIES LABELS bench)
