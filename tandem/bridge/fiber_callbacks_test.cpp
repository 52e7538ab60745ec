// Fibers that wait inside C libraries' callbacks: the library's frames stay where they are meanwhile.
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <curl/curl.h>
#include <expat.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

ContextVar<int> comparisons("comparisons", 0);

Task<int> difference(int a, int b) {
    comparisons.set(comparisons.get() + 1);
    co_await sleep(1ms);
    co_return a - b;
}

int compare_slowly(const void* a, const void* b) {
    return difference(*static_cast<const int*>(a), *static_cast<const int*>(b)).get();
}

int compare_or_throw(const void* a, const void* b) {
    sleep(1ms).get();
    if (*static_cast<const int*>(a) == 13 || *static_cast<const int*>(b) == 13)
        throw std::runtime_error("thirteen");
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

std::vector<int> shuffled(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) numbers[static_cast<std::size_t>(i)] = (i * 37 + 11) % count;
    return numbers;
}

std::vector<int> sorted_by_c(std::vector<int> numbers, int (*compare)(const void*, const void*)) {
    std::qsort(numbers.data(), numbers.size(), sizeof(int), compare);
    return numbers;
}

Task<void> tick(int& count) {
    for (;;) {
        co_await sleep(1ms);
        ++count;
    }
}

Task<std::string> looked_up(std::string name) {
    co_await sleep(1ms);
    co_return name + "?";
}

// expat: an element's handler that asks somebody.
std::vector<std::string> elements(const std::string& document) {
    std::vector<std::string> names;
    const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                         XML_ParserFree);
    XML_SetUserData(parser.get(), &names);
    XML_SetElementHandler(
        parser.get(),
        [](void* into, const char* name, const char**) {
            static_cast<std::vector<std::string>*>(into)->push_back(looked_up(name).get());
        },
        [](void*, const char*) {});
    if (XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), 1) != XML_STATUS_OK)
        names.push_back("error");
    return names;
}

// sqlite: a function for SQL, and a callback for each row.
std::vector<std::string> rows() {
    sqlite3* opened = nullptr;
    if (sqlite3_open(":memory:", &opened) != SQLITE_OK) return {"error"};
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(opened, sqlite3_close);
    sqlite3_create_function(
        opened, "asked", 1, SQLITE_UTF8, nullptr,
        [](sqlite3_context* context, int, sqlite3_value** values) {
            const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(values[0]));
            const std::string answer = looked_up(text).get();
            sqlite3_result_text(context, answer.data(), static_cast<int>(answer.size()), SQLITE_TRANSIENT);
        },
        nullptr, nullptr);
    std::vector<std::string> found;
    sqlite3_exec(
        opened,
        "CREATE TABLE t(name); INSERT INTO t VALUES ('a'), ('b'), ('c'); SELECT asked(name) FROM t ORDER BY "
        "name",
        [](void* into, int, char** columns, char**) {
            sleep(1ms).get();
            static_cast<std::vector<std::string>*>(into)->push_back(columns[0]);
            return 0;
        },
        &found, nullptr);
    return found;
}

// libcurl: a write function that takes its time.
std::string downloaded(const std::string& url) {
    std::string body;
    const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
    curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(
        easy.get(), CURLOPT_WRITEFUNCTION,
        +[](const char* data, std::size_t one, std::size_t size, void* into) {
            sleep(1ms).get();
            static_cast<std::string*>(into)->append(data, one * size);
            return one * size;
        });
    return curl_easy_perform(easy.get()) == CURLE_OK ? body : "error";
}

}  // namespace

ASYNC_TEST(SemFt7, a_qsort_whose_comparator_waits_sorts) {
    auto expected = shuffled(50);
    std::sort(expected.begin(), expected.end());
    int ticks = 0;
    auto ticker = create_task(tick(ticks));

    const auto first = co_await in_fiber(sorted_by_c, shuffled(50), compare_slowly);
    const auto compared = comparisons.get();
    auto both = co_await gather(in_fiber(sorted_by_c, shuffled(50), compare_slowly),
                                in_fiber(sorted_by_c, shuffled(50), compare_slowly));
    ticker.cancel();
    co_await ticker.join_only();

    EXPECT_EQ(first, expected);
    EXPECT_EQ(std::get<0>(both), expected);
    EXPECT_EQ(std::get<1>(both), expected);
    EXPECT_GT(compared, 100);
    EXPECT_GE(ticks, compared);
}

ASYNC_TEST(SemFt7, an_exception_leaves_the_comparator_through_qsort) {
    std::string text;

    try {
        co_await in_fiber(sorted_by_c, shuffled(20), compare_or_throw);
    } catch (const std::runtime_error& error) {
        text = error.what();
    }

    EXPECT_EQ(text, "thirteen");
}

ASYNC_TEST(SemBt14, callbacks_of_expat_sqlite_and_libcurl_wait_side_by_side) {
    std::string path = "/tmp/tandem_fiber_XXXXXX";
    const int file = ::mkstemp(path.data());
    TANDEM_CO_ASSERT_TRUE(file >= 0);
    const std::string content(100000, 'x');
    TANDEM_CO_ASSERT_EQ(::write(file, content.data(), content.size()), static_cast<long>(content.size()));
    ::close(file);
    int ticks = 0;
    auto ticker = create_task(tick(ticks));

    auto found = co_await gather(in_fiber(elements, std::string("<a><b/><c><d/></c></a>")), in_fiber(rows),
                                 in_fiber(downloaded, "file://" + path));
    ticker.cancel();
    co_await ticker.join_only();
    ::unlink(path.c_str());

    EXPECT_EQ(std::get<0>(found), std::vector<std::string>({"a?", "b?", "c?", "d?"}));
    EXPECT_EQ(std::get<1>(found), std::vector<std::string>({"a?", "b?", "c?"}));
    EXPECT_EQ(std::get<2>(found), content);
    EXPECT_GE(ticks, 5);
}

ASYNC_TEST(SemF25, libraries_that_permit_reentry_are_called_by_many_fibers_at_once) {
    const auto parse = [] { return elements("<a><b/></a>").size(); };
    std::vector<Task<std::size_t>> parsers;
    std::vector<Task<std::vector<std::string>>> databases;
    for (int i = 0; i < 20; ++i) {
        parsers.push_back(in_fiber(parse));
        databases.push_back(in_fiber(rows));
    }

    auto both = co_await gather(gather(std::move(parsers)), gather(std::move(databases)));

    for (const std::size_t count : std::get<0>(both)) EXPECT_EQ(count, 2U);
    for (const auto& found : std::get<1>(both)) EXPECT_EQ(found.size(), 3U);
}

ASYNC_TEST(RB6, blocking_style_code_runs_unchanged_on_its_own_stack_in_its_callers_task) {
    comparisons.set(0);
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    const auto outside = current_task()->id;
    std::uint64_t inside = 0;
    auto legacy = [&] {
        inside = current_task()->id;
        return sorted_by_c(shuffled(20), compare_slowly);
    };
    auto expected = shuffled(20);
    std::sort(expected.begin(), expected.end());

    const auto numbers = co_await in_fiber(legacy);
    ticker.cancel();
    co_await ticker.join_only();

    EXPECT_EQ(numbers, expected);
    EXPECT_EQ(inside, outside);
    EXPECT_GT(comparisons.get(), 20);     // set below the callback, seen here: one context
    EXPECT_GE(ticks, comparisons.get());  // the loop went on
}

ASYNC_TEST(RB6, a_cancel_unwinds_the_callers_frames_below_a_c_librarys) {
    struct Note {
        ~Note() { ++count; }
        int& count;
    };
    int unwound = 0;
    auto legacy = [&] {
        const Note note{unwound};
        static_cast<void>(sorted_by_c(shuffled(50), compare_slowly));
    };
    auto handle = create_task(in_fiber(legacy));
    co_await sleep(20ms);
    handle.cancel();
    co_await handle.join_only();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(unwound, 1);
}

ASYNC_TEST(RB6, the_tree_shows_where_a_fiber_waits) {
    auto body = [] { return difference(2, 1).get(); };
    auto handle = create_task(in_fiber(body));
    co_await sleep(0s);
    const std::string tree = dump_tree(this_loop());
    co_await handle.join_only();

    const auto fiber = tree.find("start_fiber");
    const auto work = tree.find("difference");
    TANDEM_CO_ASSERT_TRUE(fiber != std::string::npos && work != std::string::npos);
    EXPECT_LT(fiber, work);
    EXPECT_NE(tree.find("fiber_callbacks_test.cpp", fiber), std::string::npos);
}
