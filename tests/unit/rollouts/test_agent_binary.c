#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/base/buf.h"
#include "core/sys/file.h"
#include "rollouts/agent_binary.h"

static void test_a_program_gets_a_name_made_of_its_digest(void **state)
{
	AUTO(agent_binary) binary = NULL;
	AUTO_VALUE(buf) file = BUF_INIT;
	AUTO_STR char *want = NULL;
	struct err err = ERR_INIT;
	struct digest digest;
	char hex[DIGEST_HEX + 1];
	struct utsname here;

	(void)state;
	assert_int_equal(agent_binary_find("/proc/self/exe", &binary, &err), 0);
	assert_int_equal(
		file_read("/proc/self/exe", AGENT_BINARY_MAX, &file, &err), 0);
	digest_of(file.bytes, file.size, &digest);
	digest_format(&digest, hex);
	want = mem_format(".gray/bin/gray-agent-%.16s serve", hex);
	assert_string_equal(binary->command, want);
	assert_int_equal(binary->size, file.size);
	assert_true(digest_equal(&binary->digest, &digest));
	assert_int_equal(uname(&here), 0);
	assert_string_equal(binary->machine, here.machine);
}

static void test_a_script_is_not_an_agent(void **state)
{
	struct agent_binary *binary = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(agent_binary_find("/etc/passwd", &binary, &err) < 0);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.text, "not a Linux program"));
	assert_null(binary);
}

static void test_it_says_where_it_looked(void **state)
{
	struct agent_binary *binary = NULL;
	struct err err = ERR_INIT;

	(void)state;
	/* This test is not installed beside an agent. */
	assert_true(agent_binary_find(NULL, &binary, &err) < 0);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "tests/unit/rollouts"));
	assert_non_null(strstr(err.text, "--agent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_program_gets_a_name_made_of_its_digest),
		cmocka_unit_test(test_a_script_is_not_an_agent),
		cmocka_unit_test(test_it_says_where_it_looked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
