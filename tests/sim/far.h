/* SPDX-License-Identifier: Apache-2.0 */
/* Words that two processes of the simulated machine share lie at two addresses, one for
 * each; who sleeps on one is woken by the other. */
#ifndef SLUICE_TESTS_SIM_FAR_H
#define SLUICE_TESTS_SIM_FAR_H

/* @same: the engine's address of a word that the calling process has mapped. */
void far_words_are(const void *(*same)(const void *word));

#endif
