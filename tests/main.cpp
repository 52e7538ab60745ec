// What every test program does around its tests: nothing of a test may stay (sem:J5). Memory is ASan's
// business.
#include <tandem/bridge/background_loop.hpp>

#include <gtest/gtest.h>

#include <dirent.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <set>
#include <string>
#include <thread>

namespace {

using Names = std::set<std::string>;

/// What stands in a folder of /proc/self.
Names names_in(const std::string& folder) {
    Names names;
    DIR* const listing = ::opendir(folder.c_str());
    if (!listing) return names;
    const std::string own = std::to_string(::dirfd(listing));
    while (const dirent* const entry = ::readdir(listing)) {
        if (entry->d_name[0] != '.' && entry->d_name != own) names.insert(entry->d_name);
    }
    ::closedir(listing);
    return names;
}

/// Descriptors and threads that were not there before the test, as text.
std::string leftovers(const Names& descriptors, const Names& threads) {
    std::string text;
    for (const auto& name : names_in("/proc/self/fd")) {
        if (descriptors.contains(name)) continue;
        char target[256] = {};
        static_cast<void>(!::readlink(("/proc/self/fd/" + name).c_str(), target, sizeof target - 1));
        text += "\n  descriptor " + name + ": " + target;
    }
    for (const auto& name : names_in("/proc/self/task")) {
        if (!threads.contains(name)) text += "\n  thread " + name;
    }
    return text;
}

class NothingStays final : public ::testing::EmptyTestEventListener {
    void OnTestStart(const ::testing::TestInfo&) override {
        descriptors_ = names_in("/proc/self/fd");
        threads_ = names_in("/proc/self/task");
    }
    void OnTestEnd(const ::testing::TestInfo& info) override {
        if (info.result()->Failed() || info.result()->Skipped()) return;
        try {
            tandem::shutdown();
        } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
        }
        std::string left;
        for (int i = 0; i < 200; ++i) {  // a thread that has been told to end takes a moment
            left = leftovers(descriptors_, threads_);
            if (left.empty()) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ADD_FAILURE() << "after the test there are still" << left;
    }

    Names descriptors_;
    Names threads_;
};

const pid_t own_pid = ::getpid();

}  // namespace

/// Asked by LeakSanitizer. In a forked child the stacks of its parent's threads are no roots any more.
extern "C" int __lsan_is_turned_off() { return ::getpid() != own_pid; }

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_DFL);  // a library that needs it ignored would fail here
    std::signal(SIGINT, SIG_DFL);   // which a shell has programs in the background ignore
    std::thread([] {}).join();      // ThreadSanitizer starts a thread of its own with the first one
    ::testing::InitGoogleTest(&argc, argv);
    ::testing::UnitTest::GetInstance()->listeners().Append(new NothingStays);
    return RUN_ALL_TESTS();
}
