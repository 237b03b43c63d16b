# SPDX-License-Identifier: Apache-2.0
# Warnings, sanitizers and coverage, for our own targets only: sluice_warnings is linked
# privately and never exported.
add_library(sluice_warnings INTERFACE)
target_compile_options(sluice_warnings INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wformat=2
	$<$<COMPILE_LANGUAGE:C>:-Wconversion -Wsign-conversion -Wcast-qual
	-Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum
	-Wnull-dereference>
	$<$<BOOL:${SLUICE_WERROR}>:-Werror>)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(sluice_warnings INTERFACE
		$<$<COMPILE_LANGUAGE:C>:-Wcast-align=strict>)
else()
	# As GCC has it: fields that a row of a table leaves out are zero, and a
	# macro may be given nothing for its dots.
	target_compile_options(sluice_warnings INTERFACE
		-Wno-missing-field-initializers
		-Wno-gnu-zero-variadic-macro-arguments)
endif()

if(SLUICE_SANITIZE)
	add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer
		-fno-sanitize-recover=all)
	add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

# Threads count the same branches; headers are known by their path in the tree.
if(SLUICE_COVERAGE)
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
		message(FATAL_ERROR "SLUICE_COVERAGE: only GCC counts as gcovr reads it")
	endif()
	add_compile_options(--coverage -fprofile-update=atomic -fprofile-abs-path)
	add_link_options(--coverage)
endif()
