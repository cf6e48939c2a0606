#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/fleet/inventory.h"
#include "core/fleet/inventory_schema.h"
#include "core/sys/file.h"

static int parse(const char *text, struct buf *errors, struct fleet **out)
{
	struct err err = ERR_INIT;

	return fleet_parse("/etc/gray/fleet.yaml", text, strlen(text), errors,
			   out, &err);
}

static void test_ranges_are_unfolded_name_by_address(void **state)
{
	AUTO_VALUE(buf) errors = BUF_INIT;
	AUTO(fleet) fleet = NULL;
	const struct fleet_host *host;

	(void)state;
	assert_int_equal(
		parse("hosts:\n"
		      "  - {name: web-1, address: 10.0.0.1, port: 2222, user: "
		      "deploy, labels: {role: feed, idc: sz}}\n"
		      "  - {name: \"web-[02:50]\", address: \"10.0.0.[2:50]\", "
		      "labels: {role: feed, idc: sh}}\n"
		      "  - {name: db.example, labels: {idc: sh}}\n"
		      "domain: idc\n"
		      "ssh: {config: ssh_config, identity: /k/id}\n",
		      &errors, &fleet),
		0);
	assert_int_equal(fleet->hosts.n, 51);
	host = &fleet->hosts.items[1];
	assert_string_equal(host->name, "web-02");
	assert_string_equal(host->address, "10.0.0.2");
	assert_string_equal(fleet_host_label(host, "idc"), "sh");
	assert_string_equal(fleet_host_label(host, "name"), "web-02");
	assert_null(fleet_host_label(host, "rack"));
	assert_string_equal(fleet->hosts.items[49].name, "web-50");
	assert_string_equal(fleet->hosts.items[49].address, "10.0.0.50");
	assert_string_equal(fleet->hosts.items[50].address, "db.example");
	assert_int_equal(fleet->hosts.items[0].port, 2222);
	assert_string_equal(fleet->hosts.items[0].user, "deploy");
	assert_string_equal(fleet->domain, "idc");
	assert_string_equal(fleet->ssh_config, "/etc/gray/ssh_config");
	assert_string_equal(fleet->ssh_identity, "/k/id");
	assert_null(fleet->ssh_known_hosts);
}

static void test_a_range_counts_as_it_is_written(void **state)
{
	static const struct {
		const char *range;
		const char *first;
		const char *last;
		size_t n;
	} table[] = {
		{ "a[0:9]", "a0", "a9", 10 },
		{ "a[8:11]b", "a8b", "a11b", 4 },
		{ "a[08:11]", "a08", "a11", 4 },
		{ "a[007:007]", "a007", "a007", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO_VALUE(buf) errors = BUF_INIT;
		AUTO(fleet) fleet = NULL;
		AUTO_STR char *text =
			mem_format("hosts: [{name: \"%s\"}]", table[i].range);

		assert_int_equal(parse(text, &errors, &fleet), 0);
		assert_int_equal(fleet->hosts.n, table[i].n);
		assert_string_equal(fleet->hosts.items[0].name, table[i].first);
		assert_string_equal(fleet->hosts.items[table[i].n - 1].name,
				    table[i].last);
	}
}

static void test_each_mistake_is_said_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} table[] = {
		{ "hosts: []", ":1:8: hosts: the list is empty\n" },
		{ "hosts: [{name: a}]\ndomian: x",
		  ":2:1: domian: there is no such key (did you mean "
		  "domain?)\n" },
		{ "hosts: [{name: \"a[1:3]\", address: \"b[1:2]\"}]",
		  ":1:35: hosts[0].address: 3 names and 2 addresses: the "
		  "ranges must be of one length\n" },
		{ "hosts: [{name: \"a[3:1]\"}]",
		  ":1:16: hosts[0].name: the range ends at 1, before its start "
		  "3\n" },
		{ "hosts: [{name: \"a[1:999999999]\"}]",
		  ":1:16: hosts[0].name: the range has 999999999 hosts, more "
		  "than 20000\n" },
		{ "hosts: [{name: \"a[01:100]\"}]",
		  ":1:16: hosts[0].name: \"[01:100]\": with leading zeros both "
		  "ends have as many digits\n" },
		{ "hosts: [{name: a}, {name: a, address: b}]",
		  ":1:27: hosts[1].name: a host before this one is called a "
		  "too\n" },
		{ "hosts: [{name: a, address: h}, {name: b, address: h, port: "
		  "22}]",
		  ":1:32: hosts[1]: b has the address of a, h\n" },
		{ "hosts: [{name: a, address: \"[::1]\"}]",
		  ":1:28: hosts[0].address: \"[::1]\": a range is written "
		  "[2:50] or [02:50] (and an IPv6 address without "
		  "brackets)\n" },
		{ "hosts: [{name: a, address: -oProxyCommand=x}]",
		  ":1:9: hosts[0].address: \"-oProxyCommand=x\" is not an "
		  "address or a host's name\n" },
		{ "hosts: [{name: a}]\ndomain: idc",
		  ":1:9: hosts[0].labels: the label idc is missing, which "
		  "names the failure domain (domain: idc)\n" },
		{ "[web]\nweb-1 ansible_host=10.0.0.1\n",
		  ":1:1: this looks like an Ansible inventory, which is not in "
		  "this version: list the hosts under hosts:, see "
		  "fleet.yaml(5)\n" },
		{ "all:\n  hosts:\n    web-1:\n",
		  ":1:1: this looks like an Ansible inventory, which is not in "
		  "this version: list the hosts under hosts:, see "
		  "fleet.yaml(5)\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO_VALUE(buf) errors = BUF_INIT;
		struct fleet *fleet = NULL;
		AUTO_STR char *want =
			mem_format("/etc/gray/fleet.yaml%s", table[i].sentence);

		assert_int_equal(parse(table[i].text, &errors, &fleet),
				 -ERR_INVALID);
		assert_null(fleet);
		assert_string_equal(buf_str(&errors), want);
	}
}

static void look_up_key(void *ctx, const struct schema_key *key)
{
	AUTO_STR char *item = mem_format(".It Ic %s", key->name);

	if (!strstr(ctx, item))
		fail_msg("man/fleet.yaml.5 does not tell of %s", key->name);
}

static void test_the_manual_has_every_key(void **state)
{
	AUTO_VALUE(buf) page = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_read("man/fleet.yaml.5", 1 << 20, &page, &err),
			 0);
	schema_each_key(&inventory_schema, look_up_key, page.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_are_unfolded_name_by_address),
		cmocka_unit_test(test_a_range_counts_as_it_is_written),
		cmocka_unit_test(test_each_mistake_is_said_with_its_place),
		cmocka_unit_test(test_the_manual_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
