#include <tandem/net/tcp_listener.hpp>

#include <tandem/backend/sockets.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/net/socket_internal.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>

#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::inline v1::net {
namespace {

using namespace std::chrono_literals;

constexpr auto pause_without_descriptors = 100ms;

/// The connection was lost before we came for it; the next one may be fine. accept(2), "Error handling".
bool is_lost_connection(int error) {
    switch (error) {
        case ECONNABORTED:
        case EPROTO:
        case EPERM:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
            return true;
        default:
            return false;
    }
}

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void report_shortage(const Socket& socket, int error) {
    const std::system_error what(error, std::generic_category(),
                                 "accept on " + socket.local().to_string() + ", trying again every 100 ms");
    socket.loop().call_exception_handler({"connections wait because descriptors or memory ran out",
                                          std::make_exception_ptr(what),
                                          {},
                                          {},
                                          Severity::error});
}

Task<TcpStream> accept_from(SocketRef socket) {
    if (!socket) throw InvalidStateError("accept: the listener was never opened, or moved from");
    socket->require_usable("accept");
    const Socket::InFlight in_flight(*socket);
    bool reported = false;
    for (;;) {
        const std::int32_t result = co_await OperationWait(OpCode::accept, socket->fd());
        if (result >= 0) co_return TcpStream(UniqueFd(result));
        if (!socket->is_open()) {
            throw std::system_error(ECANCELED, std::generic_category(),
                                    "accept: the listener was closed meanwhile");
        }
        if (is_shortage(-result)) {
            if (!reported) report_shortage(*socket, -result);
            reported = true;
            co_await sleep(pause_without_descriptors);
            if (!socket->is_open())
                throw std::system_error(ECANCELED, std::generic_category(),
                                        "accept: the listener was closed meanwhile");
        } else if (!is_lost_connection(-result)) {
            throw std::system_error(-result, std::generic_category(),
                                    "accept on " + socket->local().to_string());
        }
    }
}

[[noreturn]] void throw_listen_error(const SocketAddress& address, int error) {
    throw std::system_error(error, std::generic_category(), "listen on " + address.to_string());
}

void set_option(const UniqueFd& socket, const SocketAddress& address, int level, int name, bool on) {
    const int value = on ? 1 : 0;
    const int result = sockets_of(socket.get()).set_option(socket.get(), level, name, &value, sizeof value);
    if (result != 0) throw_listen_error(address, -result);
}

/// A socket file that nobody listens on any more is in the way of a new one; any other file is not ours to
/// remove.
void remove_stale_file(const std::string& path, const RawAddress& raw) {
    struct stat info;
    if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe || ::connect(probe.get(), raw.data(), raw.size) == 0 || errno != ECONNREFUSED) return;
    ::unlink(path.c_str());
}

UniqueFd open_listener(const SocketAddress& address, const ListenOptions& options) {
    const RawAddress raw = to_raw(address);
    const int opened = this_loop().backend().open_socket(raw.family(), SOCK_STREAM);
    if (opened < 0) throw_listen_error(address, -opened);
    UniqueFd socket(opened);
    auto& calls = sockets_of(opened);
    if (address.family() == AddressFamily::local) {
        if (!address.path().starts_with('@')) remove_stale_file(address.path(), raw);
    } else {
        set_option(socket, address, SOL_SOCKET, SO_REUSEADDR, options.reuse_address);
        if (options.reuse_port) set_option(socket, address, SOL_SOCKET, SO_REUSEPORT, true);
        // Accepted sockets inherit it: one system call less for each.
        set_option(socket, address, IPPROTO_TCP, TCP_NODELAY, options.no_delay);
        if (address.family() == AddressFamily::v6)
            set_option(socket, address, IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6);
    }
    if (const int error = calls.bind(opened, raw.data(), raw.size)) throw_listen_error(address, -error);
    if (const int error = calls.listen(opened, options.backlog)) throw_listen_error(address, -error);
    return socket;
}

bool is_missing_family(const std::system_error& error) {
    return error.code() == std::errc::address_family_not_supported ||
           error.code() == std::errc::address_not_available;
}

/// Both families through one socket; on a machine without IPv6, IPv4 alone.
UniqueFd open_on_every_address(const ListenOptions& options) {
    try {
        return open_listener(SocketAddress::v6({}, options.port), options);
    } catch (const std::system_error& error) {
        if (options.only_v6 || !is_missing_family(error)) throw;
    }
    return open_listener(SocketAddress::v4({}, options.port), options);
}

}  // namespace

TcpListener& TcpListener::operator=(TcpListener&& other) noexcept {
    if (this != &other) {
        close();
        socket_ = std::move(other.socket_);
        file_ = std::exchange(other.file_, {});
    }
    return *this;
}

TcpListener::~TcpListener() { close(); }

Task<TcpStream> TcpListener::accept() { return accept_from(socket_); }

void TcpListener::close() noexcept {
    if (!is_open()) return;
    if (!file_.empty()) ::unlink(file_.c_str());
    socket_->close();
}

bool TcpListener::is_open() const noexcept { return socket_ && socket_->is_open(); }
SocketAddress TcpListener::local() const { return socket_ ? socket_->local() : SocketAddress(); }
int TcpListener::native_handle() const noexcept { return is_open() ? socket_->fd() : -1; }

Task<TcpListener> listen(ListenOptions options) {
    if (!options.path.empty()) {
        const auto address = SocketAddress::local(options.path);
        auto socket = Socket::adopt(open_listener(address, options));
        co_return TcpListener(std::move(socket),
                              options.path.starts_with('@') ? "" : std::string(options.path));
    }
    if (options.host.empty()) co_return TcpListener(Socket::adopt(open_on_every_address(options)), {});

    const auto addresses = co_await resolve(std::string(options.host), options.port, AddressFamily::any);
    std::exception_ptr first_error;
    for (const auto& address : addresses) {
        try {
            co_return TcpListener(Socket::adopt(open_listener(address, options)), {});
        } catch (const std::system_error& error) {
            if (!first_error) first_error = std::current_exception();
            if (!is_missing_family(error)) break;
        }
    }
    std::rethrow_exception(first_error);
}

}  // namespace tandem::inline v1::net
