/*
 * yaml.h - YAML files people write by hand, into a tree of nodes. The only door
 * to libyaml.
 *
 * Takes the plain part of YAML: one document of scalars, lists and maps.
 * Aliases, anchors, tags, complex and duplicate keys, several documents and
 * bytes that are not UTF-8 are mistakes, reported together. Size, depth and
 * number of nodes are limited while the file is read.
 */
#pragma once

#include <stddef.h>

#include "core/text/mistakes.h"
#include "core/text/node.h"

#define YAML_MAX_DEPTH 32  /* libyaml is quadratic in depth */
#define YAML_MAX_KEYS  256 /* of one map */

struct yaml_limits {
	size_t bytes;
	size_t nodes;
};

/*
 * The tree of TEXT, owned by the caller; NULL when it could not be read to its
 * end. Mistakes are added to MISTAKES, also when there is a tree.
 */
struct node *yaml_parse(const char *text, size_t size,
			const struct yaml_limits *limits,
			struct mistakes *mistakes) MUST_CHECK;
