#include "core/remote/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/clock.h"

#define PROGRAM_MAX   (1u << 20)
#define PROGRAM_CHUNK 16384

struct program {
	pid_t pid;
	int fds[2]; /* its standard output and error; -1: at its end */
	struct buf *to[2];
};

static int program_spawn(struct program *program, char *const *argv,
			 const int *ends, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int rc;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
					       "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[0],
					       STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1],
					       STDERR_FILENO);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setflags(
		&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
				     POSIX_SPAWN_SETSIGDEF);
	(void)sigemptyset(&signals);
	(void)posix_spawnattr_setsigmask(&attributes, &signals);
	(void)sigaddset(&signals, SIGPIPE);
	(void)posix_spawnattr_setsigdefault(&attributes, &signals);
	rc = posix_spawnp(&program->pid, argv[0], &actions, &attributes, argv,
			  environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	return err_set(err, rc == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM,
		       "run %s: %s", argv[0], strerror(rc));
}

static int program_start(struct program *program, char *const *argv,
			 struct err *err)
{
	int ends[2] = { -1, -1 };
	int rc = 0;

	for (size_t i = 0; i < COUNT_OF(ends) && rc == 0; i++) {
		int pipe_fds[2];

		if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
			rc = err_sys(err, "pipe");
			break;
		}
		program->fds[i] = pipe_fds[0];
		ends[i] = pipe_fds[1];
	}
	if (rc == 0)
		rc = program_spawn(program, argv, ends, err);
	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (ends[i] >= 0)
			(void)close(ends[i]);
	return rc;
}

static void program_read(struct program *program, size_t i)
{
	char chunk[PROGRAM_CHUNK];
	ssize_t n = read(program->fds[i], chunk, sizeof(chunk));
	size_t room = PROGRAM_MAX - MIN_OF(program->to[i]->size, PROGRAM_MAX);

	if (n > 0)
		buf_append(program->to[i], chunk, MIN_OF((size_t)n, room));
	else if (n == 0 || errno != EINTR)
		(void)close(TAKE_FD(program->fds[i]));
}

/* Until both ends are there, or it is UNTIL. */
static bool program_listen(struct program *program, uint64_t until)
{
	while (program->fds[0] >= 0 || program->fds[1] >= 0) {
		struct pollfd polls[2] = {
			{ .fd = program->fds[0], .events = POLLIN },
			{ .fd = program->fds[1], .events = POLLIN },
		};
		uint64_t now = clock_boot_ms();

		if (now >= until)
			return false;
		(void)poll(polls, 2, (int)MIN_OF(until - now, 1000u));
		for (size_t i = 0; i < COUNT_OF(polls); i++)
			if (polls[i].revents)
				program_read(program, i);
	}
	return true;
}

int program_run(char *const *argv, uint64_t limit_ms, struct buf *out,
		struct buf *out_text, int *out_status, struct err *err)
{
	struct program program = { .fds = { -1, -1 }, .to = { out, out_text } };
	int rc = program_start(&program, argv, err);
	bool is_over =
		rc == 0 && program_listen(&program, clock_boot_ms() + limit_ms);
	char limit[32];
	int status = 0;

	for (size_t i = 0; i < COUNT_OF(program.fds); i++)
		if (program.fds[i] >= 0)
			(void)close(program.fds[i]);
	if (rc < 0)
		return rc;
	if (!is_over)
		(void)kill(-program.pid, SIGKILL);
	while (waitpid(program.pid, &status, 0) < 0 && errno == EINTR)
		;
	str_format_duration(limit_ms, limit, sizeof(limit));
	if (!is_over)
		return err_set(err, ERR_TIMEOUT, "%s: not done within %s",
			       argv[0], limit);
	*out_status = WIFEXITED(status) ? WEXITSTATUS(status)
					: 128 + WTERMSIG(status);
	return 0;
}
