#include <tandem/base/outcome.hpp>

namespace tandem::inline v1 {

std::error_code Error::code() const {
    try {
        std::rethrow_exception(exception_);
    } catch (const std::system_error& error) {
        return error.code();
    } catch (...) {
        return {};
    }
}

std::string Error::what() const {
    try {
        std::rethrow_exception(exception_);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return describe(exception_);
    }
}

}  // namespace tandem::inline v1
