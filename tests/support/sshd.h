/*
 * sshd.h - a real OpenSSH server for one test program, on loopback.
 *
 * With a key of its own, a key that may log in as who runs the test, and a
 * known_hosts that knows it. Ends the test program when it cannot start.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct sshd {
	char *dir;	   /* all its files; a tmpdir */
	char *key;	   /* private key that may log in */
	char *known_hosts; /* has its line */
	char *log;
	const char *address;
	uint16_t port;
	pid_t pid;
};

/* more   lines for its configuration, or "" */
void sshd_start(struct sshd *sshd, const char *more);
/*
 * The same, of another kind.
 *
 * host_type   of its only host key: "ed25519", "rsa", "ecdsa"
 * key_type    of the key that may log in
 */
void sshd_start_with(struct sshd *sshd, const char *host_type,
		     const char *key_type, const char *more);
/*
 * A certificate authority DIR/ca: signs the host's key, which known_hosts knows
 * by it alone from then on, and DIR/certified, a key that may log in by its
 * certificate alone. Restarts it.
 */
void sshd_certify(struct sshd *sshd);
void sshd_stop(struct sshd *sshd);
/* kill -9 it and every connection it serves. */
void sshd_kill(struct sshd *sshd);
/* After sshd_kill: the same again. */
void sshd_restart(struct sshd *sshd);

/* Run a shell command line; ends the test program unless it exits with 0. */
void sshd_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A listening socket on 127.0.0.1; the caller's. */
int sshd_listen(uint16_t *out_port);
/* A port of 127.0.0.1 that nobody listens on. */
uint16_t sshd_free_port(void);
