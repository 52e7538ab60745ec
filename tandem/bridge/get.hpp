#pragma once

#include <tandem/bridge/pending.hpp>

namespace tandem::inline v1 {

// Blocking waits from plain code. A loop's own thread gets WouldDeadlock before anything is started (sem:T4,
// B1).

template <class T>
T Task<T>::get(SourceLocation where) && {
    require();
    refuse_to_block("get()", born(), where);
    return std::move(*this).start(on_background(), where).get(where);
}

template <class T>
T Task<T>::get(Deadline deadline, SourceLocation where) && {
    require();
    refuse_to_block("get(deadline)", born(), where);
    return std::move(*this).start(on_background(), where).get_or_cancel(deadline, where);
}

}  // namespace tandem::inline v1
