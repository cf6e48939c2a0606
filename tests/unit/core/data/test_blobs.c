#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/data/blobs.h"
#include "core/sys/file.h"
#include "tests/support/tmpdir.h"

#define N_MANY 50

static int setup(void **state)
{
	*state = tmpdir_make();
	return 0;
}

static int teardown(void **state)
{
	tmpdir_remove(*state);
	return 0;
}

static struct blobs *open_store(const char *path)
{
	struct blobs *blobs = NULL;
	struct err err = ERR_INIT;

	if (blobs_open(path, &blobs, &err) < 0)
		fail_msg("%s", err.text);
	return blobs;
}

static struct blobs_import *begin(struct blobs *blobs)
{
	struct blobs_import *import = NULL;
	struct err err = ERR_INIT;

	if (blobs_import_begin(blobs, &import, &err) < 0)
		fail_msg("%s", err.text);
	return import;
}

static struct digest put(struct blobs_import *import, const char *text)
{
	struct err err = ERR_INIT;
	struct digest digest = { { 0 } };
	uint64_t size = 0;

	if (blobs_import_file_begin(import, &err) < 0 ||
	    blobs_import_file_write(import, text, strlen(text), &err) < 0 ||
	    blobs_import_file_end(import, &digest, &size, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(size, strlen(text));
	return digest;
}

static void keep(struct blobs_import *import)
{
	struct err err = ERR_INIT;

	if (blobs_import_keep(import, &err) < 0)
		fail_msg("%s", err.text);
}

static struct digest digest_of_text(const char *text)
{
	struct digest digest;

	digest_of(text, strlen(text), &digest);
	return digest;
}

static char *content(struct blobs *blobs, const struct digest *digest)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_FD int fd = -1;
	uint64_t size = 0;
	struct err err = ERR_INIT;

	if (blobs_read(blobs, digest, &size, &fd, &err) < 0 ||
	    file_read_fd(fd, 1 << 20, &text, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(size, text.size);
	return buf_take_str(&text);
}

/* How many files and folders lie in FOLDER of the store. */
static unsigned count_in(const char *store, const char *folder)
{
	AUTO_STR char *path = mem_format("%s/%s", store, folder);
	DIR *listing = opendir(path);
	unsigned n = 0;

	assert_non_null(listing);
	while (readdir(listing))
		n++;
	closedir(listing);
	return n - 2;
}

static void test_kept_files_can_be_read_by_digest(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	AUTO(blobs_import) import = begin(blobs);
	AUTO_STR char *text = NULL;
	struct digest hello = put(import, "hello");
	struct digest empty = put(import, "");
	struct digest expected = digest_of_text("hello");

	assert_true(digest_equal(&hello, &expected));
	assert_false(blobs_has(blobs, &hello));
	keep(import);
	assert_true(blobs_has(blobs, &hello));
	assert_true(blobs_has(blobs, &empty));
	text = content(blobs, &hello);
	assert_string_equal(text, "hello");
	assert_int_equal(count_in(*state, "tmp"), 0);
}

static void test_an_unknown_digest_is_not_found(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	struct digest digest = digest_of_text("nobody has this");
	struct err err = ERR_INIT;
	uint64_t size;
	int fd;

	assert_false(blobs_has(blobs, &digest));
	assert_int_equal(blobs_read(blobs, &digest, &size, &fd, &err),
			 -ERR_NOT_FOUND);
}

static void test_an_import_that_is_not_kept_leaves_nothing(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	struct blobs_import *import = begin(blobs);
	struct digest digest = put(import, "hello");
	struct err err = ERR_INIT;

	assert_int_equal(blobs_import_file_begin(import, &err), 0);
	assert_int_equal(blobs_import_file_write(import, "half", 4, &err), 0);
	blobs_import_free(import);
	assert_false(blobs_has(blobs, &digest));
	assert_int_equal(count_in(*state, "."), 1); /* tmp */
	assert_int_equal(count_in(*state, "tmp"), 0);
}

static void test_the_same_content_is_stored_once(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	AUTO(blobs_import) one = begin(blobs);
	AUTO(blobs_import) two = begin(blobs);
	AUTO_STR char *text = NULL;
	struct digest digest = put(one, "same");

	(void)put(one, "same");
	(void)put(two, "same");
	keep(one);
	keep(two);
	text = content(blobs, &digest);
	assert_string_equal(text, "same");
	assert_int_equal(count_in(*state, "."), 2); /* tmp and one shelf */
}

static void test_opening_drops_what_a_killed_import_left(void **state)
{
	AUTO_STR char *folder = mem_format("%s/tmp/0123", (char *)*state);
	AUTO_STR char *file = mem_format("%s/new", folder);
	struct err err = ERR_INIT;

	assert_int_equal(file_make_dirs(folder, 0700, &err), 0);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	blobs_free(open_store(*state));
	assert_int_equal(count_in(*state, "tmp"), 0);
}

static void test_opening_finishes_what_was_decided_to_be_kept(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	AUTO_STR char *folder = mem_format("%s/tmp/0123.keep", (char *)*state);
	struct digest digest = digest_of_text("decided");
	AUTO_STR char *file = NULL;
	char hex[DIGEST_HEX + 1];
	struct err err = ERR_INIT;
	int fd;

	digest_format(&digest, hex);
	file = mem_format("%s/%s", folder, hex);
	assert_int_equal(file_make_dirs(folder, 0700, &err), 0);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "decided", 7), 7);
	close(fd);
	assert_false(blobs_has(blobs, &digest));
	blobs_free(open_store(*state));
	assert_true(blobs_has(blobs, &digest));
	assert_int_equal(count_in(*state, "tmp"), 0);
}

static void test_opening_leaves_an_import_at_work_alone(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	AUTO(blobs_import) import = begin(blobs);
	struct digest digest = put(import, "at work");

	blobs_free(open_store(*state));
	keep(import);
	assert_true(blobs_has(blobs, &digest));
}

static void import_many(const char *store, bool is_slow)
{
	AUTO(blobs) blobs = open_store(store);
	AUTO(blobs_import) import = begin(blobs);

	for (int i = 0; i < N_MANY; i++) {
		AUTO_STR char *text = mem_format("file %d", i);

		(void)put(import, text);
		if (is_slow)
			usleep(50);
	}
	keep(import);
}

static unsigned count_many(struct blobs *blobs)
{
	unsigned n = 0;

	for (int i = 0; i < N_MANY; i++) {
		AUTO_STR char *text = mem_format("file %d", i);
		struct digest digest = digest_of_text(text);

		n += blobs_has(blobs, &digest);
	}
	return n;
}

static void test_an_import_killed_at_any_time_is_all_or_none(void **state)
{
	for (int i = 0; i < 25; i++) {
		AUTO_STR char *store = mem_format("%s/%d", (char *)*state, i);
		AUTO(blobs) blobs = NULL;
		unsigned n;
		pid_t pid = fork();

		if (pid == 0) {
			import_many(store, true);
			_exit(0);
		}
		usleep((useconds_t)(i * 1500));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		blobs = open_store(store);
		n = count_many(blobs);
		if (n != 0 && n != N_MANY)
			fail_msg("%u of %u after a kill", n, N_MANY);
		assert_int_equal(count_in(store, "tmp"), 0);
	}
}

struct worker {
	struct blobs *blobs;
	int number;
	bool is_well;
};

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	AUTO(blobs_import) import = NULL;
	struct err err = ERR_INIT;
	bool is_well;

	is_well = blobs_import_begin(worker->blobs, &import, &err) == 0;
	for (int i = 0; i < N_MANY && is_well; i++) {
		/* half of it the same for all */
		AUTO_STR char *text =
			mem_format("%d of %d", i, i % 2 ? worker->number : 0);
		struct digest digest;
		uint64_t size;

		is_well = blobs_import_file_begin(import, &err) == 0 &&
			  blobs_import_file_write(import, text, strlen(text),
						  &err) == 0 &&
			  blobs_import_file_end(import, &digest, &size, &err) ==
				  0;
		(void)blobs_has(worker->blobs, &digest);
	}
	worker->is_well = is_well && blobs_import_keep(import, &err) == 0;
	return NULL;
}

static void test_threads_import_at_the_same_time(void **state)
{
	AUTO(blobs) blobs = open_store(*state);
	struct worker workers[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){ .blobs = blobs, .number = i };
		pthread_create(&threads[i], NULL, work, &workers[i]);
	}
	for (int i = 0; i < 4; i++) {
		struct digest digest;
		AUTO_STR char *text = mem_format("1 of %d", i);

		pthread_join(threads[i], NULL);
		assert_true(workers[i].is_well);
		digest = digest_of_text(text);
		assert_true(blobs_has(blobs, &digest));
	}
	assert_int_equal(count_in(*state, "tmp"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept_files_can_be_read_by_digest),
		TEST(test_an_unknown_digest_is_not_found),
		TEST(test_an_import_that_is_not_kept_leaves_nothing),
		TEST(test_the_same_content_is_stored_once),
		TEST(test_opening_drops_what_a_killed_import_left),
		TEST(test_opening_finishes_what_was_decided_to_be_kept),
		TEST(test_opening_leaves_an_import_at_work_alone),
		TEST(test_an_import_killed_at_any_time_is_all_or_none),
		TEST(test_threads_import_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
