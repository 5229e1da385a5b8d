/*
 * The XS machine of a device: made with a fixed heap, given a program, measured. These functions know the inside of the
 * engine; host.c, which is what a program sees, goes through its public interface alone.
 */
#ifndef MOTE_ENGINE_H
#define MOTE_ENGINE_H

#include <stddef.h>

typedef struct sxMachine Machine;

/* What a program may use, above what the engine needs for itself. */
typedef struct {
	int slots;
	int chunkBytes;
	int stackSlots;
} Limits;

enum { STATISTICS_COUNT = 15 };

/* Makes the machine and runs the program. The program's text is not needed afterwards; its settings are. */
Machine* engineStart(const Limits* limits, char* settings, const char* program, size_t length);

/*
 * The program's preloaded modules end here: what they took is baseline. Returns 0 when this is the rehearsal that finds out
 * how much, which is to end here by an exception.
 */
int enginePreloaded(Machine* the);

/* Runs the promise jobs that are due, until none is. An unhandled rejection ends the process. */
void engineRunJobs(Machine* the);

/* Ends the process with what the program threw: the value of the machine's current exception. */
__attribute__((noreturn)) void engineEndWithException(Machine* the, const char* prefix);

/* The limits that the machine was made with. */
const Limits* engineLimits(void);

/* In use by the program. */
int engineSlots(Machine* the);
int engineChunkBytes(Machine* the);

/* Counts what is allocated from here to the next engineAddAllocations, which adds it to a pair of sums. */
typedef struct {
	double slots;
	double chunkBytes;
} Allocations;
void engineCountAllocations(Machine* the);
void engineAddAllocations(Machine* the, Allocations* sums);

/* Called by the engine's hooks at the beginning and at the end of a collection. */
void engineCollectionBegins(Machine* the);
void engineCollectionEnds(Machine* the);

/*
 * slotBytes · slots · slotsPeak · slotsLimit · chunkBytes · chunkBytesPeak · chunkBytesLimit · collections ·
 * baselineSlots · baselineChunkBytes · wakeSlots · wakeChunkBytes · receivedSlots · receivedChunkBytes · codeBytes
 */
void engineStatistics(Machine* the, const Allocations* wake, const Allocations* received, double* statistics);

#endif
