#include <cli/terminal.hpp>

#include <cli/text.hpp>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace tandem::cli {
namespace {

constexpr std::chrono::milliseconds between_frames{100};
constexpr std::string_view begin_update = "\x1b[?2026h";  // terminals without it ignore it
constexpr std::string_view end_update = "\x1b[?2026l";
constexpr std::string_view hide_cursor = "\x1b[?25l";
constexpr std::string_view show_cursor = "\x1b[?25h";

std::atomic<int> descriptor_with_hidden_cursor{-1};

void write_once(int descriptor, std::string_view text) noexcept {
    while (::write(descriptor, text.data(), text.size()) < 0 && errno == EINTR) {
    }
}

bool locale_is_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const auto text = lower_case(value);
        return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
    }
    return false;
}

}  // namespace

Terminal::Terminal(int descriptor)
    : write_([descriptor](std::string_view text) { write_once(descriptor, text); }),
      descriptor_(descriptor) {}

Terminal::~Terminal() { finish(); }

std::string Terminal::erase_sequence() const {
    if (shown_.empty()) return {};
    // The cursor stands below the block, at the beginning of a line.
    return fmt::format("\x1b[{}A\r\x1b[J", shown_.size());
}

bool Terminal::draw(const std::vector<std::string>& lines, SteadyTime now) {
    if (lines == shown_ || lines.empty()) return false;
    if (last_frame_ && now - *last_frame_ < between_frames) return false;

    std::string frame(begin_update);
    if (!hidden_) frame += hide_cursor;
    if (!shown_.empty()) frame += fmt::format("\x1b[{}A\r", shown_.size());
    for (const auto& line : lines) frame += line + "\x1b[K\n";
    if (lines.size() < shown_.size()) frame += "\x1b[J";
    frame += end_update;

    hidden_ = true;
    if (descriptor_ >= 0) descriptor_with_hidden_cursor = descriptor_;
    write_(frame);
    shown_ = lines;
    last_frame_ = now;
    return true;
}

void Terminal::print(std::string_view message) {
    std::string text(shown_.empty() ? std::string_view() : begin_update);
    text += erase_sequence();
    text += message;
    if (!message.ends_with('\n')) text += '\n';
    if (!shown_.empty()) {
        for (const auto& line : shown_) text += line + "\n";
        text += end_update;
    }
    write_(text);
}

void Terminal::finish() {
    if (!hidden_) return;
    write_(erase_sequence() + std::string(show_cursor));
    shown_.clear();
    hidden_ = false;
    descriptor_with_hidden_cursor = -1;
}

void Terminal::forget() noexcept {
    shown_.clear();
    last_frame_.reset();
}

void Terminal::restore_in_handler() noexcept {
    const int descriptor = descriptor_with_hidden_cursor.exchange(-1);
    if (descriptor < 0) return;
    const int saved = errno;
    write_once(descriptor, show_cursor);
    errno = saved;
}

Screen screen_of(int descriptor, bool color) {
    Screen screen;
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        screen.columns = size.ws_col;
        screen.rows = size.ws_row;
    }
    screen.utf8 = locale_is_utf8();
    screen.color = color;
    return screen;
}

ProgressMode progress_mode(const FetchOptions& options, bool is_terminal, std::string_view term) {
    if (options.silent || options.quiet) return ProgressMode::none;
    // A bar is made of escapes, and those go to terminals only (F7.8), also when asked for.
    const bool can_draw = is_terminal && term != "dumb" && !term.empty();
    if (options.progress == ProgressMode::automatic || options.progress == ProgressMode::bar)
        return can_draw ? ProgressMode::bar : ProgressMode::line;
    return options.progress;
}

bool wants_color(ColorMode mode, bool is_terminal, std::string_view no_color, std::string_view force,
                 std::string_view term) {
    if (mode != ColorMode::automatic) return mode == ColorMode::always;
    if (!no_color.empty()) return false;
    if (!force.empty() && force != "0") return true;
    return is_terminal && term != "dumb";
}

}  // namespace tandem::cli
