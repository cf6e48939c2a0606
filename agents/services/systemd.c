#include <stdio.h>
#include <string.h>

#include "agents/services/service.h"
#include "agents/services/systemctl.h"

extern const struct service service_systemd;

static void restart(const struct spec *spec, bool has_release,
		    struct spec_hook *out)
{
	memset(out, 0, sizeof(*out));
	out->n_argv = 4;
	out->timeout_ms = spec->command.timeout_ms;
	(void)snprintf(out->argv[0], sizeof(out->argv[0]), "systemctl");
	(void)snprintf(out->argv[1], sizeof(out->argv[1]), "%s",
		       has_release ? "restart" : "stop");
	(void)snprintf(out->argv[2], sizeof(out->argv[2]), "--");
	(void)snprintf(out->argv[3], sizeof(out->argv[3]), "%s", spec->unit);
}

static int count_restarts(const struct spec *spec, uint64_t until_ms,
			  uint64_t *out, struct err *err)
{
	struct systemctl_unit unit;

	if (systemctl_show(spec->unit, until_ms, &unit, err) < 0)
		return err_again(err);
	if (strcmp(unit.active, "failed") == 0)
		return err_set(err, ERR_FAILED, "unit %s has failed",
			       spec->unit);
	*out = unit.n_restarts;
	return 0;
}

static int main_pid(const struct spec *spec, uint64_t until_ms, pid_t *out,
		    struct err *err)
{
	struct systemctl_unit unit;

	if (systemctl_show(spec->unit, until_ms, &unit, err) < 0)
		return err_again(err);
	*out = unit.main_pid;
	return 0;
}

const struct service service_systemd = {
	.name = "systemd",
	.restart = restart,
	.count_restarts = count_restarts,
	.main_pid = main_pid,
};
