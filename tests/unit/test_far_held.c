/* SPDX-License-Identifier: Apache-2.0 */
/* Another process reads, goes away, and its place is kept. */
#include "far_reader.h"

static struct flow_source source;
static struct subscription_held_at at;

#define LIMIT 5u

/* What was given up; the source's thread's. */
static struct {
	uint32_t count;
	uint64_t seq;
	uint64_t event;
	uint32_t deliveries;
	char consumer[SLUICE_NAME_BYTES];
} post;

static void bury(struct sluice_stage *self,
		 const struct sluice_dead_letter *letter)
{
	(void)self;
	post.count++;
	post.seq = letter->seq;
	memcpy(&post.event, letter->event, sizeof(post.event));
	post.deliveries = letter->deliveries;
	(void)snprintf(post.consumer, sizeof(post.consumer), "%s",
		       letter->consumer);
}

static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = WINDOW};

static void come_to_read(uint32_t keeps)
{
	struct subscription_far end = far_end(FAR_CONSUMER);

	memset(&far, 0, sizeof(far));
	memset(&held, 0, sizeof(held));
	memset(&sink, 0, sizeof(sink));
	memset(&post, 0, sizeof(post));
	released = 0;
	source = (struct flow_source){.end = EVENTS, .most = 4};
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dead_letter = bury, .on_idle = SLUICE_IDLE_STAY,
			      .state = &source));
	flow_start(pipeline);
	end.held = keeps ? &held : NULL;
	end.deliveries_max = LIMIT;
	reader_comes(&end, &credit);
}

static void read_some(uint32_t n)
{
	for (uint32_t got = 0; got < n;) {
		const sluice_slot *first;
		uint32_t k = sluice_spsc_peek(&reader, n - got, &first);

		(void)sluice_spsc_release(&reader, k);
		ring("source");
		got += k;
	}
}

static int is_held(void)
{
	return subscription_held_at(sub, &at) == 0;
}

static void hold(void)
{
	assert_int_equal(subscription_hold(sub), 0);
	/* Once is enough. */
	assert_int_equal(subscription_hold(sub), 0);
	wait_for(is_held);
}

static void end_it(void)
{
	leave(SLUICE_REASON_NORMAL);
	wait_for(has_ended);
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
	assert_int_equal(released, 1);
}

/* Of the event at @position, by the marks from @read on: how often it was handed out
 * before. */
static uint32_t marked(uint32_t read, uint64_t position)
{
	for (; read != sluice_load_acquire(&far.notes.filled); read++) {
		const struct note *note = &far.notes.note[read % NOTES_MAX];

		if (position >= note->from && position < note->to)
			return note->deliveries;
	}
	return 0;
}

/* As the next process does with words of its own. */
static void come_back(void)
{
	sluice_store_release(&far.rx.acked, at.acked);
	sluice_store_release(&far.rx.granted, at.granted);
	sluice_store_release(&far.notes_read, at.notes);
	assert_int_equal(subscription_resume(sub), 0);
	reader_attach(&credit);
}

/* What the dead one writes then, for it lives after all, nobody believes. */
static void it_writes_on(void **state)
{
	const sluice_slot *first;
	uint64_t event;

	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	read_some(4);
	/* It asks again at half of its window. */
	hold();
	assert_int_equal(at.acked, 4);
	assert_int_equal(at.granted, WINDOW);
	sluice_store_release(&far.rx.acked, WINDOW);
	sluice_store_release(&far.rx.granted, 2 * WINDOW);
	ring("source");
	flow_sleep_ms(5);
	assert_int_equal(sluice_load_acquire(&far.tx.published), WINDOW);
	assert_int_equal(marked(at.notes, 4), 1);
	assert_int_equal(marked(at.notes, WINDOW - 1), 1);
	come_back();
	assert_int_equal(sluice_spsc_peek(&reader, 1, &first), 1);
	memcpy(&event, first, 8);
	assert_int_equal(event, 4);
	read_some(WINDOW);
	await_published(2 * WINDOW);
	assert_int_equal(marked(at.notes, WINDOW), 0);
	end_it();
}

/* It has finished all that it had, has asked for more, and goes before it has rung:
 * whoever comes back has nothing to ask for. */
static void its_last_words_were_not_heard(void **state)
{
	const sluice_slot *first;

	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	assert_int_equal(sluice_spsc_peek(&reader, WINDOW, &first), WINDOW);
	(void)sluice_spsc_release(&reader, WINDOW);
	hold();
	assert_int_equal(at.acked, WINDOW);
	assert_int_equal(at.granted, 2 * WINDOW);
	come_back();
	await_published(2 * WINDOW);
	end_it();
}

/* It has come to what the first @n marks are of. */
static void take_up(uint32_t n)
{
	sluice_store_release(&far.notes_read, at.notes + n);
}

/* What was there each time it went is marked with how often: the one that it was at each
 * time, those behind it twice at most. */
static void it_goes_again_and_again(void **state)
{
	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	read_some(4);
	hold();
	come_back();
	take_up(1);
	read_some(6);
	await_published(WINDOW + 10);
	hold();
	assert_int_equal(at.acked, 10);
	assert_int_equal(marked(at.notes, 10), 2);
	assert_int_equal(marked(at.notes, WINDOW - 1), 2);
	assert_int_equal(marked(at.notes, WINDOW), 1);
	come_back();
	take_up(2);
	hold();
	assert_int_equal(at.acked, 10);
	assert_int_equal(marked(at.notes, 10), 3);
	assert_int_equal(marked(at.notes, 11), 2);
	assert_int_equal(marked(at.notes, WINDOW - 1), 2);
	assert_int_equal(marked(at.notes, WINDOW), 2);
	end_it();
}

/* It goes before it has come to them: nothing is counted. */
static void it_never_came_to_them(void **state)
{
	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	hold();
	for (uint32_t i = 0; i < 2 * LIMIT; i++) {
		come_back();
		hold();
		assert_int_equal(at.acked, 0);
		assert_int_equal(marked(at.notes, 0), 1);
		assert_int_equal(marked(at.notes, WINDOW - 1), 1);
	}
	end_it();
	assert_int_equal(post.count, 0);
}

/* The event that it was at each time is given up in the end, and no other. */
static void it_dies_of_one(void **state)
{
	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	read_some(4);
	for (uint32_t i = 1; i < LIMIT; i++) {
		hold();
		assert_int_equal(at.acked, 4);
		assert_int_equal(marked(at.notes, 4), i);
		come_back();
		take_up(1);
	}
	hold();
	assert_int_equal(at.acked, 5);
	assert_int_equal(marked(at.notes, 5), 2);
	end_it();
	assert_int_equal(post.count, 1);
	assert_int_equal(post.seq, 4);
	assert_int_equal(post.event, 4);
	assert_int_equal(post.deliveries, LIMIT);
	assert_string_equal(post.consumer, "peer");
}

/* The same of one that was away, came back, and died before its producer looked. */
static void it_dies_unseen(void **state)
{
	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	for (uint32_t i = 1; i < LIMIT; i++) {
		hold();
		assert_int_equal(at.acked, 0);
		sluice_store_release(&far.notes_read, at.notes + 1);
		assert_int_equal(subscription_resume(sub), 0);
	}
	hold();
	assert_int_equal(at.acked, 1);
	end_it();
	assert_int_equal(post.count, 1);
	assert_int_equal(post.seq, 0);
}

/* It is there and gone again before the producer has looked. */
static void it_is_there_for_a_moment(void **state)
{
	(void)state;
	come_to_read(1);
	await_published(WINDOW);
	hold();
	sluice_store_release(&far.rx.acked, at.acked);
	assert_int_equal(subscription_resume(sub), 0);
	sluice_store_release(&far.rx.acked, 3);
	assert_int_equal(subscription_hold(sub), 0);
	wait_for(is_held);
	assert_int_equal(at.acked, 3);
	end_it();
}

static void what_is_not_kept(void **state)
{
	(void)state;
	come_to_read(0);
	assert_int_equal(subscription_hold(sub), -ENOTSUP);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_SHUTDOWN, 0), 0);
	assert_int_equal(subscription_hold(sub), -EPIPE);
	assert_int_equal(subscription_resume(sub), -EPIPE);
	assert_int_equal(subscription_held_at(sub, &at), -EPIPE);
	end_it();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_writes_on, flow_setup,
						flow_teardown),
		cmocka_unit_test_setup_teardown(its_last_words_were_not_heard,
						flow_setup, flow_teardown),
		cmocka_unit_test_setup_teardown(it_goes_again_and_again,
						flow_setup, flow_teardown),
		cmocka_unit_test_setup_teardown(it_never_came_to_them,
						flow_setup, flow_teardown),
		cmocka_unit_test_setup_teardown(it_dies_of_one, flow_setup,
						flow_teardown),
		cmocka_unit_test_setup_teardown(it_dies_unseen, flow_setup,
						flow_teardown),
		cmocka_unit_test_setup_teardown(it_is_there_for_a_moment,
						flow_setup, flow_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_kept, flow_setup,
						flow_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
