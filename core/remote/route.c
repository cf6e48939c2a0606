#include "core/remote/route.h"

#include <pthread.h>
#include <string.h>

#include "core/base/map.h"
#include "core/base/str.h"
#include "core/remote/hostkeys.h"
#include "core/remote/openssh_args.h"
#include "core/remote/program.h"
#include "core/remote/ssh_files.h"
#include "core/remote/user.h"

#define ROUTES_MAX 50000 /* answers kept; a fleet has 20000 hosts */
#define ROUTE_PORT 22

static const char libssh2[] = "libssh2";
static const char program[] = "ssh";

/*
 * Both maps hold what is behind a pointer, by text. The lock is for the time it
 * takes to look something up, not for that of asking ssh: at a start several
 * threads may ask the same, which harms nobody.
 */
struct routes {
	pthread_mutex_t lock;
	struct map *files;     /* by configuration: struct ssh_files */
	struct map *answers;   /* by what was asked: char, as ssh printed it */
	struct hostkeys *keys; /* read last */
};

struct routes *routes_new(void)
{
	struct routes *routes = MEM_NEW(struct routes);

	(void)pthread_mutex_init(&routes->lock, NULL);
	routes->files = map_new();
	routes->answers = map_new();
	return routes;
}

static void routes_forget(struct routes *routes)
{
	const struct map_entry *at = NULL;
	const char *key;
	void *value;

	while (map_next(routes->files, &at, &key, &value))
		ssh_files_free(value);
	at = NULL;
	while (map_next(routes->answers, &at, &key, &value))
		free(value);
	map_free(routes->files);
	map_free(routes->answers);
	routes->files = map_new();
	routes->answers = map_new();
}

void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	routes_forget(routes);
	map_free(routes->files);
	map_free(routes->answers);
	hostkeys_free(routes->keys);
	(void)pthread_mutex_destroy(&routes->lock);
	free(routes);
}

void route_release(struct route *route)
{
	free(route->why);
	free(route->identities);
	remote_target_release(&route->to);
	memset(route, 0, sizeof(*route));
}

/* ---- what ssh says ---- */

/* What the answer depends on: the class of the host, and all that is given. */
static char *question_of(const struct ssh_files *files,
			 const struct remote_target *target)
{
	bool has_tokens = target->options && strchr(target->options, '%');
	AUTO_STR char *class =
		has_tokens ? mem_str(target->address)
			   : ssh_files_class(files, target->address);

	return mem_format("%s\t%s\t%s\t%u\t%s\t%s\t%s\t%s",
			  target->config ? target->config : "", class,
			  target->user ? target->user : "", target->port,
			  target->identity ? target->identity : "",
			  target->known_hosts ? target->known_hosts : "",
			  target->host_key_alias ? target->host_key_alias : "",
			  target->options ? target->options : "");
}

static bool is_complete(const struct ssh_settings *settings)
{
	return ssh_settings_get(settings, "hostname") &&
	       ssh_settings_get(settings, "port") &&
	       ssh_settings_get(settings, "user");
}

/*
 * A host that is called in the network what it is called here: then its answer
 * is also that for others, but for this line.
 */
static void drop_own_name(char *text, const char *address)
{
	AUTO_STR char *line = mem_format("\nhostname %s\n", address);
	char *found = strcasestr(text, line);

	if (found)
		memmove(found, found + strlen(line) - 1,
			strlen(found + strlen(line) - 1) + 1);
}

static int ask_ssh(const struct remote_target *target, uint64_t limit_ms,
		   char **out, struct err *err)
{
	AUTO_VALUE(openssh_args) args = { 0 };
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(buf) complaint = BUF_INIT;
	AUTO(ssh_settings) settings = NULL;
	int status = 0;

	openssh_args_add(&args, "ssh");
	openssh_args_add(&args, "-G");
	openssh_args_add_target(&args, target);
	openssh_args_finish(&args, target->address, NULL);
	if (program_run(args.words.items, limit_ms, &text, &complaint, &status,
			err) < 0)
		return err_again(err);
	settings = ssh_settings_parse(buf_str(&text), text.size);
	if (status != 0 || !is_complete(settings)) {
		AUTO_STR char *words =
			str_clean(buf_str(&complaint),
				  strcspn(buf_str(&complaint), "\r\n"));

		return err_set(err, ERR_UNREACHABLE, "ssh -G: %s",
			       *words ? words : "it says nothing");
	}
	*out = buf_take_str(&text);
	drop_own_name(*out, target->address);
	return 0;
}

/* The files of the target's configuration as they are now; borrowed. */
static const struct ssh_files *fresh_files(struct routes *routes,
					   const struct remote_target *target)
{
	const char *name = target->config ? target->config : "";
	struct ssh_files *files = map_find(routes->files, name);

	if ((files && !ssh_files_are_fresh(files)) ||
	    map_count(routes->answers) > ROUTES_MAX) {
		routes_forget(routes);
		files = NULL;
	}
	if (!files) {
		files = ssh_files_read(target->config);
		(void)map_put(routes->files, name, files);
	}
	return files;
}

/* Of several that asked the same meanwhile the last is kept. */
static void keep_answer(struct routes *routes, const char *question,
			const char *text)
{
	pthread_mutex_lock(&routes->lock);
	free(map_put(routes->answers, question, mem_str(text)));
	pthread_mutex_unlock(&routes->lock);
}

static int settings_of(struct routes *routes,
		       const struct remote_target *target, uint64_t limit_ms,
		       bool *out_has_match, struct ssh_settings **out,
		       struct err *err)
{
	const struct ssh_files *files;
	AUTO_STR char *question = NULL;
	AUTO_STR char *text = NULL;

	pthread_mutex_lock(&routes->lock);
	files = fresh_files(routes, target);
	*out_has_match = ssh_files_have_match(files);
	question = question_of(files, target);
	text = mem_str(map_find(routes->answers, question));
	pthread_mutex_unlock(&routes->lock);
	if (!text) {
		if (ask_ssh(target, limit_ms, &text, err) < 0)
			return err_again(err);
		keep_answer(routes, question, text);
	}
	*out = ssh_settings_parse(text, strlen(text));
	return 0;
}

/* ---- what follows from it ---- */

/* "a b" as two lines; NULL when that would not be what ssh reads. */
static char *known_hosts_lines(const char *paths)
{
	char *lines = mem_str(paths);

	for (char *p = lines; *p; p++)
		if (*p == ' ')
			*p = '\n';
	for (const char *p = lines; *p; p++)
		if ((p == lines || p[-1] == '\n') && *p != '/') {
			free(lines);
			return NULL;
		}
	return lines;
}

static bool is_usual_known_hosts(const char *paths)
{
	AUTO_STR char *usual = user_login_file(".ssh/known_hosts");
	AUTO_STR char *both = mem_format("%s %s2", usual, usual);

	return strcmp(paths, both) == 0;
}

static void set_text(const char **slot, const char *text)
{
	char *own = (char *)(uintptr_t)*slot;

	mem_set_str(&own, text);
	*slot = own;
}

/* The target as libssh2 needs it: nothing left for a configuration to say. */
static char *resolve(const struct remote_target *target,
		     const struct ssh_settings *settings, struct route *out)
{
	const char *known = ssh_settings_get(settings, "userknownhostsfile");
	const char *only = ssh_settings_get(settings, "identitiesonly");
	const char *port = ssh_settings_get(settings, "port");
	const char *address = ssh_settings_get(settings, "hostname");
	uint64_t number = ROUTE_PORT;
	struct err err = ERR_INIT;

	remote_target_copy(target, &out->to);
	/* ssh prints it in small letters, which say the same. */
	if (address)
		set_text(&out->to.address, address);
	set_text(&out->to.user, ssh_settings_get(settings, "user"));
	set_text(&out->to.host_key_alias,
		 ssh_settings_get(settings, "hostkeyalias"));
	if (str_parse_u64(port, UINT16_MAX, &number, &err) == 0)
		out->to.port = (uint16_t)number;
	if (!target->known_hosts && known && !is_usual_known_hosts(known)) {
		AUTO_STR char *lines = known_hosts_lines(known);

		if (!lines)
			return mem_format("its UserKnownHostsFile is %s",
					  known);
		set_text(&out->to.known_hosts, lines);
	}
	out->identities_only = only && strcmp(only, "yes") == 0;
	out->identities = mem_str(ssh_settings_get(settings, "identityfile"));
	return NULL;
}

static char *known_keys_reason(struct routes *routes,
			       const struct remote_target *to)
{
	const char *name =
		to->host_key_alias ? to->host_key_alias : to->address;
	uint16_t port = to->host_key_alias ? ROUTE_PORT : to->port;
	enum hostkeys_hint hint = HOSTKEYS_HAS_NOTHING;
	struct hostkeys *keys = NULL;
	struct err err = ERR_INIT;

	pthread_mutex_lock(&routes->lock);
	if (!routes->keys ||
	    !hostkeys_is_fresh(routes->keys, to->known_hosts)) {
		hostkeys_free(TAKE(routes->keys));
		/* Not to be read: whoever connects says so. */
		if (hostkeys_load(to->known_hosts, &keys, &err) == 0)
			routes->keys = keys;
	}
	if (routes->keys)
		hint = hostkeys_hint(routes->keys, name, port);
	pthread_mutex_unlock(&routes->lock);
	if (hint == HOSTKEYS_HAS_OTHERS)
		return mem_str("of its keys only an RSA or FIDO key is in "
			       "known_hosts, which libssh2 cannot check");
	if (hint == HOSTKEYS_HAS_AUTHORITY)
		return mem_str("known_hosts has a certificate authority for "
			       "it, which libssh2 cannot check");
	return NULL;
}

/* Why it has to be ssh, or NULL. */
static int find_reason(struct routes *routes,
		       const struct remote_target *target, uint64_t limit_ms,
		       struct route *out, bool *out_is_soft, char **out_reason,
		       struct err *err)
{
	struct remote_target nowhere = { .name = "?",
					 .address = "host",
					 .config = "none" };
	AUTO(ssh_settings) plain = NULL;
	AUTO(ssh_settings) settings = NULL;
	bool has_match = false;

	*out_is_soft = false;
	if (settings_of(routes, &nowhere, limit_ms, &has_match, &plain, err) <
		    0 ||
	    settings_of(routes, target, limit_ms, &has_match, &settings, err) <
		    0)
		return err_again(err);
	*out_reason = route_settings_reason(settings, plain);
	if (!*out_reason)
		*out_reason = resolve(target, settings, out);
	if (!*out_reason)
		*out_reason = known_keys_reason(routes, &out->to);
	if (!*out_reason)
		*out_reason = route_keys_reason(target, settings, out_is_soft);
	if (!*out_reason && has_match) {
		*out_reason = mem_str("its configuration has a Match, whose "
				      "answer may change at any time");
		*out_is_soft = true;
	}
	return 0;
}

/* No ssh program: then there is nobody to ask, and no choice. */
static int without_ssh(const struct remote_target *target, struct route *out)
{
	remote_target_copy(target, &out->to);
	out->transport = libssh2;
	out->why = mem_str("there is no ssh program on the PATH here");
	return 0;
}

int routes_find(struct routes *routes, const struct remote_target *target,
		uint64_t limit_ms, struct route *out, struct err *err)
{
	bool is_forced =
		target->transport && strcmp(target->transport, libssh2) == 0;
	AUTO_STR char *reason = NULL;
	bool is_soft;

	memset(out, 0, sizeof(*out));
	if (openssh_args_check(target, err) < 0)
		return err_again(err);
	if (find_reason(routes, target, limit_ms, out, &is_soft, &reason, err) <
	    0) {
		if (err->code == ERR_NOT_FOUND)
			return without_ssh(target, out);
		return err_again(err);
	}
	if (reason && is_forced && !is_soft) {
		(void)err_set(err, ERR_UNREACHABLE,
			      "transport: libssh2 cannot do it: %s; leave "
			      "transport out, or use ssh",
			      reason);
		route_release(out);
		return err_again(err);
	}
	out->transport = reason && !is_forced ? program : libssh2;
	out->why = reason && !is_forced ? TAKE(reason)
		   : is_forced		? mem_str("the fleet file says so")
					: mem_str("nothing asks for more");
	return 0;
}
