/*
 * hostkeys.h - which keys a host may show: known_hosts files, judged as OpenSSH
 * judges them.
 *
 * All files count together. What counts first:
 *
 *	@revoked, and it is this key			REVOKED
 *	this key					KNOWN
 *	another key, of any type			CHANGED
 *	nothing; at another port than 22 the name
 *	without it is asked, which may say		REVOKED, KNOWN
 *	nothing						UNKNOWN
 *
 * @cert-authority lines are for certificates, so they say nothing of a key. For
 * a HostKeyAlias ask with the alias as host, and port 22. Does not talk to a
 * host.
 */
#pragma once

#include "core/base/err.h"
#include "core/remote/hostkey.h"

struct hostkeys;

enum hostkeys_verdict {
	HOSTKEYS_KNOWN,
	HOSTKEYS_UNKNOWN,
	HOSTKEYS_CHANGED,
	HOSTKEYS_REVOKED
};

/*
 * files   the user's, a path a line; NULL: ~/.ssh/known_hosts and known_hosts2.
 *         After them those of the machine are read, /etc/ssh/ssh_known_hosts
 *         and its second. A file that is not there knows nobody.
 */
int hostkeys_load(const char *files, struct hostkeys **out,
		  struct err *err) MUST_CHECK;
/* Would hostkeys_load read what it read for KEYS? */
bool hostkeys_is_fresh(const struct hostkeys *keys, const char *files);
/* One file's text; path is for sentences. */
struct hostkeys *hostkeys_parse(const char *path, const char *text,
				size_t size);
void hostkeys_free(struct hostkeys *keys);
MEM_AUTO(hostkeys)

/*
 * The key types to ask HOST for, comma-separated, all that libssh2 can check:
 * first those that it has a known key of. The caller owns *out.
 */
void hostkeys_types(const struct hostkeys *keys, const char *host,
		    uint16_t port, char **out);
/*
 * What is known of HOST before it shows a key: one that libssh2 can check, only
 * others, an authority for certificates, or nothing.
 */
enum hostkeys_hint {
	HOSTKEYS_HAS_NOTHING,
	HOSTKEYS_HAS_AUTHORITY,
	HOSTKEYS_HAS_OTHERS,
	HOSTKEYS_HAS_USABLE
};
enum hostkeys_hint hostkeys_hint(const struct hostkeys *keys, const char *host,
				 uint16_t port);
/* KEY is the public key as on the wire. err says what is wrong, if anything. */
enum hostkeys_verdict hostkeys_check(const struct hostkeys *keys,
				     const char *host, uint16_t port,
				     const uint8_t *key, size_t size,
				     struct err *err);

/* The line, without its end, that makes KEY known; owned by the caller. */
char *hostkeys_line(const char *host, uint16_t port, const uint8_t *key,
		    size_t size) MUST_CHECK;
/* LINE with its names hashed; owned by the caller. */
char *hostkeys_line_hashed(const char *line) MUST_CHECK;
/* The file of FILES that new keys go to, the first; owned by the caller. */
char *hostkeys_first_file(const char *files) MUST_CHECK;
/*
 * Add LINE to the end of the file PATH. It, and the folder it is in, are made
 * for the user alone if need be.
 */
int hostkeys_append(const char *path, const char *line,
		    struct err *err) MUST_CHECK;
