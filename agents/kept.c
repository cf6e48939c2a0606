#include "agents/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/copy.h"
#include "core/sys/file.h"

int kept_save(const struct slot *slot, const struct manifest *manifest,
	      struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	char hex[DIGEST_HEX + 1];

	manifest_encode(manifest, &text);
	digest_format(&manifest->digest, hex);
	if (file_replace_at(slot->manifests, hex, text.bytes, text.size, 0444,
			    err) < 0)
		return err_wrap(err, "keep the manifest");
	return 0;
}

int kept_manifest(const struct slot *slot, const struct digest *release,
		  struct manifest **out, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO(manifest) manifest = NULL;
	char hex[DIGEST_HEX + 1];

	digest_format(release, hex);
	if (file_read_at(slot->manifests, hex, MANIFEST_MAX_BYTES, &text, err) <
	    0)
		return err_set(err, ERR_CORRUPT,
			       "release %.12s has no manifest on the host: it "
			       "was not staged by gray",
			       hex);
	if (manifest_decode(text.bytes, text.size, &manifest, err) < 0)
		return err_wrap(err, "manifest of %.12s", hex);
	if (!digest_equal(&manifest->digest, release))
		return err_set(err, ERR_CORRUPT,
			       "the manifest of %.12s is damaged", hex);
	*out = TAKE(manifest);
	return 0;
}

static int verify_link(int dir, const struct manifest_entry *entry,
		       struct err *err)
{
	AUTO_STR char *parent = mem_str(entry->path);
	char *slash = strrchr(parent, '/');
	const char *name = slash ? slash + 1 : parent;
	AUTO_FD int at = -1;
	char text[4096];
	ssize_t n;

	if (slash)
		*slash = '\0';
	at = file_open_beneath(dir, slash ? parent : ".",
			       O_RDONLY | O_DIRECTORY, 0, err);
	if (at < 0)
		return err_again(err);
	n = readlinkat(at, name, text, sizeof(text) - 1);
	if (n < 0)
		return err_sys(err, "read link %s", entry->path);
	text[n] = '\0';
	if (strcmp(text, entry->target) != 0)
		return err_set(err, ERR_CORRUPT, "link %s is not what it was",
			       entry->path);
	return 0;
}

static int verify_file(int dir, const struct manifest_entry *entry,
		       struct err *err)
{
	AUTO_FD int fd = file_open_beneath(dir, entry->path,
					   O_RDONLY | O_NONBLOCK, 0, err);
	struct digest digest;
	struct stat st;

	if (fd < 0)
		return err_again(err);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "look at %s", entry->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != entry->size ||
	    !(st.st_mode & S_IXUSR) != !entry->is_executable)
		return err_set(err, ERR_CORRUPT, "file %s is not what it was",
			       entry->path);
	if (copy_hash(fd, &digest, err) < 0)
		return err_wrap(err, "%s", entry->path);
	if (!digest_equal(&digest, &entry->digest))
		return err_set(err, ERR_CORRUPT, "file %s is not what it was",
			       entry->path);
	return 0;
}

int kept_verify(const struct slot *slot, const struct digest *release,
		struct err *err)
{
	AUTO(manifest) manifest = NULL;
	AUTO_FD int dir = -1;
	char hex[DIGEST_HEX + 1];

	digest_format(release, hex);
	if (slot_open_release(slot, release, &dir, err) < 0)
		return err_again(err);
	if (kept_manifest(slot, release, &manifest, err) < 0)
		return err_again(err);
	for (size_t i = 0; i < manifest->entries.n; i++) {
		const struct manifest_entry *entry =
			&manifest->entries.items[i];
		int rc = entry->target ? verify_link(dir, entry, err)
				       : verify_file(dir, entry, err);

		if (rc < 0) {
			err->code = ERR_CORRUPT;
			return err_wrap(err, "release %.12s is damaged", hex);
		}
	}
	return 0;
}

int kept_remove(const struct slot *slot, const struct digest *release,
		struct err *err)
{
	AUTO_FD int dir = -1;
	char hex[DIGEST_HEX + 1];

	digest_format(release, hex);
	if (kept_sweep(slot, err) < 0)
		return err_again(err);
	if (slot_open_release(slot, release, &dir, err) == 0) {
		/* To be moved a folder must be writable to its owner. */
		if (fchmod(dir, 0700) < 0 ||
		    renameat(slot->releases, hex, slot->gray, "trash") < 0)
			return err_sys(err, "remove release %.12s", hex);
		if (file_sync(slot->releases, "releases", err) < 0)
			return err_again(err);
	} else if (err->code != ERR_NOT_FOUND) {
		return err_again(err);
	}
	if (unlinkat(slot->manifests, hex, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove the manifest of %.12s", hex);
	return kept_sweep(slot, err);
}

int kept_sweep(const struct slot *slot, struct err *err)
{
	return file_remove_tree_at(slot->gray, "trash", err);
}
