#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/sys/file.h"
#include "rollouts/preview.h"

struct world {
	struct plan *plan;
	struct fleet *fleet;
	struct stages *stages;
};

static void world_of(const char *name, struct world *out)
{
	AUTO_STR char *path = mem_format("rollouts/examples/%s", name);
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(buf) errors = BUF_INIT;
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(file_read(path, PLAN_MAX_BYTES, &text, &err), 0);
	assert_int_equal(plan_parse(path, buf_str(&text), text.size, &mistakes,
				    &out->plan, &err),
			 0);
	assert_int_equal(fleet_load("rollouts/examples/fleet.yaml", &errors,
				    &out->fleet, &err),
			 0);
	assert_int_equal(stages_make(out->plan, out->fleet, &mistakes,
				     &out->stages, &err),
			 0);
}

static void world_end(struct world *world)
{
	plan_free(world->plan);
	fleet_free(world->fleet);
	stages_free(world->stages);
}

static void test_the_web_example_prints_hosts_and_numbers(void **state)
{
	static const char want[] =
		"feed v2.14.0: 40 of 44 hosts of fleet.yaml, 4 stages\n"
		"\n"
		"Stages\n"
		"  one-box         1 host, 1 new in 1 batch, bakes 10m\n"
		"                  web-01\n"
		"                  gates errors, memory, page\n"
		"  canary          2 hosts, 1 new in 1 batch, bakes 10m\n"
		"                  web-31\n"
		"                  bakes until 10000 requests were judged, "
		"too\n"
		"                  gates errors, memory, page\n"
		"  half            20 hosts, 18 new in 5 batches, bakes 30m\n"
		"                  web-[02:10], web-[32:40]\n"
		"                  starts when 1 person of oncall agreed\n"
		"                  gates errors, memory, page\n"
		"  all             40 hosts, 20 new in 5 batches, bakes 10m\n"
		"                  web-[11:30]\n"
		"                  gates errors, memory, page\n"
		"\n"
		"Gates\n"
		"  errors          http_requests_total{code=~\"5..\"} of\n"
		"                  http_requests_total at most 1%\n"
		"  memory          process_resident_memory_bytes at most "
		"2000000000\n"
		"  page            https://feed.example/healthz answers 200\n"
		"\n"
		"Limits\n"
		"  out at once     at most 4 hosts (max_unavailable 10%)\n"
		"  domains         2 by idc, by turns\n"
		"  stops at        1 failed, 2 unreachable or 1 unhealthy "
		"hosts\n"
		"\n"
		"Times\n"
		"  one switch      1m 30s at most\n"
		"  whole rollout   1h 18m at most, besides sending files and "
		"waiting\n"
		"                  for people; deadline 4h\n"
		"  full rollback   15m at most: 10 batches of 4\n"
		"  controller lost hosts not confirmed for 5m go back by "
		"themselves,\n"
		"                  the last within 16m 13s\n";
	struct world world;
	AUTO_STR char *text = NULL;

	(void)state;
	world_of("web.yaml", &world);
	text = preview_text(world.plan, world.fleet, world.stages, 70);
	assert_string_equal(text, want);
	world_end(&world);
}

static void test_no_line_is_wider_than_asked_for(void **state)
{
	struct world world;

	(void)state;
	world_of("web.yaml", &world);
	for (unsigned width = 60; width <= 120; width += 20) {
		AUTO_STR char *text = preview_text(world.plan, world.fleet,
						   world.stages, width);
		size_t n;

		for (const char *p = text; *p; p += n + 1) {
			n = strcspn(p, "\n");
			assert_in_range(n, 0, width);
			assert_int_equal(p[n], '\n');
		}
	}
	world_end(&world);
}

static void test_one_domain_at_a_time_needs_more_batches(void **state)
{
	struct world world;
	AUTO_STR char *text = NULL;

	(void)state;
	world_of("database.yaml", &world);
	text = preview_text(world.plan, world.fleet, world.stages, 80);
	assert_non_null(strstr(text, "2 hosts, 2 new in 2 batches"));
	assert_non_null(strstr(text, "db-[1:2]\n"));
	assert_non_null(strstr(text, "starts when 2 people agreed"));
	assert_non_null(strstr(text, "2 by idc, one at a time"));
	assert_non_null(strstr(text, "Note: no gate judges stage "
				     "\"first-idc\""));
	world_end(&world);
}

static void test_the_json_has_every_host_in_order(void **state)
{
	struct world world;
	AUTO(js) json = NULL;
	const struct js *stage;

	(void)state;
	world_of("web.yaml", &world);
	json = preview_json(world.plan, world.fleet, world.stages);
	stage = js_at(js_get(json, "stages"), 2);
	assert_int_equal(js_get_int(json, "hosts", 0), 40);
	assert_int_equal(js_get_int(json, "max_unavailable", 0), 4);
	assert_int_equal(js_get_int(json, "rollback_ms", 0), 900000);
	assert_int_equal(js_get_int(stage, "new_hosts", 0), 18);
	assert_int_equal(js_count(js_get(stage, "host_list")), 18);
	assert_string_equal(js_str(js_at(js_get(stage, "host_list"), 1), ""),
			    "web-32");
	assert_string_equal(
		js_get_str(js_at(js_get(json, "gates"), 0), "kind", ""),
		"ratio");
	assert_int_equal(
		js_get_int(js_at(js_get(json, "domains"), 1), "hosts", 0), 10);
	world_end(&world);
}

static void test_what_is_worth_a_thought_is_noted(void **state)
{
	struct world world;
	AUTO_VALUE(preview) preview = { 0 };

	(void)state;
	world_of("smallest.yaml", &world);
	world.plan->deadline_ms = 1000;
	world.stages->max_unavailable = 44;
	world.stages->counts.items[1] = 43;
	preview_make(world.plan, world.stages, &preview);
	assert_int_equal(preview.notes.n, 5);
	assert_string_equal(preview.notes.items[0],
			    "1 of the selected hosts stays on the old release: "
			    "the last stage takes less than 100%");
	assert_non_null(strstr(preview.notes.items[1], "all hosts may be out"));
	assert_non_null(strstr(preview.notes.items[2], "the deadline, 1s"));
	assert_non_null(strstr(preview.notes.items[3], "no probe"));
	assert_non_null(strstr(preview.notes.items[4], "stage \"one-box\""));
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_web_example_prints_hosts_and_numbers),
		cmocka_unit_test(test_no_line_is_wider_than_asked_for),
		cmocka_unit_test(test_one_domain_at_a_time_needs_more_batches),
		cmocka_unit_test(test_the_json_has_every_host_in_order),
		cmocka_unit_test(test_what_is_worth_a_thought_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
