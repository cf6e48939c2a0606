#include "rollouts/store/store.h"

void store_batch_release(struct store_batch *batch)
{
	for (size_t i = 0; i < batch->changes.n; i++) {
		free(batch->changes.items[i].name);
		free(batch->changes.items[i].text);
	}
	vec_release(&batch->changes);
}

static void add(struct store_batch *batch, enum store_change_kind kind,
		const char *name, uint64_t revision, const char *text)
{
	*vec_add(&batch->changes) = (struct store_change){
		.kind = kind,
		.name = mem_str(name),
		.revision = revision,
		.text = mem_str(text),
	};
}

void store_batch_append(struct store_batch *batch, const char *stream,
			uint64_t revision, const char *text)
{
	add(batch, STORE_APPEND, stream, revision, text);
}

void store_batch_put(struct store_batch *batch, const char *key,
		     const char *text)
{
	add(batch, STORE_PUT, key, 0, text);
}

void store_batch_add(struct store_batch *batch, const char *key,
		     const char *text)
{
	add(batch, STORE_ADD, key, 0, text);
}

void store_batch_delete(struct store_batch *batch, const char *key)
{
	add(batch, STORE_DELETE, key, 0, NULL);
}

void store_free(struct store *store)
{
	if (store)
		store->kind->free(store);
}

int store_take_epoch(struct store *store, const char *holder, uint64_t *out,
		     struct err *err)
{
	return store->kind->take_epoch(store, holder, out, err);
}

int store_keep_epoch(struct store *store, uint64_t epoch, struct err *err)
{
	return store->kind->keep_epoch(store, epoch, err);
}

int store_commit(struct store *store, uint64_t epoch,
		 const struct store_batch *batch, struct err *err)
{
	return store->kind->commit(store, epoch, batch, err);
}

int store_read(struct store *store, const char *stream, uint64_t after,
	       store_event_fn fn, void *ctx, struct err *err)
{
	return store->kind->read(store, stream, after, fn, ctx, err);
}

int store_revision(struct store *store, const char *stream, uint64_t *out,
		   struct err *err)
{
	return store->kind->revision(store, stream, out, err);
}

int store_get(struct store *store, const char *key, struct buf *out,
	      struct err *err)
{
	return store->kind->get(store, key, out, err);
}

int store_list(struct store *store, const char *prefix, store_key_fn fn,
	       void *ctx, struct err *err)
{
	return store->kind->list(store, prefix, fn, ctx, err);
}
