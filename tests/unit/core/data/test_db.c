#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "core/data/db.h"
#include "core/sys/file.h"
#include "tests/support/tmpdir.h"

static const char *const steps[] = {
	"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)",
	"ALTER TABLE t ADD COLUMN c BLOB; INSERT INTO t VALUES (7, 'x', NULL)",
	"CREATE TABLE u (a INTEGER); THIS IS NOT SQL",
};

struct fixture {
	char *dir;
	char *path;
};

static int set_up(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->dir = tmpdir_make();
	f->path = mem_format("%s/test.db", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tmpdir_remove(f->dir);
	free(f->path);
	free(f);
	return 0;
}

static uint64_t ask(struct db *db, const char *sql)
{
	AUTO(db_query) query = NULL;
	struct err err = ERR_INIT;
	bool is_row = false;

	assert_int_equal(db_prepare(db, sql, &query, &err), 0);
	assert_int_equal(db_next(query, &is_row, &err), 0);
	assert_true(is_row);
	return db_u64(query, 0);
}

static void test_the_schema_is_taken_step_by_step(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(db_open(f->path, steps, 1, &db, &err), 0);
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	db_free(db);
	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	assert_int_equal(ask(db, "PRAGMA user_version"), 2);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 1);
	db_free(db);
}

static void test_a_broken_step_leaves_the_schema_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(db_open(f->path, steps, 3, &db, &err), -ERR_SYSTEM);
	assert_non_null(strstr(err.text, "schema step 3"));
	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	assert_int_equal(
		ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"),
		0);
	db_free(db);
}

static void test_a_newer_schema_is_refused(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	db_free(db);
	assert_int_equal(db_open(f->path, steps, 1, &db, &err), -ERR_REFUSED);
}

static void test_commits_are_durable_and_the_file_is_private(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	assert_int_equal(ask(db, "PRAGMA synchronous"), 2);
	assert_int_equal(ask(db, "PRAGMA foreign_keys"), 1);
	db_free(db);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_a_rolled_back_transaction_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	AUTO(db) db = NULL;
	AUTO(db_query) insert = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	assert_int_equal(db_prepare(db, "INSERT INTO t VALUES (?1, ?2, ?3)",
				    &insert, &err),
			 0);
	assert_int_equal(db_begin(db, &err), 0);
	db_bind_u64(insert, 1, 8);
	db_bind_text(insert, 2, "y");
	db_bind_bytes(insert, 3, "\0z", 2);
	assert_int_equal(db_run(insert, &err), 0);
	db_bind_u64(insert, 1, 7);
	assert_int_equal(db_run(insert, &err), -ERR_CONFLICT);
	db_rollback(db);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 1);
}

static void test_damage_and_other_files_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	struct err err = ERR_INIT;
	char junk[8192];
	FILE *file = fopen(f->path, "w");

	memset(junk, 'x', sizeof(junk));
	assert_non_null(file);
	assert_int_equal(fwrite(junk, sizeof(junk), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(db_open(f->path, steps, 2, &db, &err), -ERR_CORRUPT);
}

static void test_an_integrity_check_finds_a_torn_page(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	struct err err = ERR_INIT;
	char junk[512];
	FILE *file;

	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	assert_int_equal(db_check(db, &err), 0);
	db_free(db);
	file = fopen(f->path, "r+");
	assert_non_null(file);
	memset(junk, 0xa5, sizeof(junk));
	assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
	assert_int_equal(fwrite(junk, sizeof(junk), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(db_open(f->path, steps, 2, &db, &err), 0);
	assert_int_equal(db_check(db, &err), -ERR_CORRUPT);
	db_free(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_the_schema_is_taken_step_by_step),
		TEST(test_a_broken_step_leaves_the_schema_as_it_was),
		TEST(test_a_newer_schema_is_refused),
		TEST(test_commits_are_durable_and_the_file_is_private),
		TEST(test_a_rolled_back_transaction_leaves_nothing),
		TEST(test_damage_and_other_files_are_told_apart),
		TEST(test_an_integrity_check_finds_a_torn_page),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
