/*
 * contact.h - from serve to the guard of a root, which is started when none
 * answers.
 */
#pragma once

#include "core/base/err.h"

/*
 * A connection to the guard of ROOT, greeted; the caller's.
 *
 * Fails with ERR_CONFLICT when a guard of another version is needed there, and
 * with what the guard said when it could not start.
 */
int contact_guard(const char *root, int *out_fd, struct err *err) MUST_CHECK;
/*
 * Start a guard for ROOT that outlives this process, without waiting for it:
 * what it says of its start comes from *out_ready.
 */
int contact_start_guard(const char *root, int *out_ready,
			struct err *err) MUST_CHECK;
