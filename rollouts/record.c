#include "rollouts/record.h"

#include <string.h>

#include "rollouts/journal.h"

/* Texts of the main key, some of which may be NULL. */
#define RECORD_TEXTS(X)    \
	X(id)              \
	X(service)         \
	X(version)         \
	X(who)             \
	X(reason)          \
	X(plan_path)       \
	X(base_dir)        \
	X(ssh_identity)    \
	X(ssh_known_hosts) \
	X(ssh_config)      \
	X(ssh_transport)

#define RECORD_NUMBERS(X)  \
	X(number)          \
	X(serial)          \
	X(created_wall_ms) \
	X(log_after)

void record_free(struct record *record)
{
	if (!record)
		return;
	for (size_t i = 0; i < record->hosts.n; i++) {
		free(record->hosts.items[i].name);
		free(record->hosts.items[i].address);
		free(record->hosts.items[i].user);
		free(record->hosts.items[i].identity);
		free(record->hosts.items[i].ssh_options);
	}
	vec_release(&record->hosts);
#define FREE(name) free(record->name);
	RECORD_TEXTS(FREE)
#undef FREE
	free(record->plan_text);
	free(record);
}

static char *key_of(const char *kind, const char *id)
{
	return mem_format("%s/%s", kind, id);
}

static void put(struct store_batch *batch, const char *kind, const char *id,
		const char *text)
{
	AUTO_STR char *key = key_of(kind, id);

	store_batch_put(batch, key, text);
}

static void add(struct store_batch *batch, const char *kind, const char *id,
		const char *text)
{
	AUTO_STR char *key = key_of(kind, id);

	store_batch_add(batch, key, text);
}

static int get(struct store *store, const char *kind, const char *id,
	       struct buf *out, struct err *err)
{
	AUTO_STR char *key = key_of(kind, id);

	return store_get(store, key, out, err);
}

static int get_json(struct store *store, const char *kind, const char *id,
		    struct js **out, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	if (get(store, kind, id, &text, err))
		return err_again(err);
	if (js_parse(buf_str(&text), text.size, out, err))
		return err_wrap(err, "%s/%s", kind, id);
	return 0;
}

static char *main_json(const struct record *record)
{
	AUTO(js) json = js_object();
	char hex[DIGEST_HEX + 1];

#define SET(name) js_set_str(json, #name, record->name);
	RECORD_TEXTS(SET)
#undef SET
#define SET(name) js_set_int(json, #name, (int64_t)record->name);
	RECORD_NUMBERS(SET)
#undef SET
	digest_format(&record->release, hex);
	js_set_str(json, "release", hex);
	return js_format(json);
}

static char *hosts_json(const struct record *record)
{
	AUTO(js) hosts = js_array();

	for (size_t i = 0; i < record->hosts.n; i++) {
		const struct record_host *host = &record->hosts.items[i];
		struct js *json = js_object();

		js_set_str(json, "name", host->name);
		js_set_str(json, "address", host->address);
		js_set_str(json, "user", host->user);
		js_set_int(json, "port", host->port);
		js_set_str(json, "identity", host->identity);
		js_set_str(json, "ssh_options", host->ssh_options);
		js_append(hosts, json);
	}
	return js_format(hosts);
}

void record_add(const struct record *record, const struct manifest *manifest,
		struct store_batch *batch)
{
	AUTO_STR char *main_text = main_json(record);
	AUTO_STR char *hosts = hosts_json(record);
	AUTO_VALUE(buf) entries = BUF_INIT;
	char hex[DIGEST_HEX + 1];

	manifest_encode(manifest, &entries);
	digest_format(&manifest->digest, hex);
	add(batch, "rollout", record->id, main_text);
	add(batch, "plan", record->id, record->plan_text);
	add(batch, "hosts", record->id, hosts);
	put(batch, "manifest", hex, buf_str(&entries));
}

static int read_hosts(struct store *store, struct record *out, struct err *err)
{
	AUTO(js) hosts = NULL;

	if (get_json(store, "hosts", out->id, &hosts, err))
		return err_again(err);
	for (size_t i = 0; i < js_count(hosts); i++) {
		const struct js *from = js_at(hosts, i);

		*vec_add(&out->hosts) = (struct record_host){
			.name = mem_str(js_get_str(from, "name", "")),
			.address = mem_str(js_get_str(from, "address", "")),
			.user = mem_str(js_get_str(from, "user", NULL)),
			.port = (uint16_t)js_get_int(from, "port", 0),
			.identity = mem_str(js_get_str(from, "identity", NULL)),
			.ssh_options =
				mem_str(js_get_str(from, "ssh_options", NULL)),
		};
	}
	return 0;
}

int record_load(struct store *store, const char *id, struct record **out,
		struct err *err)
{
	AUTO(record) record = MEM_NEW(struct record);
	AUTO(js) json = NULL;
	AUTO_VALUE(buf) plan = BUF_INIT;

	if (get_json(store, "rollout", id, &json, err) ||
	    get(store, "plan", id, &plan, err))
		return err_again(err);
#define GET(name) record->name = mem_str(js_get_str(json, #name, NULL));
	RECORD_TEXTS(GET)
#undef GET
#define GET(name) \
	record->name = (__typeof__(record->name))js_get_int(json, #name, 0);
	RECORD_NUMBERS(GET)
#undef GET
	record->plan_text = buf_take_str(&plan);
	if (!record->id || !record->service)
		return err_set(err, ERR_CORRUPT, "rollout %s has no name", id);
	if (digest_parse(js_get_str(json, "release", ""), &record->release,
			 err) ||
	    read_hosts(store, record, err))
		return err_wrap(err, "rollout %s", id);
	*out = TAKE(record);
	return 0;
}

int record_load_manifest(struct store *store, const struct digest *release,
			 struct manifest **out, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	char hex[DIGEST_HEX + 1];

	digest_format(release, hex);
	if (get(store, "manifest", hex, &text, err) ||
	    manifest_decode(text.bytes, text.size, out, err))
		return err_wrap(err, "release %s", hex);
	return 0;
}

void record_put_config(const struct rollout_config *config,
		       struct store_batch *batch)
{
	AUTO(js) json = journal_config_json(config);
	AUTO_STR char *text = js_format(json);

	put(batch, "config", config->id, text);
}

int record_load_config(struct store *store, const char *id,
		       struct rollout_config *out, struct err *err)
{
	AUTO(js) json = NULL;

	if (get_json(store, "config", id, &json, err))
		return err_again(err);
	return journal_config_parse(json, out, err);
}

void record_list_release(struct record_list *list)
{
	for (size_t i = 0; i < list->items.n; i++) {
		free(list->items.items[i].id);
		free(list->items.items[i].service);
	}
	vec_release(&list->items);
}

static int list_cb(void *ctx, const char *key, const char *text,
		   struct err *err)
{
	struct record_list *list = ctx;
	AUTO(js) json = NULL;

	if (js_parse(text, strlen(text), &json, err))
		return err_wrap(err, "%s", key);
	*vec_add(&list->items) = (struct record_summary){
		.id = mem_str(js_get_str(json, "id", "")),
		.service = mem_str(js_get_str(json, "service", "")),
		.number = (uint64_t)js_get_int(json, "number", 0),
		.serial = (uint64_t)js_get_int(json, "serial", 0),
	};
	return 0;
}

static int by_serial(const void *a, const void *b)
{
	const struct record_summary *x = a;
	const struct record_summary *y = b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

int record_list_load(struct store *store, struct record_list *out,
		     struct err *err)
{
	struct record_list list = { .items = { NULL, 0, 0 } };

	if (store_list(store, "rollout/", list_cb, &list, err)) {
		record_list_release(&list);
		return err_again(err);
	}
	if (list.items.n > 0)
		qsort(list.items.items, list.items.n, sizeof(*list.items.items),
		      by_serial);
	*out = list;
	return 0;
}

void record_put_view(const char *id, const char *view, const char *host_view,
		     struct store_batch *batch)
{
	put(batch, "view", id, view);
	put(batch, "host_view", id, host_view);
}

void record_drop_view(const char *id, struct store_batch *batch)
{
	AUTO_STR char *key = key_of("view", id);
	AUTO_STR char *host_key = key_of("host_view", id);

	store_batch_delete(batch, key);
	store_batch_delete(batch, host_key);
}

int record_load_view(struct store *store, const char *id, bool has_hosts,
		     struct js **out, struct err *err)
{
	return get_json(store, has_hosts ? "host_view" : "view", id, out, err);
}
