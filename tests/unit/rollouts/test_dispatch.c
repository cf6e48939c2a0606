#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollouts/dispatch.h"

static const struct record_host host = {
	.name = (char *)"web-1",
	.address = (char *)"127.0.1.1",
};

static void test_placeholders_become_the_hosts_own(void **state)
{
	AUTO_STR char *url = dispatch_fill(
		"http://{address}:8080/{name}/{addres}{name}", &host);

	(void)state;
	assert_string_equal(url, "http://127.0.1.1:8080/web-1/{addres}web-1");
	assert_null(dispatch_fill(NULL, &host));
}

static void test_an_activation_says_how_the_service_is_switched(void **state)
{
	char *argv[] = { (char *)"bin/restart", (char *)"-x", NULL };
	struct plan_probe probe = {
		.kind = PROBE_TCP,
		.target = (char *)"{address}:80",
		.timeout_ms = 3000,
	};
	struct plan plan = {
		.deploy = {
			.restart = RESTART_COMMAND,
			.restart_command = { argv, 2, 10000 },
			.probes = { &probe, 1, 1 },
			.min_healthy_ms = 500,
			.keep = 5,
		},
	};
	struct record_host hosts[] = { host };
	struct record record = {
		.id = (char *)"feed-7",
		.version = (char *)"v2",
		.release = { { 8 } },
		.hosts = { hosts, 1, 1 },
	};
	struct dispatch dispatch = { &record, &plan, 41 };
	struct action action = {
		.kind = ACTION_COMMAND,
		.verb = AGENT_VERB_ACTIVATE,
		.seq = 3,
		.lease_ms = 60000,
		.slot_in_ms = 100,
		.slot_ms = 5000,
		.slot_period_ms = 20000,
	};
	AUTO_VALUE(agent_command) command = { .verb = AGENT_VERB_NONE };

	(void)state;
	dispatch_command(&dispatch, &action, 0, &command);
	assert_int_equal(command.epoch, 41);
	assert_int_equal(command.seq, 3);
	assert_string_equal(command.rollout, "feed-7");
	assert_int_equal(command.slot_in_ms, 100);
	assert_true(command.has_deploy);
	assert_int_equal(command.deploy.restart, AGENT_RESTART_KIND_COMMAND);
	assert_true(command.deploy.has_command);
	assert_false(command.deploy.has_prepare);
	assert_int_equal(command.deploy.command.n_argv, 2);
	assert_string_equal(command.deploy.command.argv[1], "-x");
	assert_int_equal(command.deploy.n_probes, 1);
	assert_string_equal(command.deploy.probes[0].target, "127.0.1.1:80");
}

static void test_a_slot_that_has_begun_comes_round_again(void **state)
{
	struct plan plan = { .service = NULL };
	struct record record = { .id = (char *)"feed-7" };
	struct dispatch dispatch = { &record, &plan, 1 };
	struct action action = {
		.kind = ACTION_COMMAND,
		.verb = AGENT_VERB_EXTEND,
		.slot_in_ms = 100,
		.slot_period_ms = 20000,
	};
	AUTO_VALUE(agent_command) command = { .verb = AGENT_VERB_NONE };

	(void)state;
	dispatch_command(&dispatch, &action, 250, &command);
	assert_int_equal(command.slot_in_ms, 19850);
	assert_false(command.has_deploy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placeholders_become_the_hosts_own),
		cmocka_unit_test(
			test_an_activation_says_how_the_service_is_switched),
		cmocka_unit_test(test_a_slot_that_has_begun_comes_round_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
