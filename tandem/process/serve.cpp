// The child's side: functions by their place, and the loop that runs jobs.
#include <tandem/process/child_internal.hpp>

#include <tandem/base/errors.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>

#include <link.h>
#include <unistd.h>

namespace tandem::inline v1::process {
namespace {

struct Search {
    std::uintptr_t address;
    Place place;
    bool found = false;
};

int holds_address(dl_phdr_info* info, std::size_t, void* argument) {
    auto& search = *static_cast<Search*>(argument);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& part = info->dlpi_phdr[i];
        const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
        if (part.p_type != PT_LOAD || search.address < begin || search.address >= begin + part.p_memsz)
            continue;
        search.place = {info->dlpi_name ? info->dlpi_name : "", search.address - info->dlpi_addr};
        search.found = true;
        return 1;
    }
    return 0;
}

int has_name(dl_phdr_info* info, std::size_t, void* argument) {
    auto& search = *static_cast<Search*>(argument);
    if (search.place.module != (info->dlpi_name ? info->dlpi_name : "")) return 0;
    search.address = info->dlpi_addr + search.place.offset;
    search.found = true;
    return 1;
}

bool read_all(char* data, std::size_t size) {
    while (size > 0) {
        const auto count = ::read(child_socket, data, size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        data += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

bool write_all(const char* data, std::size_t size) {
    while (size > 0) {
        const auto count = ::write(child_socket, data, size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        data += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

// Until the parent closes its end.
[[noreturn]] void serve_jobs() {
    ::unsetenv(child_marker);       // not for the children of a job
    std::signal(SIGINT, SIG_IGN);   // Ctrl-C goes to the parent too, which knows what to do
    std::signal(SIGPIPE, SIG_IGN);  // a parent that is gone is seen by the write
    std::uint64_t size = 0;
    while (read_all(reinterpret_cast<char*>(&size), sizeof size)) {
        std::string frame(size, '\0');
        if (!read_all(frame.data(), frame.size())) break;
        const std::string answer = run_call(frame);
        std::fflush(stdout);
        size = answer.size();
        if (!write_all(reinterpret_cast<const char*>(&size), sizeof size)) break;
        if (!write_all(answer.data(), answer.size())) break;
    }
    ::_exit(0);
}

// In the link order of a static library this comes behind the program's own constructors.
[[maybe_unused]] const bool is_parent = [] {
    if (std::getenv(child_marker)) serve_jobs();
    return true;
}();

}  // namespace

Place place_of(RemoteCall::AnyFunction fn) {
    Search search{reinterpret_cast<std::uintptr_t>(fn), {}};
    ::dl_iterate_phdr(holds_address, &search);
    if (!search.found)
        throw std::invalid_argument(
            "a job for a child process must be a function of the program or its libraries");
    return search.place;
}

RemoteCall::AnyFunction function_at(const Place& place) {
    Search search{0, place};
    ::dl_iterate_phdr(has_name, &search);
    if (!search.found)
        throw std::runtime_error("the library " + place.module + " is not loaded in the child process");
    return reinterpret_cast<RemoteCall::AnyFunction>(search.address);
}

std::string encode_call(const RemoteCall& call) {
    const Place thunk = place_of(reinterpret_cast<RemoteCall::AnyFunction>(call.thunk));
    const Place fn = place_of(call.fn);
    std::string frame;
    for (const Place& place : {thunk, fn}) {
        put(frame, place.module);
        put(frame, place.offset);
    }
    return frame + call.arguments;
}

std::string run_call(std::string_view frame) {
    std::string answer;
    try {
        const auto take_place = [&] {
            Place place;
            place.module = take<std::string>(frame);
            place.offset = take<std::uint64_t>(frame);
            return place;
        };
        const auto thunk = reinterpret_cast<RemoteCall::Thunk>(function_at(take_place()));
        const auto fn = function_at(take_place());
        answer = gave_value + thunk(fn, frame);
    } catch (...) {
        answer = threw + describe(std::current_exception());
    }
    return answer;
}

}  // namespace tandem::inline v1::process
