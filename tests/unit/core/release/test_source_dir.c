#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/release/source.h"
#include "core/release/source_import.h"
#include "tests/support/release_store.h"

static int import(const struct release_store *store, struct manifest **out,
		  struct err *err)
{
	AUTO_STR char *path = release_store_path(store, "build");

	return source_from_dir(path, store->blobs, out, err);
}

static void link_to(const struct release_store *store, const char *target,
		    const char *name)
{
	AUTO_STR char *path = release_store_path(store, name);

	assert_int_equal(symlink(target, path), 0);
}

static void test_a_folder_becomes_a_release(void **state)
{
	const struct release_store *store = *state;
	AUTO(manifest) manifest = NULL;
	AUTO_STR char *empty = release_store_path(store, "build/empty");
	struct err err = ERR_INIT;

	release_store_write(store, "build/bin/app", "program", 0755);
	release_store_write(store, "build/etc/conf", "text", 0664);
	release_store_write(store, "build/group-x", "g", 0654);
	release_store_write(store, "build/all-w", "w", 0666);
	release_store_write(store, "build/nothing", "", 0400);
	link_to(store, "bin/app", "build/run");
	assert_int_equal(mkdir(empty, 02775), 0);
	if (import(store, &manifest, &err) < 0)
		fail_msg("%s", err.text);
	release_store_assert_holds(store, manifest,
				   "0644 all-w=w\n"
				   "0755 bin/app=program\n"
				   "0644 etc/conf=text\n"
				   "0644 group-x=g\n"
				   "0644 nothing=\n"
				   "link run>bin/app\n");
}

static void test_two_names_of_one_file_are_two_files(void **state)
{
	const struct release_store *store = *state;
	AUTO_STR char *one = release_store_path(store, "build/one");
	AUTO_STR char *two = release_store_path(store, "build/two");
	AUTO(manifest) manifest = NULL;
	struct err err = ERR_INIT;

	release_store_write(store, "build/one", "same", 0644);
	assert_int_equal(link(one, two), 0);
	assert_int_equal(import(store, &manifest, &err), 0);
	release_store_assert_holds(store, manifest,
				   "0644 one=same\n0644 two=same\n");
}

static void make_fifo(const struct release_store *store)
{
	AUTO_STR char *path = release_store_path(store, "build/bad");

	assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_socket(const struct release_store *store)
{
	AUTO_STR char *path = release_store_path(store, "build/bad");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
}

static void make_setuid(const struct release_store *store)
{
	release_store_write(store, "build/bad", "x", 04755);
}

static void make_setgid(const struct release_store *store)
{
	release_store_write(store, "build/bad", "x", 02755);
}

static void make_sticky(const struct release_store *store)
{
	release_store_write(store, "build/bad", "x", 01644);
}

static void make_absolute_link(const struct release_store *store)
{
	link_to(store, "/etc/passwd", "build/bad");
}

static void make_leaving_link(const struct release_store *store)
{
	link_to(store, "../outside", "build/bad");
}

static void make_loop(const struct release_store *store)
{
	link_to(store, "bad", "build/bad");
}

static void make_control(const struct release_store *store)
{
	release_store_write(store, "build/bad\nname", "x", 0644);
}

static void make_not_utf8(const struct release_store *store)
{
	release_store_write(store, "build/bad\xff", "x", 0644);
}

static void make_reserved(const struct release_store *store)
{
	release_store_write(store, "build/.gray/bad", "x", 0644);
}

static void make_current(const struct release_store *store)
{
	release_store_write(store, "build/current", "bad", 0644);
}

static void make_deep(const struct release_store *store)
{
	AUTO_VALUE(buf) path = BUF_INIT;

	buf_append_str(&path, "build/");
	for (int i = 0; i < 64; i++)
		buf_append_str(&path, "d/");
	buf_append_str(&path, "bad");
	release_store_write(store, buf_str(&path), "x", 0644);
}

static void test_hostile_entries_are_refused_by_name(void **state)
{
	static const struct {
		void (*make)(const struct release_store *store);
		const char *words;
	} cases[] = {
		{ make_fifo, "entry \"bad\": is a fifo" },
		{ make_socket, "entry \"bad\": is a socket" },
		{ make_setuid, "entry \"bad\": has the set-user-id bit" },
		{ make_setgid, "entry \"bad\": has the set-group-id bit" },
		{ make_sticky, "entry \"bad\": has the sticky bit" },
		{ make_absolute_link, "entry \"bad\": link target" },
		{ make_leaving_link, "leaves the release" },
		{ make_loop, "entry \"bad\": link target" },
		{ make_control, "entry \"bad?name\"" },
		{ make_not_utf8, "is not UTF-8" },
		{ make_reserved, "entry \".gray\"" },
		{ make_current, "entry \"current\"" },
		{ make_deep, "64 folders deep" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		void *store;
		struct manifest *manifest = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(release_store_setup(&store), 0);
		release_store_write(store, "build/good", "content", 0644);
		cases[i].make(store);
		release_store_assert_refused(store,
					     import(store, &manifest, &err),
					     &err, cases[i].words);
		assert_null(manifest);
		release_store_teardown(&store);
	}
}

static void test_a_device_is_refused(void **state)
{
	const struct release_store *store = *state;
	AUTO_STR char *path = release_store_path(store, "build/null");
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	release_store_write(store, "build/good", "content", 0644);
	if (mknod(path, S_IFCHR | 0666, (dev_t)0x103) < 0)
		skip();
	release_store_assert_refused(store, import(store, &manifest, &err),
				     &err, "entry \"null\": is a device");
}

static void test_an_empty_or_missing_folder_is_refused(void **state)
{
	const struct release_store *store = *state;
	AUTO_STR char *path = release_store_path(store, "build");
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	release_store_assert_refused(store, import(store, &manifest, &err),
				     &err, "No such file");
	assert_int_equal(mkdir(path, 0755), 0);
	release_store_assert_refused(store, import(store, &manifest, &err),
				     &err, "no files");
}

static void test_a_file_that_changes_while_it_is_read_is_noticed(void **state)
{
	const struct release_store *store = *state;
	AUTO_STR char *path = release_store_path(store, "file");
	AUTO_FD int fd = -1;
	struct stat before;
	struct err err = ERR_INIT;

	release_store_write(store, "file", "before", 0644);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(source_check_unchanged(fd, &before, "file", &err), 0);
	release_store_write(store, "file", "longer than before", 0644);
	assert_int_equal(source_check_unchanged(fd, &before, "file", &err),
			 -ERR_CONFLICT);
}

#define TEST(name)                                                 \
	cmocka_unit_test_setup_teardown(name, release_store_setup, \
					release_store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_folder_becomes_a_release),
		TEST(test_two_names_of_one_file_are_two_files),
		cmocka_unit_test(test_hostile_entries_are_refused_by_name),
		TEST(test_a_device_is_refused),
		TEST(test_an_empty_or_missing_folder_is_refused),
		TEST(test_a_file_that_changes_while_it_is_read_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
