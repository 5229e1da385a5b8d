/* What a program sees: the global `host`, which is the interface Host of platforms/simulator/host.ts. */
#ifndef MOTE_HOST_H
#define MOTE_HOST_H

#include <stdint.h>

#include "engine.h"
#include "protocol.h"

/* Defines `host` in a machine. */
void hostInstall(Machine* the, char* settings);

/* Seeds `host.random`. */
void hostSeed(uint32_t seed);

/* Sets the time of the event that is about to be handled. */
void hostSetTime(double now);

/* Handles an event: any frame but EVALUATE. */
void hostHandle(Machine* the, const Frame* frame);

#endif
