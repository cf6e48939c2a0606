/*
 * blobs.h - files by digest: the controller's content-addressed store.
 *
 * blobs/ab/cdef... holds a whole file; it is there or it is not. An import
 * collects its files in a folder of its own and keeps them all or none:
 *
 *	tmp/<import>/ --(all synced)--> tmp/<import>.keep/ --> ab/cdef...
 *
 * The rename in the middle decides. Safe to be killed at any point: the next
 * blobs_open drops what comes before it and finishes what comes after.
 *
 * Any thread may read and import at the same time; one import is one thread's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/err.h"

struct blobs;
struct blobs_import;

/* Open or make the store in folder PATH. */
int blobs_open(const char *path, struct blobs **out,
	       struct err *err) MUST_CHECK;
void blobs_free(struct blobs *blobs);
MEM_AUTO(blobs)

bool blobs_has(struct blobs *blobs, const struct digest *digest);
/* A descriptor to read it, the caller's; ERR_NOT_FOUND. */
int blobs_read(struct blobs *blobs, const struct digest *digest,
	       uint64_t *out_size, int *out_fd, struct err *err) MUST_CHECK;

int blobs_import_begin(struct blobs *blobs, struct blobs_import **out,
		       struct err *err) MUST_CHECK;
/* One file: begin, write, end; its digest and size come back. */
int blobs_import_file_begin(struct blobs_import *import,
			    struct err *err) MUST_CHECK;
int blobs_import_file_write(struct blobs_import *import, const void *bytes,
			    size_t size, struct err *err) MUST_CHECK;
int blobs_import_file_end(struct blobs_import *import, struct digest *out,
			  uint64_t *out_size, struct err *err) MUST_CHECK;
/* All files become visible, synced; IMPORT is done and may only be freed. */
int blobs_import_keep(struct blobs_import *import, struct err *err) MUST_CHECK;
/* Without _keep before it, everything is dropped. */
void blobs_import_free(struct blobs_import *import);
MEM_AUTO(blobs_import)
