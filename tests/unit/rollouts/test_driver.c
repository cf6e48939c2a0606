/*
 * The driver with a real store, a real plan and a real release, on hosts that
 * are a struct each (fake_link.h). Each reign of the controller is a process of
 * its own, so that it can be killed at any command without a word.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "rollouts/changelog.h"
#include "rollouts/driver.h"
#include "tests/support/tmpdir.h"
#include "tests/unit/rollouts/fake_link.h"

#define LIMIT_MS 20000 /* a reign that takes so long hangs */

/* One process: launch plans, give an order, wait for the ends. */
struct reign {
	const char *dir;
	const char *plans[2]; /* texts; NULL: none */
	const char *order_on; /* rollout to roll back at once, or NULL */
	const char *await;    /* rollout whose final state ends the reign */
	struct loop *loop;
	struct loop_timer *looker;
	struct driver *driver;
	unsigned n_launched;
	enum err_code refused; /* the last launch or order */
	bool ends_when_refused;
	bool is_over;
};

static void look_cb(void *ctx)
{
	struct reign *reign = ctx;
	AUTO(js) list = NULL;
	struct err err = ERR_INIT;
	AUTO(js) view = NULL;
	const char *state;

	if (driver_view(reign->driver, reign->await, false, &view, &err))
		return;
	state = js_get_str(view, "state", "");
	reign->is_over = strcmp(state, "succeeded") == 0 ||
			 strcmp(state, "rolled_back") == 0 ||
			 strcmp(state, "canceled") == 0 ||
			 strcmp(state, "failed") == 0;
	if (reign->is_over)
		loop_stop(reign->loop);
}

static void changed_cb(void *ctx, const char *id)
{
	struct reign *reign = ctx;

	(void)id;
	/* Not now: the driver is in the middle of its acts. */
	loop_timer_set(reign->looker, 0);
}

static void fatal_cb(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)fprintf(stderr, "fatal: %s\n", err->text);
	_exit(1);
}

static void launch_next(struct reign *reign);

static void launched_cb(void *ctx, const char *id, const struct err *err,
			const struct js *mistakes)
{
	struct reign *reign = ctx;

	for (size_t i = 0; i < js_count(mistakes); i++)
		(void)fprintf(stderr, "%s\n", js_str(js_at(mistakes, i), ""));
	if (!id)
		(void)fprintf(stderr, "launch: %s\n", err->text);
	reign->refused = id ? ERR_NONE : err->code;
	launch_next(reign);
	look_cb(reign);
	if (reign->refused && reign->ends_when_refused)
		loop_stop(reign->loop);
}

/* One after the other: imports on threads may end in any order. */
static void launch_next(struct reign *reign)
{
	unsigned i = reign->n_launched++;
	struct driver_launch launch = {
		.plan_path = "plan.yaml",
		.base_dir = reign->dir,
		.who = "ann",
	};

	if (i >= COUNT_OF(reign->plans) || !reign->plans[i])
		return;
	launch.plan_text = reign->plans[i];
	driver_launch(reign->driver, &launch, launched_cb, reign);
}

static void too_long_cb(void *ctx)
{
	const struct reign *reign = ctx;
	AUTO_STR char *why = NULL;
	struct err err = ERR_INIT;

	if (driver_why(reign->driver, reign->await, &why, &err) == 0)
		(void)fprintf(stderr, "hangs: %s\n", why);
	_exit(2);
}

static void reign_begin(struct reign *reign, struct blobs **blobs)
{
	struct driver_options options = {
		.home = reign->dir,
		.holder = "test",
		.agent_command = "agent",
		.changed = changed_cb,
		.fatal = fatal_cb,
		.ctx = reign,
	};
	AUTO_STR char *path = mem_format("%s/blobs", reign->dir);
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&reign->loop, &err), 0);
	assert_int_equal(blobs_open(path, blobs, &err), 0);
	reign->looker = loop_timer_new(reign->loop, look_cb, reign);
	options.loop = reign->loop;
	options.blobs = *blobs;
	assert_int_equal(driver_new(&options, &reign->driver, &err), 0);
}

static void give_work(struct reign *reign)
{
	struct run_order order = {
		.verb = OPERATOR_ROLLBACK,
		.who = "ann",
		.reason = "test",
	};
	struct err err = ERR_INIT;

	launch_next(reign);
	if (reign->order_on &&
	    driver_operate(reign->driver, reign->order_on, &order, &err))
		reign->refused = err.code;
}

/* In a child; the exit status. */
static int reign_run(struct reign *reign)
{
	struct blobs *blobs;
	struct loop_timer *limit;

	reign_begin(reign, &blobs);
	limit = loop_timer_new(reign->loop, too_long_cb, reign);
	loop_timer_set(limit, LIMIT_MS);
	give_work(reign);
	loop_timer_set(reign->looker, 0);
	loop_run(reign->loop);
	loop_timer_free(limit);
	loop_timer_free(reign->looker);
	driver_free(reign->driver);
	blobs_free(blobs);
	loop_free(reign->loop);
	return (int)reign->refused;
}

static int in_child(struct reign *reign)
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0)
		_exit(reign_run(reign));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	struct err err = ERR_INIT;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(
		file_replace_at(fd, name, text, strlen(text), 0644, &err), 0);
	(void)close(fd);
}

static char *plan_text(const char *version, const char *more)
{
	return mem_format("service: feed\n"
			  "release: {dir: release, version: %s}\n"
			  "fleet: fleet.yaml\n"
			  "deploy:\n"
			  "  root: /srv/feed\n"
			  "  restart: none\n"
			  "  max_unavailable: 1\n"
			  "  confirm: 1m\n"
			  "  budget: {failed: 0}\n"
			  "stages:\n"
			  "  - {name: one-box, hosts: 1, bake: 20ms}\n"
			  "  - {name: all, hosts: 100%%, bake: 20ms}\n"
			  "%s",
			  version, more);
}

static int set_up(void **state)
{
	char *dir = tmpdir_make();
	AUTO_STR char *release = mem_format("%s/release", dir);

	memset(shared, 0, sizeof(*shared));
	shared->verdict = VERDICT_PASS;
	assert_int_equal(mkdir(release, 0755), 0);
	write_file(release, "feed", "v1\n");
	write_file(dir, "fleet.yaml",
		   "hosts:\n"
		   "  - {name: \"web-[1:3]\", address: \"127.0.1.[1:3]\"}\n");
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	tmpdir_remove(*state);
	return 0;
}

/* Of rollout ID, from the store, as the next controller would see it. */
static char *final_state(const char *dir, const char *id)
{
	AUTO_STR char *path = mem_format("%s/gray.db", dir);
	AUTO(store) store = NULL;
	AUTO(js) view = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(store_open_sqlite(path, &store, &err), 0);
	assert_int_equal(record_load_view(store, id, false, &view, &err), 0);
	return mem_str(js_get_str(view, "state", "?"));
}

static void assert_ended(const char *dir, const char *id, const char *expected)
{
	AUTO_STR char *state = final_state(dir, id);

	assert_string_equal(state, expected);
}

static void assert_log_is_whole(const char *dir)
{
	AUTO_STR char *path = mem_format("%s/gray.db", dir);
	AUTO(store) store = NULL;
	struct changelog_proof proof;
	struct err err = ERR_INIT;

	assert_int_equal(store_open_sqlite(path, &store, &err), 0);
	assert_int_equal(changelog_verify(store, &proof, &err), 0);
	assert_true(proof.is_ok);
	assert_true(proof.n_entries > 0);
}

static void test_a_good_release_ends_on_every_host(void **state)
{
	AUTO_STR char *plan = plan_text("v1", "");
	struct reign reign = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };

	assert_int_equal(in_child(&reign), 0);
	assert_ended(*state, "feed-1", "succeeded");
	for (size_t i = 0; i < N_HOSTS; i++) {
		assert_int_equal(shared->hosts[i].state,
				 AGENT_HOST_STATE_CONFIRMED);
		assert_int_equal(shared->hosts[i].n_activations, 1);
		assert_false(digest_is_zero(&shared->hosts[i].current));
	}
	assert_log_is_whole(*state);
}

static void test_a_bad_release_is_taken_back_from_every_host(void **state)
{
	AUTO_STR char *plan = plan_text("v1", "");
	struct reign reign = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };

	shared->is_bad = true;
	assert_int_equal(in_child(&reign), 0);
	assert_ended(*state, "feed-1", "rolled_back");
	for (size_t i = 0; i < N_HOSTS; i++)
		assert_true(digest_is_zero(&shared->hosts[i].current));
	assert_log_is_whole(*state);
}

#define SMOKE "gates:\n  - {name: smoke, http: {url: \"http://x/\"}}\n"

static void test_a_gate_that_passes_is_shown_every_exposed_host(void **state)
{
	AUTO_STR char *plan = plan_text("v1", SMOKE);
	struct reign reign = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };

	assert_int_equal(in_child(&reign), 0);
	assert_ended(*state, "feed-1", "succeeded");
	assert_int_equal(shared->n_exposed, N_HOSTS);
}

static void test_a_gate_that_fails_takes_the_release_back(void **state)
{
	AUTO_STR char *plan = plan_text("v1", SMOKE);
	struct reign reign = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };

	shared->verdict = VERDICT_FAIL;
	assert_int_equal(in_child(&reign), 0);
	assert_ended(*state, "feed-1", "rolled_back");
	assert_int_equal(shared->n_exposed, 1);
	assert_int_equal(shared->hosts[0].n_reverts, 1);
	assert_int_equal(shared->hosts[2].n_activations, 0);
}

/* Kill the first reign at point K; the second must end as if nothing was. */
static bool kill_and_go_on(const char *dir, const char *plan, unsigned k)
{
	struct reign first = { .dir = dir,
			       .plans = { plan },
			       .await = "feed-1" };
	struct reign second = { .dir = dir, .await = "feed-1" };
	int status;

	shared->kill_at = k;
	status = in_child(&first);
	if (status == 0)
		return false; /* it ended before there was a point K */
	assert_int_equal(status, KILLED);
	assert_int_equal(in_child(&second), 0);
	return true;
}

static void test_killed_at_any_command_it_ends_as_it_would_have(void **state)
{
	AUTO_STR char *plan = plan_text("v1", SMOKE);
	unsigned k = 0;
	bool was_killed = true;

	while (was_killed) {
		void *dir = NULL;

		assert_int_equal(set_up(&dir), 0);
		was_killed = kill_and_go_on(dir, plan, ++k);
		assert_ended(dir, "feed-1", "succeeded");
		for (size_t i = 0; i < N_HOSTS; i++) {
			assert_int_equal(shared->hosts[i].state,
					 AGENT_HOST_STATE_CONFIRMED);
			assert_int_equal(shared->hosts[i].n_activations, 1);
			assert_int_equal(shared->hosts[i].n_reverts, 0);
		}
		assert_log_is_whole(dir);
		tear_down(&dir);
	}
	assert_true(k > 4 * N_HOSTS); /* fence, stage, activate, confirm */
	(void)state;
}

static void test_killed_in_a_rollback_it_goes_on_going_back(void **state)
{
	AUTO_STR char *plan = plan_text("v1", "");
	unsigned k = 0;
	bool was_killed = true;

	while (was_killed) {
		void *dir = NULL;

		assert_int_equal(set_up(&dir), 0);
		shared->is_bad = true;
		was_killed = kill_and_go_on(dir, plan, ++k);
		assert_ended(dir, "feed-1", "rolled_back");
		for (size_t i = 0; i < N_HOSTS; i++)
			assert_true(digest_is_zero(&shared->hosts[i].current));
		assert_log_is_whole(dir);
		tear_down(&dir);
	}
	(void)state;
}

static void test_a_second_rollout_waits_for_the_first(void **state)
{
	AUTO_STR char *first = plan_text("v1", "");
	AUTO_STR char *second = plan_text("v2", "on_conflict: queue\n");
	struct reign reign = { .dir = *state,
			       .plans = { first, second },
			       .await = "feed-2" };

	assert_int_equal(in_child(&reign), 0);
	assert_ended(*state, "feed-1", "succeeded");
	assert_ended(*state, "feed-2", "succeeded");
}

static void test_a_second_rollout_may_be_refused(void **state)
{
	AUTO_STR char *first = plan_text("v1", "");
	AUTO_STR char *second = plan_text("v2", "on_conflict: reject\n");
	struct reign reign = { .dir = *state,
			       .plans = { first, second },
			       .await = "feed-1" };

	assert_int_equal(in_child(&reign), ERR_CONFLICT);
	assert_ended(*state, "feed-1", "succeeded");
}

static void test_a_second_rollout_may_take_over(void **state)
{
	AUTO_STR char *first = plan_text("v1", "");
	AUTO_STR char *second = plan_text("v2", "on_conflict: supersede\n");
	struct reign reign = { .dir = *state,
			       .plans = { first, second },
			       .await = "feed-2" };

	assert_int_equal(in_child(&reign), 0);
	assert_ended(*state, "feed-1", "rolled_back");
	assert_ended(*state, "feed-2", "succeeded");
}

/* Two releases, each successful in a reign of its own. */
static void succeed_twice(const char *dir, struct digest *out_first)
{
	AUTO_STR char *first = plan_text("v1", "");
	AUTO_STR char *second = plan_text("v2", "");
	AUTO_STR char *release = mem_format("%s/release", dir);
	struct reign one = { .dir = dir,
			     .plans = { first },
			     .await = "feed-1" };
	struct reign two = { .dir = dir,
			     .plans = { second },
			     .await = "feed-2" };

	assert_int_equal(in_child(&one), 0);
	*out_first = shared->hosts[0].current;
	write_file(release, "feed", "v2\n");
	assert_int_equal(in_child(&two), 0);
	assert_false(digest_equal(out_first, &shared->hosts[0].current));
}

static void test_a_rollout_goes_back_long_after_its_success(void **state)
{
	struct reign back = { .dir = *state,
			      .order_on = "feed-2",
			      .await = "feed-2" };
	struct reign further = { .dir = *state,
				 .order_on = "feed-1",
				 .await = "feed-1" };
	struct digest v1;

	succeed_twice(*state, &v1);
	assert_int_equal(in_child(&back), 0);
	assert_ended(*state, "feed-2", "rolled_back");
	for (size_t i = 0; i < N_HOSTS; i++)
		assert_true(digest_equal(&v1, &shared->hosts[i].current));
	assert_int_equal(in_child(&further), 0);
	assert_ended(*state, "feed-1", "rolled_back");
	for (size_t i = 0; i < N_HOSTS; i++)
		assert_true(digest_is_zero(&shared->hosts[i].current));
}

static void test_what_a_later_one_replaced_does_not_go_back(void **state)
{
	struct reign back = { .dir = *state,
			      .order_on = "feed-1",
			      .await = "feed-2" };
	struct digest v1;

	succeed_twice(*state, &v1);
	assert_int_equal(in_child(&back), ERR_CONFLICT);
	assert_ended(*state, "feed-1", "succeeded");
	assert_false(digest_equal(&v1, &shared->hosts[0].current));
}

static void change_store(const char *dir, const struct store_batch *batch)
{
	AUTO_STR char *path = mem_format("%s/gray.db", dir);
	AUTO(store) store = NULL;
	struct err err = ERR_INIT;
	uint64_t epoch;

	assert_int_equal(store_open_sqlite(path, &store, &err), 0);
	assert_int_equal(store_take_epoch(store, "vandal", &epoch, &err), 0);
	assert_int_equal(store_commit(store, epoch, batch, &err), 0);
}

static void assert_holds_its_service(const char *dir, const char *plan)
{
	struct reign next = { .dir = dir,
			      .plans = { plan },
			      .await = "feed-1",
			      .ends_when_refused = true };

	assert_int_equal(in_child(&next), ERR_CORRUPT);
}

static void test_a_rollout_that_cannot_be_read_holds_its_service(void **state)
{
	AUTO_STR char *plan = plan_text("v1", "");
	struct reign first = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };
	AUTO_VALUE(store_batch) batch = { 0 };

	shared->kill_at = 5;
	assert_int_equal(in_child(&first), KILLED);
	store_batch_put(&batch, "config/feed-1", "{\"hosts\": []}");
	change_store(*state, &batch);
	assert_holds_its_service(*state, plan);
}

static void test_a_rollout_that_kills_is_left_alone_in_the_end(void **state)
{
	AUTO_STR char *plan = plan_text("v1", "");
	struct reign first = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };
	AUTO_VALUE(store_batch) batch = { 0 };

	shared->kill_at = 5;
	assert_int_equal(in_child(&first), KILLED);
	store_batch_put(&batch, "loading/feed-1", GRAY_VERSION " 3");
	change_store(*state, &batch);
	assert_holds_its_service(*state, plan);
}

static void test_tries_of_another_version_do_not_count(void **state)
{
	AUTO_STR char *plan = plan_text("v1", "");
	struct reign first = { .dir = *state,
			       .plans = { plan },
			       .await = "feed-1" };
	struct reign second = { .dir = *state, .await = "feed-1" };
	AUTO_VALUE(store_batch) batch = { 0 };

	shared->kill_at = 5;
	assert_int_equal(in_child(&first), KILLED);
	store_batch_put(&batch, "loading/feed-1", "0.0.0-old 3");
	change_store(*state, &batch);
	assert_int_equal(in_child(&second), 0);
	assert_ended(*state, "feed-1", "succeeded");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_good_release_ends_on_every_host),
		TEST(test_a_bad_release_is_taken_back_from_every_host),
		TEST(test_a_gate_that_passes_is_shown_every_exposed_host),
		TEST(test_a_gate_that_fails_takes_the_release_back),
		cmocka_unit_test(
			test_killed_at_any_command_it_ends_as_it_would_have),
		cmocka_unit_test(
			test_killed_in_a_rollback_it_goes_on_going_back),
		TEST(test_a_second_rollout_waits_for_the_first),
		TEST(test_a_second_rollout_may_be_refused),
		TEST(test_a_second_rollout_may_take_over),
		TEST(test_a_rollout_goes_back_long_after_its_success),
		TEST(test_what_a_later_one_replaced_does_not_go_back),
		TEST(test_a_rollout_that_cannot_be_read_holds_its_service),
		TEST(test_a_rollout_that_kills_is_left_alone_in_the_end),
		TEST(test_tries_of_another_version_do_not_count),
	};
#undef TEST

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
