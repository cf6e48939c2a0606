#include "cmd/grayd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "core/base/mem.h"
#include "core/sys/home.h"

static int open_log(const char *home, int *out, struct err *err)
{
	AUTO_STR char *path = mem_format("%s/" HOME_LOG, home);

	*out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return *out < 0 ? err_sys(err, "open %s", path) : 0;
}

/* A byte: it answers. None: it ended, and its status says how. */
static NORETURN void wait_for(pid_t child, int ready)
{
	char byte;
	int status = 0;
	ssize_t n;

	do
		n = read(ready, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			break;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status)
				: err_exit_status(ERR_SYSTEM));
}

static int take_streams(int log, struct err *err)
{
	AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		return err_sys(err, "standard streams");
	return 0;
}

int daemon_begin(const char *home, int *out_ready, struct err *err)
{
	AUTO_FD int log = -1;
	int ends[2];
	pid_t child;

	if (open_log(home, &log, err))
		return err_again(err);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	child = fork();
	if (child < 0)
		return err_sys(err, "fork");
	if (child > 0) {
		(void)close(ends[1]);
		wait_for(child, ends[0]);
	}
	(void)close(ends[0]);
	*out_ready = ends[1];
	if (setsid() < 0)
		return err_sys(err, "setsid");
	if (chdir("/") < 0)
		return err_sys(err, "chdir /");
	return take_streams(log, err);
}

void daemon_tell_ready(int ready)
{
	if (ready < 0)
		return;
	(void)!write(ready, "", 1);
	(void)close(ready);
}
