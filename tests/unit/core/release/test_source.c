#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <git2.h>

#include <cmocka.h>

#include "core/release/source.h"
#include "tests/support/release_store.h"
#include "tests/support/tarball.h"

/* What the release holds; the links' content is their target. */
static const struct {
	const char *path;
	const char *content;
	char kind; /* f, x, l */
} files[] = {
	{ "README", "words\n", 'f' },
	{ "bin/app", "#!/bin/sh\nexit 0\n", 'x' },
	{ "bin/app-2", "#!/bin/sh\nexit 1\n", 'x' },
	{ "bin.d/x", "sorts between bin and bin/", 'f' },
	{ "empty", "", 'f' },
	{ "run", "bin/app", 'l' },
	{ "\xe7\x81\xb0", "gray", 'f' },
};

static void make_dir(const struct release_store *store)
{
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		AUTO_STR char *name = mem_format("build/%s", files[i].path);
		AUTO_STR char *path = release_store_path(store, name);

		if (files[i].kind == 'l')
			assert_int_equal(symlink(files[i].content, path), 0);
		else
			release_store_write(store, name, files[i].content,
					    files[i].kind == 'x' ? 0700 : 0640);
	}
}

static void make_tar(const struct release_store *store)
{
	AUTO_STR char *path = release_store_path(store, "release.tar.zst");
	AUTO_FILE FILE *file = fopen(path, "w");
	AUTO_VALUE(buf) tar = BUF_INIT;

	/* in another order than the folder's or the manifest's */
	for (size_t i = COUNT_OF(files); i-- > 0;) {
		AUTO_STR char *name = mem_format("./%s", files[i].path);

		if (files[i].kind == 'l')
			tarball_header(&tar, '2', name, 0777, 0,
				       files[i].content);
		else
			tarball_file(&tar, name,
				     files[i].kind == 'x' ? 0755 : 0664,
				     files[i].content);
	}
	tarball_end(&tar);
	tarball_compress(&tar, "zstd");
	assert_int_equal(fwrite(tar.bytes, 1, tar.size, file), tar.size);
}

static void index_add(git_repository *repository, git_index *index, size_t i)
{
	git_index_entry entry = { .path = files[i].path };

	entry.mode = files[i].kind == 'l'   ? GIT_FILEMODE_LINK
		     : files[i].kind == 'x' ? GIT_FILEMODE_BLOB_EXECUTABLE
					    : GIT_FILEMODE_BLOB;
	assert_int_equal(git_blob_create_from_buffer(&entry.id, repository,
						     files[i].content,
						     strlen(files[i].content)),
			 0);
	assert_int_equal(git_index_add(index, &entry), 0);
}

static void make_git(const struct release_store *store)
{
	AUTO_STR char *path = release_store_path(store, "repo");
	git_repository *repository = NULL;
	git_index *index = NULL;
	git_tree *tree = NULL;
	git_signature *who = NULL;
	git_oid id;

	git_libgit2_init();
	assert_int_equal(git_repository_init(&repository, path, 0), 0);
	assert_int_equal(git_repository_index(&index, repository), 0);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		index_add(repository, index, i);
	assert_int_equal(git_index_write_tree(&id, index), 0);
	assert_int_equal(git_tree_lookup(&tree, repository, &id), 0);
	assert_int_equal(git_signature_new(&who, "a", "a@b", 0, 0), 0);
	assert_int_equal(git_commit_create_v(&id, repository, "HEAD", who, who,
					     NULL, "message", tree, 0),
			 0);
	git_signature_free(who);
	git_tree_free(tree);
	git_index_free(index);
	git_repository_free(repository);
	git_libgit2_shutdown();
}

static void test_the_same_content_has_the_same_digest(void **state)
{
	const struct release_store *store = *state;
	AUTO_STR char *dir = release_store_path(store, "build");
	AUTO_STR char *tar = release_store_path(store, "release.tar.zst");
	AUTO_STR char *git = release_store_path(store, "repo");
	AUTO(manifest) from_dir = NULL;
	AUTO(manifest) from_tar = NULL;
	AUTO(manifest) from_git = NULL;
	struct err err = ERR_INIT;

	make_dir(store);
	make_tar(store);
	make_git(store);
	if (source_from_dir(dir, store->blobs, &from_dir, &err) < 0 ||
	    source_from_tarball(tar, NULL, store->blobs, &from_tar, &err) < 0 ||
	    source_from_git(git, "HEAD", NULL, store->blobs, NULL, &from_git,
			    &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(from_dir->entries.n, COUNT_OF(files));
	assert_true(digest_equal(&from_dir->digest, &from_tar->digest));
	assert_true(digest_equal(&from_dir->digest, &from_git->digest));
}

static void test_one_changed_bit_changes_the_digest(void **state)
{
	const struct release_store *store = *state;
	AUTO_STR char *dir = release_store_path(store, "build");
	AUTO(manifest) before = NULL;
	AUTO(manifest) after = NULL;
	struct err err = ERR_INIT;

	make_dir(store);
	assert_int_equal(source_from_dir(dir, store->blobs, &before, &err), 0);
	release_store_write(store, "build/README", "words\n", 0755);
	assert_int_equal(source_from_dir(dir, store->blobs, &after, &err), 0);
	assert_false(digest_equal(&before->digest, &after->digest));
}

#define TEST(name)                                                 \
	cmocka_unit_test_setup_teardown(name, release_store_setup, \
					release_store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_same_content_has_the_same_digest),
		TEST(test_one_changed_bit_changes_the_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
