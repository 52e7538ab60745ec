// V2, the files of this machine and child processes.
#include <tests/contracts/nothing_behind.hpp>

#include <tandem/io/file.hpp>
#include <tandem/process/process.hpp>
#include <tandem/process/protocol.hpp>
#include <tandem/testing/temporary_name.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace tandem::contracts {
namespace {

using namespace std::chrono_literals;

ASYNC_TEST_REAL_TIME(V2, files_leave_nothing_behind) {
    const testing::TemporaryName made;
    const std::string name = made.path();
    auto file = co_await io::open_file(name, FileUse::update);
    co_await file.write_at(0, "text");  // whoever does that stays for the next
    co_await sleep(20ms);
    std::string buffer(4, '\0');
    co_await leaves_nothing("io/file.hpp: open_file", [&]() -> Task<void> {
        auto other = co_await io::open_file(name);
        co_await other.close();
    });
    co_await leaves_nothing("io/file.hpp: write_at", [&] { return file.write_at(0, "more"); });
    co_await leaves_nothing("io/file.hpp: read_at", [&] { return file.read_at(0, buffer); });
    co_await leaves_nothing("io/file.hpp: sync", [&] { return file.sync(); });
    co_await file.close();
}

ASYNC_TEST_REAL_TIME(V2, children_leave_nothing_behind) {
    struct Silent final : process::Protocol {
    } silent;
    co_await leaves_nothing("process/process.hpp: exec", []() -> Task<void> {
        process::Command command("true");
        auto child = co_await process::exec(std::move(command));
        co_await child.wait();
    });
    co_await leaves_nothing("process/process.hpp: shell", []() -> Task<void> {
        auto child = co_await process::shell("true");
        co_await child.wait();
    });
    co_await leaves_nothing("process/protocol.hpp: exec_protocol",
                            [&] { return process::exec_protocol(process::Command("true"), silent); });
    co_await leaves_nothing("process/protocol.hpp: shell_protocol",
                            [&] { return process::shell_protocol("true", silent); });
}

}  // namespace
}  // namespace tandem::contracts
