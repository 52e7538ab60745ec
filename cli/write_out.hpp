#pragma once

#include <cli/record.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// What a record does not hold and `-w` may ask for.
struct WriteOutFacts {
    HeaderList headers;  ///< of the last response, all of them
    std::uint64_t header_bytes = 0;
    std::string local_ip;
    std::string local_port;
};

/// The format of `-w` (C8), with curl's variable names: `%{url} %{http_code}\n`.
///
/// Errors      collected in `problems()`; an unknown variable prints nothing.
/// Threads     a value.
/// Lifetime    owns its text.
class WriteOut {
public:
    explicit WriteOut(std::string_view format);

    [[nodiscard]] const std::vector<std::string>& problems() const& noexcept { return problems_; }
    void problems() const&& = delete;  // a loop over them would outlive them

    struct Text {
        std::string for_stdout;
        std::string for_stderr;
    };
    [[nodiscard]] Text render(const Record& record, const WriteOutFacts& facts) const;

    /// Whether `%{header{...}}` or `%{header_json}` occurs, so that headers must be kept.
    [[nodiscard]] bool needs_headers() const noexcept;

private:
    struct Piece {
        enum class Kind { literal, variable, header } kind = Kind::literal;
        std::string text;
    };

    std::size_t parse_variable(std::string_view format, std::size_t at);
    void add_literal(char letter);

    std::vector<Piece> pieces_;
    std::vector<std::string> problems_;
};

}  // namespace tandem::cli
