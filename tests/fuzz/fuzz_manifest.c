/* What decodes is canonical: encoding it again gives the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/release/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(manifest) manifest = NULL;
	AUTO_VALUE(buf) again = BUF_INIT;
	struct err err = ERR_INIT;

	if (manifest_decode(data, size, &manifest, &err) < 0)
		return 0;
	manifest_encode(manifest, &again);
	if (again.size != size || memcmp(again.bytes, data, size) != 0)
		abort();
	for (size_t i = 0; i < manifest->entries.n; i++)
		if (manifest_check_path(manifest->entries.items[i].path, &err) <
		    0)
			abort();
	return 0;
}
