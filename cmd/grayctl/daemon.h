/*
 * daemon.h - starts grayd when nobody answers, and waits until it does.
 */
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define DAEMON_WAIT_MS 5000

/*
 * Run `grayd --daemon` and wait until IS_UP says so.
 *
 * home   where its state and its log are; it gets it as $GRAY_HOME
 * lines  the end of its log, when it does not come up
 */
int daemon_start(const char *home, bool (*is_up)(void *ctx), void *ctx,
		 struct buf *lines, struct err *err) MUST_CHECK;
/* The program beside grayctl, in ../sbin or on PATH; owned by the caller. */
char *daemon_find(const char *program) MUST_CHECK;
