#include "core/data/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

#define BUSY_MS	       5000
#define APPLICATION_ID 0x67726179 /* "gray" */

struct db {
	sqlite3 *handle;
	char *path;
};

struct db_query {
	struct db *db;
	sqlite3_stmt *statement;
};

static enum err_code code_of(struct db *db, int status)
{
	switch (status & 0xff) {
	case SQLITE_FULL:
		return ERR_NO_SPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_CONSTRAINT:
		return ERR_CONFLICT;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: {
		int cause = sqlite3_system_errno(db->handle);

		return cause == ENOSPC || cause == EDQUOT ? ERR_NO_SPACE
							  : ERR_SYSTEM;
	}
	default:
		return ERR_SYSTEM;
	}
}

static int fail(struct db *db, int status, struct err *err)
{
	return err_set(err, code_of(db, status), "%s: %s", db->path,
		       sqlite3_errmsg(db->handle));
}

static int exec(struct db *db, const char *sql, struct err *err)
{
	int status = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return status == SQLITE_OK ? 0 : fail(db, status, err);
}

static int ask_number(struct db *db, const char *sql, uint64_t *out,
		      struct err *err)
{
	AUTO(db_query) query = NULL;
	bool is_row = false;

	if (db_prepare(db, sql, &query, err) || db_next(query, &is_row, err))
		return err_again(err);
	*out = is_row ? db_u64(query, 0) : 0;
	return 0;
}

static int take_step(struct db *db, const char *sql, size_t version,
		     struct err *err)
{
	AUTO_STR char *mark = mem_format("PRAGMA user_version = %zu", version);

	if (db_begin(db, err))
		return err_again(err);
	if (exec(db, sql, err) || exec(db, mark, err)) {
		db_rollback(db);
		return err_wrap(err, "schema step %zu", version);
	}
	return db_commit(db, err);
}

static int migrate(struct db *db, const char *const *steps, size_t n_steps,
		   struct err *err)
{
	uint64_t version = 0;
	uint64_t application = 0;

	if (ask_number(db, "PRAGMA user_version", &version, err) ||
	    ask_number(db, "PRAGMA application_id", &application, err))
		return err_again(err);
	if (version > 0 && application != APPLICATION_ID)
		return err_set(err, ERR_REFUSED, "%s: not a database of gray",
			       db->path);
	if (version > n_steps)
		return err_set(err, ERR_REFUSED,
			       "%s: its schema is version %llu, this program "
			       "knows up to %zu: install the newer gray again",
			       db->path, (unsigned long long)version, n_steps);
	for (size_t i = version; i < n_steps; i++)
		if (take_step(db, steps[i], i + 1, err))
			return err_again(err);
	return 0;
}

static int set_up(struct db *db, struct err *err)
{
	AUTO_STR char *mark =
		mem_format("PRAGMA application_id = %d", APPLICATION_ID);
	uint64_t version = 0;

	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	if (exec(db,
		 "PRAGMA journal_mode = WAL;"
		 "PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON;"
		 "PRAGMA trusted_schema = OFF",
		 err) ||
	    ask_number(db, "PRAGMA user_version", &version, err))
		return err_again(err);
	return version == 0 ? exec(db, mark, err) : 0;
}

int db_open(const char *path, const char *const *steps, size_t n_steps,
	    struct db **out, struct err *err)
{
	AUTO(db) db = MEM_NEW(struct db);
	/* SQLite would make it readable for all; the WAL takes its mode. */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int status;

	if (fd < 0)
		return err_sys(err, "open %s", path);
	(void)close(fd); /* now: later it would drop SQLite's own locks */
	db->path = mem_str(path);
	status = sqlite3_open_v2(path, &db->handle,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				 NULL);
	if (status != SQLITE_OK)
		return fail(db, status, err);
	if (set_up(db, err) || migrate(db, steps, n_steps, err))
		return err_again(err);
	*out = TAKE(db);
	return 0;
}

void db_free(struct db *db)
{
	if (!db)
		return;
	(void)sqlite3_close(db->handle);
	free(db->path);
	free(db);
}

int db_begin(struct db *db, struct err *err)
{
	return exec(db, "BEGIN IMMEDIATE", err);
}

int db_commit(struct db *db, struct err *err)
{
	if (exec(db, "COMMIT", err)) {
		db_rollback(db);
		return err_again(err);
	}
	return 0;
}

void db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->handle))
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

int db_check(struct db *db, struct err *err)
{
	AUTO(db_query) query = NULL;
	bool is_row = false;

	if (db_prepare(db, "PRAGMA integrity_check(1)", &query, err) ||
	    db_next(query, &is_row, err))
		return err_again(err);
	if (!is_row || strcmp(db_text(query, 0), "ok") != 0)
		return err_set(err, ERR_CORRUPT, "%s: %s", db->path,
			       is_row ? db_text(query, 0) : "no answer");
	return 0;
}

int db_prepare(struct db *db, const char *sql, struct db_query **out,
	       struct err *err)
{
	AUTO(db_query) query = MEM_NEW(struct db_query);
	int status = sqlite3_prepare_v3(db->handle, sql, -1,
					SQLITE_PREPARE_PERSISTENT,
					&query->statement, NULL);

	query->db = db;
	if (status != SQLITE_OK)
		return fail(db, status, err);
	*out = TAKE(query);
	return 0;
}

void db_query_free(struct db_query *query)
{
	if (!query)
		return;
	(void)sqlite3_finalize(query->statement);
	free(query);
}

/* A bind fails only for a wrong place, which is our own mistake, or memory. */
static void must_bind(int status)
{
	if (status != SQLITE_OK)
		abort();
}

void db_bind_u64(struct db_query *query, int at, uint64_t value)
{
	must_bind(
		sqlite3_bind_int64(query->statement, at, (sqlite3_int64)value));
}

void db_bind_text(struct db_query *query, int at, const char *text)
{
	must_bind(sqlite3_bind_text(query->statement, at, text, -1,
				    SQLITE_TRANSIENT));
}

void db_bind_bytes(struct db_query *query, int at, const void *bytes,
		   size_t size)
{
	must_bind(sqlite3_bind_blob64(query->statement, at, size ? bytes : "",
				      size, SQLITE_TRANSIENT));
}

int db_next(struct db_query *query, bool *out_is_row, struct err *err)
{
	int status = sqlite3_step(query->statement);

	if (status == SQLITE_ROW) {
		*out_is_row = true;
		return 0;
	}
	if (status != SQLITE_DONE)
		(void)fail(query->db, status, err);
	db_reset(query);
	if (status != SQLITE_DONE)
		return err_again(err);
	*out_is_row = false;
	return 0;
}

int db_run(struct db_query *query, struct err *err)
{
	bool is_row = true;

	while (is_row)
		if (db_next(query, &is_row, err))
			return err_again(err);
	return 0;
}

void db_reset(struct db_query *query)
{
	(void)sqlite3_reset(query->statement);
	(void)sqlite3_clear_bindings(query->statement);
}

uint64_t db_u64(struct db_query *query, int column)
{
	return (uint64_t)sqlite3_column_int64(query->statement, column);
}

const char *db_text(struct db_query *query, int column)
{
	const unsigned char *text =
		sqlite3_column_text(query->statement, column);

	return text ? (const char *)text : "";
}

const void *db_bytes(struct db_query *query, int column, size_t *out_size)
{
	const void *bytes = sqlite3_column_blob(query->statement, column);

	*out_size = (size_t)sqlite3_column_bytes(query->statement, column);
	return bytes;
}

uint64_t db_n_changed(struct db *db)
{
	return (uint64_t)sqlite3_changes64(db->handle);
}
