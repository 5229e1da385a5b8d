/*
 * Frames between Node (stdin) and this program (stdout): a header of 16 bytes, little-endian, then the payload.
 *
 *   0  u32  bytes of payload
 *   4  u8   type
 *   5  u8   socket, 0 to 7
 *   6  u16  connection: how many times sockets have been opened, modulo 65536. An event that was under way while the
 *           program closed its socket and opened it anew is known by its old number, and dropped.
 *   8  f64  from Node the time in ms; from here the number that some types carry
 *
 * protocol.ts is the other side and holds the same constants.
 */
#ifndef MOTE_PROTOCOL_H
#define MOTE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	HEADER_BYTES = 16,
	SOCKET_COUNT = 8,
	/* A program, with its settings, is the only long frame. */
	EVALUATE_MAX_BYTES = 4 * 1024 * 1024,
	EVENT_MAX_BYTES = 64 * 1024,
	/* What one event may print and send: a program in a loop must not fill the memory of whoever listens. */
	ANSWER_MAX_BYTES = 16 * 1024 * 1024,
};

/* Types from Node. Each is answered with DONE, last. */
enum {
	EVALUATE = 1,   /* u32 bytes of settings · settings · program */
	WAKE = 2,
	OPENED = 3,     /* u32 credit: bytes that may be written */
	RECEIVED = 4,   /* bytes */
	WRITABLE = 5,   /* u32 credit in addition */
	CLOSED = 6,     /* u32 code */
	STATISTICS = 7,
};

/* Types to Node. */
enum {
	OPEN = 65,         /* u16 port · u8 secure · host name */
	WRITE = 66,        /* bytes */
	CLOSE = 67,
	WAKE_AT = 68,      /* number: the time */
	PRINT = 69,        /* text */
	REPORT = 70,       /* number: the value · text: the name */
	STATISTICS_ARE = 71, /* f64 each, in the order of engineStatistics */
	DONE = 72,
	ENDED = 73,        /* text: a sentence. The process exits. */
};

/* What the process exits with, for whoever runs it by hand: Node goes by the ENDED frame. */
enum {
	EXIT_USAGE = 2,
	EXIT_EXCEPTION = 10,
	EXIT_MEMORY = 11,
	EXIT_PROTOCOL = 12,
	EXIT_INTERNAL = 70,
};

typedef struct {
	uint32_t length;
	uint8_t type;
	uint8_t socket;
	uint16_t connection;
	double now;
	uint8_t* payload; /* valid until the next frame is read */
} Frame;

/* Takes over stdin and stdout. From here on what anyone else prints to stdout goes to stderr. */
void protocolOpen(void);

/* Reads the next frame into `frame`; 0 when stdin has ended, which is how a machine is stopped. A frame that breaks the bounds above ends the process. */
int protocolRead(Frame* frame);

void protocolSend(uint8_t type, uint8_t socket, uint16_t connection, double number, const void* payload, size_t length);

/* Whether what is sent is dropped, but for the end. */
void protocolMute(int mute);

/* Sends DONE, with all that was held back. */
void protocolDone(void);

/* Tells Node why the machine ends, and exits. */
__attribute__((noreturn, format(printf, 2, 3))) void protocolEnd(int exitCode, const char* format, ...);

uint32_t protocolU32(const uint8_t* bytes);

#endif
