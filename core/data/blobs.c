#include "core/data/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "core/sys/file.h"

#define N_SHELVES 256 /* folders named by a digest's first byte */
/* From so many files on, one sync of the file system is the cheaper one. */
#define MANY_FILES 32

struct blobs {
	int dir;
	int tmp;
};
struct blobs_import {
	struct blobs *blobs;
	char name[17]; /* of its folder in tmp */
	int folder;    /* locked, so that nobody clears it away */
	int file;      /* being written, or -1 */
	struct digest_hash *hash;
	uint64_t size;
	bool is_kept;
};
struct digest_list {
	VEC(struct digest) list;
};

static void digest_list_release(struct digest_list *digests)
{
	vec_release(&digests->list);
}
MEM_AUTO_VALUE(digest_list)

/* "ab/cdef...": where the blob of that digest stands. */
static void place_of(const struct digest *digest, char out[DIGEST_HEX + 2])
{
	char hex[DIGEST_HEX + 1];

	digest_format(digest, hex);
	memcpy(out, hex, 2);
	out[2] = '/';
	memcpy(out + 3, hex + 2, DIGEST_HEX - 1);
}

/* The digests that name the files of FOLDER. */
static int list_files(int folder, struct digest_list *out, struct err *err)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!listing)
		return err_sys(err, "list the import");
	while ((entry = readdir(listing))) {
		struct err not_one = ERR_INIT;
		struct digest digest;

		if (digest_parse(entry->d_name, &digest, &not_one) == 0)
			*vec_add(&out->list) = digest;
	}
	(void)closedir(listing);
	return 0;
}

/* Make what is in FOLDER stay, whatever happens to the machine. */
static int sync_folder(int folder, const struct digest_list *digests,
		       struct err *err)
{
	if (digests->list.n > MANY_FILES)
		return syncfs(folder) < 0 ? err_sys(err, "sync the import") : 0;
	for (size_t i = 0; i < digests->list.n; i++) {
		char hex[DIGEST_HEX + 1];
		AUTO_FD int fd = -1;

		digest_format(&digests->list.items[i], hex);
		fd = openat(folder, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return err_sys(err, "open %s", hex);
		if (file_sync(fd, hex, err) < 0)
			return err_again(err);
	}
	return file_sync(folder, "the import", err);
}

static int make_shelves(const struct blobs *blobs,
			const struct digest_list *digests, struct err *err)
{
	for (size_t i = 0; i < digests->list.n; i++) {
		char place[DIGEST_HEX + 2];

		place_of(&digests->list.items[i], place);
		place[2] = '\0';
		if (mkdirat(blobs->dir, place, 0700) < 0 && errno != EEXIST)
			return err_sys(err, "make folder %s", place);
	}
	return file_sync(blobs->dir, "the blobs' folder", err);
}

static int sync_shelves(const struct blobs *blobs,
			const struct digest_list *digests, struct err *err)
{
	bool is_done[N_SHELVES] = { false };

	for (size_t i = 0; i < digests->list.n; i++) {
		unsigned shelf = digests->list.items[i].bytes[0];
		char place[DIGEST_HEX + 2];
		AUTO_FD int fd = -1;

		if (is_done[shelf])
			continue;
		is_done[shelf] = true;
		place_of(&digests->list.items[i], place);
		place[2] = '\0';
		fd = openat(blobs->dir, place,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "open %s", place);
		if (file_sync(fd, place, err) < 0)
			return err_again(err);
	}
	return 0;
}

/* Put all files of the kept FOLDER where they belong, and remove it. */
static int settle(const struct blobs *blobs, int folder, const char *name,
		  struct err *err)
{
	AUTO_VALUE(digest_list) digests = { .list = { .n = 0 } };

	if (list_files(folder, &digests, err) < 0 ||
	    make_shelves(blobs, &digests, err) < 0)
		return err_again(err);
	for (size_t i = 0; i < digests.list.n; i++) {
		char hex[DIGEST_HEX + 1];
		char place[DIGEST_HEX + 2];

		digest_format(&digests.list.items[i], hex);
		place_of(&digests.list.items[i], place);
		if (renameat(folder, hex, blobs->dir, place) < 0)
			return err_sys(err, "keep %s", hex);
	}
	if (sync_shelves(blobs, &digests, err) < 0)
		return err_again(err);
	return file_remove_tree_at(blobs->tmp, name, err);
}

/* What an import that nobody works on any more left in tmp/NAME. */
static int clear_leftover(const struct blobs *blobs, const char *name,
			  struct err *err)
{
	AUTO_FD int folder =
		openat(blobs->tmp, name,
		       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (folder < 0)
		return file_remove_tree_at(blobs->tmp, name, err);
	if (flock(folder, LOCK_EX | LOCK_NB) < 0)
		return 0; /* at work */
	if (str_ends(name, ".keep")) {
		/* the renames that were done before may not be on disk yet */
		if (syncfs(folder) < 0)
			return err_sys(err, "sync tmp/%s", name);
		return settle(blobs, folder, name, err);
	}
	return file_remove_tree_at(blobs->tmp, name, err);
}

static int clear_leftovers(const struct blobs *blobs, struct err *err)
{
	int fd = openat(blobs->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!listing)
		return err_sys(err, "list tmp");
	while (rc == 0 && (entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			rc = clear_leftover(blobs, entry->d_name, err);
	(void)closedir(listing);
	return rc;
}

int blobs_open(const char *path, struct blobs **out, struct err *err)
{
	AUTO(blobs) blobs = MEM_NEW(struct blobs);

	blobs->dir = -1;
	blobs->tmp = -1;
	if (file_make_dirs(path, 0700, err) < 0)
		return err_again(err);
	blobs->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (blobs->dir < 0)
		return err_sys(err, "open %s", path);
	if (mkdirat(blobs->dir, "tmp", 0700) < 0 && errno != EEXIST)
		return err_sys(err, "make %s/tmp", path);
	blobs->tmp = openat(blobs->dir, "tmp",
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (blobs->tmp < 0)
		return err_sys(err, "open %s/tmp", path);
	if (clear_leftovers(blobs, err) < 0)
		return err_wrap(err, "%s", path);
	*out = TAKE(blobs);
	return 0;
}

void blobs_free(struct blobs *blobs)
{
	if (!blobs)
		return;
	if (blobs->tmp >= 0)
		(void)close(blobs->tmp);
	if (blobs->dir >= 0)
		(void)close(blobs->dir);
	free(blobs);
}

bool blobs_has(struct blobs *blobs, const struct digest *digest)
{
	char place[DIGEST_HEX + 2];

	place_of(digest, place);
	return faccessat(blobs->dir, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int blobs_read(struct blobs *blobs, const struct digest *digest,
	       uint64_t *out_size, int *out_fd, struct err *err)
{
	char place[DIGEST_HEX + 2];
	AUTO_FD int fd = -1;
	struct stat info;

	place_of(digest, place);
	fd = openat(blobs->dir, place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "no blob %s", place);
	if (fd < 0 || fstat(fd, &info) < 0)
		return err_sys(err, "open blob %s", place);
	*out_size = (uint64_t)info.st_size;
	*out_fd = TAKE_FD(fd);
	return 0;
}

int blobs_import_begin(struct blobs *blobs, struct blobs_import **out,
		       struct err *err)
{
	struct blobs_import *import = MEM_NEW(struct blobs_import);
	uint64_t number;

	rand_bytes(&number, sizeof(number));
	(void)snprintf(import->name, sizeof(import->name), "%016llx",
		       (unsigned long long)number);
	import->blobs = blobs;
	import->file = -1;
	import->folder = -1;
	if (mkdirat(blobs->tmp, import->name, 0700) == 0)
		import->folder = openat(blobs->tmp, import->name,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (import->folder < 0 ||
	    flock(import->folder, LOCK_EX | LOCK_NB) < 0) {
		(void)err_sys(err, "begin an import");
		blobs_import_free(import);
		return err_again(err);
	}
	*out = import;
	return 0;
}

int blobs_import_file_begin(struct blobs_import *import, struct err *err)
{
	if (import->file >= 0)
		(void)close(import->file); /* given up; overwritten now */
	digest_hash_free(import->hash);
	import->hash = digest_hash_new();
	import->size = 0;
	import->file = openat(import->folder, "new",
			      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return import->file < 0 ? err_sys(err, "begin a blob") : 0;
}

int blobs_import_file_write(struct blobs_import *import, const void *bytes,
			    size_t size, struct err *err)
{
	if (file_write_all(import->file, bytes, size, err) < 0)
		return err_wrap(err, "blob");
	digest_hash_add(import->hash, bytes, size);
	import->size += size;
	return 0;
}

int blobs_import_file_end(struct blobs_import *import, struct digest *out,
			  uint64_t *out_size, struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX + 1];
	int rc;

	digest_hash_end(import->hash, &digest);
	digest_hash_free(TAKE(import->hash));
	(void)fchmod(import->file, 0400);
	if (close(TAKE_FD(import->file)) < 0)
		return err_sys(err, "end a blob");
	digest_format(&digest, hex);
	if (blobs_has(import->blobs, &digest))
		rc = unlinkat(import->folder, "new", 0);
	else
		rc = renameat(import->folder, "new", import->folder, hex);
	if (rc < 0)
		return err_sys(err, "end blob %s", hex);
	*out = digest;
	*out_size = import->size;
	return 0;
}

int blobs_import_keep(struct blobs_import *import, struct err *err)
{
	const struct blobs *blobs = import->blobs;
	AUTO_VALUE(digest_list) digests = { .list = { .n = 0 } };
	char name[32];

	(void)unlinkat(import->folder, "new", 0);
	if (list_files(import->folder, &digests, err) < 0 ||
	    sync_folder(import->folder, &digests, err) < 0 ||
	    make_shelves(blobs, &digests, err) < 0)
		return err_again(err);
	(void)snprintf(name, sizeof(name), "%s.keep", import->name);
	if (renameat(blobs->tmp, import->name, blobs->tmp, name) < 0)
		return err_sys(err, "keep the import");
	import->is_kept = true;
	if (file_sync(blobs->tmp, "tmp", err) < 0)
		return err_again(err);
	return settle(blobs, import->folder, name, err);
}

void blobs_import_free(struct blobs_import *import)
{
	struct err ignored = ERR_INIT;

	if (!import)
		return;
	if (import->file >= 0)
		(void)close(import->file);
	digest_hash_free(import->hash);
	if (!import->is_kept) {
		/* what stays behind is dropped by the next blobs_open */
		int rc = file_remove_tree_at(import->blobs->tmp, import->name,
					     &ignored);

		(void)rc;
	}
	if (import->folder >= 0)
		(void)close(import->folder);
	free(import);
}
