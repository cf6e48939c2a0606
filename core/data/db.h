/*
 * db.h - a database in one file: opened safely, asked with prepared statements.
 *
 * WAL with synchronous=FULL: what was committed survives a power cut (NORMAL
 * loses acknowledged commits). The schema is a list of steps; user_version says
 * how many were taken, each in a transaction of its own. Does not know what is
 * stored. The only door to SQLite.
 *
 * A full disk is ERR_NO_SPACE, a damaged file ERR_CORRUPT, a lock held by
 * another process ERR_CONFLICT, a broken rule of the schema (unique, foreign
 * key) ERR_CONFLICT; all else ERR_SYSTEM.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/mem.h"

struct db;
struct db_query; /* a prepared statement; ends before its database */

/*
 * Open or make the database at PATH (mode 0600).
 *
 * steps    SQL scripts; step i takes the schema from version i to i+1
 *
 * Fails with ERR_REFUSED when the file's schema is newer than STEPS.
 */
int db_open(const char *path, const char *const *steps, size_t n_steps,
	    struct db **out, struct err *err) MUST_CHECK;
void db_free(struct db *db);
MEM_AUTO(db)

int db_begin(struct db *db, struct err *err) MUST_CHECK;
/* On failure nothing was written and no transaction is open. */
int db_commit(struct db *db, struct err *err) MUST_CHECK;
/* Nothing happens when no transaction is open. */
void db_rollback(struct db *db);
/* Read every page; ERR_CORRUPT with the first thing found wrong. */
int db_check(struct db *db, struct err *err) MUST_CHECK;

/* SQL is borrowed until db_query_free. */
int db_prepare(struct db *db, const char *sql, struct db_query **out,
	       struct err *err) MUST_CHECK;
void db_query_free(struct db_query *query);
MEM_AUTO(db_query)

/* Parameters count from 1; text and bytes are copied. */
void db_bind_u64(struct db_query *query, int at, uint64_t value);
void db_bind_text(struct db_query *query, int at, const char *text);
void db_bind_bytes(struct db_query *query, int at, const void *bytes,
		   size_t size);

/* The next row. After the last (or a failure) the query is ready to run again,
 * its parameters forgotten. */
int db_next(struct db_query *query, bool *out_is_row,
	    struct err *err) MUST_CHECK;
/* Run to the end, rows ignored. */
int db_run(struct db_query *query, struct err *err) MUST_CHECK;
/* Stop before the end of the rows. */
void db_reset(struct db_query *query);

/* Of the present row, columns from 0; borrowed until the next call. */
uint64_t db_u64(struct db_query *query, int column);
const char *db_text(struct db_query *query, int column); /* NULL becomes "" */
const void *db_bytes(struct db_query *query, int column, size_t *out_size);
/* Rows that the last statement changed. */
uint64_t db_n_changed(struct db *db);
