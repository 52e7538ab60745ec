#pragma once

namespace tandem::inline v1 {

// Which descriptors of this process belong to a stream of ours, so that a watch on one of them can be refused
// (sem:L43). One bit each, for numbers below 65,536; higher ones count as nobody's. Threads: any.

void claim_fd(int fd) noexcept;
void unclaim_fd(int fd) noexcept;
bool is_claimed_fd(int fd) noexcept;

}  // namespace tandem::inline v1
