#include "agents/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agents/facts.h"
#include "agents/guard_state.h"
#include "agents/kept.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

#define RETRY_MS 5000 /* between attempts to write the journal again */
#define WAKE_MS	 1000 /* poll does not count the time of a suspend */
#define N_POLL	 (1 + GUARD_CLIENTS + CHILD_FDS)

static int write_journal(struct guard *guard, struct err *err)
{
	guard->entry->record = guard->deploy.record;
	return journal_write(guard->journal, guard->entry, err);
}

/* Nothing may be done that is not on disk: stop, and try again later. */
static void break_off(struct guard *guard, const struct err *err)
{
	log_error("%s", err->text);
	guard->broken = *err;
	guard->retry_ms = clock_boot_ms() + RETRY_MS;
	child_free(TAKE(guard->job));
	guard_stage_end(guard);
	guard_answer_all(guard, err);
}

/* Carry out ACTIONS; *out_next is the end of a work that took no time. */
static bool carry_out(struct guard *guard, const struct deploy_actions *actions,
		      struct deploy_event *out_next, struct err *err)
{
	bool is_done = false;

	if (actions->persist && write_journal(guard, err) < 0) {
		break_off(guard, err);
		return false;
	}
	if (actions->answer) {
		log_info("%s %llu.%llu: %s", agent_verb_name(actions->verb),
			 (unsigned long long)actions->epoch,
			 (unsigned long long)actions->seq,
			 actions->code ? actions->text : "done");
		guard_answer(guard, actions);
	}
	if (actions->work == DEPLOY_NOTHING)
		return false;
	guard_work(guard, actions, &is_done, err);
	*out_next = (struct deploy_event){
		.kind = DEPLOY_DONE,
		.work = actions->work,
		.code = err->code,
		.text = err->text,
	};
	return is_done;
}

/* A command that begins something brings its own hooks and probes. */
static void adopt_spec(struct guard *guard, const struct deploy_event *event,
		       const struct deploy_actions *actions, bool was_busy)
{
	if (event->kind != DEPLOY_COMMAND || was_busy || !actions->persist)
		return;
	guard->entry->output[0] = '\0';
	if (guard->offered && actions->work != DEPLOY_NOTHING)
		guard->entry->spec = *guard->offered;
}

void guard_feed(struct guard *guard, struct deploy_event *event)
{
	struct deploy_event at = *event;
	struct deploy_actions actions;
	struct err err = ERR_INIT;
	bool goes_on;

	do {
		bool was_busy = deploy_is_busy(&guard->deploy);

		at.now_ms = clock_boot_ms();
		deploy_step(&guard->deploy, &at, &actions);
		adopt_spec(guard, &at, &actions, was_busy);
		goes_on = carry_out(guard, &actions, &at, &err);
	} while (goes_on);
}

void guard_done(struct guard *guard, const struct err *err)
{
	struct deploy_event event = {
		.kind = DEPLOY_DONE,
		.work = guard->deploy.work,
		.code = err->code,
		.text = err->text,
	};

	if (err->code)
		log_warn("%s: %s", deploy_work_name(event.work), err->text);
	guard_feed(guard, &event);
}

void guard_command(struct guard *guard, const struct agent_command *command,
		   const struct spec *spec)
{
	struct err problem = ERR_INIT;
	struct deploy_event event = { .kind = DEPLOY_COMMAND,
				      .command = command };

	if (slot_current(guard->slot, &event.current, &problem) < 0)
		event.current_problem = problem.text;
	guard->offered = spec;
	guard_feed(guard, &event);
	guard->offered = NULL;
}

/* From what is on disk, as after any crash. */
static int start(struct guard *guard, bool is_boot, struct err *err)
{
	struct err problem = ERR_INIT;
	struct deploy_event event = {
		.kind = DEPLOY_START,
		.boot_id = guard->boot_id,
		.is_boot = is_boot,
	};
	const struct journal_entry *last;

	journal_close(TAKE(guard->journal));
	if (journal_open(guard->slot->gray, &guard->journal, err) < 0)
		return err_again(err);
	deploy_init(&guard->deploy);
	memset(guard->entry, 0, sizeof(*guard->entry));
	last = journal_last(guard->journal);
	if (last) {
		*guard->entry = *last;
		guard->deploy.record = last->record;
	}
	if (slot_current(guard->slot, &event.current, &problem) < 0)
		event.current_problem = problem.text;
	log_info("%s, epoch %llu, sequence %llu",
		 agent_host_state_name(guard->deploy.record.state),
		 (unsigned long long)guard->deploy.record.epoch,
		 (unsigned long long)guard->deploy.record.seq);
	guard_feed(guard, &event);
	return 0;
}

/* What the page cache says is not proof: only a write that is synced is. */
static void try_again(struct guard *guard)
{
	struct err err = ERR_INIT;

	guard->retry_ms = clock_boot_ms() + RETRY_MS;
	journal_close(TAKE(guard->journal));
	if (journal_open(guard->slot->gray, &guard->journal, &err) < 0 ||
	    (journal_last(guard->journal) &&
	     (*guard->entry = *journal_last(guard->journal),
	      journal_write(guard->journal, guard->entry, &err) < 0))) {
		guard->broken = err;
		return;
	}
	guard->broken = (struct err)ERR_INIT;
	if (start(guard, false, &err) < 0)
		break_off(guard, &err);
}

static int take_lock(struct guard *guard, struct err *err)
{
	guard->lock = openat(guard->slot->gray, GUARD_LOCK,
			     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (guard->lock < 0)
		return err_sys(err, "open .gray/" GUARD_LOCK);
	if (flock(guard->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? err_set(err, ERR_CONFLICT,
					 "another guard has %s",
					 guard->slot->path)
			       : err_sys(err, "lock .gray/" GUARD_LOCK);
	return 0;
}

static int guard_open(struct guard *guard, const struct guard_options *options,
		      struct err *err)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* A hook's daemon must not be what its reader waits for. */
	if (options->ready >= 0)
		(void)fcntl(options->ready, F_SETFD, FD_CLOEXEC);
	guard->lock = guard->listener = guard->restart_log = -1;
	for (size_t i = 0; i < GUARD_CLIENTS; i++)
		guard->clients[i].fd = -1;
	guard->entry = MEM_NEW(struct journal_entry);
	guard->idle_since_ms = clock_boot_ms();
	clock_boot_id(guard->boot_id);
	if (slot_open(options->root, &guard->slot, err) < 0 ||
	    take_lock(guard, err) < 0)
		return err_again(err);
	if (options->home &&
	    facts_add_root(options->home, options->root, err) < 0)
		return err_again(err);
	return kept_sweep(guard->slot, err);
}

static void guard_close(struct guard *guard)
{
	child_free(guard->job);
	guard_stage_end(guard);
	for (size_t i = 0; i < GUARD_CLIENTS; i++)
		guard_client_drop(guard, &guard->clients[i]);
	mem_auto_fd(&guard->listener);
	mem_auto_fd(&guard->restart_log);
	journal_close(guard->journal);
	free(guard->entry);
	mem_auto_fd(&guard->lock);
	slot_close(guard->slot);
}

/* poll's waiting time: until the first thing that time alone brings. */
static int waiting_ms(const struct guard *guard, uint64_t now_ms)
{
	uint64_t timer_ms = deploy_timer_ms(&guard->deploy, now_ms);
	uint64_t job_ms = guard->job ? child_deadline_ms(guard->job) : 0;
	uint64_t wait_ms = WAKE_MS;

	if (timer_ms)
		wait_ms = MIN_OF(wait_ms,
				 timer_ms > now_ms ? timer_ms - now_ms : 0);
	if (job_ms)
		wait_ms =
			MIN_OF(wait_ms, job_ms > now_ms ? job_ms - now_ms : 0);
	return (int)wait_ms;
}

static size_t fill_poll(const struct guard *guard, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){ guard->listener, POLLIN, 0 };
	for (size_t i = 0; i < GUARD_CLIENTS; i++) {
		const struct guard_client *client = &guard->clients[i];
		short events = POLLIN;

		if (client->out.size)
			events |= POLLOUT;
		fds[n++] = (struct pollfd){ client->fd, events, 0 };
	}
	if (guard->job)
		n += child_fds(guard->job, fds + n);
	return n;
}

static void serve_clients(struct guard *guard, const struct pollfd *fds)
{
	if (fds[0].revents)
		guard_accept(guard);
	for (size_t i = 0; i < GUARD_CLIENTS; i++) {
		struct guard_client *client = &guard->clients[i];
		short events = fds[1 + i].revents;

		if (client->fd < 0 || client->fd != fds[1 + i].fd)
			continue;
		if (events & POLLOUT)
			guard_client_write(guard, client);
		if (client->fd >= 0 && events & (POLLIN | POLLHUP | POLLERR))
			guard_client_read(guard, client);
	}
}

static void see_to_time(struct guard *guard)
{
	uint64_t now_ms = clock_boot_ms();
	uint64_t timer_ms = deploy_timer_ms(&guard->deploy, now_ms);
	struct deploy_event event = { .kind = DEPLOY_TIMER };

	if (guard->broken.code) {
		if (now_ms >= guard->retry_ms)
			try_again(guard);
		return;
	}
	if (timer_ms && now_ms >= timer_ms)
		guard_feed(guard, &event);
	guard_stage_tick(guard, now_ms);
	guard_trim_restart_log(guard);
}

static void turn(struct guard *guard)
{
	struct pollfd fds[N_POLL];
	size_t n = fill_poll(guard, fds);

	if (poll(fds, n, waiting_ms(guard, clock_boot_ms())) > 0)
		serve_clients(guard, fds);
	if (guard->job && child_step(guard->job, clock_boot_ms()))
		guard_job_ended(guard);
	see_to_time(guard);
}

static bool is_needed(const struct guard *guard,
		      const struct guard_options *options)
{
	if (deploy_needs_guard(&guard->deploy))
		return true;
	if (guard->has_retired)
		return false;
	for (size_t i = 0; i < GUARD_CLIENTS; i++)
		if (guard->clients[i].fd >= 0)
			return true;
	return clock_boot_ms() < guard->idle_since_ms + options->idle_ms;
}

/* One line for whoever started us: "ready", or a code and a sentence. */
static void report(int fd, const struct err *err)
{
	if (fd < 0)
		return;
	if (err)
		(void)dprintf(fd, "%d %s\n", (int)err->code, err->text);
	else
		(void)dprintf(fd, "ready\n");
	(void)close(fd);
}

int guard_run(const struct guard_options *options, struct err *err)
{
	struct guard guard = { 0 };
	int rc = guard_open(&guard, options, err);

	if (rc == 0)
		rc = guard_listen(&guard, err);
	if (rc == 0)
		rc = start(&guard, false, err);
	report(options->ready, rc < 0 ? err : NULL);
	while (rc == 0 && is_needed(&guard, options))
		turn(&guard);
	guard_close(&guard);
	return rc;
}

int guard_recover(const struct guard_options *options, bool *out_needs_guard,
		  struct err *err)
{
	struct guard guard = { 0 };
	int rc = guard_open(&guard, options, err);

	if (rc == 0)
		rc = start(&guard, true, err);
	while (rc == 0 && !guard.broken.code && deploy_is_busy(&guard.deploy))
		turn(&guard);
	if (rc == 0 && guard.broken.code) {
		*err = guard.broken;
		rc = err_again(err);
	}
	if (rc == 0)
		*out_needs_guard = deploy_needs_guard(&guard.deploy);
	guard_close(&guard);
	return rc;
}
