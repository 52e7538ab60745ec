#include <tandem/net/serve.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/failure.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/task/task_group.hpp>

#include <exception>
#include <stdexcept>
#include <utility>

namespace tandem::inline v1::net {
namespace {

/// What the accepting task and the connections share; it outlives them all.
struct Service {
    Service(TcpListener& from, ConnectionHandler with, ServeOptions how)
        : listener(from), handler(std::move(with)), options(how) {}

    TcpListener& listener;
    ConnectionHandler handler;
    ServeOptions options;
    std::size_t connections = 0;
    io::WaitList connection_ended;
};

/// One connection's place among `max_connections`.
class Place {
public:
    explicit Place(Service& service) : service_(&service) { ++service_->connections; }
    Place(Place&& other) noexcept : service_(std::exchange(other.service_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
        if (!service_) return;
        --service_->connections;
        service_->connection_ended.notify_one();
    }

private:
    Service* service_;
};

Task<void> serve_connection(Service& service, TcpStream stream, [[maybe_unused]] Place place) {
    EventLoop& loop = this_loop();
    try {
        Task<void> work = service.handler(std::move(stream));
        co_await std::move(work);
    } catch (...) {
        loop.call_exception_handler(
            {"exception in the handler of a connection", caught_failure(), {}, {}, Severity::error});
    }
}

Task<void> accept_connections(TaskGroup& group, Service* service) {
    for (;;) {
        while (service->connections >= service->options.max_connections)
            co_await service->connection_ended.wait("a connection to end");
        TcpStream stream = co_await service->listener.accept();
        group.create_task(serve_connection(*service, std::move(stream), Place(*service)));
    }
}

}  // namespace

Task<void> serve(TcpListener& listener, ConnectionHandler handler, ServeOptions options) {
    if (!handler) throw std::invalid_argument("serve: the handler is empty");
    Service service(listener, std::move(handler), options);
    co_await with_task_group(accept_connections, &service);
}

}  // namespace tandem::inline v1::net
