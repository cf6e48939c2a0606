/*
 * systemctl.h - what systemd says of a unit, asked through its program.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "core/base/err.h"

struct systemctl_unit {
	char active[32]; /* "active", "failed", "activating" */
	char sub[32];	 /* "running", "auto-restart" */
	uint64_t n_restarts;
	pid_t main_pid; /* 0: none */
};

/* Blocks until UNTIL_MS (BOOTTIME) at most. */
int systemctl_show(const char *unit, uint64_t until_ms,
		   struct systemctl_unit *out, struct err *err) MUST_CHECK;
