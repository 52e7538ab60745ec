#pragma once

#include <cli/options.hpp>
#include <cli/progress.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// The block of lines at the bottom of a terminal, redrawn in place, with messages passing above it. The
/// cursor is hidden while a block stands, and comes back with `finish()`, the destructor, or
/// `restore_in_handler()`.
///
/// Errors      none: a terminal that is gone is ignored.
/// Threads     one at a time; `restore_in_handler` from any signal handler.
/// Lifetime    borrows the descriptor.
class Terminal {
public:
    using Write = std::function<void(std::string_view)>;  ///< one `write()` each

    explicit Terminal(int descriptor);
    explicit Terminal(Write write) : write_(std::move(write)) {}
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    /// Replaces the block, in one write. Nothing is written if the lines are the same, or if the last
    /// frame is less than 100 ms old (F7.3); says whether it was.
    bool draw(const std::vector<std::string>& lines, SteadyTime now);

    /// Prints a message above the block. Its bytes are printed as they are: escape what came from a peer.
    void print(std::string_view message);

    /// Removes the block and shows the cursor.
    void finish();

    /// The block has scrolled or the size has changed: draw all of it next time.
    void forget() noexcept;

    /// Async-signal-safe: shows the cursor of whatever terminal hides it now.
    static void restore_in_handler() noexcept;

private:
    [[nodiscard]] std::string erase_sequence() const;

    Write write_;
    std::vector<std::string> shown_;
    std::optional<SteadyTime> last_frame_;
    int descriptor_ = -1;
    bool hidden_ = false;
};

/// What `descriptor` is right now: size by TIOCGWINSZ (else 80 x 24), UTF-8 by the locale.
[[nodiscard]] Screen screen_of(int descriptor, bool color);

/// F7.1: `auto` means a bar on a terminal that is not `dumb`, lines otherwise.
[[nodiscard]] ProgressMode progress_mode(const FetchOptions& options, bool is_terminal,
                                         std::string_view term);

/// F7.8: whether colours may be written. `no_color` and `force` are the values of NO_COLOR and
/// CLICOLOR_FORCE, empty if unset.
[[nodiscard]] bool wants_color(ColorMode mode, bool is_terminal, std::string_view no_color,
                               std::string_view force, std::string_view term);

}  // namespace tandem::cli
