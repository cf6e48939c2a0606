/*
 * socket.h - the one grayd of a folder: its lock and its socket.
 */
#pragma once

#include "core/base/err.h"

/*
 * Hold the folder's lock, for as long as *out_fd is open. Fails with
 * ERR_REFUSED naming who holds it, and on network file systems, whose locks
 * and shared memory cannot be trusted.
 */
int socket_lock(const char *home, int *out_fd, struct err *err) MUST_CHECK;
/* Say who holds it: HOLDER starts with the process id. */
int socket_sign(int lock, const char *holder, struct err *err) MUST_CHECK;

/*
 * Listen on PATH, replacing what a dead grayd left behind; for our own user
 * only, or for root also for group gray, where there is one.
 */
int socket_listen(const char *path, int *out_fd, struct err *err) MUST_CHECK;
