#include "tests/support/sshd.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "tests/support/tmpdir.h"

#define SSHD	     "/usr/sbin/sshd" /* re-executes itself: absolute */
#define SSHD_WAIT_MS 5000

void sshd_shell(const char *fmt, ...)
{
	AUTO_STR char *line = NULL;
	va_list args;
	int rc;

	va_start(args, fmt);
	if (vasprintf(&line, fmt, args) < 0)
		abort();
	va_end(args);
	rc = system(line);
	if (rc == 0)
		return;
	(void)fprintf(stderr, "failed (%d): %s\n", rc, line);
	abort();
}

static int loopback_socket(uint16_t port, struct sockaddr_in *out)
{
	memset(out, 0, sizeof(*out));
	out->sin_family = AF_INET;
	out->sin_port = htons(port);
	out->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int sshd_listen(uint16_t *out_port)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	int fd = loopback_socket(0, &at);

	if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		abort();
	*out_port = ntohs(at.sin_port);
	return fd;
}

uint16_t sshd_free_port(void)
{
	uint16_t port = 0;
	AUTO_FD int fd = sshd_listen(&port);

	return port;
}

static int is_listening(uint16_t port)
{
	struct sockaddr_in at;
	AUTO_FD int fd = loopback_socket(port, &at);

	return connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

static void write_config(const struct sshd *sshd, const char *more)
{
	AUTO_STR char *path = mem_format("%s/conf", sshd->dir);
	AUTO_FILE FILE *file = fopen(path, "we");

	if (!file)
		abort();
	/* Not our home: its shell start-up files may do anything. */
	(void)fprintf(file,
		      "ListenAddress %s:%u\n"
		      "HostKey %s/host\n"
		      "AuthorizedKeysFile %s/authorized_keys\n"
		      "PidFile none\nStrictModes no\nUsePAM no\n"
		      "PasswordAuthentication no\n"
		      "KbdInteractiveAuthentication no\n"
		      "MaxStartups 200\nLogLevel VERBOSE\n"
		      "SetEnv HOME=%s\n%s",
		      sshd->address, sshd->port, sshd->dir, sshd->dir,
		      sshd->dir, more);
}

void sshd_restart(struct sshd *sshd)
{
	AUTO_STR char *conf = mem_format("%s/conf", sshd->dir);

	sshd->pid = fork();
	if (sshd->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives us */
		(void)setpgid(0, 0);
		(void)execl(SSHD, SSHD, "-D", "-f", conf, "-E", sshd->log,
			    (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < SSHD_WAIT_MS / 10; i++) {
		if (is_listening(sshd->port))
			return;
		(void)usleep(10000);
	}
	sshd_shell("cat '%s'", sshd->log);
	abort();
}

void sshd_start(struct sshd *sshd, const char *more)
{
	sshd_start_with(sshd, "ed25519", "ed25519", more);
}

void sshd_certify(struct sshd *sshd)
{
	sshd_shell("cd '%s' && ssh-keygen -q -t ed25519 -N '' -f ca && "
		   "ssh-keygen -q -t ed25519 -N '' -f certified && "
		   "ssh-keygen -q -s ca -I host -h -n '%s' host.pub && "
		   "ssh-keygen -q -s ca -I user -n \"$(id -un)\" "
		   "certified.pub && "
		   "echo \"@cert-authority [%s]:%u $(cut -d' ' -f1,2 ca.pub)\" "
		   "> known_hosts && "
		   "printf 'HostCertificate %%s\\nTrustedUserCAKeys %%s\\n' "
		   "\"$PWD/host-cert.pub\" \"$PWD/ca.pub\" >> conf",
		   sshd->dir, sshd->address, sshd->address, sshd->port);
	sshd_kill(sshd);
	sshd_restart(sshd);
}

void sshd_start_with(struct sshd *sshd, const char *host_type,
		     const char *key_type, const char *more)
{
	sshd->dir = tmpdir_make();
	sshd->key = mem_format("%s/id", sshd->dir);
	sshd->known_hosts = mem_format("%s/known_hosts", sshd->dir);
	sshd->log = mem_format("%s/log", sshd->dir);
	sshd->address = "127.0.0.1";
	sshd->port = sshd_free_port();
	(void)mkdir("/run/sshd", 0755); /* as root it wants this one */
	sshd_shell("cd '%s' && ssh-keygen -q -t %s -N '' -f host && "
		   "ssh-keygen -q -t %s -N '' -C test-key -f id && "
		   "cp id.pub authorized_keys && "
		   "echo \"[%s]:%u $(cut -d' ' -f1,2 host.pub)\" > known_hosts",
		   sshd->dir, host_type, key_type, sshd->address, sshd->port);
	write_config(sshd, more);
	sshd_restart(sshd);
}

/* Children serve a connection each, their children what runs in it. */
void sshd_kill(struct sshd *sshd)
{
	if (!sshd->pid)
		return;
	(void)kill(sshd->pid, SIGSTOP); /* forks no more */
	sshd_shell("for p in $(ps -o pid= --ppid %d); do kill -9 $p $(ps -o "
		   "pid= --ppid $p) 2>/dev/null; done; true",
		   (int)sshd->pid);
	(void)kill(sshd->pid, SIGKILL);
	(void)waitpid(sshd->pid, NULL, 0);
	sshd->pid = 0;
}

void sshd_stop(struct sshd *sshd)
{
	sshd_kill(sshd);
	free(sshd->key);
	free(sshd->known_hosts);
	free(sshd->log);
	tmpdir_remove(sshd->dir);
	memset(sshd, 0, sizeof(*sshd));
}
