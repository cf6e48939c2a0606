/* Any text is a known_hosts file: it knows some hosts, and says so twice. */
#include <assert.h>
#include <string.h>

#include "core/remote/hostkeys.h"

static const uint8_t key[] = "\0\0\0\13ssh-ed25519\0\0\0\40"
			     "01234567890123456789012345678901";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO(hostkeys) keys = hostkeys_parse("kh", (const char *)bytes, size);
	AUTO_STR char *types = NULL;
	struct err err = ERR_INIT;
	enum hostkeys_verdict verdict =
		hostkeys_check(keys, "web-1", 2222, key, sizeof(key) - 1, &err);

	hostkeys_types(keys, "web-1", 2222, &types);
	assert(strlen(types) >= strlen("ssh-ed25519"));
	/* A key that is known is of a type that is asked for. */
	if (verdict == HOSTKEYS_KNOWN)
		assert(strstr(types, "ssh-ed25519"));
	else
		assert(err.code == ERR_HOSTKEY);
	return 0;
}
