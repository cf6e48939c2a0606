#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "rollouts/journal.h"
#include "rollouts/rollout_state.h"
#include "tests/support/tmpdir.h"

static void assert_same_text(const char *a, const char *b)
{
	if (!a || !b)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_same_event(const struct event *a, const struct event *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->now_ms, b->now_ms);
	assert_int_equal(a->wall_ms, b->wall_ms);
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->verb, b->verb);
	assert_same_text(a->who, b->who);
	assert_same_text(a->reason, b->reason);
	assert_int_equal(a->stage, b->stage);
	assert_int_equal(a->host, b->host);
	assert_int_equal(a->host_state, b->host_state);
	assert_true(digest_equal(&a->current, &b->current));
	assert_true(digest_equal(&a->to, &b->to));
	assert_int_equal(a->host_epoch, b->host_epoch);
	assert_int_equal(a->host_seq, b->host_seq);
	assert_int_equal(a->lease_left_ms, b->lease_left_ms);
	assert_int_equal(a->is_busy, b->is_busy);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->command, b->command);
	assert_int_equal(a->code, b->code);
	assert_same_text(a->text, b->text);
	assert_int_equal(a->gate, b->gate);
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->n_samples, b->n_samples);
}

/* One of each kind, every field that the kind has set to something. */
static const struct event events[] = {
	{ .kind = EVENT_TICK, .now_ms = 1, .wall_ms = -5 },
	{ .kind = EVENT_REIGN,
	  .now_ms = 2,
	  .wall_ms = 1795608000000,
	  .epoch = 41 },
	{ .kind = EVENT_OPERATOR,
	  .now_ms = 3,
	  .verb = OPERATOR_ROLLBACK,
	  .who = (char *)"ann (as root)",
	  .reason = (char *)"it \"smells\"\n",
	  .stage = UINT32_MAX },
	{ .kind = EVENT_STATUS,
	  .now_ms = 4,
	  .host = 7,
	  .host_state = AGENT_HOST_STATE_UNCONFIRMED,
	  .current = { { 1, 2, 3 } },
	  .to = { { 255 } },
	  .host_epoch = 41,
	  .host_seq = 12,
	  .lease_left_ms = 299999,
	  .is_busy = true },
	{ .kind = EVENT_RESULT,
	  .now_ms = 5,
	  .host = 7,
	  .host_state = AGENT_HOST_STATE_REVERTING,
	  .host_epoch = 41,
	  .host_seq = 13,
	  .epoch = 41,
	  .seq = 13,
	  .command = AGENT_VERB_ACTIVATE,
	  .code = ERR_TIMEOUT,
	  .text = (char *)"probe: no answer" },
	{ .kind = EVENT_LOST,
	  .now_ms = 6,
	  .host = 3,
	  .code = ERR_HOSTKEY,
	  .text = (char *)"changed key" },
	{ .kind = EVENT_VERDICT,
	  .now_ms = UINT32_MAX + 7ull,
	  .stage = 2,
	  .gate = 1,
	  .verdict = VERDICT_NO_DATA,
	  .n_samples = 10213,
	  .text = (char *)"errors: nothing" },
};

static void test_every_kind_of_event_comes_back_as_it_was(void **state)
{
	static const struct actions none;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(events); i++) {
		AUTO_VALUE(store_batch) batch = { 0 };
		struct err err = ERR_INIT;
		struct event got;

		assert_int_equal(events[i].kind, i);
		journal_add(&batch, "s", i, &events[i], &none);
		assert_int_equal(batch.changes.n, 1);
		assert_int_equal(batch.changes.items[0].revision, i);
		assert_int_equal(
			journal_parse(batch.changes.items[0].text, &got, &err),
			0);
		assert_same_event(&events[i], &got);
		event_release(&got);
	}
}

static void test_intents_are_stored_with_their_event(void **state)
{
	AUTO_VALUE(store_batch) batch = { 0 };
	AUTO_VALUE(actions) actions = { .is_changed = true };

	(void)state;
	*vec_add(&actions.list) = (struct action){ .kind = ACTION_LOG };
	*vec_add(&actions.list) = (struct action){ .kind = ACTION_COMMAND,
						   .host = 4,
						   .seq = 9,
						   .verb = AGENT_VERB_REVERT };
	journal_add(&batch, "s", 0, &events[0], &actions);
	assert_non_null(strstr(batch.changes.items[0].text,
			       "\"intents\":[{\"host\":4,\"seq\":9,"
			       "\"verb\":\"revert\"}]"));
}

static void test_a_text_that_is_no_event_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"event\":\"party\"}",
		"{\"event\":\"status\",\"current\":\"12\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct err err = ERR_INIT;
		struct event got;

		assert_true(journal_parse(texts[i], &got, &err) < 0);
	}
}

static void make_config(struct rollout_config *out)
{
	*out = (struct rollout_config){
		.id = mem_str("feed-7"),
		.service = mem_str("feed"),
		.version = mem_str("v2"),
		.release = { { 9, 9 } },
		.gates_final_only = 1u << 31,
		.max_unavailable = 2,
		.domains = DOMAINS_ONE_AT_A_TIME,
		.budget_failed = 1,
		.budget_unreachable = 2,
		.budget_unhealthy = 3,
		.n_attempts = 3,
		.confirm_ms = 300000,
		.switch_ms = 30000,
		.valid_ms = 10000,
		.gate_interval_ms = 5000,
		.no_data_hold_ms = 600000,
		.no_data_then = THEN_ROLLBACK,
		.deadline_ms = 14400000,
		.seq_base = 17,
	};
	*vec_add(&out->hosts) = (struct rollout_host_config){
		.name = mem_str("web-1"), .domain = 0, .from = { { 1 } }
	};
	*vec_add(&out->hosts) =
		(struct rollout_host_config){ .name = mem_str("web-2"),
					      .domain = 1 };
	*vec_add(&out->stages) = (struct rollout_stage_config){
		.name = mem_str("one-box"),
		.n_hosts = 1,
		.bake_ms = 60000,
		.min_requests = 10,
		.n_approvals = 2,
		.on_failure = FAILURE_HOLD,
		.gates = 0x80000001,
	};
	*vec_add(&out->stages) =
		(struct rollout_stage_config){ .name = mem_str("all"),
					       .n_hosts = 2 };
	*vec_add(&out->gates) = mem_str("errors");
}

static void test_a_configuration_comes_back_as_it_was(void **state)
{
	struct rollout_config config;
	struct rollout_config got;
	AUTO(js) json = NULL;
	AUTO(js) again = NULL;
	AUTO_STR char *text = NULL;
	AUTO_STR char *text_again = NULL;
	struct err err = ERR_INIT;

	(void)state;
	make_config(&config);
	json = journal_config_json(&config);
	assert_int_equal(journal_config_parse(json, &got, &err), 0);
	again = journal_config_json(&got);
	text = js_format(json);
	text_again = js_format(again);
	assert_string_equal(text, text_again);
	assert_int_equal(got.seq_base, 17);
	assert_int_equal(got.gates_final_only, 1u << 31);
	assert_int_equal(got.stages.items[0].gates, 0x80000001);
	assert_int_equal(got.stages.items[0].on_failure, FAILURE_HOLD);
	assert_int_equal(got.hosts.items[1].domain, 1);
	assert_true(digest_is_zero(&got.hosts.items[1].from));
	rollout_config_release(&config);
	rollout_config_release(&got);
}

static void test_a_folded_journal_gives_the_rollout_as_it_was(void **state)
{
	AUTO_STR char *stream = journal_stream("feed-7");
	char *dir = tmpdir_make();
	AUTO_STR char *path = mem_format("%s/gray.db", dir);
	AUTO(store) store = NULL;
	AUTO(rollout) live = NULL;
	AUTO(rollout) folded = NULL;
	struct rollout_config config;
	struct event start[] = {
		{ .kind = EVENT_REIGN, .now_ms = 5, .wall_ms = 5, .epoch = 1 },
		{ .kind = EVENT_OPERATOR,
		  .now_ms = 6,
		  .wall_ms = 6,
		  .verb = OPERATOR_START,
		  .stage = UINT32_MAX },
	};
	struct err err = ERR_INIT;
	uint64_t epoch;
	uint64_t revision = 0;

	(void)state;
	assert_int_equal(store_open_sqlite(path, &store, &err), 0);
	assert_int_equal(store_take_epoch(store, "test", &epoch, &err), 0);
	make_config(&config);
	live = rollout_new(&config);
	for (size_t i = 0; i < COUNT_OF(start); i++) {
		AUTO_VALUE(actions) actions = { .is_changed = false };
		AUTO_VALUE(store_batch) batch = { 0 };

		rollout_step(live, &start[i], &actions);
		journal_add(&batch, stream, i, &start[i], &actions);
		assert_int_equal(store_commit(store, epoch, &batch, &err), 0);
	}
	make_config(&config);
	folded = rollout_new(&config);
	assert_int_equal(journal_fold(store, stream, folded, &revision, &err),
			 0);
	assert_int_equal(revision, 2);
	assert_int_equal(rollout_state(live), ROLLOUT_PROGRESSING);
	assert_true(rollout_digest(folded) == rollout_digest(live));
	tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_of_event_comes_back_as_it_was),
		cmocka_unit_test(test_intents_are_stored_with_their_event),
		cmocka_unit_test(test_a_text_that_is_no_event_is_refused),
		cmocka_unit_test(test_a_configuration_comes_back_as_it_was),
		cmocka_unit_test(
			test_a_folded_journal_gives_the_rollout_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
