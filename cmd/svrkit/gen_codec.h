/*
 * gen_codec.h - a schema as C: structs, names, tables for core/wire/proto.
 */
#pragma once

#include "cmd/svrkit/schema.h"

/* BASE is the file without its ending, as an include line has it. */
void gen_codec_header(const struct schema *schema, const char *base,
		      struct buf *out);
void gen_codec_source(const struct schema *schema, const char *base,
		      struct buf *out);
