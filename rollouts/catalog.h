/*
 * catalog.h - every release this controller knows: what it is, which rollouts
 * used it and how they ended, which hosts are recorded on it.
 *
 * Read from the store alone, by any thread that opened its own. A release that
 * two services used is in it twice, once for each.
 */
#pragma once

#include "core/base/vec.h"
#include "core/data/blobs.h"
#include "core/release/manifest.h"
#include "core/text/json.h"
#include "rollouts/store/store.h"

struct catalog_use {
	char *rollout;
	char *version; /* what that rollout called it */
	char *state;
	char *who;
	int64_t wall_ms; /* when it was asked for */
	uint64_t serial;
	bool is_over; /* its final state is stored */
};
struct catalog_release {
	char *service;
	const char *version; /* what the newest rollout called it; borrowed */
	struct digest digest;
	uint64_t n_files; /* links too */
	uint64_t bytes;
	VEC(struct catalog_use) uses; /* oldest first, at least one */
	VEC(char *) hosts;	      /* that are to have it */
	bool is_on_hosts; /* some host has it, should, or would go back to it */
};
struct catalog {
	VEC(struct catalog_release) items; /* the one used last first */
};

/*
 * live  object: state by id, for rollouts whose state is not stored; or NULL
 */
int catalog_load(struct store *store, const struct js *live,
		 struct catalog **out, struct err *err) MUST_CHECK;
void catalog_free(struct catalog *catalog);
MEM_AUTO(catalog)

/*
 * The release called NAME: a version, or a digest or at least four of its first
 * letters; borrowed. SERVICE may be NULL. ERR_NOT_FOUND with a suggestion;
 * ERR_INVALID naming the candidates when several releases are meant. One that
 * several services used is one release: the last use of it comes out.
 */
int catalog_find(const struct catalog *catalog, const char *name,
		 const char *service, const struct catalog_release **out,
		 struct err *err) MUST_CHECK;

/* catalog_json.c: what the API shows; SERVICE may be NULL. */
struct js *catalog_list_json(const struct catalog *catalog,
			     const char *service) MUST_CHECK;
/* One release with all its files, and whether BLOBS still has them. */
struct js *catalog_show_json(const struct catalog *catalog,
			     const struct catalog_release *release,
			     const struct manifest *manifest,
			     struct blobs *blobs) MUST_CHECK;
/* What is in TO and not in FROM, and the other way round. */
struct js *catalog_diff_json(const struct manifest *from,
			     const struct manifest *to) MUST_CHECK;
/* service, version and digest: how a release is named. */
struct js *catalog_name_json(const struct catalog_release *release) MUST_CHECK;
