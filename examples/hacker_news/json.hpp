// JSON, as far as reading the news needs it.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

class JsonError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Json {
public:
    using List = std::vector<Json>;
    using Object = std::map<std::string, Json, std::less<>>;

    Json() = default;
    Json(bool value) : value_(value) {}
    Json(double value) : value_(value) {}
    Json(std::string value) : value_(std::move(value)) {}
    Json(List value) : value_(std::move(value)) {}
    Json(Object value) : value_(std::move(value)) {}

    /// Errors: `JsonError` with the place.
    static Json parse(std::string_view text);

    bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
    /// A field of an object; null where there is none.
    const Json& operator[](std::string_view name) const;

    // What it is, or nothing at all where there is nothing. Errors: `JsonError` if it is something else.
    std::string text() const { return of<std::string>("a text"); }
    long number() const { return static_cast<long>(of<double>("a number")); }
    bool flag() const { return of<bool>("true or false"); }
    List list() const { return of<List>("a list"); }
    std::vector<long> numbers() const;

private:
    template <class T>
    T of(const char* what) const {
        if (is_null()) return T();
        if (const T* const value = std::get_if<T>(&value_)) return *value;
        throw JsonError(std::string("what was read is not ") + what);
    }
    std::variant<std::monostate, bool, double, std::string, List, Object> value_;
};
