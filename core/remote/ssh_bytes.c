#include "core/remote/ssh_bytes.h"

#include <string.h>

bool ssh_bytes_u8(struct ssh_bytes *from, uint8_t *out)
{
	if (from->left == 0)
		return false;
	*out = *from->at;
	from->at++;
	from->left--;
	return true;
}

bool ssh_bytes_u32(struct ssh_bytes *from, uint32_t *out)
{
	const uint8_t *at = from->at;

	if (from->left < 4)
		return false;
	*out = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
	from->at += 4;
	from->left -= 4;
	return true;
}

bool ssh_bytes_string(struct ssh_bytes *from, struct ssh_bytes *out)
{
	struct ssh_bytes rest = *from;
	uint32_t size;

	if (!ssh_bytes_u32(&rest, &size) || size > rest.left)
		return false;
	*out = (struct ssh_bytes){ rest.at, size };
	from->at = rest.at + size;
	from->left = rest.left - size;
	return true;
}

bool ssh_bytes_are(const struct ssh_bytes *bytes, const char *text)
{
	return bytes->left == strlen(text) &&
	       memcmp(bytes->at, text, bytes->left) == 0;
}
