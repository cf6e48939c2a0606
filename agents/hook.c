#include "agents/hook.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define N_ENV 8

struct prepared {
	char *env[N_ENV + 1];
	const char *argv[SPEC_ARGV + 1];
	int dir;
	struct child_options options;
};

static void prepared_release(struct prepared *prepared)
{
	for (size_t i = 0; i < N_ENV; i++)
		free(prepared->env[i]);
	mem_auto_fd(&prepared->dir);
}
MEM_AUTO_VALUE(prepared)

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void build_env(const struct hook *hook, const char *dir, char **out)
{
	const char *path = getenv("PATH");
	const char *home = getenv("HOME");

	out[0] = mem_format("GRAY_SERVICE=%s", hook->spec->service);
	out[1] = mem_format("GRAY_HOST=%s", hook->spec->name);
	out[2] = mem_format("GRAY_ADDRESS=%s", hook->spec->address);
	out[3] = mem_format("GRAY_ROOT=%s", hook->slot->path);
	out[4] = mem_format("GRAY_RELEASE=%s", dir);
	out[5] = mem_format("GRAY_VERSION=%s", or_empty(hook->version));
	out[6] = mem_format("PATH=%s", path && *path ? path : DEFAULT_PATH);
	out[7] = mem_format("HOME=%s", home && *home ? home : "/");
}

static int prepare(const struct hook *hook, struct prepared *out,
		   struct err *err)
{
	AUTO_STR char *dir = NULL;

	if (digest_is_zero(&hook->release)) {
		dir = mem_str(hook->slot->path);
		out->dir = fcntl(hook->slot->root, F_DUPFD_CLOEXEC, 0);
	} else {
		dir = slot_release_path(hook->slot, &hook->release);
		if (slot_open_release(hook->slot, &hook->release, &out->dir,
				      err) < 0)
			return err_again(err);
	}
	build_env(hook, dir, out->env);
	for (uint32_t i = 0; i < hook->hook->n_argv; i++)
		out->argv[i] = hook->hook->argv[i];
	out->options = (struct child_options){
		.what = hook->what,
		.argv = out->argv,
		.env = (const char *const *)out->env,
		.dir = out->dir,
		.timeout_ms = hook->hook->timeout_ms ? hook->hook->timeout_ms
						     : hook->default_timeout_ms,
		.is_launcher = hook->is_launcher,
		.output = hook->output,
	};
	return 0;
}

int hook_start(const struct hook *hook, uint64_t now_ms, struct child **out,
	       struct err *err)
{
	AUTO_VALUE(prepared) prepared = { .dir = -1 };

	if (prepare(hook, &prepared, err) < 0)
		return err_again(err);
	return child_start(&prepared.options, now_ms, out, err);
}

int hook_run(const struct hook *hook, char **out_output, struct err *err)
{
	AUTO_VALUE(prepared) prepared = { .dir = -1 };

	if (out_output)
		*out_output = NULL;
	if (prepare(hook, &prepared, err) < 0)
		return err_again(err);
	return child_run(&prepared.options, out_output, err);
}
