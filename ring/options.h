/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file options.h
 * What SLUICE_STAGE() and its like are made of.
 */
#ifndef SLUICE_RING_OPTIONS_H
#define SLUICE_RING_OPTIONS_H

/*
 * Left out is what a field may be: that is what the macro is for. Of C++'s named
 * initialisers -Wextra says that fields are missing, and what a system header
 * defines is not warned of. Only these macros are in this one; what a program
 * writes between their parentheses is warned of as ever.
 */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC system_header
#endif

/*
 * SLUICE_OPTIONS(type, ...): the address of a struct @type of which the fields
 * that are named are set and all others zero. In C it lives as long as the block
 * it is written in; in C++ to the end of the full expression, which is long enough
 * for an argument of a call.
 *
 * C++20 wants the fields in the order of their declaration. C++17 has no such
 * initialisers: GCC and Clang take them as an extension, and others have the
 * functions sluice_..._opts_init(), which work everywhere.
 */
#if defined(__cplusplus)
#define SLUICE_OPTIONS(type, ...)                                              \
	(&static_cast<const struct type &>(                                    \
		type{.size = sizeof(struct type), __VA_ARGS__}))
#else
#define SLUICE_OPTIONS(type, ...)                                              \
	(&(struct type){.size = sizeof(struct type), __VA_ARGS__})
#endif

#endif
