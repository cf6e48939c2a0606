#include "rollouts/releases.h"

#include <string.h>

#include "core/base/map.h"
#include "core/base/str.h"

#define PREFIX "host/" /* host/<service>/<host> */

struct entry {
	char *service;
	char *host;
	struct digest desired;
	char *version;
	char *rollout;
	char *settled;	      /* when */
	struct digest before; /* desired before that, and what it was called */
	char *before_version;
	struct digest actual;
	char *seen; /* when it was told first */
};

struct releases {
	struct map *by_key;
};

static void entry_free(struct entry *entry)
{
	free(entry->service);
	free(entry->host);
	free(entry->version);
	free(entry->rollout);
	free(entry->settled);
	free(entry->before_version);
	free(entry->seen);
	free(entry);
}

static void set_digest(struct js *json, const char *key,
		       const struct digest *digest)
{
	char hex[DIGEST_HEX + 1];

	digest_format(digest, hex);
	js_set_str(json, key, digest_is_zero(digest) ? NULL : hex);
}

static void get_digest(const struct js *json, const char *key,
		       struct digest *out)
{
	struct err err = ERR_INIT;

	if (digest_parse(js_get_str(json, key, ""), out, &err))
		memset(out, 0, sizeof(*out));
}

static struct js *entry_json(const struct entry *entry)
{
	struct js *json = js_object();

	js_set_str(json, "service", entry->service);
	js_set_str(json, "host", entry->host);
	set_digest(json, "desired", &entry->desired);
	js_set_str(json, "version", entry->version);
	js_set_str(json, "rollout", entry->rollout);
	js_set_str(json, "settled", entry->settled);
	set_digest(json, "before", &entry->before);
	js_set_str(json, "before_version", entry->before_version);
	set_digest(json, "actual", &entry->actual);
	js_set_str(json, "seen", entry->seen);
	return json;
}

static struct entry *entry_of(const struct js *json)
{
	struct entry *entry = MEM_NEW(struct entry);

	entry->service = mem_str(js_get_str(json, "service", ""));
	entry->host = mem_str(js_get_str(json, "host", ""));
	get_digest(json, "desired", &entry->desired);
	entry->version = mem_str(js_get_str(json, "version", NULL));
	entry->rollout = mem_str(js_get_str(json, "rollout", NULL));
	entry->settled = mem_str(js_get_str(json, "settled", NULL));
	get_digest(json, "before", &entry->before);
	entry->before_version =
		mem_str(js_get_str(json, "before_version", NULL));
	get_digest(json, "actual", &entry->actual);
	entry->seen = mem_str(js_get_str(json, "seen", NULL));
	return entry;
}

static int load_cb(void *ctx, const char *key, const char *text,
		   struct err *err)
{
	struct releases *releases = ctx;
	AUTO(js) json = NULL;

	if (js_parse(text, strlen(text), &json, err))
		return err_wrap(err, "%s", key);
	(void)map_put(releases->by_key, key, entry_of(json));
	return 0;
}

int releases_open(struct store *store, struct releases **out, struct err *err)
{
	AUTO(releases) releases = MEM_NEW(struct releases);

	releases->by_key = map_new();
	if (store_list(store, PREFIX, load_cb, releases, err))
		return err_again(err);
	*out = TAKE(releases);
	return 0;
}

void releases_free(struct releases *releases)
{
	const struct map_entry *at = NULL;
	const char *key;
	void *value;

	if (!releases)
		return;
	while (map_next(releases->by_key, &at, &key, &value))
		entry_free(value);
	map_free(releases->by_key);
	free(releases);
}

static char *key_of(const char *service, const char *host)
{
	return mem_format(PREFIX "%s/%s", service, host);
}

struct digest releases_desired(const struct releases *releases,
			       const char *service, const char *host)
{
	AUTO_STR char *key = key_of(service, host);
	const struct entry *entry = map_find(releases->by_key, key);

	return entry ? entry->desired : (struct digest){ .bytes = { 0 } };
}

static struct entry *find(struct releases *releases, const char *key,
			  const struct releases_change *change)
{
	struct entry *entry = map_find(releases->by_key, key);

	if (entry)
		return entry;
	entry = MEM_NEW(struct entry);
	entry->service = mem_str(change->service);
	entry->host = mem_str(change->host);
	(void)map_put(releases->by_key, key, entry);
	return entry;
}

static void put_entry(struct store_batch *batch, const char *key,
		      const struct entry *entry)
{
	AUTO(js) json = entry_json(entry);
	AUTO_STR char *text = js_format(json);

	store_batch_put(batch, key, text);
}

static void stamp(char **slot, int64_t wall_ms)
{
	char time[40];

	str_format_time(wall_ms, time, sizeof(time));
	mem_set_str(slot, time);
}

/* Going back by command: the one before has a name already. */
static void shift(struct entry *entry, const struct releases_change *change)
{
	const struct digest was = entry->desired;
	AUTO_STR char *was_called = TAKE(entry->version);

	if (change->version)
		entry->version = mem_str(change->version);
	else if (digest_equal(&change->release, &entry->before))
		entry->version = mem_str(entry->before_version);
	entry->desired = change->release;
	entry->before = was;
	mem_set_str(&entry->before_version, was_called);
}

void releases_settle(struct releases *releases, struct store_batch *batch,
		     const struct releases_change *change)
{
	AUTO_STR char *key = key_of(change->service, change->host);
	struct entry *entry = find(releases, key, change);

	if (!digest_equal(&entry->desired, &change->release))
		shift(entry, change);
	mem_set_str(&entry->rollout, change->rollout);
	stamp(&entry->settled, change->wall_ms);
	entry->actual = change->release;
	stamp(&entry->seen, change->wall_ms);
	put_entry(batch, key, entry);
}

void releases_see(struct releases *releases, struct store_batch *batch,
		  const struct releases_change *change)
{
	AUTO_STR char *key = key_of(change->service, change->host);
	struct entry *entry = find(releases, key, change);

	if (entry->seen && digest_equal(&entry->actual, &change->release))
		return;
	entry->actual = change->release;
	stamp(&entry->seen, change->wall_ms);
	put_entry(batch, key, entry);
}

struct js *releases_json(const struct releases *releases, const char *service)
{
	struct js *list = js_array();
	const struct map_entry *at = NULL;
	const char *key;
	void *value;

	while (map_next(releases->by_key, &at, &key, &value)) {
		const struct entry *entry = value;

		if (!service || strcmp(service, entry->service) == 0)
			js_append(list, entry_json(entry));
	}
	return list;
}
