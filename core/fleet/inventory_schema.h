/*
 * inventory_schema.h - the keys of fleet.yaml: the table behind its checks and
 * its manual.
 */
#pragma once

#include "core/text/schema.h"

extern const struct schema inventory_schema;
