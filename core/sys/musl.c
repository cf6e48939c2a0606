/*
 * What Debian's libsodium.a was built to find in glibc, and musl lacks. Linked
 * into the static agent only.
 */
#include <string.h>
#include <strings.h>

void __explicit_bzero_chk(void *bytes, size_t size, size_t room);

void __explicit_bzero_chk(void *bytes, size_t size, size_t room)
{
	(void)room;
	explicit_bzero(bytes, size);
}
