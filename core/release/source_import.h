/*
 * source_import.h - what all sources share: files into the store, names into
 * the manifest, and both kept or none.
 *
 * For the source_*.c only.
 */
#pragma once

#include <sys/stat.h>

#include "core/data/blobs.h"
#include "core/release/manifest.h"

struct source_import {
	struct manifest *manifest;
	struct blobs_import *blobs;
	uint64_t bytes; /* written so far, all files together */
};

int source_import_begin(struct source_import *import, struct blobs *blobs,
			struct err *err) MUST_CHECK;
/* Drops what was not kept by source_import_keep. */
void source_import_release(struct source_import *import);
MEM_AUTO_VALUE(source_import)

/* PATH is checked before anything is written; write, then end. */
int source_import_file_begin(struct source_import *import, const char *path,
			     struct err *err) MUST_CHECK;
int source_import_file_write(struct source_import *import, const char *path,
			     const void *bytes, size_t size,
			     struct err *err) MUST_CHECK;
int source_import_file_end(struct source_import *import, const char *path,
			   bool is_executable, struct err *err) MUST_CHECK;
int source_import_link(struct source_import *import, const char *path,
		       const char *target, struct err *err) MUST_CHECK;
/* Seal the manifest, keep the files, hand the manifest to the caller. */
int source_import_keep(struct source_import *import, struct manifest **out,
		       struct err *err) MUST_CHECK;

/* "is a device" and so on for what is neither file, folder nor link; or NULL.
 */
const char *source_refused_type(mode_t mode);
/* Set-id and sticky bits, as a sentence; or NULL. */
const char *source_refused_bits(mode_t mode);
/* ERR_CONFLICT unless the file at FD is as BEFORE says, to its last change. */
int source_check_unchanged(int fd, const struct stat *before, const char *path,
			   struct err *err) MUST_CHECK;
