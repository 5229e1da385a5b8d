/*
 * Runs a Moddable project that was built for Linux's simulator (`mcconfig -m -p lin -t build`) without the simulator: it
 * stands in for the window that loads mc.so, and has no screen. Compiled against the SDK's own screen.h and GLib.
 *
 *   headless <path of mc.so> [<path of a mod's mc.xsa>]
 *
 * Exits with 0 when the program ends by itself, with the engine's status when it aborts.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

enum { WIDTH = 240, HEIGHT = 320 };

static GMainLoop* loop;
static int status;

static void aborted(txScreen* screen, int reason)
{
	(void)screen;
	status = reason ? reason : 1;
	g_main_loop_quit(loop);
}

static void nothing(txScreen* screen)
{
	(void)screen;
}

static void started(txScreen* screen, double interval)
{
	(void)screen;
	(void)interval;
}

static void posted(txScreen* screen, char* buffer, int size)
{
	(void)screen;
	(void)buffer;
	(void)size;
}

/* A mod, where the engine may relocate it: as in a partition of flash. NULL when it cannot be read. */
static void* readArchive(const char* path)
{
	gchar* contents;
	gsize size;
	void* archive = NULL;

	if (g_file_get_contents(path, &contents, &size, NULL)) {
		archive = malloc(size);
		if (archive)
			memcpy(archive, contents, size);
		g_free(contents);
	}
	return archive;
}

int main(int argc, char* argv[])
{
	txScreen* screen;
	txScreenLaunchProc launch;
	void* library = argc >= 2 ? dlopen(argv[1], RTLD_NOW) : NULL;

	if (!library) {
		fprintf(stderr, "headless: %s\n", argc >= 2 ? dlerror() : "the path of mc.so is expected");
		return 2;
	}
	launch = (txScreenLaunchProc)dlsym(library, "fxScreenLaunch");
	screen = calloc(1, sizeof(txScreen) + WIDTH * HEIGHT * screenBytesPerPixel);
	if (!launch || !screen) {
		fprintf(stderr, "headless: %s is not a project for Moddable's simulator\n", argv[1]);
		return 2;
	}
	if (argc > 2 && !(screen->archive = readArchive(argv[2]))) {
		fprintf(stderr, "headless: %s cannot be read\n", argv[2]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The SDK's TCP for Linux writes to connections that the other side has closed, without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	loop = g_main_loop_new(NULL, FALSE);
	screen->abort = aborted;
	screen->bufferChanged = screen->formatChanged = screen->stop = nothing;
	screen->start = started;
	screen->post = posted;
	screen->mainThread = g_thread_self();
	g_mutex_init(&screen->workersMutex);
	screen->width = WIDTH;
	screen->height = HEIGHT;
	(*launch)(screen);
	g_main_loop_run(loop);
	return status;
}
