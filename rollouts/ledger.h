/*
 * ledger.h - the store, the change log and the epoch, written together.
 *
 * What belongs together goes into one batch; a flush makes it durable, all of
 * it or nothing. Nothing may be sent, shown or answered before its batch is
 * flushed. Holds back some disk space, given up when the disk is full, so that
 * the end of a rollout can still be stored.
 */
#pragma once

#include "rollouts/changelog.h"
#include "rollouts/store/store.h"

struct ledger {
	struct store *store;
	struct changelog *log;
	uint64_t epoch; /* of this reign; 0 before ledger_take_epoch */
	struct store_batch batch;
	char *holder;
	char *path; /* of the database, for other threads to open */
	char *reserve;
};

/*
 * Open the database in folder HOME.
 *
 * holder   who reigns, for people: "grayd 4711 on host"; copied
 */
int ledger_open(const char *home, const char *holder, struct ledger **out,
		struct err *err) MUST_CHECK;
void ledger_free(struct ledger *ledger);
MEM_AUTO(ledger)

/* A new epoch of our own; ERR_STALE if another controller took over. */
int ledger_take_epoch(struct ledger *ledger, struct err *err) MUST_CHECK;
/* Add to the batch. */
void ledger_log(struct ledger *ledger, const struct changelog_entry *entry);
bool ledger_is_clean(const struct ledger *ledger); /* nothing to flush */
/*
 * Make the batch durable. On failure it is dropped; what was not durable must
 * not be acted on. *out_is_tight: the disk was full and the reserve was given
 * up for this batch; NULL: it is not worth that.
 */
int ledger_flush(struct ledger *ledger, bool *out_is_tight,
		 struct err *err) MUST_CHECK;
