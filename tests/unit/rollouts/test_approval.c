#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rollouts/approval.h"

static int check(const char *from, const char *who)
{
	struct plan_stage stage = { .name = (char *)"half",
				    .approve_from = (char *)from };
	struct err err = ERR_INIT;

	return approval_check(&stage, who, &err);
}

static void test_anybody_may_when_the_plan_names_nobody(void **state)
{
	(void)state;
	assert_int_equal(check(NULL, "ann"), 0);
}

static void test_the_named_user_may_and_others_may_not(void **state)
{
	(void)state;
	assert_int_equal(check("ann", "ann"), 0);
	assert_int_equal(check("ann", "bob"), -ERR_REFUSED);
	assert_int_equal(check("ann", "anna"), -ERR_REFUSED);
}

static void test_behind_sudo_the_person_counts(void **state)
{
	(void)state;
	assert_int_equal(check("ann", "ann (as root)"), 0);
	assert_int_equal(check("root", "bob (as root)"), -ERR_REFUSED);
}

static void test_a_member_of_the_group_may(void **state)
{
	(void)state;
	/* root's own group, and daemon's, are the same on every machine */
	assert_int_equal(check("daemon", "daemon"), 0);
	assert_int_equal(check("bin", "daemon"), -ERR_REFUSED);
	assert_int_equal(check("root", "root"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anybody_may_when_the_plan_names_nobody),
		cmocka_unit_test(test_the_named_user_may_and_others_may_not),
		cmocka_unit_test(test_behind_sudo_the_person_counts),
		cmocka_unit_test(test_a_member_of_the_group_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
