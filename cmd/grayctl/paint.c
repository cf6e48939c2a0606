#include "cmd/grayctl/paint.h"

#include <stdarg.h>
#include <string.h>

#include "core/base/str.h"

void paint_put(struct paint *paint, enum output_tone tone, const char *text)
{
	AUTO_STR char *clean = str_clean(text, strlen(text));
	bool is_coloured = false;

	for (const char *c = clean; *c; c++) {
		bool starts_one = ((unsigned char)*c & 0xc0) != 0x80;

		if (starts_one && paint->column >= paint->width)
			break;
		if (!is_coloured)
			buf_append_str(&paint->out,
				       output_tone(paint->has_colour, tone));
		is_coloured = true;
		paint->column += starts_one;
		buf_append_char(&paint->out, *c);
	}
	if (is_coloured)
		buf_append_str(&paint->out,
			       output_tone_end(paint->has_colour, tone));
}

void paint_format(struct paint *paint, enum output_tone tone, const char *fmt,
		  ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	paint_put(paint, tone, text);
}

void paint_pad(struct paint *paint, unsigned column)
{
	unsigned n = paint->column < column ? column - paint->column : 1;

	if (paint->column == column)
		return;
	while (n-- > 0 && paint->column < paint->width) {
		buf_append_char(&paint->out, ' ');
		paint->column++;
	}
}

void paint_end(struct paint *paint)
{
	while (paint->out.size && paint->out.bytes[paint->out.size - 1] == ' ')
		paint->out.bytes[--paint->out.size] = '\0';
	buf_append_char(&paint->out, '\n');
	paint->column = 0;
}

/* Bytes of TEXT that fit into COLUMNS, up to a blank where there is one. */
static size_t fitting(const char *text, unsigned columns)
{
	size_t blank = 0;
	unsigned n = 0;
	size_t i = 0;

	for (; text[i]; i++) {
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (n > columns)
			return blank ? blank : i;
		if (text[i] == ' ')
			blank = i;
	}
	return i;
}

void paint_wrapped(struct paint *paint, enum output_tone tone, unsigned indent,
		   const char *text)
{
	unsigned room = paint->width > indent ? paint->width - indent : 1;

	while (*text) {
		size_t size = fitting(text, room);
		AUTO_STR char *part = mem_strn(text, size ? size : 1);

		paint_pad(paint, indent);
		paint_put(paint, tone, part);
		paint_end(paint);
		text += size ? size : 1;
		while (*text == ' ')
			text++;
	}
}
