/*
 * source.h - a release from where it was built: folder, git revision, tarball.
 *
 * Files go into the blob store, the manifest says where. Nothing is stored
 * unless every entry is allowed: a refusal names the entry and leaves nothing
 * behind. Same content, same digest, from all three.
 *
 * Content is files and links; of a mode only the owner's x counts. Folders are
 * implied by what is in them, so their modes and the empty ones do not count.
 * Refused are devices, fifos, sockets, set-id and sticky bits of files, and all
 * that manifest.h refuses. Each function may take long and runs on any thread.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/release/manifest.h"

/*
 * A folder. Several names of one file are several files. A file that changes
 * while it is read fails with ERR_CONFLICT.
 */
int source_from_dir(const char *path, struct blobs *blobs,
		    struct manifest **out, struct err *err) MUST_CHECK;
/*
 * A commit of a git repository, read from its objects: no checkout, filters or
 * hooks. Refused are submodules, pointers of Git LFS and files above 1 GiB.
 *
 * ref      anything git rev-parse takes that names a commit
 * subpath  folder in the tree, or NULL: all of it
 * commit   gets 40 letters and a NUL; or NULL
 */
int source_from_git(const char *repository, const char *ref,
		    const char *subpath, struct blobs *blobs, char *commit,
		    struct manifest **out, struct err *err) MUST_CHECK;
/*
 * A tar file, plain or in gz, zst, xz. Refused are also hard links, sparse
 * files, one that is cut off, and one that unpacks to more than 1000 times its
 * size.
 *
 * sha256  64 letters that the file must have, or NULL
 */
int source_from_tarball(const char *path, const char *sha256,
			struct blobs *blobs, struct manifest **out,
			struct err *err) MUST_CHECK;
