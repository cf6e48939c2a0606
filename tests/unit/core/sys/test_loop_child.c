#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/clock.h"
#include "core/sys/loop.h"

struct outcome {
	struct loop *loop;
	int n_told;
	int status;
	char *output;
	struct err err;
	uint64_t took_ms;
};

static void told(void *ctx, int status, const char *output,
		 const struct err *err)
{
	struct outcome *out = ctx;

	out->n_told++;
	out->status = status;
	out->output = mem_str(output);
	if (status < 0)
		out->err = *err;
	loop_stop(out->loop);
}

static void run_in(const char *dir, char *const *argv, char *const *env,
		   uint64_t timeout_ms, size_t max_output, struct outcome *out)
{
	struct err err = ERR_INIT;
	uint64_t start = clock_boot_ms();

	memset(out, 0, sizeof(*out));
	assert_int_equal(loop_new(&out->loop, &err), 0);
	assert_non_null(loop_child_run(out->loop, argv, dir, env, timeout_ms,
				       max_output, told, out));
	assert_int_equal(out->n_told, 0);
	loop_run(out->loop);
	out->took_ms = clock_boot_ms() - start;
	loop_free(out->loop);
	assert_int_equal(out->n_told, 1);
}

static void run_shell(const char *script, uint64_t timeout_ms,
		      size_t max_output, struct outcome *out)
{
	AUTO_STR char *copy = mem_str(script);
	char sh[] = "/bin/sh", dash_c[] = "-c";
	char *argv[] = { sh, dash_c, copy, NULL };

	run_in(NULL, argv, NULL, timeout_ms, max_output, out);
}

/* Dead counts, reaped or not: not every init reaps strangers. */
static bool is_gone(pid_t pid)
{
	AUTO_STR char *path = mem_format("/proc/%d/stat", (int)pid);

	for (int i = 0; i < 100; i++) {
		AUTO_FILE FILE *stat = fopen(path, "re");
		char state = 0;

		if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1 ||
		    state == 'Z')
			return true;
		usleep(10000);
	}
	return false;
}

static void test_status_and_both_outputs_come_back_in_order(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("echo one; echo two >&2; echo three; exit 7", 5000, 100,
		  &out);
	assert_int_equal(out.status, 7);
	assert_string_equal(out.output, "one\ntwo\nthree\n");
	free(out.output);
}

static void test_stdin_is_empty(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("cat; echo end", 5000, 100, &out);
	assert_int_equal(out.status, 0);
	assert_string_equal(out.output, "end\n");
	free(out.output);
}

static void test_folder_and_environment_are_as_told(void **state)
{
	struct outcome out;
	char sh[] = "/bin/sh", dash_c[] = "-c";
	char script[] = "echo $PWD $GRAY_HOST ${HOME-unset}";
	char var[] = "GRAY_HOST=web-1";
	char *argv[] = { sh, dash_c, script, NULL };
	char *env[] = { var, NULL };

	(void)state;
	run_in("/usr", argv, env, 5000, 100, &out);
	assert_string_equal(out.output, "/usr web-1 unset\n");
	free(out.output);
}

static void test_a_program_that_is_not_there_is_told_later(void **state)
{
	struct outcome out;
	char name[] = "/no/such/program";
	char *argv[] = { name, NULL };

	(void)state;
	run_in(NULL, argv, NULL, 5000, 100, &out);
	assert_int_equal(out.status, -1);
	assert_int_equal(out.err.code, ERR_SYSTEM);
	assert_non_null(strstr(out.err.text, "run /no/such/program: no such"));
	free(out.output);
}

static void test_the_whole_group_is_killed_at_the_deadline(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("sleep 60 & echo $!; sleep 60", 150, 100, &out);
	assert_int_equal(out.status, -1);
	assert_int_equal(out.err.code, ERR_TIMEOUT);
	assert_string_equal(out.err.text, "no end after 150ms; killed");
	assert_true(out.took_ms >= 149 && out.took_ms < 5000);
	assert_true(is_gone((pid_t)atoi(out.output)));
	free(out.output);
}

static void test_a_deaf_program_is_killed_all_the_same(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("trap '' TERM INT HUP; while :; do sleep 1; done", 100, 100,
		  &out);
	assert_int_equal(out.err.code, ERR_TIMEOUT);
	assert_true(out.took_ms < 5000);
	free(out.output);
}

static void test_a_grandchild_that_holds_stdout_is_not_waited_for(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("sleep 60 & echo $!; exit 3", 20000, 100, &out);
	assert_int_equal(out.status, 3);
	assert_true(out.took_ms < 5000);
	assert_true(is_gone((pid_t)atoi(out.output)));
	free(out.output);
}

static void test_a_grandchild_of_another_session_is_not_waited_for(void **state)
{
	struct outcome out;
	pid_t pid;

	(void)state;
	run_shell("setsid sh -c 'echo $$; exec sleep 60' & sleep 0.2; exit 0",
		  20000, 100, &out);
	assert_int_equal(out.status, 0);
	assert_true(out.took_ms < 5000);
	pid = (pid_t)atoi(out.output);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	free(out.output);
}

static void test_of_a_flood_the_first_and_last_part_stay(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("echo begin; head -c 3000000 /dev/zero | tr '\\0' x; "
		  "echo; echo end",
		  20000, 1000, &out);
	assert_int_equal(out.status, 0);
	assert_true(strlen(out.output) > 1000);
	assert_true(strlen(out.output) < 1100);
	assert_memory_equal(out.output, "begin\nxxx", 9);
	assert_non_null(strstr(out.output, "xxx\nend\n"));
	assert_non_null(
		strstr(out.output, "x\n[... 2999011 bytes left out ...]\nx"));
	free(out.output);
}

static void test_an_endless_flood_ends_at_the_deadline(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("exec yes", 100, 64, &out);
	assert_int_equal(out.err.code, ERR_TIMEOUT);
	assert_memory_equal(out.output, "y\ny\n", 4);
	free(out.output);
}

static void test_death_by_signal_is_told_as_such(void **state)
{
	struct outcome out;

	(void)state;
	run_shell("kill -SEGV $$", 5000, 64, &out);
	assert_int_equal(out.status, -1);
	assert_int_equal(out.err.code, ERR_FAILED);
	assert_string_equal(out.err.text,
			    "killed by signal 11 (Segmentation fault)");
	free(out.output);
}

static void stop(void *ctx)
{
	loop_stop(((struct outcome *)ctx)->loop);
}

static void test_after_cancel_nothing_is_told(void **state)
{
	struct outcome out = { 0 };
	struct err err = ERR_INIT;
	char sleeps[] = "sleep", sixty[] = "60";
	char *argv[] = { sleeps, sixty, NULL };
	char *bad[] = { NULL, NULL };
	char none[] = "/no/such/program";
	struct loop_timer *timer;

	(void)state;
	bad[0] = none;
	assert_int_equal(loop_new(&out.loop, &err), 0);
	timer = loop_timer_new(out.loop, stop, &out);
	loop_child_cancel(loop_child_run(out.loop, argv, NULL, NULL, 60000, 64,
					 told, &out));
	loop_child_cancel(loop_child_run(out.loop, bad, NULL, NULL, 60000, 64,
					 told, &out));
	loop_timer_set(timer, 50);
	loop_run(out.loop);
	loop_timer_free(timer);
	loop_free(out.loop);
	assert_int_equal(out.n_told, 0);
}

static void test_free_ends_what_still_runs(void **state)
{
	struct outcome out = { 0 };
	struct err err = ERR_INIT;
	char sleeps[] = "sleep", sixty[] = "60";
	char *argv[] = { sleeps, sixty, NULL };
	uint64_t start = clock_boot_ms();

	(void)state;
	assert_int_equal(loop_new(&out.loop, &err), 0);
	(void)loop_child_run(out.loop, argv, NULL, NULL, 60000, 64, told, &out);
	loop_free(out.loop);
	assert_int_equal(out.n_told, 0);
	assert_true(clock_boot_ms() - start < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_status_and_both_outputs_come_back_in_order),
		cmocka_unit_test(test_stdin_is_empty),
		cmocka_unit_test(test_folder_and_environment_are_as_told),
		cmocka_unit_test(
			test_a_program_that_is_not_there_is_told_later),
		cmocka_unit_test(
			test_the_whole_group_is_killed_at_the_deadline),
		cmocka_unit_test(test_a_deaf_program_is_killed_all_the_same),
		cmocka_unit_test(
			test_a_grandchild_that_holds_stdout_is_not_waited_for),
		cmocka_unit_test(
			test_a_grandchild_of_another_session_is_not_waited_for),
		cmocka_unit_test(test_of_a_flood_the_first_and_last_part_stay),
		cmocka_unit_test(test_an_endless_flood_ends_at_the_deadline),
		cmocka_unit_test(test_death_by_signal_is_told_as_such),
		cmocka_unit_test(test_after_cancel_nothing_is_told),
		cmocka_unit_test(test_free_ends_what_still_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
