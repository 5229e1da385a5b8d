/* What the engine calls on its platform. */
#include "xsAll.h"
#include "xsScript.h"

#include "engine.h"
#include "protocol.h"

/* The engine says in words what it ran out of, and then aborts with a code that does not tell. */
static char lastReport[128];

int platformReport(const char* format, ...)
{
	int length;
	va_list arguments;
	va_start(arguments, format);
	length = platformReportArguments(format, arguments);
	va_end(arguments);
	return length;
}

int platformReportArguments(const char* format, va_list arguments)
{
	int length = vsnprintf(lastReport, sizeof(lastReport), format, arguments);
	fputs(lastReport, stderr);
	return length;
}

void fxAbort(txMachine* the, int status)
{
	const Limits* limits = engineLimits();

	switch (status) {
	case XS_NOT_ENOUGH_MEMORY_EXIT:
		if (strncmp(lastReport, "# Slot", 6) == 0)
			protocolEnd(EXIT_MEMORY, "The program needs more than the %d slots that its device has: keep fewer objects, closures and properties, or give the device more slots.", limits->slots);
		protocolEnd(EXIT_MEMORY, "The program needs more than the %d bytes of chunks that its device has: make its buffers, strings and arrays smaller, or give the device more chunk bytes.", limits->chunkBytes);
	case XS_STACK_OVERFLOW_EXIT:
		protocolEnd(EXIT_MEMORY, "The program needs more than the %d stack slots that its device has: nest its calls less deeply, or give the device more stack slots.", limits->stackSlots);
	case XS_UNHANDLED_REJECTION_EXIT:
		engineEndWithException(the, "in a promise that nobody caught: ");
	case XS_UNHANDLED_EXCEPTION_EXIT:
		engineEndWithException(the, "");
	case XS_NO_MORE_KEYS_EXIT:
		protocolEnd(EXIT_MEMORY, "The program uses more property names than XS can tell apart: use a Map or an array for names made at run time.");
	default:
		protocolEnd(EXIT_INTERNAL, "The XS engine gave up with status %d: %s", status, lastReport);
	}
}

void fxQueuePromiseJobs(txMachine* the)
{
	the->promiseJobs = 1;
}

/* A program is one script: there are no modules to find, so `import()` rejects. */
txID fxFindModule(txMachine* the, txSlot* realm, txID moduleID, txSlot* slot)
{
	(void)the;
	(void)realm;
	(void)moduleID;
	(void)slot;
	return XS_NO_ID;
}

void fxLoadModule(txMachine* the, txSlot* module, txID moduleID)
{
	(void)the;
	(void)module;
	(void)moduleID;
}

/* Nor is there a parser on a device: `eval` and `new Function` throw a SyntaxError, as there. */
txScript* fxParseScript(txMachine* the, void* stream, txGetter getter, txUnsigned flags)
{
	(void)the;
	(void)stream;
	(void)getter;
	(void)flags;
	return C_NULL;
}

/*
 * The hooks of the engine's profiler, which is left out (xsProfile.c is not compiled): it looks in after each collection,
 * with no frame, and that is what they are here for.
 */
void fxCheckProfiler(txMachine* the, txSlot* frame)
{
	if (!frame)
		engineCollectionEnds(the);
}

void fxCreateProfiler(txMachine* the)
{
	(void)the;
}

void fxDeleteProfiler(txMachine* the, void* stream)
{
	(void)the;
	(void)stream;
}

void fxResumeProfiler(txMachine* the)
{
	(void)the;
}

void fxSuspendProfiler(txMachine* the)
{
	(void)the;
}
