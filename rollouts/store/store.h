/*
 * store.h - what the controller must not forget: streams, keys, and who
 * reigns.
 *
 * A stream is a list of texts numbered 1, 2, 3... that only grows; a key holds
 * one text. All changes of a batch happen or none does, and only while the
 * epoch given is still the newest: a controller that slept through a take-over
 * can change nothing. One table of functions, so that several machines can
 * share a store; tests/unit/rollouts/store states what each must keep.
 *
 * Does not know what the texts mean. Metrics never go here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/vec.h"

enum store_change_kind {
	STORE_APPEND, /* to stream NAME, if its revision is still REVISION */
	STORE_PUT,    /* key NAME */
	STORE_ADD,    /* key NAME, which must not be there */
	STORE_DELETE  /* key NAME; nothing there is no error */
};
struct store_change {
	enum store_change_kind kind;
	char *name;
	uint64_t revision;
	char *text;
};
struct store_batch {
	VEC(struct store_change) changes;
};
void store_batch_release(struct store_batch *batch);
MEM_AUTO_VALUE(store_batch)

/* All copied. REVISION: how many the stream has before this one. */
void store_batch_append(struct store_batch *batch, const char *stream,
			uint64_t revision, const char *text);
void store_batch_put(struct store_batch *batch, const char *key,
		     const char *text);
void store_batch_add(struct store_batch *batch, const char *key,
		     const char *text);
void store_batch_delete(struct store_batch *batch, const char *key);

/* Text is borrowed for the call; a failure ends the walk and is handed on. */
typedef int (*store_event_fn)(void *ctx, uint64_t revision, const char *text,
			      struct err *err);
typedef int (*store_key_fn)(void *ctx, const char *key, const char *text,
			    struct err *err);

struct store;
struct store_kind {
	const char *name;
	void (*free)(struct store *store);
	int (*take_epoch)(struct store *store, const char *holder,
			  uint64_t *out, struct err *err);
	int (*keep_epoch)(struct store *store, uint64_t epoch, struct err *err);
	int (*commit)(struct store *store, uint64_t epoch,
		      const struct store_batch *batch, struct err *err);
	int (*read)(struct store *store, const char *stream, uint64_t after,
		    store_event_fn fn, void *ctx, struct err *err);
	int (*revision)(struct store *store, const char *stream, uint64_t *out,
			struct err *err);
	int (*get)(struct store *store, const char *key, struct buf *out,
		   struct err *err);
	int (*list)(struct store *store, const char *prefix, store_key_fn fn,
		    void *ctx, struct err *err);
};
struct store {
	const struct store_kind *kind;
};

/* In the file PATH; made when it is not there. */
int store_open_sqlite(const char *path, struct store **out,
		      struct err *err) MUST_CHECK;
void store_free(struct store *store);
MEM_AUTO(store)

/* A new epoch, above every one before; HOLDER is kept for people to read. */
int store_take_epoch(struct store *store, const char *holder, uint64_t *out,
		     struct err *err) MUST_CHECK;
/* ERR_STALE, naming the holder, when EPOCH is not the newest any more. */
int store_keep_epoch(struct store *store, uint64_t epoch,
		     struct err *err) MUST_CHECK;
/*
 * Make all changes of BATCH, synced when it returns. Fails with ERR_STALE (the
 * epoch is over), ERR_CONFLICT (a stream has moved on, a key is there already),
 * and ERR_NO_SPACE, ERR_CORRUPT, ERR_SYSTEM; then nothing was changed.
 */
int store_commit(struct store *store, uint64_t epoch,
		 const struct store_batch *batch, struct err *err) MUST_CHECK;
/* The events of STREAM above revision AFTER, in order. FN must not use the
 * store. */
int store_read(struct store *store, const char *stream, uint64_t after,
	       store_event_fn fn, void *ctx, struct err *err) MUST_CHECK;
/* 0: no such stream. */
int store_revision(struct store *store, const char *stream, uint64_t *out,
		   struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND; the text is appended to OUT. */
int store_get(struct store *store, const char *key, struct buf *out,
	      struct err *err) MUST_CHECK;
/* The keys that start with PREFIX, in bytewise order. */
int store_list(struct store *store, const char *prefix, store_key_fn fn,
	       void *ctx, struct err *err) MUST_CHECK;
