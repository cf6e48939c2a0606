#include "core/release/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/release/source_import.h"

#define READ_BYTES 65536
#define MAX_RATIO  1000 /* unpacked to packed */
/* Below it a bad ratio does no harm, and small archives of zeros have one. */
#define RATIO_FREE_BYTES (16ll << 20)

struct source_tar {
	struct archive *archive;
	struct source_import import;
	unsigned n_headers;
	/* Names are UTF-8 whatever the program's locale says. */
	locale_t utf8;
	locale_t before;
};

static void source_tar_release(struct source_tar *tar)
{
	source_import_release(&tar->import);
	(void)archive_read_free(tar->archive);
	if (tar->utf8) {
		(void)uselocale(tar->before);
		freelocale(tar->utf8);
	}
}
MEM_AUTO_VALUE(source_tar)

/* What libarchive said last. */
static int fail_with(const struct source_tar *tar, struct err *err)
{
	const char *text = archive_error_string(tar->archive);

	return err_set(err, ERR_INVALID, "not a good tar file: %s",
		       text ? text : "it cannot be read");
}

static int open_archive(struct source_tar *tar, int fd, struct err *err)
{
	tar->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!tar->utf8)
		return err_sys(err, "locale C.UTF-8");
	tar->before = uselocale(tar->utf8);
	tar->archive = archive_read_new();
	if (!tar->archive ||
	    archive_read_support_filter_gzip(tar->archive) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(tar->archive) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(tar->archive) != ARCHIVE_OK ||
	    archive_read_support_format_tar(tar->archive) != ARCHIVE_OK)
		return err_set(err, ERR_SYSTEM,
			       "libarchive lacks gzip, zstd or xz");
	if (archive_read_open_fd(tar->archive, fd, READ_BYTES) != ARCHIVE_OK)
		return fail_with(tar, err);
	return 0;
}

static int check_ratio(const struct source_tar *tar, const char *path,
		       struct err *err)
{
	int64_t unpacked = archive_filter_bytes(tar->archive, 0);
	int64_t packed = archive_filter_bytes(tar->archive, -1);

	if (unpacked <= RATIO_FREE_BYTES || unpacked / MAX_RATIO <= packed)
		return 0;
	return manifest_refuse(path, "unpacks to more than 1000 times its size",
			       err);
}

static int add_content(struct source_tar *tar, const char *path, int64_t size,
		       struct err *err)
{
	int64_t done = 0;

	for (;;) {
		const void *bytes;
		size_t n;
		int64_t offset;
		int rc = archive_read_data_block(tar->archive, &bytes, &n,
						 &offset);

		if (rc == ARCHIVE_EOF)
			break;
		if (rc != ARCHIVE_OK)
			return fail_with(tar, err);
		if (offset != done)
			return manifest_refuse(path, "is a sparse file", err);
		if (check_ratio(tar, path, err) < 0 ||
		    source_import_file_write(&tar->import, path, bytes, n,
					     err) < 0)
			return err_again(err);
		done += (int64_t)n;
	}
	return done == size ? 0
			    : manifest_refuse(path,
					      "is not as long as its "
					      "header says",
					      err);
}

static int add_file(struct source_tar *tar, struct archive_entry *entry,
		    const char *path, struct err *err)
{
	int64_t size = archive_entry_size(entry);

	if (archive_entry_sparse_count(entry) > 0)
		return manifest_refuse(path, "is a sparse file", err);
	if (source_import_file_begin(&tar->import, path, err) < 0 ||
	    add_content(tar, path, size, err) < 0)
		return err_again(err);
	return source_import_file_end(&tar->import, path,
				      archive_entry_perm(entry) & S_IXUSR, err);
}

static int add_link(struct source_tar *tar, struct archive_entry *entry,
		    const char *path, struct err *err)
{
	const char *target = archive_entry_symlink(entry);

	if (!target)
		return manifest_refuse(path, "link target is not UTF-8", err);
	return source_import_link(&tar->import, path, target, err);
}

/*
 * The path as the manifest writes it: "./a/" is "a"; "" is the top. NAME may
 * be changed.
 */
static char *plain_path(char *name, bool is_folder)
{
	size_t size;

	while (name[0] == '.' && name[1] == '/')
		name += 1 + strspn(name + 1, "/");
	size = strlen(name);
	while (is_folder && size > 1 && name[size - 1] == '/')
		name[--size] = '\0';
	if (is_folder && strcmp(name, ".") == 0)
		name[0] = '\0';
	return name;
}

static int add_entry(struct source_tar *tar, struct archive_entry *entry,
		     struct err *err)
{
	AUTO_STR char *name = mem_str(archive_entry_pathname(entry));
	mode_t type = archive_entry_filetype(entry);
	const char *why;
	char *path;

	if (!name)
		return err_set(err, ERR_INVALID, "entry %u: is not UTF-8",
			       tar->n_headers);
	path = plain_path(name, S_ISDIR(type));
	if (S_ISDIR(type) && !*path)
		return 0;
	if (manifest_check_path(path, err) < 0)
		return err_again(err);
	why = archive_entry_hardlink(entry) ? "is a hard link"
					    : source_refused_type(type);
	if (!why && !S_ISDIR(type))
		why = source_refused_bits(archive_entry_perm(entry));
	if (why)
		return manifest_refuse(path, why, err);
	if (S_ISDIR(type))
		return 0;
	return S_ISLNK(type) ? add_link(tar, entry, path, err)
			     : add_file(tar, entry, path, err);
}

/* A cut between two entries looks like the end, but for the mark. */
static int check_end(const struct source_tar *tar, struct err *err)
{
	if (archive_filter_bytes(tar->archive, 0) >
	    archive_read_header_position(tar->archive))
		return 0;
	return err_set(err, ERR_INVALID,
		       "not a good tar file: cut off, it has no end mark");
}

static int add_entries(struct source_tar *tar, struct err *err)
{
	struct archive_entry *entry;

	for (;;) {
		int rc = archive_read_next_header(tar->archive, &entry);

		if (rc == ARCHIVE_EOF)
			return check_end(tar, err);
		if (rc != ARCHIVE_OK)
			return fail_with(tar, err);
		if (++tar->n_headers > MANIFEST_MAX_ENTRIES)
			return err_set(err, ERR_INVALID,
				       "more than 200000 entries");
		if (add_entry(tar, entry, err) < 0 ||
		    check_ratio(tar, "(its header)", err) < 0)
			return err_again(err);
	}
}

static int check_sha256(int fd, const char *sha256, struct err *err)
{
	AUTO(digest_hash) hash = digest_hash_new();
	AUTO_STR char *chunk = mem_alloc(READ_BYTES);
	char hex[DIGEST_HEX + 1];
	struct digest digest;
	ssize_t n;

	while ((n = read(fd, chunk, READ_BYTES)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		digest_hash_add(hash, chunk, (size_t)n);
	}
	digest_hash_end(hash, &digest);
	digest_format(&digest, hex);
	if (strcmp(hex, sha256) != 0)
		return err_set(err, ERR_CORRUPT,
			       "its sha256 is %s, the plan says %s", hex,
			       sha256);
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(err, "seek") : 0;
}

static int import_tarball(int fd, const char *path, const char *sha256,
			  struct blobs *blobs, struct manifest **out,
			  struct err *err)
{
	AUTO_VALUE(source_tar) tar = { .archive = NULL };
	struct stat before;

	if (fstat(fd, &before) < 0)
		return err_sys(err, "stat");
	if (!S_ISREG(before.st_mode))
		return err_set(err, ERR_INVALID, "is not a file");
	if (sha256 && check_sha256(fd, sha256, err) < 0)
		return err_again(err);
	if (open_archive(&tar, fd, err) < 0 ||
	    source_import_begin(&tar.import, blobs, err) < 0 ||
	    add_entries(&tar, err) < 0 ||
	    source_check_unchanged(fd, &before, path, err) < 0)
		return err_again(err);
	return source_import_keep(&tar.import, out, err);
}

int source_from_tarball(const char *path, const char *sha256,
			struct blobs *blobs, struct manifest **out,
			struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (import_tarball(fd, path, sha256, blobs, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}
