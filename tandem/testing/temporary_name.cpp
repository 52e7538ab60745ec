#include <tandem/testing/temporary_name.hpp>

#include <unistd.h>

#include <atomic>
#include <filesystem>

namespace tandem::inline v1::testing {
namespace {

std::string new_path() {
    static std::atomic<int> made = 0;
    const auto name = "tandem_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
    return (std::filesystem::temp_directory_path() / name).string();
}

}  // namespace

TemporaryName::TemporaryName() : path_(new_path()) {}
TemporaryName::~TemporaryName() { std::filesystem::remove(path_); }

}  // namespace tandem::inline v1::testing
