/* Loads an input plugin as Fluent Bit loads plugins written in Go, and takes its records into files: for tests.
 *
 *     loader PLUGIN THREAD property=value … [-- property=value …] …
 *
 * Runs in a thread of this name. The records of the first input are appended to `records.1` in the current directory, and so on. Files
 * there steer it: while `refuse` is there no records are taken, while `pause` is there no input is asked; `stop` ends it. With
 * the variable ROUNDS it is begun so many times in one process, as a hot reload does; `stop` is removed between them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_INPUTS = 8, MOST_PROPERTIES = 8, SHOWN_LEVEL = 3 };

struct input {
    int number;
    const char *properties[MOST_PROPERTIES];
    int count;
};

struct definition {
    int type, proxy, flags;
    char *name, *description;
    int event_type;
    void *config_map;
};

struct context {
    int collector;
    void *remote;
};

struct api {
    void *output_get_property;
    const char *(*input_get_property)(const char *, struct input *);
    void *output_get_metrics, *input_get_metrics;
    void (*log_print)(int, const char *, int, const char *, ...);
    int (*input_log_check)(struct input *, int);
    int (*output_log_check)(void *, int);
};

struct instance {
    char *name;
    struct api *api;
    struct input *input;
    struct context *context;
};

static int is_there(const char *name) {
    struct stat found;
    return stat(name, &found) == 0;
}

#ifndef WITHOUT_APPEND
int flb_input_log_append(struct input *input, const char *tag, size_t tag_size, const void *records, size_t size) {
    (void)tag, (void)tag_size;
    if (is_there("refuse")) return -1;
    char name[32];
    snprintf(name, sizeof name, "records.%d", input->number);
    FILE *file = fopen(name, "a");
    if (!file) return -1;
    size_t written = fwrite(records, 1, size, file);
    return fclose(file) == 0 && written == size ? 0 : -1;
}
#endif

static const char *get_property(const char *name, struct input *input) {
    size_t size = strlen(name);
    for (int index = 0; index < input->count; index++)
        if (strncmp(input->properties[index], name, size) == 0 && input->properties[index][size] == '=')
            return input->properties[index] + size + 1;
    return NULL;
}

static void print_log(int level, const char *file, int line, const char *format, ...) {
    static const char *names[] = {"off", "error", "warn", "info", "debug", "trace"};
    (void)file, (void)line;
    char text[1 << 14];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "[%5s] %s\n", names[level], text);
}

static int check_log(struct input *input, int level) {
    (void)input;
    return level <= SHOWN_LEVEL;
}

static void *need(void *plugin, const char *name) {
    void *symbol = dlsym(plugin, name);
    if (!symbol) fprintf(stderr, "the plugin lacks %s\n", name), exit(4);
    return symbol;
}

/* From loading to unloading. Returns the exit code. */
static int run(const char *path, struct input *inputs, int count) {
    void *plugin = dlopen(path, RTLD_LAZY);
    if (!plugin) return fprintf(stderr, "%s\n", dlerror()), 4;
    int (*enroll)(struct definition *) = need(plugin, "FLBPluginRegister");
    int (*init)(struct instance *) = need(plugin, "FLBPluginInit");
    int (*collect)(void *, void **, size_t *) = need(plugin, "FLBPluginInputCallbackCtx");
    int (*clean)(void *, void *) = need(plugin, "FLBPluginInputCleanupCallbackCtx");
    int (*leave)(void) = need(plugin, "FLBPluginExit");
    struct definition definition = {.type = 1};
    if (enroll(&definition) != 0 || definition.type != 1 || definition.proxy != 11) return 4;
    struct api api = {.input_get_property = get_property, .log_print = print_log, .input_log_check = check_log};
    struct context contexts[MOST_INPUTS] = {0};
    for (int index = 0; index < count; index++) {
        struct instance instance = {definition.name, &api, &inputs[index], &contexts[index]};
        if (init(&instance) <= 0) return 3;
    }
    fprintf(stderr, "running\n");
    while (!is_there("stop")) {
        for (int index = 0; index < count && !is_there("pause"); index++) {
            void *data = NULL;
            size_t size = 0;
            collect(contexts[index].remote, &data, &size);
            /* What is returned here would be lost without a word. */
            if (size != 0) return clean(contexts[index].remote, data), 5;
        }
        usleep(50 * 1000);
    }
    for (int index = 0; index < count; index++) leave();
    dlclose(plugin);
    return 0;
}

struct start {
    const char *path, *thread;
    struct input *inputs;
    int count, code;
};

static void *engine(void *argument) {
    struct start *start = argument;
    pthread_setname_np(pthread_self(), start->thread);
    const char *rounds = getenv("ROUNDS");
    for (int round = rounds ? atoi(rounds) : 1; round > 0 && start->code == 0; round--) {
        start->code = run(start->path, start->inputs, start->count);
        if (round > 1) remove("stop");
    }
    return NULL;
}

int main(int count, char **arguments) {
    struct input inputs[MOST_INPUTS] = {{.number = 1}};
    int last = 0;
    if (count < 3) return fprintf(stderr, "usage: loader PLUGIN THREAD property=value …\n"), 2;
    for (int index = 3; index < count; index++) {
        if (strcmp(arguments[index], "--") == 0) last++, inputs[last].number = last + 1;
        else inputs[last].properties[inputs[last].count++] = arguments[index];
    }
    struct start start = {arguments[1], arguments[2], inputs, last + 1, 0};
    pthread_t thread;
    pthread_create(&thread, NULL, engine, &start);
    pthread_join(thread, NULL);
    return start.code;
}
