#include <tandem/http/client_dialer.hpp>

#include <tandem/http/client_options.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/tls/context.hpp>
#include <tandem/tls/stream.hpp>

#include <utility>

namespace tandem::inline v1::http {
namespace {

/// Notes how long names take, and stops at the limit.
class TimedResolver final : public net::Resolver {
public:
    TimedResolver(std::shared_ptr<net::Resolver> inner, std::optional<Duration> limit)
        : inner_(std::move(inner)), limit_(limit) {}

    Task<std::vector<net::SocketAddress>> resolve(std::string host, std::uint16_t port,
                                                  net::AddressFamily family) override {
        EventLoop& loop = this_loop();
        const auto begun = loop.time();
        ScopeGuard guard(limit_ ? Deadline(*limit_) : Deadline());
        const std::string name = host;
        try {
            auto addresses = co_await inner_->resolve(std::move(host), port, family);
            took_ = std::max(took_, loop.time() - begun);
            co_return addresses;
        } catch (const Cancelled&) {
            if (!guard.expired() || !guard.absorbs()) throw;
        }
        throw net::DnsError(net::DnsError::Kind::timeout, name,
                            "resolve " + name + ": nobody answered in time (Timeouts::resolve)");
    }

    Duration took() const { return took_; }

private:
    std::shared_ptr<net::Resolver> inner_;
    std::optional<Duration> limit_;
    Duration took_{};
};

class NetworkDialer final : public Dialer {
public:
    explicit NetworkDialer(const ClientOptions& options)
        : resolver_(options.resolver()),
          resolve_limit_(options.timeouts().resolve),
          connect_to_(options.connect_to()),
          tls_(options.tls()) {
        connect_.family(options.family());
        if (options.local_address()) connect_.local_address(options.local_address());
        for (const auto& fixed : options.resolve_overrides())
            connect_.resolve(fixed.host, fixed.port, fixed.addresses);
    }

    Task<Dialed> dial(DialTarget target) override {
        EventLoop& loop = this_loop();
        Dialed dialed;
        std::string host = target.host();
        std::uint16_t port = target.port();
        for (const auto& rule : connect_to_) {
            if (rule.host != host || rule.port != port) continue;
            host = rule.to_host;
            port = rule.to_port;
            break;
        }
        const auto resolver =
            std::make_shared<TimedResolver>(resolver_ ? resolver_ : net::default_resolver(), resolve_limit_);
        net::ConnectOptions how = connect_;
        how.resolver(resolver);
        const auto begun = loop.time();
        net::TcpStream tcp = co_await net::connect(std::move(host), port, std::move(how));
        const auto connected = loop.time();
        dialed.resolve = resolver->took();
        dialed.connect = connected - begun - dialed.resolve;
        dialed.info.remote = tcp.peer_address();
        dialed.stream = std::make_unique<net::TcpStream>(std::move(tcp));
        if (target.tls()) {
            tls::ClientOptions secure(context(),
                                      tls_.server_name().empty() ? target.host() : tls_.server_name());
            secure.handshake_timeout(Deadline());  // the whole of connecting has a limit
            secure.close_timeout(std::chrono::seconds(1));
            std::unique_ptr<tls::Stream> stream =
                co_await tls::start_client(std::move(dialed.stream), std::move(secure));
            dialed.tls = loop.time() - connected;
            describe(dialed.info, stream->session());
            dialed.stream = std::move(stream);
        }
        co_return dialed;
    }

private:
    static void describe(ConnectionInfo& info, const tls::Session& session) {
        info.tls = true;
        info.tls_verified = session.verified;
        info.tls_version = session.version;
        info.tls_cipher = session.cipher;
        info.tls_alpn = session.alpn;
        info.tls_issuer = session.peer_issuer;
        info.tls_resumed = session.resumed;
    }

    /// Made at the first https, since reading the system's trust takes a while.
    const tls::Context& context() {
        if (context_) return *context_;
        tls::ClientConfig config;
        config.ca_file = tls_.ca_file();
        config.ca_path = tls_.ca_path();
        config.verify = !tls_.insecure();
        config.certificate_file = tls_.certificate_file();
        config.key_file = tls_.key_file();
        config.alpn.emplace_back("http/1.1");
        return context_.emplace(tls::Context::client(config));
    }

    std::shared_ptr<net::Resolver> resolver_;
    std::optional<Duration> resolve_limit_;
    std::vector<ClientOptions::ConnectTo> connect_to_;
    TlsOptions tls_;
    net::ConnectOptions connect_;
    std::optional<tls::Context> context_;
};

}  // namespace

std::shared_ptr<Dialer> network_dialer(const ClientOptions& options) {
    return std::make_shared<NetworkDialer>(options);
}

}  // namespace tandem::inline v1::http
