#include "agents/fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/copy.h"
#include "agents/kept.h"
#include "core/base/map.h"
#include "core/sys/file.h"

#define PART "part"

struct fetch_file {
	const struct slot *slot;
	struct digest digest;
	uint64_t size; /* that it should have */
	uint64_t at;
	struct digest_hash *hash;
	int fd; /* -1: it is a blob by now */
};

void fetch_missing_release(struct fetch_missing *missing)
{
	vec_release(&missing->files);
	missing->bytes = missing->more_bytes = 0;
}

static bool has_blob(const struct slot *slot, const char *hex)
{
	return faccessat(slot->blobs, hex, F_OK, 0) == 0;
}

static int open_part(const struct slot *slot, struct err *err)
{
	int fd = openat(slot->blobs, PART,
			O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);

	return fd < 0 ? err_sys(err, "create a blob") : fd;
}

/* The part becomes the blob HEX. */
static int keep_part(const struct slot *slot, int fd, const char *hex,
		     struct err *err)
{
	if (file_sync(fd, "a blob", err) < 0)
		return err_again(err);
	if (renameat(slot->blobs, PART, slot->blobs, hex) < 0)
		return err_sys(err, "keep a blob");
	return 0;
}

/* From one kept release; something else there is passed over. */
static int reuse_file(const struct slot *slot, int dir,
		      const struct manifest_entry *entry, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO_FD int from = file_open_beneath(
		dir, entry->path, O_RDONLY | O_NONBLOCK, 0, &ignored);
	AUTO_FD int to = -1;
	char hex[DIGEST_HEX + 1];
	struct digest digest;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != entry->size)
		return 0;
	to = open_part(slot, err);
	if (to < 0 || copy_file(from, to, &digest, err) < 0)
		return err_again(err);
	if (!digest_equal(&digest, &entry->digest))
		return unlinkat(slot->blobs, PART, 0) < 0
			       ? err_sys(err, "remove a blob")
			       : 0;
	digest_format(&entry->digest, hex);
	return keep_part(slot, to, hex, err);
}

/* The digests that MANIFEST wants and no blob has. */
static struct map *wanted(const struct slot *slot,
			  const struct manifest *manifest)
{
	struct map *map = map_new();
	char hex[DIGEST_HEX + 1];

	for (size_t i = 0; i < manifest->entries.n; i++) {
		struct manifest_entry *entry = &manifest->entries.items[i];

		digest_format(&entry->digest, hex);
		if (!entry->target && !has_blob(slot, hex))
			(void)map_put(map, hex, entry);
	}
	return map;
}

static int reuse_release(const struct slot *slot, const struct digest *release,
			 struct map *want, struct err *err)
{
	struct err ignored = ERR_INIT;
	AUTO(manifest) kept = NULL;
	AUTO_FD int dir = -1;
	char hex[DIGEST_HEX + 1];

	if (kept_manifest(slot, release, &kept, &ignored) < 0 ||
	    slot_open_release(slot, release, &dir, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < kept->entries.n && map_count(want); i++) {
		const struct manifest_entry *entry = &kept->entries.items[i];

		digest_format(&entry->digest, hex);
		if (entry->target || !map_find(want, hex))
			continue;
		if (reuse_file(slot, dir, entry, err) < 0)
			return err_wrap(err, "copy %s", entry->path);
		if (has_blob(slot, hex))
			(void)map_remove(want, hex);
	}
	return 0;
}

/* An empty file is nowhere else to be had for less. */
static int make_empty(const struct slot *slot, struct map *want,
		      struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX + 1];
	AUTO_FD int fd = -1;

	digest_of("", 0, &digest);
	digest_format(&digest, hex);
	if (!map_find(want, hex))
		return 0;
	fd = open_part(slot, err);
	if (fd < 0)
		return err_again(err);
	return keep_part(slot, fd, hex, err);
}

int fetch_reuse(const struct slot *slot, const struct manifest *manifest,
		struct err *err)
{
	AUTO(map) want = wanted(slot, manifest);
	struct slot_releases releases = { 0 };
	int rc = make_empty(slot, want, err);

	if (rc == 0)
		rc = slot_list_releases(slot, &releases, err);
	for (size_t i = 0; rc == 0 && i < releases.list.n; i++)
		rc = reuse_release(slot, &releases.list.items[i], want, err);
	vec_release(&releases.list);
	return rc ? rc : file_sync(slot->blobs, "blobs", err);
}

/* Remove the blobs that are not in KEEP. */
static int clean_blobs(const struct slot *slot, const struct map *keep,
		       struct err *err)
{
	int fd = openat(slot->blobs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *listing;
	int rc = 0;

	if (fd < 0)
		return err_sys(err, "open blobs");
	listing = fdopendir(fd);
	if (!listing) {
		(void)close(fd);
		return err_sys(err, "list blobs");
	}
	while (rc == 0 && (entry = readdir(listing)))
		if (entry->d_name[0] != '.' &&
		    !(keep && map_find(keep, entry->d_name)))
			rc = file_remove_tree_at(slot->blobs, entry->d_name,
						 err);
	(void)closedir(listing);
	return rc;
}

int fetch_clean(const struct slot *slot, struct err *err)
{
	return clean_blobs(slot, NULL, err);
}

int fetch_find_missing(const struct slot *slot, const struct manifest *manifest,
		       struct fetch_missing *out, struct err *err)
{
	AUTO(map) seen = map_new();
	char hex[DIGEST_HEX + 1];

	for (size_t i = 0; i < manifest->entries.n; i++) {
		struct manifest_entry *entry = &manifest->entries.items[i];

		if (entry->target)
			continue;
		digest_format(&entry->digest, hex);
		if (map_put(seen, hex, entry)) {
			out->more_bytes += entry->size;
		} else if (!has_blob(slot, hex)) {
			*vec_add(&out->files) = (uint32_t)i;
			out->bytes += entry->size;
		}
	}
	return clean_blobs(slot, seen, err);
}

int fetch_begin(const struct slot *slot, const struct manifest_entry *entry,
		struct fetch_file **out, struct err *err)
{
	int fd = open_part(slot, err);
	struct fetch_file *file;

	if (fd < 0)
		return err_again(err);
	file = MEM_NEW(struct fetch_file);
	file->slot = slot;
	file->digest = entry->digest;
	file->size = entry->size;
	file->hash = digest_hash_new();
	file->fd = fd;
	*out = file;
	return 0;
}

uint64_t fetch_size(const struct fetch_file *file)
{
	return file->at;
}

int fetch_write(struct fetch_file *file, const void *bytes, size_t size,
		struct err *err)
{
	if (size > file->size - file->at)
		return err_set(err, ERR_CORRUPT,
			       "a file is longer than its manifest says");
	digest_hash_add(file->hash, bytes, size);
	if (file_write_all(file->fd, bytes, size, err) < 0)
		return err_again(err);
	file->at += size;
	return 0;
}

int fetch_end(struct fetch_file *file, struct err *err)
{
	char hex[DIGEST_HEX + 1];
	struct digest digest;

	digest_hash_end(file->hash, &digest);
	if (!digest_equal(&digest, &file->digest))
		return err_set(err, ERR_CORRUPT,
			       "a file is not what its manifest says");
	digest_format(&digest, hex);
	if (keep_part(file->slot, file->fd, hex, err) < 0)
		return err_again(err);
	mem_auto_fd(&file->fd);
	file->fd = -1;
	return 0;
}

void fetch_free(struct fetch_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0) {
		(void)close(file->fd);
		(void)unlinkat(file->slot->blobs, PART, 0);
	}
	digest_hash_free(file->hash);
	free(file);
}
