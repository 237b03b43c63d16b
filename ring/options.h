/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file options.h
 * SLUICE_OPTIONS(), of which SLUICE_STAGE() and the other macros for options
 * are made.
 */
#ifndef SLUICE_RING_OPTIONS_H
#define SLUICE_RING_OPTIONS_H

/*
 * The macro is there so that fields can be left out. In C++ -Wextra warns of
 * each field that a named initialiser leaves out; but not where a macro of a
 * system header does so. This header has these macros only, and counts as a
 * system header. What a program writes between their parentheses is checked as
 * always.
 */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC system_header
#endif

/*
 * SLUICE_OPTIONS(type, ...): the address of a struct @type in which the named
 * fields are set and all others are zero. In C the struct lives as long as the
 * block it is written in; in C++ to the end of the full expression, which is
 * long enough for an argument of a call.
 *
 * C++20 requires the fields in the order of their declaration. C++17 has no
 * named initialisers: GCC and Clang accept them as an extension; with other
 * compilers use the functions sluice_..._opts_init(), which work everywhere.
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
