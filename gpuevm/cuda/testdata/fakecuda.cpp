// A stand-in for libcuda.so.1 on machines without a GPU: enough of the driver for the tests
// of the code that talks to it. It is strict where the driver is: calls need a context on
// their thread, streams are asynchronous, a fault spoils everything until a reset. An
// "image" is the path of a shared object that holds the kernels as host code.
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

typedef int Result;
typedef unsigned long long Address;
#define API extern "C" __attribute__((visibility("default")))

struct Stream {
  std::mutex mu;
  std::condition_variable changed;
  std::deque<std::function<void()>> work;
  bool busy = false, ending = false;
  std::thread thread;
  Stream() : thread([this] { run(); }) {}
  void run() {
    std::unique_lock<std::mutex> lock(mu);
    for (;;) {
      changed.wait(lock, [this] { return ending || !work.empty(); });
      if (work.empty()) return;
      auto f = std::move(work.front());
      work.pop_front();
      busy = true;
      lock.unlock();
      f();
      lock.lock();
      busy = false;
      changed.notify_all();
    }
  }
  void put(std::function<void()> f) {
    std::lock_guard<std::mutex> lock(mu);
    work.push_back(std::move(f));
    changed.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mu);
    changed.wait(lock, [this] { return work.empty() && !busy; });
  }
  ~Stream() {
    { std::lock_guard<std::mutex> lock(mu); ending = true; changed.notify_all(); }
    thread.join();
  }
};
struct Event { std::chrono::steady_clock::time_point at; };
typedef void (*Kernel)(const void*, unsigned, unsigned);
struct Function { Kernel run; };

enum { OUT_OF_MEMORY = 2, INVALID_VALUE = 1, INVALID_CONTEXT = 201, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700 };
static int token; // the one context is its address
static thread_local void* current;
static std::atomic<int> lost, live, holders;
static int devices = 1, driver = 12020, capability = 90, init = 0;
static std::mutex mu;
static std::map<std::string, std::pair<int, int>> faults; // call: n-th, code
static std::map<Address, size_t> memory;
static std::set<Stream*> streams;

// What a test sets. live counts what was made and not destroyed.
API void fake_set(int devices_, int driver_, int capability_, int init_) {
  devices = devices_, driver = driver_, capability = capability_, init = init_;
}
API void fake_fail(const char* call, int nth, int code) {
  std::lock_guard<std::mutex> lock(mu);
  faults[call] = {nth, code};
}
API int fake_live() { return live + 1000 * holders; }

static Result enter(const char* call, bool context = true) {
  if (lost) return lost;
  if (context && current != &token) return INVALID_CONTEXT;
  std::lock_guard<std::mutex> lock(mu);
  auto f = faults.find(call);
  if (f == faults.end() || --f->second.first != 0) return 0;
  int code = f->second.second;
  faults.erase(f);
  if (code >= 700 && code < 720) lost = code;
  return code;
}
#define ENTER(...) if (Result r = enter(__func__, ##__VA_ARGS__)) return r

API Result cuInit(unsigned) { return init; }
API Result cuDriverGetVersion(int* v) { *v = driver; return 0; }
API Result cuGetErrorString(Result r, const char** s) { *s = r == 700 ? "an illegal memory access was encountered" : "fake"; return 0; }
API Result cuDeviceGetCount(int* n) { *n = devices; return 0; }
API Result cuDeviceGet(int* d, int i) { if (i >= devices) return 101; *d = i; return 0; }
API Result cuDeviceGetName(char* s, int n, int) { strncpy(s, "Fake", n); return 0; }
API Result cuDeviceTotalMem_v2(size_t* n, int) { *n = 1ull << 34; return 0; }
API Result cuDeviceGetAttribute(int* v, int which, int) {
  *v = which == 16 ? 4 : which == 39 ? 2048 : which == 75 ? capability / 10 : which == 76 ? capability % 10 : -1;
  return 0;
}
API Result cuDevicePrimaryCtxRetain(void** c, int) { ENTER(false); holders++; *c = &token; return 0; }
API Result cuDevicePrimaryCtxRelease_v2(int) { holders--; return 0; }
API Result cuDevicePrimaryCtxReset_v2(int) {
  lost = 0;
  live = 0;
  std::lock_guard<std::mutex> lock(mu);
  for (Stream* s : streams) delete s;
  streams.clear();
  for (auto& m : memory) free((void*)m.first);
  memory.clear();
  return 0;
}
API Result cuCtxSetCurrent(void* c) { current = c; return lost; }

API Result cuMemAlloc_v2(Address* p, size_t n) {
  ENTER();
  if (n > 1ull << 34) return OUT_OF_MEMORY;
  void* m;
  if (posix_memalign(&m, n < 1 << 24 ? 256 : 4096, n)) return OUT_OF_MEMORY;
  if (n < 1 << 24) memset(m, 0xee, n);
  *p = (Address)m;
  live++;
  std::lock_guard<std::mutex> lock(mu);
  memory[*p] = n;
  return 0;
}
static void wait_for_all() { // with mu held
  for (Stream* s : streams) s->wait();
}
API Result cuMemFree_v2(Address p) {
  ENTER();
  std::lock_guard<std::mutex> lock(mu);
  wait_for_all();
  if (!memory.erase(p)) return INVALID_VALUE;
  free((void*)p);
  live--;
  return 0;
}
API Result cuMemHostAlloc(void** p, size_t n, unsigned) { ENTER(); live++; *p = malloc(n); return 0; }
API Result cuMemFreeHost(void* p) {
  ENTER();
  std::lock_guard<std::mutex> lock(mu);
  wait_for_all();
  live--;
  free(p);
  return 0;
}
API Result cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t n, Stream* s) {
  ENTER();
  s->put([=] { memcpy((void*)to, from, n); });
  return 0;
}
API Result cuMemcpyDtoHAsync_v2(void* to, Address from, size_t n, Stream* s) {
  ENTER();
  s->put([=] { memcpy(to, (void*)from, n); });
  return 0;
}
API Result cuMemsetD8Async(Address to, unsigned char v, size_t n, Stream* s) {
  ENTER();
  s->put([=]() mutable {
    if (!v && n >= 1 << 24) { // memory that nobody touches stays so
      madvise((void*)to, n & ~4095ull, MADV_DONTNEED);
      to += n & ~4095ull, n &= 4095;
    }
    memset((void*)to, v, n);
  });
  return 0;
}

API Result cuStreamCreate(Stream** s, unsigned) {
  ENTER();
  live++;
  *s = new Stream;
  std::lock_guard<std::mutex> lock(mu);
  streams.insert(*s);
  return 0;
}
API Result cuStreamDestroy_v2(Stream* s) {
  ENTER();
  live--;
  {
    std::lock_guard<std::mutex> lock(mu);
    streams.erase(s);
  }
  delete s;
  return 0;
}
API Result cuStreamSynchronize(Stream* s) { ENTER(); s->wait(); return 0; }
API Result cuEventCreate(Event** e, unsigned) { ENTER(); live++; *e = new Event; return 0; }
API Result cuEventDestroy_v2(Event* e) { ENTER(); live--; delete e; return 0; }
API Result cuEventRecord(Event* e, Stream* s) {
  ENTER();
  s->put([=] { e->at = std::chrono::steady_clock::now(); });
  return 0;
}
API Result cuEventElapsedTime(float* ms, Event* a, Event* b) {
  ENTER();
  *ms = std::chrono::duration<float, std::milli>(b->at - a->at).count();
  return 0;
}

// A module is its image's shared objects, as the linker lists them.
struct Module { std::vector<void*> libraries; };
static void close(Module* m) {
  for (void* l : m->libraries) dlclose(l);
  delete m;
}
static Result load(Module** module, const char* image) {
  auto m = new Module;
  std::istringstream paths(image);
  for (std::string path; std::getline(paths, path);) {
    void* l = path[0] == '/' ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (!l) {
      close(m);
      return 218;
    }
    m->libraries.push_back(l);
  }
  if (m->libraries.empty()) return close(m), 218;
  live++;
  *module = m;
  return 0;
}
API Result cuModuleLoadDataEx(Module** module, const char* image, unsigned n, int* options, void** values) {
  ENTER();
  Result r = load(module, image);
  for (unsigned i = 0; r && i < n; i++)
    if (options[i] == 5) strcpy((char*)values[i], "ptxas: the fake's log\n");
  return r;
}
API Result cuModuleUnload(Module* module) { ENTER(); live--; close(module); return 0; }

// The linker: its options are kept by their addresses until it is destroyed, and what it made is
// gone then.
struct Link { std::string image; char* log; };
API Result cuLinkCreate_v2(unsigned n, int* options, void** values, Link** link) {
  ENTER();
  if (n != 3 || options[0] != 0 || (size_t)values[0] != 128 || options[1] != 5 || options[2] != 6) return INVALID_VALUE;
  live++;
  *link = new Link{"", (char*)values[1]};
  return 0;
}
API Result cuLinkAddData_v2(Link* link, int kind, const char* data, size_t size, const char* name, unsigned, int*, void**) {
  ENTER();
  if (kind != (data[size - 1] == 0) || data[0] != '/') { // PTX alone ends with a zero
    strcpy(link->log, "nvlink: the fake's log\n");
    return 218;
  }
  link->image += std::string(data, size - kind) + "\n";
  return 0;
}
API Result cuLinkComplete(Link* link, const void** cubin, size_t* size) {
  ENTER();
  *cubin = link->image.data(), *size = link->image.size();
  return 0;
}
API Result cuLinkDestroy(Link* link) { ENTER(); live--; memset(&link->image[0], 'x', link->image.size()); delete link; return 0; }

API Result cuModuleGetFunction(Function** f, Module* module, const char* name) {
  ENTER();
  Kernel k = nullptr;
  for (void* l : module->libraries)
    if (!k) k = (Kernel)dlsym(l, name);
  if (!k) return NOT_FOUND;
  *f = new Function{k}; // as long as the process, like the driver's belong to their module
  return 0;
}
API Result cuFuncGetAttribute(int* v, int, Function*) { ENTER(); *v = 64; return 0; }
API Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, Function*, int, size_t) { ENTER(); *n = 2; return 0; }
API Result cuFuncGetParamInfo(Function*, size_t, size_t* offset, size_t* size) { *offset = 0; *size = 24; return 0; }
API Result cuLaunchKernel(Function* f, unsigned grid, unsigned, unsigned, unsigned block, unsigned, unsigned, unsigned,
                          Stream* s, void** params, void** extra) {
  ENTER();
  const char* from = (const char*)(params ? params[0] : extra[1]);
  std::string args(from, 24); // a test's argument struct
  s->put([=] {
    alignas(16) char a[24];
    memcpy(a, args.data(), 24);
    for (unsigned lane = 0; lane < grid * block; lane++) f->run(a, lane, grid * block);
  });
  return 0;
}
