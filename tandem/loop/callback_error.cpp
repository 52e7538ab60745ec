#include <tandem/loop/callback_error.hpp>

#include <tandem/base/errors.hpp>

#include <cxxabi.h>

#include <exception>

namespace tandem::inline v1 {

void callback_threw(EventLoop& loop, const std::function<ErrorContext()>& describe) {
    try {
        throw;
    } catch (const Interrupted&) {
        loop.leave_with(std::current_exception());
    } catch (const SystemExit&) {
        loop.leave_with(std::current_exception());
    } catch (const abi::__forced_unwind&) {
        throw;
    } catch (...) {
        ErrorContext context = describe();
        context.exception = std::current_exception();
        loop.call_exception_handler(context);
    }
}

}  // namespace tandem::inline v1
