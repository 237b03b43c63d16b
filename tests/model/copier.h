/* SPDX-License-Identifier: Apache-2.0 */
/* What ring/copier.c has, for models: a method that is fixed, and no clock. */
#ifndef SLUICE_MODEL_COPIER_H
#define SLUICE_MODEL_COPIER_H

#include "ring/copier.h"

void sluice_copier_turn(struct sluice_copier *copier)
{
	(void)copier;
	RL_ASSERT(false);
}

void sluice_copier_large(struct sluice_copier *copier, sluice_slot *to,
			 const sluice_private *from, uint64_t units)
{
	sluice_copier_by(copier, to, from, units);
}

#endif
