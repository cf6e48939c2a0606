/*
 * journal.h - what happened to a rollout, as texts that can be fed again.
 *
 * An event goes into the rollout's own stream together with the intents it
 * led to; folding the stream through rollout_step gives the rollout as it was.
 * The configuration a rollout was made from is stored once and never changes.
 */
#pragma once

#include "core/text/json.h"
#include "rollouts/rollout.h"
#include "rollouts/store/store.h"

/* "journal/feed-7"; owned by the caller. */
char *journal_stream(const char *rollout_id) MUST_CHECK;

/* Add EVENT and the intents of ACTIONS to BATCH. */
void journal_add(struct store_batch *batch, const char *stream,
		 uint64_t revision, const struct event *event,
		 const struct actions *actions);
/* The event of a stored text; the caller releases it. */
int journal_parse(const char *text, struct event *out,
		  struct err *err) MUST_CHECK;

/*
 * Feed all of STREAM to ROLLOUT again, actions ignored.
 *
 * out_revision  how many events there are
 */
int journal_fold(struct store *store, const char *stream,
		 struct rollout *rollout, uint64_t *out_revision,
		 struct err *err) MUST_CHECK;

struct js *journal_config_json(const struct rollout_config *config) MUST_CHECK;
int journal_config_parse(const struct js *json, struct rollout_config *out,
			 struct err *err) MUST_CHECK;
