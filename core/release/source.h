/*
 * source.h - a release from where it was built: folder, git revision, tarball.
 *
 * Files go into the blob store, the manifest says where. Nothing is stored
 * unless every entry is allowed: a refusal names the entry and leaves nothing
 * behind. Same content, same digest, from all three.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/release/manifest.h"

/* folder; bits of the mode that count: owner's x */
int source_from_dir(const char *path, struct blobs *blobs,
		    struct manifest **out, struct err *err) MUST_CHECK;
/* ref: anything git rev-parse takes; subpath: folder in the tree, or NULL.
 * commit: 40 letters and a NUL, or NULL. */
int source_from_git(const char *repository, const char *ref,
		    const char *subpath, struct blobs *blobs, char *commit,
		    struct manifest **out, struct err *err) MUST_CHECK;
/* tar, plain or in gz, zst, xz; sha256: 64 letters it must have, or NULL */
int source_from_tarball(const char *path, const char *sha256,
			struct blobs *blobs, struct manifest **out,
			struct err *err) MUST_CHECK;
