// What the planted code talks about. Never compiled: tools/check_coroutines reads it.
#pragma once

#include <tandem/task/task.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace planted {

using Duration = std::chrono::nanoseconds;
enum class Mode { first, all };

struct Text {
    std::string text;
    int more = 0;
};
struct Limits {
    Duration total{};
    std::optional<int> most;
    std::string_view name = {};
    Mode mode = Mode::first;
};
struct Nested {
    int number = 0;
    Text inner;
};
struct Derived : Text {
    int level = 0;
};
class Options {
public:
    Options() = default;
    Options(int first, int second);
    Options&& header(std::string name) &&;
    Options&& retries(int count) &&;

private:
    std::string name_;
};
class Owner {
public:
    explicit Owner(std::string name);
    ~Owner();
    tandem::Task<int> wait() const;
    const std::string& title() const;
};
template <class T>
struct Boxed {
    std::vector<T> values;
    int size = 0;
};
using Headers = std::multimap<std::string, std::string>;

tandem::Task<bool> ready();
tandem::Task<int> number(int value);
tandem::Task<std::string> text();
tandem::Task<Owner> owner();
tandem::Task<int> send(Text text);
tandem::Task<int> send_by_reference(const Text& text, int more = 0);
tandem::Task<int> limited(Limits limits = {});
tandem::Task<int> with_default(int n, Text text = {});
tandem::Task<int> with_options(Options options = {});
tandem::Task<int> configured(Options options);
tandem::Task<int> sum(std::vector<int> numbers);
tandem::Task<int> sum_of_headers(Headers headers);
tandem::Task<int> nested(Nested nested);
tandem::Task<int> derived(Derived derived);
tandem::Task<int> pair_of(std::array<std::string, 2> texts);
tandem::Task<int> by_name(std::string name);
template <class F, class... Args>
tandem::Task<int> call(F function, Args... args);
Text make_text();
std::string name_of(int value);
int count_of(int value);
std::unique_ptr<int> owned();

}  // namespace planted
