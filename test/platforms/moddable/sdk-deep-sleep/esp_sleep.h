/* Plays the part of ESP-IDF's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void esp_deep_sleep(uint64_t microseconds)
{
	printf("asleep for %llu us\n", (unsigned long long)microseconds);
	exit(0);
}
