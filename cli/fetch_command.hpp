#pragma once

#include <string>
#include <vector>

namespace tandem::cli {

/// `tandem fetch`: the arguments behind it, and the status to exit with. Ends the process itself if a
/// signal ended the run (E10).
[[nodiscard]] int fetch_command(const std::vector<std::string>& arguments);

/// What `--version` says of the backend: its name, and why it is not io_uring.
[[nodiscard]] std::string backend_text();

}  // namespace tandem::cli
