#include "agents/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/clock.h"

#define EXIT_NO_PROGRAM 127
#define READ_AT_ONCE	65536
#define TAIL		(CHILD_OUTPUT / 2)

struct child {
	char *what;
	pid_t pid;
	int pidfd;
	int output; /* our end; -1: closed */
	uint64_t deadline_ms;
	uint64_t timeout_ms;
	bool is_function;
	bool is_launcher;
	bool has_ended;
	bool is_late;
	int status;	 /* as waitpid gives it */
	struct buf head; /* the first bytes */
	struct buf tail; /* the last, kept to twice its size at most */
	uint64_t n_bytes;
};

static void reset_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
}

static NORETURN void exec_program(const struct child_options *options)
{
	union {
		const char *const *from;
		char *const *to;
	} argv = { options->argv }, env = { options->env };

	reset_signals();
	if (options->dir >= 0 && fchdir(options->dir) < 0) {
		dprintf(STDERR_FILENO, "enter the folder: %s\n",
			strerror(errno));
		_exit(EXIT_NO_PROGRAM);
	}
	if (options->env)
		(void)execvpe(argv.to[0], argv.to, env.to);
	else
		(void)execvp(argv.to[0], argv.to);
	dprintf(STDERR_FILENO, "run %s: %s\n", argv.to[0], strerror(errno));
	_exit(EXIT_NO_PROGRAM);
}

static NORETURN void run_function(const struct child_options *options)
{
	struct err err = ERR_INIT;

	(void)signal(SIGPIPE, SIG_DFL);
	if (options->fn(options->ctx, &err) == 0)
		_exit(0);
	(void)!write(STDOUT_FILENO, err.text, strlen(err.text));
	_exit((int)err.code);
}

static NORETURN void be_child(const struct child_options *options, int output,
			      pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setpgid(0, 0);
	/* A launcher may be about to start what we were told to start. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NO_PROGRAM);
	if (options->is_launcher && options->output >= 0)
		output = options->output;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(output, STDOUT_FILENO) < 0)
		_exit(EXIT_NO_PROGRAM);
	/* A function's own output is its answer; its log stays ours. */
	if (options->fn)
		run_function(options);
	if (dup2(output, STDERR_FILENO) < 0)
		_exit(EXIT_NO_PROGRAM);
	exec_program(options);
}

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int child_start(const struct child_options *options, uint64_t now_ms,
		struct child **out, struct err *err)
{
	pid_t parent = getpid();
	struct child *child;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "%s: make a pipe", options->what);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid = fork();
	if (pid == 0)
		be_child(options, ends[1], parent);
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return err_sys(err, "%s: fork", options->what);
	}
	(void)setpgid(pid, pid); /* whoever comes first */
	child = MEM_NEW(struct child);
	child->what = mem_str(options->what);
	child->pid = pid;
	child->pidfd = open_pidfd(pid);
	child->output = ends[0];
	child->is_function = options->fn != NULL;
	child->is_launcher = options->is_launcher;
	child->timeout_ms = options->timeout_ms;
	if (options->timeout_ms)
		child->deadline_ms = now_ms + options->timeout_ms;
	*out = child;
	return 0;
}

static void kill_group(const struct child *child)
{
	(void)kill(-child->pid, SIGKILL);
}

void child_free(struct child *child)
{
	if (!child)
		return;
	if (!child->has_ended) {
		kill_group(child);
		(void)kill(child->pid, SIGKILL);
		while (waitpid(child->pid, &child->status, 0) < 0 &&
		       errno == EINTR)
			;
	}
	mem_auto_fd(&child->pidfd);
	mem_auto_fd(&child->output);
	buf_release(&child->head);
	buf_release(&child->tail);
	free(child->what);
	free(child);
}

size_t child_fds(const struct child *child, struct pollfd out[CHILD_FDS])
{
	size_t n = 0;

	if (child->has_ended)
		return 0;
	if (child->pidfd >= 0)
		out[n++] = (struct pollfd){ child->pidfd, POLLIN, 0 };
	if (child->output >= 0)
		out[n++] = (struct pollfd){ child->output, POLLIN, 0 };
	return n;
}

uint64_t child_deadline_ms(const struct child *child)
{
	return child->has_ended ? 0 : child->deadline_ms;
}

static void keep(struct child *child, const uint8_t *bytes, size_t size)
{
	size_t room = CHILD_OUTPUT - TAIL - child->head.size;
	size_t first = MIN_OF(room, size);

	child->n_bytes += size;
	buf_append(&child->head, bytes, first);
	buf_append(&child->tail, bytes + first, size - first);
	if (child->tail.size > 2 * TAIL)
		buf_eat(&child->tail, child->tail.size - TAIL);
}

/* At most so much at a time: one that prints for ever must not hold us up. */
static void read_output(struct child *child)
{
	uint8_t bytes[READ_AT_ONCE];
	ssize_t n;

	if (child->output < 0)
		return;
	n = read(child->output, bytes, sizeof(bytes));
	if (n > 0)
		keep(child, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		mem_auto_fd(&child->output), child->output = -1;
}

bool child_step(struct child *child, uint64_t now_ms)
{
	pid_t pid;

	if (child->has_ended)
		return true;
	read_output(child);
	pid = waitpid(child->pid, &child->status, WNOHANG);
	if (pid == 0 && child->deadline_ms && now_ms >= child->deadline_ms) {
		child->is_late = true;
		kill_group(child);
		pid = waitpid(child->pid, &child->status, 0);
	}
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	child->has_ended = true;
	if (!child->is_launcher)
		kill_group(child); /* what it left running */
	read_output(child);
	return true;
}

int child_result(const struct child *child, struct err *err)
{
	if (child->is_late)
		return err_set(err, ERR_TIMEOUT, "%s: not done after %llu ms",
			       child->what,
			       (unsigned long long)child->timeout_ms);
	if (WIFSIGNALED(child->status))
		return err_set(err, ERR_FAILED, "%s: killed by signal %d (%s)",
			       child->what, WTERMSIG(child->status),
			       strsignal(WTERMSIG(child->status)));
	if (WEXITSTATUS(child->status) == 0)
		return 0;
	if (child->is_function)
		return err_set(err, (enum err_code)WEXITSTATUS(child->status),
			       "%s", buf_str(&child->head));
	return err_set(err, ERR_FAILED, "%s: exit status %d", child->what,
		       WEXITSTATUS(child->status));
}

char *child_output(const struct child *child)
{
	AUTO_VALUE(buf) all = BUF_INIT;
	size_t left_out = 0;
	size_t tail = child->tail.size;

	if (child->n_bytes > child->head.size + tail || tail > TAIL) {
		tail = MIN_OF(tail, TAIL - 64);
		left_out = (size_t)(child->n_bytes - child->head.size - tail);
	}
	buf_append(&all, child->head.bytes, child->head.size);
	if (left_out)
		buf_format(&all, "\n[%zu bytes left out]\n", left_out);
	if (tail)
		buf_append(&all, child->tail.bytes + child->tail.size - tail,
			   tail);
	return str_clean(buf_str(&all), all.size);
}

const struct buf *child_bytes(const struct child *child)
{
	return &child->head;
}

int child_run(const struct child_options *options, char **out_output,
	      struct err *err)
{
	AUTO(child) child = NULL;

	if (out_output)
		*out_output = NULL;
	if (child_start(options, clock_boot_ms(), &child, err) < 0)
		return err_again(err);
	while (!child_step(child, clock_boot_ms())) {
		struct pollfd fds[CHILD_FDS];
		size_t n = child_fds(child, fds);

		/* Without a pidfd, or a deadline near: look again soon. */
		(void)poll(fds, n, 100);
	}
	if (out_output)
		*out_output = child_output(child);
	return child_result(child, err);
}
