/*
 * route.h - which transport fits a host, and why: what `ssh -G` says decides.
 *
 * Answers of ssh are kept for as long as its configuration files stay as they
 * are, one for all hosts that the same Host lines speak of. Keys, known_hosts
 * and the ssh-agent are looked at every time. From any thread; blocks: never on
 * a loop's.
 *
 *	ssh -G ---> settings --+
 *	private keys, agent ---+--> libssh2, with the way resolved, or ssh
 *	known_hosts -----------+
 */
#pragma once

#include "core/remote/ssh_settings.h"
#include "core/remote/transport.h"

struct routes;

struct route {
	const char *transport; /* "libssh2" or "ssh" */
	char *why;
	/* For libssh2: the target as ssh would resolve it. */
	struct remote_target to;
	char *identities; /* private keys to try, a path a line; or NULL */
	bool identities_only;
};
void route_release(struct route *route);
MEM_AUTO_VALUE(route)

struct routes *routes_new(void);
void routes_free(struct routes *routes);
MEM_AUTO(routes)
/*
 * Fails when ssh does not take its configuration, or the target asks for
 * libssh2 and that cannot do it.
 */
int routes_find(struct routes *routes, const struct remote_target *target,
		uint64_t limit_ms, struct route *out,
		struct err *err) MUST_CHECK;

/*
 * route_rules.c: why only ssh can do what SETTINGS ask for; NULL if libssh2
 * can. The caller's.
 *
 * plain         what ssh does without any configuration
 * out_is_soft   libssh2 might do as well, if asked to
 */
char *route_settings_reason(const struct ssh_settings *settings,
			    const struct ssh_settings *plain) MUST_CHECK;
char *route_keys_reason(const struct remote_target *target,
			const struct ssh_settings *settings,
			bool *out_is_soft) MUST_CHECK;
