#include "rollouts/catalog.h"

#include <string.h>

#include "core/base/map.h"
#include "core/base/str.h"
#include "rollouts/record.h"
#include "rollouts/releases.h"

#define LEAST_LETTERS  4  /* of a digest, to name a release by */
#define SHOWN_LETTERS  12 /* enough to tell releases apart */
#define MAX_CANDIDATES 8  /* named in one sentence */

static void release_clear(struct catalog_release *release)
{
	for (size_t i = 0; i < release->uses.n; i++) {
		free(release->uses.items[i].rollout);
		free(release->uses.items[i].version);
		free(release->uses.items[i].state);
		free(release->uses.items[i].who);
	}
	for (size_t i = 0; i < release->hosts.n; i++)
		free(release->hosts.items[i]);
	vec_release(&release->uses);
	vec_release(&release->hosts);
	free(release->service);
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->items.n; i++)
		release_clear(&catalog->items.items[i]);
	vec_release(&catalog->items);
	free(catalog);
}

struct loading {
	struct store *store;
	const struct js *live;
	struct catalog *catalog;
	struct map *places; /* "service/digest": place + 1 */
};

static char *place_key(const char *service, const struct digest *digest)
{
	char hex[DIGEST_HEX + 1];

	digest_format(digest, hex);
	return mem_format("%s/%s", service, hex);
}

static struct catalog_release *find_place(struct loading *loading,
					  const char *service,
					  const struct digest *digest)
{
	AUTO_STR char *key = place_key(service, digest);
	uintptr_t place = (uintptr_t)map_find(loading->places, key);

	return place ? &loading->catalog->items.items[place - 1] : NULL;
}

static struct catalog_release *add_release(struct loading *loading,
					   const struct record *record)
{
	AUTO_STR char *key = place_key(record->service, &record->release);
	struct catalog_release *release = vec_add(&loading->catalog->items);

	release->service = mem_str(record->service);
	release->digest = record->release;
	(void)map_put(loading->places, key,
		      (void *)(uintptr_t)loading->catalog->items.n);
	return release;
}

static int measure(struct store *store, struct catalog_release *release,
		   struct err *err)
{
	AUTO(manifest) manifest = NULL;

	if (record_load_manifest(store, &release->digest, &manifest, err))
		return err_again(err);
	release->n_files = manifest->entries.n;
	release->bytes = manifest->total_bytes;
	return 0;
}

/* What is over has a last view; of the rest the caller knows more. */
static int read_state(const struct loading *loading, struct catalog_use *use,
		      struct err *err)
{
	AUTO(js) view = NULL;
	const char *state = js_get_str(loading->live, use->rollout, "pending");
	int failed = record_load_view(loading->store, use->rollout, false,
				      &view, err);

	if (failed && failed != -ERR_NOT_FOUND)
		return failed;
	use->is_over = !failed;
	use->state = mem_str(failed ? state : js_get_str(view, "state", state));
	return 0;
}

static int add_use(struct loading *loading,
		   const struct record_summary *summary, struct err *err)
{
	AUTO(record) record = NULL;
	struct catalog_release *release;
	struct catalog_use *use;

	if (record_load(loading->store, summary->id, &record, err))
		return err_again(err);
	release = find_place(loading, record->service, &record->release);
	if (!release) {
		release = add_release(loading, record);
		if (measure(loading->store, release, err))
			return err_again(err);
	}
	use = vec_add(&release->uses);
	use->rollout = mem_str(record->id);
	use->version = mem_str(record->version);
	use->who = mem_str(record->who);
	use->wall_ms = record->created_wall_ms;
	use->serial = record->serial;
	release->version = use->version;
	return read_state(loading, use, err);
}

static struct catalog_release *named_by(struct loading *loading,
					const struct js *host, const char *key)
{
	struct digest digest;
	struct err none = ERR_INIT;

	if (digest_parse(js_get_str(host, key, ""), &digest, &none))
		return NULL;
	return find_place(loading, js_get_str(host, "service", ""), &digest);
}

static int add_hosts(struct loading *loading, struct err *err)
{
	static const char *const keys[] = { "desired", "before", "actual" };
	AUTO(releases) recorded = NULL;
	AUTO(js) hosts = NULL;

	if (releases_open(loading->store, &recorded, err))
		return err_again(err);
	hosts = releases_json(recorded, NULL);
	for (size_t i = 0; i < js_count(hosts); i++) {
		const struct js *host = js_at(hosts, i);

		for (size_t k = 0; k < COUNT_OF(keys); k++) {
			struct catalog_release *release =
				named_by(loading, host, keys[k]);

			if (!release)
				continue;
			release->is_on_hosts = true;
			if (k == 0)
				*vec_add(&release->hosts) =
					mem_str(js_get_str(host, "host", "?"));
		}
	}
	return 0;
}

static uint64_t last_serial(const struct catalog_release *release)
{
	return release->uses.items[release->uses.n - 1].serial;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = last_serial(a);
	uint64_t y = last_serial(b);

	return x > y ? -1 : x < y;
}

static int load(struct loading *loading, struct err *err)
{
	struct record_list list;
	int failed = record_list_load(loading->store, &list, err);

	if (failed)
		return failed;
	for (size_t i = 0; !failed && i < list.items.n; i++)
		failed = add_use(loading, &list.items.items[i], err);
	record_list_release(&list);
	return failed ? failed : add_hosts(loading, err);
}

int catalog_load(struct store *store, const struct js *live,
		 struct catalog **out, struct err *err)
{
	AUTO(catalog) catalog = MEM_NEW(struct catalog);
	AUTO(map) places = map_new();
	struct loading loading = {
		.store = store,
		.live = live,
		.catalog = catalog,
		.places = places,
	};

	if (load(&loading, err))
		return err_again(err);
	if (catalog->items.n > 0)
		qsort(catalog->items.items, catalog->items.n,
		      sizeof(*catalog->items.items), newest_first);
	*out = TAKE(catalog);
	return 0;
}

/* ---- by name ---- */

static bool is_of(const struct catalog_release *release, const char *service)
{
	return !service || strcmp(release->service, service) == 0;
}

static bool is_called(const struct catalog_release *release, const char *name)
{
	char hex[DIGEST_HEX + 1];

	for (size_t i = 0; i < release->uses.n; i++)
		if (strcmp(release->uses.items[i].version, name) == 0)
			return true;
	digest_format(&release->digest, hex);
	return strlen(name) >= LEAST_LETTERS && str_starts(hex, name);
}

static int refuse_unknown(const struct catalog *catalog, const char *name,
			  const char *service, struct err *err)
{
	const char **names = mem_array(catalog->items.n + 1, sizeof(*names));
	AUTO_STR char *clean = str_clean(name, strlen(name));
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < catalog->items.n; i++)
		if (is_of(&catalog->items.items[i], service))
			names[n++] = catalog->items.items[i].version;
	near = str_nearest(clean, names, n);
	free(names);
	return err_set(err, ERR_NOT_FOUND,
		       "no release%s%.63s is called \"%.80s\"%s%s%s",
		       service ? " of " : "", service ? service : "", clean,
		       near ? " (did you mean " : "", near ? near : "",
		       near ? "?)" : "");
}

static int refuse_ambiguous(const struct catalog *catalog, const char *name,
			    const char *service, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < catalog->items.n; i++) {
		const struct catalog_release *release =
			&catalog->items.items[i];
		char hex[DIGEST_HEX + 1];

		if (!is_of(release, service) || !is_called(release, name) ||
		    n++ >= MAX_CANDIDATES)
			continue;
		digest_format(&release->digest, hex);
		buf_format(&text, "%s%s %s %.*s", n > 1 ? ", " : "",
			   release->service, release->version, SHOWN_LETTERS,
			   hex);
	}
	if (n > MAX_CANDIDATES)
		buf_format(&text, " and %zu more", n - MAX_CANDIDATES);
	return err_set(err, ERR_INVALID,
		       "\"%.80s\" may be any of %zu releases: %s; give more of "
		       "the digest%s",
		       name, n, buf_str(&text),
		       service ? "" : ", or the service");
}

int catalog_find(const struct catalog *catalog, const char *name,
		 const char *service, const struct catalog_release **out,
		 struct err *err)
{
	const struct catalog_release *found = NULL;

	for (size_t i = 0; i < catalog->items.n; i++) {
		const struct catalog_release *release =
			&catalog->items.items[i];

		if (!is_of(release, service) || !is_called(release, name))
			continue;
		if (found && !digest_equal(&found->digest, &release->digest))
			return refuse_ambiguous(catalog, name, service, err);
		if (!found)
			found = release;
	}
	if (!found)
		return refuse_unknown(catalog, name, service, err);
	*out = found;
	return 0;
}
