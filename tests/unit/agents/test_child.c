#include "agents/child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sys/clock.h"

static int run_shell(const char *script, uint64_t timeout_ms, char **out,
		     struct err *err)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct child_options options = { .what = "hook",
					 .argv = argv,
					 .dir = -1,
					 .output = -1,
					 .timeout_ms = timeout_ms };

	return child_run(&options, out, err);
}

static void test_only_exit_status_zero_is_success(void **state)
{
	static const struct {
		const char *script;
		const char *says;
	} cases[] = {
		{ "exit 1", "exit status 1" },
		{ "exit 255", "exit status 255" },
		{ "kill -9 $$", "signal 9" },
		{ "exec ./not-there", "exit status 127" },
	};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run_shell("exit 0", 5000, NULL, &err), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(run_shell(cases[i].script, 5000, NULL, &err),
				 -ERR_FAILED);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void test_program_that_is_not_there_is_named(void **state)
{
	const char *argv[] = { "/no/such/program", NULL };
	struct child_options options = {
		.what = "hook", .argv = argv, .dir = -1, .output = -1
	};
	AUTO_STR char *output = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_true(child_run(&options, &output, &err) < 0);
	assert_non_null(strstr(output, "/no/such/program"));
}

static void test_output_keeps_its_beginning_and_its_end(void **state)
{
	AUTO_STR char *output = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run_shell("echo begin; head -c 3000000 /dev/zero | "
				   "tr '\\0' 'x'; echo; echo end",
				   20000, &output, &err),
			 0);
	assert_true(strlen(output) <= CHILD_OUTPUT);
	assert_int_equal(strncmp(output, "begin\nxxx", 9), 0);
	assert_string_equal(output + strlen(output) - 5, "\nend\n");
	assert_non_null(strstr(output, "bytes left out"));
}

static void test_output_is_fit_for_people(void **state)
{
	AUTO_STR char *output = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		run_shell("printf 'a\\033[31mb\\377c\\n'", 5000, &output, &err),
		0);
	assert_string_equal(output, "a?[31mb?c\n");
}

static void test_hanging_child_is_killed_with_all_it_started(void **state)
{
	uint64_t start_ms = clock_boot_ms();
	AUTO_STR char *output = NULL;
	struct err err = ERR_INIT;
	pid_t pid;

	(void)state;
	assert_int_equal(run_shell("trap '' TERM INT HUP; sleep 60 & echo $!; "
				   "wait",
				   300, &output, &err),
			 -ERR_TIMEOUT);
	assert_true(clock_boot_ms() - start_ms < 10000);
	pid = (pid_t)strtol(output, NULL, 10);
	assert_true(pid > 1);
	for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
		(void)usleep(10000);
	assert_int_not_equal(kill(pid, 0), 0);
}

static void test_end_of_the_child_does_not_wait_for_its_output(void **state)
{
	uint64_t start_ms = clock_boot_ms();
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run_shell("sleep 30 & exit 0", 20000, NULL, &err), 0);
	assert_true(clock_boot_ms() - start_ms < 10000);
}

static int fail_with_words(void *ctx, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "file %s is bad", (const char *)ctx);
}

static void test_function_brings_its_error_home(void **state)
{
	char name[] = "lib/x";
	struct child_options options = { .what = "verify",
					 .fn = fail_with_words,
					 .ctx = name,
					 .dir = -1,
					 .output = -1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(child_run(&options, NULL, &err), -ERR_CORRUPT);
	assert_string_equal(err.text, "file lib/x is bad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_exit_status_zero_is_success),
		cmocka_unit_test(test_program_that_is_not_there_is_named),
		cmocka_unit_test(test_output_keeps_its_beginning_and_its_end),
		cmocka_unit_test(test_output_is_fit_for_people),
		cmocka_unit_test(
			test_hanging_child_is_killed_with_all_it_started),
		cmocka_unit_test(
			test_end_of_the_child_does_not_wait_for_its_output),
		cmocka_unit_test(test_function_brings_its_error_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
