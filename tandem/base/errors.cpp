#include <tandem/base/errors.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <utility>

namespace tandem::inline v1 {
namespace {

std::string type_name(const std::type_info& type) {
    int status = 0;
    char* name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
    std::string text = status == 0 ? name : type.name();
    std::free(name);
    return text;
}

std::string group_text(const std::string& message, const std::vector<std::exception_ptr>& exceptions) {
    std::string text = message;
    text += exceptions.size() == 1 ? " (1 failure)" : " (" + std::to_string(exceptions.size()) + " failures)";
    for (const auto& error : exceptions) text += "\n  " + describe(error);
    return text;
}

}  // namespace

void exit_with(int code) { throw SystemExit(code); }

TaskCancelled::TaskCancelled(std::string_view task_name, std::string reason)
    : std::system_error(
          std::make_error_code(std::errc::operation_canceled),
          std::string(task_name) + " was cancelled" + (reason.empty() ? "" : " (" + reason + ")")),
      reason_(std::move(reason)) {}

TimeoutError::TimeoutError(const std::string& what_was_tried)
    : std::system_error(std::make_error_code(std::errc::timed_out), what_was_tried) {}

ExceptionGroup::ExceptionGroup(const std::string& message, std::vector<std::exception_ptr> exceptions)
    : std::runtime_error(group_text(message, exceptions)),
      message_(message),
      exceptions_(std::move(exceptions)) {}

std::unique_ptr<ExceptionGroup> ExceptionGroup::subgroup(
    const std::function<bool(const std::exception_ptr&)>& matches) const {
    std::vector<std::exception_ptr> kept;
    for (const auto& error : exceptions_) {
        try {
            std::rethrow_exception(error);
        } catch (const ExceptionGroup& nested) {
            if (auto part = nested.subgroup(matches)) kept.push_back(std::make_exception_ptr(*part));
        } catch (...) {
            if (matches(error)) kept.push_back(error);
        }
    }
    if (kept.empty()) return nullptr;
    return std::make_unique<ExceptionGroup>(message_, std::move(kept));
}

std::string describe(const std::exception_ptr& error) {
    if (!error) return "no error";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return type_name(typeid(e)) + ": " + e.what();
    } catch (const Cancelled& e) {
        return "tandem::Cancelled: " + e.reason();
    } catch (const SystemExit& e) {
        return "tandem::SystemExit: " + std::to_string(e.code());
    } catch (const Interrupted&) {
        return "tandem::Interrupted";
    } catch (const abi::__forced_unwind&) {
        throw;
    } catch (...) {
        const auto* type = abi::__cxa_current_exception_type();
        return type ? "an exception of type " + type_name(*type) : "an exception of unknown type";
    }
}

}  // namespace tandem::inline v1
