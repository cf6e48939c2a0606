#include "core/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int file_open_beneath(int dir, const char *path, int flags, mode_t mode,
		      struct err *err)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? err_sys(err, "open %s", path) : (int)fd;
}

int file_read_fd(int fd, size_t max, struct buf *out, struct err *err)
{
	size_t total = 0;

	for (;;) {
		uint8_t *to = buf_reserve(out, 65536);
		ssize_t n = read(fd, to, 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			return 0;
		total += (size_t)n;
		if (total > max)
			return err_set(err, ERR_INVALID, "more than %zu bytes",
				       max);
		out->size += (size_t)n;
		out->bytes[out->size] = '\0';
	}
}

int file_read_at(int dir, const char *path, size_t max, struct buf *out,
		 struct err *err)
{
	AUTO_FD int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (file_read_fd(fd, max, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	return file_read_at(AT_FDCWD, path, max, out, err);
}

int file_write_all(int fd, const void *bytes, size_t size, struct err *err)
{
	const uint8_t *p = bytes;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write");
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

struct file_look file_look_at(const char *path)
{
	struct stat is = { 0 };

	(void)stat(path, &is);
	return (struct file_look){ is.st_mtim, is.st_size, is.st_ino };
}

bool file_is_as(const char *path, const struct file_look *was)
{
	struct file_look is = file_look_at(path);

	return is.size == was->size && is.inode == was->inode &&
	       memcmp(&is.changed, &was->changed, sizeof(is.changed)) == 0;
}

int file_sync(int fd, const char *what, struct err *err)
{
	return fsync(fd) < 0 ? err_sys(err, "sync %s", what) : 0;
}

static int file_write_new(int dir, const char *name, const void *bytes,
			  size_t size, mode_t mode, struct err *err)
{
	AUTO_FD int fd = openat(
		dir, name,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return err_sys(err, "create");
	if (file_write_all(fd, bytes, size, err) < 0)
		return err_again(err);
	return file_sync(fd, "file", err);
}

int file_replace_at(int dir, const char *name, const void *bytes, size_t size,
		    mode_t mode, struct err *err)
{
	AUTO_STR char *temporary = mem_format("%s.new", name);

	if (file_write_new(dir, temporary, bytes, size, mode, err) < 0) {
		(void)unlinkat(dir, temporary, 0);
		return err_wrap(err, "%s", name);
	}
	if (renameat(dir, temporary, dir, name) < 0)
		return err_sys(err, "rename %s", name);
	return file_sync(dir, "folder", err);
}

int file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	AUTO_STR char *copy = mem_str(path);

	for (char *p = copy + 1; p[-1]; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_sys(err, "make folder %s", copy);
		*p = c;
		if (!c)
			break;
	}
	return 0;
}

int file_make_dirs_at(int dir, const char *path, mode_t mode, struct err *err)
{
	AUTO_STR char *copy = mem_str(path);
	AUTO_FD int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	char *save = NULL;

	if (at < 0)
		return err_sys(err, "dup");
	for (char *part = strtok_r(copy, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		int next;

		if (mkdirat(at, part, mode) < 0 && errno != EEXIST)
			return err_sys(err, "make folder %s in %s", part, path);
		next = file_open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0,
					 err);
		if (next < 0)
			return err_wrap(err, "%s", path);
		(void)close(at);
		at = next;
	}
	return 0;
}

static int file_empty_dir(int dir, struct err *err)
{
	DIR *listing = fdopendir(dir);
	struct dirent *entry;
	int rc = 0;

	if (!listing) {
		(void)close(dir);
		return err_sys(err, "list");
	}
	while (rc == 0 && (entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			rc = file_remove_tree_at(dirfd(listing), entry->d_name,
						 err);
	(void)closedir(listing);
	return rc;
}

int file_remove_tree_at(int dir, const char *name, struct err *err)
{
	int sub;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "remove %s", name);
	sub = openat(dir, name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open %s", name);
	(void)fchmod(sub, 0700); /* releases are read-only */
	if (file_empty_dir(sub, err) < 0)
		return err_wrap(err, "%s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "remove %s", name);
	return 0;
}

char *file_join(const char *base, const char *path)
{
	if (path[0] == '/' || !base || !*base)
		return mem_str(path);
	return mem_format("%s/%s", base, path);
}
