#include "core/fleet/inventory.h"

#include "core/base/map.h"
#include "core/base/str.h"
#include "core/fleet/inventory_schema.h"
#include "core/fleet/range.h"
#include "core/sys/file.h"
#include "core/text/yaml.h"

/* 20000 hosts, each with a name, an address and a few labels. */
static const struct yaml_limits limits = { .bytes = 16u << 20,
					   .nodes = 400000 };

struct reading {
	struct fleet *fleet;
	struct mistakes mistakes;
	struct map *names;     /* name -> any */
	struct map *addresses; /* address, port -> the host's name */
};

static void host_release(struct fleet_host *host)
{
	for (size_t i = 0; i < host->labels.n; i++) {
		free(host->labels.items[i].key);
		free(host->labels.items[i].value);
	}
	vec_release(&host->labels);
	free(host->name);
	free(host->address);
	free(host->user);
	free(host->identity);
	free(host->ssh_options);
}

void fleet_free(struct fleet *fleet)
{
	if (!fleet)
		return;
	for (size_t i = 0; i < fleet->hosts.n; i++)
		host_release(&fleet->hosts.items[i]);
	vec_release(&fleet->hosts);
	free(fleet->domain);
	free(fleet->ssh_config);
	free(fleet->ssh_identity);
	free(fleet->ssh_known_hosts);
	free(fleet->ssh_transport);
	free(fleet);
}

const char *fleet_host_label(const struct fleet_host *host, const char *key)
{
	if (strcmp(key, "name") == 0)
		return host->name;
	if (strcmp(key, "address") == 0)
		return host->address;
	for (size_t i = 0; i < host->labels.n; i++)
		if (strcmp(host->labels.items[i].key, key) == 0)
			return host->labels.items[i].value;
	return NULL;
}

#define SAY(reading, node, i, key, ...)                                   \
	do {                                                              \
		char where_[64];                                          \
		(void)snprintf(where_, sizeof(where_), "hosts[%zu]%s", i, \
			       key);                                      \
		mistakes_add(&(reading)->mistakes, (node)->line,          \
			     (node)->column, where_, __VA_ARGS__);        \
	} while (0)

static void copy_labels(const struct node *labels, struct fleet_host *host)
{
	for (size_t i = 0; i < node_count_items(labels); i++) {
		const struct node *item = node_item(labels, i);
		struct fleet_label *label = vec_add(&host->labels);

		label->key = mem_str(item->key);
		label->value = mem_str(node_text(item, ""));
	}
}

/* Letters that ssh takes and that mean nothing to anybody else. */
static bool is_address(const char *text)
{
	return *text && *text != '-' && strlen(text) <= 253 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
			    "VWXYZ0123456789.-_:%") == strlen(text);
}

/* One host, made of entry I; its name and address are new in the fleet. */
static void add_host(struct reading *reading, const struct node *entry,
		     size_t i, const char *name, const char *address)
{
	const struct node *name_node = node_get(entry, "name");
	struct fleet_host *host = vec_add(&reading->fleet->hosts);
	AUTO_STR char *key = NULL;
	const char *before;
	uint64_t port = 0;

	(void)node_count(node_get(entry, "port"), UINT16_MAX, &port);
	host->name = mem_str(name);
	host->address = mem_str(address);
	host->port = (uint16_t)port;
	host->user = mem_str(node_text(node_get(entry, "user"), NULL));
	copy_labels(node_get(entry, "labels"), host);
	if (!str_is_name(name))
		SAY(reading, name_node, i, ".name",
		    "\"%s\" is not a name: up to 63 letters, digits, dots, "
		    "dashes and underscores",
		    name);
	if (!is_address(address))
		SAY(reading, entry, i, ".address",
		    "\"%s\" is not an address or a host's name", address);
	if (map_put(reading->names, name, reading))
		SAY(reading, name_node, i, ".name",
		    "a host before this one is called %s too", name);
	key = mem_format("%s %u", address, host->port ? host->port : 22u);
	before = map_find(reading->addresses, key);
	if (before)
		SAY(reading, entry, i, "", "%s has the address of %s, %s", name,
		    before, address);
	else
		(void)map_put(reading->addresses, key, host->name);
}

static void read_host(struct reading *reading, const struct node *entry,
		      size_t i)
{
	const struct node *name = node_get(entry, "name");
	const struct node *address = node_get(entry, "address");
	size_t room = FLEET_MAX_HOSTS - reading->fleet->hosts.n;
	AUTO_VALUE(range) names = { 0 };
	AUTO_VALUE(range) addresses = { 0 };
	struct err err = ERR_INIT;

	address = address ? address : name;
	if (!node_text(name, NULL) || !node_text(address, NULL))
		return; /* the schema has said so */
	if (room == 0) {
		SAY(reading, entry, i, "", "more than %d hosts",
		    FLEET_MAX_HOSTS);
		return;
	}
	if (range_unfold(name->text, room, &names, &err) < 0) {
		SAY(reading, name, i, ".name", "%s", err.text);
		return;
	}
	if (range_unfold(address->text, room, &addresses, &err) < 0) {
		SAY(reading, address, i, ".address", "%s", err.text);
		return;
	}
	if (names.texts.n != addresses.texts.n) {
		SAY(reading, address, i, ".address",
		    "%zu names and %zu addresses: the ranges must be of one "
		    "length",
		    names.texts.n, addresses.texts.n);
		return;
	}
	for (size_t j = 0; j < names.texts.n; j++)
		add_host(reading, entry, i, names.texts.items[j],
			 addresses.texts.items[j]);
}

/* A host whose failure domain is not known would count as safe to take. */
static void check_domains(struct reading *reading, const struct node *hosts)
{
	const char *domain = reading->fleet->domain;

	for (size_t i = 0; domain && i < node_count_items(hosts); i++) {
		const struct node *entry = node_item(hosts, i);

		if (entry->kind == NODE_MAP &&
		    !node_text(node_get(node_get(entry, "labels"), domain),
			       NULL))
			SAY(reading, entry, i, ".labels",
			    "the label %s is missing, which names the failure "
			    "domain (domain: %s)",
			    domain, domain);
	}
}

/* PATH as ssh would read it in the inventory's folder FOLDER. */
static char *absolute(const char *folder, const char *path)
{
	const char *home = getenv("HOME");

	if (!path)
		return NULL;
	if (str_starts(path, "~/") && home)
		return file_join(home, path + 2);
	return file_join(folder, path);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_STR char *folder = NULL;
	AUTO_STR char *here = NULL;

	folder = !slash		 ? mem_str(".")
		 : slash == path ? mem_str("/")
				 : mem_strn(path, (size_t)(slash - path));
	if (*folder == '/')
		return TAKE(folder);
	here = get_current_dir_name();
	return file_join(here ? here : "/", folder);
}

static void read_fleet(struct reading *reading, const struct node *root)
{
	struct fleet *fleet = reading->fleet;
	AUTO_STR char *folder = folder_of(reading->mistakes.path);
	const struct node *hosts = node_get(root, "hosts");
	const struct node *ssh = node_get(root, "ssh");
	const char *ssh_path;

	fleet->domain = mem_str(node_text(node_get(root, "domain"), NULL));
	ssh_path = node_text(node_get(ssh, "config"), NULL);
	fleet->ssh_config = absolute(folder, ssh_path);
	ssh_path = node_text(node_get(ssh, "identity"), NULL);
	fleet->ssh_identity = absolute(folder, ssh_path);
	ssh_path = node_text(node_get(ssh, "known_hosts"), NULL);
	fleet->ssh_known_hosts = absolute(folder, ssh_path);
	fleet->ssh_transport =
		mem_str(node_text(node_get(ssh, "transport"), NULL));
	if (hosts && hosts->kind == NODE_LIST)
		for (size_t i = 0; i < hosts->items.n; i++)
			read_host(reading, node_item(hosts, i), i);
	check_domains(reading, hosts);
}

/* What people point us at instead, and what to say then. */
static bool is_ansible(const char *text, size_t size, const struct node *root)
{
	AUTO_STR char *head = mem_strn(text, MIN_OF(size, (size_t)4096));

	if (root)
		return root->kind == NODE_MAP && !node_get(root, "hosts") &&
		       (node_get(root, "all") || node_get(root, "ungrouped"));
	return head[strspn(head, " \r\n")] == '[' && strstr(head, "]\n");
}

static int finish(struct reading *reading, struct buf *errors, struct err *err)
{
	const struct mistakes *mistakes = &reading->mistakes;
	size_t n = mistakes->list.n;

	mistakes_sort(&reading->mistakes);
	for (size_t i = 0; i < n; i++)
		buf_format(errors, "%s\n", mistakes->list.items[i].text);
	if (n > 0)
		return err_set(err, ERR_INVALID, "%s: %zu mistake%s",
			       mistakes->path, n, n == 1 ? "" : "s");
	return 0;
}

int fleet_parse(const char *path, const char *text, size_t size,
		struct buf *errors, struct fleet **out, struct err *err)
{
	AUTO(fleet) fleet = MEM_NEW(struct fleet);
	AUTO(map) names = map_new();
	AUTO(map) addresses = map_new();
	AUTO(node) root = NULL;
	struct reading reading = { .fleet = fleet,
				   .mistakes = { .path = path },
				   .names = names,
				   .addresses = addresses };
	int result;

	root = yaml_parse(text, size, &limits, &reading.mistakes);
	if (is_ansible(text, size, root)) {
		mistakes_release(&reading.mistakes);
		mistakes_add(&reading.mistakes, 1, 1, "",
			     "this looks like an Ansible inventory, which is "
			     "not in this version: list the hosts under "
			     "hosts:, see fleet.yaml(5)");
	} else if (root) {
		schema_check(&inventory_schema, root, &reading.mistakes);
		read_fleet(&reading, root);
	}
	result = finish(&reading, errors, err);
	mistakes_release(&reading.mistakes);
	if (result == 0)
		*out = TAKE(fleet);
	return result;
}

int fleet_load(const char *path, struct buf *errors, struct fleet **out,
	       struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	if (file_read(path, limits.bytes, &text, err) < 0)
		return err_again(err);
	return fleet_parse(path, buf_str(&text), text.size, errors, out, err);
}
