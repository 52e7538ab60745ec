// Redis as a queue of jobs: a plain thread that hands them to coroutines, and coroutines that take their own.
#include <examples/adapters/hiredis.hpp>
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>
#include <tandem/testing/server_process.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using adapters::Redis;

void push_jobs(Redis redis, int count) {
    for (int number = 1; number <= count; ++number)
        redis.command("LPUSH", "queue", std::to_string(number)).get();
}

long long jobs_left(Redis redis) { return redis.command("LLEN", "queue").get().integer; }

// B12: the master is plain code, its workers are coroutines of the background loop,
Task<int> do_some_work(int number) {
    co_await sleep(1ms * (number % 10));
    co_return number;
}

void master(Redis redis) {
    std::vector<Pending<int>> workers;
    while (const auto job = redis.command("RPOP", "queue").get().text)
        workers.push_back(do_some_work(std::stoi(*job)).start());
    std::set<int> done;
    for (const auto& worker : workers) done.insert(worker.get());
    std::printf("%zu jobs, %zu different ones\n", workers.size(), done.size());
}

// B14: which fetch, and may fail,
struct Tally {
    int good = 0;
    int errors = 0;
};

Task<void> fetch_page(std::string url, Tally& tally) {
    try {
        const auto response = co_await http::get(url);
        response.raise_for_status();
    } catch (const http::StatusError& error) {
        ++tally.errors;
        std::printf("error: %d\n", error.status());
        co_return;
    }
    ++tally.good;
}

void fetching_master(Redis redis, const testing::DemoServer& site) {
    Tally tally;
    std::vector<Pending<void>> workers;
    while (const auto job = redis.command("RPOP", "queue").get().text)
        workers.push_back(fetch_page(site.url(*job == "3" ? "/error" : "/get?a=" + *job), tally).start());
    for (const auto& worker : workers) worker.get();
    std::printf("%d good, %d failed\n", tally.good, tally.errors);
}

// B15: and here two coroutines pop for themselves, until Ctrl-C.
struct Job {
    std::string number;
    bool done = false;
};
struct Books {
    int popped = 0;
    int processed = 0;
    int put_back = 0;
};

Task<void> work_on(Job& job, Books& books) {
    co_await sleep(20ms);
    job.done = true;
    ++books.processed;
}

Task<void> put_back_unless_done(Redis redis, Job& job, Books& books) {
    if (job.done) co_return;
    co_await redis.command("RPUSH", "queue", job.number);
    ++books.put_back;
}

Task<void> worker(Redis redis, int id, Books& books) {
    std::printf("worker %d: start\n", id);
    const auto bye = [](int who) -> Task<void> {
        std::printf("worker %d: cleaned up\n", who);
        co_return;
    };
    const auto loop = [](Redis from, Books& counted) -> Task<void> {
        for (;;) {
            const auto reply = co_await from.command("RPOP", "queue");
            if (!reply.text) {
                co_await sleep(1s);
                continue;
            }
            ++counted.popped;
            Job job{*reply.text};
            co_await with_finally(work_on(job, counted), put_back_unless_done(from, job, counted));
        }
    };
    co_await with_finally(loop(redis, books), bye(id));
}

void press_ctrl_c() { std::raise(SIGINT); }

Task<void> two_workers(std::string path, Books& books) {
    const Redis redis = co_await Redis::connect(path);
    this_loop().call_later(70ms, press_ctrl_c);
    co_await gather(worker(redis, 1, books), worker(redis, 2, books));
}

int main() {
    const testing::ServerProcess server(
        {"redis-server", "--port", "0", "--unixsocket", "{folder}/redis.sock", "--save", ""},
        [](const std::string& folder) { return testing::accepts_connections(folder + "/redis.sock"); });
    const std::string path = server.folder() + "/redis.sock";
    const Redis redis = Redis::connect(path).get();

    std::puts("B12");
    push_jobs(redis, 100);
    std::thread(master, redis).join();
    std::printf("%lld left\n", jobs_left(redis));

    std::puts("B14");
    const testing::DemoServer site;
    push_jobs(redis, 10);
    fetching_master(redis, site);

    std::puts("B15");
    push_jobs(redis, 100);
    Books books;
    try {
        run(two_workers(path, books));
    } catch (const Interrupted&) {
        std::puts("Interrupted");
    }
    std::printf("popped = processed + put back: %s\n",
                books.popped == books.processed + books.put_back ? "true" : "false");
    std::printf("no job lost: %s\n", books.processed + jobs_left(redis) == 100 ? "true" : "false");
}
