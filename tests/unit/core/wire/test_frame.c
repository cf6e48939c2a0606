#include "core/wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void put_frame(struct buf *out, unsigned type, const char *payload)
{
	size_t start = frame_begin(out, type);

	buf_append_str(out, payload);
	frame_end(out, start);
}

/* Feed BYTES in pieces of STEP; the types and payloads seen, as text. */
static int feed(struct frame_decoder *decoder, const struct buf *bytes,
		size_t step, struct buf *seen, struct err *err)
{
	for (size_t at = 0; at < bytes->size; at += step) {
		size_t n = MIN_OF(step, bytes->size - at);
		struct frame frame;
		bool has = true;

		frame_decoder_add(decoder, bytes->bytes + at, n);
		while (has) {
			if (frame_decoder_next(decoder, &frame, &has, err) < 0)
				return err_again(err);
			if (!has)
				break;
			buf_format(seen, "%u:", frame.type);
			buf_append(seen, frame.bytes, frame.size);
			buf_append_char(seen, ' ');
		}
	}
	return 0;
}

static void test_frames_come_out_whole_however_they_are_cut(void **state)
{
	AUTO_VALUE(buf) wire = BUF_INIT;

	(void)state;
	buf_append_str(&wire, FRAME_MAGIC);
	put_frame(&wire, 1, "hello");
	put_frame(&wire, 255, "");
	put_frame(&wire, 13, "GRAY1 READY\n");
	for (size_t step = 1; step <= wire.size; step++) {
		AUTO_VALUE(frame_decoder) decoder;
		AUTO_VALUE(buf) seen = BUF_INIT;
		struct err err = ERR_INIT;

		frame_decoder_init(&decoder, true);
		assert_int_equal(feed(&decoder, &wire, step, &seen, &err), 0);
		assert_string_equal(buf_str(&seen),
				    "1:hello 255: 13:GRAY1 READY\n ");
		assert_int_equal(frame_decoder_end(&decoder, &err), 0);
	}
}

static void test_noise_before_the_magic_is_skipped(void **state)
{
	AUTO_VALUE(buf) wire = BUF_INIT;

	(void)state;
	buf_append_str(&wire, "Welcome to web-1!\nGRAY1 no prompt: GRAY1 REA");
	buf_append_str(&wire, FRAME_MAGIC);
	put_frame(&wire, 2, "x");
	for (size_t step = 1; step <= wire.size; step++) {
		AUTO_VALUE(frame_decoder) decoder;
		AUTO_VALUE(buf) seen = BUF_INIT;
		struct err err = ERR_INIT;

		frame_decoder_init(&decoder, true);
		assert_int_equal(feed(&decoder, &wire, step, &seen, &err), 0);
		assert_string_equal(buf_str(&seen), "2:x ");
	}
}

static void fill_noise(struct buf *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buf_append_char(out, 'n');
}

static void test_noise_up_to_the_limit_is_skipped_and_no_more(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	for (size_t more = 0; more <= 1; more++) {
		AUTO_VALUE(frame_decoder) decoder;
		AUTO_VALUE(buf) wire = BUF_INIT;
		AUTO_VALUE(buf) seen = BUF_INIT;
		int rc;

		frame_decoder_init(&decoder, true);
		fill_noise(&wire, FRAME_NOISE_MAX + more);
		buf_append_str(&wire, FRAME_MAGIC);
		put_frame(&wire, 2, "x");
		rc = feed(&decoder, &wire, 100, &seen, &err);
		assert_int_equal(rc, more ? -ERR_PROTOCOL : 0);
		assert_string_equal(buf_str(&seen), more ? "" : "2:x ");
	}
}

static void test_endless_noise_is_named_with_a_clean_excerpt(void **state)
{
	AUTO_VALUE(frame_decoder) decoder;
	AUTO_VALUE(buf) wire = BUF_INIT;
	AUTO_VALUE(buf) seen = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	frame_decoder_init(&decoder, true);
	buf_append_str(&wire, "Last login:\033[31m today\n\xff");
	fill_noise(&wire, FRAME_NOISE_MAX + 4096);
	assert_int_equal(feed(&decoder, &wire, 512, &seen, &err),
			 -ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "the login shell prints text: "
					 "Last login:?[31m today ?nnn"));
	assert_true(decoder.in.size < FRAME_NOISE_MAX + 1024);
}

static void test_a_stream_that_ends_early_says_what_is_missing(void **state)
{
	AUTO_VALUE(frame_decoder) decoder;
	AUTO_VALUE(buf) wire = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame;
	bool has;

	(void)state;
	frame_decoder_init(&decoder, true);
	assert_int_equal(frame_decoder_end(&decoder, &err), -ERR_PROTOCOL);
	assert_string_equal(err.text, "the agent said nothing");
	frame_decoder_add(&decoder, "motd", 4);
	assert_int_equal(frame_decoder_end(&decoder, &err), -ERR_PROTOCOL);
	assert_string_equal(err.text, "the login shell prints text: motd");
	put_frame(&wire, 2, "four");
	frame_decoder_add(&decoder, FRAME_MAGIC, strlen(FRAME_MAGIC));
	frame_decoder_add(&decoder, wire.bytes, wire.size - 1);
	assert_int_equal(frame_decoder_next(&decoder, &frame, &has, &err), 0);
	assert_false(has);
	assert_int_equal(frame_decoder_end(&decoder, &err), -ERR_PROTOCOL);
	assert_string_equal(err.text, "cut in a frame, after 8 bytes");
}

static void test_a_length_over_the_limit_is_refused_at_once(void **state)
{
	static const uint8_t too_large[] = { 0, 0x10, 0, 1, 3 };
	static const uint8_t largest[] = { 0, 0x10, 0, 0, 3 };
	struct err err = ERR_INIT;
	struct frame frame;
	bool has;

	(void)state;
	for (int i = 0; i < 2; i++) {
		AUTO_VALUE(frame_decoder) decoder;
		int rc;

		frame_decoder_init(&decoder, false);
		frame_decoder_add(&decoder, i ? largest : too_large, 5);
		rc = frame_decoder_next(&decoder, &frame, &has, &err);
		assert_int_equal(rc, i ? 0 : -ERR_PROTOCOL);
		assert_false(has);
		assert_true(decoder.in.room < 4096);
	}
}

static void test_a_frame_without_a_type_is_refused(void **state)
{
	AUTO_VALUE(frame_decoder) decoder;
	struct err err = ERR_INIT;
	struct frame frame;
	bool has;

	(void)state;
	frame_decoder_init(&decoder, false);
	frame_decoder_add(&decoder, "\0\0\0\0", 5);
	assert_int_equal(frame_decoder_next(&decoder, &frame, &has, &err),
			 -ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_frames_come_out_whole_however_they_are_cut),
		cmocka_unit_test(test_noise_before_the_magic_is_skipped),
		cmocka_unit_test(
			test_noise_up_to_the_limit_is_skipped_and_no_more),
		cmocka_unit_test(
			test_endless_noise_is_named_with_a_clean_excerpt),
		cmocka_unit_test(
			test_a_stream_that_ends_early_says_what_is_missing),
		cmocka_unit_test(
			test_a_length_over_the_limit_is_refused_at_once),
		cmocka_unit_test(test_a_frame_without_a_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
