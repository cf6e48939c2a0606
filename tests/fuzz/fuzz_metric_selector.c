/* Any selector that is taken can be asked about any value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/metric_selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR char *text = mem_strn((const char *)data, size);
	const struct metric_label labels[] = { { "code", "503" },
					       { "path", text } };
	AUTO(metric_selector) selector = NULL;
	struct err err = ERR_INIT;

	if (metric_selector_parse(text, &selector, &err) < 0) {
		if (err.code != ERR_INVALID)
			abort();
		return 0;
	}
	(void)metric_selector_matches(selector, "a", labels, 2);
	return 0;
}
