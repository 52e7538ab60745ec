// Several services know this machine's address, and the first answer is enough.  Try:  ./first_answer -t 2
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

struct Service {
    std::string name;
    std::string url;
    std::string ip_attribute;
};

/// The text behind `"name":` in a small JSON object.
std::string attribute(std::string_view json, const std::string& name) {
    const auto key = json.find("\"" + name + "\"");
    if (key == std::string_view::npos) throw std::out_of_range("no attribute '" + name + "'");
    const auto begin = json.find('"', json.find(':', key)) + 1;
    return std::string(json.substr(begin, json.find('"', begin) - begin));
}

Task<std::string> fetch_ip(Service service) {
    std::printf("Fetching IP from %s\n", service.name.c_str());
    auto response = co_await http::get(service.url);
    const std::string json = co_await response.text();
    co_return service.name + " finished with result: " + attribute(json, service.ip_attribute);
}

// Warnings name the task and what is wrong; the rest is where.
void print_warning(EventLoop&, const ErrorContext& context) {
    if (context.severity == Severity::info) return;
    const auto what = context.message.substr(0, context.message.find(','));
    const auto error = context.exception ? ": " + describe(context.exception) : "";
    std::printf("logged: %s: %s%s\n", context.task.c_str(), what.c_str(), error.c_str());
}

using Fetches = std::vector<TaskHandle<std::string>>;

Fetches start_all(const std::vector<Service>& services) {
    Fetches fetches;
    for (const auto& service : services)
        fetches.push_back(create_task(fetch_ip(service), {.name = service.name}));
    return fetches;
}

// G6, G7: the first one that is there.

Task<void> first_completed(std::vector<Service> services) {
    this_loop().set_exception_handler(print_warning);
    const auto fetches = start_all(services);
    const auto waited = co_await wait(fetches, {.return_when = FIRST_COMPLETED});
    std::puts(waited.done.front().result().c_str());
}

void on_a_loop_closed_by_hand(const std::vector<Service>& services) {
    EventLoop loop;
    loop.run_until_complete(first_completed(services));
    loop.close();
}

// G8: an error handled where it happens.

Task<std::string> fetch_ip_or_say_so(Service service) {
    try {
        co_return co_await fetch_ip(service);
    } catch (const net::DnsError&) {
        co_return service.name + " is unresponsive";
    }
}

Task<void> handled_inside(std::vector<Service> services) {
    std::vector<Task<std::string>> fetches;
    for (const auto& service : services) fetches.push_back(fetch_ip_or_say_so(service));
    const auto results = co_await gather(std::move(fetches));
    for (const auto& result : results) std::puts(result.c_str());
}

// G9: an error looked at with the results.

Task<void> handled_by_the_results(std::vector<Service> services) {
    const auto fetches = start_all(services);
    co_await wait(fetches);
    for (const auto& fetch : fetches) {
        try {
            std::puts(fetch.result().c_str());
        } catch (const std::exception&) {
            const auto trace = fetch.stack();
            const bool known = trace.find("thrown through") < trace.find("fetch_ip");
            std::printf("%s\n  %s\n", describe(std::current_exception()).c_str(),
                        known ? "its trace ends in fetch_ip" : "it has no trace");
        }
    }
}

// G10: results that nobody looks at.

Task<void> ignored(std::vector<Service> services) {
    this_loop().set_exception_handler(print_warning);
    const auto fetches = start_all(services);
    co_await wait(fetches);
}

// G11: what is there in time.

Task<void> in_time(std::vector<Service> services, Duration limit) {
    std::string ip = "not available";
    const auto fetches = start_all(services);
    const auto waited = co_await wait(fetches, {.timeout = limit, .return_when = FIRST_COMPLETED});
    for (const auto& fetch : waited.pending) fetch.cancel();
    for (const auto& fetch : waited.done) ip = fetch.result();
    std::printf("ip: %s\n", ip.c_str());
}

int main(int count, char** arguments) {
    testing::DemoServer site;
    const Service quick{"ipify", site.url("/ip?delay=0.1"), "ip"};
    const Service slow{"ip-api", site.url("/query?delay=5"), "query"};
    const Service wrong{"ip-api", site.url("/query?delay=0.2"), "this-is-not-an-attr"};
    const Service broken{"broken", "http://no-such-host.invalid/json", "ip"};

    if (count == 3 && std::strcmp(arguments[1], "-t") == 0) {
        const std::chrono::duration<double> limit(std::atof(arguments[2]));
        run(in_time({quick, slow}, to_duration(limit)));
        return 0;
    }

    std::puts("G6");
    on_a_loop_closed_by_hand({quick, slow});
    std::puts("G7");
    run(first_completed({quick, slow}));
    std::puts("G8");
    run(handled_inside({quick, {"ip-api", site.url("/query"), "query"}, broken}));
    std::puts("G9");
    run(handled_by_the_results({quick, wrong, broken}));
    std::puts("G10");
    run(ignored({quick, wrong}));
    std::puts("G11");
    run(in_time({quick, slow}, 10ms));
    run(in_time({quick, slow}, 2s));
}
