#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/data/db.h"
#include "rollouts/changelog.h"
#include "tests/support/tmpdir.h"

#define DAY_MS (24 * 3600 * 1000ll)
#define NOON   (1795608000000ll) /* 2026-11-25T12:00:00Z */

struct fixture {
	char *dir;
	char *path;
	struct store *store;
	struct changelog *log;
	uint64_t epoch;
};

static int set_up(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	struct err err = ERR_INIT;

	f->dir = tmpdir_make();
	f->path = mem_format("%s/gray.db", f->dir);
	assert_int_equal(store_open_sqlite(f->path, &f->store, &err), 0);
	assert_int_equal(store_take_epoch(f->store, "test", &f->epoch, &err),
			 0);
	assert_int_equal(changelog_open(f->store, &f->log, &err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	changelog_free(f->log);
	store_free(f->store);
	tmpdir_remove(f->dir);
	free(f->path);
	free(f);
	return 0;
}

static void add(struct fixture *f, int64_t wall_ms, const char *service,
		const char *rollout, const char *text)
{
	AUTO_VALUE(store_batch) batch = { 0 };
	struct changelog_entry entry = {
		.wall_ms = wall_ms,
		.who = "ann",
		.service = service,
		.rollout = rollout,
		.kind = "note",
		.text = text,
	};
	struct err err = ERR_INIT;

	changelog_add(f->log, &batch, &entry);
	assert_int_equal(store_commit(f->store, f->epoch, &batch, &err), 0);
}

static void add_five(struct fixture *f)
{
	add(f, NOON, "feed", "feed-1", "one");
	add(f, NOON + 1000, "chat", "chat-1", "two");
	add(f, NOON + DAY_MS, "feed", "feed-2", "three");
	add(f, NOON + DAY_MS - 5000, "feed", "feed-2", "four");
	add(f, NOON + 2 * DAY_MS, "feed", "feed-2", "five");
}

static struct changelog_proof verify(struct fixture *f)
{
	struct changelog_proof proof;
	struct err err = ERR_INIT;

	assert_int_equal(changelog_verify(f->store, &proof, &err), 0);
	return proof;
}

/* Behind the log's back, as somebody with the file would. */
static void tamper(struct fixture *f, const char *sql)
{
	AUTO(db) db = NULL;
	AUTO(db_query) query = NULL;
	struct err err = ERR_INIT;
	static const char *const steps[] = { "" };

	assert_int_equal(db_open(f->path, steps, 1, &db, &err), 0);
	assert_int_equal(db_prepare(db, sql, &query, &err), 0);
	assert_int_equal(db_run(query, &err), 0);
	assert_true(db_n_changed(db) > 0);
}

static void test_an_untouched_chain_verifies(void **state)
{
	struct fixture *f = *state;
	struct changelog_proof proof = verify(f);

	assert_true(proof.is_ok);
	assert_int_equal(proof.n_entries, 0);
	add_five(f);
	proof = verify(f);
	assert_true(proof.is_ok);
	assert_int_equal(proof.n_entries, 5);
}

static void test_the_documented_form_has_the_stated_hash(void **state)
{
	struct fixture *f = *state;
	AUTO(js) found = NULL;
	const struct js *entry;
	struct changelog_filter all = { .day = NULL };
	struct err err = ERR_INIT;
	struct digest hash;
	char hex[DIGEST_HEX + 1];
	static const char form[] =
		"gray-log 1\n"
		"0000000000000000000000000000000000000000000000000000000000000"
		"000\n1\n2026-11-25T12:00:00Z\nann\nfeed\nfeed-1\nnote\n"
		"a b \"c\"\n";

	add(f, NOON, "feed", "feed-1", "a\nb \"c\"");
	assert_int_equal(changelog_query(f->store, &all, &found, &err), 0);
	entry = js_at(found, 0);
	digest_of(form, strlen(form), &hash);
	digest_format(&hash, hex);
	assert_string_equal(js_get_str(entry, "hash", ""), hex);
	assert_string_equal(js_get_str(entry, "text", ""), "a b \"c\"");
}

struct tampering {
	const char *sql;
	uint64_t n_good;
};

static void test_each_tampering_is_found_at_its_entry(void **state)
{
	static const struct tampering cases[] = {
		{ "UPDATE event SET text = replace(text, 'three', 'thr33')"
		  " WHERE stream = 'log' AND revision = 3",
		  2 },
		{ "UPDATE event SET text = replace(text, 'ann', 'bob')"
		  " WHERE stream = 'log' AND revision = 5",
		  4 },
		{ "DELETE FROM event WHERE stream = 'log' AND revision = 1",
		  0 },
		{ "DELETE FROM event WHERE stream = 'log' AND revision = 4",
		  3 },
		{ "UPDATE event SET text = 'no json'"
		  " WHERE stream = 'log' AND revision = 2",
		  1 },
		{ "UPDATE event SET text = (SELECT text FROM event"
		  " WHERE stream = 'log' AND revision = 1)"
		  " WHERE stream = 'log' AND revision = 2",
		  1 },
	};
	struct changelog_proof proof;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fixture *f;

		assert_int_equal(set_up(state), 0);
		f = *state;
		add_five(f);
		tamper(f, cases[i].sql);
		proof = verify(f);
		assert_false(proof.is_ok);
		assert_int_equal(proof.n_entries, cases[i].n_good);
		assert_non_null(strstr(proof.text, "entry "));
		tear_down(state);
	}
	*state = NULL;
}

static char *texts(struct fixture *f, const char *day, const char *service,
		   const char *rollout, uint64_t after)
{
	struct changelog_filter filter = { day, service, rollout, after, 0 };
	AUTO(js) found = NULL;
	AUTO_VALUE(buf) joined = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(changelog_query(f->store, &filter, &found, &err), 0);
	for (size_t i = 0; i < js_count(found); i++)
		buf_format(&joined, "%s ",
			   js_get_str(js_at(found, i), "text", "?"));
	buf_append_char(&joined, '.');
	return buf_take_str(&joined);
}

static void assert_texts(struct fixture *f, const char *day,
			 const char *service, const char *rollout,
			 uint64_t after, const char *expected)
{
	AUTO_STR char *got = texts(f, day, service, rollout, after);

	assert_string_equal(got, expected);
}

static void test_a_query_selects_by_day_service_and_rollout(void **state)
{
	struct fixture *f = *state;

	add_five(f);
	assert_texts(f, NULL, NULL, NULL, 0, "one two three four five .");
	assert_texts(f, "2026-11-25", NULL, NULL, 0, "one two .");
	assert_texts(f, "2026-11-26", NULL, NULL, 0, "three four .");
	assert_texts(f, "2026-11-26", NULL, NULL, 3, "four .");
	assert_texts(f, "2026-11-24", NULL, NULL, 0, ".");
	assert_texts(f, "2026-12-01", NULL, NULL, 0, ".");
	assert_texts(f, NULL, "chat", NULL, 0, "two .");
	assert_texts(f, NULL, NULL, "feed-2", 0, "three four five .");
	assert_texts(f, "2026-11-25", "feed", NULL, 0, "one .");
}

static void test_a_query_ends_at_its_limit(void **state)
{
	struct fixture *f = *state;
	struct changelog_filter filter = { .after = 1, .limit = 2 };
	AUTO(js) found = NULL;
	struct err err = ERR_INIT;

	add_five(f);
	assert_int_equal(changelog_query(f->store, &filter, &found, &err), 0);
	assert_int_equal(js_count(found), 2);
	assert_int_equal(js_get_int(js_at(found, 1), "seq", 0), 3);
}

static void test_the_chain_goes_on_after_a_failed_commit(void **state)
{
	struct fixture *f = *state;
	AUTO_VALUE(store_batch) lost = { 0 };
	struct changelog_entry entry = { .wall_ms = NOON,
					 .kind = "k",
					 .text = "never" };
	struct err err = ERR_INIT;

	add(f, NOON, "feed", "feed-1", "one");
	changelog_add(f->log, &lost, &entry);
	assert_int_equal(store_commit(f->store, f->epoch + 1, &lost, &err),
			 -ERR_STALE);
	assert_int_equal(changelog_reload(f->log, &err), 0);
	add(f, NOON, "feed", "feed-1", "two");
	assert_true(verify(f).is_ok);
	assert_texts(f, NULL, NULL, NULL, 0, "one two .");
}

static void test_the_chain_goes_on_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	add_five(f);
	changelog_free(f->log);
	assert_int_equal(changelog_open(f->store, &f->log, &err), 0);
	assert_int_equal(changelog_seq(f->log), 5);
	add(f, NOON + 2 * DAY_MS, "feed", "feed-2", "six");
	assert_true(verify(f).is_ok);
	assert_texts(f, "2026-11-27", NULL, NULL, 0, "five six .");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_an_untouched_chain_verifies),
		TEST(test_the_documented_form_has_the_stated_hash),
		cmocka_unit_test(test_each_tampering_is_found_at_its_entry),
		TEST(test_a_query_selects_by_day_service_and_rollout),
		TEST(test_a_query_ends_at_its_limit),
		TEST(test_the_chain_goes_on_after_a_failed_commit),
		TEST(test_the_chain_goes_on_after_a_restart),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
