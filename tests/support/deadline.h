/* SPDX-License-Identifier: Apache-2.0 */
/* How long a test waits before it says that something hangs. Nothing that works
 * takes so long, on a machine however busy; a test that passes never waits for it.
 * CTest's own limit (SLUICE_TEST_TIMEOUT) lies far above, so that the test speaks
 * first. */
#ifndef SLUICE_TESTS_SUPPORT_DEADLINE_H
#define SLUICE_TESTS_SUPPORT_DEADLINE_H

#define TEST_DEADLINE_S  180u
#define TEST_DEADLINE_MS (1000u * TEST_DEADLINE_S)

#endif
