#pragma once

#include <string>
#include <typeinfo>

namespace tandem::inline v1 {

/// A type's name as it is written in C++.
std::string type_name(const std::type_info& type);

}  // namespace tandem::inline v1
