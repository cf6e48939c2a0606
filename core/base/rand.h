/*
 * rand.h - chance, of two kinds: from the kernel, and from a seed.
 *
 * Seeded: xoshiro256** with splitmix64 to seed it (Blackman and Vigna,
 * "Scrambled linear pseudorandom number generators", 2021); the same seed gives
 * the same numbers for ever, which the simulator needs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rand {
	uint64_t state[4];
};

void rand_init(struct rand *rand, uint64_t seed);
/* Seed from the kernel. */
void rand_init_kernel(struct rand *rand);
uint64_t rand_u64(struct rand *rand);
/* Evenly in 0 .. limit-1; limit is at least 1. */
uint64_t rand_below(struct rand *rand, uint64_t limit);
/* Evenly in [0, 1). */
double rand_unit(struct rand *rand);

/* SIZE bytes that nobody can guess. */
void rand_bytes(void *out, size_t size);
