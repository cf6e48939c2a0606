#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/fleet/names.h"

static char *fold(const char *const *names, size_t n, size_t width)
{
	AUTO_VALUE(names) folded = { 0 };

	names_fold(names, n, &folded);
	return names_join(&folded, width);
}

static void test_neighbours_become_a_range(void **state)
{
	static const char *const names[] = {
		"web-10", "web-02", "db",    "web-03", "web-01", "a9",
		"a10",	  "a11",    "x7.sz", "x8.sz",  "x9.sh",
	};
	AUTO_STR char *text = fold(names, COUNT_OF(names), 200);

	(void)state;
	assert_string_equal(text, "a[9:11], db, web-[01:03], web-10, x9.sh, "
				  "x[7:8].sz");
}

static void test_widths_are_not_mixed(void **state)
{
	static const char *const names[] = { "a08", "a9", "a010", "a0", "a1" };
	AUTO_STR char *text = fold(names, COUNT_OF(names), 200);

	(void)state;
	assert_string_equal(text, "a[0:1], a08, a9, a010");
}

static void test_what_does_not_fit_is_counted(void **state)
{
	static const char *const names[] = { "n1", "n2", "p5", "q5", "r5",
					     "s5", "t5", "u5", "v5" };
	AUTO_STR char *text = fold(names, COUNT_OF(names), 30);
	AUTO_STR char *narrow = fold(names, COUNT_OF(names), 1);

	(void)state;
	assert_string_equal(text, "n[1:2], p5, q5 and 5 more");
	assert_string_equal(narrow, "n[1:2] and 7 more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours_become_a_range),
		cmocka_unit_test(test_widths_are_not_mixed),
		cmocka_unit_test(test_what_does_not_fit_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
