// Work that would block the loop: on threads, in other processes.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;

struct Block {
    int square;
    std::string thread;
    int process;
};

Block blocks(int n) {
    std::this_thread::sleep_for(100ms);
    return {n * n, worker_name(), ::getpid()};
}

int square(int n) { return n * n; }

int own_process_id() {
    std::this_thread::sleep_for(100ms);
    return ::getpid();
}

int dies() { std::_Exit(3); }

Task<void> run_blocking_tasks_in_threads() {
    WorkerPool executor(3);
    std::vector<Task<Block>> blocking_tasks;
    for (int i = 0; i < 6; ++i) blocking_tasks.push_back(run_in_executor(executor, blocks, i));
    std::set<std::string> threads;
    const std::vector<Block> results = co_await gather(std::move(blocking_tasks));
    for (const Block& block : results) {
        std::printf("%d\n", block.square);
        threads.insert(block.thread);
    }
    for (const auto& name : threads) std::printf("%s\n", name.c_str());
}

Task<void> run_blocking_tasks_in_processes() {
    process::Pool executor(3);
    std::vector<Task<int>> squares;
    std::vector<Task<int>> processes;
    for (int i = 0; i < 6; ++i) squares.push_back(executor.submit(square, i));
    for (int i = 0; i < 3; ++i) processes.push_back(executor.submit(own_process_id));
    const std::vector<int> results = co_await gather(std::move(squares));
    for (const int n : results) std::printf("%d\n", n);
    const std::vector<int> pids = co_await gather(std::move(processes));
    const std::set<int> ids(pids.begin(), pids.end());
    std::printf("%zu processes, this one among them: %s\n", ids.size(),
                ids.contains(::getpid()) ? "yes" : "no");
    try {
        co_await executor.submit(dies);
    } catch (const process::ProcessDied& error) {
        std::printf("a job died with status %d\n", error.returncode());
    }
}

std::string read_file(std::filesystem::path path) {
    std::this_thread::sleep_for(50ms);
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

Task<void> tick(int& ticks) {
    for (;;) {
        co_await sleep(5ms);
        ++ticks;
    }
}

Task<void> read_a_file() {
    const auto path = std::filesystem::temp_directory_path() / ("executors_" + std::to_string(::getpid()));
    std::ofstream(path) << "first line\nsecond line\n";
    int ticks = 0;
    TaskHandle<void> ticker = create_task(tick(ticks));
    const std::string text = co_await to_thread(read_file, path);
    ticker.cancel();
    std::filesystem::remove(path);
    std::printf("%s", text.c_str());
    std::printf("the loop ticked meanwhile: %s\n", ticks > 0 ? "yes" : "no");
}

int main() {
    std::puts("S14a");
    run(run_blocking_tasks_in_threads());
    std::puts("S14b");
    run(run_blocking_tasks_in_processes());
    std::puts("U7");
    run(read_a_file());
}
