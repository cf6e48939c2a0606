/*
 * log.h - lines for the operator of a program, on standard error.
 *
 * Only the outermost level logs (a main, the driver, the agent). Not the change
 * log, which is rollouts/changelog.
 */
#pragma once

#include "core/base/macros.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* What is less important than LEVEL is not written. Default: LOG_INFO. */
void log_set_level(enum log_level level);
/* NAME goes in front of every line; borrowed for ever. */
void log_set_name(const char *name);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
