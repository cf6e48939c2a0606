#include "agents/contact.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/guard.h"
#include "agents/record.h"
#include "agents/slot.h"
#include "core/sys/clock.h"

#define START_MS 20000 /* until a guard answers, on a slow disk */
#define PAUSE_MS 50
#define LOG_MAX	 (1 << 20) /* bytes; then the log begins anew */
#define READY_FD 3
#define LAST_FD	 1024

/* ENOENT, ECONNREFUSED: nobody is there. */
static int try_connect(int gray)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/proc/self/fd/%d/" GUARD_SOCKET, gray);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return TAKE_FD(fd);
}

/* Its stdio is a log of its own, so that nobody waits for its end. */
static void detach(int gray, int ready)
{
	int null = open("/dev/null", O_RDONLY);
	int log = openat(gray, GUARD_LOG,
			 O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	struct stat st;

	if (log >= 0 && fstat(log, &st) == 0 && st.st_size > LOG_MAX)
		(void)!ftruncate(log, 0);
	if (log < 0)
		log = open("/dev/null", O_WRONLY);
	(void)dup2(ready, READY_FD); /* first: it may be one of the others */
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	for (int fd = READY_FD + 1; fd < LAST_FD; fd++)
		(void)close(fd);
}

static NORETURN void become_guard(const char *root, int gray, int ready)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (fork() != 0)
		_exit(0); /* init adopts the other */
	(void)!chdir("/");
	(void)umask(022);
	detach(gray, ready);
	(void)execl("/proc/self/exe", "gray-agent", "guard", "--root", root,
		    "--ready-fd", "3", (char *)NULL);
	(void)dprintf(READY_FD, "%d start the guard: %s\n", (int)ERR_SYSTEM,
		      strerror(errno));
	_exit(1);
}

static int start_guard(const char *root, int gray, int *out_ready,
		       struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	pid = fork();
	if (pid == 0)
		become_guard(root, gray, ends[1]);
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return err_sys(err, "fork");
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*out_ready = ends[0];
	return 0;
}

int contact_start_guard(const char *root, int *out_ready, struct err *err)
{
	__attribute__((cleanup(slot_auto_close))) struct slot *slot = NULL;

	if (slot_open(root, &slot, err) < 0)
		return err_again(err);
	return start_guard(root, slot->gray, out_ready, err);
}

/* What the guard said when it started: 0 ready, or that another is there. */
static int hear_start(int ready, uint64_t until_ms, struct err *err)
{
	char text[2048];
	size_t used = 0;
	char *end;
	long code;

	for (;;) {
		uint64_t now_ms = clock_boot_ms();
		struct pollfd one = { ready, POLLIN, 0 };
		ssize_t n;

		if (now_ms >= until_ms)
			return err_set(err, ERR_TIMEOUT,
				       "the guard does not start");
		if (poll(&one, 1, (int)(until_ms - now_ms)) <= 0)
			continue;
		n = read(ready, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
		if (memchr(text, '\n', used))
			break;
	}
	text[used] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "ready") == 0)
		return 0;
	code = strtol(text, &end, 10);
	if (code == ERR_CONFLICT)
		return 0; /* another was faster: connect to that one */
	if (end == text || code <= 0 || code > ERR_SYSTEM)
		return err_set(err, ERR_SYSTEM,
			       "the guard ended at once; see .gray/" GUARD_LOG);
	return err_set(err, (enum err_code)code, "%s", end + (*end == ' '));
}

enum greeting { GREETING_WELL, GREETING_GONE, GREETING_OTHER };

/* Both say which records they understand. */
static int greet(int fd, enum greeting *out, struct err *err)
{
	union record *answer = MEM_NEW(union record);
	struct record_hello hello = { .version = RECORD_VERSION,
				      .pid = (uint32_t)getpid(),
				      .program = GRAY_VERSION };
	bool is_over = false;
	int rc = 0;

	(void)record_init(&hello, RECORD_HELLO);
	*out = GREETING_GONE;
	if (record_send(fd, &hello.head, err) < 0 ||
	    record_receive(fd, answer, &is_over, err) < 0) {
		if (err->code == ERR_PROTOCOL)
			*out = GREETING_OTHER;
	} else if (!is_over && answer->head.type == RECORD_HELLO) {
		*out = answer->record_hello.version == RECORD_VERSION
			       ? GREETING_WELL
			       : GREETING_OTHER;
	}
	if (*out == GREETING_OTHER)
		rc = err_set(err, ERR_CONFLICT,
			     "a guard of agent version %s is in charge",
			     answer->record_hello.program);
	free(answer);
	return rc;
}

static void ask_to_retire(int fd)
{
	struct record_retire retire;
	struct err ignored = ERR_INIT;

	(void)!record_send(fd, record_init(&retire, RECORD_RETIRE), &ignored);
}

/* One attempt; *out_fd stays -1 when it is worth another. */
static int attempt(const char *root, int gray, uint64_t until_ms, int *out_fd,
		   struct err *err)
{
	AUTO_FD int fd = try_connect(gray);
	AUTO_FD int ready = -1;
	enum greeting greeting;

	if (fd < 0) {
		if (start_guard(root, gray, &ready, err) < 0 ||
		    hear_start(ready, until_ms, err) < 0)
			return err_again(err);
		fd = try_connect(gray);
		if (fd < 0)
			return 0;
	}
	if (greet(fd, &greeting, err) < 0 && clock_boot_ms() >= until_ms)
		return err_again(err);
	if (greeting == GREETING_WELL)
		*out_fd = TAKE_FD(fd);
	else if (greeting == GREETING_OTHER)
		ask_to_retire(fd);
	return 0;
}

int contact_guard(const char *root, int *out_fd, struct err *err)
{
	__attribute__((cleanup(slot_auto_close))) struct slot *slot = NULL;
	uint64_t until_ms = clock_boot_ms() + START_MS;
	int fd = -1;

	if (slot_open(root, &slot, err) < 0)
		return err_again(err);
	while (fd < 0) {
		if (attempt(root, slot->gray, until_ms, &fd, err) < 0)
			return err_wrap(err, "guard of %s", root);
		if (fd < 0 && clock_boot_ms() >= until_ms)
			return err_set(err, ERR_TIMEOUT,
				       "the guard of %s does not answer", root);
		if (fd < 0)
			(void)usleep(PAUSE_MS * 1000);
	}
	*out_fd = fd;
	return 0;
}
