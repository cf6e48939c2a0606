#include "agents/slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/file.h"

#define PREFIX "releases/"

void slot_format_link(const struct digest *release, char out[SLOT_LINK])
{
	char hex[DIGEST_HEX + 1];

	digest_format(release, hex);
	(void)snprintf(out, SLOT_LINK, PREFIX "%s", hex);
}

static int check_owner(int dir, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return err_sys(err, "look at %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, ERR_REFUSED,
			       "%s belongs to user %u, not to %u", path,
			       (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & S_IWOTH)
		return err_set(err, ERR_REFUSED,
			       "everybody may write to %s: chmod o-w it", path);
	return 0;
}

/* Open folder NAME of the root, made when missing and synced. */
static int open_folder(int dir, const char *name, mode_t mode, int *out,
		       struct err *err)
{
	if (mkdirat(dir, name, mode) == 0) {
		if (file_sync(dir, "the root", err) < 0)
			return err_again(err);
	} else if (errno != EEXIST) {
		return err_sys(err, "make folder %s", name);
	}
	*out = file_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0, err);
	return *out < 0 ? err_again(err) : 0;
}

static int open_folders(struct slot *slot, struct err *err)
{
	AUTO_FD int shared = -1;

	if (check_owner(slot->root, slot->path, err) < 0)
		return err_again(err);
	if (open_folder(slot->root, ".gray", 0700, &slot->gray, err) < 0 ||
	    open_folder(slot->root, "releases", 0755, &slot->releases, err) <
		    0 ||
	    open_folder(slot->root, "shared", 0755, &shared, err) < 0 ||
	    open_folder(slot->gray, "manifests", 0700, &slot->manifests, err) <
		    0 ||
	    open_folder(slot->gray, "blobs", 0700, &slot->blobs, err) < 0)
		return err_wrap(err, "%s", slot->path);
	return 0;
}

int slot_open(const char *path, struct slot **out, struct err *err)
{
	struct slot *slot;
	int root;

	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "root %s is not absolute",
			       path);
	if (file_make_dirs(path, 0755, err) < 0)
		return err_again(err);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, "open %s", path);
	slot = MEM_NEW(struct slot);
	slot->path = mem_str(path);
	slot->root = root;
	slot->gray = slot->releases = slot->manifests = slot->blobs = -1;
	if (open_folders(slot, err) < 0) {
		slot_close(slot);
		return err_again(err);
	}
	*out = slot;
	return 0;
}

void slot_close(struct slot *slot)
{
	if (!slot)
		return;
	mem_auto_fd(&slot->root);
	mem_auto_fd(&slot->gray);
	mem_auto_fd(&slot->releases);
	mem_auto_fd(&slot->manifests);
	mem_auto_fd(&slot->blobs);
	free(slot->path);
	free(slot);
}

static const char *kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a folder";
	if (S_ISREG(mode))
		return "a file";
	if (S_ISFIFO(mode))
		return "a pipe";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

/* A link's text names a release, in just the form we write. */
static int parse_link(const char *text, struct digest *out, struct err *err)
{
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0 ||
	    digest_parse(text + strlen(PREFIX), out, err) < 0)
		return err_set(err, ERR_CONFLICT,
			       "current points to %s, which is no release of "
			       "gray: remove the link, or name another root",
			       text);
	return 0;
}

int slot_current(const struct slot *slot, struct digest *out, struct err *err)
{
	char text[4096];
	struct digest digest;
	struct stat st;
	ssize_t n;

	if (fstatat(slot->root, "current", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_sys(err, "look at current");
		memset(out, 0, sizeof(*out));
		return 0;
	}
	if (!S_ISLNK(st.st_mode))
		return err_set(err, ERR_CONFLICT,
			       "current is %s, not a link: move it away",
			       kind_of(st.st_mode));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, ERR_CONFLICT,
			       "current belongs to user %u, not to %u",
			       (unsigned)st.st_uid, (unsigned)geteuid());
	n = readlinkat(slot->root, "current", text, sizeof(text) - 1);
	if (n < 0)
		return err_sys(err, "read the link current");
	text[n] = '\0';
	if (parse_link(text, &digest, err) < 0)
		return err_again(err);
	if (fstatat(slot->root, text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, ERR_CONFLICT,
			       "current points to %s, which is not there",
			       text);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_CONFLICT,
			       "current points to %s, which is no folder",
			       text);
	*out = digest;
	return 0;
}

static bool link_is(int dir, const char *name, const char *target)
{
	char text[SLOT_LINK];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	return strcmp(text, target) == 0;
}

static int make_link(int dir, const char *name, const char *target,
		     struct err *err)
{
	if (link_is(dir, name, target))
		return 0;
	(void)unlinkat(dir, name, 0); /* left behind by a crash, if at all */
	if (symlinkat(target, dir, name) < 0)
		return err_sys(err, "make the link .gray/%s", name);
	return file_sync(dir, ".gray", err);
}

int slot_prepare_revert(const struct slot *slot, const struct digest *release,
			struct err *err)
{
	char target[SLOT_LINK];

	if (digest_is_zero(release))
		return 0;
	slot_format_link(release, target);
	return make_link(slot->gray, "revert", target, err);
}

static int sync_switch(const struct slot *slot, struct err *err)
{
	if (file_sync(slot->root, "the root", err) < 0)
		return err_again(err);
	return file_sync(slot->gray, ".gray", err);
}

static int remove_current(const struct slot *slot, struct err *err)
{
	if (unlinkat(slot->root, "current", 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove the link current");
	return sync_switch(slot, err);
}

int slot_flip(const struct slot *slot, const struct digest *release,
	      struct err *err)
{
	char target[SLOT_LINK];
	const char *name;

	if (digest_is_zero(release))
		return remove_current(slot, err);
	slot_format_link(release, target);
	if (link_is(slot->root, "current", target))
		return sync_switch(slot, err);
	name = link_is(slot->gray, "revert", target) ? "revert" : "next";
	if (make_link(slot->gray, name, target, err) < 0)
		return err_again(err);
	if (renameat(slot->gray, name, slot->root, "current") < 0)
		return err_sys(err, "switch current to %s", target);
	return sync_switch(slot, err);
}

int slot_open_release(const struct slot *slot, const struct digest *release,
		      int *out_fd, struct err *err)
{
	char hex[DIGEST_HEX + 1];
	int fd;

	digest_format(release, hex);
	fd = file_open_beneath(slot->releases, hex, O_RDONLY | O_DIRECTORY, 0,
			       err);
	if (fd < 0)
		return errno == ENOENT ? err_set(err, ERR_NOT_FOUND,
						 "release %.12s is not on the "
						 "host",
						 hex)
				       : err_again(err);
	*out_fd = fd;
	return 0;
}

bool slot_has_release(const struct slot *slot, const struct digest *release)
{
	struct err ignored = ERR_INIT;
	AUTO_FD int fd = -1;

	return slot_open_release(slot, release, &fd, &ignored) == 0;
}

char *slot_release_path(const struct slot *slot, const struct digest *release)
{
	char link[SLOT_LINK];

	slot_format_link(release, link);
	return mem_format("%s/%s", slot->path, link);
}

int slot_list_releases(const struct slot *slot, struct slot_releases *out,
		       struct err *err)
{
	struct err ignored = ERR_INIT;
	struct dirent *entry;
	struct digest digest;
	DIR *listing;
	int fd =
		openat(slot->releases, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open releases");
	listing = fdopendir(fd);
	if (!listing) {
		(void)close(fd);
		return err_sys(err, "list releases");
	}
	while ((entry = readdir(listing)))
		if (digest_parse(entry->d_name, &digest, &ignored) == 0)
			*vec_add(&out->list) = digest;
	(void)closedir(listing);
	return 0;
}
