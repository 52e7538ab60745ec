// Boost.JSON's own code, compiled once: Debian ships it as headers only.
#include <boost/json/src.hpp>
