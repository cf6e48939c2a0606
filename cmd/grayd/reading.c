#include "cmd/grayd/reading.h"

#define OK 200

struct reading {
	struct grayd *grayd;
	struct exchange *exchange;
	char *path;
	struct js *asked;
	reading_fn fn;
	struct js *body;
	struct err err;
};

static void work_cb(void *ctx)
{
	struct reading *reading = ctx;
	AUTO(store) store = NULL;

	if (store_open_sqlite(reading->path, &store, &reading->err) == 0 &&
	    reading->fn(store, reading->grayd->blobs, reading->asked,
			&reading->body, &reading->err) == 0)
		reading->err.code = ERR_NONE;
}

static void done_cb(void *ctx)
{
	struct reading *reading = ctx;

	reading->grayd->n_reading--;
	if (reading->body)
		exchange_answer(reading->exchange, OK, reading->body);
	else
		exchange_fail(reading->exchange, &reading->err, NULL);
	js_free(reading->asked);
	free(reading->path);
	free(reading);
}

struct js *reading_query(const struct exchange *exchange,
			 const char *const *names)
{
	struct js *asked = js_object();

	for (; *names; names++) {
		const char *value = exchange_query(exchange, *names);

		if (value)
			js_set_str(asked, *names, value);
	}
	return asked;
}

void reading_start(struct grayd *grayd, struct exchange *exchange,
		   struct js *asked, reading_fn fn)
{
	struct reading *reading;
	const char *path = NULL;
	struct err err = ERR_INIT;

	if (driver_flushed_path(grayd->driver, &path, &err)) {
		js_free(asked);
		exchange_fail(exchange, &err, NULL);
		return;
	}
	reading = MEM_NEW(struct reading);
	*reading = (struct reading){
		.grayd = grayd,
		.exchange = exchange,
		.path = mem_str(path),
		.asked = asked,
		.fn = fn,
	};
	grayd->n_reading++;
	loop_work(grayd->loop, work_cb, done_cb, reading);
}
