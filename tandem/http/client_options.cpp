#include <tandem/http/client_options.hpp>

#include <tandem/http/client_head_internal.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/h1_writer.hpp>

#include <stdexcept>

namespace tandem::inline v1::http {
namespace {

void require_positive(std::optional<Duration> limit, const char* name) {
    if (limit && *limit <= Duration::zero())
        throw std::invalid_argument(std::string("Timeouts::") + name +
                                    " is not above zero; \"no limit\" is std::nullopt");
}

}  // namespace

void Timeouts::validate() const {
    require_positive(total, "total");
    require_positive(pool, "pool");
    require_positive(connect, "connect");
    require_positive(resolve, "resolve");
    require_positive(response, "response");
    require_positive(read_idle, "read_idle");
    require_positive(write_idle, "write_idle");
}

void PoolLimits::validate() const {
    if (max_connections == std::size_t{0} || max_per_origin == std::size_t{0} ||
        (idle && *idle <= Duration::zero()))
        throw std::invalid_argument("PoolLimits: zero is refused; \"no limit\" is std::nullopt");
}

ClientOptions& ClientOptions::user_agent(std::string value) {
    check_header_value("User-Agent", value);
    user_agent_ = std::move(value);
    return *this;
}

ClientOptions& ClientOptions::resolve(std::string host, std::uint16_t port,
                                      std::vector<net::SocketAddress> addresses) {
    resolve_.emplace_back(std::move(host), port, std::move(addresses));
    return *this;
}

ClientOptions& ClientOptions::connect_to(std::string host, std::uint16_t port, std::string to_host,
                                         std::uint16_t to_port) {
    connect_to_.emplace_back(std::move(host), port, std::move(to_host), to_port);
    return *this;
}

void ClientOptions::validate() const {
    timeouts_.validate();
    pool_.validate();
    limits_.validate();
    check_user_headers(headers_, BodyFraming::none());
    if (max_redirects_ > 50) throw std::invalid_argument("ClientOptions::max_redirects is at most 50");
    if (!base_url_) return;
    base_url_->require_fetchable();
    if (!base_url_->path().ends_with('/')) {
        throw std::invalid_argument(
            "ClientOptions::base_url: the path of " + base_url_->without_credentials().href() +
            " does not end in '/', so that its last part would vanish when a URL is joined to it");
    }
}

Options& Options::with_body(Body value, std::string_view type) & {
    if (body.present()) throw InvalidRequest("", 0, "H16", "a request has one body, this is the second");
    body = std::move(value);
    if (!type.empty()) headers.set("Content-Type", type);
    return *this;
}

Options& Options::form(const std::vector<std::pair<std::string, std::string>>& fields) & {
    std::string text;
    for (const auto& [name, value] : fields) {
        if (!text.empty()) text += '&';
        append_form_encoded(text, name);
        text += '=';
        append_form_encoded(text, value);
    }
    return with_body(Body(std::move(text)), "application/x-www-form-urlencoded");
}

Options& Options::basic_auth(std::string_view user, std::string_view password) & {
    if (user.find(':') != std::string_view::npos)
        throw InvalidHeader("Authorization", user.find(':'), "H91", "a user name with ':' cannot be sent");
    headers.set("Authorization", basic_credentials(user, password));
    return *this;
}

Options& Options::bearer(std::string_view token) & {
    headers.set("Authorization", "Bearer " + std::string(token));
    return *this;
}

Options& Options::timeout(std::optional<Duration> total_limit) & {
    total = total_limit;
    return *this;
}

}  // namespace tandem::inline v1::http
