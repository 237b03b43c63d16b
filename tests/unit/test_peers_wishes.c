/* SPDX-License-Identifier: Apache-2.0 */
/* Options of an attach that cannot work for a peer with the dispatcher of the stage that it
 * names: each is refused, and the text says which and why. */
#include "visitor.h"

#define CONSUME SLUICE_STAGE_PEERS_CONSUME

static uint64_t whole_key(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t key;

	(void)bytes;
	(void)ctx;
	memcpy(&key, event, sizeof(key));
	return key % 2;
}

static void add_source(const char *name, const char *dispatcher,
		       uint32_t partitions)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = dispatcher,
			      .partitions = partitions,
			      .key_of = partitions != 0 ? whole_key : NULL,
			      .flags = CONSUME, .on_idle = SLUICE_IDLE_STAY,
			      .state = &source));
}

static const struct wish_row {
	struct sluice_attach_opts opts; /* without size and names */
	const char *says;
} rows[] = {
	{{.from = "keyed"}, "partition is missing; the producer has 0 to 1"},
	{{.from = "keyed", .partition = SLUICE_PARTITION(5)},
	 "partition 5 does not exist; the producer has 0 to 1"},
	{{.from = "dealt", .partition = SLUICE_PARTITION(1)},
	 "partition 1 is set, but the producer has no partitions"},
	{{.from = "keyed", .partition = SLUICE_PARTITION(1), .tee = 2},
	 "partition 1 is set, and tee looks on at all events"},
	{{.from = "keyed",
	  .partition = SLUICE_PARTITION(1),
	  .conflate_keys = 2},
	 "partition 1 is set, and conflate_keys looks on at all events"},
	{{.from = "pool", .flags = SLUICE_ATTACH_MANUAL},
	 "manual demand is not for dispatcher 'shared'"},
	{{.from = "dealt", .tee = 2, .conflate_keys = 4},
	 "tee and conflate_keys are both set"},
	{{.from = "dealt", .key_bytes = 8},
	 "a key is set, but conflate_keys, which uses it, is not"},
	{{.from = "dealt", .key_offset = 4},
	 "a key is set, but conflate_keys, which uses it, is not"},
	{{.from = "dealt", .conflate_keys = 4, .key_offset = 4, .key_bytes = 8},
	 "key field at 4 of 8 bytes does not fit"},
	{{.from = "dealt", .flags = SLUICE_ATTACH_MANUAL, .refill_events = 2},
	 "refill_events is for automatic demand"},
	{{.from = "dealt", .flags = SLUICE_ATTACH_MANUAL, .min_demand = 2},
	 "min_demand is for automatic demand"},
	{{.from = "dealt", .max_demand = 4, .min_demand = 4},
	 "min_demand 4 must be below max_demand 4"},
	{{.from = "dealt", .min_demand = 4, .refill_events = 4},
	 "min_demand and refill_events both say"},
	{{.from = "dealt", .weight = 1025},
	 "weight 1025 is over the limit of 1024"},
	{{.from = "dealt", .event_bytes = 4},
	 "from_bytes 4 does not match its out_bytes 8"},
	{{.from = "dealt", .ring_events = 4},
	 "ring_events is set, and role consumer has none"},
	{{.to = "sink", .max_demand = 4},
	 "max_demand is set, and role producer has none"},
	{{.to = "sink", .tee = 4}, "tee is set, and role producer has none"},
	{{.to = "sink", .conflate_keys = 4},
	 "conflate_keys is set, and role producer has none"},
	{{.to = "sink", .flags = SLUICE_ATTACH_MANUAL},
	 "the flag of manual demand"},
};

static void each_is_refused_by_name(void **state)
{
	(void)state;
	source = (struct flow_source){.end = 0};
	pipeline = flow_open_named(1);
	add_source("dealt", NULL, 0);
	add_source("keyed", "partition", 2);
	add_source("pool", "shared", 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	visitor_listen();
	flow_start(pipeline);
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_attach_opts opts = rows[i].opts;
		struct sluice_stage *port;
		int rc;

		opts.size = sizeof(opts);
		rc = visitor_try_attach(&port, &opts);
		assert_int_equal(rc, -EINVAL);
		assert_text_has(sluice_last_error(), rows[i].says);
	}
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_refused_by_name),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("peers_wishes", tests, NULL, NULL);
}
