#include "agents/slot.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sys/file.h"
#include "tests/support/tmpdir.h"

struct host {
	char *dir;
	struct slot *slot;
	struct digest a;
	struct digest b;
};

static void make_release(const struct host *host, const struct digest *release)
{
	AUTO_STR char *path = slot_release_path(host->slot, release);

	assert_int_equal(mkdir(path, 0755), 0);
}

static int set_up(void **state)
{
	struct host *host = MEM_NEW(struct host);
	struct err err = ERR_INIT;

	host->dir = tmpdir_make();
	if (slot_open(host->dir, &host->slot, &err) < 0)
		fail_msg("%s", err.text);
	digest_of("a", 1, &host->a);
	digest_of("b", 1, &host->b);
	make_release(host, &host->a);
	make_release(host, &host->b);
	*state = host;
	return 0;
}

static int tear_down(void **state)
{
	struct host *host = *state;

	slot_close(host->slot);
	tmpdir_remove(host->dir);
	free(host);
	return 0;
}

static void expect_current(const struct host *host, const struct digest *is)
{
	struct digest current;
	struct err err = ERR_INIT;

	if (slot_current(host->slot, &current, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(digest_equal(&current, is));
}

static void flip(const struct host *host, const struct digest *to)
{
	struct err err = ERR_INIT;

	if (slot_flip(host->slot, to, &err) < 0)
		fail_msg("%s", err.text);
	expect_current(host, to);
}

static void test_flip_goes_there_and_back_and_to_nothing(void **state)
{
	struct host *host = *state;
	struct digest none = { { 0 } };

	expect_current(host, &none);
	flip(host, &host->a);
	flip(host, &host->b);
	flip(host, &host->b);
	flip(host, &host->a);
	flip(host, &none);
	flip(host, &none);
}

static void test_way_back_makes_nothing_new_on_the_disk(void **state)
{
	struct host *host = *state;
	struct err err = ERR_INIT;
	struct stat made;
	struct stat now;

	flip(host, &host->a);
	assert_int_equal(slot_prepare_revert(host->slot, &host->a, &err), 0);
	assert_int_equal(
		fstatat(host->slot->gray, "revert", &made, AT_SYMLINK_NOFOLLOW),
		0);
	flip(host, &host->b);
	flip(host, &host->a);
	/* The very link that was made beforehand. */
	assert_int_equal(
		fstatat(host->slot->root, "current", &now, AT_SYMLINK_NOFOLLOW),
		0);
	assert_int_equal(now.st_ino, made.st_ino);
	assert_int_not_equal(
		fstatat(host->slot->gray, "revert", &now, AT_SYMLINK_NOFOLLOW),
		0);
}

/* Each puts something at PATH that `current` may not be. */
static void put_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0755), 0);
}
static void put_file(const char *path)
{
	assert_int_equal(mknod(path, S_IFREG | 0644, 0), 0);
}
static void put_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0644), 0);
}
static void put_socket(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
}
static void put_link(const char *path, const char *target)
{
	assert_int_equal(symlink(target, path), 0);
}
static void put_absolute(const char *path)
{
	put_link(path, "/usr");
}
static void put_outside(const char *path)
{
	put_link(path, "../elsewhere");
}
static void put_shared(const char *path)
{
	put_link(path, "shared");
}
static void put_short(const char *path)
{
	put_link(path, "releases/20240101");
}
static void put_missing(const char *path)
{
	put_link(path, "releases/"
		       "0000000000000000000000000000000000000000000000000000000"
		       "000000001");
}
static void put_winding(const char *path)
{
	put_link(path, "releases/../releases/x");
}

static void test_ten_shapes_of_current_are_refused_with_a_reason(void **state)
{
	static const struct {
		void (*put)(const char *path);
		const char *says;
	} shapes[] = {
		{ put_folder, "a folder" },
		{ put_file, "a file" },
		{ put_fifo, "a pipe" },
		{ put_socket, "a socket" },
		{ put_absolute, "/usr" },
		{ put_outside, "../elsewhere" },
		{ put_shared, "shared" },
		{ put_short, "releases/20240101" },
		{ put_missing, "not there" },
		{ put_winding, "no release of gray" },
	};
	struct host *host = *state;
	AUTO_STR char *path = mem_format("%s/current", host->dir);

	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		struct err err = ERR_INIT;
		struct digest current;

		shapes[i].put(path);
		assert_int_equal(slot_current(host->slot, &current, &err),
				 -ERR_CONFLICT);
		if (!strstr(err.text, shapes[i].says))
			fail_msg("shape %zu: %s", i, err.text);
		assert_int_equal(remove(path), 0);
	}
}

static void test_flip_never_replaces_a_folder(void **state)
{
	struct host *host = *state;
	AUTO_STR char *path = mem_format("%s/current", host->dir);
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(mkdir(path, 0755), 0);
	assert_true(slot_flip(host->slot, &host->a, &err) < 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void test_root_that_everybody_may_write_to_is_refused(void **state)
{
	struct host *host = *state;
	struct err err = ERR_INIT;
	struct slot *slot = NULL;

	assert_int_equal(chmod(host->dir, 0777), 0);
	assert_int_equal(slot_open(host->dir, &slot, &err), -ERR_REFUSED);
	assert_null(slot);
}

static void test_root_whose_folders_are_links_is_refused(void **state)
{
	struct host *host = *state;
	AUTO_STR char *root = mem_format("%s/other", host->dir);
	AUTO_STR char *link = mem_format("%s/.gray", root);
	struct err err = ERR_INIT;
	struct slot *slot = NULL;

	assert_int_equal(mkdir(root, 0755), 0);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_true(slot_open(root, &slot, &err) < 0);
	assert_null(slot);
}

static void test_only_digests_are_listed_as_releases(void **state)
{
	struct host *host = *state;
	AUTO_STR char *path = mem_format("%s/releases/notes", host->dir);
	struct slot_releases releases = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(slot_list_releases(host->slot, &releases, &err), 0);
	assert_int_equal(releases.list.n, 2);
	vec_release(&releases.list);
}

#define SLOT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOT_TEST(test_flip_goes_there_and_back_and_to_nothing),
		SLOT_TEST(test_way_back_makes_nothing_new_on_the_disk),
		SLOT_TEST(test_ten_shapes_of_current_are_refused_with_a_reason),
		SLOT_TEST(test_flip_never_replaces_a_folder),
		SLOT_TEST(test_root_that_everybody_may_write_to_is_refused),
		SLOT_TEST(test_root_whose_folders_are_links_is_refused),
		SLOT_TEST(test_only_digests_are_listed_as_releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
