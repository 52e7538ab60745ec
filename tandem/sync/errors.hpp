#pragma once

#include <stdexcept>

namespace tandem::inline v1 {

/// `Barrier::wait()` while somebody broke the barrier, or afterwards.
class BrokenBarrierError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// `get_nowait()` would have waited.
class QueueEmpty : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// `put_nowait()` would have waited.
class QueueFull : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Nothing more goes into a queue that was shut down, and nothing comes out once it is empty.
class QueueShutDown : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Nobody is left who could receive what was to be sent.
class ChannelClosed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace tandem::inline v1
