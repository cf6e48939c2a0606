#include "tests/support/agent_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/wire/frame.h"

#define ANSWER_MS 60000
#define PIECE	  100000 /* of a file; under the message's limit */

struct agent_client {
	pid_t pid;
	int to;
	int from;
	struct frame_decoder frames;
	char boot_id[BOOT_ID_SIZE];
};

struct sample_release *sample_release_new(void)
{
	struct sample_release *release = MEM_NEW(struct sample_release);

	release->manifest = manifest_new();
	return release;
}

void sample_release_free(struct sample_release *release)
{
	if (!release)
		return;
	for (size_t i = 0; i < release->files.n; i++) {
		free(release->files.items[i].path);
		free(release->files.items[i].content);
	}
	vec_release(&release->files);
	manifest_free(release->manifest);
	free(release);
}

static void must(int rc, const struct err *err)
{
	if (rc < 0) {
		(void)dprintf(STDERR_FILENO, "%s\n", err->text);
		abort();
	}
}

void sample_release_add(struct sample_release *release, const char *path,
			bool is_executable, const char *content)
{
	struct sample_file *file = vec_add(&release->files);
	struct err err = ERR_INIT;
	struct digest digest;

	file->path = mem_str(path);
	file->content = mem_str(content);
	file->size = strlen(content);
	digest_of(content, file->size, &digest);
	must(manifest_add_file(release->manifest, path, is_executable,
			       file->size, &digest, &err),
	     &err);
}

void sample_release_add_link(struct sample_release *release, const char *path,
			     const char *target)
{
	struct err err = ERR_INIT;

	must(manifest_add_link(release->manifest, path, target, &err), &err);
}

void sample_release_seal(struct sample_release *release)
{
	struct err err = ERR_INIT;

	must(manifest_seal(release->manifest, &err), &err);
}

static int next_frame(struct agent_client *client, unsigned type,
		      struct frame *out, struct err *err);

static int send_frame(struct agent_client *client, unsigned type,
		      const struct proto_type *schema, const void *message,
		      struct err *err)
{
	AUTO_VALUE(buf) bytes = BUF_INIT;
	size_t start = frame_begin(&bytes, type);

	proto_encode(schema, message, &bytes);
	frame_end(&bytes, start);
	return file_write_all(client->to, bytes.bytes, bytes.size, err);
}

static int greet(struct agent_client *client, struct err *err)
{
	struct agent_hello hello = { .protocol = AGENT_PROTOCOL };
	AUTO_VALUE(agent_hello) answer = { 0 };
	struct frame frame;

	if (send_frame(client, AGENT_HELLO, &agent_hello_type, &hello, err) <
		    0 ||
	    next_frame(client, AGENT_HELLO, &frame, err) < 0 ||
	    agent_hello_decode(frame.bytes, frame.size, &answer, err) < 0)
		return err_again(err);
	(void)snprintf(client->boot_id, sizeof(client->boot_id), "%s",
		       answer.boot_id);
	return 0;
}

int agent_client_start(const char *const *argv, const char *home,
		       struct agent_client **out, struct err *err)
{
	struct agent_client *client = MEM_NEW(struct agent_client);
	union {
		const char *const *from;
		char *const *to;
	} words = { argv };
	int to[2];
	int from[2];

	(void)signal(SIGPIPE, SIG_IGN);
	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		abort();
	client->pid = fork();
	if (client->pid == 0) {
		(void)dup2(to[0], STDIN_FILENO);
		(void)dup2(from[1], STDOUT_FILENO);
		(void)setenv("HOME", home, 1);
		(void)execvp(words.to[0], words.to);
		_exit(127);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	client->to = to[1];
	client->from = from[0];
	frame_decoder_init(&client->frames, true);
	if (greet(client, err) < 0) {
		agent_client_stop(client);
		return err_again(err);
	}
	*out = client;
	return 0;
}

void agent_client_stop(struct agent_client *client)
{
	if (!client)
		return;
	(void)close(client->to);
	(void)close(client->from);
	(void)waitpid(client->pid, NULL, 0);
	frame_decoder_release(&client->frames);
	free(client);
}

int agent_client_pid(const struct agent_client *client)
{
	return client->pid;
}

/* The agent's own words for why it gives up. */
static int take_failure(const struct frame *frame, struct err *err)
{
	AUTO_VALUE(agent_failure) failure = { 0 };

	if (agent_failure_decode(frame->bytes, frame->size, &failure, err) < 0)
		return err_again(err);
	return err_set(err, (enum err_code)failure.code, "%s", failure.text);
}

/* The next frame of TYPE (0: of any); others on the way are passed over. */
static int next_frame(struct agent_client *client, unsigned type,
		      struct frame *out, struct err *err)
{
	uint64_t until_ms = clock_boot_ms() + ANSWER_MS;
	uint8_t bytes[65536];
	bool has_frame;

	for (;;) {
		struct pollfd one = { client->from, POLLIN, 0 };
		ssize_t n;

		if (frame_decoder_next(&client->frames, out, &has_frame, err) <
		    0)
			return err_again(err);
		if (has_frame && out->type == AGENT_FAILURE)
			return take_failure(out, err);
		if (has_frame && (!type || out->type == type))
			return 0;
		if (has_frame)
			continue;
		if (clock_boot_ms() >= until_ms)
			return err_set(err, ERR_TIMEOUT, "no answer");
		if (poll(&one, 1, 1000) <= 0)
			continue;
		n = read(client->from, bytes, sizeof(bytes));
		if (n <= 0)
			return err_set(err, ERR_UNREACHABLE,
				       "the agent has gone");
		frame_decoder_add(&client->frames, bytes, (size_t)n);
	}
}

static int read_status(struct agent_client *client, struct agent_status *out,
		       struct err *err)
{
	struct frame frame;

	if (next_frame(client, AGENT_STATUS, &frame, err) < 0)
		return err_again(err);
	return agent_status_decode(frame.bytes, frame.size, out, err);
}

int agent_client_open(struct agent_client *client, const char *root,
		      struct agent_status *out, struct err *err)
{
	AUTO_STR char *path = mem_str(root);
	char service[] = "feed";
	char name[] = "web-1";
	char address[] = "127.0.0.1";
	struct agent_open open = { .service = service,
				   .root = path,
				   .name = name,
				   .address = address };

	if (send_frame(client, AGENT_OPEN, &agent_open_type, &open, err) < 0)
		return err_again(err);
	return read_status(client, out, err);
}

int agent_client_ask(struct agent_client *client, struct agent_status *out,
		     struct err *err)
{
	struct agent_ask ask = { 0 };

	/* A broken pipe says less than the agent's last words, still unread. */
	(void)send_frame(client, AGENT_ASK, &agent_ask_type, &ask, err);
	return read_status(client, out, err);
}

int agent_client_send(struct agent_client *client,
		      struct agent_command *command, struct err *err)
{
	if (!command->boot_id)
		command->boot_id = client->boot_id;
	if (!command->valid_until_ms)
		command->valid_until_ms = clock_boot_ms() + ANSWER_MS;
	return send_frame(client, AGENT_COMMAND, &agent_command_type, command,
			  err);
}

static int send_file(struct agent_client *client,
		     const struct sample_release *release,
		     const struct manifest_entry *entry, struct err *err)
{
	const struct sample_file *file = NULL;
	size_t at = 0;

	for (size_t i = 0; i < release->files.n; i++)
		if (strcmp(release->files.items[i].path, entry->path) == 0)
			file = &release->files.items[i];
	do {
		size_t n = MIN_OF(file->size - at, PIECE);
		AUTO_VALUE(agent_blob)
		blob = { .digest = entry->digest, .offset = at };

		buf_append(&blob.data, file->content + at, n);
		at += n;
		blob.last = at == file->size;
		if (send_frame(client, AGENT_BLOB, &agent_blob_type, &blob,
			       err) < 0)
			return err_again(err);
	} while (at < file->size);
	return 0;
}

static int send_needed(struct agent_client *client, const struct frame *frame,
		       const struct sample_release *release, size_t max,
		       size_t *out_n, struct err *err)
{
	AUTO_VALUE(agent_need) need = { 0 };

	if (agent_need_decode(frame->bytes, frame->size, &need, err) < 0)
		return err_again(err);
	for (size_t i = 0; i < need.n_files && i < max; i++)
		if (send_file(client, release,
			      &release->manifest->entries.items[need.files[i]],
			      err) < 0)
			return err_again(err);
	if (out_n)
		*out_n = need.n_files;
	return 0;
}

int agent_client_result(struct agent_client *client,
			const struct sample_release *staged,
			struct agent_result *out, size_t *out_n_sent,
			struct err *err)
{
	struct frame frame;

	for (;;) {
		if (next_frame(client, 0, &frame, err) < 0)
			return err_again(err);
		if (frame.type == AGENT_NEED && staged &&
		    send_needed(client, &frame, staged, SIZE_MAX, out_n_sent,
				err) < 0)
			return err_again(err);
		if (frame.type == AGENT_RESULT)
			return agent_result_decode(frame.bytes, frame.size, out,
						   err);
	}
}

/* A manifest that is too large for a command goes before it, in parts. */
static int send_manifest(struct agent_client *client,
			 struct agent_command *command,
			 const struct sample_release *staged, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	manifest_encode(staged->manifest, &text);
	command->manifest_bytes = text.size;
	if (text.size <= AGENT_COMMAND_MANIFEST_MAX) {
		buf_append(&command->manifest, text.bytes, text.size);
		return 0;
	}
	for (size_t at = 0; at < text.size;) {
		size_t n =
			MIN_OF(text.size - at, AGENT_MANIFEST_PART_BYTES_MAX);
		AUTO_VALUE(agent_manifest_part)
		part = { .release = command->release, .offset = at };

		buf_append(&part.bytes, text.bytes + at, n);
		at += n;
		if (send_frame(client, AGENT_MANIFEST_PART,
			       &agent_manifest_part_type, &part, err) < 0)
			return err_again(err);
	}
	return 0;
}

int agent_client_command(struct agent_client *client,
			 struct agent_command *command,
			 const struct sample_release *staged,
			 struct agent_result *out, size_t *out_n_sent,
			 struct err *err)
{
	int rc;

	if (staged && send_manifest(client, command, staged, err) < 0)
		return err_again(err);
	rc = agent_client_send(client, command, err);
	buf_release(&command->manifest);
	if (rc < 0)
		return rc;
	return agent_client_result(client, staged, out, out_n_sent, err);
}

int agent_client_send_files(struct agent_client *client,
			    const struct sample_release *staged, size_t n,
			    struct err *err)
{
	struct frame frame;

	if (next_frame(client, AGENT_NEED, &frame, err) < 0)
		return err_again(err);
	return send_needed(client, &frame, staged, n, NULL, err);
}

int agent_client_check(struct agent_client *client, struct agent_check *check,
		       struct agent_checked *out, struct err *err)
{
	struct frame frame;

	if (send_frame(client, AGENT_CHECK, &agent_check_type, check, err) <
		    0 ||
	    next_frame(client, AGENT_CHECKED, &frame, err) < 0)
		return err_again(err);
	return agent_checked_decode(frame.bytes, frame.size, out, err);
}

int agent_client_ping(struct agent_client *client, uint64_t *out_ms,
		      struct err *err)
{
	uint64_t start_ms = clock_boot_ms();
	struct agent_ping ping = { .number = start_ms };
	struct frame frame;

	if (send_frame(client, AGENT_PING, &agent_ping_type, &ping, err) < 0 ||
	    next_frame(client, AGENT_PONG, &frame, err) < 0)
		return err_again(err);
	*out_ms = clock_boot_ms() - start_ms;
	return 0;
}
