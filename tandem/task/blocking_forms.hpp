#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/task/invoke_task.hpp>

#include <utility>

namespace tandem::inline v1 {

/// What lets blocking callers use an await as they would a Task, by `get()`: in plain code, in a fiber, in a
/// worker (sem:S8).
template <class Derived>
class BlockingForms {
public:
    auto get(SourceLocation where = SourceLocation::current()) && {
        return as_task(std::move(static_cast<Derived&>(*this))).get(where);
    }
    auto get(Deadline limit, SourceLocation where = SourceLocation::current()) && {
        return as_task(std::move(static_cast<Derived&>(*this))).get(limit, where);
    }

protected:
    BlockingForms() = default;
    ~BlockingForms() = default;
};

}  // namespace tandem::inline v1
