#include "agents/services/systemctl.h"

#include <stdio.h>
#include <string.h>

#include "agents/child.h"
#include "core/base/str.h"
#include "core/sys/clock.h"

static void take_line(const char *line, struct systemctl_unit *out)
{
	struct err ignored = ERR_INIT;
	uint64_t number = 0;
	const char *value = strchr(line, '=');

	if (!value++)
		return;
	if (str_starts(line, "ActiveState="))
		(void)snprintf(out->active, sizeof(out->active), "%.31s",
			       value);
	else if (str_starts(line, "SubState="))
		(void)snprintf(out->sub, sizeof(out->sub), "%.31s", value);
	else if (str_parse_u64(value, INT32_MAX, &number, &ignored) < 0)
		return;
	else if (str_starts(line, "NRestarts="))
		out->n_restarts = number;
	else if (str_starts(line, "MainPID="))
		out->main_pid = (pid_t)number;
}

int systemctl_show(const char *unit, uint64_t until_ms,
		   struct systemctl_unit *out, struct err *err)
{
	static const char wanted[] =
		"--property=ActiveState,SubState,NRestarts,MainPID";
	const char *argv[] = { "systemctl", "show", wanted, "--", unit, NULL };
	uint64_t now_ms = clock_boot_ms();
	struct child_options options = {
		.what = "systemctl show",
		.argv = argv,
		.dir = -1,
		.output = -1,
		.timeout_ms = until_ms > now_ms ? until_ms - now_ms : 1,
	};
	AUTO_STR char *output = NULL;
	char *save = NULL;

	if (child_run(&options, &output, err) < 0) {
		struct err why = *err;

		return err_set(err, why.code, "%.300s: %.300s", why.text,
			       output ? output : "");
	}
	memset(out, 0, sizeof(*out));
	for (char *line = strtok_r(output, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		take_line(line, out);
	if (!out->active[0])
		return err_set(err, ERR_FAILED,
			       "systemctl says nothing of unit %s", unit);
	return 0;
}
