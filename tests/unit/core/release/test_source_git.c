#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <git2.h>

#include <cmocka.h>

#include "core/release/source.h"
#include "tests/support/release_store.h"

struct fixture {
	void *store; /* a struct release_store */
	git_repository *repository;
	git_odb *odb;
};

static int setup(void **state)
{
	struct fixture *fixture = MEM_NEW(struct fixture);
	AUTO_STR char *path = NULL;

	assert_int_equal(release_store_setup(&fixture->store), 0);
	path = release_store_path(fixture->store, "repo");
	git_libgit2_init();
	assert_int_equal(git_repository_init(&fixture->repository, path, 1), 0);
	assert_int_equal(git_repository_odb(&fixture->odb, fixture->repository),
			 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	git_odb_free(fixture->odb);
	git_repository_free(fixture->repository);
	git_libgit2_shutdown();
	release_store_teardown(&fixture->store);
	free(fixture);
	return 0;
}

static git_oid put(const struct fixture *fixture, const void *bytes,
		   size_t size, git_object_t type)
{
	git_oid id;

	assert_int_equal(git_odb_write(&id, fixture->odb, bytes, size, type),
			 0);
	return id;
}

static git_oid put_text(const struct fixture *fixture, const char *text)
{
	return put(fixture, text, strlen(text), GIT_OBJECT_BLOB);
}

/* One line of a tree, byte by byte: no library would write the hostile ones. */
static void tree_add(struct buf *tree, const char *mode, const char *name,
		     git_oid id)
{
	buf_format(tree, "%s %s", mode, name);
	buf_append_char(tree, '\0');
	buf_append(tree, id.id, GIT_OID_RAWSZ);
}

static git_oid put_tree(const struct fixture *fixture, const struct buf *tree)
{
	return put(fixture, tree->bytes, tree->size, GIT_OBJECT_TREE);
}

/* Commit TREE as refs/heads/main. */
static git_oid commit(const struct fixture *fixture, git_oid tree)
{
	char hex[GIT_OID_HEXSZ + 1];
	AUTO_STR char *text = mem_format(
		"tree %s\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n"
		"\nmessage\n",
		git_oid_tostr(hex, sizeof(hex), &tree));
	git_oid id = put(fixture, text, strlen(text), GIT_OBJECT_COMMIT);
	git_reference *ref = NULL;

	assert_int_equal(git_reference_create(&ref, fixture->repository,
					      "refs/heads/main", &id, 1, NULL),
			 0);
	git_reference_free(ref);
	return id;
}

static int import(const struct fixture *fixture, const char *ref,
		  const char *subpath, char *commit_hex, struct manifest **out,
		  struct err *err)
{
	struct release_store *store = fixture->store;
	AUTO_STR char *path = release_store_path(store, "repo");

	return source_from_git(path, ref, subpath, store->blobs, commit_hex,
			       out, err);
}

/* dist/{bin/app (x), conf, run -> bin/app}, README */
static git_oid commit_good(const struct fixture *fixture)
{
	AUTO_VALUE(buf) bin = BUF_INIT;
	AUTO_VALUE(buf) dist = BUF_INIT;
	AUTO_VALUE(buf) top = BUF_INIT;

	tree_add(&bin, "100755", "app", put_text(fixture, "program"));
	tree_add(&dist, "40000", "bin", put_tree(fixture, &bin));
	tree_add(&dist, "100644", "conf", put_text(fixture, "text\r\n"));
	tree_add(&dist, "120000", "run", put_text(fixture, "bin/app"));
	tree_add(&top, "100644", "README", put_text(fixture, "words"));
	tree_add(&top, "40000", "dist", put_tree(fixture, &dist));
	return commit(fixture, put_tree(fixture, &top));
}

static void test_a_revision_becomes_a_release(void **state)
{
	const struct fixture *fixture = *state;
	git_oid id = commit_good(fixture);
	char hex[GIT_OID_HEXSZ + 1];
	char found[GIT_OID_HEXSZ + 1];
	char abbreviated[13] = { 0 };
	struct err err = ERR_INIT;
	const char *const refs[] = { "main", "refs/heads/main", "main^{commit}",
				     abbreviated };

	git_oid_tostr(hex, sizeof(hex), &id);
	memcpy(abbreviated, hex, 12);
	for (size_t i = 0; i < COUNT_OF(refs); i++) {
		AUTO(manifest) manifest = NULL;

		if (import(fixture, refs[i], NULL, found, &manifest, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(found, hex);
		release_store_assert_holds(fixture->store, manifest,
					   "0644 README=words\n"
					   "0755 dist/bin/app=program\n"
					   "0644 dist/conf=text\r\n\n"
					   "link dist/run>bin/app\n");
	}
}

static void test_a_subpath_is_the_top_of_the_release(void **state)
{
	const struct fixture *fixture = *state;
	struct err err = ERR_INIT;
	static const char *const subpaths[] = { "dist", "dist/" };

	commit_good(fixture);
	for (size_t i = 0; i < COUNT_OF(subpaths); i++) {
		AUTO(manifest) manifest = NULL;

		if (import(fixture, "main", subpaths[i], NULL, &manifest,
			   &err) < 0)
			fail_msg("%s", err.text);
		release_store_assert_holds(fixture->store, manifest,
					   "0755 bin/app=program\n"
					   "0644 conf=text\r\n\n"
					   "link run>bin/app\n");
	}
}

static void test_a_ref_or_subpath_that_is_not_there_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	static const struct {
		const char *ref;
		const char *subpath;
		const char *words;
	} cases[] = {
		{ "nothing", NULL, "nothing" },
		{ "", NULL, "" },
		{ "-x", NULL, "-x" },
		{ "main^{tree}", NULL, "names no commit" },
		{ "main", "nope", "no folder nope" },
		{ "main", "README", "README is not a folder" },
		{ "main", "../dist", "no folder" },
	};

	commit_good(fixture);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct manifest *manifest = NULL;
		struct err err = ERR_INIT;
		int rc = import(fixture, cases[i].ref, cases[i].subpath, NULL,
				&manifest, &err);

		release_store_assert_refused(fixture->store, rc, &err,
					     cases[i].words);
	}
}

static void test_hostile_entries_are_refused_by_name(void **state)
{
	static const char lfs[] =
		"version https://git-lfs.github.com/spec/v1\n"
		"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\n"
		"size 12345\n";
	static const struct {
		const char *mode;
		const char *name;
		const char *content;
		const char *words;
	} cases[] = {
		{ "100644", "..", "x", "\"..\"" },
		{ "100644", ".", "x", "\".\"" },
		{ "100644", "a/b", "x", "entry \"a/b\"" },
		{ "100644", "../x", "x", "entry \"../x\"" },
		{ "100644", "/etc", "x", "entry \"/etc\"" },
		{ "100644", "current", "x", "entry \"current\"" },
		{ "100644", ".gray-x", "x", "entry \".gray-x\"" },
		{ "100644", "a\nb", "x", "entry \"a?b\"" },
		{ "100644", "bad\xff", "x", "UTF-8" },
		{ "100644", "good", "x", "entry \"good\": is there twice" },
		{ "120000", "bad", "/etc/passwd", "entry \"bad\": link" },
		{ "120000", "bad", "..", "leaves the release" },
		{ "120000", "bad", "bad", "entry \"bad\": link" },
		{ "120000", "bad", "", "entry \"bad\": link target" },
		{ "100644", "big.bin", lfs, "entry \"big.bin\": is a Git LFS" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		void *own;
		const struct fixture *fixture;
		AUTO_VALUE(buf) tree = BUF_INIT;
		struct manifest *manifest = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(setup(&own), 0);
		fixture = own;
		tree_add(&tree, "100644", "good", put_text(fixture, "content"));
		tree_add(&tree, cases[i].mode, cases[i].name,
			 put_text(fixture, cases[i].content));
		commit(fixture, put_tree(fixture, &tree));
		release_store_assert_refused(
			fixture->store,
			import(fixture, "main", NULL, NULL, &manifest, &err),
			&err, cases[i].words);
		teardown(&own);
	}
}

static void test_a_submodule_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	git_oid id = commit_good(fixture);
	AUTO_VALUE(buf) tree = BUF_INIT;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	tree_add(&tree, "100644", "good", put_text(fixture, "content"));
	tree_add(&tree, "160000", "vendor", id);
	commit(fixture, put_tree(fixture, &tree));
	release_store_assert_refused(
		fixture->store,
		import(fixture, "main", NULL, NULL, &manifest, &err), &err,
		"entry \"vendor\": is a submodule");
}

static void test_a_missing_object_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	AUTO_VALUE(buf) tree = BUF_INIT;
	git_oid nowhere = { { 1, 2, 3 } };
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	tree_add(&tree, "100644", "gone", nowhere);
	commit(fixture, put_tree(fixture, &tree));
	release_store_assert_refused(
		fixture->store,
		import(fixture, "main", NULL, NULL, &manifest, &err), &err,
		"gone");
}

static void test_trees_that_are_too_deep_are_refused(void **state)
{
	const struct fixture *fixture = *state;
	git_oid id = put_text(fixture, "content");
	const char *mode = "100644";
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	for (int i = 0; i < 66; i++) {
		AUTO_VALUE(buf) tree = BUF_INIT;

		tree_add(&tree, mode, "d", id);
		id = put_tree(fixture, &tree);
		mode = "40000";
	}
	commit(fixture, id);
	release_store_assert_refused(
		fixture->store,
		import(fixture, "main", NULL, NULL, &manifest, &err), &err,
		"64 folders deep");
}

static void test_a_folder_that_is_no_repository_is_refused(void **state)
{
	const struct fixture *fixture = *state;
	struct release_store *store = fixture->store;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;
	int rc = source_from_git("/nonexistent", "main", NULL, store->blobs,
				 NULL, &manifest, &err);

	release_store_assert_refused(store, rc, &err, "/nonexistent");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_revision_becomes_a_release),
		TEST(test_a_subpath_is_the_top_of_the_release),
		TEST(test_a_ref_or_subpath_that_is_not_there_is_refused),
		cmocka_unit_test(test_hostile_entries_are_refused_by_name),
		TEST(test_a_submodule_is_refused),
		TEST(test_a_missing_object_is_refused),
		TEST(test_trees_that_are_too_deep_are_refused),
		TEST(test_a_folder_that_is_no_repository_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
