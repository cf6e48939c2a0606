/*
 * prune.h - old releases go, those that may be needed stay.
 */
#pragma once

#include "agents/slot.h"

/*
 * Keep the KEEP releases that were staged last, and every pinned one; remove
 * the rest, and manifests without a release. Each is gone whole, so a kill in
 * the middle is harmless. Zero digests among PINNED are passed over.
 */
int prune(const struct slot *slot, uint32_t keep, const struct digest *pinned,
	  size_t n_pinned, struct err *err) MUST_CHECK;
