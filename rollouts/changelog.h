/*
 * changelog.h - who did what, when, why: entries that are chained by hash.
 *
 * The visible part of the journal, added to the same transaction as the state
 * it tells of. An entry's hash is the SHA-256 of these lines, each ended by a
 * newline, with the entry's own fields as they are shown:
 *
 *	gray-log 1
 *	prev		64 hex letters; 64 zeros before the first entry
 *	seq		1, 2, 3...
 *	time		2026-11-24T10:00:00Z
 *	who
 *	service
 *	rollout
 *	kind
 *	text
 *
 * No field can hold a newline, so the form has one reading, and sha256sum is
 * enough to check an entry. Secrets never come here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/digest.h"
#include "core/text/json.h"
#include "rollouts/store/store.h"

struct changelog;

/* Finds the end of the chain in STORE, which is borrowed. */
int changelog_open(struct store *store, struct changelog **out,
		   struct err *err) MUST_CHECK;
void changelog_free(struct changelog *log);
MEM_AUTO(changelog)

struct changelog_entry {
	int64_t wall_ms;
	const char *who;     /* NULL: gray itself */
	const char *service; /* NULL: none */
	const char *rollout; /* NULL: none */
	const char *kind;
	const char *text;
};
/*
 * Add ENTRY to BATCH. The chain counts on BATCH to be committed; after a
 * failed commit changelog_reload finds the true end again.
 */
void changelog_add(struct changelog *log, struct store_batch *batch,
		   const struct changelog_entry *entry);
int changelog_reload(struct changelog *log, struct err *err) MUST_CHECK;
/* The number of the last entry. */
uint64_t changelog_seq(const struct changelog *log);

struct changelog_filter {
	const char *day;     /* "2026-11-24", UTC; NULL: every day */
	const char *service; /* NULL: all, as below */
	const char *rollout;
	uint64_t after; /* only entries above this number */
	uint64_t limit; /* at most so many; 0: all */
};
/* The entries of STORE that match, as an array of objects, oldest first. */
int changelog_query(struct store *store, const struct changelog_filter *filter,
		    struct js **out, struct err *err) MUST_CHECK;

struct changelog_proof {
	bool is_ok;
	uint64_t n_entries; /* good ones, from the first on */
	struct digest head; /* hash of the last good one */
	char text[256];	    /* what is wrong with the next one */
};
/* Walk the whole chain. Fails only when the store cannot be read. */
int changelog_verify(struct store *store, struct changelog_proof *out,
		     struct err *err) MUST_CHECK;
