#include "cmd/grayctl/follow.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/live.h"
#include "core/sys/clock.h"

#define MAX_LOST  10   /* streams that end without a word, one after other */
#define LOST_MS	  500  /* pause before the next try */
#define REDRAW_MS 1000 /* countdowns move by the second */

static volatile sig_atomic_t is_interrupted;
static volatile sig_atomic_t is_resized;

static void signal_cb(int number)
{
	if (number == SIGWINCH)
		is_resized = 1;
	else
		is_interrupted = 1;
}

struct following {
	struct output *output;
	struct js *view; /* the newest, or NULL */
	uint64_t came_ms;
	uint64_t drawn_ms;
	unsigned n_lines; /* of the block on the screen */
	bool has_ended;
	unsigned n_lost;
};

static struct live_style style_of(const struct following *following)
{
	const struct output *output = following->output;

	return (struct live_style){
		.width = output_width(output),
		.has_colour = output->has_colour,
		.now_ms = clock_wall_ms(),
		.age_ms = clock_boot_ms() - following->came_ms,
	};
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The first lines of TEXT that fit the screen, with room for the cursor. */
static void cut_lines(char *text, unsigned height)
{
	unsigned n = 0;

	for (; *text; text++)
		if (*text == '\n' && ++n + 1 >= height) {
			text[1] = '\0';
			return;
		}
}

/* Up to the block's first line, clear, write it anew: in one go. */
static void redraw(struct following *following)
{
	struct live_style style = style_of(following);
	AUTO_STR char *block = live_render(following->view, &style);
	AUTO_VALUE(buf) screen = BUF_INIT;

	cut_lines(block, following->output->height);
	if (following->n_lines)
		buf_format(&screen, "\033[%uA", following->n_lines);
	buf_append_str(&screen, "\r\033[J");
	buf_append_str(&screen, block);
	(void)fwrite(screen.bytes, 1, screen.size, following->output->file);
	(void)fflush(following->output->file);
	following->n_lines = count_lines(block);
	following->drawn_ms = clock_boot_ms();
}

static void print_event(const struct following *following, const char *event,
			const struct js *data)
{
	AUTO(js) line = js_object();
	AUTO_STR char *text = NULL;

	js_set_str(line, "event", event);
	js_set(line, "data", js_copy(data));
	text = js_format(line);
	(void)fprintf(following->output->file, "%s\n", text);
	(void)fflush(following->output->file);
}

static void take_view(struct following *following, const struct js *view)
{
	struct js *before = following->view;
	AUTO_STR char *lines = NULL;

	following->view = js_copy(view);
	following->came_ms = clock_boot_ms();
	following->has_ended = live_is_final(view);
	if (following->output->is_json) {
		js_free(before);
		return;
	}
	if (following->output->is_terminal) {
		redraw(following);
	} else {
		struct live_style style = style_of(following);

		lines = live_changes(before, view, &style);
		(void)fputs(lines, following->output->file);
		(void)fflush(following->output->file);
	}
	js_free(before);
}

static bool event_cb(void *ctx, const char *event, const struct js *data)
{
	struct following *following = ctx;

	following->n_lost = 0;
	if (following->output->is_json)
		print_event(following, event, data);
	if (strcmp(event, "view") == 0)
		take_view(following, data);
	return !is_interrupted && !following->has_ended;
}

static bool tick_cb(void *ctx)
{
	struct following *following = ctx;
	struct output *output = following->output;

	if (is_interrupted)
		return false;
	if (!output->is_terminal || output->is_json || !following->view)
		return true;
	if (is_resized) {
		is_resized = 0;
		output_measure(output);
		redraw(following);
	} else if (clock_boot_ms() - following->drawn_ms >= REDRAW_MS) {
		redraw(following);
	}
	return true;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = signal_cb };

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGWINCH, &action, NULL);
}

/* One stream after the other, until the end or until nobody answers. */
static int follow_streams(struct invocation *inv, struct following *following,
			  const char *path, struct err *err)
{
	const struct timespec pause = { .tv_nsec = LOST_MS * 1000000L };
	const struct client_stream stream = {
		.event = event_cb,
		.tick = tick_cb,
		.ctx = following,
	};

	for (;;) {
		int failed = client_follow(inv->client, path, &stream, err);

		if (is_interrupted || following->has_ended)
			return 0;
		if (failed && err->code != ERR_UNREACHABLE &&
		    err->code != ERR_PROTOCOL)
			return failed;
		if (++following->n_lost > MAX_LOST)
			return failed ? failed
				      : err_set(err, ERR_UNREACHABLE,
						"grayd ends the stream again "
						"and again");
		buf_clear(&inv->mistakes);
		(void)nanosleep(&pause, NULL);
	}
}

int follow_outcome(const struct js *view, struct err *err)
{
	const char *state = js_get_str(view, "state", "");
	const char *id = js_get_str(view, "id", "?");
	const char *why = js_get_str(view, "why", "");

	if (!live_is_final(view) || strcmp(state, "succeeded") == 0)
		return 0;
	if (strcmp(state, "rolled_back") == 0)
		return err_set(err, ERR_FAILED, "%s was rolled back: %s", id,
			       why);
	return err_set(err, ERR_FAILED, "%s %s: %s", id,
		       strcmp(state, "canceled") == 0 ? "was canceled"
						      : "failed",
		       why);
}

int follow_rollout(struct invocation *inv, const char *id, struct err *err)
{
	struct following following = { .output = inv->output };
	AUTO_STR char *path = client_rollout_path(id, "events");
	int failed;

	catch_signals();
	failed = follow_streams(inv, &following, path, err);
	if (failed == 0) {
		*err = (struct err)ERR_INIT;
		if (is_interrupted)
			(void)fprintf(stderr,
				      "detached; %s goes on: "
				      "`grayctl watch %s` comes back\n",
				      id, id);
		failed = follow_outcome(following.view, err);
	}
	js_free(following.view);
	return failed;
}
