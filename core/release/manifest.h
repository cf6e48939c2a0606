/*
 * manifest.h - what a release is: sorted paths, each with mode, size, digest.
 *
 * Canonical text, so that the same content has the same bytes and the same
 * digest wherever it came from; the release's digest is that of the text:
 *
 *	gray-manifest 1
 *	f <TAB> 0644|0755 <TAB> size <TAB> digest <TAB> path
 *	l <TAB> path <TAB> target
 *
 * sorted by path, bytewise, each line ended by a newline. Folders are implied;
 * empty ones are not content. Decoding accepts this form and nothing else, and
 * applies manifest_check_path and the link rule to every entry, so the agent
 * need not trust who sent it.
 *
 * The link rule: a target is relative and, followed as the kernel does and
 * through other links of the manifest too, never goes above the top of the
 * release (it may lead to nothing). No entry lies below a link.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/err.h"
#include "core/base/vec.h"

#define MANIFEST_MAX_ENTRIES 200000
#define MANIFEST_MAX_BYTES   (64u << 20)   /* of the text */
#define MANIFEST_MAX_CONTENT (64ull << 30) /* of all files together */

struct manifest_entry {
	char *path;
	char *target; /* a link's; NULL: a file */
	bool is_executable;
	uint64_t size;
	struct digest digest;
};
struct manifest {
	VEC(struct manifest_entry) entries;
	uint64_t total_bytes;
	struct digest digest; /* set by _seal and _decode */
};

struct manifest *manifest_new(void);
void manifest_free(struct manifest *manifest);
MEM_AUTO(manifest)

/*
 * Add an entry, copied. Fails with ERR_INVALID naming the entry when its path
 * or link is not allowed; order and duplicates are checked by manifest_seal.
 */
int manifest_add_file(struct manifest *manifest, const char *path,
		      bool is_executable, uint64_t size,
		      const struct digest *digest, struct err *err) MUST_CHECK;
int manifest_add_link(struct manifest *manifest, const char *path,
		      const char *target, struct err *err) MUST_CHECK;
/* Sort, refuse duplicates and files used as folders, compute the digest. */
int manifest_seal(struct manifest *manifest, struct err *err) MUST_CHECK;

void manifest_encode(const struct manifest *manifest, struct buf *out);
int manifest_decode(const void *bytes, size_t size, struct manifest **out,
		    struct err *err) MUST_CHECK;
/* Borrowed, or NULL. */
const struct manifest_entry *manifest_find(const struct manifest *manifest,
					   const char *path);

/*
 * Relative, normal, UTF-8 without control characters, at most 255 bytes a
 * component, 4095 in all, 64 deep; not ".gray*" nor "current" at the top.
 */
int manifest_check_path(const char *path, struct err *err) MUST_CHECK;

/* ERR_INVALID: `entry "PATH": WHY`, fit to be shown whatever PATH holds. */
int manifest_refuse(const char *path, const char *why, struct err *err);
