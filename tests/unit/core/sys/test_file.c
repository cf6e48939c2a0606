#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/sys/file.h"

struct fixture {
	char path[64];
	int dir;
};

static int setup(void **state)
{
	struct fixture *fixture = MEM_NEW(struct fixture);

	strcpy(fixture->path, "/tmp/gray-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->path));
	fixture->dir = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;

	(void)close(fixture->dir);
	assert_int_equal(file_remove_tree_at(AT_FDCWD, fixture->path, &err), 0);
	free(fixture);
	return 0;
}

static void test_beneath_follows_no_link_and_never_leaves(void **state)
{
	const struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(symlinkat("/etc", f->dir, "out"), 0);
	assert_int_equal(mkdirat(f->dir, "in", 0755), 0);
	assert_true(file_open_beneath(f->dir, "out/passwd", O_RDONLY, 0, &err) <
		    0);
	assert_true(file_open_beneath(f->dir, "../..", O_RDONLY, 0, &err) < 0);
	assert_true(file_open_beneath(f->dir, "/etc", O_RDONLY, 0, &err) < 0);
	{
		AUTO_FD int fd = file_open_beneath(
			f->dir, "in/new", O_WRONLY | O_CREAT, 0644, &err);

		assert_true(fd >= 0);
	}
}

static void test_replace_is_whole_or_not_at_all(void **state)
{
	const struct fixture *f = *state;
	AUTO_VALUE(buf) buf = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(file_replace_at(f->dir, "a", "one", 3, 0600, &err), 0);
	assert_int_equal(file_replace_at(f->dir, "a", "two", 3, 0600, &err), 0);
	assert_int_equal(file_read_at(f->dir, "a", 3, &buf, &err), 0);
	assert_string_equal(buf_str(&buf), "two");
	buf_clear(&buf);
	assert_true(file_read_at(f->dir, "a", 2, &buf, &err) < 0);
	assert_int_equal(err.code, ERR_INVALID);
}

static void test_a_read_only_tree_can_be_removed(void **state)
{
	const struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(
		file_make_dirs_at(f->dir, "release/bin/deep", 0755, &err), 0);
	assert_int_equal(
		file_replace_at(f->dir, "release/bin/x", "x", 1, 0555, &err),
		0);
	assert_int_equal(fchmodat(f->dir, "release/bin", 0555, 0), 0);
	assert_int_equal(file_remove_tree_at(f->dir, "release", &err), 0);
	assert_int_equal(faccessat(f->dir, "release", F_OK, 0), -1);
	assert_int_equal(file_remove_tree_at(f->dir, "release", &err), 0);
}

static void test_make_dirs_does_not_go_through_a_link(void **state)
{
	const struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(symlinkat("/tmp", f->dir, "out"), 0);
	assert_true(file_make_dirs_at(f->dir, "out/gray-escape", 0755, &err) <
		    0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_beneath_follows_no_link_and_never_leaves, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_replace_is_whole_or_not_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_read_only_tree_can_be_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_make_dirs_does_not_go_through_a_link, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
