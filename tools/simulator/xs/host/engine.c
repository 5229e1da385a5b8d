#include "xsAll.h"
#include "xsScript.h"

#include "engine.h"
#include "host.h"
#include "protocol.h"

/* Of the engine (xsRun.c), in none of its headers. */
void fxRemapIDs(txMachine* the, txByte* code, txSize size, txID* ids);

/*
 * Heaps. On a device the engine's built-ins, preloaded modules, the program's bytecode and its names are linked into flash,
 * and only what the program makes at run time takes memory. Here all of it is in one heap. So what a device has in flash
 * is counted first, in a machine that is thrown away: this baseline plus the limits is the size of the heap. Bytecode
 * stays outside of it (see `linkCode`).
 */
typedef struct {
	int slots;
	int chunkBytes;
	int stackSlots;
} Usage;

static const Usage roomy = { 64 * 1024, 4 * 1024 * 1024, 16 * 1024 };

static Limits limits;
static Usage baseline;
static int codeBytes;
static double collections;

/* Whether the present machine is the one that is thrown away, and whether the end of its preloaded modules was reached. */
static int rehearsing;
static int preloaded;

/*
 * What a bundle's modules have on the stack, as they share one function: it is there while that runs, and on top of the
 * limit. On a device they are modules, and their variables on no stack.
 */
static int modulesStackSlots;

/* Counts at the beginning, or since the last collection, of what engineCountAllocations measures. */
static int slotsMark;
static int chunkBytesMark;
static int collecting;
static Allocations allocated;

static txMachine* createMachine(const Usage* size, char* settings);
static Usage measure(txMachine* the);
static txScript* compile(txMachine* the, const char* program, size_t length);
static void nameIDs(txMachine* the, txScript* script, txID* ids);
static void linkCode(txScript* script);
static void run(txMachine* the, txScript* script);
static void requireSame(Usage usage, Usage expected);
static void startCounting(txMachine* the);

/* How a program says that its preloaded modules end here. */
static const char preloadedCall[] = "host.preloaded()";

Machine* engineStart(const Limits* theLimits, char* settings, const char* program, size_t length)
{
	txMachine* the;
	txScript* script;
	Usage size;
	Usage usage;
	txID* ids;

	limits = *theLimits;
	the = createMachine(&roomy, settings);
	script = compile(the, program, length);
	codeBytes = script->codeSize;
	ids = calloc((size_t)script->symbolsSize + 1, sizeof(txID));
	if (!ids)
		protocolEnd(EXIT_INTERNAL, "The computer has no memory for the names of the program.");
	nameIDs(the, script, ids);
	fxRemapIDs(the, script->codeBuffer, script->codeSize, ids);
	linkCode(script);
	baseline = measure(the);
	usage = baseline;
	if (strstr(program, preloadedCall)) {
		rehearsing = 1;
		protocolMute(1);
		run(the, script);
		protocolMute(0);
		rehearsing = 0;
		preloaded = 0;
	}
	fxDeleteMachine(the);

	size.slots = baseline.slots + limits.slots + 1; /* the engine keeps the first slot of a heap for itself */
	size.chunkBytes = baseline.chunkBytes + limits.chunkBytes;
	size.stackSlots = baseline.stackSlots + limits.stackSlots + modulesStackSlots;
	the = createMachine(&size, settings);
	nameIDs(the, script, ids); /* the same as before: the bytecode has them already */
	free(ids);
	requireSame(measure(the), usage);
	startCounting(the);
	run(the, script);
	the->stackBottom += modulesStackSlots;
	return the;
}

/* What was counted in the machine that was thrown away holds for the other only if it is made alike. */
static void requireSame(Usage usage, Usage expected)
{
	if (usage.slots != expected.slots || usage.chunkBytes != expected.chunkBytes || usage.stackSlots != expected.stackSlots)
		protocolEnd(EXIT_INTERNAL, "Two XS machines made alike differ in size, %d slots and %d chunk bytes from %d and %d: a fault of Mote.", usage.slots, usage.chunkBytes, expected.slots, expected.chunkBytes);
}

static void startCounting(txMachine* the)
{
	the->peakHeapCount = the->currentHeapCount;
	the->peakChunksSize = the->currentChunksSize;
	collections = 0;
}

int enginePreloaded(Machine* the)
{
	Usage usage;
	if (preloaded)
		return 1;
	preloaded = 1;
	usage = measure(the);
	if (rehearsing)
		modulesStackSlots = usage.stackSlots - baseline.stackSlots;
	usage.stackSlots = baseline.stackSlots; /* of before the run */
	if (rehearsing) {
		baseline = usage;
		return 0;
	}
	requireSame(usage, baseline);
	startCounting(the);
	return 1;
}

static txMachine* createMachine(const Usage* size, char* settings)
{
	txCreation creation;
	txMachine* the;

	memset(&creation, 0, sizeof(creation));
	creation.initialChunkSize = size->chunkBytes;
	creation.initialHeapCount = size->slots;
	creation.stackCount = size->stackSlots;
	/* No growth of either heap; names are kept outside of both. */
	creation.initialKeyCount = 4096;
	creation.incrementalKeyCount = 1024;
	creation.nameModulo = 1993;
	creation.symbolModulo = 127;
	creation.parserBufferSize = EVALUATE_MAX_BYTES;
	creation.parserTableModulo = 1993;
	the = fxCreateMachine(&creation, "mote", NULL, XS_NO_ID);
	if (!the)
		protocolEnd(EXIT_INTERNAL, "The XS engine could not be started.");
	hostInstall(the, settings);
	return the;
}

static Usage measure(txMachine* the)
{
	Usage usage;
	fxCollectGarbage(the);
	usage.slots = the->currentHeapCount;
	usage.chunkBytes = the->currentChunksSize;
	usage.stackSlots = (int)(the->stackTop - the->stack);
	return usage;
}

/* Keeps the first mistake that the parser finds; the others tend to follow from it. */
static char mistake[512];

static void noteMistake(void* console, txString path, txInteger line, txString format, c_va_list arguments)
{
	char message[400];
	(void)console;
	(void)path;
	if (mistake[0])
		return;
	vsnprintf(message, sizeof(message), format, arguments);
	snprintf(mistake, sizeof(mistake), "line %d: %s", (int)line, message);
}

static void ignoreWarning(void* console, txString path, txInteger line, txString format, c_va_list arguments)
{
	(void)console;
	(void)path;
	(void)line;
	(void)format;
	(void)arguments;
}

/* The parser works in memory of its own: a device is given bytecode, and has none. No debug information, as in a release. */
static txScript* compile(txMachine* the, const char* program, size_t length)
{
	txStringCStream stream = { (txString)program, 0, (txSize)length };
	txParser parser;
	txParserJump jump;
	txScript* volatile script = NULL; /* changes between setjmp and longjmp */

	fxInitializeParser(&parser, the, the->parserBufferSize, the->parserTableModulo);
	parser.reportError = noteMistake;
	parser.reportWarning = ignoreWarning;
	parser.firstJump = &jump;
	if (c_setjmp(jump.jmp_buf) == 0) {
		fxParserTree(&parser, &stream, fxStringCGetter, mxProgramFlag, NULL);
		fxParserHoist(&parser);
		fxParserBind(&parser);
		script = fxParserCode(&parser);
	}
	if (parser.errorCount > 0 || !script)
		protocolEnd(EXIT_EXCEPTION, "The program does not parse: %s", mistake[0] ? mistake : "no reason is known.");
	fxTerminateParser(&parser);
	return script;
}

/* Looks up, or makes, an identifier for each name of the program. Their text stays outside of the heap, as in flash. */
static void nameIDs(txMachine* the, txScript* script, txID* ids)
{
	txByte* name = script->symbolsBuffer;
	txID count;
	txID index;

	if (!name)
		return;
	mxDecodeID(name, count);
	ids[0] = XS_NO_ID;
	for (index = 1; index < count; index++) {
		ids[index] = fxNewNameX(the, (txString)name);
		name += mxStringLength((txString)name) + 1;
	}
}

/*
 * Makes functions and string literals refer to the bytecode instead of copying it into chunks: what Moddable's linker
 * does for code in flash. The two kinds of instruction differ by nothing else.
 */
static void linkCode(txScript* script)
{
	txByte* p = script->codeBuffer;
	txByte* end = p + script->codeSize;

	while (p < end) {
		txS1 size = gxCodeSizes[*(txU1*)p];
		switch (*(txU1*)p) {
		case XS_CODE_CODE_1: *p = (txByte)XS_CODE_CODE_ARCHIVE_1; break;
		case XS_CODE_CODE_2: *p = (txByte)XS_CODE_CODE_ARCHIVE_2; break;
		case XS_CODE_CODE_4: *p = (txByte)XS_CODE_CODE_ARCHIVE_4; break;
		case XS_CODE_STRING_1: *p = (txByte)XS_CODE_STRING_ARCHIVE_1; break;
		case XS_CODE_STRING_2: *p = (txByte)XS_CODE_STRING_ARCHIVE_2; break;
		case XS_CODE_STRING_4: *p = (txByte)XS_CODE_STRING_ARCHIVE_4; break;
		}
		/* Sizes below 1 are of instructions that end with a name, or with as many bytes as their operand says. */
		if (size > 0)
			p += size;
		else if (size == 0)
			p += 1 + sizeof(txID);
		else if (size == -1) {
			txU1 length = *(txU1*)(p + 1);
			p += 2 + length;
		}
		else if (size == -2) {
			txU2 length;
			p++;
			mxDecode2(p, length);
			p += length;
		}
		else {
			txS4 length;
			p++;
			mxDecode4(p, length);
			p += length;
		}
	}
}

static void run(txMachine* the, txScript* script)
{
	/* Names are done: with them the engine would do them again, and then free the script that functions refer to. */
	txByte* symbols = script->symbolsBuffer;
	script->symbolsBuffer = NULL;
	fxBeginHost(the);
	{
		mxTry(the) {
			txSlot* realm = mxModuleInstanceInternal(mxProgram.value.reference)->value.module.realm;
			fxRunScript(the, script, mxRealmGlobal(realm), C_NULL, mxRealmClosures(realm)->value.reference, C_NULL, mxProgram.value.reference);
			mxPop();
		}
		mxCatch(the) {
			/* A rehearsal ends by an exception: ours (see enginePreloaded), or one that will come again, and be told, in earnest. */
			if (!rehearsing)
				engineEndWithException(the, "");
		}
		if (!rehearsing)
			engineRunJobs(the);
	}
	fxEndHost(the);
	script->symbolsBuffer = symbols;
}

void engineRunJobs(Machine* the)
{
	while (the->promiseJobs) {
		the->promiseJobs = 0;
		fxRunPromiseJobs(the);
	}
	fxCheckUnhandledRejections(the, 1);
}

void engineEndWithException(Machine* the, const char* prefix)
{
	char text[2048];

	/* The program is over: what it takes to tell why must not fail for want of memory. */
	the->minimumHeapCount = 1024;
	the->minimumChunksSize = 64 * 1024;
	snprintf(text, sizeof(text), "a value that cannot be shown");
	{
		mxTry(the) {
			txBoolean isError = 0;
			mxPush(mxException);
			if (the->stack->kind == XS_REFERENCE_KIND) {
				txSlot* internal = the->stack->value.reference->next;
				isError = internal && internal->kind == XS_ERROR_KIND;
			}
			if (isError)
				fxGetID(the, mxID(_stack)); /* name, message, and the functions that were called */
			snprintf(text, sizeof(text), "%s", fxToString(the, the->stack));
		}
		mxCatch(the) {
		}
	}
	protocolEnd(EXIT_EXCEPTION, "The program threw %s%s", prefix, text);
}

const Limits* engineLimits(void)
{
	return &limits;
}

int engineSlots(Machine* the)
{
	return the->currentHeapCount - baseline.slots;
}

int engineChunkBytes(Machine* the)
{
	return the->currentChunksSize - baseline.chunkBytes;
}

/*
 * What is allocated is how much the counts grow. A collection makes them shrink: it is seen to begin and to end, so what
 * grew before it and what grows after it are both known, and the sum is exact.
 */
void engineCountAllocations(Machine* the)
{
	allocated.slots = 0;
	allocated.chunkBytes = 0;
	slotsMark = the->currentHeapCount;
	chunkBytesMark = the->currentChunksSize;
}

void engineAddAllocations(Machine* the, Allocations* sums)
{
	sums->slots += allocated.slots + (the->currentHeapCount - slotsMark);
	sums->chunkBytes += allocated.chunkBytes + (the->currentChunksSize - chunkBytesMark);
}

void engineCollectionBegins(Machine* the)
{
	allocated.slots += the->currentHeapCount - slotsMark;
	allocated.chunkBytes += the->currentChunksSize - chunkBytesMark;
	collecting = 1;
}

void engineCollectionEnds(Machine* the)
{
	if (!collecting)
		return;
	collecting = 0;
	collections++;
	slotsMark = the->currentHeapCount;
	chunkBytesMark = the->currentChunksSize;
}

void engineStatistics(Machine* the, const Allocations* wake, const Allocations* received, double* statistics)
{
	double values[STATISTICS_COUNT] = {
		sizeof(txSlot),
		engineSlots(the),
		the->peakHeapCount - baseline.slots,
		limits.slots,
		engineChunkBytes(the),
		the->peakChunksSize - baseline.chunkBytes,
		limits.chunkBytes,
		collections,
		baseline.slots,
		baseline.chunkBytes,
		wake->slots,
		wake->chunkBytes,
		received->slots,
		received->chunkBytes,
		codeBytes,
	};
	memcpy(statistics, values, sizeof(values));
}
