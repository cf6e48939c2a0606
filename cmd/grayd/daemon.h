/*
 * daemon.h - leaving the terminal: before any loop or thread exists.
 */
#pragma once

#include "core/base/err.h"

/*
 * Go on in a child without a terminal, whose standard error is HOME's log.
 * The parent waits for daemon_tell_ready, or for the child's end, and exits
 * with what it learned; it never returns.
 */
int daemon_begin(const char *home, int *out_ready, struct err *err) MUST_CHECK;
/* Closes READY; -1 is fine. */
void daemon_tell_ready(int ready);
