#pragma once

namespace tandem::inline v1 {

class ScopeNode;

// Ctrl-C, the second time (sem:B62): whoever sits there wants it to end now.

/// Lets in what waits outside the shields below `root`, the loop's that runs on this thread, and makes those
/// that its tasks enter from now on hold nothing back. What is in flight is still waited for.
void open_shields(ScopeNode& root);
/// Shields hold again.
void shut_shields() noexcept;
bool shields_are_open() noexcept;

}  // namespace tandem::inline v1
