#include "rollouts/rollout_state.h"

/* A binary heap of the hosts by due_ms; every host is always in it. */

static bool is_before(const struct rollout *rollout, uint32_t a, uint32_t b)
{
	const struct rollout_host *x = &rollout->hosts[a];
	const struct rollout_host *y = &rollout->hosts[b];

	/* Equal times by place: the order must not depend on history. */
	return x->due_ms < y->due_ms || (x->due_ms == y->due_ms && a < b);
}

static void put(struct rollout *rollout, uint32_t place, uint32_t at)
{
	rollout->heap[place] = at;
	rollout->hosts[at].heap_at = place;
}

static void sift_up(struct rollout *rollout, uint32_t place)
{
	uint32_t at = rollout->heap[place];

	while (place > 0) {
		uint32_t above = (place - 1) / 2;

		if (!is_before(rollout, at, rollout->heap[above]))
			break;
		put(rollout, place, rollout->heap[above]);
		place = above;
	}
	put(rollout, place, at);
}

static void sift_down(struct rollout *rollout, uint32_t place)
{
	uint32_t at = rollout->heap[place];

	for (;;) {
		uint32_t below = 2 * place + 1;

		if (below >= rollout->n_heap)
			break;
		if (below + 1 < rollout->n_heap &&
		    is_before(rollout, rollout->heap[below + 1],
			      rollout->heap[below]))
			below++;
		if (!is_before(rollout, rollout->heap[below], at))
			break;
		put(rollout, place, rollout->heap[below]);
		place = below;
	}
	put(rollout, place, at);
}

void rollout_due_init(struct rollout *rollout)
{
	rollout->n_heap = (uint32_t)rollout->config.hosts.n;
	rollout->heap = mem_array(rollout->n_heap, sizeof(*rollout->heap));
	for (uint32_t i = 0; i < rollout->n_heap; i++) {
		rollout->hosts[i].due_ms = ROLLOUT_NEVER;
		put(rollout, i, i);
	}
}

void rollout_due_set(struct rollout *rollout, uint32_t at, uint64_t due_ms)
{
	struct rollout_host *host = &rollout->hosts[at];
	uint64_t before = host->due_ms;

	host->due_ms = due_ms;
	if (due_ms < before)
		sift_up(rollout, host->heap_at);
	else if (due_ms > before)
		sift_down(rollout, host->heap_at);
}
