#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollouts/view.h"

#define WALL 1795608000000ll

struct fixture {
	struct rollout *rollout;
	struct record record;
	uint64_t now_ms;
	struct action commands[3]; /* the last of each host */
};

static void step(struct fixture *f, struct event event)
{
	AUTO_VALUE(actions) actions = { .is_changed = false };

	f->now_ms += 1000;
	event.now_ms = f->now_ms;
	event.wall_ms = WALL + (int64_t)f->now_ms;
	rollout_step(f->rollout, &event, &actions);
	assert_int_equal(actions.refusal.code, ERR_NONE);
	for (size_t i = 0; i < actions.list.n; i++)
		if (actions.list.items[i].kind == ACTION_COMMAND)
			f->commands[actions.list.items[i].host] =
				actions.list.items[i];
}

/* HOST ends its last command, a VERB: on RELEASE, in STATE. */
static void obey(struct fixture *f, uint32_t host, enum agent_verb verb,
		 enum agent_host_state state, uint8_t release)
{
	struct event event = {
		.kind = EVENT_RESULT,
		.epoch = 41,
		.host = host,
		.seq = f->commands[host].seq,
		.command = verb,
		.host_state = state,
		.current = { { release } },
		.to = { { 9 } },
		.host_epoch = 41,
		.host_seq = f->commands[host].seq,
		.lease_left_ms = 300000,
	};

	assert_int_equal(f->commands[host].verb, verb);
	step(f, event);
}

static int set_up(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	struct rollout_config config = {
		.id = mem_str("feed-7"),
		.service = mem_str("feed"),
		.version = mem_str("v2"),
		.release = { { 9 } },
		.max_unavailable = 1,
		.n_attempts = 3,
		.confirm_ms = 300000,
		.switch_ms = 30000,
		.valid_ms = 10000,
		.gate_interval_ms = 5000,
		.deadline_ms = 14400000,
	};

	for (int i = 1; i <= 3; i++)
		*vec_add(&config.hosts) = (struct rollout_host_config){
			.name = mem_format("web-%d", i),
			.from = { { 1 } },
		};
	*vec_add(&config.stages) = (struct rollout_stage_config){
		.name = mem_str("one-box"),
		.n_hosts = 1,
		.bake_ms = 60000,
		.gates = 1,
	};
	*vec_add(&config.stages) = (struct rollout_stage_config){
		.name = mem_str("all"),
		.n_hosts = 3,
		.n_approvals = 1,
	};
	*vec_add(&config.gates) = mem_str("errors");
	f->rollout = rollout_new(&config);
	f->record = (struct record){
		.id = (char *)"feed-7",
		.service = (char *)"feed",
		.version = (char *)"v2",
		.release = { { 9 } },
		.who = (char *)"ann",
		.plan_path = (char *)"plan.yaml",
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	rollout_free(f->rollout);
	free(f);
	return 0;
}

static struct js *view_of(struct fixture *f, bool has_hosts)
{
	struct view_source source = {
		.record = &f->record,
		.rollout = f->rollout,
		.revision = 3,
		.now_ms = f->now_ms,
		.wall_ms = WALL + (int64_t)f->now_ms,
	};

	return view_json(&source, has_hosts);
}

static void start(struct fixture *f)
{
	step(f, (struct event){ .kind = EVENT_REIGN, .epoch = 41 });
	step(f, (struct event){ .kind = EVENT_OPERATOR,
				.verb = OPERATOR_START,
				.stage = UINT32_MAX });
}

static void test_a_rollout_that_waits_shows_its_whole_plan(void **state)
{
	struct fixture *f = *state;
	AUTO(js) view = view_of(f, false);
	const struct js *stage = js_at(js_get(view, "stages"), 1);

	assert_string_equal(js_get_str(view, "id", ""), "feed-7");
	assert_string_equal(js_get_str(view, "state", ""), "pending");
	assert_string_equal(js_get_str(view, "who", ""), "ann");
	assert_true(js_is_null(js_get(view, "reason")));
	assert_true(js_is_null(js_get(view, "started")));
	assert_true(js_is_null(js_get(view, "ended")));
	assert_int_equal(js_get_int(js_get(view, "hosts"), "total", -1), 3);
	assert_int_equal(js_get_int(js_get(view, "exposed"), "hosts", -1), 0);
	assert_int_equal(js_count(js_get(view, "stages")), 2);
	assert_string_equal(js_get_str(stage, "name", ""), "all");
	assert_int_equal(js_get_int(stage, "hosts", -1), 3);
	assert_int_equal(js_get_int(stage, "new_hosts", -1), 2);
	assert_int_equal(js_get_int(stage, "approvals_needed", -1), 1);
	assert_true(js_count(js_get(stage, "gates")) == 0);
	assert_null(js_get(view, "host_list"));
}

static void test_a_host_on_the_new_release_is_done_and_exposed(void **state)
{
	struct fixture *f = *state;
	struct event status = { .kind = EVENT_STATUS, .current = { { 1 } } };
	uint32_t exposed[3];
	AUTO(js) view = NULL;
	const struct js *stage;
	const struct js *host;

	start(f);
	for (status.host = 0; status.host < 3; status.host++) {
		step(f, status);
		obey(f, status.host, AGENT_VERB_FENCE, AGENT_HOST_STATE_IDLE,
		     1);
	}
	obey(f, 0, AGENT_VERB_STAGE, AGENT_HOST_STATE_STAGED, 1);
	obey(f, 0, AGENT_VERB_ACTIVATE, AGENT_HOST_STATE_UNCONFIRMED, 9);
	view = view_of(f, true);
	stage = js_at(js_get(view, "stages"), 0);
	host = js_at(js_get(view, "host_list"), 0);
	assert_string_equal(js_get_str(view, "state", ""), "progressing");
	assert_int_equal(js_get_int(view, "epoch", -1), 41);
	assert_false(js_is_null(js_get(view, "started")));
	assert_int_equal(js_get_int(js_get(view, "hosts"), "unconfirmed", -1),
			 1);
	assert_int_equal(js_get_int(js_get(view, "exposed"), "hosts", -1), 1);
	assert_int_equal(js_get_int(stage, "done", -1), 1);
	assert_string_equal(
		js_get_str(js_at(js_get(stage, "gates"), 0), "verdict", ""),
		"none");
	assert_int_equal(js_count(js_get(view, "host_list")), 3);
	assert_string_equal(js_get_str(host, "name", ""), "web-1");
	assert_string_equal(js_get_str(host, "stage", ""), "one-box");
	assert_true(js_get_bool(host, "reachable", false));
	assert_int_equal(view_exposed_hosts(f->rollout, exposed), 1);
	assert_int_equal(exposed[0], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_rollout_that_waits_shows_its_whole_plan),
		TEST(test_a_host_on_the_new_release_is_done_and_exposed),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
