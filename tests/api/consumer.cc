// SPDX-License-Identifier: Apache-2.0
// The public headers are C++17, and the rings work from it.
#include <sluice/ring/broadcast.h>
#include <sluice/ring/counter.h>
#include <sluice/ring/region.h>
#include <sluice/ring/wait.h>
#include <sluice/sluice.h>

#include <cstdio>
#include <cstring>

static int count(sluice_stage *self, uint32_t demand)
{
	auto *next = static_cast<uint64_t *>(sluice_stage_state(self));
	auto *out = static_cast<uint64_t *>(sluice_emit(self, demand));

	for (uint32_t i = 0; i < demand; i++)
		out[i] = (*next)++;
	return *next < 10000 ? SLUICE_OK : SLUICE_END;
}

static int add(sluice_stage *self, const sluice_batch *batch)
{
	auto *sum = static_cast<uint64_t *>(sluice_stage_state(self));

	for (uint32_t i = 0; i < batch->count; i++)
		*sum += SLUICE_EVENTS(batch, uint64_t)[i];
	return SLUICE_OK;
}

int main()
{
	sluice_pipeline *p = nullptr;
	sluice_stage_opts producer;
	sluice_stage_opts consumer;
	uint64_t next = 0;
	uint64_t sum = 0;
	bool ok;

	sluice_stage_opts_init(&producer);
	producer.name = "counter";
	producer.kind = SLUICE_PRODUCER;
	producer.out_bytes = sizeof(uint64_t);
	producer.handle_demand = count;
	producer.state = &next;
	sluice_stage_opts_init(&consumer);
	consumer.name = "adder";
	consumer.kind = SLUICE_CONSUMER;
	consumer.in_bytes = sizeof(uint64_t);
	consumer.handle_events = add;
	consumer.state = &sum;
	ok = sluice_pipeline_open(&p, nullptr) == 0 &&
	     sluice_stage_add(p, &producer) == 0 &&
	     sluice_stage_add(p, &consumer) == 0 &&
	     sluice_subscribe(p, "adder", "counter", nullptr) == 0 &&
	     sluice_pipeline_run(p) == 0;
	if (!ok)
		std::fprintf(stderr, "%s\n", sluice_last_error());
	sluice_pipeline_close(p);
	return ok && next >= 10000 && sum == next * (next - 1) / 2 &&
			       std::strcmp(sluice_version(),
					   SLUICE_VERSION_STRING) == 0
		       ? 0
		       : 1;
}
