#include "agents/health.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/services/service.h"
#include "core/sys/clock.h"

#define EVERY_MS	   200
#define LOOK_MS		   5000 /* one look at most */
#define DEFAULT_TIMEOUT_MS 30000

static uint64_t timeout_of(const struct spec *spec)
{
	uint64_t longest = 0;

	for (uint32_t i = 0; i < spec->n_probes; i++)
		longest = MAX_OF(longest, spec->probes[i].timeout_ms);
	return longest ? longest : DEFAULT_TIMEOUT_MS;
}

uint64_t health_longest_ms(const struct spec *spec)
{
	return timeout_of(spec) + spec->min_healthy_ms + LOOK_MS;
}

static int look_at_all(const struct probe_context *context, uint64_t until_ms,
		       struct err *err)
{
	const struct spec *spec = context->spec;

	for (uint32_t i = 0; i < spec->n_probes; i++) {
		const struct spec_probe *probe = &spec->probes[i];
		const struct probe *kind = probe_find(probe->kind);

		if (kind->look(context, probe, until_ms, err) < 0)
			return err_wrap(err, "probe %s", kind->name);
	}
	return 0;
}

/* The release that what the link /proc/PID/WHAT names belongs to. */
static bool release_of(const struct slot *slot, pid_t pid, const char *what,
		       struct digest *out)
{
	AUTO_STR char *prefix = NULL;
	struct err ignored = ERR_INIT;
	char path[64];
	char text[4096];
	char hex[DIGEST_HEX + 1];
	char real[4096];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", slot->releases);
	n = readlink(path, real, sizeof(real) - 1);
	if (n < 0)
		return false;
	real[n] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	n = readlink(path, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	prefix = mem_format("%s/", real);
	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return false;
	(void)snprintf(hex, sizeof(hex), "%.*s", DIGEST_HEX,
		       text + strlen(prefix));
	return digest_parse(hex, out, &ignored) == 0;
}

/* The old process may have outlived its restart (H19). */
static int check_process(const struct probe_context *context, uint64_t until_ms,
			 struct err *err)
{
	static const char *const links[] = { "exe", "cwd" };
	const struct service *service = service_find(context->spec->restart);
	struct digest release;
	pid_t pid = 0;

	if (!service->main_pid || digest_is_zero(&context->release))
		return 0;
	if (service->main_pid(context->spec, until_ms, &pid, err) < 0)
		return err_again(err);
	if (!pid)
		return 0;
	for (size_t i = 0; i < COUNT_OF(links); i++)
		if (release_of(context->slot, pid, links[i], &release) &&
		    !digest_equal(&release, &context->release))
			return err_set(err, ERR_FAILED,
				       "process %d still runs from another "
				       "release",
				       (int)pid);
	return 0;
}

static int check_restarts(const struct spec *spec, uint64_t until_ms,
			  struct err *err)
{
	const struct service *service = service_find(spec->restart);
	uint64_t n = 0;

	if (!service->count_restarts)
		return 0;
	if (service->count_restarts(spec, until_ms, &n, err) < 0)
		return err_again(err);
	if (n)
		return err_set(err, ERR_FAILED,
			       "crash loop: %s was started again %llu times",
			       spec->unit, (unsigned long long)n);
	return 0;
}

int health_wait(const struct probe_context *context, struct err *err)
{
	const struct spec *spec = context->spec;
	uint64_t start_ms = clock_boot_ms();
	uint64_t end_ms = start_ms + timeout_of(spec);
	uint64_t well_since_ms = 0;

	for (;;) {
		uint64_t now_ms = clock_boot_ms();
		uint64_t until_ms = now_ms + LOOK_MS;

		if (check_restarts(spec, until_ms, err) < 0)
			return err_again(err);
		if (look_at_all(context, until_ms, err) < 0 ||
		    check_process(context, until_ms, err) < 0) {
			if (clock_boot_ms() >= end_ms)
				return err_wrap(err, "not healthy in time");
			well_since_ms = 0;
		} else if (!well_since_ms) {
			well_since_ms = clock_boot_ms();
		}
		if (well_since_ms &&
		    clock_boot_ms() - well_since_ms >= spec->min_healthy_ms)
			return 0;
		(void)usleep(EVERY_MS * 1000);
	}
}
