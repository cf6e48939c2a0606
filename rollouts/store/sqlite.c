#include <string.h>

#include "core/data/db.h"
#include "rollouts/store/store.h"

static const char *const steps[] = {
	"CREATE TABLE epoch ("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	" epoch INTEGER NOT NULL,"
	" holder TEXT NOT NULL);"
	"INSERT INTO epoch VALUES (1, 0, '');"
	"CREATE TABLE event ("
	" stream TEXT NOT NULL,"
	" revision INTEGER NOT NULL,"
	" text TEXT NOT NULL,"
	" PRIMARY KEY (stream, revision)) WITHOUT ROWID;"
	"CREATE TABLE key ("
	" name TEXT PRIMARY KEY,"
	" text TEXT NOT NULL) WITHOUT ROWID;",
};

#define QUERIES(X)                                                       \
	X(epoch, "SELECT epoch, holder FROM epoch")                      \
	X(set_epoch, "UPDATE epoch SET epoch = epoch + 1, holder = ?1")  \
	X(revision, "SELECT max(revision) FROM event WHERE stream = ?1") \
	X(append, "INSERT INTO event (stream, revision, text) "          \
		  "VALUES (?1, ?2, ?3)")                                 \
	X(read, "SELECT revision, text FROM event "                      \
		"WHERE stream = ?1 AND revision > ?2 ORDER BY revision") \
	X(put, "INSERT INTO key (name, text) VALUES (?1, ?2) "           \
	       "ON CONFLICT (name) DO UPDATE SET text = excluded.text")  \
	X(add, "INSERT INTO key (name, text) VALUES (?1, ?2)")           \
	X(remove, "DELETE FROM key WHERE name = ?1")                     \
	X(get, "SELECT text FROM key WHERE name = ?1")                   \
	X(list, "SELECT name, text FROM key WHERE name >= ?1 AND "       \
		"name < ?1 || char(0x10ffff) ORDER BY name")

struct sqlite {
	struct store base;
	struct db *db;
#define DECLARE(name, sql) struct db_query *name;
	QUERIES(DECLARE)
#undef DECLARE
};

static struct sqlite *of(struct store *store)
{
	return CONTAINER_OF(store, struct sqlite, base);
}

static void sqlite_free(struct store *store)
{
	struct sqlite *sqlite = of(store);

#define FREE(name, sql) db_query_free(sqlite->name);
	QUERIES(FREE)
#undef FREE
	db_free(sqlite->db);
	free(sqlite);
}

/* Inside a transaction, so that the answer holds until its end. */
static int check_epoch(struct sqlite *sqlite, uint64_t epoch, struct err *err)
{
	bool is_row = false;
	uint64_t newest;

	if (db_next(sqlite->epoch, &is_row, err))
		return err_again(err);
	newest = is_row ? db_u64(sqlite->epoch, 0) : 0;
	if (newest != epoch)
		(void)err_set(err, ERR_STALE,
			      "epoch %llu is over: %s took epoch %llu",
			      (unsigned long long)epoch,
			      is_row ? db_text(sqlite->epoch, 1) : "",
			      (unsigned long long)newest);
	db_reset(sqlite->epoch);
	return newest == epoch ? 0 : err_again(err);
}

static int take(struct sqlite *sqlite, const char *holder, uint64_t *out,
		struct err *err)
{
	bool is_row = false;

	db_bind_text(sqlite->set_epoch, 1, holder);
	if (db_run(sqlite->set_epoch, err) ||
	    db_next(sqlite->epoch, &is_row, err))
		return err_again(err);
	*out = db_u64(sqlite->epoch, 0);
	db_reset(sqlite->epoch);
	return 0;
}

static int sqlite_take_epoch(struct store *store, const char *holder,
			     uint64_t *out, struct err *err)
{
	struct sqlite *sqlite = of(store);
	uint64_t epoch = 0;

	if (db_begin(sqlite->db, err))
		return err_wrap(err, "take an epoch");
	if (take(sqlite, holder, &epoch, err)) {
		db_rollback(sqlite->db);
		return err_wrap(err, "take an epoch");
	}
	if (db_commit(sqlite->db, err))
		return err_wrap(err, "take an epoch");
	*out = epoch;
	return 0;
}

static int sqlite_keep_epoch(struct store *store, uint64_t epoch,
			     struct err *err)
{
	return check_epoch(of(store), epoch, err);
}

static int sqlite_revision(struct store *store, const char *stream,
			   uint64_t *out, struct err *err)
{
	struct sqlite *sqlite = of(store);
	bool is_row = false;

	db_bind_text(sqlite->revision, 1, stream);
	if (db_next(sqlite->revision, &is_row, err))
		return err_wrap(err, "revision of %s", stream);
	*out = is_row ? db_u64(sqlite->revision, 0) : 0;
	db_reset(sqlite->revision);
	return 0;
}

static int append(struct sqlite *sqlite, const struct store_change *change,
		  struct err *err)
{
	uint64_t revision = 0;

	if (sqlite_revision(&sqlite->base, change->name, &revision, err))
		return err_again(err);
	if (revision != change->revision)
		return err_set(err, ERR_CONFLICT,
			       "%s is at revision %llu, not %llu", change->name,
			       (unsigned long long)revision,
			       (unsigned long long)change->revision);
	db_bind_text(sqlite->append, 1, change->name);
	db_bind_u64(sqlite->append, 2, revision + 1);
	db_bind_text(sqlite->append, 3, change->text);
	return db_run(sqlite->append, err);
}

static int write_key(struct db_query *query, const struct store_change *change,
		     struct err *err)
{
	db_bind_text(query, 1, change->name);
	if (change->text)
		db_bind_text(query, 2, change->text);
	if (db_run(query, err))
		return err_wrap(err, "key %s", change->name);
	return 0;
}

static int apply(struct sqlite *sqlite, const struct store_change *change,
		 struct err *err)
{
	switch (change->kind) {
	case STORE_APPEND:
		return append(sqlite, change, err);
	case STORE_PUT:
		return write_key(sqlite->put, change, err);
	case STORE_ADD:
		return write_key(sqlite->add, change, err);
	case STORE_DELETE:
		return write_key(sqlite->remove, change, err);
	}
	return err_set(err, ERR_INVALID, "no such change");
}

static int sqlite_commit(struct store *store, uint64_t epoch,
			 const struct store_batch *batch, struct err *err)
{
	struct sqlite *sqlite = of(store);
	int bad;

	if (db_begin(sqlite->db, err))
		return err_again(err);
	bad = check_epoch(sqlite, epoch, err);
	for (size_t i = 0; !bad && i < batch->changes.n; i++)
		bad = apply(sqlite, &batch->changes.items[i], err);
	if (bad) {
		db_rollback(sqlite->db);
		return bad;
	}
	return db_commit(sqlite->db, err);
}

static int sqlite_read(struct store *store, const char *stream, uint64_t after,
		       store_event_fn fn, void *ctx, struct err *err)
{
	struct sqlite *sqlite = of(store);
	bool is_row = true;

	db_bind_text(sqlite->read, 1, stream);
	db_bind_u64(sqlite->read, 2, after);
	for (;;) {
		if (db_next(sqlite->read, &is_row, err))
			return err_wrap(err, "read %s", stream);
		if (!is_row)
			return 0;
		if (fn(ctx, db_u64(sqlite->read, 0), db_text(sqlite->read, 1),
		       err)) {
			db_reset(sqlite->read);
			return err_again(err);
		}
	}
}

static int sqlite_get(struct store *store, const char *key, struct buf *out,
		      struct err *err)
{
	struct sqlite *sqlite = of(store);
	bool is_row = false;

	db_bind_text(sqlite->get, 1, key);
	if (db_next(sqlite->get, &is_row, err))
		return err_wrap(err, "key %s", key);
	if (!is_row)
		return err_set(err, ERR_NOT_FOUND, "nothing under %s", key);
	buf_append_str(out, db_text(sqlite->get, 0));
	db_reset(sqlite->get);
	return 0;
}

static int sqlite_list(struct store *store, const char *prefix, store_key_fn fn,
		       void *ctx, struct err *err)
{
	struct sqlite *sqlite = of(store);
	bool is_row = true;

	db_bind_text(sqlite->list, 1, prefix);
	for (;;) {
		if (db_next(sqlite->list, &is_row, err))
			return err_wrap(err, "list %s", prefix);
		if (!is_row)
			return 0;
		if (fn(ctx, db_text(sqlite->list, 0), db_text(sqlite->list, 1),
		       err)) {
			db_reset(sqlite->list);
			return err_again(err);
		}
	}
}

static const struct store_kind kind = {
	.name = "sqlite",
	.free = sqlite_free,
	.take_epoch = sqlite_take_epoch,
	.keep_epoch = sqlite_keep_epoch,
	.commit = sqlite_commit,
	.read = sqlite_read,
	.revision = sqlite_revision,
	.get = sqlite_get,
	.list = sqlite_list,
};

static int prepare(struct sqlite *sqlite, struct err *err)
{
#define PREPARE(name, sql)                                   \
	if (db_prepare(sqlite->db, sql, &sqlite->name, err)) \
		return err_again(err);
	QUERIES(PREPARE)
#undef PREPARE
	return 0;
}

int store_open_sqlite(const char *path, struct store **out, struct err *err)
{
	struct sqlite *sqlite = MEM_NEW(struct sqlite);

	sqlite->base.kind = &kind;
	if (db_open(path, steps, COUNT_OF(steps), &sqlite->db, err) ||
	    prepare(sqlite, err)) {
		sqlite_free(&sqlite->base);
		return err_again(err);
	}
	*out = &sqlite->base;
	return 0;
}
