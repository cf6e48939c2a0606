/*
 * inventory.h - the hosts there are: fleet.yaml, read and checked.
 *
 * Ranges ("web-[02:50]") are unfolded; every mistake is reported with
 * file:line:column, all at once. Does not talk to a host.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/vec.h"

#define FLEET_MAX_HOSTS 20000

struct fleet_label {
	char *key;
	char *value;
};
struct fleet_host {
	char *name;
	char *address;
	uint16_t port;	/* 0: 22 or what ssh says */
	char *user;	/* or NULL */
	char *identity; /* its own private key, or NULL: the fleet's */
	/* Lines "ProxyJump=bastion", each as after ssh's -o; or NULL. */
	char *ssh_options;
	VEC(struct fleet_label) labels;
};
struct fleet {
	VEC(struct fleet_host) hosts; /* in the order of the file */
	char *domain;	  /* the label that names failure domains, or NULL */
	char *ssh_config; /* paths made absolute, or NULL */
	char *ssh_identity;
	char *ssh_known_hosts;
	char *ssh_transport; /* or NULL; see core/remote/transport.h */
};

/*
 * path   for sentences, and the folder that relative paths start from
 * errors every mistake as a whole sentence, a line each
 */
int fleet_parse(const char *path, const char *text, size_t size,
		struct buf *errors, struct fleet **out,
		struct err *err) MUST_CHECK;
int fleet_load(const char *path, struct buf *errors, struct fleet **out,
	       struct err *err) MUST_CHECK;
void fleet_free(struct fleet *fleet);
MEM_AUTO(fleet)

/* The label's value, or NULL. "name" and "address" serve as labels too. */
const char *fleet_host_label(const struct fleet_host *host, const char *key);
