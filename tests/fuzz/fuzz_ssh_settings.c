/* Any text is an answer of `ssh -G`: it has a value for some keywords. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/remote/ssh_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(ssh_settings)
	settings = ssh_settings_parse((const char *)data, size);
	const char *value = ssh_settings_get(settings, "identityfile");

	assert(!value || strcmp(value, "none") != 0);
	return 0;
}
