/*
 * store_suite.h - what every store must keep, as tests over its interface.
 */
#pragma once

#include "rollouts/store/store.h"

/* A store to test: opened as often as asked, on the same content. */
struct store_subject {
	int (*open)(const char *place, struct store **out, struct err *err);
	char *(*make_place)(void);	   /* a new, empty one */
	void (*remove_place)(char *place); /* frees PLACE */
};

/* Run the suite; the number of failed tests. */
int store_suite_run(const struct store_subject *subject);
