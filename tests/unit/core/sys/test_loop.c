#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/clock.h"
#include "core/sys/loop.h"

struct fixture {
	struct loop *loop;
	struct loop_timer *timer;
	struct loop_poll *poll;
	uint64_t at_ms[3];
	int n;
	int n_done;
	int fd;
	pthread_t worked_on;
};

static struct loop *new_loop(void)
{
	struct loop *loop = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&loop, &err), 0);
	return loop;
}

static void stop(void *ctx)
{
	struct fixture *f = ctx;

	f->at_ms[f->n++] = clock_boot_ms();
	loop_stop(f->loop);
}

static void test_a_timer_fires_once_and_not_early(void **state)
{
	struct fixture f = { .loop = new_loop() };
	uint64_t start;

	(void)state;
	f.timer = loop_timer_new(f.loop, stop, &f);
	usleep(20000); /* the loop's clock is old now */
	start = clock_boot_ms();
	loop_timer_set(f.timer, 30);
	loop_run(f.loop);
	assert_int_equal(f.n, 1);
	assert_true(f.at_ms[0] - start >= 29);
	loop_timer_free(f.timer);
	loop_free(f.loop);
}

static void count(void *ctx)
{
	((struct fixture *)ctx)->n_done++;
}

static void test_a_stopped_timer_does_not_fire(void **state)
{
	struct fixture f = { .loop = new_loop() };
	struct loop_timer *quiet = loop_timer_new(f.loop, count, &f);

	(void)state;
	f.timer = loop_timer_new(f.loop, stop, &f);
	loop_timer_set(quiet, 1);
	loop_timer_stop(quiet);
	loop_timer_set(f.timer, 20);
	loop_run(f.loop);
	assert_int_equal(f.n_done, 0);
	loop_timer_free(f.timer);
	loop_timer_free(quiet);
	loop_timer_free(NULL);
	loop_free(f.loop);
}

static void *post_many(void *ctx)
{
	struct fixture *f = ctx;

	for (int i = 0; i < 1000; i++)
		loop_post(f->loop, count, f);
	loop_post(f->loop, stop, f);
	return NULL;
}

static void test_posts_from_threads_all_arrive(void **state)
{
	struct fixture f = { .loop = new_loop() };
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, post_many, &f), 0);
	while (f.n < 2)
		loop_run(f.loop);
	assert_int_equal(f.n_done, 2000);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	loop_free(f.loop);
}

static void test_free_makes_the_calls_that_wait(void **state)
{
	struct fixture f = { .loop = new_loop() };

	(void)state;
	loop_post(f.loop, count, &f);
	loop_free(f.loop);
	assert_int_equal(f.n_done, 1);
}

static void work(void *ctx)
{
	struct fixture *f = ctx;

	f->worked_on = pthread_self();
	usleep(20000);
}

static void test_work_runs_elsewhere_and_is_waited_for(void **state)
{
	struct fixture f = { .loop = new_loop() };

	(void)state;
	loop_work(f.loop, work, stop, &f);
	loop_run(f.loop);
	assert_int_equal(f.n, 1);
	assert_false(pthread_equal(f.worked_on, pthread_self()));
	loop_work(f.loop, work, count, &f);
	loop_free(f.loop);
	assert_int_equal(f.n_done, 1);
}

static void echo(void *ctx, bool can_read, bool can_write)
{
	struct fixture *f = ctx;
	char c;

	if (can_write && f->n_done == 0) {
		f->n_done = 1;
		loop_poll_set(f->poll, true, false);
		assert_int_equal(write(f->fd, "x", 1), 1);
		return;
	}
	assert_true(can_read);
	assert_false(can_write);
	assert_int_equal(read(f->fd, &c, 1), 1);
	loop_stop(f->loop);
}

static void test_poll_tells_what_was_asked_for(void **state)
{
	struct fixture f = { .loop = new_loop() };
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f.fd = fds[0];
	f.poll = loop_poll_new(f.loop, fds[0], echo, &f);
	loop_poll_set(f.poll, false, true);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_run(f.loop);
	assert_int_equal(f.n_done, 1);
	loop_poll_free(f.poll);
	(void)close(fds[0]);
	(void)close(fds[1]);
	loop_free(f.loop);
}

static void readable(void *ctx, bool can_read, bool can_write)
{
	struct fixture *f = ctx;
	char c;

	assert_true(can_read);
	assert_false(can_write);
	assert_int_equal(read(f->fd, &c, 1), 1);
	f->n_done++;
	loop_stop(f->loop);
}

static void write_one(void *ctx)
{
	assert_int_equal(write(*(int *)ctx, "x", 1), 1);
}

static void test_poll_waits_for_bytes(void **state)
{
	struct fixture f = { .loop = new_loop() };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	f.fd = fds[0];
	f.poll = loop_poll_new(f.loop, fds[0], readable, &f);
	loop_post(f.loop, write_one, &fds[1]);
	loop_run(f.loop);
	assert_int_equal(f.n_done, 1);
	loop_poll_free(f.poll);
	(void)close(fds[0]);
	(void)close(fds[1]);
	loop_free(f.loop);
}

static void raise_signal(void *ctx)
{
	(void)ctx;
	(void)kill(getpid(), SIGUSR1);
}

static void test_a_signal_reaches_the_loop(void **state)
{
	struct fixture f = { .loop = new_loop() };

	(void)state;
	loop_on_signal(f.loop, SIGUSR1, stop, &f);
	loop_post(f.loop, raise_signal, NULL);
	loop_run(f.loop);
	assert_int_equal(f.n, 1);
	loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_timer_fires_once_and_not_early),
		cmocka_unit_test(test_a_stopped_timer_does_not_fire),
		cmocka_unit_test(test_posts_from_threads_all_arrive),
		cmocka_unit_test(test_free_makes_the_calls_that_wait),
		cmocka_unit_test(test_work_runs_elsewhere_and_is_waited_for),
		cmocka_unit_test(test_poll_tells_what_was_asked_for),
		cmocka_unit_test(test_poll_waits_for_bytes),
		cmocka_unit_test(test_a_signal_reaches_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
