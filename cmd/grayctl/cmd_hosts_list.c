#include <string.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"

#define DIGEST_LETTERS 12 /* enough to tell releases apart */

static const struct option_spec options[] = {
	{ "service", OPTION_TEXT, "only this service", "name", 0 },
	{ 0 },
};

/* What people call a release, where that is known. */
static void add_release(struct table *table, const char *version,
			const char *digest)
{
	AUTO_STR char *text = NULL;

	if (*version)
		text = mem_str(version);
	else if (*digest)
		text = mem_format("%.*s", DIGEST_LETTERS, digest);
	table_add(table, text ? text : "-");
}

static void add_host(struct table *table, const struct js *host)
{
	const char *desired = js_get_str(host, "desired", "");
	const char *actual = js_get_str(host, "actual", "");
	const char *version = js_get_str(host, "version", "");
	bool is_same = strcmp(desired, actual) == 0;

	table_add(table, js_get_str(host, "service", "?"));
	table_add(table, js_get_str(host, "host", "?"));
	add_release(table, version, desired);
	add_release(table, is_same ? version : "", actual);
	table_add(table, is_same ? "ok" : *actual ? "drift" : "unknown");
	table_add(table, js_get_str(host, "rollout", "-"));
	table_add(table, js_get_str(host, "seen", "-"));
}

static void print(const struct output *output, const struct js *answer)
{
	static const char *const heads[] = { "SERVICE", "HOST",	 "DESIRED",
					     "ACTUAL",	"STATE", "ROLLOUT",
					     "SEEN" };
	const struct js *hosts = js_get(answer, "hosts");
	AUTO_VALUE(table) table = { 0 };

	table_init(&table, heads, COUNT_OF(heads));
	for (size_t i = 0; i < js_count(hosts); i++)
		add_host(&table, js_at(hosts, i));
	table_print(&table, output);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_VALUE(buf) path = BUF_INIT;

	buf_append_str(&path, "/v1/hosts");
	client_add_query(&path, "service",
			 option_text(&inv->options, "service"));
	return client_show(inv->client, buf_str(&path), inv->output, print,
			   err);
}

const struct command cmd_hosts_list = {
	.name = "hosts list",
	.args = "",
	.summary = "which release every host should have, and which it has",
	.details = "Desired is what the host confirmed last or was sent back "
		   "to; actual is what it said\nlast. Where they differ the "
		   "host has drifted.",
	.flags = COMMAND_CONTROLLER | COMMAND_DEFAULT,
	.options = options,
	.run = run,
};
