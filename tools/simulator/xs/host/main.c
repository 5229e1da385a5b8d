/* One simulated device: runs a program on XS, and hands events to it, until stdin ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "host.h"
#include "protocol.h"

static void usage(const char* reason, const char* value)
{
	fprintf(stderr, "mote-xs: %s%s\nusage: mote-xs <slots> <chunk bytes> <stack slots> <seed>\n", reason, value);
	exit(EXIT_USAGE);
}

static unsigned long numberArgument(const char* text, unsigned long least, unsigned long most)
{
	char* end;
	unsigned long value;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || *end || value < least || value > most)
		usage("not a number within bounds: ", text);
	return value;
}

static Machine* evaluate(const Limits* limits, const Frame* frame)
{
	static char noSettings[1];
	char* settings = noSettings;
	uint32_t length = frame->length >= 4 ? protocolU32(frame->payload) : UINT32_MAX;

	if (length > frame->length - 4)
		protocolEnd(EXIT_PROTOCOL, "A program without settings reached the XS host: a fault of Mote.");
	if (length > 0) {
		settings = malloc((size_t)length + 1);
		if (!settings)
			protocolEnd(EXIT_INTERNAL, "The computer has no memory for the settings.");
		memcpy(settings, frame->payload + 4, length);
		settings[length] = 0;
	}
	frame->payload[frame->length] = 0;
	return engineStart(limits, settings, (const char*)frame->payload + 4 + length, frame->length - 4 - length);
}

int main(int argc, char* argv[])
{
	Limits limits;
	Machine* machine = NULL;
	Frame frame;

	if (argc != 5)
		usage("four numbers are expected", "");
	limits.slots = (int)numberArgument(argv[1], 256, 1000000);
	limits.chunkBytes = (int)numberArgument(argv[2], 4096, 64 * 1024 * 1024);
	limits.stackSlots = (int)numberArgument(argv[3], 64, 100000);
	hostSeed((uint32_t)numberArgument(argv[4], 0, UINT32_MAX));
	protocolOpen();

	while (protocolRead(&frame)) {
		if ((frame.type == EVALUATE) != (machine == NULL))
			protocolEnd(EXIT_PROTOCOL, "A frame of type %d reached the XS host out of turn: a fault of Mote.", frame.type);
		hostSetTime(frame.now);
		if (frame.type == EVALUATE)
			machine = evaluate(&limits, &frame);
		else
			hostHandle(machine, &frame);
		protocolDone();
	}
	_exit(0);
}
