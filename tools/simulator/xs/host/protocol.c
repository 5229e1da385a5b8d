#include "protocol.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Frames wait here, so that an event costs one system call, and one that ends half-way leaves no half frame. */
static int muted;
static uint8_t output[64 * 1024];
static size_t outputLength;
static size_t answerLength;
static int outputFile;

static uint8_t* input;
static size_t inputSize;

static void watchParent(int signal);
static int readExactly(uint8_t* bytes, size_t length);
static void writeExactly(const uint8_t* bytes, size_t length);
static void append(const void* bytes, size_t length);
static void flush(void);

void protocolOpen(void)
{
	struct itimerval everySecond = { { 1, 0 }, { 1, 0 } };
	struct sigaction action;

	outputFile = dup(STDOUT_FILENO);
	if (outputFile < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(EXIT_INTERNAL);
	signal(SIGPIPE, SIG_IGN);

	/* The end of stdin is seen between two events. A program that loops for ever handles one: look at times. */
	memset(&action, 0, sizeof(action));
	action.sa_handler = watchParent;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &everySecond, NULL);
}

static void watchParent(int signal)
{
	int kept = errno;
	struct pollfd end = { STDIN_FILENO, 0, 0 };
	(void)signal;
	if (poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR | POLLNVAL)))
		_exit(EXIT_PROTOCOL);
	errno = kept;
}

int protocolRead(Frame* frame)
{
	uint8_t header[HEADER_BYTES];
	size_t most;

	if (!readExactly(header, sizeof(header)))
		return 0;
	answerLength = 0;
	frame->length = protocolU32(header);
	frame->type = header[4];
	frame->socket = header[5];
	memcpy(&frame->connection, header + 6, sizeof(frame->connection));
	memcpy(&frame->now, header + 8, sizeof(frame->now));

	if (frame->type < EVALUATE || frame->type > STATISTICS)
		protocolEnd(EXIT_PROTOCOL, "A frame of type %d reached the XS host, which knows none: a fault of Mote.", frame->type);
	if (frame->socket >= SOCKET_COUNT)
		protocolEnd(EXIT_PROTOCOL, "A frame for socket %d reached the XS host, which has %d: a fault of Mote.", frame->socket, SOCKET_COUNT);
	most = frame->type == EVALUATE ? EVALUATE_MAX_BYTES : EVENT_MAX_BYTES;
	if (frame->length > most) {
		if (frame->type == EVALUATE)
			protocolEnd(EXIT_PROTOCOL, "The program and its settings are %lu bytes; the XS host takes %lu at most.", (unsigned long)frame->length, (unsigned long)most);
		protocolEnd(EXIT_PROTOCOL, "A frame of %lu bytes reached the XS host, which takes %lu at most: a fault of Mote.", (unsigned long)frame->length, (unsigned long)most);
	}

	/* One byte more than the payload, so that text may be ended with a zero in place. */
	if (inputSize < frame->length + 1) {
		free(input);
		inputSize = frame->length + 1;
		input = malloc(inputSize);
		if (!input)
			protocolEnd(EXIT_INTERNAL, "The computer has no memory for a frame of %lu bytes.", (unsigned long)frame->length);
	}
	frame->payload = input;
	return readExactly(input, frame->length);
}

void protocolMute(int mute)
{
	muted = mute;
}

void protocolSend(uint8_t type, uint8_t socket, uint16_t connection, double number, const void* payload, size_t length)
{
	uint8_t header[HEADER_BYTES];
	uint32_t length32 = (uint32_t)length;

	if (muted && type != ENDED)
		return;
	answerLength += sizeof(header) + length;
	if (answerLength > ANSWER_MAX_BYTES && type != ENDED)
		protocolEnd(EXIT_EXCEPTION, "The program printed and sent more than %d MiB while it handled one event. Does it loop?", ANSWER_MAX_BYTES >> 20);
	memcpy(header, &length32, sizeof(length32));
	header[4] = type;
	header[5] = socket;
	memcpy(header + 6, &connection, sizeof(connection));
	memcpy(header + 8, &number, sizeof(number));
	append(header, sizeof(header));
	append(payload, length);
}

void protocolDone(void)
{
	protocolSend(DONE, 0, 0, 0, NULL, 0);
	flush();
}

void protocolEnd(int exitCode, const char* format, ...)
{
	char sentence[4096];
	int length;
	va_list arguments;

	va_start(arguments, format);
	length = vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	if (length < 0)
		length = 0;
	if ((size_t)length >= sizeof(sentence))
		length = sizeof(sentence) - 1;
	protocolSend(ENDED, 0, 0, 0, sentence, (size_t)length);
	flush();
	_exit(exitCode);
}

uint32_t protocolU32(const uint8_t* bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static int readExactly(uint8_t* bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = read(STDIN_FILENO, bytes, length);
		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
		}
		else if (count == 0)
			return 0;
		else if (errno == EAGAIN) {
			struct pollfd ready = { STDIN_FILENO, POLLIN, 0 };
			poll(&ready, 1, -1);
		}
		else if (errno != EINTR)
			return 0;
	}
	return 1;
}

static void writeExactly(const uint8_t* bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = write(outputFile, bytes, length);
		if (count >= 0) {
			bytes += count;
			length -= (size_t)count;
		}
		else if (errno == EAGAIN) {
			struct pollfd ready = { outputFile, POLLOUT, 0 };
			poll(&ready, 1, -1);
		}
		else if (errno != EINTR)
			_exit(EXIT_PROTOCOL); /* nobody listens any more */
	}
}

static void append(const void* bytes, size_t length)
{
	if (length > sizeof(output) - outputLength)
		flush();
	if (length > sizeof(output))
		writeExactly(bytes, length);
	else if (length > 0) {
		memcpy(output + outputLength, bytes, length);
		outputLength += length;
	}
}

static void flush(void)
{
	writeExactly(output, outputLength);
	outputLength = 0;
}
