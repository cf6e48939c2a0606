#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tests/support/remote_run.h"

#define BIG (5 << 20)

static struct run_host *new_host(void)
{
	struct run_host *host = MEM_NEW(struct run_host);

	run_host_init(host);
	host->target.name = "here";
	host->target.address = "local:";
	run_host_start(host);
	return host;
}

static void free_host(struct run_host *host)
{
	run_host_stop(host);
	free(host);
}

static void test_output_status_and_stderr_come_back(void **state)
{
	struct run_host *host = new_host();
	struct run run = { 0 };

	(void)state;
	run_all(host, &run, "cat; echo oops >&2; exit 7", "hello", 5);
	assert_int_equal(run.status, 7);
	assert_int_equal(run.err.code, 0);
	assert_string_equal(buf_str(&run.out), "hello");
	assert_string_equal(buf_str(&run.err_out), "oops\n");
	assert_int_equal(run.n_opened, 1);
	assert_int_equal(run.n_closed, 1);
	assert_int_equal(run.n_drained, 1);
	run_release(&run);
	free_host(host);
}

static void test_megabytes_go_through_to_a_slow_reader(void **state)
{
	struct run_host *host = new_host();
	struct run run = { .slow_us = 500 };
	uint8_t *big = mem_alloc(BIG);

	(void)state;
	for (size_t i = 0; i < BIG; i++)
		big[i] = (uint8_t)(i * 7 + i / 251);
	run_all(host, &run, "cat", big, BIG);
	assert_int_equal(run.status, 0);
	assert_int_equal(run.out.size, BIG);
	assert_memory_equal(run.out.bytes, big, BIG);
	free(big);
	run_release(&run);
	free_host(host);
}

static void test_a_killed_command_has_no_status(void **state)
{
	struct run_host *host = new_host();
	struct run run = { 0 };

	(void)state;
	run_all(host, &run, "kill -9 $$", "", 0);
	assert_int_equal(run.status, -1);
	assert_int_equal(run.err.code, ERR_FAILED);
	assert_string_equal(run.err.text,
			    "host here: the command: killed by Killed");
	run_release(&run);
	free_host(host);
}

static void test_input_nobody_reads_is_no_error(void **state)
{
	struct run_host *host = new_host();
	struct run run = { 0 };
	uint8_t *big = mem_alloc(BIG);

	(void)state;
	run_all(host, &run, "exec <&-; sleep 0.1; exit 3", big, BIG);
	assert_int_equal(run.status, 3);
	free(big);
	run_release(&run);
	free_host(host);
}

static void close_it(struct run *run)
{
	stream_close(run->stream);
}

static void test_close_ends_the_command_and_tells(void **state)
{
	struct run_host *host = new_host();
	struct run run = { .on_open = close_it };

	(void)state;
	run_start(host, &run, "sleep 60");
	run_wait(host);
	assert_int_equal(run.status, -1);
	assert_int_equal(run.err.code, ERR_UNREACHABLE);
	assert_string_equal(run.err.text, "host here: closed by us");
	run_release(&run);
	free_host(host);
}

static void test_free_ends_all_and_tells_each_once(void **state)
{
	struct run_host *host = new_host();
	struct run runs[20] = { 0 };

	(void)state;
	/* More than may start at once: some wait for their turn. */
	for (size_t i = 0; i < COUNT_OF(runs); i++)
		run_start(host, &runs[i], "sleep 60");
	stream_close(runs[19].stream);
	stream_write(runs[18].stream, "x", 1);
	run_host_stop(host);
	for (size_t i = 0; i < COUNT_OF(runs); i++) {
		assert_int_equal(runs[i].n_closed, 1);
		assert_int_equal(runs[i].status, -1);
		run_release(&runs[i]);
	}
	free(host);
}

static void test_many_at_once_do_not_mix(void **state)
{
	struct run_host *host = new_host();
	struct run runs[30] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(runs); i++) {
		AUTO_STR char *command = mem_format("cat; echo %zu", i);

		run_start(host, &runs[i], command);
		stream_write(runs[i].stream, "n ", 2);
		stream_end(runs[i].stream);
	}
	run_wait(host);
	for (size_t i = 0; i < COUNT_OF(runs); i++) {
		AUTO_STR char *want = mem_format("n %zu\n", i);

		assert_int_equal(runs[i].status, 0);
		assert_string_equal(buf_str(&runs[i].out), want);
		run_release(&runs[i]);
	}
	free_host(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_status_and_stderr_come_back),
		cmocka_unit_test(test_megabytes_go_through_to_a_slow_reader),
		cmocka_unit_test(test_a_killed_command_has_no_status),
		cmocka_unit_test(test_input_nobody_reads_is_no_error),
		cmocka_unit_test(test_close_ends_the_command_and_tells),
		cmocka_unit_test(test_free_ends_all_and_tells_each_once),
		cmocka_unit_test(test_many_at_once_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
