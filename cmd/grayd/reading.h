/*
 * reading.h - answers that take long to read: on another thread, which opens
 * the store for itself.
 */
#pragma once

#include "cmd/grayd/grayd.h"
#include "rollouts/store/store.h"

/*
 * asked  object: the query, and what the handler knew; borrowed
 * out    the answer's body
 */
typedef int (*reading_fn)(struct store *store, struct blobs *blobs,
			  const struct js *asked, struct js **out,
			  struct err *err);

/* An object with those of NAMES that are in the query; NAMES ends with NULL. */
struct js *reading_query(const struct exchange *exchange,
			 const char *const *names) MUST_CHECK;
/* Answer EXCHANGE with what FN makes of ASKED, which moves in. What was told
 * before is in the store. */
void reading_start(struct grayd *grayd, struct exchange *exchange,
		   struct js *asked, reading_fn fn);
