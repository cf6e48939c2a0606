#include "tests/support/release_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/sys/file.h"
#include "tests/support/tmpdir.h"

int release_store_setup(void **state)
{
	struct release_store *store = MEM_NEW(struct release_store);
	AUTO_STR char *path = NULL;
	struct err err = ERR_INIT;

	store->dir = tmpdir_make();
	path = release_store_path(store, "blobs");
	if (blobs_open(path, &store->blobs, &err) < 0)
		fail_msg("%s", err.text);
	*state = store;
	return 0;
}

int release_store_teardown(void **state)
{
	struct release_store *store = *state;

	blobs_free(store->blobs);
	tmpdir_remove(store->dir);
	free(store);
	return 0;
}

char *release_store_path(const struct release_store *store, const char *name)
{
	return mem_format("%s/%s", store->dir, name);
}

void release_store_write(const struct release_store *store, const char *name,
			 const char *text, unsigned mode)
{
	AUTO_STR char *path = release_store_path(store, name);
	AUTO_STR char *folder = mem_str(path);
	struct err err = ERR_INIT;
	AUTO_FD int fd = -1;

	*strrchr(folder, '/') = '\0';
	if (file_make_dirs(folder, 0755, &err) < 0)
		fail_msg("%s", err.text);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || file_write_all(fd, text, strlen(text), &err) < 0 ||
	    fchmod(fd, mode) < 0)
		fail_msg("cannot write %s", path);
}

static unsigned count_in(const struct release_store *store, const char *name)
{
	AUTO_STR char *path = release_store_path(store, name);
	DIR *listing = opendir(path);
	unsigned n = 0;

	assert_non_null(listing);
	while (readdir(listing))
		n++;
	(void)closedir(listing);
	return n - 2;
}

void release_store_assert_refused(const struct release_store *store, int rc,
				  const struct err *err, const char *words)
{
	if (rc >= 0)
		fail_msg("taken, though \"%s\"", words);
	assert_int_equal(rc, -(int)err->code);
	if (!strstr(err->text, words))
		fail_msg("\"%s\" does not say \"%s\"", err->text, words);
	assert_int_equal(count_in(store, "blobs"), 1); /* tmp */
	assert_int_equal(count_in(store, "blobs/tmp"), 0);
}

void release_store_assert_holds(const struct release_store *store,
				const struct manifest *manifest,
				const char *lines)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	for (size_t i = 0; i < manifest->entries.n; i++) {
		const struct manifest_entry *entry =
			&manifest->entries.items[i];
		AUTO_FD int fd = -1;
		uint64_t size = 0;
		struct err err = ERR_INIT;

		if (entry->target) {
			buf_format(&text, "link %s>%s\n", entry->path,
				   entry->target);
			continue;
		}
		buf_format(&text,
			   "%s %s=", entry->is_executable ? "0755" : "0644",
			   entry->path);
		if (blobs_read(store->blobs, &entry->digest, &size, &fd, &err) <
			    0 ||
		    file_read_fd(fd, 1 << 20, &text, &err) < 0)
			fail_msg("%s: %s", entry->path, err.text);
		assert_int_equal(size, entry->size);
		buf_append_char(&text, '\n');
	}
	assert_string_equal(buf_str(&text), lines);
}
