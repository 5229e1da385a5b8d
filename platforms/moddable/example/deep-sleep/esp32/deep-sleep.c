#include "xsmc.h"
#include "xsHost.h"

#include "esp_sleep.h"

/** Sleeps for so many milliseconds, then reboots. */
void xs_deepSleep(xsMachine *the)
{
	esp_deep_sleep((uint64_t)xsmcToNumber(xsArg(0)) * 1000);
}
