#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agents/facts.h"
#include "agents/guard_state.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

/* A client that takes nothing for so long has lost its place. */
#define OUT_MAX (8u << 20)

int guard_listen(struct guard *guard, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(err, "make a socket");
	/* A root's path may be longer than a socket's may. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/proc/self/fd/%d/" GUARD_SOCKET, guard->slot->gray);
	/* We hold the lock: whoever left it is gone. */
	(void)unlinkat(guard->slot->gray, GUARD_SOCKET, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(err, "bind .gray/" GUARD_SOCKET);
	if (listen(fd, GUARD_CLIENTS) < 0)
		return err_sys(err, "listen on .gray/" GUARD_SOCKET);
	guard->listener = TAKE_FD(fd);
	return 0;
}

static bool is_friend(int fd)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

void guard_accept(struct guard *guard)
{
	AUTO_FD int fd = accept4(guard->listener, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!is_friend(fd)) {
		log_warn("a stranger was turned away");
		return;
	}
	for (size_t i = 0; i < GUARD_CLIENTS; i++) {
		struct guard_client *client = &guard->clients[i];

		if (client->fd >= 0)
			continue;
		memset(client, 0, sizeof(*client));
		client->fd = TAKE_FD(fd);
		return;
	}
	log_warn("too many connections: one was turned away");
}

void guard_client_drop(struct guard *guard, struct guard_client *client)
{
	if (client->fd < 0)
		return;
	(void)close(client->fd);
	client->fd = -1;
	buf_release(&client->out);
	manifest_free(TAKE(client->manifest));
	if (guard->stage.client == client)
		guard->stage.client = NULL;
	guard->idle_since_ms = clock_boot_ms();
}

/* Whole records only; what the socket does not take now waits its turn. */
void guard_client_write(struct guard *guard, struct guard_client *client)
{
	while (client->out.size) {
		struct record_head head;
		ssize_t n;

		memcpy(&head, client->out.bytes, sizeof(head));
		n = send(client->fd, client->out.bytes, head.size,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			guard_client_drop(guard, client);
			return;
		}
		buf_eat(&client->out, head.size);
	}
}

void guard_send(struct guard *guard, struct guard_client *client,
		const struct record_head *head)
{
	if (client->fd < 0)
		return;
	if (client->out.size + head->size > OUT_MAX) {
		log_warn("a connection takes nothing: closed");
		guard_client_drop(guard, client);
		return;
	}
	buf_append(&client->out, head, head->size);
	guard_client_write(guard, client);
}

static void list_releases(const struct guard *guard, struct record_status *out)
{
	struct slot_releases releases = { 0 };
	struct err ignored = ERR_INIT;

	if (slot_list_releases(guard->slot, &releases, &ignored) == 0)
		for (size_t i = 0;
		     i < releases.list.n && out->n_releases < RECORD_RELEASES;
		     i++)
			out->releases[out->n_releases++] =
				releases.list.items[i];
	vec_release(&releases.list);
}

static void fill_status(const struct guard *guard, struct record_status *out)
{
	const struct deploy_record *record = &guard->deploy.record;
	uint64_t inodes;
	struct err err = ERR_INIT;

	memset(out, 0, sizeof(*out));
	(void)record_init(out, RECORD_STATUS);
	out->state = record->state;
	out->epoch = record->epoch;
	out->seq = record->seq;
	memcpy(out->rollout, record->rollout, sizeof(out->rollout));
	memcpy(out->version, record->version, sizeof(out->version));
	memcpy(out->note, record->note, sizeof(out->note));
	out->from = record->from;
	out->to = record->to;
	out->stable = record->stable;
	out->is_busy = deploy_is_busy(&guard->deploy);
	out->lease_left_ms =
		deploy_lease_left_ms(&guard->deploy, clock_boot_ms());
	facts_free(guard->slot->root, &out->free_bytes, &inodes);
	list_releases(guard, out);
	if (slot_current(guard->slot, &out->current, &err) < 0)
		(void)snprintf(out->note, sizeof(out->note), "%s", err.text);
	if (guard->broken.code) {
		out->state = AGENT_HOST_STATE_STUCK;
		(void)snprintf(out->note, sizeof(out->note), "%s",
			       guard->broken.text);
	}
}

static void send_status(struct guard *guard, struct guard_client *client)
{
	struct record_status status;

	fill_status(guard, &status);
	guard_send(guard, client, &status.head);
}

static void send_result(struct guard *guard, struct guard_client *client,
			const struct deploy_actions *actions)
{
	struct record_result result = { 0 };

	(void)record_init(&result, RECORD_RESULT);
	result.epoch = actions->epoch;
	result.seq = actions->seq;
	result.verb = actions->verb;
	result.code = (uint32_t)actions->code;
	result.is_repeat = actions->is_repeat;
	memcpy(result.text, actions->text, sizeof(result.text));
	/* The output is the last accepted command's. */
	if (actions->epoch == guard->deploy.record.epoch &&
	    actions->seq == guard->deploy.record.seq)
		memcpy(result.output, guard->entry->output,
		       sizeof(result.output));
	fill_status(guard, &result.status);
	guard_send(guard, client, &result.head);
}

void guard_answer(struct guard *guard, const struct deploy_actions *actions)
{
	for (size_t i = 0; i < GUARD_CLIENTS; i++) {
		struct guard_client *client = &guard->clients[i];

		if (client->fd < 0 || !client->is_waiting ||
		    client->epoch != actions->epoch ||
		    client->seq != actions->seq)
			continue;
		client->is_waiting = false;
		send_result(guard, client, actions);
	}
}

void guard_answer_all(struct guard *guard, const struct err *err)
{
	for (size_t i = 0; i < GUARD_CLIENTS; i++) {
		struct guard_client *client = &guard->clients[i];
		struct deploy_actions actions = {
			.epoch = client->epoch,
			.seq = client->seq,
			.verb = guard->deploy.verb,
			.code = err->code,
		};

		if (client->fd < 0 || !client->is_waiting)
			continue;
		client->is_waiting = false;
		(void)snprintf(actions.text, sizeof(actions.text), "%s",
			       err->text);
		send_result(guard, client, &actions);
	}
}

/* The first mistake is kept, and told when the stage command comes. */
static void take_entry(struct guard_client *client,
		       const struct record_entry *entry)
{
	struct err *err = &client->manifest_err;

	if (!client->manifest)
		client->manifest = manifest_new();
	if (err->code)
		return;
	if (client->manifest->entries.n >= MANIFEST_MAX_ENTRIES)
		(void)err_set(err, ERR_INVALID, "more than %d entries",
			      MANIFEST_MAX_ENTRIES);
	else if (entry->is_link)
		(void)!manifest_add_link(client->manifest, entry->path,
					 entry->target, err);
	else
		(void)!manifest_add_file(client->manifest, entry->path,
					 entry->is_executable, entry->size,
					 &entry->digest, err);
}

static void take_command(struct guard *guard, struct guard_client *client,
			 struct record_command *record)
{
	struct agent_command command = {
		.verb = record->verb,
		.epoch = record->epoch,
		.seq = record->seq,
		.rollout = record->rollout,
		.release = record->release,
		.boot_id = record->boot_id,
		.valid_until_ms = record->valid_until_ms,
		.lease_ms = record->lease_ms,
		.slot_in_ms = record->slot_in_ms,
		.slot_ms = record->slot_ms,
		.slot_period_ms = record->slot_period_ms,
		.version = record->version,
		.keep = record->keep,
		.target = record->target,
	};

	client->is_waiting = true;
	client->epoch = record->epoch;
	client->seq = record->seq;
	if (guard->broken.code) {
		guard_answer_all(guard, &guard->broken);
		return;
	}
	if (!deploy_is_busy(&guard->deploy))
		guard->stage.client = client;
	guard_command(guard, &command, record->has_spec ? &record->spec : NULL);
	/* A stage that began has taken it; otherwise it is of no use. */
	manifest_free(TAKE(client->manifest));
	client->manifest_err = (struct err)ERR_INIT;
}

static void greet(struct guard *guard, struct guard_client *client,
		  const struct record_hello *hello)
{
	struct record_hello answer = { .version = RECORD_VERSION,
				       .pid = (uint32_t)getpid(),
				       .program = GRAY_VERSION };

	(void)record_init(&answer, RECORD_HELLO);
	client->is_greeted = hello->version == RECORD_VERSION;
	guard_send(guard, client, &answer.head);
}

static void handle(struct guard *guard, struct guard_client *client,
		   union record *record)
{
	enum record_type type = (enum record_type)record->head.type;

	if (type == RECORD_HELLO) {
		greet(guard, client, &record->record_hello);
	} else if (type == RECORD_RETIRE) {
		guard->has_retired = !deploy_needs_guard(&guard->deploy);
	} else if (!client->is_greeted) {
		guard_client_drop(guard, client);
	} else if (type == RECORD_ASK) {
		send_status(guard, client);
	} else if (type == RECORD_ENTRY) {
		take_entry(client, &record->record_entry);
	} else if (type == RECORD_COMMAND) {
		take_command(guard, client, &record->record_command);
	} else if (type == RECORD_BLOB) {
		guard_stage_blob(guard, client, &record->record_blob);
	} else {
		guard_client_drop(guard, client);
	}
}

void guard_client_read(struct guard *guard, struct guard_client *client)
{
	static union record record; /* large, and one thread */
	struct err err = ERR_INIT;
	bool is_over;

	if (record_receive(client->fd, &record, &is_over, &err) < 0) {
		log_warn("%s", err.text);
		guard_client_drop(guard, client);
	} else if (is_over) {
		guard_client_drop(guard, client);
	} else if (record.head.type != RECORD_NONE) {
		handle(guard, client, &record);
	}
}
