#include "xs.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"

/* Of the engine, but not in xs.h: the header xsmc.h has the first, and replaces most of xs.h. */
xsIntegerValue _xsmcGetBuffer(xsMachine* the, xsSlot* slot, void** data, xsUnsignedValue* length, xsBooleanValue writable);
void fxStringX(xsMachine* the, xsSlot* slot, xsStringValue text);
void modInstallTextDecoder(xsMachine* the);
void modInstallTextEncoder(xsMachine* the);

/* xs.h and engine.h name the same structure differently: one is what the public may see of the other. */
#define asMachine(THE) ((Machine*)(THE))

enum { HOSTNAME_MAX_BYTES = 255 };

enum { FREE, OPENING, CONNECTED };

static struct {
	int state;
	uint16_t connection;
	uint32_t credit; /* bytes that may be written now */
	int refused;     /* a write was cut short: the program waits for onWritable */
} sockets[SOCKET_COUNT];

static uint16_t connections;
static double now;
static uint32_t seed;
static uint32_t randomState;

/* The bytes of the event being handled, and those already read. */
static const uint8_t* received;
static uint32_t receivedLength;
static uint32_t receivedOffset;

static Allocations wakeAllocations;
static Allocations receivedAllocations;

/*
 * The listener and its methods, looked up once: a call from here then is a call and nothing else. The engine's garbage
 * collector knows these slots by xsRemember.
 */
enum { ON_WAKE, ON_OPEN, ON_READABLE, ON_WRITABLE, ON_CLOSE, ON_REPORT, METHOD_COUNT };
static const char* const methodNames[METHOD_COUNT] = { "onWake", "onOpen", "onReadable", "onWritable", "onClose", "onReport" };
static xsSlot listener;
static xsSlot methods[METHOD_COUNT];
static int listening;

/* --- functions of `host` --- */

static int socketArgument(xsMachine* the, int index)
{
	xsNumberValue number = xsToNumber(xsArg(index));
	if (!(number >= 0 && number < SOCKET_COUNT) || number != (int)number)
		xsRangeError("host: a socket is a number from 0 to %d", SOCKET_COUNT - 1);
	return (int)number;
}

static int openSocketArgument(xsMachine* the, int index)
{
	int socket = socketArgument(the, index);
	if (sockets[socket].state != CONNECTED)
		xsUnknownError("host: socket %d is not open", socket);
	return socket;
}

/* Finds the bytes from `start` up to `end` of the arguments (…, bytes, start, end). */
static uint8_t* bytesArgument(xsMachine* the, int index, int writable, uint32_t* length)
{
	void* data;
	xsUnsignedValue size;
	xsNumberValue start = xsToNumber(xsArg(index + 1));
	xsNumberValue end = xsToNumber(xsArg(index + 2));

	_xsmcGetBuffer(the, &xsArg(index), &data, &size, (xsBooleanValue)writable);
	if (!(start >= 0 && start <= end && end <= size) || start != (uint32_t)start || end != (uint32_t)end)
		xsRangeError("host: from %g to %g is not within %lu bytes", start, end, (unsigned long)size);
	*length = (uint32_t)end - (uint32_t)start;
	return (uint8_t*)data + (uint32_t)start;
}

static void host_listen(xsMachine* the)
{
	int index;
	if (listening)
		xsUnknownError("host: listen is called once");
	xsVars(1);
	listener = xsArg(0);
	for (index = 0; index < METHOD_COUNT; index++) {
		xsVar(0) = xsGet(xsArg(0), xsID(methodNames[index]));
		if (!xsIsInstanceOf(xsVar(0), xsFunctionPrototype))
			xsTypeError("host: the listener has no %s", methodNames[index]);
		methods[index] = xsVar(0);
	}
	xsRemember(listener);
	for (index = 0; index < METHOD_COUNT; index++)
		xsRemember(methods[index]);
	listening = 1;
}

static void host_preloaded(xsMachine* the)
{
	if (!enginePreloaded(asMachine(the)))
		xsUnknownError("host: the rehearsal ends");
}

static void host_now(xsMachine* the)
{
	xsResult = xsNumber(now);
}

/* Mulberry32. */
static void host_random(xsMachine* the)
{
	uint32_t z = randomState += 0x6D2B79F5;
	z = (z ^ (z >> 15)) * (z | 1);
	z ^= z + (z ^ (z >> 7)) * (z | 61);
	xsResult = xsNumber((z ^ (z >> 14)) / 4294967296.0);
}

static void host_wakeAt(xsMachine* the)
{
	protocolSend(WAKE_AT, 0, 0, xsToNumber(xsArg(0)), NULL, 0);
}

static void host_print(xsMachine* the)
{
	const char* line = xsToString(xsArg(0));
	size_t length = strlen(line);
	/* The engine spells U+0000 as C0 80, so that strings end at a zero byte. Outside, that is no UTF-8. */
	if (strstr(line, "\xC0\x80")) {
		char* copy = malloc(length);
		size_t from;
		size_t to = 0;
		if (!copy)
			protocolEnd(EXIT_INTERNAL, "The computer has no memory for a line of %lu bytes.", (unsigned long)length);
		for (from = 0; from < length; from++) {
			if ((uint8_t)line[from] == 0xC0)
				copy[to++] = line[++from] & 0x7F;
			else
				copy[to++] = line[from];
		}
		protocolSend(PRINT, 0, 0, 0, copy, to);
		free(copy);
	}
	else
		protocolSend(PRINT, 0, 0, 0, line, length);
}

static void host_report(xsMachine* the)
{
	xsNumberValue value = xsToNumber(xsArg(1));
	const char* name = xsToString(xsArg(0));
	protocolSend(REPORT, 0, 0, value, name, strlen(name));
}

static void host_open(xsMachine* the)
{
	uint8_t payload[3 + HOSTNAME_MAX_BYTES];
	int socket = socketArgument(the, 0);
	xsNumberValue port = xsToNumber(xsArg(2));
	int secure = xsToBoolean(xsArg(3));
	const char* hostname = xsToString(xsArg(1));
	size_t length = strlen(hostname);

	if (sockets[socket].state != FREE)
		xsUnknownError("host: socket %d is in use", socket);
	if (!(port >= 1 && port <= 65535) || port != (int)port)
		xsRangeError("host: a port is a number from 1 to 65535");
	if (length == 0 || length > HOSTNAME_MAX_BYTES)
		xsRangeError("host: the name of a host has 1 to %d bytes", HOSTNAME_MAX_BYTES);
	payload[0] = (uint8_t)((int)port & 0xFF);
	payload[1] = (uint8_t)((int)port >> 8);
	payload[2] = secure ? 1 : 0;
	memcpy(payload + 3, hostname, length);
	sockets[socket].state = OPENING;
	sockets[socket].connection = ++connections;
	sockets[socket].credit = 0;
	sockets[socket].refused = 0;
	protocolSend(OPEN, (uint8_t)socket, connections, 0, payload, 3 + length);
}

static void host_write(xsMachine* the)
{
	uint32_t length;
	int socket = openSocketArgument(the, 0);
	const uint8_t* bytes = bytesArgument(the, 1, 0, &length);

	if (length > sockets[socket].credit) {
		length = sockets[socket].credit;
		sockets[socket].refused = 1;
	}
	sockets[socket].credit -= length;
	if (length > 0)
		protocolSend(WRITE, (uint8_t)socket, sockets[socket].connection, 0, bytes, length);
	xsResult = xsInteger((xsIntegerValue)length);
}

static void host_read(xsMachine* the)
{
	uint32_t length;
	uint32_t left = receivedLength - receivedOffset;
	uint8_t* bytes;

	openSocketArgument(the, 0);
	bytes = bytesArgument(the, 1, 1, &length);
	if (length > left)
		length = left;
	if (length > 0)
		memcpy(bytes, received + receivedOffset, length);
	receivedOffset += length;
	xsResult = xsInteger((xsIntegerValue)length);
}

static void host_close(xsMachine* the)
{
	int socket = socketArgument(the, 0);
	if (sockets[socket].state == FREE)
		return;
	sockets[socket].state = FREE;
	protocolSend(CLOSE, (uint8_t)socket, sockets[socket].connection, 0, NULL, 0);
}

static void host_slots(xsMachine* the)
{
	xsResult = xsInteger(engineSlots(asMachine(the)));
}

static void host_chunkBytes(xsMachine* the)
{
	xsResult = xsInteger(engineChunkBytes(asMachine(the)));
}

/* --- the object --- */

static const struct {
	const char* name;
	xsCallback function;
	int length;
} functions[] = {
	{ "listen", host_listen, 1 },
	{ "preloaded", host_preloaded, 0 },
	{ "now", host_now, 0 },
	{ "random", host_random, 0 },
	{ "wakeAt", host_wakeAt, 1 },
	{ "print", host_print, 1 },
	{ "report", host_report, 2 },
	{ "open", host_open, 4 },
	{ "write", host_write, 4 },
	{ "read", host_read, 4 },
	{ "close", host_close, 1 },
	{ "slots", host_slots, 0 },
	{ "chunkBytes", host_chunkBytes, 0 },
};

/* The garbage collector visits `host` once in each collection, before it frees anything: so it is seen to begin. */
static void collectionBegins(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	(void)data;
	(void)markRoot;
	engineCollectionBegins(asMachine(the));
}
static const xsHostHooks hooks = { NULL, collectionBegins, NULL };

static xsSlot hostRoot;

void hostInstall(Machine* machine, char* settings)
{
	xsMachine* theMachine = (xsMachine*)machine;

	/* Nothing is left of a machine before this one. */
	listening = 0;
	memset(sockets, 0, sizeof(sockets));
	randomState = seed;

	modInstallTextDecoder(theMachine);
	modInstallTextEncoder(theMachine);
	xsBeginHost(theMachine);
	{
		size_t index;
		xsVars(2);
		xsVar(0) = xsNewHostObject(NULL);
		xsSetHostData(xsVar(0), (void*)&hooks); /* without data the hooks are not called */
		xsSetHostHooks(xsVar(0), &hooks);
		for (index = 0; index < sizeof(functions) / sizeof(functions[0]); index++) {
			xsVar(1) = xsNewHostFunction(functions[index].function, functions[index].length);
			xsDefine(xsVar(0), xsID(functions[index].name), xsVar(1), xsDontDelete | xsDontSet);
		}
		fxStringX(the, &xsVar(1), settings); /* refers to the text, as to one in flash */
		xsDefine(xsVar(0), xsID("settings"), xsVar(1), xsDontDelete | xsDontSet);
		xsDefine(xsGlobal, xsID("host"), xsVar(0), xsDontDelete | xsDontSet);
		/* Names that would otherwise be made, and counted, at the first use. */
		for (index = 0; index < METHOD_COUNT; index++)
			xsID(methodNames[index]);
		xsID("written");
		hostRoot = xsVar(0);
		xsRemember(hostRoot);
	}
	xsEndHost(theMachine);
}

void hostSeed(uint32_t theSeed)
{
	seed = theSeed;
}

void hostSetTime(double time)
{
	now = time;
}

/* --- events --- */

static void call(xsMachine* theMachine, int method, int count, int first, int second)
{
	if (!listening)
		return;
	xsBeginHost(theMachine);
	{
		{
			xsTry {
				if (count == 0)
					xsCallFunction0(xsAccess(methods[method]), xsAccess(listener));
				else if (count == 1)
					xsCallFunction1(xsAccess(methods[method]), xsAccess(listener), xsInteger(first));
				else
					xsCallFunction2(xsAccess(methods[method]), xsAccess(listener), xsInteger(first), xsInteger(second));
			}
			xsCatch {
				engineEndWithException(asMachine(the), "");
			}
		}
		engineRunJobs(asMachine(the));
	}
	xsEndHost(theMachine);
}

static uint32_t u32Payload(const Frame* frame)
{
	if (frame->length != 4)
		protocolEnd(EXIT_PROTOCOL, "A frame of type %d with %lu bytes reached the XS host, where 4 belong: a fault of Mote.", frame->type, (unsigned long)frame->length);
	return protocolU32(frame->payload);
}

static void addCredit(int socket, uint32_t credit)
{
	sockets[socket].credit = credit > UINT32_MAX - sockets[socket].credit ? UINT32_MAX : sockets[socket].credit + credit;
}

/* Whether the event is for the connection that the socket is now, in the state that the event belongs to. */
static int isFor(const Frame* frame, int state)
{
	return sockets[frame->socket].state == state && sockets[frame->socket].connection == frame->connection;
}

void hostHandle(Machine* machine, const Frame* frame)
{
	xsMachine* the = (xsMachine*)machine;
	int socket = frame->socket;

	switch (frame->type) {
	case WAKE:
		engineCountAllocations(machine);
		call(the, ON_WAKE, 0, 0, 0);
		engineAddAllocations(machine, &wakeAllocations);
		break;

	case OPENED: {
		uint32_t credit = u32Payload(frame);
		if (!isFor(frame, OPENING))
			break;
		sockets[socket].state = CONNECTED;
		addCredit(socket, credit);
		call(the, ON_OPEN, 1, socket, 0);
		break;
	}

	case RECEIVED:
		if (!isFor(frame, CONNECTED) || frame->length == 0)
			break;
		received = frame->payload;
		receivedLength = frame->length;
		receivedOffset = 0;
		engineCountAllocations(machine);
		call(the, ON_READABLE, 2, socket, (int)frame->length);
		engineAddAllocations(machine, &receivedAllocations);
		receivedLength = receivedOffset = 0;
		break;

	case WRITABLE: {
		uint32_t credit = u32Payload(frame);
		if (!isFor(frame, CONNECTED))
			break;
		addCredit(socket, credit);
		if (sockets[socket].refused && sockets[socket].credit > 0) {
			sockets[socket].refused = 0;
			call(the, ON_WRITABLE, 1, socket, 0);
		}
		break;
	}

	case CLOSED: {
		uint32_t code = u32Payload(frame);
		if (!isFor(frame, OPENING) && !isFor(frame, CONNECTED))
			break;
		sockets[socket].state = FREE;
		call(the, ON_CLOSE, 2, socket, (int)code);
		break;
	}

	case STATISTICS: {
		double statistics[STATISTICS_COUNT];
		engineStatistics(machine, &wakeAllocations, &receivedAllocations, statistics);
		call(the, ON_REPORT, 0, 0, 0);
		protocolSend(STATISTICS_ARE, 0, 0, 0, statistics, sizeof(statistics));
		break;
	}
	}
}
