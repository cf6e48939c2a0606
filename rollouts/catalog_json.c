#include <string.h>

#include "core/base/map.h"
#include "core/base/str.h"
#include "rollouts/catalog.h"

static void set_digest(struct js *object, const char *key,
		       const struct digest *digest)
{
	char hex[DIGEST_HEX + 1];

	digest_format(digest, hex);
	js_set_str(object, key, hex);
}

static void set_time(struct js *object, const char *key, int64_t wall_ms)
{
	char time[40];

	str_format_time(wall_ms, time, sizeof(time));
	js_set_str(object, key, time);
}

struct js *catalog_name_json(const struct catalog_release *release)
{
	struct js *object = js_object();

	js_set_str(object, "service", release->service);
	js_set_str(object, "version", release->version);
	set_digest(object, "release", &release->digest);
	return object;
}

static struct js *uses_json(const struct catalog_release *release)
{
	struct js *list = js_array();

	for (size_t i = 0; i < release->uses.n; i++) {
		const struct catalog_use *use = &release->uses.items[i];
		struct js *object = js_object();

		js_set_str(object, "id", use->rollout);
		js_set_str(object, "version", use->version);
		js_set_str(object, "state", use->state);
		js_set_str(object, "who", use->who);
		set_time(object, "created", use->wall_ms);
		js_append(list, object);
	}
	return list;
}

static struct js *release_json(const struct catalog_release *release)
{
	const size_t n = release->uses.n;
	struct js *object = catalog_name_json(release);
	struct js *hosts = js_array();

	for (size_t i = 0; i < release->hosts.n; i++)
		js_append_str(hosts, release->hosts.items[i]);
	js_set_int(object, "bytes", (int64_t)release->bytes);
	js_set_int(object, "files", (int64_t)release->n_files);
	set_time(object, "first_used", release->uses.items[0].wall_ms);
	set_time(object, "last_used", release->uses.items[n - 1].wall_ms);
	js_set_str(object, "state", release->uses.items[n - 1].state);
	js_set(object, "rollouts", uses_json(release));
	js_set(object, "hosts", hosts);
	return object;
}

struct js *catalog_list_json(const struct catalog *catalog, const char *service)
{
	struct js *list = js_array();

	for (size_t i = 0; i < catalog->items.n; i++) {
		const struct catalog_release *release =
			&catalog->items.items[i];

		if (!service || strcmp(service, release->service) == 0)
			js_append(list, release_json(release));
	}
	return list;
}

/* A file or a link, without its path. */
static void set_entry(struct js *object, const struct manifest_entry *entry)
{
	if (entry->target) {
		js_set_str(object, "type", "link");
		js_set_str(object, "target", entry->target);
		return;
	}
	js_set_str(object, "type", "file");
	js_set_str(object, "mode", entry->is_executable ? "0755" : "0644");
	js_set_int(object, "size", (int64_t)entry->size);
	set_digest(object, "digest", &entry->digest);
}

static struct js *entry_json(const struct manifest_entry *entry)
{
	struct js *object = js_object();

	js_set_str(object, "path", entry->path);
	set_entry(object, entry);
	return object;
}

static bool is_stored(const struct manifest *manifest, struct blobs *blobs)
{
	for (size_t i = 0; i < manifest->entries.n; i++) {
		const struct manifest_entry *entry =
			&manifest->entries.items[i];

		if (!entry->target && !blobs_has(blobs, &entry->digest))
			return false;
	}
	return true;
}

struct js *catalog_show_json(const struct catalog *catalog,
			     const struct catalog_release *release,
			     const struct manifest *manifest,
			     struct blobs *blobs)
{
	struct js *object = catalog_name_json(release);
	struct js *uses = js_array();
	struct js *entries = js_array();

	js_set_int(object, "bytes", (int64_t)release->bytes);
	js_set_int(object, "files", (int64_t)release->n_files);
	js_set_bool(object, "stored", is_stored(manifest, blobs));
	for (size_t i = 0; i < catalog->items.n; i++)
		if (digest_equal(&catalog->items.items[i].digest,
				 &release->digest))
			js_append(uses, release_json(&catalog->items.items[i]));
	js_set(object, "uses", uses);
	for (size_t i = 0; i < manifest->entries.n; i++)
		js_append(entries, entry_json(&manifest->entries.items[i]));
	js_set(object, "entries", entries);
	return object;
}

/* ---- differences ---- */

struct diff {
	struct js *added;
	struct js *removed;
	struct js *changed;
	struct map *had; /* digests of the files of the first */
	uint64_t n_same;
	uint64_t new_bytes; /* of files the first has nowhere */
};

static bool is_same(const struct manifest_entry *a,
		    const struct manifest_entry *b)
{
	if (a->target || b->target)
		return a->target && b->target &&
		       strcmp(a->target, b->target) == 0;
	return a->is_executable == b->is_executable &&
	       digest_equal(&a->digest, &b->digest);
}

static void note_had(struct diff *diff, const struct manifest *from)
{
	for (size_t i = 0; i < from->entries.n; i++) {
		char hex[DIGEST_HEX + 1];

		digest_format(&from->entries.items[i].digest, hex);
		if (!from->entries.items[i].target)
			(void)map_put(diff->had, hex, diff);
	}
}

static void count_new(struct diff *diff, const struct manifest_entry *entry)
{
	char hex[DIGEST_HEX + 1];

	digest_format(&entry->digest, hex);
	if (entry->target || map_find(diff->had, hex))
		return;
	diff->new_bytes += entry->size;
	(void)map_put(diff->had, hex, diff);
}

static void add_change(struct diff *diff, const struct manifest_entry *before,
		       const struct manifest_entry *after)
{
	struct js *object;
	struct js *from;
	struct js *to;

	if (is_same(before, after)) {
		diff->n_same++;
		return;
	}
	object = js_object();
	from = js_object();
	to = js_object();
	js_set_str(object, "path", after->path);
	set_entry(from, before);
	set_entry(to, after);
	js_set(object, "from", from);
	js_set(object, "to", to);
	js_append(diff->changed, object);
	count_new(diff, after);
}

/* Below 0: only in FROM, above 0: only in TO. Both are sorted, bytewise. */
static int order_of(const struct manifest *from, size_t a,
		    const struct manifest *to, size_t b)
{
	if (a == from->entries.n)
		return 1;
	if (b == to->entries.n)
		return -1;
	return strcmp(from->entries.items[a].path, to->entries.items[b].path);
}

static void compare(struct diff *diff, const struct manifest *from,
		    const struct manifest *to)
{
	size_t a = 0;
	size_t b = 0;

	while (a < from->entries.n || b < to->entries.n) {
		int order = order_of(from, a, to, b);

		if (order < 0) {
			js_append(diff->removed,
				  entry_json(&from->entries.items[a]));
		} else if (order > 0) {
			js_append(diff->added,
				  entry_json(&to->entries.items[b]));
			count_new(diff, &to->entries.items[b]);
		} else {
			add_change(diff, &from->entries.items[a],
				   &to->entries.items[b]);
		}
		a += order <= 0;
		b += order >= 0;
	}
}

struct js *catalog_diff_json(const struct manifest *from,
			     const struct manifest *to)
{
	AUTO(map) had = map_new();
	struct js *object = js_object();
	struct diff diff = {
		.added = js_array(),
		.removed = js_array(),
		.changed = js_array(),
		.had = had,
	};

	note_had(&diff, from);
	compare(&diff, from, to);
	js_set(object, "added", diff.added);
	js_set(object, "removed", diff.removed);
	js_set(object, "changed", diff.changed);
	js_set_int(object, "same", (int64_t)diff.n_same);
	js_set_int(object, "new_bytes", (int64_t)diff.new_bytes);
	return object;
}
