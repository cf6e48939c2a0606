#include <string.h>

#include "agents/probes/probe.h"
#include "agents/services/systemctl.h"

extern const struct probe probe_systemd;

static int look(const struct probe_context *context,
		const struct spec_probe *probe, uint64_t until_ms,
		struct err *err)
{
	const char *name =
		probe->target[0] ? probe->target : context->spec->unit;
	struct systemctl_unit unit;

	if (systemctl_show(name, until_ms, &unit, err) < 0)
		return err_again(err);
	if (strcmp(unit.active, "active") != 0)
		return err_set(err, ERR_FAILED, "unit %s is %s (%s)", name,
			       unit.active, unit.sub);
	return 0;
}

const struct probe probe_systemd = { .name = "systemd", .look = look };
