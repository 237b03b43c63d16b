# libsluice: one compile, a shared and a static library, an installable package.

set(SLUICE_PUBLIC_HEADERS
	sluice.h
	dispatch/atomic.h dispatch/broadcast.h dispatch/conflate.h
	dispatch/demand.h dispatch/dispatch.h dispatch/jbsq.h dispatch/lanes.h
	dispatch/mix.h
	dispatch/ordered.h dispatch/p2c.h dispatch/partition.h dispatch/pkg.h
	dispatch/ranks.h dispatch/rebalance.h dispatch/reorder.h dispatch/rr.h
	dispatch/shared.h dispatch/spill.h dispatch/sticky.h
	dispatch/strategy.h dispatch/tee.h
	ring/atomic.h ring/base.h ring/broadcast.h ring/copy.h ring/counter.h
	ring/credit.h ring/hist.h ring/layout.h ring/mpmc.h ring/region.h
	ring/spsc.h
	ring/wait.h
	engine/control.h engine/pipeline.h engine/port.h engine/stage.h
	engine/subscription.h
	stages/sink.h stages/source.h stages/spawn.h)

set(SLUICE_SOURCES
	ring/base.c ring/counter.c ring/credit.c ring/hist.c ring/inline.c
	ring/mpmc.c
	ring/region.c ring/wait.c
	dispatch/strategy.c
	engine/affinity.c engine/aside.c engine/attend.c engine/check.c engine/control.c engine/dispatch_opts.c
	engine/emit.c engine/fault.c engine/hold.c engine/inlet.c engine/key.c engine/life.c
	engine/mail.c engine/mailbox.c
	engine/order_in.c engine/order_out.c
	engine/outlet.c engine/outlet_member.c engine/outlet_shared.c engine/pipeline.c engine/plan.c engine/plan_join.c
	engine/platform.c engine/port.c engine/restart.c
	engine/run.c engine/spill.c engine/stage.c
	engine/stage_check.c engine/step.c
	engine/subscribe.c engine/subscription.c engine/subscription_check.c engine/timer.c
	engine/supervisor.c engine/worker.c
	stages/sink.c stages/source.c stages/spawn.c stages/spawn_pool.c)

# The include path equals the tree: <sluice/ring/spsc.h> is ring/spsc.h. One link
# in the build directory makes it so before anything is installed.
set(SLUICE_INCLUDE_DIR ${CMAKE_CURRENT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${SLUICE_INCLUDE_DIR})
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${SLUICE_INCLUDE_DIR}/sluice SYMBOLIC)
list(TRANSFORM SLUICE_PUBLIC_HEADERS PREPEND ${SLUICE_INCLUDE_DIR}/sluice/
	OUTPUT_VARIABLE SLUICE_HEADER_FILES)
list(TRANSFORM SLUICE_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/
	OUTPUT_VARIABLE SLUICE_SOURCE_FILES)

add_library(sluice_objects OBJECT ${SLUICE_SOURCE_FILES})
set_target_properties(sluice_objects PROPERTIES
	POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
target_include_directories(sluice_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(sluice_objects PRIVATE sluice_warnings Threads::Threads)

function(sluice_library target kind)
	add_library(${target} ${kind} $<TARGET_OBJECTS:sluice_objects>)
	string(TOLOWER ${kind} export_name)
	add_library(sluice::${export_name} ALIAS ${target})
	set_target_properties(${target} PROPERTIES
		OUTPUT_NAME sluice EXPORT_NAME ${export_name}
		VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
		LINKER_LANGUAGE C VERIFY_INTERFACE_HEADER_SETS ON)
	target_sources(${target} PUBLIC FILE_SET HEADERS
		BASE_DIRS ${SLUICE_INCLUDE_DIR} FILES ${SLUICE_HEADER_FILES})
	target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()
sluice_library(sluice_shared SHARED)
sluice_library(sluice_static STATIC)
target_link_options(sluice_shared PRIVATE
	-Wl,-z,defs -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/sluice.map)
set_target_properties(sluice_shared PROPERTIES
	LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sluice.map)

# ---- install: find_package(sluice) and pkg-config sluice -------------------
include(CMakePackageConfigHelpers)
install(TARGETS sluice_shared sluice_static EXPORT sluice-targets
	FILE_SET HEADERS)
install(EXPORT sluice-targets NAMESPACE sluice::
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
configure_package_config_file(cmake/sluice-config.cmake.in sluice-config.cmake
	INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
write_basic_package_version_file(sluice-config-version.cmake
	COMPATIBILITY SameMinorVersion)
configure_file(cmake/sluice.pc.in sluice.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice-config.cmake
	${CMAKE_CURRENT_BINARY_DIR}/sluice-config-version.cmake
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- man pages, where scdoc is there to make them --------------------------
find_program(SCDOC scdoc)
mark_as_advanced(SCDOC)
if(SCDOC)
	foreach(page sluice-bench.1 sluice.7 sluice_control.3 sluice_pipeline.3 sluice_port.3
			sluice_stage.3 sluice_strategy.3 sluice_subscription.3)
		string(REGEX REPLACE ".*\\." "" section ${page})
		set(source ${CMAKE_CURRENT_SOURCE_DIR}/docs/man/${page}.scd)
		set(made ${CMAKE_CURRENT_BINARY_DIR}/man/${page})
		add_custom_command(OUTPUT ${made}
			COMMAND ${CMAKE_COMMAND} -E make_directory
				${CMAKE_CURRENT_BINARY_DIR}/man
			COMMAND sh -c "${SCDOC} <${source} >${made}"
			DEPENDS ${source} VERBATIM)
		list(APPEND SLUICE_MAN_PAGES ${made})
		install(FILES ${made} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
	endforeach()
	add_custom_target(man ALL DEPENDS ${SLUICE_MAN_PAGES})
else()
	message(STATUS "scdoc is not here: no man pages")
endif()
