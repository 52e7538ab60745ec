#include <tandem/base/failure.hpp>

#include <tandem/base/errors.hpp>

#include <cxxabi.h>

namespace tandem::inline v1 {

std::exception_ptr caught_failure() {
    try {
        throw;
    } catch (const Cancelled&) {
        throw;
    } catch (const Interrupted&) {
        throw;
    } catch (const SystemExit&) {
        throw;
    } catch (const abi::__forced_unwind&) {
        throw;
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace tandem::inline v1
