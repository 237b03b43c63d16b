/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, as callbacks ask for them. */
#include "engine/control.h"
#include "engine/control/door_priv.h"
#include "engine/stage/stage_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

int sluice_stage_watch(struct sluice_stage *self, int fd, uint32_t events)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_stage(self, __func__);

	if (rc < 0)
		return rc;
	if (self->opts.handle_io == NULL)
		return sluice_fail(-ENOTSUP, "stage '%s' has no handle_io",
				   self->name);
	if (events == 0 || (events & ~(SLUICE_IO_READ | SLUICE_IO_WRITE)) != 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': events %#x: SLUICE_IO_READ, "
				   "SLUICE_IO_WRITE or both",
				   self->name, events);
	if (fd < 0)
		return sluice_fail(-EBADF, "stage '%s': descriptor %d is none",
				   self->name, fd);
	return self->host->ops->watch(self, fd, events);
}

int sluice_stage_unwatch(struct sluice_stage *self, int fd)
{
	SLUICE_KEEP_ERRNO;
	int rc = door_stage(self, __func__);

	return rc < 0 ? rc : self->host->ops->unwatch(self, fd);
}
