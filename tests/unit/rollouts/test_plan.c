#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/sys/file.h"
#include "core/text/json.h"
#include "rollouts/plan.h"
#include "rollouts/plan_parts.h"

/* A plan that is right; tests add to it. */
#define HEAD                                   \
	"service: feed\n"                      \
	"release: {dir: build, version: v1}\n" \
	"fleet: fleet.yaml\n"
#define DEPLOY "deploy: {root: /srv/feed, restart: none}\n"
#define STAGES "stages: [{name: all, hosts: 100%}]\n"

static int parse(const char *text, struct plan_mistakes *mistakes,
		 struct plan **out)
{
	struct err err = ERR_INIT;

	return plan_parse("plan.yaml", text, strlen(text), mistakes, out, &err);
}

static struct plan *example(const char *name)
{
	AUTO_STR char *path = mem_format("rollouts/examples/%s", name);
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	struct plan *plan = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(file_read(path, PLAN_MAX_BYTES, &text, &err), 0);
	if (plan_parse(path, buf_str(&text), text.size, &mistakes, &plan,
		       &err) < 0)
		fail_msg("%s", mistakes.list.items[0].text);
	return plan;
}

static void test_the_web_example_means_what_it_says(void **state)
{
	AUTO(plan) plan = example("web.yaml");
	const struct plan_deploy *deploy = &plan->deploy;
	const struct plan_gate *gate = &plan->gates.items[0];

	(void)state;
	assert_string_equal(plan->service, "feed");
	assert_int_equal(plan->release.source, SOURCE_DIR);
	assert_string_equal(plan->release.path, "build/feed");
	assert_string_equal(plan->release.version, "v2.14.0");
	assert_string_equal(plan->hosts, "role=feed and not idc=bj");
	assert_int_equal(plan->hosts_place.line, 8);
	assert_string_equal(deploy->root, "/srv/feed");
	assert_int_equal(deploy->restart, RESTART_SYSTEMD);
	assert_string_equal(deploy->unit, "feed.service");
	assert_int_equal(deploy->probes.n, 1);
	assert_int_equal(deploy->probes.items[0].kind, PROBE_HTTP);
	assert_string_equal(deploy->prepare.argv[0], "bin/prepare");
	assert_null(deploy->prepare.argv[1]);
	assert_int_equal(deploy->prepare.timeout_ms, 60000);
	assert_int_equal(deploy->max_unavailable.bp, 1000);
	assert_int_equal(deploy->budget_failed.count, 1);
	assert_int_equal(deploy->budget_unreachable.bp, 500);
	assert_int_equal(deploy->confirm_ms, 300000);
	assert_int_equal(plan_switch_ms(plan), 20000 + 30000 + 30000 + 10000);
	assert_int_equal(plan->metrics.n, 1);
	assert_int_equal(plan->stages.n, 4);
	assert_int_equal(plan->stages.items[1].min_requests, 10000);
	assert_int_equal(plan->stages.items[2].n_approvals, 1);
	assert_string_equal(plan->stages.items[2].approve_from, "oncall");
	assert_int_equal(plan->stages.items[3].gates, 7);
	assert_int_equal(gate->kind, GATE_RATIO);
	assert_string_equal(gate->total, "http_requests_total");
	assert_true(gate->has_max && gate->max == 0.01);
	assert_false(gate->has_min);
	assert_int_equal(plan->gates.items[2].status, 200);
	assert_int_equal(plan->deadline_ms, 4 * 3600000);
}

static void test_what_is_left_out_has_the_documented_default(void **state)
{
	AUTO(plan) plan = example("smallest.yaml");
	const struct plan_deploy *deploy = &plan->deploy;

	(void)state;
	assert_null(plan->hosts);
	assert_int_equal(deploy->restart_command.timeout_ms, 30000);
	assert_int_equal(deploy->min_healthy_ms, 10000);
	assert_true(deploy->max_unavailable.is_share);
	assert_int_equal(deploy->max_unavailable.bp, 1000);
	assert_int_equal(deploy->domains, DOMAINS_SPREAD);
	assert_int_equal(deploy->budget_failed.count, 1);
	assert_int_equal(deploy->budget_unreachable.bp, 200);
	assert_int_equal(deploy->budget_unhealthy.count, 0);
	assert_int_equal(deploy->confirm_ms, 300000);
	assert_int_equal(deploy->keep, 5);
	assert_int_equal(plan->stages.items[0].bake_ms, 600000);
	assert_int_equal(plan->stages.items[0].gates, 0);
	assert_int_equal(plan->stages.items[0].on_failure, FAILURE_ROLLBACK);
	assert_int_equal(plan->no_data_hold_ms, 600000);
	assert_int_equal(plan->no_data_then, THEN_PAUSE);
	assert_int_equal(plan->on_conflict, CONFLICT_QUEUE);
	assert_int_equal(plan->deadline_ms, 4 * 3600000);
}

static void test_the_git_example_means_what_it_says(void **state)
{
	AUTO(plan) plan = example("git.yaml");

	(void)state;
	assert_int_equal(plan->release.source, SOURCE_GIT);
	assert_string_equal(plan->release.ref, "v2.14.0");
	assert_string_equal(plan->release.version, "v2.14.0");
	assert_string_equal(plan->release.subpath, "dist/linux");
	assert_int_equal(plan->deploy.probes.n, 2);
	assert_string_equal(plan->deploy.probes.items[0].target,
			    "{address}:8080");
	assert_string_equal(plan->deploy.probes.items[1].command.argv[1],
			    "--quick");
	assert_int_equal(plan->deploy.restart_command.timeout_ms, 45000);
	assert_int_equal(plan->stages.items[2].gates, 2);
	assert_int_equal(plan->stages.items[2].on_failure, FAILURE_HOLD);
	assert_int_equal(plan->gates.items[0].interval_ms, 30000);
	assert_int_equal(plan->gates.items[0].timeout_ms, 5000);
}

static void test_the_database_example_means_what_it_says(void **state)
{
	AUTO(plan) plan = example("database.yaml");

	(void)state;
	assert_int_equal(plan->release.source, SOURCE_TARBALL);
	assert_string_equal(plan->release.version, "2026.11");
	assert_int_equal(plan->deploy.restart, RESTART_NONE);
	assert_int_equal(plan->deploy.domains, DOMAINS_ONE_AT_A_TIME);
	assert_int_equal(plan->deploy.domains_place.line, 14);
	assert_int_equal(plan->stages.items[1].n_approvals, 2);
	assert_null(plan->stages.items[1].approve_from);
}

static void test_ten_mistakes_give_ten_located_messages(void **state)
{
	static const char text[] =
		"service: feed\n"
		"release: {dir: build/feed, version: v2}\n"
		"fleet: fleet.yaml\n"
		"hosts: role=feed and\n"
		"deploy:\n"
		"  root: srv/feed\n"
		"  restart: {systemd: feed.service}\n"
		"  max_unavailable: 110%\n"
		"  max_unavailible: 10%\n"
		"  domains: one-at-time\n"
		"  confirm: 20s\n"
		"stages:\n"
		"  - {name: half, hosts: 50%, bake: 10 minutes}\n"
		"  - {name: less, hosts: 5%, gates: [latecny]}\n"
		"gates:\n"
		"  - {name: latency, histogram: h}\n";
	static const char *const sentences[] = {
		"plan.yaml:4:8: hosts: letter 14, the end: a label is missing "
		"here, as in role=feed",
		"plan.yaml:6:9: deploy.root: \"srv/feed\" is not an absolute "
		"path like /srv/feed, without . and .. and a slash at the end",
		"plan.yaml:8:20: deploy.max_unavailable: \"110%\" is not a "
		"number of hosts or a share of them from 0% to 100%",
		"plan.yaml:9:3: deploy.max_unavailible: there is no such key "
		"(did you mean max_unavailable?)",
		"plan.yaml:10:12: deploy.domains: \"one-at-time\" is not "
		"spread or one-at-a-time (did you mean one-at-a-time?)",
		"plan.yaml:11:12: deploy.confirm: 20s is less than 1m 40s, "
		"twice "
		"what a switch may take (timeouts of drain, restart and "
		"probes, min_healthy_time and 10 s)",
		"plan.yaml:13:36: stages[0].bake: \"10 minutes\" is not a "
		"duration of at most a year, like 500ms, 30s, 10m, 4h or 1h30m",
		"plan.yaml:14:25: stages[1].hosts: 5% is not more than the 50% "
		"of stage \"half\" before it: stages count all hosts up to now",
		"plan.yaml:14:37: stages[1].gates[0]: there is no gate "
		"\"latecny\" (did you mean latency?)",
		"plan.yaml:16:21: gates[0].histogram: not in this version: "
		"gate on a value or a ratio",
	};
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	struct plan *plan = NULL;

	(void)state;
	assert_int_equal(parse(text, &mistakes, &plan), -ERR_INVALID);
	assert_null(plan);
	for (size_t i = 0; i < mistakes.list.n; i++)
		if (i < COUNT_OF(sentences))
			assert_string_equal(mistakes.list.items[i].text,
					    sentences[i]);
	assert_int_equal(mistakes.list.n, COUNT_OF(sentences));
	assert_int_equal(mistakes.list.items[3].place.line, 9);
	assert_int_equal(mistakes.list.items[3].place.column, 3);
}

/* Each is one mistake in a plan that is right but for it. */
static void test_each_mistake_is_said_in_one_sentence(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} table[] = {
		{ HEAD DEPLOY STAGES "users: {by: logicd}",
		  "6:1: users: not in this version: stages take shares of the "
		  "hosts" },
		{ HEAD DEPLOY STAGES "windows: []",
		  "6:1: windows: not in this version: start it when it may "
		  "run" },
		{ HEAD DEPLOY STAGES "notify: []",
		  "6:1: notify: not in this version: follow with grayctl watch "
		  "--json" },
		{ HEAD DEPLOY STAGES "metrics: [{libgray: feed}]",
		  "6:12: metrics[0].libgray: not in this version: export "
		  "Prometheus text and name its URL" },
		{ HEAD DEPLOY STAGES "strict: true",
		  "6:1: strict: not in this version: see the numbers in the "
		  "preview" },
		{ HEAD DEPLOY STAGES "baseline: fresh",
		  "6:1: baseline: not in this version: gates have fixed "
		  "limits, max and min" },
		{ HEAD DEPLOY
		  "stages: [{name: a, hosts: 1, bake: {until: evidence}}]",
		  "5:37: stages[0].bake.until: not in this version: write how "
		  "long with for" },
		{ HEAD DEPLOY "stages: [{name: a, hosts: 100%}, {name: b, "
			      "hosts: 100%}]",
		  "5:51: stages[1].hosts: never reached: stage \"a\" before it "
		  "takes all hosts" },
		{ HEAD DEPLOY "stages: [{name: a, hosts: 3}, {name: b, hosts: "
			      "3}]",
		  "5:48: stages[1].hosts: 3 is not more than the 3 of stage "
		  "\"a\" before it: stages count all hosts up to now" },
		{ HEAD DEPLOY "stages: [{name: a, hosts: 3}, {name: a, hosts: "
			      "4}]",
		  "5:38: stages[1].name: stages[0] is called a already" },
		{ HEAD DEPLOY "stages: [{name: a, hosts: 0%}]",
		  "5:27: stages[0].hosts: 0% is no host" },
		{ HEAD DEPLOY
		  "stages: [{name: a, hosts: 1, bake: {min_requests: 5}}]",
		  "5:51: stages[0].bake.min_requests: no gate of this stage "
		  "counts requests: it needs one with ratio" },
		{ HEAD DEPLOY "stages: [{name: a, hosts: 1, bake: 5h}]",
		  "1:1: deadline: 4h is not more than the 5h that the stages "
		  "bake" },
		{ HEAD DEPLOY STAGES "gates: [{name: g, value: up, max: 1}]",
		  "6:9: gates[0]: a value is read from the hosts' metrics: the "
		  "key metrics must say where they are" },
		{ HEAD DEPLOY STAGES "metrics: [{prometheus: \"http://h/m\"}]\n"
				     "gates: [{name: g, value: up}]",
		  "7:9: gates[0]: max, min or both are missing" },
		{ HEAD DEPLOY STAGES "metrics: [{prometheus: \"http://h/m\"}]\n"
				     "gates: [{name: g, ratio: {bad: b, total: "
				     "t}, max: 5}]",
		  "7:51: gates[0].max: a ratio is a part of 1: 5 lets "
		  "everything pass or nothing (did you mean 5%?)" },
		{ HEAD DEPLOY STAGES "gates: [{name: g, command: [x], max: 1}]",
		  "6:38: gates[0].max: only value and ratio have a limit" },
		{ HEAD DEPLOY STAGES "gates: [{name: g, command: [x]}, {name: "
				     "g, command: [y]}]",
		  "6:41: gates[1].name: gates[0] is called g already" },
		{ HEAD DEPLOY STAGES "gates: [{name: g, http: {url: ftp://x}}]",
		  "6:31: gates[0].http.url: \"ftp://x\" is not a URL with "
		  "http:// or https://" },
		{ HEAD DEPLOY STAGES "metrics: [{prometheus: \"https://h/m\"}]",
		  "6:24: metrics[0].prometheus: \"https://h/m\" is not a URL "
		  "like http://127.0.0.1:8080/path (hosts read http only)" },
		{ HEAD DEPLOY STAGES "metrics: [{prometheus: "
				     "\"http://{adress}/m\"}]",
		  "6:24: metrics[0].prometheus: \"{adress}/m\" stands for "
		  "nothing; {address} and {name} do, for the host's" },
		{ HEAD STAGES "deploy: {root: /srv/../etc, restart: none}",
		  "5:16: deploy.root: \"/srv/../etc\" is not an absolute path "
		  "like /srv/feed, without . and .. and a slash at the end" },
		{ HEAD STAGES "deploy: {root: /srv, restart: {command: "
			      "[/bin/x]}}",
		  "5:42: deploy.restart.command[0]: /bin/x is outside the "
		  "release: a path is relative to the release, a plain name is "
		  "looked up in PATH" },
		{ HEAD STAGES "deploy: {root: /srv, restart: {command: "
			      "[bin/../../x]}}",
		  "5:42: deploy.restart.command[0]: bin/../../x leads out of "
		  "the release" },
		{ HEAD STAGES "deploy: {root: /srv, restart: maybe}",
		  "5:31: deploy.restart: \"maybe\" is not none" },
		{ HEAD STAGES "deploy: {root: /srv, restart: {systemd: "
			      "--now}}",
		  "5:41: deploy.restart.systemd: \"--now\" is not a unit's "
		  "name" },
		{ HEAD STAGES "deploy: {root: /srv, restart: none, probe: "
			      "{tcp: localhost}}",
		  "5:50: deploy.probe.tcp: \"localhost\" is not host:port, "
		  "like 127.0.0.1:8080" },
		{ HEAD STAGES "deploy: {root: /srv, restart: none, probe: "
			      "{tcp: \"h:1\", status: 200}}",
		  "5:65: deploy.probe.status: only http has a status" },
		{ HEAD STAGES
		  "deploy: {root: /srv, restart: none, confirm: 1s}",
		  "5:46: deploy.confirm: 1s is less than 10s" },
		{ HEAD STAGES "deploy: {root: /srv, restart: none, keep: 1}",
		  "5:43: deploy.keep: 1 is less than 2" },
		{ "service: feed\nfleet: f\nrelease: {dir: b}\n" DEPLOY STAGES,
		  "3:10: release: the key version is missing (what people call "
		  "the release)" },
		{ "service: feed\nfleet: f\nrelease: {dir: b, git: {ref: "
		  "v}}\n" DEPLOY STAGES,
		  "3:19: release: dir and git are both here: one or the "
		  "other" },
		{ "service: feed\nfleet: f\nrelease: {tarball: {file: f, "
		  "sha256: abc}, version: v}\n" DEPLOY STAGES,
		  "3:38: release.tarball.sha256: \"abc\" is not 64 small "
		  "hexadecimal letters" },
		{ "service: a b\nfleet: f\nrelease: {git: {ref: v}}\n" DEPLOY
			  STAGES,
		  "1:10: service: \"a b\" is not a name: up to 63 letters, "
		  "digits, dots, dashes and underscores, the first a letter or "
		  "a digit" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO_VALUE(plan_mistakes) mistakes = { 0 };
		struct plan *plan = NULL;
		AUTO_STR char *want =
			mem_format("plan.yaml:%s", table[i].sentence);

		assert_int_equal(parse(table[i].text, &mistakes, &plan),
				 -ERR_INVALID);
		assert_string_equal(mistakes.list.items[0].text, want);
		assert_int_equal(mistakes.list.n, 1);
	}
}

static void test_a_file_that_is_no_plan_says_what_is_missing(void **state)
{
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	struct plan *plan = NULL;

	(void)state;
	assert_int_equal(parse("{}", &mistakes, &plan), -ERR_INVALID);
	assert_int_equal(mistakes.list.n, 5);
	assert_string_equal(mistakes.list.items[0].text,
			    "plan.yaml:1:1: the key service is missing (the "
			    "service that is rolled out; one running rollout "
			    "each)");
}

static void look_up_key(void *ctx, const struct schema_key *key)
{
	AUTO_STR char *item = mem_format(".It Ic %s", key->name);

	if (!strstr(ctx, item))
		fail_msg("man/plan.yaml.5 does not tell of %s", key->name);
	if (key->otherwise && !strstr(ctx, key->otherwise))
		fail_msg("man/plan.yaml.5: %s is %s by default", key->name,
			 key->otherwise);
}

static void test_the_manual_has_every_key(void **state)
{
	AUTO_VALUE(buf) page = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_read("man/plan.yaml.5", 1 << 20, &page, &err), 0);
	schema_each_key(&plan_schema, look_up_key, page.bytes);
}

static void test_the_schema_is_json_with_every_key(void **state)
{
	AUTO_STR char *text = plan_schema_json();
	AUTO(js) json = NULL;
	const struct js *properties;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(js_parse(text, strlen(text), &json, &err), 0);
	properties = js_get(json, "properties");
	for (const struct schema_key *key = plan_schema.keys; key->name; key++)
		assert_non_null(js_get(properties, key->name));
	assert_string_equal(
		js_get_str(js_get(properties, "deadline"), "default", ""),
		"4h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_web_example_means_what_it_says),
		cmocka_unit_test(
			test_what_is_left_out_has_the_documented_default),
		cmocka_unit_test(test_the_git_example_means_what_it_says),
		cmocka_unit_test(test_the_database_example_means_what_it_says),
		cmocka_unit_test(test_ten_mistakes_give_ten_located_messages),
		cmocka_unit_test(test_each_mistake_is_said_in_one_sentence),
		cmocka_unit_test(
			test_a_file_that_is_no_plan_says_what_is_missing),
		cmocka_unit_test(test_the_manual_has_every_key),
		cmocka_unit_test(test_the_schema_is_json_with_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
