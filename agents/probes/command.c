#include <string.h>

#include "agents/hook.h"
#include "agents/probes/probe.h"
#include "core/sys/clock.h"

extern const struct probe probe_command;

static int look(const struct probe_context *context,
		const struct spec_probe *probe, uint64_t until_ms,
		struct err *err)
{
	uint64_t now_ms = clock_boot_ms();
	struct spec_hook command = probe->command;
	struct hook hook = {
		.what = command.argv[0],
		.hook = &command,
		.spec = context->spec,
		.slot = context->slot,
		.release = context->release,
		.version = context->version,
		.output = -1,
	};
	AUTO_STR char *output = NULL;

	if (now_ms >= until_ms)
		return err_set(err, ERR_TIMEOUT, "no answer in time");
	if (!command.timeout_ms || command.timeout_ms > until_ms - now_ms)
		command.timeout_ms = until_ms - now_ms;
	if (hook_run(&hook, &output, err) == 0)
		return 0;
	if (output && *output) {
		struct err why = *err;

		output[strcspn(output, "\n")] = '\0';
		return err_set(err, why.code, "%.300s: %.300s", why.text,
			       output);
	}
	return err_again(err);
}

const struct probe probe_command = { .name = "command", .look = look };
