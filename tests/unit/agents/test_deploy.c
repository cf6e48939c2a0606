#include "agents/deploy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BOOT	   "boot-1"
#define OTHER_BOOT "boot-2"
#define NOW_MS	   1000000
#define LEASE_MS   60000
#define SLOT_MS	   8000
#define PERIOD_MS  40000

/* A host: the machine, what the link names, and what is on disk. */
struct host {
	struct deploy deploy;
	struct deploy_record disk;
	struct digest link;
	struct deploy_actions actions;
	uint64_t now_ms;
	uint64_t seq;
	const char *problem;
};

static struct digest digest_named(char name)
{
	struct digest digest = { { 0 } };

	if (name)
		digest_of(&name, 1, &digest);
	return digest;
}

static void step(struct host *host, struct deploy_event *event)
{
	event->now_ms = host->now_ms;
	deploy_step(&host->deploy, event, &host->actions);
	if (host->actions.persist)
		host->disk = host->deploy.record;
}

static void start_boot(struct host *host, const char *boot_id, bool is_boot)
{
	struct deploy_event event = { .kind = DEPLOY_START,
				      .boot_id = boot_id,
				      .is_boot = is_boot,
				      .current = host->link };

	deploy_init(&host->deploy);
	host->deploy.record = host->disk;
	step(host, &event);
}

/* Nothing but what is on disk is left. */
static void crash(struct host *host)
{
	start_boot(host, BOOT, false);
}

/* On release 'a', confirmed. */
static void host_init(struct host *host)
{
	memset(host, 0, sizeof(*host));
	host->now_ms = NOW_MS;
	host->link = digest_named('a');
	host->disk.result.is_known = true;
	host->disk.current = host->link;
	host->disk.stable = host->link;
	host->disk.epoch = 1;
	host->seq = 1;
	host->disk.seq = 1;
	start_boot(host, BOOT, false);
}

static void send_command(struct host *host, struct agent_command *command)
{
	static char boot[] = BOOT;
	struct deploy_event event = { .kind = DEPLOY_COMMAND,
				      .command = command,
				      .current = host->link,
				      .current_problem = host->problem };

	if (!command->epoch) {
		command->epoch = 1;
		command->seq = ++host->seq;
	}
	if (!command->boot_id)
		command->boot_id = boot;
	if (!command->valid_until_ms)
		command->valid_until_ms = host->now_ms + 1000;
	step(host, &event);
}

static void command(struct host *host, enum agent_verb verb, char release)
{
	struct agent_command ask = {
		.verb = verb,
		.release = digest_named(release),
		.lease_ms = LEASE_MS,
		.slot_in_ms = 3000,
		.slot_ms = SLOT_MS,
		.slot_period_ms = PERIOD_MS,
	};

	if (verb == AGENT_VERB_REVERT)
		ask.target = ask.release;
	send_command(host, &ask);
}

static void done(struct host *host, enum err_code code)
{
	struct deploy_event event = { .kind = DEPLOY_DONE,
				      .work = host->deploy.work,
				      .code = code,
				      .text = code ? "it broke" : "" };

	if (!code && event.work == DEPLOY_FLIP)
		host->link = host->actions.release;
	step(host, &event);
}

static void expect_work(const struct host *host, enum deploy_work work,
			char release)
{
	struct digest digest = digest_named(release);

	assert_string_equal(deploy_work_name(host->actions.work),
			    deploy_work_name(work));
	assert_true(digest_equal(&host->actions.release, &digest));
}

static void expect_answer(const struct host *host, enum err_code code)
{
	assert_true(host->actions.answer);
	assert_string_equal(err_name(host->actions.code), err_name(code));
}

static void expect_state(const struct host *host, enum agent_host_state state)
{
	assert_string_equal(agent_host_state_name(host->deploy.record.state),
			    agent_host_state_name(state));
	assert_string_equal(agent_host_state_name(host->disk.state),
			    agent_host_state_name(state));
}

static void stage(struct host *host, char release)
{
	command(host, AGENT_VERB_STAGE, release);
	expect_work(host, DEPLOY_STAGE, release);
	done(host, ERR_NONE);
	expect_answer(host, ERR_NONE);
	expect_state(host, AGENT_HOST_STATE_STAGED);
}

/* Until the work that is WORK goes on. */
static void activate_to(struct host *host, char release, enum deploy_work work)
{
	stage(host, release);
	command(host, AGENT_VERB_ACTIVATE, release);
	while (host->deploy.work != work)
		done(host, ERR_NONE);
}

static void activate(struct host *host, char release)
{
	activate_to(host, release, DEPLOY_PROBE);
	done(host, ERR_NONE);
	expect_answer(host, ERR_NONE);
	expect_state(host, AGENT_HOST_STATE_UNCONFIRMED);
}

static void expect_way_back(struct host *host, char release)
{
	expect_state(host, AGENT_HOST_STATE_REVERTING);
	assert_true(host->actions.persist);
	assert_true(host->actions.is_revert);
	expect_work(host, DEPLOY_FLIP, release);
	done(host, ERR_NONE);
	expect_work(host, DEPLOY_RESTART, release);
	done(host, ERR_NONE);
	expect_work(host, DEPLOY_PROBE, release);
	done(host, ERR_NONE);
	expect_state(host, AGENT_HOST_STATE_IDLE);
}

static void test_activation_goes_through_its_steps_in_order(void **state)
{
	static const enum deploy_work order[] = { DEPLOY_PREPARE, DEPLOY_DRAIN,
						  DEPLOY_FLIP, DEPLOY_RESTART,
						  DEPLOY_PROBE };
	struct host host;

	(void)state;
	host_init(&host);
	stage(&host, 'b');
	command(&host, AGENT_VERB_ACTIVATE, 'b');
	expect_work(&host, DEPLOY_VERIFY, 'b');
	assert_true(digest_equal(&host.actions.other, &host.link));
	expect_state(&host, AGENT_HOST_STATE_STAGED);
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		done(&host, ERR_NONE);
		expect_work(&host, order[i], 'b');
		/* On disk before anything is done to the service. */
		expect_state(&host, AGENT_HOST_STATE_ARMED);
	}
	done(&host, ERR_NONE);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
	expect_answer(&host, ERR_NONE);
	command(&host, AGENT_VERB_CONFIRM, 'b');
	expect_answer(&host, ERR_NONE);
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
	assert_true(digest_equal(&host.disk.stable, &host.link));
}

static void test_pair_is_on_disk_before_the_work(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	command(&host, AGENT_VERB_STAGE, 'b');
	assert_true(host.actions.persist);
	assert_int_equal(host.disk.seq, host.seq);
	assert_false(host.disk.result.is_known);
}

static void test_repeat_gets_the_stored_result_and_no_work(void **state)
{
	struct host host;
	struct agent_command again = { .verb = AGENT_VERB_ACTIVATE,
				       .epoch = 1 };

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	again.seq = host.seq;
	send_command(&host, &again);
	expect_answer(&host, ERR_NONE);
	assert_true(host.actions.is_repeat);
	assert_int_equal(host.actions.work, DEPLOY_NOTHING);
	assert_false(host.actions.persist);
}

static void test_repeat_of_what_goes_on_waits_for_its_end(void **state)
{
	struct host host;
	struct agent_command again = { .verb = AGENT_VERB_STAGE, .epoch = 1 };

	(void)state;
	host_init(&host);
	command(&host, AGENT_VERB_STAGE, 'b');
	again.seq = host.seq;
	send_command(&host, &again);
	assert_false(host.actions.answer);
	assert_int_equal(host.actions.work, DEPLOY_NOTHING);
}

static void test_lower_pair_is_stale(void **state)
{
	struct host host;
	struct agent_command old = { .verb = AGENT_VERB_ACTIVATE,
				     .epoch = 1,
				     .seq = 1 };

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	command(&host, AGENT_VERB_REVERT, 0);
	expect_way_back(&host, 'a');
	/* The one that the model found: a late activate after a revert. */
	old.seq = host.seq - 1;
	send_command(&host, &old);
	expect_answer(&host, ERR_STALE);
	expect_state(&host, AGENT_HOST_STATE_IDLE);
}

static void test_fence_raises_the_pair_and_nothing_else(void **state)
{
	struct host host;
	struct agent_command fence = { .verb = AGENT_VERB_FENCE,
				       .epoch = 5,
				       .seq = 1 };
	struct agent_command zombie = { .verb = AGENT_VERB_CONFIRM,
					.epoch = 4,
					.seq = 900 };

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	send_command(&host, &fence);
	expect_answer(&host, ERR_NONE);
	assert_int_equal(host.disk.epoch, 5);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
	send_command(&host, &zombie);
	expect_answer(&host, ERR_STALE);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
}

static void test_fence_during_work_lets_it_end(void **state)
{
	struct host host;
	struct agent_command fence = { .verb = AGENT_VERB_FENCE,
				       .epoch = 5,
				       .seq = 1 };
	uint64_t seq;

	(void)state;
	host_init(&host);
	activate_to(&host, 'b', DEPLOY_PROBE);
	seq = host.seq;
	send_command(&host, &fence);
	expect_answer(&host, ERR_NONE);
	assert_int_equal(host.actions.epoch, 5);
	done(&host, ERR_NONE);
	expect_answer(&host, ERR_NONE);
	assert_int_equal(host.actions.seq, seq);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
	assert_int_equal(host.disk.epoch, 5);
	assert_int_equal(host.disk.result.verb, AGENT_VERB_FENCE);
}

static void test_second_command_is_told_to_come_again(void **state)
{
	struct host host;
	struct agent_command other = { .verb = AGENT_VERB_REVERT,
				       .epoch = 1,
				       .seq = 90 };

	(void)state;
	host_init(&host);
	activate_to(&host, 'b', DEPLOY_RESTART);
	send_command(&host, &other);
	expect_answer(&host, ERR_CONFLICT);
	assert_false(host.actions.persist);
	assert_int_not_equal(host.disk.seq, 90);
	assert_int_equal(host.deploy.work, DEPLOY_RESTART);
}

static void test_late_or_foreign_boots_command_is_too_old(void **state)
{
	struct host host;
	char boot[] = OTHER_BOOT;
	struct agent_command late = { .verb = AGENT_VERB_FENCE,
				      .epoch = 9,
				      .seq = 1,
				      .valid_until_ms = NOW_MS - 1 };
	struct agent_command foreign = {
		.verb = AGENT_VERB_FENCE, .epoch = 9, .seq = 1, .boot_id = boot
	};

	(void)state;
	host_init(&host);
	send_command(&host, &late);
	expect_answer(&host, ERR_STALE);
	send_command(&host, &foreign);
	expect_answer(&host, ERR_STALE);
	assert_int_equal(host.disk.epoch, 1);
}

static void test_failure_before_drain_leaves_it_staged(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate_to(&host, 'b', DEPLOY_PREPARE);
	done(&host, ERR_FAILED);
	expect_answer(&host, ERR_FAILED);
	expect_state(&host, AGENT_HOST_STATE_STAGED);
}

static void test_failure_after_it_goes_back_at_once(void **state)
{
	static const enum deploy_work fatal[] = { DEPLOY_DRAIN, DEPLOY_FLIP,
						  DEPLOY_RESTART,
						  DEPLOY_PROBE };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(fatal); i++) {
		struct host host;

		host_init(&host);
		activate_to(&host, 'b', fatal[i]);
		done(&host, ERR_TIMEOUT);
		assert_false(host.actions.answer);
		expect_way_back(&host, 'a');
		expect_answer(&host, ERR_TIMEOUT);
		assert_non_null(strstr(host.actions.text, "it broke"));
		assert_non_null(
			strstr(host.actions.text, deploy_work_name(fatal[i])));
		host.link = digest_named('a');
	}
}

static void test_way_back_that_fails_is_stuck_until_reverted(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate_to(&host, 'b', DEPLOY_PROBE);
	done(&host, ERR_FAILED);
	done(&host, ERR_NONE); /* flip */
	done(&host, ERR_FAILED);
	expect_answer(&host, ERR_FAILED);
	expect_state(&host, AGENT_HOST_STATE_STUCK);
	command(&host, AGENT_VERB_STAGE, 'c');
	expect_answer(&host, ERR_CONFLICT);
	command(&host, AGENT_VERB_REVERT, 0);
	expect_work(&host, DEPLOY_VERIFY, 'a');
	done(&host, ERR_NONE);
	expect_way_back(&host, 'a');
	expect_answer(&host, ERR_NONE);
}

static void test_lease_end_reverts_in_the_hosts_own_slot(void **state)
{
	struct host host;
	struct deploy_event timer = { .kind = DEPLOY_TIMER };
	uint64_t slot_ms = NOW_MS + 3000; /* and every PERIOD_MS after it */
	uint64_t at_ms;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	at_ms = deploy_timer_ms(&host.deploy, host.now_ms);
	assert_true(at_ms >= NOW_MS + LEASE_MS);
	assert_true(at_ms < NOW_MS + LEASE_MS + PERIOD_MS);
	assert_int_equal((at_ms - slot_ms) % PERIOD_MS, 0);

	host.now_ms = at_ms - 1;
	step(&host, &timer);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
	/* Too late in the slot to be up again before the next host's. */
	host.now_ms = at_ms + SLOT_MS / 2;
	step(&host, &timer);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
	assert_int_equal(deploy_timer_ms(&host.deploy, host.now_ms),
			 at_ms + PERIOD_MS);
	host.now_ms = at_ms + PERIOD_MS + 5;
	step(&host, &timer);
	expect_way_back(&host, 'a');
	assert_false(host.actions.answer);
	assert_non_null(strstr(host.disk.note, "lease"));
}

static void test_slots_of_two_hosts_never_overlap(void **state)
{
	(void)state;
	/* Leases end at any moments; what is fixed is each one's slot. */
	for (uint64_t skew_ms = 0; skew_ms < 2 * PERIOD_MS; skew_ms += 977) {
		struct deploy a = {
			.record = { .state = AGENT_HOST_STATE_UNCONFIRMED,
				    .slot_start_ms = NOW_MS,
				    .slot_ms = SLOT_MS,
				    .slot_period_ms = PERIOD_MS }
		};
		struct deploy b = a;
		uint64_t at_a;
		uint64_t at_b;

		b.record.slot_start_ms += SLOT_MS;
		a.record.lease_end_ms = NOW_MS + LEASE_MS;
		b.record.lease_end_ms = NOW_MS + LEASE_MS + skew_ms;
		at_a = deploy_timer_ms(&a, NOW_MS);
		at_b = deploy_timer_ms(&b, NOW_MS);
		assert_true(at_a + SLOT_MS <= at_b || at_b + SLOT_MS <= at_a);
	}
}

static void test_extend_moves_the_end_and_the_slots(void **state)
{
	struct host host;
	struct agent_command extend = { .verb = AGENT_VERB_EXTEND,
					.lease_ms = 500000 };

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	host.now_ms += 30000;
	send_command(&host, &extend);
	expect_answer(&host, ERR_NONE);
	assert_int_equal(host.disk.lease_end_ms, host.now_ms + 500000);
	assert_int_equal(deploy_timer_ms(&host.deploy, host.now_ms),
			 host.now_ms + 500000);
	assert_int_equal(deploy_lease_left_ms(&host.deploy, host.now_ms),
			 500000);
}

static void test_guard_killed_while_armed_goes_back(void **state)
{
	static const enum deploy_work moments[] = { DEPLOY_PREPARE,
						    DEPLOY_DRAIN, DEPLOY_FLIP,
						    DEPLOY_RESTART,
						    DEPLOY_PROBE };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(moments); i++) {
		struct host host;
		struct agent_command again = { .verb = AGENT_VERB_ACTIVATE,
					       .epoch = 1 };

		host_init(&host);
		activate_to(&host, 'b', moments[i]);
		crash(&host);
		expect_way_back(&host, 'a');
		again.seq = host.seq;
		send_command(&host, &again);
		expect_answer(&host, ERR_FAILED);
		assert_true(host.actions.is_repeat);
	}
}

static void test_guard_killed_while_unconfirmed_goes_on_waiting(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	crash(&host);
	assert_int_equal(host.actions.work, DEPLOY_NOTHING);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
	assert_true(deploy_timer_ms(&host.deploy, host.now_ms) > host.now_ms);
	command(&host, AGENT_VERB_CONFIRM, 'b');
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
}

static void
test_reboot_while_unconfirmed_goes_back_without_restart(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	start_boot(&host, OTHER_BOOT, true);
	expect_state(&host, AGENT_HOST_STATE_REVERTING);
	expect_work(&host, DEPLOY_FLIP, 'a');
	done(&host, ERR_NONE);
	expect_state(&host, AGENT_HOST_STATE_IDLE);
	assert_int_equal(host.actions.work, DEPLOY_NOTHING);
}

static void test_interrupted_way_back_is_taken_up_again(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	command(&host, AGENT_VERB_REVERT, 0);
	done(&host, ERR_NONE); /* flip */
	crash(&host);
	expect_way_back(&host, 'a');
}

static void test_reboot_of_a_confirmed_host_changes_nothing(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	command(&host, AGENT_VERB_CONFIRM, 'b');
	start_boot(&host, OTHER_BOOT, true);
	assert_int_equal(host.actions.work, DEPLOY_NOTHING);
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
}

static void test_revert_long_after_success_verifies_its_target(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	command(&host, AGENT_VERB_CONFIRM, 'b');
	command(&host, AGENT_VERB_REVERT, 'a');
	expect_work(&host, DEPLOY_VERIFY, 'a');
	done(&host, ERR_CORRUPT);
	expect_answer(&host, ERR_CORRUPT);
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
	command(&host, AGENT_VERB_REVERT, 'a');
	done(&host, ERR_NONE);
	expect_way_back(&host, 'a');
	expect_answer(&host, ERR_NONE);
}

static void test_revert_of_an_idle_host_has_nothing_to_do(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	stage(&host, 'b');
	command(&host, AGENT_VERB_REVERT, 'a');
	expect_answer(&host, ERR_NONE);
	assert_int_equal(host.actions.work, DEPLOY_NOTHING);
	expect_state(&host, AGENT_HOST_STATE_IDLE);
}

static void test_first_install_goes_back_to_nothing(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	host.link = digest_named(0);
	activate_to(&host, 'b', DEPLOY_PROBE);
	done(&host, ERR_FAILED);
	expect_work(&host, DEPLOY_FLIP, 0);
	done(&host, ERR_NONE);
	expect_work(&host, DEPLOY_RESTART, 0);
	done(&host, ERR_NONE);
	expect_state(&host, AGENT_HOST_STATE_IDLE);
	assert_true(digest_is_zero(&host.disk.current));
}

static void test_link_changed_by_hand_stops_arm_and_confirm(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	stage(&host, 'b');
	host.link = digest_named('x');
	command(&host, AGENT_VERB_ACTIVATE, 'b');
	expect_answer(&host, ERR_CONFLICT);
	assert_non_null(strstr(host.actions.text, "another hand"));
	host.link = digest_named('a');
	host.problem = "current is a folder";
	command(&host, AGENT_VERB_ACTIVATE, 'b');
	expect_answer(&host, ERR_CONFLICT);
	host.problem = NULL;
	activate(&host, 'c');
	host.link = digest_named('x');
	command(&host, AGENT_VERB_CONFIRM, 'c');
	expect_answer(&host, ERR_CONFLICT);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
}

static void test_drop_forgets_what_was_staged(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	stage(&host, 'b');
	command(&host, AGENT_VERB_DROP, 'b');
	expect_work(&host, DEPLOY_DROP, 'b');
	expect_state(&host, AGENT_HOST_STATE_IDLE);
	done(&host, ERR_NONE);
	expect_answer(&host, ERR_NONE);
	command(&host, AGENT_VERB_ACTIVATE, 'b');
	expect_answer(&host, ERR_CONFLICT);
}

static void test_confirm_counts_whatever_becomes_of_pruning(void **state)
{
	struct host host;
	struct agent_command confirm = { .verb = AGENT_VERB_CONFIRM,
					 .keep = 5 };

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	send_command(&host, &confirm);
	expect_work(&host, DEPLOY_PRUNE, 'b');
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
	assert_true(host.disk.result.is_known);
	done(&host, ERR_SYSTEM);
	expect_answer(&host, ERR_NONE);
}

static void
test_staging_keeps_a_confirmed_host_as_it_is_until_done(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	activate(&host, 'b');
	command(&host, AGENT_VERB_CONFIRM, 'b');
	command(&host, AGENT_VERB_STAGE, 'c');
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
	done(&host, ERR_NO_SPACE);
	expect_answer(&host, ERR_NO_SPACE);
	expect_state(&host, AGENT_HOST_STATE_CONFIRMED);
}

static void test_each_verb_applies_in_its_states_only(void **state)
{
	struct host host;

	(void)state;
	host_init(&host);
	command(&host, AGENT_VERB_CONFIRM, 'b');
	expect_answer(&host, ERR_CONFLICT);
	command(&host, AGENT_VERB_EXTEND, 'b');
	expect_answer(&host, ERR_CONFLICT);
	command(&host, AGENT_VERB_ACTIVATE, 'b');
	expect_answer(&host, ERR_CONFLICT);
	activate(&host, 'b');
	command(&host, AGENT_VERB_STAGE, 'c');
	expect_answer(&host, ERR_CONFLICT);
	command(&host, AGENT_VERB_DROP, 'b');
	expect_answer(&host, ERR_CONFLICT);
	command(&host, AGENT_VERB_REVERT, 'b');
	expect_answer(&host, ERR_CONFLICT);
	expect_state(&host, AGENT_HOST_STATE_UNCONFIRMED);
}

static void test_a_record_that_is_not_ours_is_refused(void **state)
{
	struct deploy_record record = { .state = AGENT_HOST_STATE_IDLE };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(deploy_check_record(&record, &err), 0);
	memset(record.note, 'x', sizeof(record.note));
	assert_int_equal(deploy_check_record(&record, &err), -ERR_CORRUPT);
	record.note[0] = '\0';
	record.state = (enum agent_host_state)7;
	assert_int_equal(deploy_check_record(&record, &err), -ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_activation_goes_through_its_steps_in_order),
		cmocka_unit_test(test_pair_is_on_disk_before_the_work),
		cmocka_unit_test(
			test_repeat_gets_the_stored_result_and_no_work),
		cmocka_unit_test(test_repeat_of_what_goes_on_waits_for_its_end),
		cmocka_unit_test(test_lower_pair_is_stale),
		cmocka_unit_test(test_fence_raises_the_pair_and_nothing_else),
		cmocka_unit_test(test_fence_during_work_lets_it_end),
		cmocka_unit_test(test_second_command_is_told_to_come_again),
		cmocka_unit_test(test_late_or_foreign_boots_command_is_too_old),
		cmocka_unit_test(test_failure_before_drain_leaves_it_staged),
		cmocka_unit_test(test_failure_after_it_goes_back_at_once),
		cmocka_unit_test(
			test_way_back_that_fails_is_stuck_until_reverted),
		cmocka_unit_test(test_lease_end_reverts_in_the_hosts_own_slot),
		cmocka_unit_test(test_slots_of_two_hosts_never_overlap),
		cmocka_unit_test(test_extend_moves_the_end_and_the_slots),
		cmocka_unit_test(test_guard_killed_while_armed_goes_back),
		cmocka_unit_test(
			test_guard_killed_while_unconfirmed_goes_on_waiting),
		cmocka_unit_test(
			test_reboot_while_unconfirmed_goes_back_without_restart),
		cmocka_unit_test(test_interrupted_way_back_is_taken_up_again),
		cmocka_unit_test(
			test_reboot_of_a_confirmed_host_changes_nothing),
		cmocka_unit_test(
			test_revert_long_after_success_verifies_its_target),
		cmocka_unit_test(test_revert_of_an_idle_host_has_nothing_to_do),
		cmocka_unit_test(test_first_install_goes_back_to_nothing),
		cmocka_unit_test(
			test_link_changed_by_hand_stops_arm_and_confirm),
		cmocka_unit_test(test_drop_forgets_what_was_staged),
		cmocka_unit_test(
			test_confirm_counts_whatever_becomes_of_pruning),
		cmocka_unit_test(
			test_staging_keeps_a_confirmed_host_as_it_is_until_done),
		cmocka_unit_test(test_each_verb_applies_in_its_states_only),
		cmocka_unit_test(test_a_record_that_is_not_ours_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
