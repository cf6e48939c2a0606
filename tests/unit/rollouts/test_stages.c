#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/sys/file.h"
#include "rollouts/stages.h"

#define HEAD                                   \
	"service: feed\n"                      \
	"release: {dir: build, version: v1}\n" \
	"fleet: fleet.yaml\n"                  \
	"deploy: {root: /srv/feed, restart: none}\n"

static struct plan *plan_of(const char *path, const char *text)
{
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	struct plan *plan = NULL;
	struct err err = ERR_INIT;

	if (plan_parse(path, text, strlen(text), &mistakes, &plan, &err) < 0)
		fail_msg("%s", mistakes.list.items[0].text);
	return plan;
}

static struct fleet *fleet_of(const char *text)
{
	AUTO_VALUE(buf) errors = BUF_INIT;
	struct fleet *fleet = NULL;
	struct err err = ERR_INIT;

	if (fleet_parse("fleet.yaml", text, strlen(text), &errors, &fleet,
			&err) < 0)
		fail_msg("%s", buf_str(&errors));
	return fleet;
}

/* N hosts that are called h1, h2, ... */
static struct fleet *plain_fleet(uint32_t n)
{
	AUTO_STR char *text = mem_format("hosts: [{name: \"h[1:%u]\"}]", n);

	return fleet_of(text);
}

static const char *name_at(const struct stages *stages,
			   const struct fleet *fleet, size_t i)
{
	return fleet->hosts.items[stages->hosts.items[i].host].name;
}

static struct stages *make(const struct plan *plan, const struct fleet *fleet)
{
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	struct stages *stages = NULL;
	struct err err = ERR_INIT;

	if (stages_make(plan, fleet, &mistakes, &stages, &err) < 0)
		fail_msg("%s", mistakes.list.items[0].text);
	return stages;
}

static const char two_domains[] =
	"hosts:\n"
	"  - {name: \"a[1:3]\", labels: {idc: sz, role: feed}}\n"
	"  - {name: \"b[1:2]\", labels: {idc: sh, role: feed}}\n"
	"  - {name: c1, labels: {idc: sh, role: db}}\n"
	"domain: idc\n";

static void test_spread_takes_a_host_of_each_domain_by_turns(void **state)
{
	static const char *const names[] = { "a1", "b1", "a2", "b2", "a3" };
	AUTO(plan)
	plan = plan_of("p", HEAD "hosts: role=feed\n"
				 "stages: [{name: one, hosts: 1}, {name: half, "
				 "hosts: 50%}, {name: all, hosts: 100%}]");
	AUTO(fleet) fleet = fleet_of(two_domains);
	AUTO(stages) stages = make(plan, fleet);

	(void)state;
	assert_int_equal(stages->hosts.n, 5);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_string_equal(name_at(stages, fleet, i), names[i]);
	assert_int_equal(stages->domains.n, 2);
	assert_string_equal(stages->domains.items[1], "sh");
	assert_int_equal(stages->hosts.items[1].domain, 1);
	assert_int_equal(stages->counts.items[0], 1);
	assert_int_equal(stages->counts.items[1], 2);
	assert_int_equal(stages->counts.items[2], 5);
}

static void test_one_at_a_time_finishes_a_domain_first(void **state)
{
	static const char *const names[] = {
		"a1", "a2", "a3", "b1", "b2", "c1"
	};
	AUTO(plan)
	plan = plan_of("p", "service: feed\n"
			    "release: {dir: build, version: v1}\n"
			    "fleet: fleet.yaml\n"
			    "deploy: {root: /srv/feed, restart: none, domains: "
			    "one-at-a-time, max_unavailable: 2}\n"
			    "stages: [{name: all, hosts: 100%}]\n");
	AUTO(fleet) fleet = fleet_of(two_domains);
	AUTO(stages) stages = make(plan, fleet);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_string_equal(name_at(stages, fleet, i), names[i]);
	/* a1 a2 | a3 | b1 b2 | c1: no batch has hosts of two domains */
	assert_int_equal(stages_batches(stages, DOMAINS_ONE_AT_A_TIME, 0, 6),
			 4);
	assert_int_equal(stages_batches(stages, DOMAINS_SPREAD, 0, 6), 3);
	assert_int_equal(stages_batches(stages, DOMAINS_SPREAD, 2, 2), 0);
}

static void test_what_does_not_fit_the_fleet_is_located(void **state)
{
	static const struct {
		const char *text;
		uint32_t n;
		const char *sentence;
	} table[] = {
		{ HEAD "stages: [{name: a, hosts: 0.1%}, {name: b, hosts: "
		       "100%}]",
		  40,
		  "plan.yaml:5:27: stages[0].hosts: 0.1% of 40 hosts is no "
		  "host; the smallest share is 3% (did you mean hosts: 1?)" },
		{ HEAD "stages: [{name: a, hosts: 0.01%}]", 1000,
		  "plan.yaml:5:27: stages[0].hosts: 0.01% of 1000 hosts is no "
		  "host; the smallest share is 0.1% (did you mean hosts: 1?)" },
		{ HEAD "stages: [{name: a, hosts: 2}, {name: b, hosts: 50%}]",
		  5,
		  "plan.yaml:5:48: stages[1].hosts: 50% of 5 hosts is 2, no "
		  "more than in stage \"a\" before it; the smallest share is "
		  "60% (did you mean hosts: 3?)" },
		{ HEAD "stages: [{name: a, hosts: 50%}, {name: b, hosts: 3}]",
		  10,
		  "plan.yaml:5:50: stages[1].hosts: 3 is no more than the 5 of "
		  "stage \"a\" before it (did you mean hosts: 6?)" },
		{ HEAD "stages: [{name: a, hosts: 2}, {name: b, hosts: 100%}]",
		  2,
		  "plan.yaml:5:48: stages[1].hosts: all 2 hosts are in stage "
		  "\"a\" already: leave this stage out" },
		{ HEAD "stages: [{name: a, hosts: 60}]", 40,
		  "plan.yaml:5:27: stages[0].hosts: 60 is more than the 40 "
		  "hosts that are selected (did you mean 100%?)" },
		{ HEAD "hosts: name=x*\nstages: [{name: a, hosts: 1}]", 2,
		  "plan.yaml:5:8: hosts: name=x* selects none of the 2 hosts "
		  "of the fleet" },
		{ HEAD "hosts: nmae=h1\nstages: [{name: a, hosts: 1}]", 2,
		  "plan.yaml:5:8: hosts: no host of the fleet has the label "
		  "nmae (did you mean name?)" },
		{ "service: feed\nrelease: {dir: b, version: v}\nfleet: f\n"
		  "deploy: {root: /s, restart: none, domains: one-at-a-time}\n"
		  "stages: [{name: a, hosts: 1}]",
		  2,
		  "plan.yaml:4:44: deploy.domains: the fleet names no failure "
		  "domains: one-at-a-time needs domain: in f" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO(plan) plan = plan_of("plan.yaml", table[i].text);
		AUTO(fleet) fleet = plain_fleet(table[i].n);
		AUTO_VALUE(plan_mistakes) mistakes = { 0 };
		struct stages *stages = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(
			stages_make(plan, fleet, &mistakes, &stages, &err),
			-ERR_INVALID);
		assert_null(stages);
		assert_string_equal(mistakes.list.items[0].text,
				    table[i].sentence);
		assert_int_equal(mistakes.list.n, 1);
	}
}

/* For every number of hosts to 1000 and every percent. */
static void test_shares_round_down_and_limits_keep_one_to_spare(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 1000; n++) {
		uint32_t last = 0;

		for (uint32_t percent = 0; percent <= 100; percent++) {
			struct plan_amount amount = { .is_share = true,
						      .bp = percent * 100 };
			uint32_t count = stages_amount(&amount, n);
			uint32_t most = stages_max_unavailable(&amount, n);

			assert_in_range(count, last, n);
			assert_true(count * 100 <= n * percent);
			assert_true((count + 1) * 100 > n * percent);
			assert_in_range(most, 1, n);
			if (percent < 100 && n > 1)
				assert_true(most < n);
			if (percent == 100)
				assert_true(most == n && count == n);
			last = count;
		}
	}
}

/* A plan of two shares is refused just when a stage would add no host. */
static void test_a_stage_has_a_new_host_or_is_a_mistake(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 60; n++) {
		AUTO(fleet) fleet = plain_fleet(n);

		for (uint32_t percent = 1; percent < 100; percent += 7) {
			AUTO_STR char *text = mem_format(
				HEAD "stages: [{name: a, hosts: %u%%}, "
				     "{name: b, hosts: 100%%}]",
				percent);
			AUTO(plan) plan = plan_of("p", text);
			AUTO(stages) stages = NULL;
			AUTO_VALUE(plan_mistakes) mistakes = { 0 };
			struct err err = ERR_INIT;
			int result = stages_make(plan, fleet, &mistakes,
						 &stages, &err);

			assert_int_equal(result == 0, n * percent >= 100);
			assert_int_equal(mistakes.list.n, result == 0 ? 0 : 1);
		}
	}
}

static void test_limits_are_counted_on_the_selected_hosts(void **state)
{
	AUTO(plan)
	plan = plan_of("p", HEAD "stages: [{name: all, hosts: 100%}]");
	AUTO(fleet) fleet = plain_fleet(155);
	AUTO(stages) stages = make(plan, fleet);

	(void)state;
	assert_int_equal(stages->max_unavailable, 15);
	assert_int_equal(stages->budget_failed, 1);
	assert_int_equal(stages->budget_unreachable, 3);
	assert_int_equal(stages->budget_unhealthy, 0);
	assert_int_equal(stages->domains.n, 1);
}

static void test_every_example_fits_the_example_fleet(void **state)
{
	static const struct {
		const char *name;
		uint32_t counts[4];
		size_t n_stages;
		uint32_t max_unavailable;
	} table[] = {
		{ "smallest.yaml", { 1, 44 }, 2, 4 },
		{ "web.yaml", { 1, 2, 20, 40 }, 4, 4 },
		{ "git.yaml", { 4, 20, 40 }, 3, 4 },
		{ "database.yaml", { 2, 4 }, 2, 1 },
	};
	AUTO_VALUE(buf) errors = BUF_INIT;
	AUTO(fleet) fleet = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fleet_load("rollouts/examples/fleet.yaml", &errors,
				    &fleet, &err),
			 0);
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO_STR char *path =
			mem_format("rollouts/examples/%s", table[i].name);
		AUTO_VALUE(buf) text = BUF_INIT;
		AUTO(plan) plan = NULL;
		AUTO(stages) stages = NULL;

		assert_int_equal(file_read(path, PLAN_MAX_BYTES, &text, &err),
				 0);
		plan = plan_of(path, buf_str(&text));
		stages = make(plan, fleet);
		assert_int_equal(stages->counts.n, table[i].n_stages);
		for (size_t j = 0; j < table[i].n_stages; j++)
			assert_int_equal(stages->counts.items[j],
					 table[i].counts[j]);
		assert_int_equal(stages->max_unavailable,
				 table[i].max_unavailable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_spread_takes_a_host_of_each_domain_by_turns),
		cmocka_unit_test(test_one_at_a_time_finishes_a_domain_first),
		cmocka_unit_test(test_what_does_not_fit_the_fleet_is_located),
		cmocka_unit_test(
			test_shares_round_down_and_limits_keep_one_to_spare),
		cmocka_unit_test(test_a_stage_has_a_new_host_or_is_a_mistake),
		cmocka_unit_test(test_limits_are_counted_on_the_selected_hosts),
		cmocka_unit_test(test_every_example_fits_the_example_fleet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
