/* Any bytes are a fleet of different hosts or have mistakes. */
#include <assert.h>

#include "core/fleet/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_VALUE(buf) errors = BUF_INIT;
	AUTO(fleet) fleet = NULL;
	struct err err = ERR_INIT;
	int result = fleet_parse("f", (const char *)bytes, size, &errors,
				 &fleet, &err);

	assert((result == 0) == (fleet != NULL));
	assert((result == 0) == (errors.size == 0));
	if (!fleet)
		return 0;
	assert(fleet->hosts.n >= 1 && fleet->hosts.n <= FLEET_MAX_HOSTS);
	for (size_t i = 1; i < fleet->hosts.n && i < 100; i++)
		assert(strcmp(fleet->hosts.items[i].name,
			      fleet->hosts.items[i - 1].name) != 0);
	return 0;
}
