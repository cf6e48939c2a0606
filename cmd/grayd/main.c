#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cmd/grayd/daemon.h"
#include "cmd/grayd/events.h"
#include "cmd/grayd/grayd.h"
#include "cmd/grayd/socket.h"
#include "core/sys/file.h"
#include "core/sys/home.h"
#include "core/sys/log.h"
#include "rollouts/agent_binary.h"

#define N_WORKERS      2
#define MAX_HANDSHAKES 32
#define CONNECT_MS     10000
#define HANDSHAKE_MS   20000
#define EXEC_MS	       10000

static const char usage[] =
	"usage: grayd [--foreground | --daemon]\n"
	"\n"
	"The controller: keeps rollouts going and answers grayctl, which\n"
	"starts it when needed. State is in $GRAY_HOME.\n"
	"\n"
	"  --foreground  stay, and log to standard error (the default)\n"
	"  --daemon      log to $GRAY_HOME/grayd.log; returns when it answers\n"
	"  --version     print the version\n"
	"  --help        print this\n";

static void stop_cb(void *ctx)
{
	struct grayd *grayd = ctx;

	log_info("ending");
	loop_stop(grayd->loop);
}

static void changed_cb(void *ctx, const char *id)
{
	struct grayd *grayd = ctx;

	if (grayd->events)
		events_changed(grayd->events, id);
}

static void fatal_cb(void *ctx, const struct err *err)
{
	struct grayd *grayd = ctx;

	log_error("ending, since nothing may be done without the store: %s",
		  err->text);
	grayd->status = err_exit_status(err->code);
	loop_stop(grayd->loop);
}

struct parts {
	struct remote *remote;
	struct blobs *blobs;
	struct agent_binary *agent;
	char *holder;
};

static void parts_release(struct parts *parts)
{
	if (parts->remote)
		remote_free(parts->remote);
	blobs_free(parts->blobs);
	agent_binary_free(parts->agent);
	free(parts->holder);
}

static int make_parts(struct grayd *grayd, struct parts *out, struct err *err)
{
	static const struct remote_options remote = {
		.n_workers = N_WORKERS,
		.max_handshakes = MAX_HANDSHAKES,
		.connect_ms = CONNECT_MS,
		.handshake_ms = HANDSHAKE_MS,
		.exec_ms = EXEC_MS,
	};
	AUTO_STR char *blobs = mem_format("%s/blobs", grayd->home);

	if (agent_binary_find(NULL, &out->agent, err) ||
	    blobs_open(blobs, &out->blobs, err) ||
	    remote_new(grayd->loop, &remote, &out->remote, err))
		return err_again(err);
	return 0;
}

static int make_driver(struct grayd *grayd, const struct parts *parts,
		       struct err *err)
{
	struct driver_options options = {
		.loop = grayd->loop,
		.home = grayd->home,
		.holder = parts->holder,
		.agent_command = parts->agent->command,
		.remote = parts->remote,
		.blobs = parts->blobs,
		.changed = changed_cb,
		.fatal = fatal_cb,
		.ctx = grayd,
	};

	grayd->blobs = parts->blobs;
	return driver_new(&options, &grayd->driver, err);
}

/* The socket last: who can connect finds a controller that is ready. */
static int make_server(struct grayd *grayd, struct err *err)
{
	int fd = -1;

	grayd->socket = mem_format("%s/" HOME_SOCKET, grayd->home);
	grayd->events = events_new(grayd);
	grayd->ending = loop_timer_new(grayd->loop, stop_cb, grayd);
	if (socket_listen(grayd->socket, &fd, err))
		return err_again(err);
	return server_new(grayd->loop, fd, handlers_run, grayd, &grayd->server,
			  err);
}

static void grayd_release(struct grayd *grayd, struct parts *parts)
{
	bool has_workers =
		grayd->n_reading > 0 ||
		(grayd->driver && driver_is_importing(grayd->driver));

	if (grayd->server) /* whoever asks now shall start the next one */
		(void)unlink(grayd->socket);
	server_free(grayd->server);
	events_free(grayd->events);
	driver_free(grayd->driver);
	/* Other threads may be anywhere: leave them what they use. */
	if (has_workers)
		_exit(grayd->status);
	parts_release(parts);
	loop_timer_free(grayd->ending);
	loop_free(grayd->loop);
	free(grayd->socket);
	free(grayd->home);
}

static int run(struct grayd *grayd, struct parts *parts, int ready,
	       struct err *err)
{
	if (loop_new(&grayd->loop, err) || make_parts(grayd, parts, err) ||
	    make_driver(grayd, parts, err) || make_server(grayd, err))
		return err_again(err);
	loop_on_signal(grayd->loop, SIGTERM, stop_cb, grayd);
	loop_on_signal(grayd->loop, SIGINT, stop_cb, grayd);
	log_info("grayd %s answers at %s", GRAY_VERSION, grayd->socket);
	daemon_tell_ready(ready);
	loop_run(grayd->loop);
	return 0;
}

/* Every host is a descriptor or two. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static char *holder_name(void)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	return mem_format("%d (grayd %s on %s)", getpid(), GRAY_VERSION, host);
}

static int serve(bool is_daemon, struct err *err)
{
	struct grayd grayd = { .home = NULL };
	struct parts parts = { .remote = NULL };
	AUTO_FD int lock = -1;
	int ready = -1;
	int failed;

	if (home_find(&grayd.home, err) ||
	    file_make_dirs(grayd.home, 0700, err) ||
	    socket_lock(grayd.home, &lock, err) ||
	    (is_daemon && daemon_begin(grayd.home, &ready, err))) {
		free(grayd.home);
		return err_again(err);
	}
	parts.holder = holder_name();
	failed = socket_sign(lock, parts.holder, err);
	if (!failed)
		failed = run(&grayd, &parts, ready, err);
	if (failed && is_daemon)
		log_error("%s", err->text);
	grayd_release(&grayd, &parts);
	return failed ? failed : -grayd.status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "daemon", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = ERR_INIT;
	bool is_daemon = false;
	int option;

	log_set_name("grayd");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			is_daemon = false;
			break;
		case 'd':
			is_daemon = true;
			break;
		case 'V':
			(void)puts("grayd " GRAY_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return err_exit_status(ERR_INVALID);
		}
	}
	if (optind < argc) {
		(void)fputs(usage, stderr);
		return err_exit_status(ERR_INVALID);
	}
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	raise_limits();
	if (serve(is_daemon, &err) == 0)
		return 0;
	if (err.code == ERR_NONE)
		return err_exit_status(ERR_SYSTEM);
	(void)fprintf(stderr, "grayd: %s\n", err.text);
	return err_exit_status(err.code);
}
