# SPDX-License-Identifier: Apache-2.0
# libsluice-tasks: a library of its own, so that who uses libsluice links neither
# libsqlite3 nor libpq. Each store is built where its library is found: AUTO; ON
# insists on it.
include(CheckSymbolExists)
set(SLUICE_SQLITE AUTO CACHE STRING "Store tasks in SQLite: AUTO, ON, OFF")
set(SLUICE_POSTGRES AUTO CACHE STRING "Store tasks in PostgreSQL: AUTO, ON, OFF")
set_property(CACHE SLUICE_SQLITE SLUICE_POSTGRES PROPERTY STRINGS AUTO ON OFF)
find_package(PkgConfig QUIET)

# Is it there, for this compiler? What pkg-config finds may be another machine's.
function(sluice_store option module header symbol package)
	set(SLUICE_HAVE_${option} OFF PARENT_SCOPE)
	if(NOT SLUICE_${option})
		if(NOT SLUICE_${option} STREQUAL "AUTO")
			return()
		endif()
	endif()
	if(PkgConfig_FOUND)
		pkg_check_modules(SLUICE_${option}_PC QUIET ${module})
	endif()
	set(CMAKE_REQUIRED_INCLUDES ${SLUICE_${option}_PC_INCLUDE_DIRS})
	set(CMAKE_REQUIRED_LIBRARIES ${SLUICE_${option}_PC_LINK_LIBRARIES})
	check_symbol_exists(${symbol} ${header} SLUICE_HAVE_${symbol})
	if(SLUICE_${option}_PC_FOUND AND SLUICE_HAVE_${symbol})
		set(SLUICE_HAVE_${option} ON PARENT_SCOPE)
	elseif(SLUICE_${option} STREQUAL "AUTO")
		message(STATUS "tasks: without ${module}; install ${package}")
	else()
		message(FATAL_ERROR "SLUICE_${option}: no ${module}; install ${package}")
	endif()
endfunction()
sluice_store(SQLITE sqlite3 sqlite3.h sqlite3_prepare_v3 libsqlite3-dev)
sluice_store(POSTGRES libpq libpq-fe.h PQenterPipelineMode libpq-dev)
if(NOT SLUICE_HAVE_SQLITE AND NOT SLUICE_HAVE_POSTGRES)
	message(STATUS "without libsluice-tasks")
	return()
endif()

set(SLUICE_TASKS_SOURCES check clock cron cron_fire exchange flow flow_stage flow_thread held
	lease manage
	statements tasks tend)
set(SLUICE_TASKS_LIBRARIES)
set(SLUICE_TASKS_REQUIRES sluice)
if(SLUICE_HAVE_SQLITE)
	list(APPEND SLUICE_TASKS_SOURCES sqlite sqlite_batch)
	list(APPEND SLUICE_TASKS_LIBRARIES sqlite3)
endif()
if(SLUICE_HAVE_POSTGRES)
	list(APPEND SLUICE_TASKS_SOURCES postgres postgres_batch postgres_connect
		postgres_exchange postgres_pipe)
	list(APPEND SLUICE_TASKS_LIBRARIES pq)
endif()
list(APPEND SLUICE_TASKS_SOURCES migrations)
list(TRANSFORM SLUICE_TASKS_SOURCES
	REPLACE "(.+)" "${CMAKE_CURRENT_SOURCE_DIR}/stages/tasks/\\1.c")

add_library(sluice_tasks_objects OBJECT ${SLUICE_TASKS_SOURCES})
set_target_properties(sluice_tasks_objects PROPERTIES
	POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
target_include_directories(sluice_tasks_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_include_directories(sluice_tasks_objects SYSTEM PRIVATE
	${SLUICE_SQLITE_PC_INCLUDE_DIRS} ${SLUICE_POSTGRES_PC_INCLUDE_DIRS})
foreach(store SQLITE POSTGRES)
	if(SLUICE_HAVE_${store})
		target_compile_definitions(sluice_tasks_objects PRIVATE SLUICE_${store})
	endif()
endforeach()
target_link_libraries(sluice_tasks_objects PRIVATE sluice_warnings Threads::Threads)

sluice_localized(SLUICE_TASKS_STATIC_OBJECTS sluice_tasks_objects sluice-tasks-static)

function(sluice_tasks_library kind)
	string(TOLOWER ${kind} name)
	set(target sluice_tasks_${name})
	add_library(${target} ${kind} ${ARGN})
	add_library(sluice::tasks_${name} ALIAS ${target})
	set_target_properties(${target} PROPERTIES
		OUTPUT_NAME sluice-tasks EXPORT_NAME tasks_${name}
		VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
		LINKER_LANGUAGE C VERIFY_INTERFACE_HEADER_SETS ON SYSTEM ON)
	target_sources(${target} PUBLIC FILE_SET HEADERS
		BASE_DIRS ${SLUICE_INCLUDE_DIR}
		FILES ${SLUICE_INCLUDE_DIR}/sluice/stages/tasks.h
			${SLUICE_INCLUDE_DIR}/sluice/stages/tasks_flow.h)
	target_link_libraries(${target} PUBLIC sluice_${name}
		PRIVATE ${SLUICE_TASKS_LIBRARIES} Threads::Threads)
endfunction()
sluice_tasks_library(SHARED $<TARGET_OBJECTS:sluice_tasks_objects>)
sluice_tasks_library(STATIC ${SLUICE_TASKS_STATIC_OBJECTS})
target_link_options(sluice_tasks_shared PRIVATE
	LINKER:--version-script=${CMAKE_CURRENT_SOURCE_DIR}/sluice.map)
if(NOT SLUICE_SANITIZE)
	target_link_options(sluice_tasks_shared PRIVATE LINKER:-z,defs)
endif()
set_target_properties(sluice_tasks_shared PROPERTIES
	LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sluice.map
	INSTALL_RPATH "$ORIGIN")

# As sluice_private.
add_library(sluice_tasks_private STATIC EXCLUDE_FROM_ALL
	$<TARGET_OBJECTS:sluice_tasks_objects>)
set_target_properties(sluice_tasks_private PROPERTIES LINKER_LANGUAGE C)
target_link_libraries(sluice_tasks_private PUBLIC sluice_private ${SLUICE_TASKS_LIBRARIES})
target_include_directories(sluice_tasks_private SYSTEM INTERFACE ${SLUICE_INCLUDE_DIR})
