#include "COpenMPI.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

// What mpi.h of Open MPI 4 and 5 says, so that the header is not needed to build: handles are
// addresses of objects in the library.
typedef struct ompi_communicator_t *communicator;
typedef struct ompi_datatype_t *datatype;
typedef struct ompi_errhandler_t *error_handler;
enum { serialized_threads = 2, longest_error = 256 };

static struct {
  int (*start)(int *, char ***, int, int *);
  int (*rank)(communicator, int *);
  int (*size)(communicator, int *);
  int (*set_error_handler)(communicator, error_handler);
  int (*send)(const void *, int, datatype, int, int, communicator, cm_request *);
  int (*receive)(void *, int, datatype, int, int, communicator, cm_request *);
  int (*test)(int, cm_request *, int *, void *);
  int (*finish)(void);
  int (*describe)(int, char *, int *);
  communicator world;
  datatype byte;
  error_handler errors_return;
  bool is_open;
  char problem[512];
} library;

static void *find(void *handle, const char *name) {
  void *symbol = dlsym(handle, name);
  if (!symbol && !library.problem[0])
    snprintf(library.problem, sizeof library.problem, "libmpi lacks %s of Open MPI", name);
  return symbol;
}

static void open_library(void) {
  static const char *const names[] = {"libmpi.so.40", "libmpi.40.dylib"};
  void *handle = NULL;
  char reason[300] = "";
  for (unsigned i = 0; i < sizeof names / sizeof names[0] && !handle; i++) {
    // Its components look for symbols among those of the whole process.
    handle = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);
    if (!handle && !reason[0]) snprintf(reason, sizeof reason, "%s", dlerror());
  }
  if (!handle) {
    snprintf(library.problem, sizeof library.problem,
             "Open MPI cannot be loaded (%s); install it, on Debian and Ubuntu with "
             "'apt install openmpi-bin'",
             reason);
    return;
  }
  *(void **)&library.start = find(handle, "MPI_Init_thread");
  *(void **)&library.rank = find(handle, "MPI_Comm_rank");
  *(void **)&library.size = find(handle, "MPI_Comm_size");
  *(void **)&library.set_error_handler = find(handle, "MPI_Comm_set_errhandler");
  *(void **)&library.send = find(handle, "MPI_Isend");
  *(void **)&library.receive = find(handle, "MPI_Irecv");
  *(void **)&library.test = find(handle, "MPI_Testall");
  *(void **)&library.finish = find(handle, "MPI_Finalize");
  *(void **)&library.describe = find(handle, "MPI_Error_string");
  library.world = find(handle, "ompi_mpi_comm_world");
  library.byte = find(handle, "ompi_mpi_byte");
  library.errors_return = find(handle, "ompi_mpi_errors_return");
  library.is_open = !library.problem[0];
}

const char *cm_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return library.is_open ? NULL : library.problem;
}

int cm_start(int *rank, int *size) {
  int threads;
  int code = library.start(NULL, NULL, serialized_threads, &threads);
  if (!code) code = library.set_error_handler(library.world, library.errors_return);
  if (!code) code = library.rank(library.world, rank);
  if (!code) code = library.size(library.world, size);
  return code;
}

int cm_send(const void *bytes, int count, int to, int tag, cm_request *request) {
  return library.send(bytes, count, library.byte, to, tag, library.world, request);
}

int cm_receive(void *bytes, int count, int from, int tag, cm_request *request) {
  return library.receive(bytes, count, library.byte, from, tag, library.world, request);
}

int cm_test(int count, cm_request *requests, bool *are_complete) {
  int flag = 0;
  // A null pointer asks for no statuses.
  int code = library.test(count, requests, &flag, NULL);
  *are_complete = flag != 0;
  return code;
}

int cm_finish(void) { return library.finish(); }

void cm_describe(int code, char *text, size_t size) {
  char buffer[longest_error + 1] = "";
  int length;
  if (library.describe(code, buffer, &length)) snprintf(buffer, sizeof buffer, "error %d", code);
  snprintf(text, size, "%s", buffer);
}
