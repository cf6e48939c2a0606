#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "rollouts/catalog.h"
#include "rollouts/ledger.h"
#include "rollouts/record.h"
#include "rollouts/releases.h"
#include "tests/support/tmpdir.h"

struct fixture {
	char *dir;
	struct ledger *ledger;
	uint64_t serial;
};

static int setup(void **state)
{
	struct fixture *fixture = MEM_NEW(struct fixture);
	struct err err = ERR_INIT;

	fixture->dir = tmpdir_make();
	assert_int_equal(
		ledger_open(fixture->dir, "test", &fixture->ledger, &err), 0);
	assert_int_equal(ledger_take_epoch(fixture->ledger, &err), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ledger_free(fixture->ledger);
	tmpdir_remove(fixture->dir);
	free(fixture);
	return 0;
}

/* One file "app" whose content is called SEED, and one that all share. */
static struct manifest *make_manifest(uint8_t seed, bool has_more)
{
	struct manifest *manifest = manifest_new();
	struct digest digest = { { seed } };
	struct digest same = { { 0xee } };
	struct err err = ERR_INIT;

	assert_int_equal(
		manifest_add_file(manifest, "app", true, seed, &digest, &err),
		0);
	assert_int_equal(
		manifest_add_file(manifest, "lib", false, 5, &same, &err), 0);
	if (has_more)
		assert_int_equal(
			manifest_add_link(manifest, "more", "lib", &err), 0);
	assert_int_equal(manifest_seal(manifest, &err), 0);
	return manifest;
}

/* A rollout of the release of SEED; STATE NULL: not over. Its digest. */
static struct digest add(struct fixture *fixture, const char *service,
			 uint64_t number, const char *version, uint8_t seed,
			 const char *state)
{
	AUTO(manifest) manifest = make_manifest(seed, false);
	AUTO(record) record = MEM_NEW(struct record);
	AUTO_STR char *view = mem_format("{\"state\":\"%s\"}", state);
	struct err err = ERR_INIT;

	record->id = mem_format("%s-%llu", service, (unsigned long long)number);
	record->service = mem_str(service);
	record->number = number;
	record->serial = ++fixture->serial;
	record->version = mem_str(version);
	record->release = manifest->digest;
	record->who = mem_str("ann");
	record->created_wall_ms = 1795608000000;
	record->plan_path = mem_str("plan.yaml");
	record->plan_text = mem_str("");
	record->base_dir = mem_str("/");
	record_add(record, manifest, &fixture->ledger->batch);
	if (state)
		record_put_view(record->id, view, view,
				&fixture->ledger->batch);
	assert_int_equal(ledger_flush(fixture->ledger, NULL, &err), 0);
	return manifest->digest;
}

static struct catalog *load(struct fixture *fixture, const struct js *live)
{
	struct catalog *catalog = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(
		catalog_load(fixture->ledger->store, live, &catalog, &err), 0);
	return catalog;
}

static void test_a_release_has_its_rollouts_and_their_ends(void **state)
{
	struct fixture *fixture = *state;
	AUTO(js) live = js_object();
	AUTO(catalog) catalog = NULL;

	(void)add(fixture, "feed", 1, "v1", 1, "succeeded");
	(void)add(fixture, "feed", 2, "v2", 2, "rolled_back");
	(void)add(fixture, "feed", 3, "v1-again", 1, NULL);
	js_set_str(live, "feed-3", "progressing");
	catalog = load(fixture, live);
	assert_int_equal(catalog->items.n, 2);
	assert_string_equal(catalog->items.items[0].version, "v1-again");
	assert_int_equal(catalog->items.items[0].uses.n, 2);
	assert_string_equal(catalog->items.items[0].uses.items[0].state,
			    "succeeded");
	assert_string_equal(catalog->items.items[0].uses.items[1].state,
			    "progressing");
	assert_false(catalog->items.items[0].uses.items[1].is_over);
	assert_int_equal(catalog->items.items[0].n_files, 2);
	assert_int_equal(catalog->items.items[0].bytes, 6);
	assert_string_equal(catalog->items.items[1].uses.items[0].state,
			    "rolled_back");
}

static void test_hosts_are_with_the_release_they_should_have(void **state)
{
	struct fixture *fixture = *state;
	AUTO(releases) releases = NULL;
	AUTO(catalog) catalog = NULL;
	struct err err = ERR_INIT;
	struct releases_change change = { .service = "feed",
					  .host = "web-1",
					  .rollout = "feed-1" };

	change.release = add(fixture, "feed", 1, "v1", 1, "succeeded");
	assert_int_equal(releases_open(fixture->ledger->store, &releases, &err),
			 0);
	releases_settle(releases, &fixture->ledger->batch, &change);
	change.release = add(fixture, "feed", 2, "v2", 2, "succeeded");
	releases_settle(releases, &fixture->ledger->batch, &change);
	(void)add(fixture, "feed", 3, "v3", 3, "succeeded");
	catalog = load(fixture, NULL);
	assert_int_equal(catalog->items.items[0].hosts.n, 0);
	assert_false(catalog->items.items[0].is_on_hosts);
	assert_int_equal(catalog->items.items[1].hosts.n, 1);
	assert_string_equal(catalog->items.items[1].hosts.items[0], "web-1");
	assert_int_equal(catalog->items.items[2].hosts.n, 0);
	assert_true(catalog->items.items[2].is_on_hosts);
}

static void test_what_may_be_several_releases_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct catalog_release *found = NULL;
	AUTO(catalog) catalog = NULL;
	struct err err = ERR_INIT;
	struct digest second;
	char hex[DIGEST_HEX + 1];

	(void)add(fixture, "feed", 1, "v1", 1, "succeeded");
	second = add(fixture, "feed", 2, "v1", 2, "succeeded");
	(void)add(fixture, "web", 1, "v2", 2, "succeeded");
	catalog = load(fixture, NULL);
	assert_int_equal(catalog_find(catalog, "v1", NULL, &found, &err),
			 -ERR_INVALID);
	digest_format(&second, hex);
	hex[12] = '\0';
	assert_non_null(strstr(err.text, "2 releases"));
	assert_non_null(strstr(err.text, hex));
	assert_int_equal(catalog_find(catalog, "v2", NULL, &found, &err), 0);
	assert_string_equal(found->service, "web");
	assert_int_equal(catalog_find(catalog, hex, "feed", &found, &err), 0);
	assert_string_equal(found->service, "feed");
	assert_int_equal(catalog_find(catalog, hex, NULL, &found, &err), 0);
	hex[3] = '\0';
	assert_int_equal(catalog_find(catalog, hex, NULL, &found, &err),
			 -ERR_NOT_FOUND);
	assert_int_equal(catalog_find(catalog, "v2", "feed", &found, &err),
			 -ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "did you mean v1?"));
}

static void test_a_difference_is_added_removed_or_changed(void **state)
{
	AUTO(manifest) from = make_manifest(1, true);
	AUTO(manifest) to = make_manifest(2, false);
	AUTO(js) diff = catalog_diff_json(from, to);
	AUTO(js) back = catalog_diff_json(to, from);
	AUTO(js) none = catalog_diff_json(to, to);

	(void)state;
	assert_int_equal(js_count(js_get(diff, "added")), 0);
	assert_int_equal(js_count(js_get(diff, "removed")), 1);
	assert_int_equal(js_count(js_get(diff, "changed")), 1);
	assert_int_equal(js_get_int(diff, "same", 0), 1);
	assert_int_equal(js_get_int(diff, "new_bytes", 0), 2);
	assert_string_equal(
		js_get_str(js_at(js_get(back, "added"), 0), "target", ""),
		"lib");
	assert_int_equal(js_get_int(none, "same", 0), 2);
	assert_int_equal(js_count(js_get(none, "changed")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_release_has_its_rollouts_and_their_ends, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_hosts_are_with_the_release_they_should_have, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_what_may_be_several_releases_is_refused, setup,
			teardown),
		cmocka_unit_test(test_a_difference_is_added_removed_or_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
