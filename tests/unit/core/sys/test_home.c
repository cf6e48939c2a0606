#include "core/sys/home.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char *find(void)
{
	struct err err = ERR_INIT;
	char *home = NULL;

	assert_int_equal(home_find(&home, &err), 0);
	return home;
}

static void test_gray_home_comes_first(void **state)
{
	AUTO_STR char *home = NULL;

	(void)state;
	assert_int_equal(setenv("GRAY_HOME", "/somewhere/gray", 1), 0);
	home = find();
	assert_string_equal(home, "/somewhere/gray");
}

static void test_a_relative_gray_home_becomes_absolute(void **state)
{
	AUTO_STR char *home = NULL;

	(void)state;
	assert_int_equal(setenv("GRAY_HOME", "here", 1), 0);
	home = find();
	assert_int_equal(home[0], '/');
	assert_string_equal(strrchr(home, '/'), "/here");
}

static void test_an_empty_gray_home_counts_as_none(void **state)
{
	AUTO_STR char *home = NULL;

	(void)state;
	assert_int_equal(setenv("GRAY_HOME", "", 1), 0);
	assert_int_equal(setenv("XDG_STATE_HOME", "/x/state", 1), 0);
	home = find();
	assert_string_equal(home,
			    geteuid() == 0 ? "/var/lib/gray" : "/x/state/gray");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gray_home_comes_first),
		cmocka_unit_test(test_a_relative_gray_home_becomes_absolute),
		cmocka_unit_test(test_an_empty_gray_home_counts_as_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
