/*
 * releases.h - which release every host should have, and which it has.
 *
 * Desired: what the host confirmed last, or went back to by command; a rollback
 * ends on it. Actual: what the host said last. Written in the batch of the
 * event that tells it; kept in memory too.
 */
#pragma once

#include "core/base/digest.h"
#include "core/text/json.h"
#include "rollouts/store/store.h"

struct releases;

int releases_open(struct store *store, struct releases **out,
		  struct err *err) MUST_CHECK;
void releases_free(struct releases *releases);
MEM_AUTO(releases)

/* Zero if the host never confirmed one. */
struct digest releases_desired(const struct releases *releases,
			       const char *service, const char *host);

struct releases_change {
	const char *service;
	const char *host;
	struct digest release;
	const char *version; /* NULL: as far as it is known */
	const char *rollout;
	int64_t wall_ms;
};
/* HOST confirmed it, or was sent back to it; also what it has. */
void releases_settle(struct releases *releases, struct store_batch *batch,
		     const struct releases_change *change);
/* HOST says it has it; nothing is written when that is known. */
void releases_see(struct releases *releases, struct store_batch *batch,
		  const struct releases_change *change);

/* Hosts of SERVICE (NULL: all), an array of objects. */
struct js *releases_json(const struct releases *releases,
			 const char *service) MUST_CHECK;
