#include "core/release/source.h"

#include <git2.h>
#include <string.h>

#include "core/release/source_import.h"

#define MAX_BLOB_BYTES (1u << 30) /* libgit2 holds a whole one in memory */
#define MAX_TARGET     4096

/* The first line of a file that stands for another one elsewhere. */
static const char lfs_mark[] = "version https://git-lfs.github.com/spec/";

struct source_git {
	git_repository *repository;
	git_odb *odb;
	git_object *object;
	git_commit *commit;
	git_tree *top;
	git_tree_entry *entry;
	git_tree *tree;
	struct source_import import;
};

static void source_git_release(struct source_git *git)
{
	source_import_release(&git->import);
	git_tree_free(git->tree);
	git_tree_entry_free(git->entry);
	git_tree_free(git->top);
	git_commit_free(git->commit);
	git_object_free(git->object);
	git_odb_free(git->odb);
	git_repository_free(git->repository);
	(void)git_libgit2_shutdown();
}
MEM_AUTO_VALUE(source_git)

/* What libgit2 said last, after our words. */
static int fail_with(struct err *err, int rc, const char *what)
{
	const git_error *last = git_error_last();

	return err_set(err, rc == GIT_ENOTFOUND ? ERR_NOT_FOUND : ERR_INVALID,
		       "%s: %s", what,
		       last && last->message ? last->message : "git failed");
}

/* Learn how large it is before it is read into memory. */
static int check_size(struct source_git *git, const git_oid *id,
		      const char *path, size_t max, struct err *err)
{
	git_object_t type;
	size_t size;
	int rc = git_odb_read_header(&size, &type, git->odb, id);

	if (rc < 0)
		return fail_with(err, rc, path);
	if (type != GIT_OBJECT_BLOB)
		return manifest_refuse(path, "is no blob in the repository",
				       err);
	if (size > max)
		return manifest_refuse(
			path,
			max == MAX_TARGET ? "link target is too long"
					  : "is above 1 GiB, the most that is "
					    "taken from git",
			err);
	return 0;
}

static int add_file(struct source_git *git, git_blob *blob, const char *path,
		    bool is_executable, struct err *err)
{
	const char *content = git_blob_rawcontent(blob);
	size_t size = (size_t)git_blob_rawsize(blob);

	if (size >= sizeof(lfs_mark) && size < 1024 &&
	    memcmp(content, lfs_mark, sizeof(lfs_mark) - 1) == 0)
		return manifest_refuse(path,
				       "is a Git LFS pointer, not the file; "
				       "release from a checkout with dir:",
				       err);
	if (source_import_file_begin(&git->import, path, err) < 0 ||
	    source_import_file_write(&git->import, path, content, size, err) <
		    0)
		return err_again(err);
	return source_import_file_end(&git->import, path, is_executable, err);
}

static int add_link(struct source_git *git, git_blob *blob, const char *path,
		    struct err *err)
{
	size_t size = (size_t)git_blob_rawsize(blob);
	AUTO_STR char *target = mem_strn(git_blob_rawcontent(blob), size);

	if (strlen(target) != size)
		return manifest_refuse(path, "link target has a NUL", err);
	return source_import_link(&git->import, path, target, err);
}

static int add_blob(struct source_git *git, const git_tree_entry *entry,
		    const char *path, struct err *err)
{
	git_filemode_t mode = git_tree_entry_filemode(entry);
	const git_oid *id = git_tree_entry_id(entry);
	bool is_link = mode == GIT_FILEMODE_LINK;
	git_blob *blob = NULL;
	int rc;

	if (check_size(git, id, path, is_link ? MAX_TARGET : MAX_BLOB_BYTES,
		       err) < 0)
		return err_again(err);
	rc = git_blob_lookup(&blob, git->repository, id);
	if (rc < 0)
		return fail_with(err, rc, path);
	rc = is_link ? add_link(git, blob, path, err)
		     : add_file(git, blob, path,
				mode == GIT_FILEMODE_BLOB_EXECUTABLE, err);
	git_blob_free(blob);
	return rc;
}

static int add_tree(struct source_git *git, const git_tree *tree,
		    const char *prefix, struct err *err);

static int add_subtree(struct source_git *git, const git_tree_entry *entry,
		       const char *path, struct err *err)
{
	git_tree *tree = NULL;
	int rc = git_tree_lookup(&tree, git->repository,
				 git_tree_entry_id(entry));

	if (rc < 0)
		return fail_with(err, rc, path);
	rc = add_tree(git, tree, path, err);
	git_tree_free(tree);
	return rc;
}

static int add_entry(struct source_git *git, const git_tree_entry *entry,
		     const char *path, struct err *err)
{
	if (manifest_check_path(path, err) < 0)
		return err_again(err);
	switch (git_tree_entry_filemode(entry)) {
	case GIT_FILEMODE_TREE:
		return add_subtree(git, entry, path, err);
	case GIT_FILEMODE_BLOB:
	case GIT_FILEMODE_BLOB_EXECUTABLE:
	case GIT_FILEMODE_LINK:
		return add_blob(git, entry, path, err);
	case GIT_FILEMODE_COMMIT:
		return manifest_refuse(path, "is a submodule", err);
	case GIT_FILEMODE_UNREADABLE:
	default:
		return manifest_refuse(path, "has a mode unknown to git", err);
	}
}

/* As deep as manifest_check_path allows, 64. */
static int add_tree(struct source_git *git, const git_tree *tree,
		    const char *prefix, struct err *err)
{
	for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		const char *name = git_tree_entry_name(entry);
		AUTO_STR char *path =
			mem_format("%s%s%s", prefix, *prefix ? "/" : "", name);

		if (strchr(name, '/'))
			return manifest_refuse(path, "has a / in its name",
					       err);
		if (add_entry(git, entry, path, err) < 0)
			return err_again(err);
	}
	return 0;
}

static int find_commit(struct source_git *git, const char *ref, char *commit,
		       struct err *err)
{
	int rc = git_revparse_single(&git->object, git->repository, ref);

	if (rc < 0)
		return fail_with(err, rc, ref);
	rc = git_object_peel((git_object **)&git->commit, git->object,
			     GIT_OBJECT_COMMIT);
	if (rc < 0)
		return err_set(err, ERR_INVALID, "%s: names no commit", ref);
	rc = git_commit_tree(&git->top, git->commit);
	if (rc < 0)
		return fail_with(err, rc, ref);
	(void)git_oid_tostr(commit, GIT_OID_HEXSZ + 1,
			    git_commit_id(git->commit));
	return 0;
}

static int find_folder(struct source_git *git, const char *subpath,
		       struct err *err)
{
	int rc = git_tree_entry_bypath(&git->entry, git->top, subpath);

	if (rc < 0)
		return err_set(err, ERR_NOT_FOUND, "no folder %s in the commit",
			       subpath);
	if (git_tree_entry_type(git->entry) != GIT_OBJECT_TREE)
		return err_set(err, ERR_INVALID, "%s is not a folder", subpath);
	rc = git_tree_lookup(&git->tree, git->repository,
			     git_tree_entry_id(git->entry));
	return rc < 0 ? fail_with(err, rc, subpath) : 0;
}

static int import_tree(struct source_git *git, const char *subpath,
		       struct blobs *blobs, struct manifest **out,
		       struct err *err)
{
	int rc = git_repository_odb(&git->odb, git->repository);

	if (rc < 0)
		return fail_with(err, rc, "objects");
	if (subpath && *subpath && strcmp(subpath, ".") != 0 &&
	    find_folder(git, subpath, err) < 0)
		return err_again(err);
	if (source_import_begin(&git->import, blobs, err) < 0 ||
	    add_tree(git, git->tree ? git->tree : git->top, "", err) < 0)
		return err_again(err);
	return source_import_keep(&git->import, out, err);
}

int source_from_git(const char *repository, const char *ref,
		    const char *subpath, struct blobs *blobs, char *commit,
		    struct manifest **out, struct err *err)
{
	AUTO_VALUE(source_git) git = { .repository = NULL };
	char found[GIT_OID_HEXSZ + 1];
	int rc;

	(void)git_libgit2_init();
	rc = git_repository_open_ext(&git.repository, repository, 0, NULL);
	if (rc < 0)
		return fail_with(err, rc, repository);
	if (find_commit(&git, ref, found, err) < 0 ||
	    import_tree(&git, subpath, blobs, out, err) < 0)
		return err_wrap(err, "%s", repository);
	if (commit)
		memcpy(commit, found, sizeof(found));
	return 0;
}
