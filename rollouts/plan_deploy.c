/* Which release, and how a host changes to it. */
#include "rollouts/plan_parts.h"

#include "core/base/digest.h"
#include "core/base/str.h"

#define VERSION_MAX 64
#define ROOT_MAX    512

/* Is PATH relative and without "", "." and ".."? */
static bool is_inside(const char *path)
{
	AUTO_STR char *padded = mem_format("/%s/", path);

	return *path != '/' && !strstr(padded, "//") &&
	       !strstr(padded, "/./") && !strstr(padded, "/../");
}

static void read_git(struct plan_reading *reading, const struct node *git)
{
	struct plan_release *release = &reading->plan->release;
	const struct node *ref = node_get(git, "ref");
	const struct node *path = node_get(git, "path");

	release->source = SOURCE_GIT;
	release->path = mem_str(node_text(node_get(git, "repo"), "."));
	release->ref = mem_str(node_text(ref, NULL));
	release->subpath = mem_str(node_text(path, NULL));
	if (release->ref && *release->ref == '-')
		plan_say(reading, ref, "release.git.ref",
			 "\"%s\" is not a revision", release->ref);
	if (release->subpath && !is_inside(release->subpath))
		plan_say(reading, path, "release.git.path",
			 "\"%s\" is not a folder in the tree, like dist/linux",
			 release->subpath);
}

static void read_tarball(struct plan_reading *reading, const struct node *map)
{
	struct plan_release *release = &reading->plan->release;
	const struct node *sha256 = node_get(map, "sha256");
	struct digest digest;
	struct err err;

	release->source = SOURCE_TARBALL;
	release->path = mem_str(node_text(node_get(map, "file"), NULL));
	release->sha256 = mem_str(node_text(sha256, NULL));
	if (release->sha256 && digest_parse(release->sha256, &digest, &err) < 0)
		plan_say(reading, sha256, "release.tarball.sha256",
			 "\"%s\" is not 64 small hexadecimal letters",
			 release->sha256);
}

static void read_version(struct plan_reading *reading, const struct node *map)
{
	struct plan_release *release = &reading->plan->release;
	const struct node *node = node_get(map, "version");

	release->version = mem_str(node_text(node, release->ref));
	if (!node && !node_get(map, "git"))
		plan_say(reading, map, "release",
			 "the key version is missing (what people call the "
			 "release)");
	if (!node || !node_text(node, NULL))
		return;
	if (strlen(node->text) > VERSION_MAX ||
	    strspn(node->text,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
		   "UVWXYZ0123456789._+~:/@-") != strlen(node->text))
		plan_say(
			reading, node, "release.version",
			"\"%s\" is not a version: up to %d letters, digits and "
			"._+~:/@-",
			node->text, VERSION_MAX);
}

void plan_read_release(struct plan_reading *reading, const struct node *root)
{
	const struct node *map = node_get(root, "release");

	if (!map || map->kind != NODE_MAP)
		return;
	reading->plan->release.place = plan_place_of(map);
	if (node_get(map, "git"))
		read_git(reading, node_get(map, "git"));
	else if (node_get(map, "tarball"))
		read_tarball(reading, node_get(map, "tarball"));
	else
		reading->plan->release.path =
			mem_str(node_text(node_get(map, "dir"), NULL));
	read_version(reading, map);
}

static void read_root(struct plan_reading *reading, const struct node *node)
{
	const char *root = node_text(node, NULL);

	if (!root)
		return;
	reading->plan->deploy.root = mem_str(root);
	if (*root != '/' || !root[1] || !is_inside(root + 1))
		plan_say(reading, node, "deploy.root",
			 "\"%s\" is not an absolute path like /srv/feed, "
			 "without . and .. and a slash at the end",
			 root);
	else if (strlen(root) > ROOT_MAX)
		plan_say(reading, node, "deploy.root", "more than %d bytes",
			 ROOT_MAX);
}

static void read_restart(struct plan_reading *reading, const struct node *node)
{
	struct plan_deploy *deploy = &reading->plan->deploy;
	const struct node *unit = node_get(node, "systemd");
	const struct node *command = node_get(node, "command");

	plan_read_host_argv(reading, command, node_get(node, "timeout"),
			    "deploy.restart.command", &deploy->restart_command);
	if (unit) {
		deploy->restart = RESTART_SYSTEMD;
		deploy->unit = mem_str(node_text(unit, NULL));
		plan_check_unit(reading, unit, "deploy.restart.systemd");
	} else if (command) {
		deploy->restart = RESTART_COMMAND;
	}
}

static void read_hook(struct plan_reading *reading, const struct node *map,
		      const char *where, struct plan_argv *out)
{
	plan_read_host_argv(reading, node_get(map, "command"),
			    node_get(map, "timeout"), where, out);
}

static void read_probes(struct plan_reading *reading, const struct node *node)
{
	struct plan_deploy *deploy = &reading->plan->deploy;

	if (node && node->kind == NODE_MAP)
		plan_read_probe(reading, node, "deploy.probe",
				vec_add(&deploy->probes));
	for (size_t i = 0; node && node->kind == NODE_LIST && i < node->items.n;
	     i++) {
		AUTO_STR char *where = mem_format("deploy.probe[%zu]", i);

		plan_read_probe(reading, node_item(node, i), where,
				vec_add(&deploy->probes));
	}
}

static void read_amounts(struct plan_deploy *deploy, const struct node *map)
{
	const struct node *budget = node_get(map, "budget");

	deploy->max_unavailable =
		(struct plan_amount){ .is_share = true, .bp = 1000 };
	deploy->budget_failed = (struct plan_amount){ .count = 1 };
	deploy->budget_unreachable =
		(struct plan_amount){ .is_share = true, .bp = 200 };
	deploy->budget_unhealthy = (struct plan_amount){ .count = 0 };
	plan_read_amount(node_get(map, "max_unavailable"),
			 &deploy->max_unavailable);
	plan_read_amount(node_get(budget, "failed"), &deploy->budget_failed);
	plan_read_amount(node_get(budget, "unreachable"),
			 &deploy->budget_unreachable);
	plan_read_amount(node_get(budget, "unhealthy"),
			 &deploy->budget_unhealthy);
}

/*
 * A lease has to outlive a switch elsewhere, with as much time again to renew
 * it: the engine would have to keep a longer one than the plan says.
 */
static void check_confirm(struct plan_reading *reading, const struct node *map)
{
	const struct node *node = node_get(map, "confirm");
	const struct plan *plan = reading->plan;
	uint64_t least = 2 * (plan_switch_ms(plan) + PLAN_VALID_MS);
	char lease[32], needed[32];

	if (plan->deploy.confirm_ms >= least ||
	    plan->deploy.confirm_ms < PLAN_CONFIRM_MIN_MS)
		return; /* the schema has told of the least */
	str_format_duration(plan->deploy.confirm_ms, lease, sizeof(lease));
	str_format_duration(least, needed, sizeof(needed));
	plan_say(reading, node ? node : map, "deploy.confirm",
		 "%s is less than %s, twice what a switch may take (timeouts "
		 "of drain, restart and probes, min_healthy_time and %d s)",
		 lease, needed, PLAN_VALID_MS / 1000);
}

void plan_read_deploy(struct plan_reading *reading, const struct node *root)
{
	struct plan_deploy *deploy = &reading->plan->deploy;
	const struct node *map = node_get(root, "deploy");
	const struct node *domains = node_get(map, "domains");
	uint64_t keep = PLAN_KEEP;

	if (!map || map->kind != NODE_MAP)
		return;
	read_root(reading, node_get(map, "root"));
	read_restart(reading, node_get(map, "restart"));
	read_hook(reading, node_get(map, "prepare"), "deploy.prepare.command",
		  &deploy->prepare);
	read_hook(reading, node_get(map, "drain"), "deploy.drain.command",
		  &deploy->drain);
	read_probes(reading, node_get(map, "probe"));
	read_amounts(deploy, map);
	deploy->min_healthy_ms = PLAN_MIN_HEALTHY_MS;
	(void)node_duration(node_get(map, "min_healthy_time"),
			    &deploy->min_healthy_ms);
	deploy->domains =
		plan_read_choice(domains, plan_domains_names, DOMAINS_SPREAD);
	deploy->domains_place = plan_place_of(domains);
	deploy->confirm_ms = PLAN_CONFIRM_MS;
	(void)node_duration(node_get(map, "confirm"), &deploy->confirm_ms);
	(void)node_count(node_get(map, "keep"), UINT32_MAX, &keep);
	deploy->keep = (uint32_t)keep;
	check_confirm(reading, map);
}

void plan_read_metrics(struct plan_reading *reading, const struct node *root)
{
	const struct node *list = node_get(root, "metrics");

	for (size_t i = 0; i < node_count_items(list); i++) {
		const struct node *url =
			node_get(node_item(list, i), "prometheus");
		AUTO_STR char *where = mem_format("metrics[%zu].prometheus", i);

		if (plan_check_host_url(reading, url, where))
			vec_add(&reading->plan->metrics)->prometheus =
				mem_str(url->text);
	}
}
