#include "cmd/grayctl/options.h"

#include <string.h>

#include "core/base/str.h"

const struct option_spec options_global[] = {
	{ "json", OPTION_FLAG, "print JSON: one document, or one object a line",
	  NULL, 0 },
	{ "help", OPTION_FLAG, "print this help", NULL, 'h' },
	{ 0 },
};

/* What is being read: the words, and where the results go. */
struct reading {
	const struct option_spec *specs;
	const char *const *words;
	size_t n;
	size_t at;
	struct option_values *out;
	struct buf *mistakes;
	unsigned n_mistakes;
};

void option_values_release(struct option_values *values)
{
	vec_release(&values->list);
}

static const struct option_spec *find_in(const struct option_spec *specs,
					 const char *name, size_t size)
{
	for (const struct option_spec *s = specs; s && s->name; s++)
		if (strlen(s->name) == size &&
		    strncmp(s->name, name, size) == 0)
			return s;
	return NULL;
}

static const struct option_spec *find_long(const struct reading *reading,
					   const char *name, size_t size)
{
	const struct option_spec *found = find_in(reading->specs, name, size);

	return found ? found : find_in(options_global, name, size);
}

static const struct option_spec *find_letter(const struct reading *reading,
					     char letter)
{
	for (const struct option_spec *s = reading->specs; s && s->name; s++)
		if (s->letter == letter)
			return s;
	for (const struct option_spec *s = options_global; s->name; s++)
		if (s->letter == letter)
			return s;
	return NULL;
}

static void add_mistake(struct reading *reading, const char *text)
{
	AUTO_STR char *clean = str_clean(text, strlen(text));

	buf_format(reading->mistakes, "%s\n", clean);
	reading->n_mistakes++;
}

static void unknown(struct reading *reading, const char *name, size_t size)
{
	VEC(const char *) names = { 0 };
	AUTO_STR char *given = mem_strn(name, size);
	AUTO_STR char *text = NULL;
	const char *meant;

	for (const struct option_spec *s = reading->specs; s && s->name; s++)
		*vec_add(&names) = s->name;
	for (const struct option_spec *s = options_global; s->name; s++)
		*vec_add(&names) = s->name;
	meant = str_nearest(given, names.items, names.n);
	text = meant ? mem_format("no option --%s (did you mean --%s?)", given,
				  meant)
		     : mem_format("no option --%s", given);
	add_mistake(reading, text);
	vec_release(&names);
}

static void keep(struct reading *reading, const struct option_spec *spec,
		 const char *value)
{
	struct err err = ERR_INIT;
	uint64_t number = 0;

	if (spec->kind == OPTION_NUMBER &&
	    str_parse_u64(value, UINT64_MAX, &number, &err) < 0) {
		AUTO_STR char *text =
			mem_format("--%s: %s", spec->name, err.text);

		add_mistake(reading, text);
		return;
	}
	*vec_add(&reading->out->list) = (struct option_value){
		.spec = spec,
		.text = value,
		.number = number,
	};
}

/* VALUE is what came after '=', or NULL. */
static void take(struct reading *reading, const struct option_spec *spec,
		 const char *value)
{
	AUTO_STR char *text = NULL;

	if (spec->kind == OPTION_FLAG) {
		if (!value) {
			keep(reading, spec, NULL);
			return;
		}
		text = mem_format("--%s takes no value", spec->name);
		add_mistake(reading, text);
		return;
	}
	if (!value && reading->at < reading->n)
		value = reading->words[reading->at++];
	if (value) {
		keep(reading, spec, value);
		return;
	}
	text = mem_format("--%s needs a value", spec->name);
	add_mistake(reading, text);
}

static void read_long(struct reading *reading, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t size = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_spec *spec = find_long(reading, word, size);

	if (spec)
		take(reading, spec, equals ? equals + 1 : NULL);
	else
		unknown(reading, word, size);
}

static void read_letter(struct reading *reading, const char *word)
{
	const struct option_spec *spec =
		word[1] ? NULL : find_letter(reading, word[0]);

	if (spec) {
		take(reading, spec, NULL);
	} else {
		AUTO_STR char *text = mem_format("no option -%s", word);

		add_mistake(reading, text);
	}
}

int options_parse(const struct option_spec *specs, const char *const *words,
		  size_t n, struct option_values *out, const char **args,
		  size_t *n_args, struct buf *mistakes, struct err *err)
{
	struct reading reading = {
		.specs = specs,
		.words = words,
		.n = n,
		.out = out,
		.mistakes = mistakes,
	};
	bool is_over = false;

	*n_args = 0;
	while (reading.at < n) {
		const char *word = words[reading.at++];

		if (is_over || word[0] != '-' || word[1] == '\0')
			args[(*n_args)++] = word;
		else if (strcmp(word, "--") == 0)
			is_over = true;
		else if (word[1] == '-')
			read_long(&reading, word + 2);
		else
			read_letter(&reading, word + 1);
	}
	if (reading.n_mistakes)
		return err_set(
			err, ERR_INVALID, "%u mistake%s on the command line",
			reading.n_mistakes, reading.n_mistakes == 1 ? "" : "s");
	return 0;
}

static const struct option_value *find_value(const struct option_values *values,
					     const char *name)
{
	for (size_t i = values->list.n; i > 0; i--)
		if (strcmp(values->list.items[i - 1].spec->name, name) == 0)
			return &values->list.items[i - 1];
	return NULL;
}

bool option_flag(const struct option_values *values, const char *name)
{
	return find_value(values, name) != NULL;
}

const char *option_text(const struct option_values *values, const char *name)
{
	const struct option_value *value = find_value(values, name);

	return value ? value->text : NULL;
}

uint64_t option_number(const struct option_values *values, const char *name,
		       uint64_t otherwise)
{
	const struct option_value *value = find_value(values, name);

	return value ? value->number : otherwise;
}

char *option_synopsis(const struct option_spec *spec)
{
	const char *value = spec->value;

	if (spec->kind == OPTION_FLAG)
		return mem_format("--%s", spec->name);
	if (!value)
		value = spec->kind == OPTION_NUMBER ? "n" : "text";
	return mem_format("--%s <%s>", spec->name, value);
}
