/* Any bytes are a plan or have mistakes; a plan can be staged and shown. */
#include <assert.h>

#include "rollouts/preview.h"

static const char fleet_text[] =
	"hosts:\n"
	"  - {name: \"a[1:30]\", labels: {idc: sz, role: feed}}\n"
	"  - {name: \"b[1:10]\", labels: {idc: sh, role: feed}}\n"
	"domain: idc\n";

static void check_stages(const struct plan *plan)
{
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	AUTO_VALUE(buf) errors = BUF_INIT;
	AUTO(fleet) fleet = NULL;
	AUTO(stages) stages = NULL;
	AUTO_STR char *text = NULL;
	AUTO(js) json = NULL;
	struct err err = ERR_INIT;
	uint32_t before = 0;
	int result = fleet_parse("f", fleet_text, sizeof(fleet_text) - 1,
				 &errors, &fleet, &err);

	assert(result == 0);
	if (stages_make(plan, fleet, &mistakes, &stages, &err) < 0) {
		assert(mistakes.list.n > 0);
		return;
	}
	for (size_t i = 0; i < stages->counts.n; i++) {
		assert(stages->counts.items[i] > before);
		before = stages->counts.items[i];
	}
	assert(before <= stages->hosts.n && stages->max_unavailable > 0);
	text = preview_text(plan, fleet, stages, 80);
	json = preview_json(plan, fleet, stages);
	assert(*text && js_kind(json) == JS_OBJECT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_VALUE(plan_mistakes) mistakes = { 0 };
	AUTO(plan) plan = NULL;
	struct err err = ERR_INIT;
	int result = plan_parse("p", (const char *)bytes, size, &mistakes,
				&plan, &err);

	assert((result == 0) == (plan != NULL));
	assert((result == 0) == (mistakes.list.n == 0));
	if (plan)
		check_stages(plan);
	return 0;
}
