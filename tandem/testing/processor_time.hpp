#pragma once

#include <tandem/base/time.hpp>

namespace tandem::inline v1::testing {

/// What the calling thread has had of a processor, whatever others do with it meanwhile: the time to measure
/// by on a busy machine.
Duration processor_time();
/// The same of the whole process, all its threads.
Duration processor_time_of_process();

}  // namespace tandem::inline v1::testing
