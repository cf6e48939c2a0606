/*
 * home.h - where gray keeps its state: $GRAY_HOME and the names below it.
 *
 * $GRAY_HOME when set, /var/lib/gray for root, else $XDG_STATE_HOME/gray or
 * ~/.local/state/gray. Makes no folder.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/mem.h"

#define HOME_SOCKET "grayd.sock"
#define HOME_LOG    "grayd.log"

/* Absolute; owned by the caller. ERR_INVALID when nothing says where. */
int home_find(char **out, struct err *err) MUST_CHECK;
