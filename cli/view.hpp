#pragma once

#include <cli/options.hpp>
#include <cli/progress.hpp>
#include <cli/terminal.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace tandem::cli {

/// What a run says on stderr while it goes on: messages, and a live display of the chosen kind.
///
/// Errors      none: a stderr that is gone is ignored.
/// Threads     one at a time.
/// Lifetime    borrows the options.
class View {
public:
    explicit View(const FetchOptions& options);

    /// A line for people, above the display. It must be safe to print.
    void message(std::string_view text);
    /// The same, about something that failed: `-s` without `-S` silences it.
    void error(std::string_view text);
    /// With `-v` only.
    void detail(std::string_view text);

    [[nodiscard]] bool is_live() const noexcept { return mode_ != ProgressMode::none; }
    [[nodiscard]] bool shows_transfers() const noexcept { return mode_ == ProgressMode::bar; }
    /// How often `show()` wants to be called.
    [[nodiscard]] std::chrono::milliseconds interval() const noexcept;

    void show(const ProgressState& state);
    /// The last state, and the end of the display: the terminal is as it was.
    void finish(const ProgressState& state);
    /// Before the process stops, and after it goes on.
    void suspend() { terminal_.finish(); }
    void resume() noexcept { terminal_.forget(); }

    [[nodiscard]] bool color() const noexcept { return color_; }
    /// The summary: after `finish()`.
    void summary(std::string_view text);

private:
    void print_line(std::string text);

    const FetchOptions& options_;
    ProgressMode mode_;
    bool color_;
    Terminal terminal_;
    ProgressEstimate estimate_;
};

}  // namespace tandem::cli
