#include <string.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/remote/route.h"
#include "core/remote/ssh_agent.h"
#include "core/remote/ssh_key_file.h"
#include "core/remote/user.h"

/* Keywords that libssh2 does nothing about, and the value that asks nothing. */
static const struct {
	const char *keyword;
	const char *name; /* as people write it */
	const char *idle; /* or NULL: not there, or none */
} rules[] = {
	{ "proxyjump", "ProxyJump", NULL },
	{ "proxycommand", "ProxyCommand", NULL },
	{ "canonicalizehostname", "CanonicalizeHostname", "false" },
	{ "certificatefile", "CertificateFile", NULL },
	{ "pkcs11provider", "PKCS11Provider", NULL },
	{ "hostbasedauthentication", "HostbasedAuthentication", "no" },
	{ "pubkeyauthentication", "PubkeyAuthentication", "true" },
	{ "identityagent", "IdentityAgent", "SSH_AUTH_SOCK" },
	{ "knownhostscommand", "KnownHostsCommand", NULL },
	{ "revokedhostkeys", "RevokedHostKeys", NULL },
	{ "verifyhostkeydns", "VerifyHostKeyDNS", "false" },
	{ "bindaddress", "BindAddress", NULL },
	{ "bindinterface", "BindInterface", NULL },
	{ "addressfamily", "AddressFamily", "any" },
};

/* Lists that somebody may have shortened on purpose. */
static const struct {
	const char *keyword;
	const char *name;
} lists[] = {
	{ "ciphers", "Ciphers" },
	{ "macs", "MACs" },
	{ "kexalgorithms", "KexAlgorithms" },
	{ "hostkeyalgorithms", "HostKeyAlgorithms" },
	{ "casignaturealgorithms", "CASignatureAlgorithms" },
	{ "pubkeyacceptedalgorithms", "PubkeyAcceptedAlgorithms" },
	{ "globalknownhostsfile", "GlobalKnownHostsFile" },
	{ "requiredrsasize", "RequiredRSASize" },
};

static bool is_value(const struct ssh_settings *settings, const char *keyword,
		     const char *value)
{
	const char *is = ssh_settings_get(settings, keyword);

	return is == value || (is && value && strcmp(is, value) == 0);
}

/* A ticket cache is there: GSSAPI may be the way in. */
static bool has_ticket(void)
{
	const char *name = getenv("KRB5CCNAME");
	AUTO_STR char *usual =
		mem_format("/tmp/krb5cc_%u", (unsigned)geteuid());

	if (!name)
		return access(usual, F_OK) == 0;
	if (str_starts(name, "FILE:"))
		name += strlen("FILE:");
	return *name != '/' || access(name, F_OK) == 0;
}

char *route_settings_reason(const struct ssh_settings *settings,
			    const struct ssh_settings *plain)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (ssh_settings_get(settings, rules[i].keyword) &&
		    !is_value(settings, rules[i].keyword, rules[i].idle))
			return mem_format(
				"its way has %s %s", rules[i].name,
				ssh_settings_get(settings, rules[i].keyword));
	for (size_t i = 0; i < COUNT_OF(lists); i++)
		if (!is_value(settings, lists[i].keyword,
			      ssh_settings_get(plain, lists[i].keyword)))
			return mem_format("%s is chosen in its configuration",
					  lists[i].name);
	if (is_value(settings, "gssapiauthentication", "yes") && has_ticket())
		return mem_str("GSSAPIAuthentication is on, and there is a "
			       "ticket for it");
	return NULL;
}

/* ---- keys ---- */

struct survey {
	bool has_usable;
	char *obstacle; /* of the first key that libssh2 cannot use */
};

static void survey_obstacle(struct survey *survey, const char *where,
			    const char *type)
{
	if (!survey->obstacle)
		survey->obstacle =
			mem_format("%s is %s", where, ssh_key_obstacle(type));
}

static void survey_file(struct survey *survey, const char *path)
{
	AUTO_STR char *certificate = mem_format("%s-cert.pub", path);
	AUTO_STR char *type = NULL;

	if (access(path, F_OK) < 0)
		return;
	type = ssh_key_file_type(path);
	if (access(certificate, F_OK) == 0)
		survey_obstacle(survey, certificate, "-cert-");
	else if (ssh_key_fits_libssh2(type))
		survey->has_usable = true;
	else
		survey_obstacle(survey, path, type);
}

static void survey_agent(struct survey *survey)
{
	AUTO(ssh_agent) agent = NULL;
	struct err err = ERR_INIT;

	if (ssh_agent_open(&agent, &err) < 0)
		return;
	survey->has_usable |= agent->keys.n > 0;
	if (agent->other)
		survey_obstacle(survey, "in the ssh-agent", agent->other);
}

char *route_keys_reason(const struct remote_target *target,
			const struct ssh_settings *settings, bool *out_is_soft)
{
	const char *files = ssh_settings_get(settings, "identityfile");
	AUTO_STR char *copy = mem_str(files ? files : "");
	struct survey survey = { 0 };
	char *rest = NULL;

	*out_is_soft = false;
	if (target->identity) {
		survey_file(&survey, target->identity);
		return survey.obstacle;
	}
	for (char *path = strtok_r(copy, "\n", &rest); path;
	     path = strtok_r(NULL, "\n", &rest)) {
		AUTO_STR char *full = user_path(path);

		if (strchr(full, '%') || strstr(full, "${"))
			survey_obstacle(&survey, full, NULL);
		else
			survey_file(&survey, full);
	}
	if (!is_value(settings, "identitiesonly", "yes"))
		survey_agent(&survey);
	*out_is_soft = survey.has_usable;
	return survey.obstacle;
}
