#include <gtest/gtest.h>

#include <csignal>

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_DFL);  // a library that needs it ignored would fail here
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
