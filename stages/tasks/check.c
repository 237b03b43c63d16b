/* SPDX-License-Identifier: Apache-2.0 */
/* What callers give is refused with the name of the field and its limit. */
#include "stages/tasks/store_priv.h"

#define CHECK_NAME_CHARS                                                       \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static int check_range(const char *field, uint32_t *value, uint32_t low,
		       uint32_t high, uint32_t by_default)
{
	if (*value == 0)
		*value = by_default;
	if (*value >= low && *value <= high)
		return 0;
	return sluice_fail(-EINVAL, "tasks: %s %u is not in [%u, %u]", field,
			   *value, low, high);
}

/* Those of an older program are shorter, those of a newer one longer. */
static int check_opts_copy(struct sluice_tasks_opts *to,
			   const struct sluice_tasks_opts *from)
{
	const unsigned char *bytes = (const unsigned char *)from;
	uint32_t size = from->size;

	if (size < 2 * sizeof(uint32_t))
		return sluice_fail(-EINVAL,
				   "tasks options: size %u is no options "
				   "struct; fill it with SLUICE_TASKS()",
				   size);
	for (uint32_t i = sizeof(*to); i < size; i++)
		if (bytes[i] != 0)
			return sluice_fail(-E2BIG,
					   "tasks options: byte %u is set and "
					   "this library knows only %zu",
					   i, sizeof(*to));
	memcpy(to, from, size < sizeof(*to) ? size : sizeof(*to));
	to->size = sizeof(*to);
	for (uint32_t i = 0; i < 8; i++)
		if (to->resv[i] != 0)
			return sluice_fail(-EINVAL,
					   "tasks options: resv[%u] must be "
					   "zero",
					   i);
	return 0;
}

int check_opts(struct sluice_tasks_opts *to,
	       const struct sluice_tasks_opts *from)
{
	int rc = 0;

	sluice_tasks_opts_init(to);
	if (from != NULL)
		rc = check_opts_copy(to, from);
	if (rc < 0)
		return rc;
	if (to->flags & ~(SLUICE_TASKS_FULL | SLUICE_TASKS_NO_CREATE))
		return sluice_fail(-EINVAL, "tasks: flags %#x are not known",
				   to->flags);
	if (to->mode != SLUICE_TASKS_LEASE && to->mode != SLUICE_TASKS_TX)
		return sluice_fail(-EINVAL,
				   "tasks: mode %d is neither "
				   "SLUICE_TASKS_LEASE nor SLUICE_TASKS_TX",
				   (int)to->mode);
	if (to->effect != NULL && to->effect[0] == 0)
		return sluice_fail(-EINVAL, "tasks: effect is empty");
	rc = check_range("lease_ms", &to->lease_ms, 100, 86400000, 30000);
	if (rc == 0)
		rc = check_range("patience_ms", &to->patience_ms, 1, 86400000,
				 30000);
	if (rc == 0)
		rc = check_range("payload_bytes_max", &to->payload_bytes_max, 1,
				 SLUICE_TASKS_PAYLOAD_BYTES, 1u << 20);
	if (rc == 0)
		rc = check_range("backoff_base_ms", &to->backoff_base_ms, 1,
				 86400000, 1000);
	if (rc == 0)
		rc = check_range("backoff_cap_ms", &to->backoff_cap_ms, 1,
				 UINT32_MAX, 3600000);
	return rc;
}

int check_name(const char *what, const char *name)
{
	size_t length = name != NULL ? strlen(name) : 0;

	if (name == NULL)
		return sluice_fail(-EINVAL, "tasks: %s is missing", what);
	if (length == 0 || length >= SLUICE_TASKS_QUEUE_BYTES ||
	    strspn(name, CHECK_NAME_CHARS) != length)
		return sluice_fail(-EINVAL,
				   "tasks: %s '%.80s': a name is 1 to %d of "
				   "A-Z a-z 0-9 _ . -",
				   what, name, SLUICE_TASKS_QUEUE_BYTES - 1);
	return 0;
}

/* The bytes of the character at @at, which is not the end; 0: it is no UTF-8. */
static uint32_t check_character(const unsigned char *at)
{
	uint32_t more = *at < 0x80                  ? 0
			: *at >= 0xc2 && *at < 0xe0 ? 1
			: *at >= 0xe0 && *at < 0xf0 ? 2
			: *at >= 0xf0 && *at < 0xf5 ? 3
						    : 4;

	if (more == 4 || (*at == 0xe0 && at[1] < 0xa0) ||
	    (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf0 && at[1] < 0x90) ||
	    (*at == 0xf4 && at[1] >= 0x90))
		return 0;
	for (uint32_t i = 1; i <= more; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

/* Both stores would refuse what is none, or cut it, later. */
static bool check_is_text(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t n = 1;

	for (; *at != 0 && n > 0; at += n)
		n = check_character(at);
	return n > 0;
}

size_t check_error(const char *text, char *to)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = 0;

	while (at != NULL && *at != 0) {
		uint32_t n = check_character(at);

		if (length + (n > 0 ? n : 1) >= SLUICE_TASKS_ERROR_BYTES)
			break;
		if (n > 0)
			memcpy(to + length, at, n);
		else
			to[length] = '?';
		length += n > 0 ? n : 1;
		at += n > 0 ? n : 1;
	}
	to[length] = 0;
	return length;
}

/* Sets what is wrong with one, and with which of its fields. */
static int check_one(const struct sluice_tasks *tasks, uint32_t i,
		     const struct sluice_task_new *one, bool load)
{
	const char *kind = one->kind != NULL ? one->kind : "";

	if (one->queue != NULL && check_name("queue", one->queue) < 0)
		return -EINVAL;
	if (strnlen(kind, SLUICE_TASKS_KIND_BYTES) >= SLUICE_TASKS_KIND_BYTES)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: kind has more than %d bytes", i,
				   SLUICE_TASKS_KIND_BYTES - 1);
	if (!check_is_text(kind))
		return sluice_fail(-EINVAL, "tasks[%u]: kind is no UTF-8", i);
	if (one->payload == NULL && one->payload_bytes > 0)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: payload is NULL, but "
				   "payload_bytes is %zu",
				   i, one->payload_bytes);
	if (one->payload_bytes > tasks->opts.payload_bytes_max)
		return sluice_fail(-EMSGSIZE,
				   "tasks[%u]: payload_bytes %zu is more than "
				   "payload_bytes_max %u",
				   i, one->payload_bytes,
				   tasks->opts.payload_bytes_max);
	if (one->unique_key == NULL && one->unique_key_bytes > 0)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: unique_key is NULL, but "
				   "unique_key_bytes is %zu",
				   i, one->unique_key_bytes);
	if (one->unique_key_bytes > SLUICE_TASKS_KEY_BYTES)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: unique_key_bytes %zu is more "
				   "than %d",
				   i, one->unique_key_bytes,
				   SLUICE_TASKS_KEY_BYTES);
	if (load && one->unique_key != NULL)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: unique_key is set, which "
				   "sluice_tasks_load() does not look at",
				   i);
	if (one->run_at_us != 0 && one->delay_us != 0)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: run_at_us and delay_us are both "
				   "set",
				   i);
	/* Both stores have times up to the year 9999, and more. */
	if (one->run_at_us < 0 || one->run_at_us > 253402300799999999 ||
	    one->delay_us < 0 || one->delay_us > 31557600000000000)
		return sluice_fail(
			-EINVAL, "tasks[%u]: %s %lld is not in [0, %lld]", i,
			one->delay_us != 0 ? "delay_us" : "run_at_us",
			(long long)(one->delay_us != 0 ? one->delay_us
						       : one->run_at_us),
			one->delay_us != 0 ? 31557600000000000ll
					   : 253402300799999999ll);
	if (one->priority < INT16_MIN || one->priority > INT16_MAX)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: priority %d is not in [%d, %d]",
				   i, one->priority, INT16_MIN, INT16_MAX);
	if (one->attempts_max > 1000000)
		return sluice_fail(-EINVAL,
				   "tasks[%u]: attempts_max %u is not in "
				   "[1, 1000000]",
				   i, one->attempts_max);
	for (uint32_t r = 0; r < 4; r++)
		if (one->resv[r] != 0)
			return sluice_fail(-EINVAL,
					   "tasks[%u]: resv[%u] must be zero",
					   i, r);
	return 0;
}

int check_new(const struct sluice_tasks *tasks,
	      const struct sluice_task_new *add, uint32_t count, bool load)
{
	if (count > SLUICE_TASKS_BATCH_MAX)
		return sluice_fail(-EINVAL, "tasks: count %u is more than %u",
				   count, SLUICE_TASKS_BATCH_MAX);
	if (add == NULL && count > 0)
		return sluice_fail(-EINVAL,
				   "tasks: count is %u, but there are "
				   "no tasks",
				   count);
	for (uint32_t i = 0; i < count; i++) {
		int rc = check_one(tasks, i, &add[i], load);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int check_results(const struct sluice_task_result *results, uint32_t count)
{
	if (count > SLUICE_TASKS_BATCH_MAX || (results == NULL && count > 0))
		return sluice_fail(-EINVAL,
				   "tasks: count %u of results is not in "
				   "[0, %u], or there are none",
				   count, SLUICE_TASKS_BATCH_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const struct sluice_task_result *one = &results[i];

		if ((unsigned)one->end > SLUICE_TASK_RELEASED)
			return sluice_fail(-EINVAL,
					   "results[%u]: end %d is none", i,
					   (int)one->end);
		if (one->delay_us < 0 || one->delay_us > 31557600000000000)
			return sluice_fail(-EINVAL,
					   "results[%u]: delay_us %lld is not "
					   "in [0, 31557600000000000]",
					   i, (long long)one->delay_us);
		if (one->result == NULL && one->result_bytes > 0)
			return sluice_fail(-EINVAL,
					   "results[%u]: result is NULL, but "
					   "result_bytes is %zu",
					   i, one->result_bytes);
		if (one->result_bytes > SLUICE_TASKS_PAYLOAD_BYTES)
			return sluice_fail(-EMSGSIZE,
					   "results[%u]: result_bytes %zu is "
					   "more than %u",
					   i, one->result_bytes,
					   SLUICE_TASKS_PAYLOAD_BYTES);
	}
	return 0;
}
