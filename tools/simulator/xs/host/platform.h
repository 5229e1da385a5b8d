/*
 * What the XS engine is told of the platform it runs on. Every source of the engine includes this file, through the
 * macro XSPLATFORM; so do ours. It describes a release build for a small device, hosted on Linux or macOS.
 */
#ifndef MOTE_PLATFORM_H
#define MOTE_PLATFORM_H

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* xsPlatform.h has set both to 0 and assumes a little-endian machine, as the frames of protocol.h do. */
#if defined(__linux__)
	#undef mxLinux
	#define mxLinux 1
#elif defined(__APPLE__)
	#undef mxMacOSX
	#define mxMacOSX 1
#else
	#error "The XS host runs on Linux and macOS."
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	#error "The XS host runs on little-endian machines."
#endif

#define mxExport extern
#define mxImport extern
#define XS_FUNCTION_NORETURN __attribute__((noreturn))
#define mxUseGCCAtomics 1
#define mxUsePOSIXThreads 1

/* Ours in each machine; the waiter's three belong to the engine's Atomics. */
#define mxMachinePlatform \
	int promiseJobs; \
	void* waiterCondition; \
	void* waiterData; \
	void* waiterLink;

/* The heap is malloc'ed once, at its full size, so the engine's own allocators do. The rest is in platform.c. */
#define mxUseDefaultMachinePlatform 1
#define mxUseDefaultBuildKeys 1
#define mxUseDefaultChunkAllocation 1
#define mxUseDefaultSlotAllocation 1
#define mxUseDefaultSharedChunks 1

/* The engine reports to its console with these two: stdout is not for prose here, it carries frames. */
int platformReport(const char* format, ...);
int platformReportArguments(const char* format, va_list arguments);
#define c_printf platformReport
#define c_vprintf platformReportArguments

#endif
