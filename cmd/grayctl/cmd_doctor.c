#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "cmd/grayctl/daemon.h"
#include "core/base/str.h"
#include "core/fleet/inventory.h"
#include "core/text/json.h"
#include "rollouts/agent_binary.h"

#define MIN_FREE_BYTES (512ull << 20) /* a release or two */

/* One thing looked at: good, or a sentence that says how to mend it. */
struct finding {
	bool is_good;
	char text[1200];
};
struct doctor {
	struct invocation *inv;
	const struct fleet *fleet; /* NULL: none was named */
};

static void PRINTF_LIKE(2, 3)
	good(struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	finding->is_good = true;
}

static void PRINTF_LIKE(2, 3) bad(struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	finding->is_good = false;
}

static void check_home(const struct doctor *doctor, struct finding *out)
{
	const char *home = doctor->inv->home;
	struct statvfs fs;
	struct stat info;
	char size[32];

	if (stat(home, &info) < 0 && errno == ENOENT) {
		good(out, "%s will be made by the first rollout", home);
		return;
	}
	if (access(home, R_OK | W_OK | X_OK) < 0) {
		bad(out,
		    "%s: %s; set GRAY_HOME or run as the user that owns it",
		    home, strerror(errno));
		return;
	}
	if (stat(home, &info) == 0 && info.st_mode & S_IWOTH) {
		bad(out, "%s can be written by everybody: chmod o-w %s", home,
		    home);
		return;
	}
	if (statvfs(home, &fs) < 0) {
		bad(out, "%s: %s", home, strerror(errno));
		return;
	}
	str_format_bytes((uint64_t)fs.f_bavail * fs.f_frsize, size,
			 sizeof(size));
	if ((uint64_t)fs.f_bavail * fs.f_frsize < MIN_FREE_BYTES)
		bad(out, "%s has %s left; releases are kept there", home, size);
	else
		good(out, "%s, %s free", home, size);
}

static void check_grayd(const struct doctor *doctor, struct finding *out)
{
	AUTO_STR char *program = daemon_find("grayd");

	(void)doctor;
	if (program)
		good(out, "%s", program);
	else
		bad(out, "no grayd beside grayctl, in ../sbin or on PATH: "
			 "install it, or add its folder to PATH");
}

static void check_controller(const struct doctor *doctor, struct finding *out)
{
	AUTO(js) answer = NULL;
	struct err err = ERR_INIT;
	const char *version;

	if (client_get(doctor->inv->client, "/v1/version", &answer, &err) < 0) {
		bad(out, "%s", err.text);
		return;
	}
	version = js_get_str(answer, "version", "?");
	if (strcmp(version, GRAY_VERSION) == 0)
		good(out, "answers, version %s", version);
	else
		bad(out,
		    "grayd is version %s, grayctl %s: restart grayd, its "
		    "rollouts go on",
		    version, GRAY_VERSION);
}

static void check_agent(const struct doctor *doctor, struct finding *out)
{
	AUTO(agent_binary) binary = NULL;
	struct err err = ERR_INIT;

	(void)doctor;
	if (agent_binary_find(NULL, &binary, &err) < 0)
		bad(out, "%s", err.text);
	else
		good(out, "%s for %s, on hosts ~/%s", binary->path,
		     *binary->machine ? binary->machine : "any machine",
		     binary->remote_path);
}

static void check_identity(const struct doctor *doctor, struct finding *out)
{
	const char *path = doctor->fleet ? doctor->fleet->ssh_identity : NULL;
	const char *agent = getenv("SSH_AUTH_SOCK");
	struct stat info;

	if (!path) {
		good(out, "the fleet names none: %s",
		     agent ? "ssh-agent's keys and the usual files"
			   : "the usual files below ~/.ssh");
		return;
	}
	if (stat(path, &info) < 0 || access(path, R_OK) < 0)
		bad(out, "%s: %s", path, strerror(errno));
	else if (info.st_mode & (S_IRWXG | S_IRWXO))
		bad(out, "%s can be read by others: chmod 600 %s", path, path);
	else
		good(out, "%s", path);
}

static void check_known_hosts(const struct doctor *doctor, struct finding *out)
{
	const char *path =
		doctor->fleet ? doctor->fleet->ssh_known_hosts : NULL;
	const char *home = getenv("HOME");
	AUTO_STR char *usual =
		mem_format("%s/.ssh/known_hosts", home ? home : "");
	struct stat info;

	if (!path)
		path = usual;
	if (stat(path, &info) < 0 || access(path, R_OK) < 0)
		bad(out,
		    "%s: %s; hosts with unknown keys are refused: collect "
		    "them with ssh-keyscan and compare the fingerprints",
		    path, strerror(errno));
	else if (info.st_size == 0)
		bad(out, "%s is empty: every host would be refused", path);
	else
		good(out, "%s; `grayctl hosts check` tries every host", path);
}

static const struct {
	const char *name;
	void (*check)(const struct doctor *doctor, struct finding *out);
} checks[] = {
	{ "state", check_home },
	{ "grayd", check_grayd },
	{ "controller", check_controller },
	{ "agent", check_agent },
	{ "ssh key", check_identity },
	{ "known_hosts", check_known_hosts },
};

static void print_finding(const struct output *output, const char *name,
			  const struct finding *finding)
{
	enum output_tone tone = finding->is_good ? TONE_GOOD : TONE_BAD;
	AUTO(js) line = NULL;

	if (!output->is_json) {
		(void)fprintf(output->file, "%s%-4s%s  %-12s %s\n",
			      output_tone(output->has_colour, tone),
			      finding->is_good ? "ok" : "BAD",
			      output_tone_end(output->has_colour, tone), name,
			      finding->text);
		return;
	}
	line = js_object();
	js_set_str(line, "check", name);
	js_set_bool(line, "ok", finding->is_good);
	js_set_str(line, "text", finding->text);
	output_json(output, line);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO(fleet) fleet = NULL;
	struct doctor doctor = { .inv = inv };
	unsigned n_bad = 0;

	if (inv->n_args &&
	    fleet_load(inv->args[0], &inv->mistakes, &fleet, err) < 0)
		return err_again(err);
	doctor.fleet = fleet;
	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		struct finding finding = { 0 };

		checks[i].check(&doctor, &finding);
		n_bad += !finding.is_good;
		print_finding(inv->output, checks[i].name, &finding);
	}
	if (n_bad)
		return err_set(err, ERR_SYSTEM, "%u of %zu checks failed",
			       n_bad, COUNT_OF(checks));
	return 0;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.args = "[fleet.yaml]",
	.summary = "check what a rollout needs, and say how to mend it",
	.details = "Looks at this machine; `hosts check` looks at the hosts.",
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.run = run,
};
