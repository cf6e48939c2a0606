/*
 * release_store.h - a folder with a blob store, for tests of what fills it.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/release/manifest.h"

struct release_store {
	char *dir; /* scratch for the test */
	struct blobs *blobs;
};

/* cmocka's setup and teardown; *state is a struct release_store. */
int release_store_setup(void **state);
int release_store_teardown(void **state);

/* DIR/NAME, owned by the caller. */
char *release_store_path(const struct release_store *store, const char *name);
/* Write DIR/NAME with MODE, and the folders above it. */
void release_store_write(const struct release_store *store, const char *name,
			 const char *text, unsigned mode);

/* RC is a refusal that says WORDS, and nothing is in the store. */
void release_store_assert_refused(const struct release_store *store, int rc,
				  const struct err *err, const char *words);
/* MANIFEST lists exactly "mode path=content" or "link path>target" lines. */
void release_store_assert_holds(const struct release_store *store,
				const struct manifest *manifest,
				const char *lines);
