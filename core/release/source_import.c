#include "core/release/source_import.h"

int source_import_begin(struct source_import *import, struct blobs *blobs,
			struct err *err)
{
	if (blobs_import_begin(blobs, &import->blobs, err) < 0)
		return err_again(err);
	import->manifest = manifest_new();
	return 0;
}

void source_import_release(struct source_import *import)
{
	manifest_free(import->manifest);
	blobs_import_free(import->blobs);
}

int source_import_file_begin(struct source_import *import, const char *path,
			     struct err *err)
{
	if (manifest_check_path(path, err) < 0)
		return err_again(err);
	if (import->manifest->entries.n >= MANIFEST_MAX_ENTRIES)
		return manifest_refuse(path, "is one more than 200000 entries",
				       err);
	return blobs_import_file_begin(import->blobs, err);
}

int source_import_file_write(struct source_import *import, const char *path,
			     const void *bytes, size_t size, struct err *err)
{
	if (size > MANIFEST_MAX_CONTENT - import->bytes)
		return manifest_refuse(path, "takes the release above 64 GiB",
				       err);
	import->bytes += size;
	return blobs_import_file_write(import->blobs, bytes, size, err);
}

int source_import_file_end(struct source_import *import, const char *path,
			   bool is_executable, struct err *err)
{
	struct digest digest;
	uint64_t size;

	if (blobs_import_file_end(import->blobs, &digest, &size, err) < 0)
		return err_again(err);
	return manifest_add_file(import->manifest, path, is_executable, size,
				 &digest, err);
}

int source_import_link(struct source_import *import, const char *path,
		       const char *target, struct err *err)
{
	return manifest_add_link(import->manifest, path, target, err);
}

int source_import_keep(struct source_import *import, struct manifest **out,
		       struct err *err)
{
	if (manifest_seal(import->manifest, err) < 0 ||
	    blobs_import_keep(import->blobs, err) < 0)
		return err_again(err);
	*out = TAKE(import->manifest);
	return 0;
}

const char *source_refused_type(mode_t mode)
{
	if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode))
		return NULL;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return "is a device";
	if (S_ISFIFO(mode))
		return "is a fifo";
	if (S_ISSOCK(mode))
		return "is a socket";
	return "is neither a file, a folder nor a link";
}

const char *source_refused_bits(mode_t mode)
{
	if (mode & S_ISUID)
		return "has the set-user-id bit";
	if (mode & S_ISGID)
		return "has the set-group-id bit";
	return mode & S_ISVTX ? "has the sticky bit" : NULL;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int source_check_unchanged(int fd, const struct stat *before, const char *path,
			   struct err *err)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return err_sys(err, "stat %s", path);
	if (now.st_dev == before->st_dev && now.st_ino == before->st_ino &&
	    now.st_size == before->st_size &&
	    is_same_time(&now.st_mtim, &before->st_mtim) &&
	    is_same_time(&now.st_ctim, &before->st_ctim))
		return 0;
	return err_set(err, ERR_CONFLICT,
		       "%s changed while it was read; is a build running?",
		       path);
}
