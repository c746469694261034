/// Open MPI, loaded on first use, so that programs that do not need it neither build nor install it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// Loads the library, once per process.
/// - Returns: null if it can be used, else the reason.
const char *_Nullable cm_open(void);

// The functions below need `cm_open` to have returned null. They return 0 or an error code. One thread
// at a time may call them.

/// Joins the ranks that mpirun has started.
int cm_start(int *_Nonnull rank, int *_Nonnull size);

/// A message on its way.
typedef void *_Nullable cm_request;

/// The most bytes of a message.
enum { cm_longest_message = 1 << 30 };

/// Starts to send bytes to a rank. They stay in place until the request is complete.
int cm_send(const void *_Nonnull bytes, int count, int to, int tag, cm_request *_Nonnull request);

/// Starts to receive bytes from a rank.
int cm_receive(void *_Nonnull bytes, int count, int from, int tag, cm_request *_Nonnull request);

/// Moves all messages on.
/// - Parameter are_complete: whether the requests are
int cm_test(int count, cm_request *_Nonnull requests, bool *_Nonnull are_complete);

/// Waits for all ranks to end the communication.
int cm_finish(void);

/// The text of an error code.
void cm_describe(int code, char *_Nonnull text, size_t size);
