#include "rollouts/simulator/sim.h"

static bool is_before(const struct sim_item *a, const struct sim_item *b)
{
	return a->at_ms < b->at_ms ||
	       (a->at_ms == b->at_ms && a->order < b->order);
}

void sim_queue_put(struct sim_queue *queue, struct sim_item *item)
{
	size_t place = queue->n++;

	item->order = queue->order++;
	queue->heap = vec_grow(queue->heap, place, &queue->room,
			       sizeof(*queue->heap));
	while (place > 0 && is_before(item, queue->heap[(place - 1) / 2])) {
		queue->heap[place] = queue->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	queue->heap[place] = item;
}

struct sim_item *sim_queue_take(struct sim_queue *queue)
{
	struct sim_item *first;
	struct sim_item *last;
	size_t place = 0;

	if (queue->n == 0)
		return NULL;
	first = queue->heap[0];
	last = queue->heap[--queue->n];
	for (;;) {
		size_t below = 2 * place + 1;

		if (below >= queue->n)
			break;
		if (below + 1 < queue->n &&
		    is_before(queue->heap[below + 1], queue->heap[below]))
			below++;
		if (!is_before(queue->heap[below], last))
			break;
		queue->heap[place] = queue->heap[below];
		place = below;
	}
	queue->heap[place] = last;
	return first;
}

void sim_item_free(struct sim_item *item)
{
	event_release(&item->event);
	free(item);
}

void sim_queue_release(struct sim_queue *queue)
{
	for (size_t i = 0; i < queue->n; i++)
		sim_item_free(queue->heap[i]);
	free(queue->heap);
}
