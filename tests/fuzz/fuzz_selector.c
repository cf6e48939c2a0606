/* Any text is a selector that answers, or a located mistake. */
#include <assert.h>

#include "core/fleet/selector.h"

static char name[] = "web-1";
static char address[] = "10.0.0.1";
static char key[] = "role";
static char value[] = "feed";
static struct fleet_label labels[] = { { key, value } };
static const struct fleet_host host = {
	.name = name,
	.address = address,
	.labels = { .items = labels, .n = 1 },
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_STR char *text = mem_strn((const char *)bytes, size);
	AUTO_STR char *opposite = mem_format("not (%s)", text);
	AUTO(selector) selector = NULL;
	AUTO(selector) negated = NULL;
	struct err err = ERR_INIT;

	if (selector_parse(text, &selector, &err) < 0) {
		assert(strncmp(err.text, "letter ", 7) == 0);
		return 0;
	}
	if (selector_parse(opposite, &negated, &err) == 0)
		assert(selector_matches(selector, &host) !=
		       selector_matches(negated, &host));
	return 0;
}
