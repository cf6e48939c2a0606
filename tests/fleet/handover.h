/*
 * handover.h - how a new process of the service takes an old one's place.
 *
 * The listening socket goes from the old to the new over a Unix socket in the
 * shared folder, so no connection is refused in between; the old one stops
 * accepting only after the new one said that it has begun.
 */
#pragma once

#include <stdbool.h>

struct handover {
	const char *shared; /* folder; borrowed */
	const char *address;
	unsigned port;
	int listener;
	int control; /* where the next process asks; readable: handover_give */
};

/* Fill listener and control; 0, or -1 with a sentence on stderr. */
int handover_take(struct handover *handover);
/* True: the new process has begun, this one is to stop accepting. */
bool handover_give(const struct handover *handover);
/* The process that runs now, or 0. */
int handover_pid(const char *shared);
int fail(const char *what);
