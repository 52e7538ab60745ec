#pragma once

#include <string>

namespace tandem::inline v1::testing {

/// The path of a file that is a test's own, in the folder for temporary ones. No file is there at first; what
/// is there at the end is removed.
///
/// Errors      those of `std::filesystem`.
/// Threads     made on any.
class TemporaryName {
public:
    TemporaryName();
    ~TemporaryName();
    TemporaryName(const TemporaryName&) = delete;
    TemporaryName& operator=(const TemporaryName&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace tandem::inline v1::testing
