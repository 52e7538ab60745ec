#pragma once

namespace exploration {

/// While it lives, this thread is in a simulated world: whoever asks the real one for the time, for random
/// numbers, for a file, a socket or a pause ends the program with "nondeterminism leak: clock_gettime" and a
/// stack (SIM-6).
class StrayCalls {
public:
    /// ThreadSanitizer has functions of its own for these: under it nothing is seen.
    static const bool are_seen;
    StrayCalls();
    ~StrayCalls();
    StrayCalls(const StrayCalls&) = delete;
    StrayCalls& operator=(const StrayCalls&) = delete;
};

}  // namespace exploration
