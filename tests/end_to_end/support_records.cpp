#include "support.hpp"

#include <gtest/gtest.h>

#include <boost/json/src.hpp>

#include <algorithm>
#include <map>
#include <regex>

namespace end_to_end {
namespace {

namespace json = boost::json;

/// As much of JSON Schema as cli/record_schema.json uses; a keyword it does not know is a problem, too.
class SchemaChecker {
public:
    std::vector<std::string> problems;

    void check(const json::value& value, const json::object& schema, const std::string& at) {
        for (const auto& [keyword, rule] : schema) {
            if (keyword == "type")
                check_type(value, rule.as_string(), at);
            else if (keyword == "const")
                check_const(value, rule, at);
            else if (keyword == "enum")
                check_enum(value, rule.as_array(), at);
            else if (keyword == "minimum")
                expect(!value.is_number() || value.to_number<double>() >= rule.to_number<double>(), at,
                       "is too small");
            else if (keyword == "maximum")
                expect(!value.is_number() || value.to_number<double>() <= rule.to_number<double>(), at,
                       "is too large");
            else if (keyword == "minLength")
                expect(!value.is_string() || value.as_string().size() >= rule.to_number<std::size_t>(), at,
                       "is too short");
            else if (keyword == "pattern")
                check_pattern(value, std::string(rule.as_string()), at);
            else if (keyword == "items")
                check_items(value, rule.as_object(), at);
            else if (keyword == "required")
                check_required(value, rule.as_array(), at);
            else if (keyword == "properties" || keyword == "additionalProperties" || keyword == "$schema" ||
                     keyword == "title")
                continue;
            else
                problems.push_back("the schema uses " + std::string(keyword) +
                                   ", which this checker does not know");
        }
        if (value.is_object()) check_members(value.as_object(), schema, at);
    }

private:
    void expect(bool holds, const std::string& at, const char* problem) {
        if (!holds) problems.push_back(at + " " + problem);
    }
    void check_const(const json::value& value, const json::value& only, const std::string& at) {
        if (value != only) problems.push_back(at + " is not " + json::serialize(only));
    }
    void check_enum(const json::value& value, const json::array& known, const std::string& at) {
        if (std::find(known.begin(), known.end(), value) == known.end())
            problems.push_back(at + " " + json::serialize(value) + " is none of the known values");
    }
    // Ten thousand records share a few patterns.
    void check_pattern(const json::value& value, const std::string& pattern, const std::string& at) {
        if (!value.is_string()) return;
        static std::map<std::string, std::regex> compiled;
        auto found = compiled.find(pattern);
        if (found == compiled.end()) found = compiled.emplace(pattern, std::regex(pattern)).first;
        if (!std::regex_search(std::string(value.as_string()), found->second))
            problems.push_back(at + " " + json::serialize(value) + " does not match " + pattern);
    }
    void check_type(const json::value& value, std::string_view type, const std::string& at) {
        const bool holds = (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
                           (type == "string" && value.is_string()) ||
                           (type == "boolean" && value.is_bool()) ||
                           (type == "integer" && (value.is_int64() || value.is_uint64())) ||
                           (type == "number" && value.is_number());
        if (!holds) problems.push_back(at + " is no " + std::string(type));
    }
    void check_items(const json::value& value, const json::object& schema, const std::string& at) {
        if (!value.is_array()) return;
        for (std::size_t i = 0; i < value.as_array().size(); ++i)
            check(value.as_array()[i], schema, at + "[" + std::to_string(i) + "]");
    }
    void check_required(const json::value& value, const json::array& names, const std::string& at) {
        if (!value.is_object()) return;
        for (const auto& name : names)
            if (!value.as_object().contains(name.as_string()))
                problems.push_back(at + " lacks " + json::serialize(name));
    }
    void check_members(const json::object& object, const json::object& schema, const std::string& at) {
        const auto* properties = schema.if_contains("properties");
        const auto* others = schema.if_contains("additionalProperties");
        for (const auto& [name, member] : object) {
            const auto place = at + "." + std::string(name);
            if (properties && properties->as_object().contains(name))
                check(member, properties->as_object().at(name).as_object(), place);
            else if (others && others->is_object())
                check(member, others->as_object(), place);
            else
                expect(!others || others->as_bool(), place, "is no known field");
        }
    }
};

const json::object& schema() {
    static const json::value read =
        json::parse(read_file(std::string(TANDEM_SOURCE_DIR) + "/cli/record_schema.json"));
    return read.as_object();
}

}  // namespace

std::vector<std::string> schema_problems(const json::value& value) {
    SchemaChecker checker;
    checker.check(value, schema(), "record");
    return checker.problems;
}

std::vector<json::object> records_in(std::string_view text) {
    std::vector<json::object> records;
    EXPECT_TRUE(text.empty() || text.ends_with('\n')) << "the last line has no end";
    for (const auto& line : lines_of(text)) {
        boost::system::error_code error;
        auto value = json::parse(line, error);
        if (error || !value.is_object()) {
            ADD_FAILURE() << "no JSON object: " << line;
            continue;
        }
        for (const auto& problem : schema_problems(value)) ADD_FAILURE() << problem << "\n" << line;
        records.push_back(std::move(value.as_object()));
    }
    return records;
}

std::vector<json::object> records_of(const std::string& report_path) {
    return records_in(read_file(report_path));
}

std::string text(const json::object& record, std::string_view path) {
    const auto dot = path.find('.');
    const auto* member = record.if_contains(path.substr(0, dot));
    if (member == nullptr) return {};
    if (dot != std::string_view::npos)
        return member->is_object() ? text(member->as_object(), path.substr(dot + 1)) : "";
    return member->is_string() ? std::string(member->as_string()) : json::serialize(*member);
}

std::size_t count_where(const std::vector<json::object>& records, std::string_view path,
                        std::string_view value) {
    return static_cast<std::size_t>(std::count_if(
        records.begin(), records.end(), [&](const auto& each) { return text(each, path) == value; }));
}

}  // namespace end_to_end
