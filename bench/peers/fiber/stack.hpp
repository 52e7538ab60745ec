// bench/peers/fiber/stack.hpp
#pragma once

#include <boost/fiber/all.hpp>
#include <utility>

/// Fibers of 8 KiB of stack out of a pool: the least that the library's own frames leave room to work in.
class Fibers {
public:
    template <class Work>
    boost::fibers::fiber start(Work work) {
        return {boost::fibers::launch::post, std::allocator_arg, stacks_, std::move(work)};
    }

private:
    boost::fibers::pooled_fixedsize_stack stacks_{8 * 1024};
};
