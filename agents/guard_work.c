#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/guard_state.h"
#include "agents/health.h"
#include "agents/hook.h"
#include "agents/kept.h"
#include "agents/prune.h"
#include "agents/services/service.h"
#include "core/base/str.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

#define HOOK_MS		60000	/* a hook that names no timeout */
#define RESTART_MS	90000	/* systemd's own default to stop a unit */
#define HASHING_MS	1800000 /* reading a release, on a slow disk */
#define RESTART_LOG	"restart.log"
#define RESTART_LOG_MAX (8 << 20) /* bytes */
#define N_PINNED	5

struct job {
	struct guard *guard;
	child_fn fn;
	void *ctx;
};

/* The copy must not hold what tells others that the guard is alive. */
static int run_job(void *ctx, struct err *err)
{
	struct job *job = ctx;
	struct guard *guard = job->guard;

	(void)close(guard->lock);
	(void)close(guard->listener);
	for (size_t i = 0; i < GUARD_CLIENTS; i++)
		if (guard->clients[i].fd >= 0)
			(void)close(guard->clients[i].fd);
	return job->fn(job->ctx, err);
}

int guard_start_job(struct guard *guard, const char *what, child_fn fn,
		    void *ctx, uint64_t timeout_ms, struct err *err)
{
	struct job job = { guard, fn, ctx };
	struct child_options options = {
		.what = what,
		.fn = run_job,
		.ctx = &job,
		.timeout_ms = timeout_ms,
		.dir = -1,
		.output = -1,
	};

	return child_start(&options, clock_boot_ms(), &guard->job, err);
}

/* What a job works on: borrowed from the parent's memory at the fork. */
struct work {
	struct guard *guard;
	const struct deploy_actions *actions;
};

static int run_verify(void *ctx, struct err *err)
{
	struct work *work = ctx;
	const struct deploy_actions *actions = work->actions;

	if (kept_verify(work->guard->slot, &actions->release, err) < 0)
		return err_again(err);
	if (digest_is_zero(&actions->other) ||
	    digest_equal(&actions->other, &actions->release))
		return 0;
	if (kept_verify(work->guard->slot, &actions->other, err) < 0)
		return err_wrap(err, "the way back");
	return 0;
}

static int run_probe(void *ctx, struct err *err)
{
	struct work *work = ctx;
	struct probe_context context = {
		.spec = &work->guard->entry->spec,
		.slot = work->guard->slot,
		.release = work->actions->release,
		.version = work->guard->deploy.record.version,
	};

	return health_wait(&context, err);
}

static void list_pinned(const struct guard *guard, struct digest *out)
{
	const struct deploy_record *record = &guard->deploy.record;

	out[0] = record->current;
	out[1] = record->from;
	out[2] = record->to;
	out[3] = record->stable;
	out[4] = record->target;
}

static int run_prune(void *ctx, struct err *err)
{
	struct work *work = ctx;
	struct digest pinned[N_PINNED];

	list_pinned(work->guard, pinned);
	return prune(work->guard->slot, work->actions->keep, pinned, N_PINNED,
		     err);
}

static int run_drop(void *ctx, struct err *err)
{
	struct work *work = ctx;
	struct digest pinned[N_PINNED];

	list_pinned(work->guard, pinned);
	for (size_t i = 0; i < N_PINNED; i++)
		if (digest_equal(&pinned[i], &work->actions->release))
			return 0;
	return kept_remove(work->guard->slot, &work->actions->release, err);
}

static int open_restart_log(struct guard *guard, struct err *err)
{
	if (guard->restart_log >= 0)
		(void)close(guard->restart_log);
	guard->restart_log = openat(guard->slot->gray, RESTART_LOG,
				    O_RDWR | O_CREAT | O_APPEND | O_TRUNC |
					    O_CLOEXEC | O_NOFOLLOW,
				    0600);
	/* On a full disk the restart matters more than its output. */
	if (guard->restart_log < 0)
		guard->restart_log =
			open("/dev/null", O_RDWR | O_APPEND | O_CLOEXEC);
	if (guard->restart_log < 0)
		return err_sys(err, "open .gray/" RESTART_LOG);
	return 0;
}

void guard_trim_restart_log(struct guard *guard)
{
	struct stat st;

	if (guard->restart_log >= 0 && fstat(guard->restart_log, &st) == 0 &&
	    st.st_size > RESTART_LOG_MAX)
		(void)!ftruncate(guard->restart_log, 0);
}

static int start_hook(struct guard *guard, const struct spec_hook *command,
		      const struct deploy_actions *actions, bool is_restart,
		      struct err *err)
{
	struct hook hook = {
		.what = deploy_work_name(actions->work),
		.hook = command,
		.spec = &guard->entry->spec,
		.slot = guard->slot,
		.release = actions->release,
		.version =
			actions->is_revert ? "" : guard->deploy.record.version,
		.default_timeout_ms = is_restart ? RESTART_MS : HOOK_MS,
		.is_launcher = is_restart,
		.output = -1,
	};

	if (is_restart) {
		if (open_restart_log(guard, err) < 0)
			return err_again(err);
		hook.output = guard->restart_log;
	}
	return hook_start(&hook, clock_boot_ms(), &guard->job, err);
}

static int start_restart(struct guard *guard,
			 const struct deploy_actions *actions, struct err *err)
{
	const struct spec *spec = &guard->entry->spec;
	struct spec_hook command = { 0 };

	service_find(spec->restart)
		->restart(spec, !digest_is_zero(&actions->release), &command);
	if (!command.n_argv)
		return 0;
	return start_hook(guard, &command, actions, true, err);
}

static int start_prepare(struct guard *guard,
			 const struct deploy_actions *actions, struct err *err)
{
	const struct spec *spec = &guard->entry->spec;

	/* The way back first: later the disk may be full. */
	if (slot_prepare_revert(guard->slot, &guard->deploy.record.from, err) <
	    0)
		return err_again(err);
	if (!spec->prepare.n_argv)
		return 0;
	return start_hook(guard, &spec->prepare, actions, false, err);
}

static int start_work(struct guard *guard, const struct deploy_actions *actions,
		      bool *out_is_done, struct err *err)
{
	const struct spec *spec = &guard->entry->spec;
	struct work work = { guard, actions };

	switch (actions->work) {
	case DEPLOY_STAGE:
		guard_stage_begin(guard, &actions->release, out_is_done, err);
		return 0;
	case DEPLOY_VERIFY:
		return guard_start_job(guard, "verify", run_verify, &work,
				       HASHING_MS, err);
	case DEPLOY_PREPARE:
		return start_prepare(guard, actions, err);
	case DEPLOY_DRAIN:
		if (!spec->drain.n_argv)
			return 0;
		return start_hook(guard, &spec->drain, actions, false, err);
	case DEPLOY_FLIP:
		return slot_flip(guard->slot, &actions->release, err);
	case DEPLOY_RESTART:
		return start_restart(guard, actions, err);
	case DEPLOY_PROBE:
		return guard_start_job(guard, "probe", run_probe, &work,
				       2 * health_longest_ms(spec), err);
	case DEPLOY_DROP:
		return guard_start_job(guard, "drop", run_drop, &work,
				       HASHING_MS, err);
	case DEPLOY_PRUNE:
		return guard_start_job(guard, "prune", run_prune, &work,
				       HASHING_MS, err);
	case DEPLOY_NOTHING:
	default:
		return 0;
	}
}

void guard_work(struct guard *guard, const struct deploy_actions *actions,
		bool *out_is_done, struct err *err)
{
	bool is_stage = actions->work == DEPLOY_STAGE;
	int rc;

	*err = (struct err)ERR_INIT;
	*out_is_done = !is_stage;
	log_info("%s %s", agent_host_state_name(guard->deploy.record.state),
		 deploy_work_name(actions->work));
	rc = start_work(guard, actions, out_is_done, err);
	if (rc == 0 && guard->job)
		*out_is_done = false;
}

/* What the hooks of a command said, as far as there is room. */
static void keep_output(struct guard *guard, const char *output)
{
	char *kept = guard->entry->output;
	size_t used = strlen(kept);

	if (*output && used + 1 < sizeof(guard->entry->output))
		(void)snprintf(kept + used, sizeof(guard->entry->output) - used,
			       "%s%s", used ? "\n" : "", output);
}

static void take_restart_output(struct guard *guard)
{
	char text[4096];
	AUTO_STR char *clean = NULL;
	ssize_t n = guard->restart_log < 0
			    ? -1
			    : pread(guard->restart_log, text, sizeof(text), 0);

	if (n <= 0)
		return;
	clean = str_clean(text, (size_t)n);
	keep_output(guard, clean);
}

/* The last line, which most programs use to say what is wrong. */
static void add_last_line(const char *output, struct err *err)
{
	size_t end = strlen(output);
	size_t start;
	char line[256];
	char text[512];

	while (end && (output[end - 1] == '\n' || output[end - 1] == ' '))
		end--;
	for (start = end; start && output[start - 1] != '\n'; start--)
		;
	if (start == end)
		return;
	(void)snprintf(line, sizeof(line), "%.*s",
		       (int)MIN_OF(end - start, sizeof(line) - 1),
		       output + start);
	(void)snprintf(text, sizeof(text), "%.500s", err->text);
	(void)err_set(err, err->code, "%s: %s", text, line);
}

static bool is_hook(enum deploy_work work)
{
	return work == DEPLOY_PREPARE || work == DEPLOY_DRAIN ||
	       work == DEPLOY_RESTART;
}

void guard_job_ended(struct guard *guard)
{
	AUTO(child) job = TAKE(guard->job);
	enum deploy_work work = guard->deploy.work;
	AUTO_STR char *output = child_output(job);
	struct err err = ERR_INIT;
	int rc = child_result(job, &err);

	if (work == DEPLOY_RESTART)
		take_restart_output(guard);
	else if (is_hook(work))
		keep_output(guard, output);
	if (rc < 0 && is_hook(work))
		add_last_line(work == DEPLOY_RESTART ? guard->entry->output
						     : output,
			      &err);
	if (work == DEPLOY_STAGE)
		guard_stage_job_ended(guard, &err);
	else
		guard_done(guard, &err);
}
