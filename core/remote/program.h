/*
 * program.h - run a program to its end and have what it prints.
 *
 * Blocks: for threads that may wait, never on a loop.
 */
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/*
 * ARGV[0] is looked for in PATH; ARGV ends with NULL. Its standard input is
 * empty. After LIMIT_MS it is killed with its session, which ends with
 * ERR_TIMEOUT. ERR_NOT_FOUND: there is no such program.
 *
 * out       appended: its standard output; more than 1 MiB is dropped
 * out_text  appended: the same of its standard error
 * status    its exit status; 128 and more: killed by that signal
 */
int program_run(char *const *argv, uint64_t limit_ms, struct buf *out,
		struct buf *out_text, int *out_status,
		struct err *err) MUST_CHECK;
