#include "core/remote/ssh_settings.h"

#include <string.h>

#include "core/base/map.h"

struct ssh_settings {
	struct map *values; /* keyword -> text, owned */
};

static void settings_add(struct ssh_settings *settings, const char *line,
			 size_t size)
{
	const char *space = memchr(line, ' ', size);
	AUTO_STR char *keyword = NULL;
	AUTO_STR char *value = NULL;
	char *before;

	if (!space || space == line)
		return;
	keyword = mem_strn(line, (size_t)(space - line));
	value = mem_strn(space + 1, size - (size_t)(space + 1 - line));
	before = map_find(settings->values, keyword);
	if (before) {
		char *both = mem_format("%s\n%s", before, value);

		free(value);
		value = both;
	}
	(void)map_put(settings->values, keyword, TAKE(value));
	free(before);
}

struct ssh_settings *ssh_settings_parse(const char *text, size_t size)
{
	struct ssh_settings *settings = MEM_NEW(struct ssh_settings);
	const char *end = text + size;

	settings->values = map_new();
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		settings_add(settings, text, (size_t)(line_end - text));
		text = line_end + 1;
	}
	return settings;
}

void ssh_settings_free(struct ssh_settings *settings)
{
	const struct map_entry *at = NULL;
	const char *keyword;
	void *value;

	if (!settings)
		return;
	while (map_next(settings->values, &at, &keyword, &value))
		free(value);
	map_free(settings->values);
	free(settings);
}

const char *ssh_settings_get(const struct ssh_settings *settings,
			     const char *keyword)
{
	const char *value = map_find(settings->values, keyword);

	return value && strcmp(value, "none") != 0 ? value : NULL;
}
