/*
 * loop_private.h - what the parts of the loop share; for core/sys/loop* only.
 */
#pragma once

#include <pthread.h>
#include <uv.h>

#include "core/base/vec.h"
#include "core/sys/loop.h"

struct loop_call {
	loop_fn fn;
	void *ctx;
};
struct loop_signal;

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	pthread_mutex_t lock; /* over calls */
	VEC(struct loop_call) calls;
	struct loop_signal *signals;
	struct loop_child *children; /* all that are not reaped yet */
	size_t n_busy; /* works and children: loop_free waits for them */
};

/* Kill and forget every child; loop_free waits until they are reaped. */
void loop_child_cancel_all(struct loop *loop);
