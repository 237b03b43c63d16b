/* SPDX-License-Identifier: Apache-2.0 */
/* What workers are refused: options, when they attach; and numbers of `ordered` that
 * they were not given. */
#include "peer_worker.h"

/* ---- options ------------------------------------------------------------------- */

static const struct visitor_refusal refusals[] = {
	{{.to = "sink", .to_bytes = 16},
	 -EINVAL,
	 "to_bytes 16 is set, and from and to are not both"},
	{{.from = "source", .to = "sink", .resv32 = 1}, -EINVAL, "resv32"},
	{{.from = "source", .to = "sink", .event_bytes = 8},
	 -EINVAL,
	 "from_bytes 8 does not match its out_bytes 16"},
	{{.from = "source", .to = "sink", .to_bytes = 8},
	 -EINVAL,
	 "to_bytes 8 does not match its in_bytes 16"},
	{{.from = "source", .to = "nobody"}, -ENOENT, "'nobody'"},
	{{.from = "both", .to = "both"}, -EINVAL, "is a cycle"},
	{{.from = "numbered", .to = "sink"}, -EINVAL, "restores the order"},
	{{.from = "source", .to = "join"},
	 -EINVAL,
	 "to restore the order of 'numbered'"},
	{{.from = "source", .to = "sink", .min_demand = 9, .max_demand = 4},
	 -EINVAL,
	 "min_demand"},
	{{.from = "source", .to = "sink", .name = "join"}, -EEXIST, "'join'"},
};

static void is_refused(void)
{
	visitor_is_refused(refusals, UNIT_COUNT(refusals), "test");
	VISITOR_MUST(sluice_port_sender(NULL) == NULL);
}

static int pass_items(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	void *events = sluice_emit(self, batch->count);

	if (events == NULL)
		return -ENOBUFS;
	memcpy(events, batch->events, batch->count * sizeof(struct item));
	return SLUICE_OK;
}

static int emit_none(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* A producer of its own kind, that peers may read. */
static void add_producer(const char *name, const char *dispatcher,
			 uint32_t order_offset)
{
	flow_add(pipeline, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
					.out_bytes = sizeof(struct item),
					.handle_demand = emit_none,
					.dispatcher = dispatcher,
					.order_offset = order_offset,
					.flags = SLUICE_STAGE_PEERS_CONSUME,
					.on_idle = SLUICE_IDLE_STAY));
}

static void declare_refused(void)
{
	pipeline = flow_open_named(1);
	add_producer("source", "demand", 0);
	add_producer("numbered", "ordered", SLUICE_ORDER_OFFSET(8));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "both", .kind = SLUICE_PRODUCER_CONSUMER,
			      .in_bytes = sizeof(struct item),
			      .out_bytes = sizeof(struct item),
			      .handle_events = pass_items,
			      .flags = SLUICE_STAGE_PEERS_CONSUME |
				       SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = i ? "join" : "sink",
				      .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .handle_events = book_items,
				      .order_of = i ? "numbered" : NULL,
				      .flags = SLUICE_STAGE_PEERS_FEED,
				      .on_idle = SLUICE_IDLE_STAY));
	visitor_listen();
	flow_start(pipeline);
}

static void refused(void **state)
{
	struct visitor peer = visitor_fork(is_refused);

	(void)state;
	declare_refused();
	visitor_go(&peer);
	visitor_wait(&peer);
	visitor_stop();
}

/* ---- numbers that it was not given --------------------------------------------- */

static void is_sent_away(void)
{
	struct sluice_port_status status;
	struct sluice_batch batch;

	while (sluice_port_closed(out, &status) == 0)
		flow_sleep_ms(1);
	VISITOR_MUST(status.reason == SLUICE_REASON_ERROR);
	VISITOR_MUST(status.code == EBADMSG);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static void invents_a_number(void)
{
	struct sluice_batch batch;
	struct item item;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	item = SLUICE_EVENTS(&batch, struct item)[0];
	item.value = 0;
	item.number += 1000000;
	send_items(&item, 1);
	is_sent_away();
}

static void answers_twice(void)
{
	struct sluice_batch batch;
	struct item items[2];

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	/* The last: what is below the window is nobody's. */
	items[0] = SLUICE_EVENTS(&batch, struct item)[batch.count - 1];
	items[0].value++;
	items[1] = items[0];
	send_items(items, 2);
	is_sent_away();
}

static void answers_for_another(void)
{
	struct sluice_batch batch;
	struct item item;

	attach_as("worker");
	batch = receive();
	/* All that this one was given lies below. */
	while (sluice_load_acquire(&visited->stage) == 0)
		flow_sleep_ms(1);
	item = SLUICE_EVENTS(&batch, struct item)[0];
	item.value = 0;
	item.number = sluice_load_acquire(&visited->sent);
	send_items(&item, 1);
	is_sent_away();
	sluice_store_release(&visited->stage, 2);
}

static void lends_its_number(void)
{
	struct sluice_batch batch;

	attach_as("other");
	batch = receive();
	sluice_store_release(
		&visited->sent,
		(uint32_t)SLUICE_EVENTS(&batch, struct item)[0].number);
	sluice_store_release(&visited->stage, 1);
	while (sluice_load_acquire(&visited->stage) < 2)
		flow_sleep_ms(1);
	answer(&batch);
	work();
	leave();
}

static void one_lies(void (*part)(void))
{
	work_in_turn("ordered", part, works_too);
	assert_int_equal(book.disorder, 0);
}

static void one_invents_a_number(void **state)
{
	(void)state;
	one_lies(invents_a_number);
}

static void one_answers_twice(void **state)
{
	(void)state;
	one_lies(answers_twice);
}

static void one_answers_for_another(void **state)
{
	struct visitor liar = visitor_fork(answers_for_another);
	struct visitor honest = visitor_fork(lends_its_number);

	(void)state;
	open_as("ordered");
	visitor_go(&liar);
	visitor_go(&honest);
	visitor_wait(&liar);
	visitor_wait(&honest);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	assert_int_equal(book.disorder, 0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(one_invents_a_number),
		cmocka_unit_test(one_answers_twice),
		cmocka_unit_test(one_answers_for_another),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
