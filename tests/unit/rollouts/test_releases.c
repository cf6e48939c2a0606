#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "rollouts/releases.h"
#include "tests/support/tmpdir.h"

struct fixture {
	char *dir;
	struct store *store;
	uint64_t epoch;
	struct releases *releases;
};

static int set_up(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	struct err err = ERR_INIT;
	AUTO_STR char *path = NULL;

	f->dir = tmpdir_make();
	path = mem_format("%s/gray.db", f->dir);
	assert_int_equal(store_open_sqlite(path, &f->store, &err), 0);
	assert_int_equal(store_take_epoch(f->store, "test", &f->epoch, &err),
			 0);
	assert_int_equal(releases_open(f->store, &f->releases, &err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	releases_free(f->releases);
	store_free(f->store);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}

static struct releases_change change_to(uint8_t release, const char *version)
{
	return (struct releases_change){
		.service = "feed",
		.host = "web-1",
		.release = { { release } },
		.version = version,
		.rollout = "feed-1",
		.wall_ms = 1795608000000,
	};
}

static void settle(struct fixture *f, uint8_t release, const char *version)
{
	AUTO_VALUE(store_batch) batch = { 0 };
	struct releases_change change = change_to(release, version);
	struct err err = ERR_INIT;

	releases_settle(f->releases, &batch, &change);
	assert_int_equal(store_commit(f->store, f->epoch, &batch, &err), 0);
}

static size_t see(struct fixture *f, uint8_t release)
{
	AUTO_VALUE(store_batch) batch = { 0 };
	struct releases_change change = change_to(release, NULL);
	struct err err = ERR_INIT;

	releases_see(f->releases, &batch, &change);
	assert_int_equal(store_commit(f->store, f->epoch, &batch, &err), 0);
	return batch.changes.n;
}

static void assert_desired(struct fixture *f, uint8_t release,
			   const char *version)
{
	struct digest digest = releases_desired(f->releases, "feed", "web-1");
	AUTO(js) list = releases_json(f->releases, "feed");

	assert_int_equal(digest.bytes[0], release);
	assert_string_equal(js_get_str(js_at(list, 0), "version", "none"),
			    version);
}

static void test_a_host_nobody_heard_of_has_no_release(void **state)
{
	struct fixture *f = *state;
	struct digest digest = releases_desired(f->releases, "feed", "web-1");

	assert_true(digest_is_zero(&digest));
}

static void test_going_back_gives_the_name_of_the_one_before(void **state)
{
	struct fixture *f = *state;

	settle(f, 1, "v1");
	assert_desired(f, 1, "v1");
	settle(f, 2, "v2");
	settle(f, 2, "v2");
	assert_desired(f, 2, "v2");
	settle(f, 1, NULL);
	assert_desired(f, 1, "v1");
}

static void test_what_a_host_says_is_written_when_it_is_news(void **state)
{
	struct fixture *f = *state;

	settle(f, 1, "v1");
	assert_int_equal(see(f, 1), 0);
	assert_int_equal(see(f, 2), 1);
	assert_int_equal(see(f, 2), 0);
	assert_desired(f, 1, "v1");
}

static void test_all_of_it_is_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	AUTO_STR char *before = NULL;
	AUTO_STR char *after = NULL;
	AUTO(js) list = NULL;
	AUTO(js) again = NULL;

	settle(f, 1, "v1");
	settle(f, 2, "v2");
	(void)see(f, 3);
	list = releases_json(f->releases, NULL);
	before = js_format(list);
	releases_free(f->releases);
	assert_int_equal(releases_open(f->store, &f->releases, &err), 0);
	again = releases_json(f->releases, NULL);
	after = js_format(again);
	assert_string_equal(before, after);
	assert_int_equal(js_count(list), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_host_nobody_heard_of_has_no_release),
		TEST(test_going_back_gives_the_name_of_the_one_before),
		TEST(test_what_a_host_says_is_written_when_it_is_news),
		TEST(test_all_of_it_is_there_after_a_restart),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
