/* Reading never fails but by saying so, and a count of series is plausible. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agents/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char all[] = "a";
	char some[] = "a{b=~\"5..\",c!=\"x\"}";
	char *selectors[] = { all, some };
	struct agent_sample samples[2] = { 0 };
	double started = 0;
	struct err err = ERR_INIT;

	if (metrics_read((const char *)data, size, selectors, 2, samples,
			 &started, &err) < 0)
		return 0;
	if (samples[1].n_series > samples[0].n_series ||
	    samples[0].is_found != (samples[0].n_series > 0) || started < 0)
		abort();
	return 0;
}
