#include "cmd/grayd/reading.h"
#include "rollouts/catalog.h"
#include "rollouts/record.h"

/* The states of what is not over are not in the store. */
static int add_live(struct grayd *grayd, struct js *asked, struct err *err)
{
	AUTO(js) views = NULL;
	struct js *live;

	if (driver_list(grayd->driver, NULL, true, &views, err))
		return err_again(err);
	live = js_object();
	for (size_t i = 0; i < js_count(views); i++) {
		const struct js *view = js_at(views, i);

		js_set_str(live, js_get_str(view, "id", ""),
			   js_get_str(view, "state", ""));
	}
	js_set(asked, "live", live);
	return 0;
}

static void start(struct grayd *grayd, struct exchange *exchange,
		  const char *const *names, reading_fn fn)
{
	struct js *asked = reading_query(exchange, names);
	struct err err = ERR_INIT;

	if (add_live(grayd, asked, &err)) {
		js_free(asked);
		exchange_fail(exchange, &err, NULL);
		return;
	}
	reading_start(grayd, exchange, asked, fn);
}

static int list(struct store *store, struct blobs *blobs,
		const struct js *asked, struct js **out, struct err *err)
{
	AUTO(catalog) catalog = NULL;

	(void)blobs;
	if (catalog_load(store, js_get(asked, "live"), &catalog, err))
		return err_again(err);
	*out = js_object();
	js_set(*out, "releases",
	       catalog_list_json(catalog, js_get_str(asked, "service", NULL)));
	return 0;
}

void handle_releases(struct grayd *grayd, struct exchange *exchange,
		     const char *name)
{
	static const char *const names[] = { "service", NULL };

	(void)name;
	start(grayd, exchange, names, list);
}

/* The release that ASKED names under KEY, and what is in it. */
static int find(struct store *store, const struct catalog *catalog,
		const struct js *asked, const char *key,
		const struct catalog_release **out, struct manifest **manifest,
		struct err *err)
{
	const char *name = js_get_str(asked, key, NULL);

	if (!name)
		return err_set(err, ERR_INVALID, "?%s= is missing", key);
	if (catalog_find(catalog, name, js_get_str(asked, "service", NULL), out,
			 err))
		return err_again(err);
	return record_load_manifest(store, &(*out)->digest, manifest, err);
}

static int show(struct store *store, struct blobs *blobs,
		const struct js *asked, struct js **out, struct err *err)
{
	AUTO(catalog) catalog = NULL;
	AUTO(manifest) manifest = NULL;
	const struct catalog_release *release = NULL;

	if (catalog_load(store, js_get(asked, "live"), &catalog, err) ||
	    find(store, catalog, asked, "name", &release, &manifest, err))
		return err_again(err);
	*out = catalog_show_json(catalog, release, manifest, blobs);
	return 0;
}

void handle_release(struct grayd *grayd, struct exchange *exchange,
		    const char *name)
{
	static const char *const names[] = { "name", "service", NULL };

	(void)name;
	start(grayd, exchange, names, show);
}

static int diff(struct store *store, struct blobs *blobs,
		const struct js *asked, struct js **out, struct err *err)
{
	AUTO(catalog) catalog = NULL;
	AUTO(manifest) from_files = NULL;
	AUTO(manifest) to_files = NULL;
	const struct catalog_release *from = NULL;
	const struct catalog_release *to = NULL;

	(void)blobs;
	if (catalog_load(store, js_get(asked, "live"), &catalog, err) ||
	    find(store, catalog, asked, "from", &from, &from_files, err) ||
	    find(store, catalog, asked, "to", &to, &to_files, err))
		return err_again(err);
	*out = catalog_diff_json(from_files, to_files);
	js_set(*out, "from", catalog_name_json(from));
	js_set(*out, "to", catalog_name_json(to));
	return 0;
}

void handle_releases_diff(struct grayd *grayd, struct exchange *exchange,
			  const char *name)
{
	static const char *const names[] = { "from", "to", "service", NULL };

	(void)name;
	start(grayd, exchange, names, diff);
}
