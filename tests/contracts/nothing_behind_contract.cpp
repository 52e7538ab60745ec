// V2: no call leaves anything running behind unless its name says so. Here are the rooms of the bridge and of
// processes, and the list, taken from the headers, of what must be tried.
#include <tests/contracts/nothing_behind.hpp>

#include <tandem/bridge/dual.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/std_future.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/process/pool.hpp>
#include <tandem/testing/loop_thread.hpp>

#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace tandem::contracts {
namespace {

using namespace std::chrono_literals;

Task<int> seven() {
    co_await sleep(1ms);
    co_return 7;
}
int square(int n) { return n * n; }

ASYNC_TEST_REAL_TIME(V2, crossing_the_bridge_leaves_nothing_behind) {
    co_await to_thread([] {});  // the worker stays for the next job, and so does the other loop
    testing::LoopThread other;
    co_await run_on(other.loop, seven());
    co_await sleep(20ms);  // until the worker waits
    co_await leaves_nothing("bridge/to_thread.hpp: to_thread", [] { return to_thread([] { return 7; }); });
    co_await leaves_nothing("bridge/run_on.hpp: run_on", [&] { return run_on(other.loop, seven()); });
    co_await leaves_nothing("bridge/pending.hpp: join", [&]() -> Task<void> {
        auto pending = seven().start(on(other.loop));
        co_await pending.join();
    });
    co_await leaves_nothing("bridge/std_future.hpp: wrap_future", [] {
        std::promise<int> promise;
        promise.set_value(7);
        return wrap_future(promise.get_future());
    });
    co_await leaves_nothing("bridge/fiber.hpp: in_fiber",
                            [] { return in_fiber([] { return seven().get(); }); });
}

ASYNC_TEST_REAL_TIME(V2, a_job_in_another_process_leaves_nothing_behind) {
    process::Pool pool(1);
    co_await pool.submit(square, 1);
    co_await leaves_nothing("process/pool.hpp: submit", [&] { return pool.submit(square, 2); });
    co_await leaves_nothing("process/pool.hpp: to_process", [] { return process::to_process(square, 3); });
}

std::string text_of(const std::string& path) {
    std::ifstream file(TANDEM_SOURCE_DIR "/" + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::set<std::string> found_in(const std::string& text, const std::regex& what) {
    std::set<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), what), end; at != end; ++at)
        found.insert(at->str(1));
    return found;
}

/// The part of a header that its users read: no comments, nothing private, no implementation.
std::string declarations_of(const std::string& header) {
    std::istringstream lines(text_of(header));
    std::string text;
    bool hidden = false;
    for (std::string line; std::getline(lines, line) && !line.starts_with("// Implementation");) {
        const auto begin = line.find_first_not_of(' ');
        const auto word = begin == std::string::npos ? std::string() : line.substr(begin);
        if (word.starts_with("private:") || word.starts_with("protected:")) hidden = true;
        if (word.starts_with("public:") || line.starts_with("};")) hidden = false;
        if (!hidden && !word.starts_with("friend")) text += line.substr(0, line.find("//")) + "\n";
    }
    return text;
}

TEST(V2, every_call_of_the_headers_that_waits_has_been_tried) {
    auto headers = found_in(text_of("tandem/tandem.hpp"), std::regex("#include <tandem/([a-z/_]+\\.hpp)>"));
    headers.insert({"task/timeout.hpp", "task/shield.hpp", "io/read.hpp", "io/readiness.hpp"});
    const std::regex waits(
        R"re(\n {0,4}(?:template[^\n]*\n[^;{}]*?)?(?:\[\[nodiscard\]\] |virtual |tandem::)*Task<[^;{}()=]*>\s+([a-z]\w*)\([^;{]*?\)(?: = 0;|;| \{))re");
    const std::regex awaited(R"re(\[\[nodiscard\("co_await it"\)\]\][^;{}()=]*?\b([a-z]\w*)\()re");
    // Machinery that headers must show; members of the loop's owner; what only passes a call on.
    const std::set<std::string> inside = {"bridge/dual.hpp: apply",
                                          "bridge/dual.hpp: to_task",
                                          "bridge/get.hpp: address_of_result",
                                          "bridge/get.hpp: leave_at_timeout",
                                          "bridge/to_thread.hpp: start_worker_job",
                                          "loop/event_loop.hpp: shutdown_workers",
                                          "task/gather.hpp: gather_results_of",
                                          "task/gather.hpp: gather_tasks",
                                          "task/gather.hpp: own",
                                          "task/gather.hpp: to_child",
                                          "task/gather.hpp: to_children",
                                          "task/race.hpp: race_tasks",
                                          "task/race.hpp: race_vector",
                                          "task/task.hpp: get_return_object"};
    std::string tried;
    for (const auto* file : {"", "_task", "_stream", "_http", "_process"})
        tried += text_of("tests/contracts/nothing_behind" + std::string(file) + "_contract.cpp");

    std::size_t count = 0;
    for (const auto& header : headers) {
        const auto text = declarations_of("tandem/" + header);
        auto names = found_in(text, waits);
        names.merge(found_in(text, awaited));
        count += names.size();
        for (const auto& name : names) {
            const auto entry = header + ": " + name;
            EXPECT_TRUE(inside.contains(entry) || tried.find(entry) != std::string::npos)
                << entry << " waits, and no test says what it leaves behind";
        }
    }
    EXPECT_GT(count, 90U);
}

}  // namespace
}  // namespace tandem::contracts
