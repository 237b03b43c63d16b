# SPDX-License-Identifier: Apache-2.0
# Man pages, where scdoc is there to make them.
find_program(SCDOC scdoc)
mark_as_advanced(SCDOC)
if(NOT SCDOC)
	message(STATUS "scdoc is not here: no man pages")
	return()
endif()

set(SLUICE_MAN_PAGES
	sluice.1
	sluice-bench.1
	sluice-tasks.1
	sluice.7
	sluice_attach.3
	sluice_control.3
	sluice_pipeline.3
	sluice_port.3
	sluice_process.3
	sluice_snapshot.3
	sluice_stage.3
	sluice_strategy.3
	sluice_subscription.3
	sluice_tasks.3
	sluice_watch.3)
foreach(page IN LISTS SLUICE_MAN_PAGES)
	string(REGEX REPLACE ".*\\." "" section ${page})
	set(source ${CMAKE_CURRENT_SOURCE_DIR}/docs/man/${page}.scd)
	set(made ${CMAKE_CURRENT_BINARY_DIR}/man/${page})
	add_custom_command(OUTPUT ${made}
		COMMAND ${CMAKE_COMMAND} -E make_directory
			${CMAKE_CURRENT_BINARY_DIR}/man
		COMMAND sh -c "\"$0\" <\"$1\" >\"$2\"" ${SCDOC} ${source} ${made}
		DEPENDS ${source} VERBATIM)
	list(APPEND SLUICE_MAN_FILES ${made})
	# The page of a program is installed with it, by its own CMakeLists.txt.
	if(SLUICE_INSTALL AND NOT section EQUAL 1)
		install(FILES ${made} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
	endif()
endforeach()
add_custom_target(sluice_man ALL DEPENDS ${SLUICE_MAN_FILES})
