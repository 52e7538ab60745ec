#include <cli/view.hpp>

#include <unistd.h>
#include <cstdlib>

namespace tandem::cli {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

bool is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

SteadyTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

View::View(const FetchOptions& options)
    : options_(options),
      mode_(progress_mode(options, is_terminal(), environment("TERM"))),
      color_(wants_color(options.color, is_terminal(), environment("NO_COLOR"), environment("CLICOLOR_FORCE"),
                         environment("TERM"))),
      terminal_(STDERR_FILENO) {
    // One body on stdout needs no lines about how it goes, unless somebody asked for them.
    if (mode_ == ProgressMode::line && options.progress == ProgressMode::automatic &&
        body_goes_to_stdout(options))
        mode_ = ProgressMode::none;
    // A bar and a body would write over each other on one terminal.
    if (mode_ == ProgressMode::bar && body_goes_to_stdout(options) && ::isatty(STDOUT_FILENO) == 1)
        mode_ = ProgressMode::none;
}

void View::print_line(std::string text) {
    if (!text.ends_with('\n')) text += '\n';
    terminal_.print(text);
}

void View::message(std::string_view text) {
    if (!options_.silent && !options_.quiet) print_line("fetch: " + std::string(text));
}

void View::error(std::string_view text) {
    if (options_.silent && !options_.show_error) return;
    print_line((color_ ? "fetch: \x1b[31m" : "fetch: ") + std::string(text) + (color_ ? "\x1b[0m" : ""));
}

void View::detail(std::string_view text) {
    if (options_.verbosity > 0) print_line(std::string(text));
}

std::chrono::milliseconds View::interval() const noexcept {
    using std::chrono::milliseconds;
    if (mode_ == ProgressMode::bar) return milliseconds(100);
    return options_.progress_interval.value_or(mode_ == ProgressMode::json ? milliseconds(1000)
                                                                           : milliseconds(10000));
}

void View::show(const ProgressState& state) {
    const auto at = now();
    estimate_.update(state, at);
    if (mode_ == ProgressMode::bar)
        terminal_.draw(render_block(state, estimate_, screen_of(STDERR_FILENO, color_)), at);
    else if (mode_ == ProgressMode::line)
        print_line(render_line(state, estimate_));
    else if (mode_ == ProgressMode::json)
        print_line(render_json(state, estimate_));
}

void View::finish(const ProgressState& state) {
    if (mode_ == ProgressMode::line || mode_ == ProgressMode::json) show(state);
    terminal_.finish();
}

void View::summary(std::string_view text) {
    if (options_.summary && !options_.silent) terminal_.print(text);
}

}  // namespace tandem::cli
