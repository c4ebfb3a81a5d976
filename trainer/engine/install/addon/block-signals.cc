// Keeps signals away from the thread that computes.
//
// A matrix product of oneDNN (dnnl_sgemm for AVX-512, which BlockLSTM calls) puts its stack pointer into a buffer of the
// heap. A signal that arrives meanwhile is handled on that "stack", below the buffer's start, and overwrites the heap: the
// process ends later with "corrupted size vs. prev_size". The thread that loads the addon is the one that runs TensorFlow's
// operations; with its signals blocked the system gives them to another thread of Node, whose handler serves all alike.
// SIGPROF is among them: under `--cpu-prof` this thread is not sampled.
#include <pthread.h>
#include <signal.h>

namespace {
struct BlockSignals {
  BlockSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    const int blocked[] = {SIGTERM, SIGINT,  SIGHUP,   SIGUSR1, SIGUSR2, SIGCHLD,
                           SIGPIPE, SIGPROF, SIGWINCH, SIGCONT, SIGTSTP, SIGQUIT};
    for (int signal : blocked) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }
} on_load;
}  // namespace
