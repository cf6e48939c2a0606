/*
 * hostkeys.h - which keys a host may show: known_hosts files, as OpenSSH reads
 * them.
 *
 * Several names a line, * and ? and !, hashed names, [host]:port, @revoked. A
 * line that makes no sense is skipped; the others count all the same. For a
 * port other than 22 a key known for the plain name is good too, but says
 * nothing against another key. @cert-authority lines are not used: host
 * certificates need the `ssh` program. Does not talk to a host.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/mem.h"

struct hostkeys;

enum hostkeys_verdict {
	HOSTKEYS_KNOWN,
	HOSTKEYS_UNKNOWN, /* nothing that we can use is known of the host */
	HOSTKEYS_CHANGED, /* other keys are */
	HOSTKEYS_REVOKED
};

/*
 * path   or NULL: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. A file that
 *        is not there knows nobody.
 */
int hostkeys_load(const char *path, struct hostkeys **out,
		  struct err *err) MUST_CHECK;
/* path   for sentences; copied */
struct hostkeys *hostkeys_parse(const char *path, const char *text,
				size_t size);
void hostkeys_free(struct hostkeys *keys);
MEM_AUTO(hostkeys)

/*
 * The key types to ask HOST for, comma-separated, best first: those it has a
 * known key of, or all that are good if it has none. The caller owns *out.
 */
void hostkeys_types(const struct hostkeys *keys, const char *host,
		    uint16_t port, char **out);
/* KEY is the public key as on the wire. err says what is wrong, if anything. */
enum hostkeys_verdict hostkeys_check(const struct hostkeys *keys,
				     const char *host, uint16_t port,
				     const uint8_t *key, size_t size,
				     struct err *err);

/* "ED25519 SHA256:..." and the SHA256:... alone; owned by the caller. */
char *hostkeys_describe(const uint8_t *key, size_t size) MUST_CHECK;
char *hostkeys_fingerprint(const uint8_t *key, size_t size) MUST_CHECK;
/* The line, without its end, that makes KEY known; owned by the caller. */
char *hostkeys_line(const char *host, uint16_t port, const uint8_t *key,
		    size_t size) MUST_CHECK;
/* Add LINE to the end of the file PATH, which is made if need be. */
int hostkeys_append(const char *path, const char *line,
		    struct err *err) MUST_CHECK;
