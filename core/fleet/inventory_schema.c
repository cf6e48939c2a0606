#include "core/fleet/inventory_schema.h"

#include "core/fleet/inventory.h"

static const struct schema text = { .kind = SCHEMA_TEXT };
static const struct schema name = { .kind = SCHEMA_NAME };
static const struct schema port = { .kind = SCHEMA_COUNT,
				    .min = 1,
				    .max = UINT16_MAX };
static const struct schema labels = { .kind = SCHEMA_LABELS };

static const struct schema_key host_keys[] = {
	{ .name = "name",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "what the host is called; may hold a range: web-[02:50]" },
	{ .name = "address",
	  .value = &text,
	  .otherwise = "the name",
	  .help = "where ssh finds it; a range as long as the name's" },
	{ .name = "port",
	  .value = &port,
	  .otherwise = "what ssh would use",
	  .help = "of sshd" },
	{ .name = "user",
	  .value = &text,
	  .otherwise = "what ssh would use",
	  .help = "to log in as" },
	{ .name = "labels",
	  .value = &labels,
	  .help = "what selectors and domain: ask for" },
	{ .name = NULL },
};
static const struct schema host = { .kind = SCHEMA_MAP, .keys = host_keys };
static const struct schema hosts = {
	.kind = SCHEMA_LIST, .item = &host, .min = 1, .max = FLEET_MAX_HOSTS
};

static const char *const transports[] = { "auto", "libssh2", "ssh", NULL };
static const struct schema transport = { .kind = SCHEMA_CHOICE,
					 .choices = transports };
static const struct schema_key ssh_keys[] = {
	{ .name = "config",
	  .value = &text,
	  .otherwise = "~/.ssh/config",
	  .help = "file of ssh_config(5)" },
	{ .name = "identity",
	  .value = &text,
	  .otherwise = "what ssh would use",
	  .help = "file of the private key" },
	{ .name = "known_hosts",
	  .value = &text,
	  .otherwise = "~/.ssh/known_hosts",
	  .help = "file of the hosts' keys, which are always checked" },
	{ .name = "transport",
	  .value = &transport,
	  .otherwise = "auto",
	  .help = "auto, or always one: libssh2, or the ssh program" },
	{ .name = NULL },
};
static const struct schema ssh = { .kind = SCHEMA_MAP, .keys = ssh_keys };

static const struct schema_key fleet_keys[] = {
	{ .name = "hosts",
	  .value = &hosts,
	  .flags = SCHEMA_REQUIRED,
	  .help = "the hosts there are" },
	{ .name = "domain",
	  .value = &name,
	  .help = "the label that names failure domains" },
	{ .name = "ssh", .value = &ssh, .help = "how to reach them" },
	{ .name = NULL },
};
const struct schema inventory_schema = { .kind = SCHEMA_MAP,
					 .keys = fleet_keys };
