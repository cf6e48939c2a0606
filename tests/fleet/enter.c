/*
 * enter - the door into a host of the fleet on loopback.
 *
 *	enter -c COMMAND        the login shell that sshd runs: into the host
 *	                        whose address the connection came to
 *	enter boot DIR...       start the hosts' first processes
 *	enter run DIR COMMAND   run COMMAND in the host
 *
 * A host is a folder DIR with srv/ and home/, and a first process in its own
 * mount, process and name spaces: /srv and /home are the host's own, killing
 * the first process kills all of the host at once, and each boot has its own
 * boot_id, as with a machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOT_ID	  "/proc/sys/kernel/random/boot_id"
#define NEW_ID	  "/proc/sys/kernel/random/uuid"
#define HOST_HOME "/home/deploy"
#define HOST_PATH "/usr/local/bin:/usr/bin:/bin"

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt,
								...)
{
	int saved = errno;
	va_list args;

	va_start(args, fmt);
	(void)fputs("enter: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fprintf(stderr, ": %s\n", strerror(saved));
	exit(125);
}

__attribute__((format(printf, 2, 3))) static void path_of(char out[PATH_MAX],
							  const char *fmt, ...)
{
	va_list args;
	int size;

	va_start(args, fmt);
	size = vsnprintf(out, PATH_MAX, fmt, args);
	va_end(args);
	if (size < 0 || size >= PATH_MAX) {
		errno = ENAMETOOLONG;
		die("%s", fmt);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("write %s", path);
	(void)close(fd);
}

static void read_file(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		die("read %s", path);
	out[n] = '\0';
	(void)close(fd);
}

static void bind_mount(const char *dir, const char *name, const char *target)
{
	char source[PATH_MAX];

	path_of(source, "%s/%s", dir, name);
	if (mount(source, target, NULL, MS_BIND, NULL) < 0)
		die("mount %s on %s", source, target);
}

/* What is the host's own, as its processes see it. */
static void mount_host(const char *dir)
{
	char path[PATH_MAX];
	char id[64];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("make the mounts private");
	read_file(NEW_ID, id, sizeof(id));
	path_of(path, "%s/boot_id", dir);
	write_file(path, id);
	/* From inside only, the folder's own mounts hide nothing it needs. */
	if (chdir(dir) < 0)
		die("chdir %s", dir);
	bind_mount(".", "srv", "/srv");
	bind_mount(".", "home", "/home");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) < 0)
		die("mount /proc");
	bind_mount(".", "boot_id", BOOT_ID);
}

/* The host's process 1: it only waits for those that lost their parent. */
__attribute__((noreturn)) static void be_first(const char *dir, int ready)
{
	const char *name = strrchr(dir, '/') + 1;
	int null = open("/dev/null", O_RDWR);

	mount_host(dir);
	(void)sethostname(name, strlen(name));
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)dup2(null, 2);
	(void)close(null);
	if (write(ready, "1", 1) != 1)
		exit(1);
	(void)close(ready);
	for (;;)
		if (waitpid(-1, NULL, 0) < 0)
			(void)poll(NULL, 0, 200);
}

static void boot(const char *dir)
{
	char path[PATH_MAX];
	char text[32];
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe");
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS) < 0)
		die("name spaces (root is needed)");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)setsid();
		(void)close(ready[0]);
		be_first(dir, ready[1]);
	}
	(void)close(ready[1]);
	if (read(ready[0], text, 1) != 1) {
		errno = ECHILD;
		die("%s did not boot", dir);
	}
	path_of(path, "%s/init.pid", dir);
	(void)snprintf(text, sizeof(text), "%d\n", (int)pid);
	write_file(path, text);
}

/* A process can unshare its children's pids once only: one child a host. */
static int boot_all(char *const *dirs)
{
	int failed = 0;

	for (; *dirs; dirs++) {
		char dir[PATH_MAX];
		int status = 0;
		pid_t pid;

		if (!realpath(*dirs, dir))
			die("%s", *dirs);
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			boot(dir);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) < 0 || status != 0)
			failed = 1;
	}
	return failed;
}

static void join(long pid, const char *space, int kind)
{
	char path[PATH_MAX];
	int fd;

	path_of(path, "/proc/%ld/ns/%s", pid, space);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, kind) < 0)
		die("enter %s", path);
	(void)close(fd);
}

static void set_environment(const char *dir, const char *connection)
{
	(void)clearenv();
	(void)setenv("PATH", HOST_PATH, 1);
	(void)setenv("HOME", HOST_HOME, 1);
	(void)setenv("USER", "deploy", 1);
	(void)setenv("LOGNAME", "deploy", 1);
	(void)setenv("SHELL", "/bin/sh", 1);
	(void)setenv("FLEET_HOST", strrchr(dir, '/') + 1, 1);
	if (connection)
		(void)setenv("SSH_CONNECTION", connection, 1);
}

/* The command's end is ours; we hold none of its descriptors meanwhile. */
static int wait_for(pid_t pid)
{
	int status = 0;

	(void)close(0);
	(void)close(1);
	(void)close(2);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 125;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int run(const char *dir, char *const *argv, const char *connection)
{
	char path[PATH_MAX];
	char text[32];
	long first;
	pid_t pid;

	path_of(path, "%s/init.pid", dir);
	read_file(path, text, sizeof(text));
	first = strtol(text, NULL, 10);
	join(first, "pid", CLONE_NEWPID);
	join(first, "uts", CLONE_NEWUTS);
	join(first, "mnt", CLONE_NEWNS);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0)
		return wait_for(pid);
	set_environment(dir, connection);
	if (chdir(HOST_HOME) < 0)
		die("chdir " HOST_HOME);
	execvp(argv[0], argv);
	die("%s", argv[0]);
}

/* The folder of the host with ADDRESS, by the fleet's list of them. */
static void find_host(const char *fleet, const char *address,
		      char dir[PATH_MAX])
{
	char path[PATH_MAX];
	char name[64];
	char one[64];
	FILE *file;

	path_of(path, "%s/targets", fleet);
	file = fopen(path, "re");
	if (!file)
		die("%s", path);
	while (fscanf(file, "%63s %63s", name, one) == 2) {
		if (strcmp(one, address) != 0)
			continue;
		(void)fclose(file);
		path_of(dir, "%s/hosts/%s", fleet, name);
		return;
	}
	errno = ENOENT;
	die("no host has the address %s", address);
}

/* sshd's way in. SSH_CONNECTION: client, port, server address, port. */
static int log_in(char *command)
{
	const char *connection = getenv("SSH_CONNECTION");
	char self[PATH_MAX] = "";
	char dir[PATH_MAX];
	char address[64] = "";
	char shell[] = "sh";
	char option[] = "-c";
	char *argv[] = { shell, option, command, NULL };
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!connection || sscanf(connection, "%*s %*s %63s", address) != 1 ||
	    size <= 0) {
		errno = EINVAL;
		die("not started by sshd");
	}
	/* self is FLEET_DIR/bin/enter */
	*strrchr(self, '/') = '\0';
	*strrchr(self, '/') = '\0';
	find_host(self, address, dir);
	return run(dir, argv, connection);
}

int main(int argc, char **argv)
{
	char dir[PATH_MAX];

	if (argc == 3 && strcmp(argv[1], "-c") == 0)
		return log_in(argv[2]);
	if (argc > 2 && strcmp(argv[1], "boot") == 0)
		return boot_all(argv + 2);
	if (argc > 3 && strcmp(argv[1], "run") == 0) {
		if (!realpath(argv[2], dir))
			die("%s", argv[2]);
		return run(dir, argv + 3, NULL);
	}
	(void)fputs("usage: enter -c COMMAND | boot DIR... | "
		    "run DIR COMMAND...\n",
		    stderr);
	return 2;
}
