// libheadwater: reads logs through WebAssembly components, each in a sandbox of its own, and loses nothing.
//
// Made of collectors/c/src by a test, which says how to write it again. docs/collectors.md has the rules at length.
//
// Order: headwater_host_open, headwater_source_open, then in a loop headwater_source_next, deliver the events,
// headwater_batch_ack, headwater_batch_free; at the end headwater_source_close, headwater_host_close.
//
// Threads: every function may be called on any thread of the program. A host and a source may be used by several threads
// at once, a batch by one at a time. Nothing may be used while it is closed or freed. Functions that wait say so; none
// may be called by a callback. The host runs on threads of its own, so a child process made by fork() must not call the
// library, unless it opens a host of its own and its parent had none.
//
// Signals: for traps of WebAssembly the engine handles SIGSEGV, SIGBUS, SIGILL and SIGFPE on an alternate stack
// (SA_ONSTACK), from the first host on, and passes on what is not its own to the handler that was there before.
//
// Memory: what a function returns for the caller to free names the function that frees it. Nothing else is to be freed.
//
// Errors: a function that takes `error` leaves NULL there when it works, or an object that headwater_error_free frees.
// No panic leaves the library; one becomes the error `library.defect`.

#ifndef HEADWATER_H
#define HEADWATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The partition has never been read: reading begins where the source's configuration says.
#define HEADWATER_CURSOR_NEVER_READ 0

// Reading goes on after the cursor that was added to the answer.
#define HEADWATER_CURSOR_AT 1

// The partition was read before, and its cursor is missing or damaged; the text that was added to the answer says what
// happened. The partition is reported and not read until a person has decided. Never say `HEADWATER_CURSOR_NEVER_READ` instead.
#define HEADWATER_CURSOR_LOST 2

// The place for cursors cannot answer at present; the text that was added to the answer says why. It is asked again.
#define HEADWATER_CURSOR_FAILED -1

// Levels of log lines: a lower one is more serious.
#define HEADWATER_LOG_ERROR 1

// Something that needs attention soon.
#define HEADWATER_LOG_WARN 2

// What happens.
#define HEADWATER_LOG_INFO 3

// What happens inside.
#define HEADWATER_LOG_DEBUG 4

// Every step.
#define HEADWATER_LOG_TRACE 5

// There is a batch.
#define HEADWATER_BATCH 1

// There was none in time; ask again.
#define HEADWATER_TIMEOUT 0

// There will be none any more: the source was stopped, or, with `once`, everything has been read.
#define HEADWATER_END 2

// It did not work; with `once` also at the end, where a partition or the source was given up.
#define HEADWATER_FAILED -1

// The version of what this header declares. A program that was compiled with another one must not call the library: compare
// it with `headwater_abi_version()`.
#define HEADWATER_ABI_VERSION 1

// What a callback answers, filled in with `headwater_answer_add`.
typedef struct headwater_answer headwater_answer;

// Events of one partition, to be delivered and then acknowledged. It belongs to one thread at a time.
typedef struct headwater_batch headwater_batch;

// Why something did not work: a code for machines, a sentence for people, and what to do. Free it with `headwater_error_free`.
typedef struct headwater_error headwater_error;

// Runs sources, with threads of its own. One for a process: its bounds are for everything that it runs.
typedef struct headwater_host headwater_host;

// A source that is being read.
typedef struct headwater_source headwater_source;

// An event. Texts are UTF-8 with a length and no zero byte at the end; they live until the batch is freed or
// `headwater_batch_refuse` is called.
typedef struct headwater_event {
  // The upstream's identity of the record, unique within its partition, at most 1,024 bytes.
  const char *id;
  // Its length in bytes.
  size_t id_size;
  // One JSON object on one line.
  const char *body;
  // Its length in bytes.
  size_t body_size;
  // When it happened, in nanoseconds since 1970; 0 when that is not known.
  uint64_t time;
  // OpenTelemetry SeverityNumber, 1 to 24; 0 when unknown.
  uint8_t severity;
} headwater_event;

// A text that is true of an event, or of all events of a partition: for what the program treats as attribute or resource. Lives
// as long as an event.
typedef struct headwater_attribute {
  // Dotted words, for example `cloud.account.id`.
  const char *name;
  // Its length in bytes.
  size_t name_size;
  // The text.
  const char *value;
  // Its length in bytes.
  size_t value_size;
} headwater_attribute;

// Something that was read and is not an event, or an event that was refused. Lives as long as an event.
typedef struct headwater_rejected {
  // Its identity; NULL if it is not known.
  const char *id;
  // Its length in bytes.
  size_t id_size;
  // Why it was rejected, in one sentence.
  const char *reason;
  // Its length in bytes.
  size_t reason_size;
  // The bytes as received, or the event's body.
  const uint8_t *raw;
  // Their number.
  size_t raw_size;
} headwater_rejected;

// A place for cursors. The callbacks are called on threads of the library, may wait, and must call no function of the library but
// `headwater_answer_add`. They are called for several partitions at once. None is called after `headwater_host_close`.
typedef struct headwater_cursors {
  // Handed to each callback; any thread may have it.
  void *context;
  // Where a partition's reading goes on: one of `HEADWATER_CURSOR_…`.
  int32_t (*load)(void *context, const char *source, const char *partition, struct headwater_answer *answer);
  // Stores a cursor, opaque bytes, and remembers that its partition was begun. Returns 0 once it survives whatever the place
  // promises to survive, `HEADWATER_CURSOR_FAILED` with a text where that is not known. `plugin` is the name and the
  // version of what wrote it, for people.
  int32_t (*commit)(void *context,
                    const char *source,
                    const char *partition,
                    const char *plugin,
                    const uint8_t *cursor,
                    size_t cursor_size,
                    struct headwater_answer *answer);
  // Adds each partition of a source that was begun to the answer, in any order, and returns 0; or `HEADWATER_CURSOR_FAILED` with
  // a text.
  int32_t (*partitions)(void *context, const char *source, struct headwater_answer *answer);
} headwater_cursors;

// Takes one log line. `source` and `partition` are empty where the line is about none. No secret of a source is in it. The
// texts live until it returns. It is called on threads of the library, on several at once, and must call no function of the library.
typedef void (*headwater_log)(void *context,
                              int32_t level,
                              const char *source,
                              const char *partition,
                              const char *message);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The name of the source. It lives as long as the batch.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed.
const char *headwater_batch_source(const struct headwater_batch *batch);

// The partition: the stream that the events belong to, and in which their ids are unique. It lives as long as the batch.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed.
const char *headwater_batch_partition(const struct headwater_batch *batch);

// The partition's name for people; may be empty. It lives as long as the batch.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed.
const char *headwater_batch_title(const struct headwater_batch *batch);

// How many events there are. A batch may have none; it is acknowledged like any other.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed.
size_t headwater_batch_event_count(const struct headwater_batch *batch);

// Shows an event, counted from 0. Returns false where there is none.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed; `event` is a place that can be written.
bool headwater_batch_event(const struct headwater_batch *batch, size_t index, struct headwater_event *event);

// Shows an attribute, counted from 0, of an event, counted from 0. Returns false where there is none.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed; `attribute` is a place that can be written.
bool headwater_batch_event_attribute(const struct headwater_batch *batch,
                                     size_t index,
                                     size_t number,
                                     struct headwater_attribute *attribute);

// Shows an attribute of the partition, counted from 0. Returns false where there is none.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed; `attribute` is a place that can be written.
bool headwater_batch_attribute(const struct headwater_batch *batch,
                               size_t number,
                               struct headwater_attribute *attribute);

// Writes the key that a receiver should know an event by into `key`: 64 hexadecimal digits and a zero byte. It is made of source,
// partition and id, and is the same whenever the event is repeated. Returns false where there is no such event.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed; `key` has 65 bytes that can be written.
bool headwater_batch_event_key(const struct headwater_batch *batch,
                               size_t index,
                               char *key);

// How many rejected items there are. Without the option `dead_letter` the program must keep them before it acknowledges the batch:
// they are not read again.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed.
size_t headwater_batch_rejected_count(const struct headwater_batch *batch);

// Shows a rejected item, counted from 0. Returns false where there is none.
//
// # Safety
//
// `batch` is NULL, or from this library and not freed; `rejected` is a place that can be written.
bool headwater_batch_rejected(const struct headwater_batch *batch,
                              size_t index,
                              struct headwater_rejected *rejected);

// Says that events, counted from 0, will never be accepted, and why: they become rejected items, and the others move up.
//
// # Safety
//
// `batch` is from this library and not freed, and nobody else uses it; `indexes` has `count` of them; `reason` ends with a zero
// byte; `error` is NULL or a place that can be written.
bool headwater_batch_refuse(struct headwater_batch *batch,
                            const size_t *indexes,
                            size_t count,
                            const char *reason,
                            struct headwater_error **error);

// Commits the cursor, so that reading goes on after this batch. Call it once every event is safe; with the option
// `dead_letter` rejected items are kept first. Returns false and an error where that fails; the batch can be acknowledged again. Once
// it has worked, calling it again changes nothing. The batch is freed by `headwater_batch_free` in any case.
//
// # Safety
//
// `batch` is from this library and not freed, and nobody else uses it; `error` is NULL or a place that can be written.
bool headwater_batch_ack(struct headwater_batch *batch,
                         struct headwater_error **error);

// Says that the batch cannot be delivered at present, and why; operators are told. Returns how many milliseconds to wait before
// it is tried again, or -1 if it is not to be kept so long: then free it, and it is fetched again.
//
// # Safety
//
// `batch` is from this library and not freed, and nobody else uses it; `reason` ends with a zero byte.
int64_t headwater_batch_nack(struct headwater_batch *batch,
                             const char *reason);

// Frees a batch. One that was not acknowledged is fetched again after a pause; what was delivered of it is delivered once more then,
// under equal ids. NULL is fine.
//
// # Safety
//
// `batch` is NULL, or from this library, was not freed, and is not used any more.
void headwater_batch_free(struct headwater_batch *batch);

// Adds bytes, which are copied, to what a callback answers: the cursor, the name of a partition, or the text of a failure.
//
// # Safety
//
// `answer` is what the callback was called with, and the callback has not returned; `data` has `size` bytes.
void headwater_answer_add(struct headwater_answer *answer,
                          const uint8_t *data,
                          size_t size);

// A stable, dotted word: `library.…`, or the code of what a source or the host says (docs/errors.md). It lives as long as the error.
//
// # Safety
//
// `error` is from this library and was not freed.
const char *headwater_error_code(const struct headwater_error *error);

// One sentence. It lives as long as the error.
//
// # Safety
//
// `error` is from this library and was not freed.
const char *headwater_error_message(const struct headwater_error *error);

// What a person should do; NULL if there is nothing to say. It lives as long as the error.
//
// # Safety
//
// `error` is from this library and was not freed.
const char *headwater_error_hint(const struct headwater_error *error);

// Frees an error. NULL is fine.
//
// # Safety
//
// `error` is from this library, was not freed, and is not used any more.
void headwater_error_free(struct headwater_error *error);

// Opens a host. `options` is a JSON object: `state` (a path: the state file for cursors), `memory` (bytes that all calls into
// plugins may take together; half of the machine's unless given), `cache` (a directory for compiled plugins; "" for none; that of the
// user unless given), `threads` (that run tasks; as many as there are processors unless given). `cursors` is NULL where there is
// a state file. Its members are copied. Returns NULL and an error where that fails.
//
// # Safety
//
// `options` ends with a zero byte; `cursors` is NULL or keeps what its type says; `error` is NULL or a place that can be written.
struct headwater_host *headwater_host_open(const char *options,
                                           const struct headwater_cursors *cursors,
                                           struct headwater_error **error);

// Closes a host, and frees it: tasks end, threads end, and no callback of it is called any more when this returns. Batches that
// were not acknowledged are fetched again by the next host. Close its sources and free its batches before. NULL is fine. Must
// not be called by a callback.
//
// # Safety
//
// `host` is NULL, or from this library and not closed, and no other call with it is under way.
void headwater_host_close(struct headwater_host *host);

// How every source and every partition is doing, as JSON (docs/host.md). Free it with `headwater_text_free`.
//
// # Safety
//
// `host` is NULL, or from this library and not closed.
char *headwater_host_status(const struct headwater_host *host);

// All metrics of the host in Prometheus' text format (docs/metrics.md). Free it with `headwater_text_free`.
//
// # Safety
//
// `host` is NULL, or from this library and not closed.
char *headwater_host_metrics(const struct headwater_host *host);

// Sends the log lines of all hosts in this process, up to `level`, to `log`; NULL discards them, as they are at first. When this
// returns, what was set before is not called any more. Must not be called by `log` itself.
//
// The library installs no logger that the rest of the process would see, and never prints.
//
// # Safety
//
// `log` may be called with `context` on any thread until another is set.
void headwater_log_to(headwater_log log,
                      void *context,
                      int32_t level);

// Frees text that a function has returned. NULL is fine.
//
// # Safety
//
// `text` is NULL, or was returned by a function that names this one, and was not freed.
void headwater_text_free(char *text);

// Opens a source of a host and begins to read it. `options` is a JSON object.
//
// Needed: `name` (keys its cursors; letters, digits, `-`, `_`, `.`), `plugin` (path of the component). Usual: `allow` (origins that it
// may reach), `config` (an object, as the plugin's schema says), `secrets` (an object: JSON Pointer of a place in `config` →
// `{"env": NAME}`, `{"file": PATH}` or `{"text": SECRET}`, each with an optional `bound_to`), `interval` ("300s"), `dead_letter`
// (a path: rejected items are kept there before a batch is committed). Further: `digest`, `allow_private`, `proxy` ("environment"
// or an address), `ca`, `limits` (`memory`, `host_memory`, `response` in bytes, `poll_timeout`, `cpu` in percent, `batch_events`), `once`
// (true: read until everything has been read). They mean what docs/configuration.md says. Returns NULL and an error where that fails.
//
// # Safety
//
// `host` is from this library and not closed; `options` ends with a zero byte; `error` is NULL or a place that can be written.
struct headwater_source *headwater_source_open(const struct headwater_host *host,
                                               const char *options,
                                               struct headwater_error **error);

// Waits for the next batch, for `timeout_ms` milliseconds, or for as long as it takes if that is negative. Returns
// `HEADWATER_BATCH` and a batch, `HEADWATER_TIMEOUT`, `HEADWATER_END`, or `HEADWATER_FAILED` and an error. Failures of the upstream
// are no errors here: they are logged, shown by `headwater_host_status`, and tried again.
//
// Partitions are read side by side, so several batches may be in the hands of the program at once: at most one of each
// partition. A second thread that calls this for the same source waits for the first.
//
// # Safety
//
// `source` is from this library and not closed; `batch` is a place that can be written, `error` NULL or one.
int32_t headwater_source_next(const struct headwater_source *source,
                              int64_t timeout_ms,
                              struct headwater_batch **batch,
                              struct headwater_error **error);

// Why the source, or first of all its partitions, makes no progress at present; NULL if everything does. It is tried again
// whatever it is. Free it with `headwater_error_free`.
//
// # Safety
//
// `source` is NULL, or from this library and not closed.
struct headwater_error *headwater_source_health(const struct headwater_source *source);

// Stops a source gently: no further poll begins, those under way are finished, batches can still be acknowledged, and then
// `headwater_source_next` returns `HEADWATER_END`. Does not wait. May be called on any thread, also while another is in
// `headwater_source_next`.
//
// # Safety
//
// `source` is NULL, or from this library and not closed.
void headwater_source_stop(const struct headwater_source *source);

// Closes a source at once, and frees it: a poll under way is cancelled, and batches of it can no longer be acknowledged. NULL is
// fine.
//
// # Safety
//
// `source` is NULL, or from this library and not closed, and no other call with it is under way.
void headwater_source_close(struct headwater_source *source);

// The version of the library's functions and types, as `HEADWATER_ABI_VERSION`.
uint32_t headwater_abi_version(void);

// The version of the library as text, for people. It lives as long as the process.
const char *headwater_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HEADWATER_H */
