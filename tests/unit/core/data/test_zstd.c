#include "core/data/zstd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/rand.h"

static void test_text_shrinks_and_comes_back(void **state)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(buf) small = BUF_INIT;
	AUTO_VALUE(buf) again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_format(&text, "line %d\n", i);
	buf_append_str(&small, "kept");
	buf_append_str(&again, "kept");
	assert_true(zstd_shrink(text.bytes, text.size, &small));
	assert_true(small.size < text.size / 2);
	assert_int_equal(zstd_expand(small.bytes + 4, small.size - 4, text.size,
				     &again, &err),
			 0);
	assert_int_equal(again.size, text.size + 4);
	assert_memory_equal(again.bytes, "kept", 4);
	assert_memory_equal(again.bytes + 4, text.bytes, text.size);
}

static void test_chance_does_not_shrink_and_leaves_nothing(void **state)
{
	uint8_t bytes[4096];
	AUTO_VALUE(buf) out = BUF_INIT;

	(void)state;
	rand_bytes(bytes, sizeof(bytes));
	for (size_t size = 0; size <= sizeof(bytes); size += 512)
		assert_false(zstd_shrink(bytes, size, &out));
	assert_int_equal(out.size, 0);
}

static void test_more_than_the_limit_is_refused_unallocated(void **state)
{
	AUTO_VALUE(buf) zeros = BUF_INIT;
	AUTO_VALUE(buf) bomb = BUF_INIT;
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;
	const size_t size = 8u << 20;

	(void)state;
	memset(buf_reserve(&zeros, size), 0, size);
	zeros.size = size;
	assert_true(zstd_shrink(zeros.bytes, size, &bomb));
	assert_int_equal(
		zstd_expand(bomb.bytes, bomb.size, size - 1, &out, &err),
		-ERR_CORRUPT);
	assert_int_equal(out.room, 0);
	assert_int_equal(zstd_expand(bomb.bytes, bomb.size, size, &out, &err),
			 0);
}

static void test_cut_and_trailing_bytes_are_refused(void **state)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(buf) small = BUF_INIT;
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_format(&text, "line %d\n", i);
	assert_true(zstd_shrink(text.bytes, text.size, &small));
	for (size_t size = 0; size < small.size; size++) {
		uint8_t *cut = mem_copy(small.bytes, size);

		assert_int_equal(zstd_expand(cut, size, 1u << 20, &out, &err),
				 -ERR_CORRUPT);
		free(cut);
	}
	buf_append_char(&small, 'x');
	assert_int_equal(
		zstd_expand(small.bytes, small.size, 1u << 20, &out, &err),
		-ERR_CORRUPT);
	assert_int_equal(out.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_shrinks_and_comes_back),
		cmocka_unit_test(
			test_chance_does_not_shrink_and_leaves_nothing),
		cmocka_unit_test(
			test_more_than_the_limit_is_refused_unallocated),
		cmocka_unit_test(test_cut_and_trailing_bytes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
