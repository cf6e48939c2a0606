#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void rand_init(struct rand *rand, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		rand->state[i] = splitmix(&seed);
}

void rand_init_kernel(struct rand *rand)
{
	uint64_t seed;

	rand_bytes(&seed, sizeof(seed));
	rand_init(rand, seed);
}

static uint64_t rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t rand_u64(struct rand *rand)
{
	uint64_t *s = rand->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t rand_below(struct rand *rand, uint64_t limit)
{
	uint64_t least;
	uint64_t value;

	assert(limit > 0);
	least = -limit % limit; /* below it, small results would be likelier */
	do {
		value = rand_u64(rand);
	} while (value < least);
	return value % limit;
}

double rand_unit(struct rand *rand)
{
	return (double)(rand_u64(rand) >> 11) * 0x1.0p-53;
}

void rand_bytes(void *out, size_t size)
{
	uint8_t *p = out;

	while (size) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		size -= (size_t)n;
	}
}
