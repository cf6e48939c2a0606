/*
 * journal.h - what a host must not forget, in a file that never grows.
 *
 * .gray/state has two slots of fixed size, each with a generation and a
 * checksum. A write replaces the older slot and syncs it: a torn write leaves
 * the newer one, and a full disk does not matter because every block is there
 * since the file was made.
 */
#pragma once

#include "agents/deploy.h"
#include "agents/spec.h"

#define JOURNAL_OUTPUT 8193

struct journal_entry {
	struct deploy_record record;
	struct spec spec;	     /* of the last activate or revert */
	char output[JOURNAL_OUTPUT]; /* of the last command's hooks */
};

struct journal;

/*
 * Open the journal in folder DIR, or make it.
 *
 * dir   borrowed for the call
 * out   on success a journal the caller owns
 *
 * Fails with ERR_CORRUPT when neither slot can be read though one was written.
 */
int journal_open(int dir, struct journal **out, struct err *err) MUST_CHECK;
void journal_close(struct journal *journal);
static inline void journal_auto_close(struct journal **journal)
{
	journal_close(*journal);
}

/* What was written last; NULL when nothing ever was. Borrowed. */
const struct journal_entry *journal_last(const struct journal *journal);
/* On success ENTRY is on disk. After a failure what is there is unknown. */
int journal_write(struct journal *journal, const struct journal_entry *entry,
		  struct err *err) MUST_CHECK;
