#include "core/remote/ssh_files.h"

#include <ctype.h>
#include <glob.h>
#include <string.h>
#include <strings.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "core/remote/user.h"
#include "core/sys/file.h"

#define FILES_SYSTEM	 "/etc/ssh/ssh_config"
#define FILES_SYSTEM_DIR "/etc/ssh"
#define FILES_MAX_BYTES	 (16u << 20)
#define FILES_MAX_DEPTH	 16 /* ssh's own limit */
#define FILES_MAX	 1000

/* A file, or a folder that a pattern of Include looks into. */
struct seen {
	char *path;
	struct file_look look;
};
struct ssh_files {
	VEC(struct seen) seen;
	VEC(char *) hosts; /* the patterns of a Host line, as they stand */
	bool has_match;
	bool has_tokens; /* %h and the like: no two hosts are the same */
};

static void note(struct ssh_files *files, const char *path)
{
	*vec_add(&files->seen) =
		(struct seen){ mem_str(path), file_look_at(path) };
}

static void read_one(struct ssh_files *files, const char *path,
		     const char *folder, unsigned depth);

/* The folder that NAME is in, if only the last part of it is a pattern. */
static void note_folder(struct ssh_files *files, const char *pattern)
{
	const char *slash = strrchr(pattern, '/');
	AUTO_STR char *folder =
		slash ? mem_strn(pattern, (size_t)(slash - pattern)) : NULL;

	if (folder && *folder)
		note(files, folder);
}

static void include(struct ssh_files *files, const char *pattern,
		    const char *folder, unsigned depth)
{
	AUTO_STR char *path = *pattern == '/'	? mem_str(pattern)
			      : *pattern == '~' ? user_login_file(pattern + 2)
						: file_join(folder, pattern);
	glob_t found = { 0 };

	note_folder(files, path);
	if (glob(path, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_one(files, found.gl_pathv[i], folder, depth + 1);
	globfree(&found);
}

/* The next word of a line, quotes taken off; NULL at the end. */
static char *take_word(char **at)
{
	char *p = *at + strspn(*at, " \t\r");
	char *out = p;
	char *to = p;
	bool is_quoted = false;

	if (!*p || *p == '#')
		return NULL;
	for (; *p && (is_quoted || !strchr(" \t\r", *p)); p++) {
		if (*p == '"')
			is_quoted = !is_quoted;
		else
			*to++ = *p;
	}
	*at = *p ? p + 1 : p;
	*to = '\0';
	return out;
}

static void read_line(struct ssh_files *files, char *line, const char *folder,
		      unsigned depth)
{
	char *at = line + strspn(line, " \t\r\f");
	size_t n = strcspn(at, " \t=\"");
	AUTO_STR char *keyword = mem_strn(at, n);
	char *word;

	if (!*keyword || *keyword == '#')
		return;
	if (strchr(at, '%') || strstr(at, "${"))
		files->has_tokens = true;
	at += n;
	at += strspn(at, " \t");
	at += *at == '=';
	if (strcasecmp(keyword, "Match") == 0)
		files->has_match = true;
	else if (strcasecmp(keyword, "Host") == 0)
		*vec_add(&files->hosts) = mem_str(at);
	else if (strcasecmp(keyword, "Include") == 0)
		while ((word = take_word(&at)))
			include(files, word, folder, depth);
}

static void read_one(struct ssh_files *files, const char *path,
		     const char *folder, unsigned depth)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_STR char *lines = NULL;
	struct err err = ERR_INIT;
	char *rest = NULL;

	if (depth > FILES_MAX_DEPTH || files->seen.n > FILES_MAX)
		return;
	note(files, path);
	if (file_read(path, FILES_MAX_BYTES, &text, &err) < 0)
		return;
	lines = mem_str(buf_str(&text));
	for (char *line = strtok_r(lines, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		read_line(files, line, folder, depth);
}

struct ssh_files *ssh_files_read(const char *config)
{
	struct ssh_files *files = MEM_NEW(struct ssh_files);
	AUTO_STR char *folder = user_login_file(".ssh");
	AUTO_STR char *own = file_join(folder, "config");

	if (!config) {
		read_one(files, own, folder, 0);
		read_one(files, FILES_SYSTEM, FILES_SYSTEM_DIR, 0);
	} else if (strcmp(config, "none") != 0) {
		read_one(files, config, folder, 0);
	}
	return files;
}

void ssh_files_free(struct ssh_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->seen.n; i++)
		free(files->seen.items[i].path);
	for (size_t i = 0; i < files->hosts.n; i++)
		free(files->hosts.items[i]);
	vec_release(&files->seen);
	vec_release(&files->hosts);
	free(files);
}

bool ssh_files_are_fresh(const struct ssh_files *files)
{
	for (size_t i = 0; i < files->seen.n; i++)
		if (!file_is_as(files->seen.items[i].path,
				&files->seen.items[i].look))
			return false;
	return true;
}

bool ssh_files_have_match(const struct ssh_files *files)
{
	return files->has_match;
}

/* One that is told with ! wins over all others. */
static bool line_matches(const char *patterns, const char *host)
{
	AUTO_STR char *copy = mem_str(patterns);
	char *at = copy;
	char *word;
	bool is_match = false;

	while ((word = take_word(&at))) {
		bool is_not = *word == '!';

		if (!str_matches(host, word + is_not, strlen(word + is_not),
				 false))
			continue;
		if (is_not)
			return false;
		is_match = true;
	}
	return is_match;
}

char *ssh_files_class(const struct ssh_files *files, const char *host)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	if (files->has_tokens || files->has_match)
		return mem_str(host);
	buf_append_char(&text, '=');
	for (size_t i = 0; i < files->hosts.n; i++)
		buf_append_char(&text, line_matches(files->hosts.items[i], host)
					       ? '1'
					       : '0');
	return buf_take_str(&text);
}
