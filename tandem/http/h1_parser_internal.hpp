#pragma once

#include <tandem/http/h1_parser.hpp>
#include <tandem/http/h1_syntax_internal.hpp>

namespace tandem::inline v1::http {

/// What a step of the parser found wrong; an empty rule means nothing.
struct [[nodiscard]] H1Parser::Fault {
    std::string_view rule = {};
    std::size_t at = 0;  // within the line
    std::string_view reason = {};
    int status = 400;
    std::string_view limit = {};  // set for limits
    std::uint64_t limit_value = 0;
    std::uint64_t seen = 0;
    std::string_view quote = {};  // what to show instead of the line

    static Fault none() noexcept { return {}; }

    static Fault rule_broken(std::string_view rule, std::size_t at, std::string_view reason,
                             int status = 400) noexcept {
        Fault fault;
        fault.rule = rule;
        fault.at = at;
        fault.reason = reason;
        fault.status = status;
        return fault;
    }

    static Fault from(const syntax::Flaw& flaw, std::size_t line_at) noexcept {
        return rule_broken(flaw.rule, line_at + flaw.at, flaw.reason);
    }

    static Fault too_much(std::string_view rule, std::string_view what, std::string_view limit,
                          std::uint64_t value, std::uint64_t seen, int status) noexcept {
        Fault fault;
        fault.rule = rule;
        fault.reason = what;
        fault.status = status;
        fault.limit = limit;
        fault.limit_value = value;
        fault.seen = seen;
        return fault;
    }

    explicit operator bool() const noexcept { return !rule.empty(); }
};

}  // namespace tandem::inline v1::http
