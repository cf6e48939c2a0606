#include "agents/prune.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/kept.h"

struct aged {
	struct digest release;
	struct timespec staged; /* when its manifest was written */
};

static int newest_first(const void *a, const void *b)
{
	const struct aged *x = a;
	const struct aged *y = b;

	if (x->staged.tv_sec != y->staged.tv_sec)
		return x->staged.tv_sec < y->staged.tv_sec ? 1 : -1;
	if (x->staged.tv_nsec != y->staged.tv_nsec)
		return x->staged.tv_nsec < y->staged.tv_nsec ? 1 : -1;
	return memcmp(x->release.bytes, y->release.bytes, DIGEST_SIZE);
}

static struct aged look_at(const struct slot *slot,
			   const struct digest *release)
{
	struct aged aged = { .release = *release };
	char hex[DIGEST_HEX + 1];
	struct stat st;

	digest_format(release, hex);
	if (fstatat(slot->manifests, hex, &st, 0) == 0)
		aged.staged = st.st_mtim;
	return aged;
}

static bool is_among(const struct digest *release, const struct digest *list,
		     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (digest_equal(release, &list[i]))
			return true;
	return false;
}

static int sweep_manifests(const struct slot *slot, struct err *err)
{
	int fd = openat(slot->manifests, ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err ignored = ERR_INIT;
	struct dirent *entry;
	struct digest digest;
	DIR *listing;

	if (fd < 0)
		return err_sys(err, "open manifests");
	listing = fdopendir(fd);
	if (!listing) {
		(void)close(fd);
		return err_sys(err, "list manifests");
	}
	while ((entry = readdir(listing)))
		if (entry->d_name[0] != '.' &&
		    (digest_parse(entry->d_name, &digest, &ignored) < 0 ||
		     !slot_has_release(slot, &digest)))
			(void)unlinkat(slot->manifests, entry->d_name, 0);
	(void)closedir(listing);
	return 0;
}

int prune(const struct slot *slot, uint32_t keep, const struct digest *pinned,
	  size_t n_pinned, struct err *err)
{
	struct slot_releases releases = { 0 };
	VEC(struct aged) aged = { 0 };
	int rc = kept_sweep(slot, err);

	if (rc == 0)
		rc = slot_list_releases(slot, &releases, err);
	for (size_t i = 0; i < releases.list.n; i++)
		*vec_add(&aged) = look_at(slot, &releases.list.items[i]);
	if (aged.n)
		qsort(aged.items, aged.n, sizeof(*aged.items), newest_first);
	for (size_t i = keep; rc == 0 && i < aged.n; i++)
		if (!is_among(&aged.items[i].release, pinned, n_pinned))
			rc = kept_remove(slot, &aged.items[i].release, err);
	vec_release(&aged);
	vec_release(&releases.list);
	return rc ? rc : sweep_manifests(slot, err);
}
