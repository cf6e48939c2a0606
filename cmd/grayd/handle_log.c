#include "cmd/grayd/reading.h"
#include "core/base/str.h"
#include "rollouts/changelog.h"

static int read_number(const struct js *asked, const char *key, uint64_t *out,
		       struct err *err)
{
	if (str_parse_u64(js_get_str(asked, key, "0"), INT64_MAX, out, err))
		return err_wrap(err, "%s", key);
	return 0;
}

static int read_entries(struct store *store, struct blobs *blobs,
			const struct js *asked, struct js **out,
			struct err *err)
{
	struct changelog_filter filter = {
		.day = js_get_str(asked, "day", NULL),
		.service = js_get_str(asked, "service", NULL),
		.rollout = js_get_str(asked, "rollout", NULL),
	};
	struct js *entries = NULL;

	(void)blobs;
	if (read_number(asked, "after", &filter.after, err) ||
	    read_number(asked, "limit", &filter.limit, err) ||
	    changelog_query(store, &filter, &entries, err))
		return err_again(err);
	*out = js_object();
	js_set(*out, "entries", entries);
	return 0;
}

void handle_log(struct grayd *grayd, struct exchange *exchange,
		const char *name)
{
	static const char *const names[] = { "day",   "service", "rollout",
					     "after", "limit",	 NULL };

	(void)name;
	reading_start(grayd, exchange, reading_query(exchange, names),
		      read_entries);
}

static int prove(struct store *store, struct blobs *blobs,
		 const struct js *asked, struct js **out, struct err *err)
{
	struct changelog_proof proof;
	char head[DIGEST_HEX + 1];

	(void)blobs;
	(void)asked;
	if (changelog_verify(store, &proof, err))
		return err_again(err);
	digest_format(&proof.head, head);
	*out = js_object();
	js_set_bool(*out, "ok", proof.is_ok);
	js_set_int(*out, "entries", (int64_t)proof.n_entries);
	js_set_str(*out, "head", head);
	if (!proof.is_ok) {
		js_set_int(*out, "broken", (int64_t)proof.n_entries + 1);
		js_set_str(*out, "text", proof.text);
	}
	return 0;
}

void handle_log_verify(struct grayd *grayd, struct exchange *exchange,
		       const char *name)
{
	(void)name;
	reading_start(grayd, exchange, js_object(), prove);
}
