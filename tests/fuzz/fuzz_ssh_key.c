/* Any text may be a private key; its type is a short word or not to be told. */
#include <assert.h>
#include <string.h>

#include "core/remote/ssh_key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR char *type = ssh_key_text_type((const char *)data, size);

	assert(*ssh_key_obstacle(type));
	/* Bytes that are no letters may become longer. */
	assert(!type || strlen(type) < 512);
	return 0;
}
