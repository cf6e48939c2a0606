/*
 * slot.h - a deployment root: releases/, the link `current`, and .gray/.
 *
 *	<root>/releases/<digest>/	read-only
 *	<root>/current			-> releases/<digest>
 *	<root>/shared/			the service's own
 *	<root>/.gray/			ours: state, lock, blobs/, manifests/,
 *					revert (the link back, made beforehand)
 *
 * All by descriptors, following no link below the root. The switch is one
 * rename; a switch back renames a link that is there already, so it needs no
 * space on the disk.
 */
#pragma once

#include <stdbool.h>

#include "core/base/digest.h"
#include "core/base/err.h"
#include "core/base/vec.h"

#define SLOT_LINK 80 /* "releases/" and a digest, with room */

struct slot {
	char *path; /* of the root, as given */
	int root;
	int gray;
	int releases;
	int manifests;
	int blobs;
};

/*
 * Open the root at PATH, an absolute path; what is missing is made.
 *
 * Fails with ERR_REFUSED when another user owns it or everybody may write to
 * it.
 */
int slot_open(const char *path, struct slot **out, struct err *err) MUST_CHECK;
void slot_close(struct slot *slot);
static inline void slot_auto_close(struct slot **slot)
{
	slot_close(*slot);
}

/*
 * What `current` names; zero when there is none. Fails with ERR_CONFLICT and a
 * sentence when it is anything but our link to a release that is there.
 */
int slot_current(const struct slot *slot, struct digest *out,
		 struct err *err) MUST_CHECK;
/* Make the link back to RELEASE now; zero: there will be none to go back to. */
int slot_prepare_revert(const struct slot *slot, const struct digest *release,
			struct err *err) MUST_CHECK;
/*
 * Let `current` name RELEASE, synced; zero: let it be gone. Nothing to do is
 * no error. Uses the link made beforehand when it names RELEASE.
 */
int slot_flip(const struct slot *slot, const struct digest *release,
	      struct err *err) MUST_CHECK;
/* The folder of RELEASE, a descriptor; ERR_NOT_FOUND. */
int slot_open_release(const struct slot *slot, const struct digest *release,
		      int *out_fd, struct err *err) MUST_CHECK;
bool slot_has_release(const struct slot *slot, const struct digest *release);
/* "<root>/releases/<digest>", owned by the caller. */
char *slot_release_path(const struct slot *slot,
			const struct digest *release) MUST_CHECK;

struct slot_releases {
	VEC(struct digest) list;
};
/* All folders named as a digest, in no order. */
int slot_list_releases(const struct slot *slot, struct slot_releases *out,
		       struct err *err) MUST_CHECK;
/* "releases/<digest>" into OUT. */
void slot_format_link(const struct digest *release, char out[SLOT_LINK]);
