#pragma once

#include <tandem/loop/event_loop.hpp>

#include <functional>

namespace tandem::inline v1 {

/// For a catch block around a user's callback: `Interrupted` and `SystemExit` leave the loop after this
/// entry, the forced unwinding of a thread goes on, everything else goes to the exception handler as
/// `describe()` says; the error itself is filled in. For the library only.
void callback_threw(EventLoop& loop, const std::function<ErrorContext()>& describe);

}  // namespace tandem::inline v1
