#include "rollouts/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/sys/clock.h"
#include "core/wire/frame.h"
#include "tests/support/fake_transport.h"

#define PING_MS	   100
#define BACKOFF_MS 20
#define HOST_MS	   5000000

/* A link, the host it talks to, and what it told. */
struct fixture {
	struct loop *loop;
	struct remote *remote;
	struct link *link;
	struct loop_timer *poll;
	bool (*is_done)(struct fixture *fixture);
	uint64_t until;

	struct frame_decoder heard; /* what the link sent */
	unsigned n_up, n_down, n_status, n_results, n_checked;
	bool frees_on_up, frees_on_down;
	struct err down;
	struct err result;
	uint64_t n_pings;
	char host_id[65];
};

static void on_up(struct link *link, const struct agent_hello *hello,
		  const struct agent_status *status, void *ctx)
{
	struct fixture *fixture = ctx;

	fixture->n_up++;
	assert_true(link_is_up(link));
	assert_int_equal(status->state, AGENT_HOST_STATE_CONFIRMED);
	(void)snprintf(fixture->host_id, sizeof(fixture->host_id), "%s",
		       hello->host_id);
	if (fixture->frees_on_up) {
		link_free(link);
		fixture->link = NULL;
	}
}

static void on_status(struct link *link, const struct agent_status *status,
		      void *ctx)
{
	struct fixture *fixture = ctx;

	(void)link;
	(void)status;
	fixture->n_status++;
}

static void on_result(struct link *link, const struct agent_result *result,
		      void *ctx)
{
	struct fixture *fixture = ctx;

	(void)link;
	fixture->n_results++;
	(void)err_set(&fixture->result, (enum err_code)result->code, "%s",
		      result->text);
}

static void on_checked(struct link *link, const struct agent_checked *checked,
		       void *ctx)
{
	struct fixture *fixture = ctx;

	(void)link;
	assert_int_equal(checked->id, 77);
	fixture->n_checked++;
}

static void on_down(struct link *link, const struct err *err, void *ctx)
{
	struct fixture *fixture = ctx;

	assert_false(link_is_up(link));
	fixture->n_down++;
	fixture->down = *err;
	if (fixture->frees_on_down) {
		link_free(link);
		fixture->link = NULL;
	}
}

static void poll_cb(void *ctx)
{
	struct fixture *fixture = ctx;

	if (fixture->is_done(fixture) || clock_boot_ms() > fixture->until)
		loop_stop(fixture->loop);
	else
		loop_timer_set(fixture->poll, 1);
}

/* Let the loop run until IS_DONE, at most for ten seconds. */
static void wait_for(struct fixture *fixture,
		     bool (*is_done)(struct fixture *fixture))
{
	fixture->is_done = is_done;
	fixture->until = clock_boot_ms() + 10000;
	loop_timer_set(fixture->poll, 0);
	loop_run(fixture->loop);
	assert_true(is_done(fixture));
}

static int set_up(void **state)
{
	struct fixture *fixture = MEM_NEW(struct fixture);
	static const struct remote_options remote_options;
	static const struct link_events events = {
		.on_up = on_up,
		.on_status = on_status,
		.on_result = on_result,
		.on_checked = on_checked,
		.on_down = on_down,
	};
	struct link_options options = {
		.target = { .name = "web-1", .address = "10.0.0.1" },
		.command = "agent serve",
		.service = "feed",
		.root = "/srv/feed",
		.name = "web-1",
		.address = "10.0.0.1",
		.ping_ms = PING_MS,
		.backoff_ms = BACKOFF_MS,
	};
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&fixture->loop, &err), 0);
	assert_int_equal(remote_new(fixture->loop, &remote_options,
				    &fixture->remote, &err),
			 0);
	fixture->poll = loop_timer_new(fixture->loop, poll_cb, fixture);
	frame_decoder_init(&fixture->heard, false);
	fixture->link = link_new(fixture->loop, fixture->remote, &options,
				 &events, fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	unsigned n_down = fixture->n_down;

	link_free(fixture->link);
	remote_free(fixture->remote);
	loop_timer_free(fixture->poll);
	loop_free(fixture->loop);
	frame_decoder_release(&fixture->heard);
	assert_int_equal(fixture->n_down, n_down); /* freed: no more calls */
	free(fixture);
	return 0;
}

/* ---- the host's side ---- */

static void say(struct fixture *fixture, enum agent_message number,
		const void *message)
{
	AUTO_VALUE(buf) frame = BUF_INIT;
	size_t start = frame_begin(&frame, number);

	proto_encode(agent_message_type(number), message, &frame);
	frame_end(&frame, start);
	fake_data(fake_stream(fixture->remote), frame.bytes, frame.size);
}

/* The next message of the link, of this number; others are skipped. */
static void hear(struct fixture *fixture, enum agent_message number, void *out)
{
	struct err err = ERR_INIT;
	struct frame frame;
	bool has;

	for (;;) {
		AUTO_VALUE(buf) taken = BUF_INIT;

		assert_int_equal(
			frame_decoder_next(&fixture->heard, &frame, &has, &err),
			0);
		if (has && frame.type == number)
			break;
		if (has)
			continue;
		fake_take(fake_stream(fixture->remote), SIZE_MAX, &taken);
		assert_true(taken.size > 0);
		frame_decoder_add(&fixture->heard, taken.bytes, taken.size);
	}
	assert_int_equal(proto_decode(agent_message_type(number), frame.bytes,
				      frame.size, out, &err),
			 0);
}

static void say_hello(struct fixture *fixture)
{
	struct agent_hello hello = {
		.protocol = AGENT_PROTOCOL,
		.version = (char[]){ "0.1.0" },
		.host_id = (char[]){ "host-id" },
		.boot_id = (char[]){ "boot-id" },
		.boot_ms = HOST_MS,
	};

	say(fixture, AGENT_HELLO, &hello);
}

static void bring_up(struct fixture *fixture)
{
	static const struct agent_status status = {
		.state = AGENT_HOST_STATE_CONFIRMED,
	};

	fake_open(fake_stream(fixture->remote));
	fake_data(fake_stream(fixture->remote), FRAME_MAGIC,
		  strlen(FRAME_MAGIC));
	say_hello(fixture);
	say(fixture, AGENT_STATUS, &status);
	if (fixture->link)
		assert_true(link_is_up(fixture->link));
}

static bool is_down(struct fixture *fixture)
{
	return fixture->n_down > 0;
}

static bool is_tried_again(struct fixture *fixture)
{
	return fake_count(fixture->remote) >= 2;
}

/* ---- tests ---- */

static void test_it_greets_and_opens_and_is_up(void **state)
{
	struct fixture *fixture = *state;
	AUTO_VALUE(agent_hello) hello = { 0 };
	AUTO_VALUE(agent_open) open = { 0 };
	uint64_t host_ms;

	assert_string_equal(fake_command(fake_stream(fixture->remote)),
			    "agent serve");
	bring_up(fixture);
	assert_int_equal(fixture->n_up, 1);
	assert_string_equal(fixture->host_id, "host-id");
	assert_string_equal(link_boot_id(fixture->link), "boot-id");
	host_ms = link_host_boot_ms(fixture->link);
	assert_in_range(host_ms, HOST_MS, HOST_MS + 5000);
	hear(fixture, AGENT_HELLO, &hello);
	assert_int_equal(hello.protocol, AGENT_PROTOCOL);
	hear(fixture, AGENT_OPEN, &open);
	assert_string_equal(open.service, "feed");
	assert_string_equal(open.root, "/srv/feed");
	assert_string_equal(open.address, "10.0.0.1");
}

static void test_nothing_is_sent_before_the_agent_is_there(void **state)
{
	struct fixture *fixture = *state;
	struct stream *stream = fake_stream(fixture->remote);

	fake_open(stream);
	fake_data(stream, "Welcome!\nGRAY1 REA", 18);
	assert_int_equal(stream_pending(stream), 0);
	fake_data(stream, "DY\n", 3);
	assert_true(stream_pending(stream) > 0);
}

static void test_a_command_says_until_when_on_the_hosts_clock(void **state)
{
	struct fixture *fixture = *state;
	AUTO_VALUE(agent_command) got = { 0 };
	struct agent_command command = { .verb = AGENT_VERB_CONFIRM,
					 .epoch = 3,
					 .seq = 9 };
	static const struct agent_result result = { .epoch = 3,
						    .seq = 9,
						    .code = ERR_STALE };

	link_command(fixture->link, &command, 1000); /* down: nothing */
	assert_int_equal(stream_pending(fake_stream(fixture->remote)), 0);
	bring_up(fixture);
	link_command(fixture->link, &command, 1000);
	hear(fixture, AGENT_COMMAND, &got);
	assert_int_equal(got.seq, 9);
	assert_string_equal(got.boot_id, "boot-id");
	assert_in_range(got.valid_until_ms, HOST_MS + 1000, HOST_MS + 6000);
	say(fixture, AGENT_RESULT, &result);
	assert_int_equal(fixture->n_results, 1);
	assert_int_equal(fixture->result.code, ERR_STALE);
}

static void test_asks_and_checks_are_answered(void **state)
{
	struct fixture *fixture = *state;
	static const struct agent_check check = { .id = 77 };
	static const struct agent_checked checked = { .id = 77 };
	static const struct agent_status status;
	static const struct agent_ping ping = { .number = 5 };
	AUTO_VALUE(agent_ask) ask = { 0 };
	AUTO_VALUE(agent_check) got = { 0 };
	AUTO_VALUE(agent_pong) pong = { 0 };

	bring_up(fixture);
	link_ask(fixture->link);
	hear(fixture, AGENT_ASK, &ask);
	say(fixture, AGENT_STATUS, &status);
	link_check(fixture->link, &check);
	hear(fixture, AGENT_CHECK, &got);
	say(fixture, AGENT_CHECKED, &checked);
	say(fixture, AGENT_PING, &ping);
	hear(fixture, AGENT_PONG, &pong);
	assert_int_equal(fixture->n_status, 1);
	assert_int_equal(fixture->n_checked, 1);
	assert_int_equal(pong.number, 5);
}

static void test_silent_for_three_pings_is_dead(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start = clock_boot_ms();

	bring_up(fixture);
	wait_for(fixture, is_down);
	assert_true(clock_boot_ms() - start >= 3 * PING_MS);
	assert_int_equal(fixture->down.code, ERR_TIMEOUT);
	assert_non_null(strstr(fixture->down.text, "host web-1: silent for "));
	wait_for(fixture, is_tried_again);
	bring_up(fixture);
	assert_int_equal(fixture->n_up, 2);
}

/* Answers a ping whenever there is one; done after six of them. */
static bool has_ponged(struct fixture *fixture)
{
	struct stream *stream = fake_stream(fixture->remote);
	struct agent_pong pong = { .boot_ms = HOST_MS + 77777 };
	AUTO_VALUE(agent_ping) ping = { 0 };

	if (stream && stream_pending(stream)) {
		hear(fixture, AGENT_PING, &ping);
		fixture->n_pings = pong.number = ping.number;
		say(fixture, AGENT_PONG, &pong);
	}
	return fixture->n_pings >= 6 || fixture->n_down;
}

static void test_pongs_keep_it_up_and_its_clock_right(void **state)
{
	struct fixture *fixture = *state;
	AUTO_VALUE(agent_open) open = { 0 };

	bring_up(fixture);
	hear(fixture, AGENT_OPEN, &open);
	wait_for(fixture, has_ponged);
	assert_int_equal(fixture->n_down, 0);
	assert_in_range(link_host_boot_ms(fixture->link), HOST_MS + 77777,
			HOST_MS + 77777 + 5000);
}

static void test_an_agent_that_does_not_greet_is_given_up(void **state)
{
	struct fixture *fixture = *state;

	fake_open(fake_stream(fixture->remote));
	fake_data(fake_stream(fixture->remote), FRAME_MAGIC,
		  strlen(FRAME_MAGIC));
	wait_for(fixture, is_down);
	assert_int_equal(fixture->down.code, ERR_TIMEOUT);
	assert_string_equal(fixture->down.text,
			    "host web-1: the agent did not greet in 400ms");
}

static void test_a_shell_that_talks_and_waits_is_named(void **state)
{
	struct fixture *fixture = *state;

	fake_open(fake_stream(fixture->remote));
	fake_data(fake_stream(fixture->remote), "Password expired\n", 17);
	wait_for(fixture, is_down);
	assert_int_equal(fixture->down.code, ERR_PROTOCOL);
	assert_string_equal(fixture->down.text,
			    "host web-1: the login shell prints text: "
			    "Password expired ");
}

static void test_the_end_of_the_program_is_explained(void **state)
{
	static const struct {
		const char *output;
		const char *complaint;
		int status;
		const char *text;
	} rows[] = {
		{ "", "sh: 1: agent: not found\n", 127,
		  "host web-1: no agent on this host: run `grayctl hosts "
		  "add`" },
		{ "", "", 126,
		  "host web-1: no agent on this host: run `grayctl hosts "
		  "add`" },
		{ "", "env: 'agent': No such file or directory", 1,
		  "host web-1: no agent on this host: run `grayctl hosts "
		  "add`" },
		{ "This account is not available.\n", "", 1,
		  "host web-1: the login shell prints text: This account is "
		  "not available. " },
		{ FRAME_MAGIC, "lock: \033 gone\n", 8,
		  "host web-1: the agent ended with status 8: lock: ? gone " },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stream *stream;

		link_free(fixture->link);
		remote_free(fixture->remote);
		loop_timer_free(fixture->poll);
		loop_free(fixture->loop);
		frame_decoder_release(&fixture->heard);
		free(fixture);
		(void)set_up(state);
		fixture = *state;
		stream = fake_stream(fixture->remote);
		fake_open(stream);
		fake_data(stream, rows[i].output, strlen(rows[i].output));
		fake_stderr(stream, rows[i].complaint);
		fake_exit(stream, rows[i].status);
		assert_int_equal(fixture->n_down, 1);
		assert_string_equal(fixture->down.text, rows[i].text);
	}
}

static void test_another_protocol_is_refused_by_name(void **state)
{
	struct fixture *fixture = *state;
	struct agent_hello hello = { .protocol = AGENT_PROTOCOL + 1,
				     .version = (char[]){ "9.0" } };

	fake_open(fake_stream(fixture->remote));
	fake_data(fake_stream(fixture->remote), FRAME_MAGIC,
		  strlen(FRAME_MAGIC));
	say(fixture, AGENT_HELLO, &hello);
	wait_for(fixture, is_down);
	assert_int_equal(fixture->down.code, ERR_PROTOCOL);
	assert_non_null(strstr(fixture->down.text,
			       "speaks protocol 2 (gray 9.0), we speak 1"));
}

static void test_a_message_out_of_turn_ends_the_connection(void **state)
{
	struct fixture *fixture = *state;
	static const struct agent_result result;

	fake_open(fake_stream(fixture->remote));
	fake_data(fake_stream(fixture->remote), FRAME_MAGIC,
		  strlen(FRAME_MAGIC));
	say(fixture, AGENT_RESULT, &result);
	wait_for(fixture, is_down);
	assert_int_equal(fixture->n_results, 0);
	assert_string_equal(fixture->down.text,
			    "host web-1: the agent sent result out of turn");
}

static void test_a_message_we_do_not_know_ends_the_connection(void **state)
{
	struct fixture *fixture = *state;

	bring_up(fixture);
	fake_data(fake_stream(fixture->remote), "\0\0\0\0\xc8", 5);
	wait_for(fixture, is_down);
	assert_string_equal(fixture->down.text,
			    "host web-1: the agent sent message 200 (unknown)");
}

static void test_an_agent_that_gives_up_is_quoted(void **state)
{
	struct fixture *fixture = *state;
	struct agent_failure failure = { .code = ERR_CONFLICT,
					 .text = (char[]){ "another one" } };

	bring_up(fixture);
	say(fixture, AGENT_FAILURE, &failure);
	wait_for(fixture, is_down);
	assert_int_equal(fixture->down.code, ERR_CONFLICT);
	assert_string_equal(fixture->down.text,
			    "host web-1: the agent gave up: another one");
}

static void test_a_lost_connection_is_tried_again_after_a_while(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start = clock_boot_ms();

	fake_lose(fake_stream(fixture->remote), ERR_UNREACHABLE,
		  "host web-1: connect: timed out");
	assert_string_equal(fixture->down.text,
			    "host web-1: connect: timed out");
	assert_int_equal(fake_count(fixture->remote), 1);
	wait_for(fixture, is_tried_again);
	assert_true(clock_boot_ms() - start >= BACKOFF_MS / 2);
}

static void test_it_may_be_freed_from_its_own_calls(void **state)
{
	struct fixture *fixture = *state;

	fixture->frees_on_up = true;
	bring_up(fixture);
	assert_null(fixture->link);
}

static void test_it_may_be_freed_when_it_goes_down(void **state)
{
	struct fixture *fixture = *state;

	fixture->frees_on_down = true;
	fake_lose(fake_stream(fixture->remote), ERR_TIMEOUT, "slow");
	assert_null(fixture->link);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_greets_and_opens_and_is_up),
		TEST(test_nothing_is_sent_before_the_agent_is_there),
		TEST(test_a_command_says_until_when_on_the_hosts_clock),
		TEST(test_asks_and_checks_are_answered),
		TEST(test_silent_for_three_pings_is_dead),
		TEST(test_pongs_keep_it_up_and_its_clock_right),
		TEST(test_an_agent_that_does_not_greet_is_given_up),
		TEST(test_a_shell_that_talks_and_waits_is_named),
		TEST(test_the_end_of_the_program_is_explained),
		TEST(test_another_protocol_is_refused_by_name),
		TEST(test_a_message_out_of_turn_ends_the_connection),
		TEST(test_a_message_we_do_not_know_ends_the_connection),
		TEST(test_an_agent_that_gives_up_is_quoted),
		TEST(test_a_lost_connection_is_tried_again_after_a_while),
		TEST(test_it_may_be_freed_from_its_own_calls),
		TEST(test_it_may_be_freed_when_it_goes_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
