#include <tandem/base/errors.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/base/type_name.hpp>

#include <cxxabi.h>

#include <deque>
#include <mutex>
#include <utility>

namespace tandem::inline v1 {
namespace {

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

namespace {

struct Attachments {
    static constexpr std::size_t most = 64;
    Attachments() { free_in_children(mutex); }
    std::mutex mutex;
    // The errors are held, so that no other can come to lie at the same address meanwhile.
    std::deque<std::pair<std::exception_ptr, std::exception_ptr>> pairs;
};
// Never destroyed: the background loop ends while static objects are being destroyed.
Attachments& attachments() {
    static auto& all = *new Attachments;
    return all;
}

std::string describe_one(const std::exception_ptr& error) {
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

}  // namespace

std::string describe(const std::exception_ptr& error) {
    if (!error) return "no error";
    std::string text = describe_one(error);
    for (const auto& second : attached_errors(error)) text += "; with it: " + describe_one(second);
    return text;
}

void attach_error(const std::exception_ptr& error, std::exception_ptr second) {
    if (!error || !second || error == second) return;
    Attachments& all = attachments();
    std::pair<std::exception_ptr, std::exception_ptr> oldest;  // let go of outside the lock
    const std::lock_guard lock(all.mutex);
    if (all.pairs.size() == Attachments::most) {
        oldest = std::move(all.pairs.front());
        all.pairs.pop_front();
    }
    all.pairs.emplace_back(error, std::move(second));
}

std::vector<std::exception_ptr> attached_errors(const std::exception_ptr& error) {
    Attachments& all = attachments();
    std::vector<std::exception_ptr> found;
    const std::lock_guard lock(all.mutex);
    for (const auto& [first, second] : all.pairs) {
        if (first == error) found.push_back(second);
    }
    return found;
}

}  // namespace tandem::inline v1
