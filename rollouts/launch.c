#include "rollouts/launch.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/fleet/inventory.h"
#include "core/fleet/selector.h"
#include "core/release/source.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "rollouts/configure.h"
#include "rollouts/stages.h"

void launch_free(struct launch *launch)
{
	if (!launch)
		return;
	free(launch->plan_path);
	free(launch->plan_text);
	free(launch->base_dir);
	free(launch->who);
	free(launch->reason);
	plan_free(launch->plan);
	record_free(launch->record);
	rollout_config_release(&launch->config);
	manifest_free(launch->manifest);
	js_free(launch->mistakes);
	free(launch);
}

/* The lines of TEXT, one mistake each. */
static void add_lines(struct launch *launch, const struct buf *text)
{
	const char *at = buf_str(text);

	while (*at) {
		size_t size = strcspn(at, "\n");
		AUTO_STR char *line = mem_strn(at, size);

		if (size > 0)
			js_append_str(launch->mistakes, line);
		at += size + (at[size] == '\n');
	}
}

static void add_mistakes(struct launch *launch,
			 const struct plan_mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->list.n; i++)
		js_append_str(launch->mistakes, mistakes->list.items[i].text);
}

static int read_plan(struct launch *launch, struct err *err)
{
	AUTO_VALUE(plan_mistakes) mistakes = { .list = { NULL, 0, 0 } };
	int failed = plan_parse(launch->plan_path, launch->plan_text,
				strlen(launch->plan_text), &mistakes,
				&launch->plan, err);

	add_mistakes(launch, &mistakes);
	return failed;
}

static int read_fleet(struct launch *launch, struct fleet **out,
		      struct err *err)
{
	AUTO_STR char *path = file_join(launch->base_dir, launch->plan->fleet);
	AUTO_VALUE(buf) errors = BUF_INIT;
	int failed = fleet_load(path, &errors, out, err);

	add_lines(launch, &errors);
	return failed;
}

static int import(struct launch *launch, struct err *err)
{
	const struct plan_release *release = &launch->plan->release;
	AUTO_STR char *path = file_join(launch->base_dir, release->path);
	int failed = -ERR_INVALID;

	switch (release->source) {
	case SOURCE_DIR:
		failed = source_from_dir(path, launch->blobs, &launch->manifest,
					 err);
		break;
	case SOURCE_GIT:
		failed = source_from_git(path, release->ref, release->subpath,
					 launch->blobs, NULL, &launch->manifest,
					 err);
		break;
	case SOURCE_TARBALL:
		failed = source_from_tarball(path, release->sha256,
					     launch->blobs, &launch->manifest,
					     err);
		break;
	}
	return failed ? err_wrap(err, "release %s", release->version) : 0;
}

/* All but the id, and what the hosts go back to. */
static void fill_config(struct launch *launch, const struct fleet *fleet,
			const struct stages *stages)
{
	configure(launch->plan, fleet, stages, &launch->config);
	launch->config.release = launch->manifest->digest;
}

static void fill_record(struct launch *launch, const struct fleet *fleet,
			const struct stages *stages)
{
	struct record *record = MEM_NEW(struct record);

	launch->record = record;
	record->service = mem_str(launch->plan->service);
	record->version = mem_str(launch->plan->release.version);
	record->release = launch->manifest->digest;
	record->who = mem_str(launch->who);
	record->reason = mem_str(launch->reason);
	record->created_wall_ms = clock_wall_ms();
	record->plan_path = mem_str(launch->plan_path);
	record->plan_text = mem_str(launch->plan_text);
	record->base_dir = mem_str(launch->base_dir);
	record->ssh_identity = mem_str(fleet->ssh_identity);
	record->ssh_known_hosts = mem_str(fleet->ssh_known_hosts);
	record->ssh_config = mem_str(fleet->ssh_config);
	record->ssh_transport = mem_str(fleet->ssh_transport);
	for (size_t i = 0; i < stages->hosts.n; i++) {
		const struct fleet_host *host =
			&fleet->hosts.items[stages->hosts.items[i].host];

		*vec_add(&record->hosts) = (struct record_host){
			.name = mem_str(host->name),
			.address = mem_str(host->address),
			.user = mem_str(host->user),
			.identity = mem_str(host->identity),
			.ssh_options = mem_str(host->ssh_options),
			.port = host->port,
		};
	}
}

static int resolve(struct launch *launch, const struct fleet *fleet,
		   struct stages **out, struct err *err)
{
	AUTO_VALUE(plan_mistakes) mistakes = { .list = { NULL, 0, 0 } };
	int failed = stages_make(launch->plan, fleet, &mistakes, out, err);

	add_mistakes(launch, &mistakes);
	return failed;
}

static int prepare(struct launch *launch, struct err *err)
{
	AUTO(fleet) fleet = NULL;
	AUTO(stages) stages = NULL;

	if (read_plan(launch, err) || read_fleet(launch, &fleet, err) ||
	    resolve(launch, fleet, &stages, err) || import(launch, err))
		return err_again(err);
	fill_config(launch, fleet, stages);
	fill_record(launch, fleet, stages);
	return 0;
}

void launch_prepare(struct launch *launch)
{
	launch->mistakes = js_array();
	if (prepare(launch, &launch->err) == 0)
		launch->err.code = ERR_NONE;
}
