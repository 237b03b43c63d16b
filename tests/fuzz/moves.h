/* SPDX-License-Identifier: Apache-2.0 */
/* An input that is read as moves: bytes, and words that lie close to where the
 * arithmetic has its edges, or anywhere. */
#ifndef SLUICE_TESTS_FUZZ_MOVES_H
#define SLUICE_TESTS_FUZZ_MOVES_H

#include "tests/fuzz/fuzz.h"

#include <string.h>

#define WINDOW     8u
#define SLOT_BYTES 16u

struct moves {
	const uint8_t *next;
	size_t left;
};

/* 0 when there is none. */
static inline uint8_t moves_byte(struct moves *m)
{
	if (m->left == 0)
		return 0;
	m->left--;
	return *m->next++;
}

static inline uint64_t moves_word(struct moves *m)
{
	uint64_t word = 0;
	size_t n = m->left < sizeof(word) ? m->left : sizeof(word);

	if (n > 0)
		memcpy(&word, m->next, n);
	m->next += n;
	m->left -= n;
	return word;
}

static inline uint64_t moves_near(struct moves *m, uint64_t near)
{
	uint8_t how = moves_byte(m);

	return how < 240 ? near + how % (2 * WINDOW + 3) - 1 : moves_word(m);
}

#endif
