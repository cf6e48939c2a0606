#include "core/remote/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool note_cb(void *ctx, const char *event, const char *data)
{
	struct buf *seen = ctx;

	buf_format(seen, "[%s|%s]", event, data);
	return strcmp(event, "stop") != 0;
}

static const char stream[] = ": hello\n\nevent: view\ndata: {\"a\":1}\n\n"
			     "data: one\r\ndata:two\r\n\r\n"
			     "event: unsent\n\n";

static void test_events_come_out_whole_at_every_split(void **state)
{
	(void)state;
	for (size_t step = 1; step < sizeof(stream); step++) {
		AUTO_VALUE(sse) sse = { 0 };
		AUTO_VALUE(buf) seen = BUF_INIT;
		struct err err = ERR_INIT;
		bool is_over = false;

		for (size_t at = 0; at < sizeof(stream) - 1; at += step)
			assert_int_equal(
				sse_feed(&sse, stream + at,
					 MIN_OF(step, sizeof(stream) - 1 - at),
					 note_cb, &seen, &is_over, &err),
				0);
		assert_string_equal(buf_str(&seen),
				    "[view|{\"a\":1}][message|one\ntwo]");
	}
}

static void test_a_callback_ends_the_stream(void **state)
{
	static const char text[] = "event: stop\ndata: x\n\ndata: late\n\n";
	AUTO_VALUE(sse) sse = { 0 };
	AUTO_VALUE(buf) seen = BUF_INIT;
	struct err err = ERR_INIT;
	bool is_over = false;

	(void)state;
	assert_int_equal(sse_feed(&sse, text, sizeof(text) - 1, note_cb, &seen,
				  &is_over, &err),
			 0);
	assert_true(is_over);
	assert_string_equal(buf_str(&seen), "[stop|x]");
}

static void test_an_endless_event_is_refused(void **state)
{
	AUTO_VALUE(sse) sse = { 0 };
	AUTO_VALUE(buf) seen = BUF_INIT;
	AUTO_VALUE(buf) line = BUF_INIT;
	struct err err = ERR_INIT;
	bool is_over = false;
	int failed = 0;

	(void)state;
	memset(buf_reserve(&line, 65536), 'x', 65536);
	line.size = 65536;
	for (size_t sent = 0; failed == 0 && sent <= SSE_MAX_BYTES;
	     sent += line.size)
		failed = sse_feed(&sse, line.bytes, line.size, note_cb, &seen,
				  &is_over, &err);
	assert_int_equal(failed, -ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_come_out_whole_at_every_split),
		cmocka_unit_test(test_a_callback_ends_the_stream),
		cmocka_unit_test(test_an_endless_event_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
