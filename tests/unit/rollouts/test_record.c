#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "rollouts/ledger.h"
#include "rollouts/record.h"
#include "tests/support/tmpdir.h"

static struct record *make_record(const char *service, uint64_t number,
				  uint64_t serial)
{
	struct record *record = MEM_NEW(struct record);

	record->id = mem_format("%s-%llu", service, (unsigned long long)number);
	record->service = mem_str(service);
	record->number = number;
	record->serial = serial;
	record->version = mem_str("v2");
	record->who = mem_str("ann");
	record->created_wall_ms = 1795608000000;
	record->log_after = 5;
	record->plan_path = mem_str("plan.yaml");
	record->plan_text = mem_str("service: feed\n# \xc3\xa4\n");
	record->base_dir = mem_str("/plans");
	record->ssh_identity = mem_str("/key");
	*vec_add(&record->hosts) = (struct record_host){
		.name = mem_str("web-1"),
		.address = mem_str("127.0.1.1"),
		.user = mem_str("deploy"),
		.identity = mem_str("/its/own"),
		.ssh_options = mem_str("ProxyJump=b\nCiphers=c"),
		.port = 2222,
	};
	*vec_add(&record->hosts) = (struct record_host){
		.name = mem_str("web-2"),
		.address = mem_str("127.0.1.2"),
	};
	return record;
}

static struct manifest *make_manifest(void)
{
	struct manifest *manifest = manifest_new();
	struct digest digest = { { 7 } };
	struct err err = ERR_INIT;

	assert_int_equal(manifest_add_file(manifest, "bin/feed", true, 10,
					   &digest, &err),
			 0);
	assert_int_equal(manifest_seal(manifest, &err), 0);
	return manifest;
}

static int store_record(struct ledger *ledger, struct record *record,
			struct err *err)
{
	AUTO(manifest) manifest = make_manifest();

	record->release = manifest->digest;
	record_add(record, manifest, &ledger->batch);
	return ledger_flush(ledger, NULL, err);
}

static void test_a_record_comes_back_and_cannot_be_replaced(void **state)
{
	char *dir = tmpdir_make();
	AUTO(ledger) ledger = NULL;
	AUTO(record) record = make_record("feed", 1, 1);
	AUTO(record) got = NULL;
	AUTO(manifest) manifest = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ledger_open(dir, "test", &ledger, &err), 0);
	assert_int_equal(ledger_take_epoch(ledger, &err), 0);
	assert_int_equal(store_record(ledger, record, &err), 0);
	assert_int_equal(record_load(ledger->store, "feed-1", &got, &err), 0);
	assert_string_equal(got->plan_text, record->plan_text);
	assert_null(got->reason);
	assert_null(got->ssh_known_hosts);
	assert_string_equal(got->ssh_identity, "/key");
	assert_int_equal(got->created_wall_ms, record->created_wall_ms);
	assert_int_equal(got->log_after, 5);
	assert_int_equal(got->hosts.n, 2);
	assert_int_equal(got->hosts.items[0].port, 2222);
	assert_string_equal(got->hosts.items[0].identity, "/its/own");
	assert_string_equal(got->hosts.items[0].ssh_options,
			    "ProxyJump=b\nCiphers=c");
	assert_null(got->hosts.items[1].user);
	assert_null(got->hosts.items[1].identity);
	assert_int_equal(record_load_manifest(ledger->store, &got->release,
					      &manifest, &err),
			 0);
	assert_true(digest_equal(&manifest->digest, &record->release));
	mem_set_str(&record->plan_text, "something else");
	assert_int_equal(store_record(ledger, record, &err), -ERR_CONFLICT);
	tmpdir_remove(dir);
}

static void test_records_are_listed_in_the_order_of_their_making(void **state)
{
	static const char *const services[] = { "b", "a", "c" };
	char *dir = tmpdir_make();
	AUTO(ledger) ledger = NULL;
	struct record_list list;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ledger_open(dir, "test", &ledger, &err), 0);
	assert_int_equal(ledger_take_epoch(ledger, &err), 0);
	for (size_t i = 0; i < COUNT_OF(services); i++) {
		AUTO(record) record = make_record(services[i], 1, i + 1);

		assert_int_equal(store_record(ledger, record, &err), 0);
	}
	assert_int_equal(record_list_load(ledger->store, &list, &err), 0);
	assert_int_equal(list.items.n, 3);
	for (size_t i = 0; i < COUNT_OF(services); i++)
		assert_string_equal(list.items.items[i].service, services[i]);
	record_list_release(&list);
	tmpdir_remove(dir);
}

static void test_a_taken_over_ledger_writes_nothing(void **state)
{
	char *dir = tmpdir_make();
	AUTO(ledger) old = NULL;
	AUTO(ledger) other = NULL;
	struct changelog_entry entry = { .kind = "k", .text = "zombie" };
	struct err err = ERR_INIT;
	uint64_t first;

	(void)state;
	assert_int_equal(ledger_open(dir, "one", &old, &err), 0);
	assert_int_equal(ledger_take_epoch(old, &err), 0);
	first = old->epoch;
	assert_int_equal(ledger_take_epoch(old, &err), 0);
	assert_true(old->epoch > first);
	assert_int_equal(ledger_open(dir, "two", &other, &err), 0);
	assert_int_equal(ledger_take_epoch(other, &err), 0);
	ledger_log(old, &entry);
	assert_int_equal(ledger_flush(old, NULL, &err), -ERR_STALE);
	assert_non_null(strstr(err.text, "two"));
	assert_int_equal(ledger_take_epoch(old, &err), -ERR_STALE);
	assert_int_equal(changelog_seq(old->log), 0);
	tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_a_record_comes_back_and_cannot_be_replaced),
		cmocka_unit_test(
			test_records_are_listed_in_the_order_of_their_making),
		cmocka_unit_test(test_a_taken_over_ledger_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
