#include "core/release/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/release/source_import.h"

#define CHUNK_BYTES 65536

static int read_content(struct source_import *import, int fd, const char *path,
			struct err *err)
{
	AUTO_STR char *chunk = mem_alloc(CHUNK_BYTES);

	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read %s", path);
		if (n == 0)
			return 0;
		if (source_import_file_write(import, path, chunk, (size_t)n,
					     err) < 0)
			return err_again(err);
	}
}

/* SEEN is how it looked in the listing; what is opened must be that file. */
static int add_file(struct source_import *import, int dir, const char *name,
		    const char *path, const struct stat *seen, struct err *err)
{
	const char *why = source_refused_bits(seen->st_mode);
	AUTO_FD int fd = -1;

	if (why)
		return manifest_refuse(path, why, err);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (source_check_unchanged(fd, seen, path, err) < 0 ||
	    source_import_file_begin(import, path, err) < 0 ||
	    read_content(import, fd, path, err) < 0 ||
	    source_check_unchanged(fd, seen, path, err) < 0)
		return err_again(err);
	return source_import_file_end(import, path, seen->st_mode & S_IXUSR,
				      err);
}

static int add_link(struct source_import *import, int dir, const char *name,
		    const char *path, struct err *err)
{
	char target[4096 + 1];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(err, "read link %s", path);
	target[n] = '\0';
	return source_import_link(import, path, target, err);
}

static int add_folder(struct source_import *import, int fd, const char *prefix,
		      struct err *err);

static int add_entry(struct source_import *import, int dir, const char *name,
		     const char *path, struct err *err)
{
	struct stat info;
	const char *why;
	int fd;

	if (manifest_check_path(path, err) < 0)
		return err_again(err);
	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "stat %s", path);
	why = source_refused_type(info.st_mode);
	if (why)
		return manifest_refuse(path, why, err);
	if (S_ISREG(info.st_mode))
		return add_file(import, dir, name, path, &info, err);
	if (S_ISLNK(info.st_mode))
		return add_link(import, dir, name, path, err);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(err, "open %s", path)
		      : add_folder(import, fd, path, err);
}

/* FD moves in. As deep as manifest_check_path allows, 64. */
static int add_folder(struct source_import *import, int fd, const char *prefix,
		      struct err *err)
{
	DIR *listing = fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!listing) {
		(void)close(fd);
		return err_sys(err, "list %s", prefix);
	}
	while (rc == 0 && (errno = 0, entry = readdir(listing))) {
		AUTO_STR char *path = NULL;

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		path = mem_format("%s%s%s", prefix, *prefix ? "/" : "",
				  entry->d_name);
		rc = add_entry(import, fd, entry->d_name, path, err);
	}
	if (rc == 0 && errno)
		rc = err_sys(err, "list %s", prefix);
	(void)closedir(listing);
	return rc;
}

int source_from_dir(const char *path, struct blobs *blobs,
		    struct manifest **out, struct err *err)
{
	AUTO_VALUE(source_import) import = { .bytes = 0 };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (source_import_begin(&import, blobs, err) < 0) {
		(void)close(fd);
		return err_again(err);
	}
	if (add_folder(&import, fd, "", err) < 0 ||
	    source_import_keep(&import, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}
