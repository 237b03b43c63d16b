# SPDX-License-Identifier: Apache-2.0
# libsluice: one compile, a shared and a static library.

# The include path equals the tree: <sluice/ring/spsc.h> is ring/spsc.h. One link
# in the build directory makes it so before anything is installed.
set(SLUICE_INCLUDE_DIR ${CMAKE_CURRENT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${SLUICE_INCLUDE_DIR})
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${SLUICE_INCLUDE_DIR}/sluice SYMBOLIC)
list(TRANSFORM SLUICE_PUBLIC_HEADERS PREPEND ${SLUICE_INCLUDE_DIR}/sluice/
	OUTPUT_VARIABLE SLUICE_HEADER_FILES)
list(TRANSFORM SLUICE_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/
	OUTPUT_VARIABLE SLUICE_SOURCE_FILES)

# xxhash is a header that needs nothing but C: found where the system has it, and
# linked alone, for a compiler with another C library (musl-gcc) must not see what
# lies beside it.
find_path(SLUICE_XXHASH_DIR xxhash.h REQUIRED)
mark_as_advanced(SLUICE_XXHASH_DIR)
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/xxhash)
file(CREATE_LINK ${SLUICE_XXHASH_DIR}/xxhash.h
	${CMAKE_CURRENT_BINARY_DIR}/xxhash/xxhash.h SYMBOLIC)

add_library(sluice_objects OBJECT ${SLUICE_SOURCE_FILES})
set_target_properties(sluice_objects PROPERTIES
	POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
target_include_directories(sluice_objects PRIVATE
	${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/xxhash)
target_link_libraries(sluice_objects PRIVATE sluice_warnings Threads::Threads)

# A header without a library, of systemtap-sdt-dev; asked of the compiler, for another
# C library may not have it.
if(SLUICE_USDT)
	include(CheckIncludeFile)
	check_include_file(sys/sdt.h SLUICE_HAVE_SDT)
	if(SLUICE_HAVE_SDT)
		target_compile_definitions(sluice_objects PRIVATE SLUICE_USDT)
	else()
		message(STATUS "without probes; install systemtap-sdt-dev")
	endif()
endif()

# ---- the static library exports what the shared one does -------------------
# An archive has no export list: whatever has external linkage in one of its
# members can clash with a name of the program. So its only member is all objects
# in one, linked by the compiler (for it knows the target), in which the names
# that are hidden are made local.
#
# sluice_localized(RESULT TARGET OUTPUT): of the objects of TARGET.
function(sluice_localized result target output)
	if(NOT CMAKE_OBJCOPY)
		message(WARNING "objcopy is not here: ${output} exports private names")
		set(${result} $<TARGET_OBJECTS:${target}> PARENT_SCOPE)
		return()
	endif()
	# Of all flags those that say what the target is.
	separate_arguments(flags UNIX_COMMAND "${CMAKE_C_FLAGS}")
	list(FILTER flags INCLUDE REGEX
		"^(-m|-B|-specs|--?target|--sysroot|--gcc-toolchain|-fuse-ld)")
	if(CMAKE_C_COMPILER_TARGET AND CMAKE_C_COMPILER_ID MATCHES Clang)
		list(APPEND flags --target=${CMAKE_C_COMPILER_TARGET})
	endif()
	if(CMAKE_SYSROOT)
		list(APPEND flags --sysroot=${CMAKE_SYSROOT})
	endif()
	if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
		# Objects for link-time optimisation become code here.
		list(APPEND flags -flinker-output=nolto-rel)
	else()
		target_compile_options(${target} PRIVATE -fno-lto)
	endif()
	set(object ${CMAKE_CURRENT_BINARY_DIR}/${output}.o)
	add_custom_command(OUTPUT ${object}
		COMMAND ${CMAKE_C_COMPILER} ${flags} -nostdlib -no-pie -Wl,-r
			-o ${object} $<TARGET_OBJECTS:${target}>
		COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}
		DEPENDS ${target} $<TARGET_OBJECTS:${target}>
		COMMENT "Linking ${output}.o" VERBATIM COMMAND_EXPAND_LISTS)
	set_source_files_properties(${object} PROPERTIES
		EXTERNAL_OBJECT ON GENERATED ON)
	set(${result} ${object} PARENT_SCOPE)
endfunction()
sluice_localized(SLUICE_STATIC_OBJECTS sluice_objects sluice-static)

function(sluice_library target kind)
	add_library(${target} ${kind} ${ARGN})
	string(TOLOWER ${kind} export_name)
	add_library(sluice::${export_name} ALIAS ${target})
	set_target_properties(${target} PROPERTIES
		OUTPUT_NAME sluice EXPORT_NAME ${export_name}
		VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
		LINKER_LANGUAGE C VERIFY_INTERFACE_HEADER_SETS ON
		SYSTEM ON) # as it is for who finds it installed
	target_sources(${target} PUBLIC FILE_SET HEADERS
		BASE_DIRS ${SLUICE_INCLUDE_DIR} FILES ${SLUICE_HEADER_FILES})
	target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()
sluice_library(sluice_shared SHARED $<TARGET_OBJECTS:sluice_objects>)
sluice_library(sluice_static STATIC ${SLUICE_STATIC_OBJECTS})
target_link_options(sluice_shared PRIVATE
	LINKER:--version-script=${CMAKE_CURRENT_SOURCE_DIR}/sluice.map)
if(NOT SLUICE_SANITIZE)
	target_link_options(sluice_shared PRIVATE LINKER:-z,defs)
endif()
set_target_properties(sluice_shared PROPERTIES
	LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sluice.map)

# For what is measured and tested from within: private names are to be had.
add_library(sluice_private STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:sluice_objects>)
set_target_properties(sluice_private PROPERTIES LINKER_LANGUAGE C)
target_link_libraries(sluice_private PUBLIC Threads::Threads)
target_include_directories(sluice_private SYSTEM INTERFACE ${SLUICE_INCLUDE_DIR})
