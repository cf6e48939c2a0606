/* The operator's own question: a command on the controller, in the plan's
 * folder. Its exit status is the verdict, its last line the reason. */
#include <string.h>

#include "core/base/str.h"
#include "rollouts/gates/gate_kind.h"

extern const struct gate_kind gate_command;

#define OUTPUT_MAX   8192 /* the last line is looked for in it */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* What a command says with its exit status; every other is an error. */
static const struct {
	int status;
	enum verdict verdict;
	const char *words;
} exits[] = {
	{ 0, VERDICT_PASS, "passed" },
	{ 1, VERDICT_FAIL, "failed" },
	{ 2, VERDICT_INCONCLUSIVE, "inconclusive" },
	{ 3, VERDICT_NO_DATA, "no data" },
};

/* The last line that is not blank, for people to see. */
static char *last_line(const char *output)
{
	const char *end = output + strlen(output);
	const char *start;

	while (end > output && strchr(" \t\r\n", end[-1]))
		end--;
	for (start = end; start > output && start[-1] != '\n'; start--)
		;
	return str_clean(start, (size_t)(end - start));
}

static void done_cb(void *ctx, int status, const char *output,
		    const struct err *err)
{
	struct gate_look *look = ctx;
	AUTO_STR char *line = last_line(output ? output : "");
	AUTO_STR char *words = NULL;
	AUTO_STR char *text = NULL;
	enum verdict verdict = VERDICT_ERROR;

	look->own = NULL;
	for (size_t i = 0; i < COUNT_OF(exits); i++)
		if (exits[i].status == status) {
			verdict = exits[i].verdict;
			words = mem_str(exits[i].words);
		}
	if (!words)
		words = status < 0 ? mem_str(err->text)
				   : mem_format("exit status %d", status);
	text = mem_format("%s%s%s", words, line[0] ? ": " : "", line);
	gate_look_end(look, verdict, 0, text);
}

static char *addresses(const struct gate_look *look)
{
	const struct gate_env *env = look->env;
	AUTO_VALUE(buf) text = BUF_INIT;

	buf_append_str(&text, "GRAY_HOSTS=");
	for (size_t i = 0; i < look->subject.n_hosts; i++)
		buf_format(
			&text, "%s%s", i > 0 ? " " : "",
			env->host_address(env->world, look->subject.hosts[i]));
	return buf_take_str(&text);
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static void start(struct gate_look *look)
{
	const struct gate_env *env = look->env;
	const struct plan_argv *command = &look->gate->command;
	char *vars[] = {
		mem_format("PATH=%s", or_else(getenv("PATH"), DEFAULT_PATH)),
		mem_format("HOME=%s", or_else(getenv("HOME"), "/")),
		mem_format("GRAY_ROLLOUT=%s", or_else(env->rollout_id, "")),
		mem_format("GRAY_STAGE=%s",
			   or_else(look->subject.stage_name, "")),
		mem_format("GRAY_VERSION=%s", or_else(env->version, "")),
		addresses(look),
		NULL,
	};

	look->own =
		loop_child_run(env->loop, command->argv, env->dir, vars,
			       command->timeout_ms, OUTPUT_MAX, done_cb, look);
	for (size_t i = 0; vars[i]; i++)
		free(vars[i]);
}

static void stop(struct gate_look *look)
{
	struct loop_child *child = TAKE(look->own);

	if (child)
		loop_child_cancel(child);
}

const struct gate_kind gate_command = { .kind = GATE_COMMAND,
					.start = start,
					.stop = stop };
