#include "cmd/grayctl/daemon.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/str.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/home.h"

#define LOG_MAX_BYTES (64u << 20)
#define LOG_TAIL      10 /* lines */
#define POLL_MS	      20

/* Where sbin is not on PATH, grayd still is in one of these. */
#define MORE_PATH "/usr/local/sbin:/usr/sbin"

/* The folder that PATH names between START and the next colon. */
static char *find_on(const char *path, const char *program)
{
	while (*path) {
		size_t size = strcspn(path, ":");
		AUTO_STR char *full =
			mem_format("%.*s/%s", (int)size, path, program);

		if (size > 0 && access(full, X_OK) == 0)
			return TAKE(full);
		path += size + (path[size] == ':');
	}
	return NULL;
}

char *daemon_find(const char *program)
{
	char self[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *path = getenv("PATH");
	char *found = NULL;

	if (size > 0) {
		AUTO_STR char *near = NULL;

		self[size] = '\0';
		*strrchr(self, '/') = '\0';
		near = mem_format("%s:%s/../sbin:%s/../lib/gray", self, self,
				  self);
		found = find_on(near, program);
	}
	if (!found && path)
		found = find_on(path, program);
	return found ? found : find_on(MORE_PATH, program);
}

static int run_grayd(const char *program, struct err *err)
{
	char name[] = "grayd";
	char option[] = "--daemon";
	char *argv[] = { name, option, NULL };
	extern char **environ;
	pid_t pid = -1;
	int status = 0;
	int failed = posix_spawn(&pid, program, NULL, NULL, argv, environ);

	if (failed) {
		errno = failed;
		return err_sys(err, "start %s", program);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "wait for %s", program);
	/* It may have lost the race against another grayd: is_up decides. */
	return 0;
}

static void add_log_tail(const char *home, struct buf *lines)
{
	AUTO_STR char *path = mem_format("%s/" HOME_LOG, home);
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;
	const char *at;
	unsigned n = 0;

	if (file_read(path, LOG_MAX_BYTES, &text, &err) < 0 || text.size == 0)
		return;
	at = buf_str(&text) + text.size - 1;
	while (at > buf_str(&text) && n < LOG_TAIL)
		if (*--at == '\n')
			n++;
	buf_format(lines, "%s%s", *at == '\n' ? at + 1 : at,
		   str_ends(at, "\n") ? "" : "\n");
}

int daemon_start(const char *home, bool (*is_up)(void *ctx), void *ctx,
		 struct buf *lines, struct err *err)
{
	AUTO_STR char *program = daemon_find("grayd");
	uint64_t until = clock_boot_ms() + DAEMON_WAIT_MS;
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000 };

	if (!program)
		return err_set(err, ERR_UNREACHABLE,
			       "no controller answers at %s, and no grayd was "
			       "found beside grayctl or on PATH",
			       home);
	if (setenv("GRAY_HOME", home, 1) < 0)
		return err_sys(err, "set GRAY_HOME");
	if (run_grayd(program, err) < 0)
		return err_again(err);
	while (!is_up(ctx)) {
		if (clock_boot_ms() > until) {
			add_log_tail(home, lines);
			return err_set(err, ERR_UNREACHABLE,
				       "%s did not come up; its log is "
				       "%s/" HOME_LOG,
				       program, home);
		}
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}
