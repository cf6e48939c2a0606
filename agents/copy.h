/*
 * copy.h - a file's content to another file, shared where the disk can.
 */
#pragma once

#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/err.h"

/* The digest of all that FD still has to read. */
int copy_hash(int fd, struct digest *out, struct err *err) MUST_CHECK;
/*
 * All of FROM into the empty file TO, by reflink or by reading; OUT is the
 * digest of what is in TO afterwards.
 */
int copy_file(int from, int to, struct digest *out, struct err *err) MUST_CHECK;
