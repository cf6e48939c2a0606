/*
 * fetch.h - the files of a release on their way to a host, by digest.
 *
 * .gray/blobs/<digest> is a file that is whole, checked and synced; a part is
 * not. What any kept release holds is copied from it, checked on the way; the
 * rest has to be sent. What arrived stays over a lost connection, so a transfer
 * goes on where it was cut.
 */
#pragma once

#include "agents/slot.h"
#include "core/release/manifest.h"

/* Copy what kept releases hold of MANIFEST; a damaged file is passed over. */
int fetch_reuse(const struct slot *slot, const struct manifest *manifest,
		struct err *err) MUST_CHECK;

struct fetch_missing {
	VEC(uint32_t) files; /* places in the manifest, each digest once */
	uint64_t bytes;	     /* of them */
	uint64_t more_bytes; /* of second copies that building will make */
};
void fetch_missing_release(struct fetch_missing *missing);
MEM_AUTO_VALUE(fetch_missing)
/* What is in no blob; afterwards the blobs hold nothing else either. */
int fetch_find_missing(const struct slot *slot, const struct manifest *manifest,
		       struct fetch_missing *out, struct err *err) MUST_CHECK;
/* Remove all blobs and parts. */
int fetch_clean(const struct slot *slot, struct err *err) MUST_CHECK;

/* A file that is being received, hashed while it is written. */
struct fetch_file;

int fetch_begin(const struct slot *slot, const struct manifest_entry *entry,
		struct fetch_file **out, struct err *err) MUST_CHECK;
/* ERR_CORRUPT as soon as it is longer than its manifest says. */
int fetch_write(struct fetch_file *file, const void *bytes, size_t size,
		struct err *err) MUST_CHECK;
uint64_t fetch_size(const struct fetch_file *file);
/* Checked, synced and a blob; or ERR_CORRUPT. */
int fetch_end(struct fetch_file *file, struct err *err) MUST_CHECK;
/* Without _end before it the part is removed. */
void fetch_free(struct fetch_file *file);
