/*
 * Watching a service after its restart, with a systemctl that says what a file
 * says: line by line, the last for ever.
 */
#include "agents/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/services/service.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "tests/support/tmpdir.h"

struct host {
	char *dir;
	struct slot *slot;
	struct spec *spec;
};

static void write_file(const struct host *host, const char *name,
		       const char *text)
{
	struct err err = ERR_INIT;

	if (file_replace_at(host->slot->root, name, text, strlen(text), 0755,
			    &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	struct host *host = MEM_NEW(struct host);
	struct err err = ERR_INIT;
	AUTO_STR char *script = NULL;

	host->dir = tmpdir_make();
	host->spec = MEM_NEW(struct spec);
	host->spec->restart = AGENT_RESTART_KIND_SYSTEMD;
	strcpy(host->spec->unit, "feed.service");
	if (slot_open(host->dir, &host->slot, &err) < 0)
		fail_msg("%s", err.text);
	script = mem_format("#!/bin/sh\n"
			    "cd %s || exit 1\n"
			    "head -n 1 says | tr ' ' '\\n'\n"
			    "[ $(wc -l < says) -gt 1 ] && sed -i 1d says\n"
			    "exit 0\n",
			    host->dir);
	write_file(host, "systemctl", script);
	assert_int_equal(setenv("PATH", "/usr/bin:/bin", 1), 0);
	{
		AUTO_STR char *path = mem_format("%s:/usr/bin:/bin", host->dir);

		assert_int_equal(setenv("PATH", path, 1), 0);
	}
	*state = host;
	return 0;
}

static int tear_down(void **state)
{
	struct host *host = *state;

	slot_close(host->slot);
	tmpdir_remove(host->dir);
	free(host->spec);
	free(host);
	return 0;
}

static int watch(struct host *host, const char *says, struct err *err)
{
	struct probe_context context = { .spec = host->spec,
					 .slot = host->slot };

	digest_of("a", 1, &context.release);
	write_file(host, "says", says);
	return health_wait(&context, err);
}

#define WELL "ActiveState=active SubState=running NRestarts=0\n"

static void test_an_active_unit_is_well(void **state)
{
	struct err err = ERR_INIT;

	if (watch(*state, WELL, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_min_healthy_time_has_to_pass_without_a_break(void **state)
{
	struct host *host = *state;
	uint64_t start_ms = clock_boot_ms();
	struct err err = ERR_INIT;

	host->spec->min_healthy_ms = 700;
	if (watch(host, WELL, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(clock_boot_ms() - start_ms >= 700);
}

static void test_a_unit_started_again_is_a_crash_loop_at_once(void **state)
{
	struct host *host = *state;
	uint64_t start_ms = clock_boot_ms();
	struct err err = ERR_INIT;

	host->spec->min_healthy_ms = 60000;
	assert_int_equal(watch(host,
			       WELL WELL "ActiveState=activating NRestarts=1\n",
			       &err),
			 -ERR_FAILED);
	assert_non_null(strstr(err.text, "crash loop"));
	assert_true(clock_boot_ms() - start_ms < 30000);
}

static void test_a_failed_unit_is_a_failure_at_once(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(watch(*state,
			       "ActiveState=failed SubState=failed "
			       "NRestarts=0\n",
			       &err),
			 -ERR_FAILED);
	assert_non_null(strstr(err.text, "feed.service has failed"));
}

static void test_a_process_of_another_release_is_noticed(void **state)
{
	struct host *host = *state;
	struct err err = ERR_INIT;
	AUTO_STR char *says = NULL;
	AUTO_STR char *old = NULL;
	struct digest digest;

	digest_of("b", 1, &digest);
	old = slot_release_path(host->slot, &digest);
	assert_int_equal(mkdir(old, 0755), 0);
	assert_int_equal(chdir(old), 0);
	says = mem_format("ActiveState=active NRestarts=0 MainPID=%d\n",
			  (int)getpid());
	host->spec->n_probes = 1;
	host->spec->probes[0].kind = AGENT_PROBE_KIND_SYSTEMD;
	host->spec->probes[0].timeout_ms = 500;
	assert_true(watch(host, says, &err) < 0);
	assert_non_null(strstr(err.text, "another release"));
	assert_int_equal(chdir("/"), 0);
}

static void test_a_probe_that_never_passes_is_named(void **state)
{
	struct host *host = *state;
	struct err err = ERR_INIT;

	host->spec->restart = AGENT_RESTART_KIND_NONE;
	host->spec->n_probes = 1;
	host->spec->probes[0].kind = AGENT_PROBE_KIND_HTTP;
	host->spec->probes[0].timeout_ms = 400;
	strcpy(host->spec->probes[0].target, "http://127.0.0.1:1/healthz");
	assert_int_equal(watch(host, WELL, &err), -ERR_UNREACHABLE);
	assert_non_null(strstr(err.text, "not healthy in time: probe http"));
}

static void test_services_say_how_they_are_restarted(void **state)
{
	struct host *host = *state;
	struct spec_hook hook = { 0 };

	service_find(AGENT_RESTART_KIND_SYSTEMD)
		->restart(host->spec, true, &hook);
	assert_int_equal(hook.n_argv, 4);
	assert_string_equal(hook.argv[1], "restart");
	assert_string_equal(hook.argv[3], "feed.service");
	service_find(AGENT_RESTART_KIND_SYSTEMD)
		->restart(host->spec, false, &hook);
	assert_string_equal(hook.argv[1], "stop");
	service_find(AGENT_RESTART_KIND_NONE)->restart(host->spec, true, &hook);
	assert_int_equal(hook.n_argv, 0);
}

#define HEALTH_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEALTH_TEST(test_an_active_unit_is_well),
		HEALTH_TEST(test_min_healthy_time_has_to_pass_without_a_break),
		HEALTH_TEST(test_a_unit_started_again_is_a_crash_loop_at_once),
		HEALTH_TEST(test_a_failed_unit_is_a_failure_at_once),
		HEALTH_TEST(test_a_process_of_another_release_is_noticed),
		HEALTH_TEST(test_a_probe_that_never_passes_is_named),
		HEALTH_TEST(test_services_say_how_they_are_restarted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
