#pragma once

namespace tandem::inline v1 {

class EventLoop;

/// Queues the handlers of the signals that have arrived for this loop.
void deliver_signals(EventLoop& loop);
/// Whether this loop has a handler of another signal than `but`.
bool handles_signals(const EventLoop& loop, int but);
/// The loop is closing: its signals get their previous dispositions back.
void forget_signals(EventLoop& loop);

}  // namespace tandem::inline v1
