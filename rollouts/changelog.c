#include "rollouts/changelog.h"

#include <string.h>

#include "core/base/str.h"

#define STREAM	   "log"
#define DAY_PREFIX "log-day/" /* the number of a day's first entry */
#define DAY_SIZE   11	      /* "2026-11-24" and a NUL */

struct changelog {
	struct store *store;
	uint64_t seq;
	struct digest head;
	char day[DAY_SIZE]; /* of the newest day seen; "" before the first */
};

static void hash_entry(const struct js *entry, struct digest *out)
{
	AUTO_VALUE(buf) form = BUF_INIT;

	buf_format(&form, "gray-log 1\n%s\n%lld\n%s\n%s\n%s\n%s\n%s\n%s\n",
		   js_get_str(entry, "prev", ""),
		   (long long)js_get_int(entry, "seq", 0),
		   js_get_str(entry, "time", ""), js_get_str(entry, "who", ""),
		   js_get_str(entry, "service", ""),
		   js_get_str(entry, "rollout", ""),
		   js_get_str(entry, "kind", ""),
		   js_get_str(entry, "text", ""));
	digest_of(form.bytes, form.size, out);
}

static int parse_entry(const char *text, uint64_t revision, struct js **out,
		       struct err *err)
{
	if (js_parse(text, strlen(text), out, err))
		return err_wrap(err, "log entry %llu",
				(unsigned long long)revision);
	return 0;
}

static int end_cb(void *ctx, uint64_t revision, const char *text,
		  struct err *err)
{
	struct changelog *log = ctx;
	AUTO(js) entry = NULL;

	if (parse_entry(text, revision, &entry, err) ||
	    digest_parse(js_get_str(entry, "hash", ""), &log->head, err))
		return err_again(err);
	log->seq = revision;
	return 0;
}

static int day_cb(void *ctx, const char *key, const char *text, struct err *err)
{
	struct changelog *log = ctx;

	(void)text;
	(void)err;
	(void)snprintf(log->day, sizeof(log->day), "%s",
		       key + strlen(DAY_PREFIX));
	return 0;
}

int changelog_reload(struct changelog *log, struct err *err)
{
	uint64_t revision = 0;

	log->seq = 0;
	log->day[0] = '\0';
	memset(&log->head, 0, sizeof(log->head));
	if (store_revision(log->store, STREAM, &revision, err) ||
	    (revision > 0 &&
	     store_read(log->store, STREAM, revision - 1, end_cb, log, err)) ||
	    store_list(log->store, DAY_PREFIX, day_cb, log, err))
		return err_wrap(err, "the change log's end");
	return 0;
}

int changelog_open(struct store *store, struct changelog **out, struct err *err)
{
	AUTO(changelog) log = MEM_NEW(struct changelog);

	log->store = store;
	if (changelog_reload(log, err))
		return err_again(err);
	*out = TAKE(log);
	return 0;
}

void changelog_free(struct changelog *log)
{
	free(log);
}

uint64_t changelog_seq(const struct changelog *log)
{
	return log->seq;
}

/* On one line, so that the hashed form has one reading. */
static void set_clean(struct js *entry, const char *key, const char *text)
{
	AUTO_STR char *clean =
		str_clean(text ? text : "", text ? strlen(text) : 0);

	for (char *c = clean; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	js_set_str(entry, key, clean);
}

static void mark_day(struct changelog *log, struct store_batch *batch,
		     const char *day)
{
	AUTO_STR char *key = mem_format(DAY_PREFIX "%s", day);
	AUTO_STR char *seq = mem_format("%llu", (unsigned long long)log->seq);

	store_batch_put(batch, key, seq);
	(void)snprintf(log->day, sizeof(log->day), "%s", day);
}

void changelog_add(struct changelog *log, struct store_batch *batch,
		   const struct changelog_entry *entry)
{
	AUTO(js) made = js_object();
	AUTO_STR char *text = NULL;
	char hex[DIGEST_HEX + 1];
	char time[40];
	char day[DAY_SIZE];

	str_format_time(entry->wall_ms, time, sizeof(time));
	(void)snprintf(day, sizeof(day), "%.10s", time);
	js_set_int(made, "seq", (int64_t)log->seq + 1);
	js_set_str(made, "time", time);
	set_clean(made, "who", entry->who ? entry->who : "gray");
	set_clean(made, "service", entry->service);
	set_clean(made, "rollout", entry->rollout);
	set_clean(made, "kind", entry->kind);
	set_clean(made, "text", entry->text);
	digest_format(&log->head, hex);
	js_set_str(made, "prev", hex);
	hash_entry(made, &log->head);
	digest_format(&log->head, hex);
	js_set_str(made, "hash", hex);
	text = js_format(made);
	store_batch_append(batch, STREAM, log->seq, text);
	log->seq++;
	/* A wall clock that was set back opens no day anew. */
	if (strcmp(day, log->day) > 0)
		mark_day(log, batch, day);
}

struct query {
	const struct changelog_filter *filter;
	struct js *found;
	uint64_t after;
	bool is_full; /* ended the walk, which is no failure */
};

static bool matches(const char *wanted, const struct js *entry, const char *key)
{
	return !wanted || strcmp(wanted, js_get_str(entry, key, "")) == 0;
}

static int query_cb(void *ctx, uint64_t revision, const char *text,
		    struct err *err)
{
	struct query *query = ctx;
	const struct changelog_filter *filter = query->filter;
	AUTO(js) entry = NULL;

	query->is_full =
		filter->limit > 0 && js_count(query->found) >= filter->limit;
	if (query->is_full)
		return err_set(err, ERR_REFUSED, "enough");
	if (parse_entry(text, revision, &entry, err))
		return err_again(err);
	if (matches(filter->service, entry, "service") &&
	    matches(filter->rollout, entry, "rollout") &&
	    (!filter->day ||
	     str_starts(js_get_str(entry, "time", ""), filter->day)))
		js_append(query->found, TAKE(entry));
	return 0;
}

/* The first entry of the newest day that is not after the one asked for. */
static int start_cb(void *ctx, const char *key, const char *text,
		    struct err *err)
{
	struct query *query = ctx;
	uint64_t seq = 0;

	if (strcmp(key + strlen(DAY_PREFIX), query->filter->day) > 0)
		return 0;
	if (str_parse_u64(text, UINT64_MAX, &seq, err))
		return err_wrap(err, "key %s", key);
	query->after = MAX_OF(query->filter->after, seq > 0 ? seq - 1 : 0);
	return 0;
}

int changelog_query(struct store *store, const struct changelog_filter *filter,
		    struct js **out, struct err *err)
{
	AUTO(js) found = js_array();
	struct query query = {
		.filter = filter,
		.found = found,
		.after = filter->after,
	};

	if (filter->day && store_list(store, DAY_PREFIX, start_cb, &query, err))
		return err_again(err);
	if (store_read(store, STREAM, query.after, query_cb, &query, err) &&
	    !query.is_full)
		return err_again(err);
	*out = TAKE(found);
	return 0;
}

/* What is wrong with the entry after those that PROOF has; NULL: nothing. */
static const char *fault_of(const struct changelog_proof *proof,
			    const struct js *entry, uint64_t revision,
			    struct digest *out_hash)
{
	char prev[DIGEST_HEX + 1];
	struct digest stated;
	struct err err = ERR_INIT;

	digest_format(&proof->head, prev);
	hash_entry(entry, out_hash);
	if (revision != proof->n_entries + 1 ||
	    js_get_int(entry, "seq", 0) != (int64_t)revision)
		return "its number does not follow";
	if (strcmp(js_get_str(entry, "prev", ""), prev) != 0)
		return "it does not name the hash of the one before";
	if (digest_parse(js_get_str(entry, "hash", ""), &stated, &err) ||
	    !digest_equal(&stated, out_hash))
		return "its content does not have its hash";
	return NULL;
}

static int verify_cb(void *ctx, uint64_t revision, const char *text,
		     struct err *err)
{
	struct changelog_proof *proof = ctx;
	AUTO(js) entry = NULL;
	struct err bad = ERR_INIT;
	struct digest hash;
	const char *fault;

	(void)err;
	if (!proof->is_ok)
		return 0;
	fault = parse_entry(text, revision, &entry, &bad)
			? bad.text
			: fault_of(proof, entry, revision, &hash);
	if (fault) {
		proof->is_ok = false;
		(void)snprintf(proof->text, sizeof(proof->text),
			       "entry %llu: %.200s",
			       (unsigned long long)revision, fault);
		return 0;
	}
	proof->head = hash;
	proof->n_entries++;
	return 0;
}

int changelog_verify(struct store *store, struct changelog_proof *out,
		     struct err *err)
{
	struct changelog_proof proof = { .is_ok = true };

	if (store_read(store, STREAM, 0, verify_cb, &proof, err))
		return err_again(err);
	*out = proof;
	return 0;
}
