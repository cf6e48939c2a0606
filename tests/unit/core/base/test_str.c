#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/str.h"

static void test_durations_are_read_whole_or_refused(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms; /* UINT64_MAX: refused */
	} table[] = {
		{ "500ms", 500 },
		{ "30s", 30000 },
		{ "10m", 600000 },
		{ "4h", 14400000 },
		{ "2d", 172800000 },
		{ "1h30m", 5400000 },
		{ "1.5s", 1500 },
		{ "0s", 0 },
		{ "", UINT64_MAX },
		{ "10", UINT64_MAX },
		{ "m", UINT64_MAX },
		{ "-1s", UINT64_MAX },
		{ "10 m", UINT64_MAX },
		{ "10mm", UINT64_MAX },
		{ "1e9h", UINT64_MAX },
		{ "0x1s", UINT64_MAX },
		{ "nans", UINT64_MAX },
		{ "367d", UINT64_MAX },
		{ "9999999999999999999d", UINT64_MAX },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		uint64_t ms = 7;
		int rc = str_parse_duration(table[i].text, &ms, &err);

		if (table[i].ms == UINT64_MAX) {
			assert_int_equal(rc, -ERR_INVALID);
			assert_int_equal(ms, 7);
		} else {
			assert_int_equal(rc, 0);
			assert_int_equal(ms, table[i].ms);
		}
	}
}

static void test_percents_become_basis_points(void **state)
{
	struct err err = ERR_INIT;
	uint32_t bp;

	(void)state;
	assert_int_equal(str_parse_percent("5%", &bp, &err), 0);
	assert_int_equal(bp, 500);
	assert_int_equal(str_parse_percent("0.1%", &bp, &err), 0);
	assert_int_equal(bp, 10);
	assert_int_equal(str_parse_percent("100%", &bp, &err), 0);
	assert_int_equal(bp, 10000);
	assert_true(str_parse_percent("101%", &bp, &err) < 0);
	assert_true(str_parse_percent("-1%", &bp, &err) < 0);
	assert_true(str_parse_percent("5", &bp, &err) < 0);
	assert_true(str_parse_percent("%", &bp, &err) < 0);
	assert_true(str_parse_percent("nan%", &bp, &err) < 0);
}

static void test_numbers_do_not_overflow(void **state)
{
	struct err err = ERR_INIT;
	uint64_t value;
	int64_t signed_value;
	double real;

	(void)state;
	assert_int_equal(
		str_parse_u64("18446744073709551615", UINT64_MAX, &value, &err),
		0);
	assert_true(value == UINT64_MAX);
	assert_true(str_parse_u64("18446744073709551616", UINT64_MAX, &value,
				  &err) < 0);
	assert_true(str_parse_u64("65536", 65535, &value, &err) < 0);
	assert_true(str_parse_u64("+1", 9, &value, &err) < 0);
	assert_int_equal(str_parse_i64("-42", &signed_value, &err), 0);
	assert_int_equal(signed_value, -42);
	assert_true(str_parse_i64("--42", &signed_value, &err) < 0);
	assert_int_equal(str_parse_double("0.01", &real, &err), 0);
	assert_true(str_parse_double("inf", &real, &err) < 0);
	assert_true(str_parse_double("1e999", &real, &err) < 0);
	assert_true(str_parse_double("1.2.3", &real, &err) < 0);
}

static void test_durations_read_well(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} table[] = { { 250, "250ms" },	    { 1500, "1.5s" },
		      { 59000, "59s" },	    { 600000, "10m" },
		      { 598000, "9m 58s" }, { 3720000, "1h 2m" },
		      { 90000000, "1d 1h" } };
	char out[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		str_format_duration(table[i].ms, out, sizeof(out));
		assert_string_equal(out, table[i].text);
	}
}

static void test_clean_leaves_nothing_that_moves_a_cursor(void **state)
{
	AUTO_STR char *clean = str_clean("a\x1b[2Jb\x9b"
					 "c\xc2\x9b"
					 "d\xc3\xa4\n",
					 14);

	(void)state;
	assert_string_equal(clean, "a?[2Jb?c?d\xc3\xa4\n");
}

static void test_utf8_refuses_overlong_forms_and_surrogates(void **state)
{
	(void)state;
	assert_true(str_is_utf8("\xe4\xb8\xad", 3));
	assert_false(str_is_utf8("\xc0\xaf", 2));
	assert_false(str_is_utf8("\xed\xa0\x80", 3));
	assert_false(str_is_utf8("\xe4\xb8", 2));
	assert_false(str_is_utf8("\xff", 1));
}

static void test_nearest_finds_the_slip_and_not_the_stranger(void **state)
{
	static const char *const names[] = { "hosts", "bake", "stages",
					     "gates" };

	(void)state;
	assert_string_equal(str_nearest("hsots", names, 4), "hosts");
	assert_string_equal(str_nearest("stage", names, 4), "stages");
	assert_null(str_nearest("kubernetes", names, 4));
}

static void test_names_are_plain(void **state)
{
	(void)state;
	assert_true(str_is_name("web-01.sz"));
	assert_false(str_is_name("-web"));
	assert_false(str_is_name(""));
	assert_false(str_is_name("a b"));
	assert_false(str_is_name("../x"));
}

static bool matches(const char *text, const char *pattern)
{
	return str_matches(text, pattern, strlen(pattern), false);
}

static void test_patterns_match_whole_names(void **state)
{
	(void)state;
	assert_true(matches("web-01.sz", "web-??.sz"));
	assert_true(matches("web-01.sz", "*"));
	assert_true(matches("", "**"));
	assert_true(matches("aab", "*ab"));
	assert_true(matches("a*b", "a*b"));
	assert_false(matches("", "?"));
	assert_false(matches("web-01.sz", "web"));
	assert_false(matches("web", "web-*"));
	assert_false(matches("WEB", "web"));
	assert_true(str_matches("WEB", "w*b,rest", 3, true));
	assert_false(str_matches("web,rest", "web,rest", 3, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_are_read_whole_or_refused),
		cmocka_unit_test(test_percents_become_basis_points),
		cmocka_unit_test(test_numbers_do_not_overflow),
		cmocka_unit_test(test_durations_read_well),
		cmocka_unit_test(test_clean_leaves_nothing_that_moves_a_cursor),
		cmocka_unit_test(
			test_utf8_refuses_overlong_forms_and_surrogates),
		cmocka_unit_test(
			test_nearest_finds_the_slip_and_not_the_stranger),
		cmocka_unit_test(test_names_are_plain),
		cmocka_unit_test(test_patterns_match_whole_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
