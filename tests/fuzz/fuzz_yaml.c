/* Any bytes give a tree or a located mistake, within the limits. */
#include <assert.h>

#include "core/text/yaml.h"

static void check_tree(const struct node *node, size_t depth, size_t *n_nodes)
{
	assert(depth <= YAML_MAX_DEPTH + 1 && node->line > 0);
	(*n_nodes)++;
	assert((node->kind == NODE_SCALAR) == (node->text != NULL));
	for (size_t i = 0; i < node->items.n; i++) {
		const struct node *item = node->items.items[i];

		assert((node->kind == NODE_MAP) == (item->key != NULL));
		check_tree(item, depth + 1, n_nodes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct yaml_limits limits = { .bytes = 1 << 16, .nodes = 1000 };
	AUTO_VALUE(mistakes) mistakes = { .path = "f" };
	AUTO(node)
	root = yaml_parse((const char *)bytes, size, &limits, &mistakes);
	size_t n_nodes = 0;

	assert(root || mistakes.list.n > 0);
	assert(mistakes.list.n <= MISTAKES_MAX + 1);
	if (root)
		check_tree(root, 1, &n_nodes);
	assert(n_nodes <= limits.nodes);
	return 0;
}
