/*
 * peer.h - who is at the other end of a Unix socket, and may he be there.
 *
 * The kernel says it (SO_PEERCRED), nobody can claim it. Behind sudo the
 * person is named as well: "oncall (as root)".
 */
#pragma once

#include "core/base/err.h"

#define PEER_GROUP                                                 \
	"gray" /* whose members may use the socket of root's grayd \
		*/

/* ERR_REFUSED unless root, our own user or (for root) a member of PEER_GROUP.
 * out_who is owned by the caller. */
int peer_find(int fd, char **out_who, struct err *err) MUST_CHECK;
