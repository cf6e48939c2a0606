#include "agents/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/copy.h"
#include "agents/fetch.h"
#include "agents/kept.h"
#include "core/sys/file.h"

#define STAGE_DIR "stage"

/* The folder that PATH is in, made when missing, and PATH's last part. */
static int open_parent(int dir, const char *path, const char **out_name,
		       int *out, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_STR char *parent =
		slash ? mem_strn(path, (size_t)(slash - path)) : mem_str(".");

	if (slash && file_make_dirs_at(dir, parent, 0755, err) < 0)
		return err_again(err);
	*out = file_open_beneath(dir, parent, O_RDONLY | O_DIRECTORY, 0, err);
	*out_name = slash ? slash + 1 : path;
	return *out < 0 ? err_again(err) : 0;
}

/* A second file with the same content is a copy: no hard links stay. */
static int copy_blob(const struct slot *slot, const char *hex, int dir,
		     const char *name, struct err *err)
{
	AUTO_FD int from = openat(slot->blobs, hex, O_RDONLY | O_CLOEXEC);
	AUTO_FD int to =
		openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct digest digest;
	char copied[DIGEST_HEX + 1];

	if (from < 0 || to < 0)
		return err_sys(err, "copy a blob");
	if (copy_file(from, to, &digest, err) < 0)
		return err_again(err);
	digest_format(&digest, copied);
	if (strcmp(copied, hex) != 0)
		return err_set(err, ERR_CORRUPT, "a blob is not what it was");
	return 0;
}

static int is_linked(const struct slot *slot, const char *hex, bool *out,
		     struct err *err)
{
	struct stat st;

	if (fstatat(slot->blobs, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "look at a blob");
	*out = st.st_nlink > 1;
	return 0;
}

static int build_file(const struct slot *slot, int dir,
		      const struct manifest_entry *entry, struct err *err)
{
	AUTO_FD int parent = -1;
	AUTO_FD int fd = -1;
	char hex[DIGEST_HEX + 1];
	const char *name = NULL;
	bool is_used = false;

	digest_format(&entry->digest, hex);
	if (open_parent(dir, entry->path, &name, &parent, err) < 0 ||
	    is_linked(slot, hex, &is_used, err) < 0)
		return err_again(err);
	if (is_used) {
		if (copy_blob(slot, hex, parent, name, err) < 0)
			return err_again(err);
	} else if (linkat(slot->blobs, hex, parent, name, 0) < 0) {
		return err_sys(err, "link a blob");
	}
	fd = file_open_beneath(parent, name, O_RDONLY, 0, err);
	if (fd < 0)
		return err_again(err);
	if (fchmod(fd, entry->is_executable ? 0555 : 0444) < 0)
		return err_sys(err, "set the mode");
	return file_sync(fd, name, err);
}

static int build_link(int dir, const struct manifest_entry *entry,
		      struct err *err)
{
	AUTO_FD int parent = -1;
	const char *name = NULL;

	if (open_parent(dir, entry->path, &name, &parent, err) < 0)
		return err_again(err);
	if (symlinkat(entry->target, parent, name) < 0)
		return err_sys(err, "make the link");
	return 0;
}

static int seal_folder(int dir, bool is_top, struct err *err);

static int seal_folders_in(DIR *listing, struct err *err)
{
	struct dirent *entry;

	while ((entry = readdir(listing))) {
		struct stat st;
		int rc;
		int sub;

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(listing), entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, "look at %s", entry->d_name);
		if (!S_ISDIR(st.st_mode))
			continue;
		sub = file_open_beneath(dirfd(listing), entry->d_name,
					O_RDONLY | O_DIRECTORY, 0, err);
		rc = sub < 0 ? err_again(err) : seal_folder(sub, false, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Read-only and synced, with all folders below; takes DIR. */
static int seal_folder(int dir, bool is_top, struct err *err)
{
	DIR *listing = fdopendir(dir);
	int rc;

	if (!listing) {
		(void)close(dir);
		return err_sys(err, "list a folder");
	}
	rc = seal_folders_in(listing, err);
	/* To be moved the top one has to stay writable a little longer. */
	if (rc == 0 && fchmod(dirfd(listing), is_top ? 0755 : 0555) < 0)
		rc = err_sys(err, "set a folder's mode");
	if (rc == 0)
		rc = file_sync(dirfd(listing), "a folder", err);
	(void)closedir(listing);
	return rc;
}

static int build_entries(const struct slot *slot,
			 const struct manifest *manifest, struct err *err)
{
	AUTO_FD int dir = file_open_beneath(slot->gray, STAGE_DIR,
					    O_RDONLY | O_DIRECTORY, 0, err);
	int top;

	if (dir < 0)
		return err_again(err);
	for (size_t i = 0; i < manifest->entries.n; i++) {
		const struct manifest_entry *entry =
			&manifest->entries.items[i];
		int rc = entry->target ? build_link(dir, entry, err)
				       : build_file(slot, dir, entry, err);

		if (rc < 0)
			return err_wrap(err, "%s", entry->path);
	}
	top = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	return top < 0 ? err_sys(err, "dup") : seal_folder(top, true, err);
}

/* The rename that makes it a release. */
static int publish(const struct slot *slot, const struct manifest *manifest,
		   struct err *err)
{
	char hex[DIGEST_HEX + 1];
	AUTO_FD int dir = -1;

	digest_format(&manifest->digest, hex);
	if (kept_save(slot, manifest, err) < 0)
		return err_again(err);
	if (renameat(slot->gray, STAGE_DIR, slot->releases, hex) < 0)
		return err_sys(err, "move the release into place");
	if (slot_open_release(slot, &manifest->digest, &dir, err) < 0)
		return err_again(err);
	if (fchmod(dir, 0555) < 0)
		return err_sys(err, "set the release's mode");
	if (file_sync(dir, "the release", err) < 0 ||
	    file_sync(slot->releases, "releases", err) < 0)
		return err_again(err);
	return file_sync(slot->gray, ".gray", err);
}

int stage_build(const struct slot *slot, const struct manifest *manifest,
		struct err *err)
{
	if (file_remove_tree_at(slot->gray, STAGE_DIR, err) < 0)
		return err_again(err);
	if (mkdirat(slot->gray, STAGE_DIR, 0700) < 0)
		return err_sys(err, "make .gray/" STAGE_DIR);
	if (build_entries(slot, manifest, err) < 0)
		return err_again(err);
	if (publish(slot, manifest, err) < 0)
		return err_again(err);
	return fetch_clean(slot, err);
}

int stage_clean(const struct slot *slot, struct err *err)
{
	if (file_remove_tree_at(slot->gray, STAGE_DIR, err) < 0)
		return err_again(err);
	return fetch_clean(slot, err);
}
